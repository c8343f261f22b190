/* SPDX-License-Identifier: MIT */
/*
 * The sockets that services listen on. init binds them before anything starts and keeps them: a service that is started
 * again misses no connection, and needs no right to bind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/sockets.h"
#include "text/address.h"

#define FIRST_PASSED 3 /* where a service finds them, as systemd's do */

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static socklen_t
make_address(const struct text_address *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}

/* `*:PORT` takes both versions, `[::]:PORT` IPv6 alone, so that it may stand beside `0.0.0.0:PORT`. */
static int
set_options(int fd, const struct text_address *a, bool both)
{
	int one = 1, only6 = !both;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (a->family == 4) /* the address may come later */
		return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6));
}

static int
open_one(struct span endpoint, uint32_t backlog)
{
	struct text_address a;
	struct sockaddr_storage address;
	uint16_t port;
	if (text_endpoint_parse(endpoint, &a, &port) < 0)
		return -EINVAL;
	socklen_t len = make_address(&a, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (set_options(fd, &a, endpoint.text[0] == '*') < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, (int)backlog) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int
sockets_open(const char *service, const struct service_file *file, struct sockets *out)
{
	struct span rest = file->listen, endpoint;
	*out = (struct sockets){0};
	while (span_word(&rest, &endpoint)) {
		int *more = realloc(out->fds, (out->count + 1) * sizeof(*more));
		int fd = more == NULL ? -ENOMEM : open_one(endpoint, file->backlog);
		if (more != NULL)
			out->fds = more;
		if (fd < 0) {
			say("service %s: cannot listen on %.*s: %s", service, (int)endpoint.len,
				endpoint.text, strerror(-fd));
			sockets_close(out);
			return fd;
		}
		out->fds[out->count++] = fd;
	}
	return 0;
}

void
sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->fds[i]);
	free(s->fds);
	*s = (struct sockets){0};
}

int
sockets_pass(const struct sockets *s, int notify)
{
	int count = (int)s->count + (notify >= 0), from = FIRST_PASSED + count;
	int *moved = calloc((size_t)count + 1, sizeof(*moved));
	if (moved == NULL)
		return -ENOMEM;
	/* First out of the way of where they go to, then there; dup2() clears close-on-exec. */
	for (int i = 0; i < count; i++) {
		int fd = i < (int)s->count ? s->fds[i] : notify;
		moved[i] = fcntl(fd, F_DUPFD_CLOEXEC, from);
		if (moved[i] < 0)
			goto fail;
	}
	for (int i = 0; i < count; i++)
		if (dup2(moved[i], FIRST_PASSED + i) < 0)
			goto fail;
	free(moved);
	return notify >= 0 ? FIRST_PASSED + count - 1 : 0;
fail:;
	int err = -errno;
	free(moved);
	return err;
}
