/* SPDX-License-Identifier: MIT */
/* The configuration file: read once, applied link by link. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define CONFIG_MAX (1u << 20)
#define FOR_EVER   UINT32_MAX

/* The whole file. NULL: errno says why. */
static char *
read_file(const char *path, size_t *len)
{
	struct stat st;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		goto out;
	if (st.st_size > CONFIG_MAX) {
		errno = EFBIG;
		goto out;
	}
	*len = 0;
	text = malloc((size_t)st.st_size + 1);
	while (text != NULL && *len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + *len, (size_t)st.st_size - *len);
		if (n < 0) {
			free(text);
			text = NULL;
		} else if (n == 0) {
			break;
		} else {
			*len += (size_t)n;
		}
	}
out:;
	int err = errno;
	close(fd);
	errno = err;
	return text;
}

void
config_read(struct netd *n, const char *path)
{
	size_t len = 0;
	struct netconf_error error;
	char *text = read_file(path, &len);
	if (text == NULL) {
		if (errno == ENOENT)
			return; /* everything by itself */
		warn("%s: %s; using link-local addresses only", path, strerror(errno));
		n->link_local_only = true;
		return;
	}
	if (netconf_check((struct span){text, len}, &error) < 0) {
		warn("%s:%zu:%zu: %s; using link-local addresses only", path, error.line,
			error.column, error.why);
		n->link_local_only = true;
		free(text);
		return;
	}
	n->config = (struct span){text, len}; /* kept: links may come later */
}

/* Walks over the lines about one interface, its name's line included. */
struct section {
	struct netconf_walk walk;
	bool inside;
};

static bool
section_next(struct section *s, const char *name, struct netconf_directive *d)
{
	struct netconf_error error;
	while (netconf_next(&s->walk, d, &error) > 0) {
		if (d->key == NETCONF_INTERFACE)
			s->inside = span_equal(d->name, name);
		if (s->inside && d->key != NETCONF_DNS && d->key != NETCONF_SEARCH)
			return true;
	}
	return false;
}

void
config_of_link(const struct netd *n, const char *name, struct link_config *out)
{
	struct section s = {.walk = {.rest = n->config}};
	struct netconf_directive d;
	*out = (struct link_config){.ipv4 = NETCONF_AUTOMATIC, .ipv6 = NETCONF_AUTOMATIC};
	if (n->link_local_only) {
		out->ipv4 = NETCONF_OFF;
		out->ipv6 = NETCONF_STATIC; /* without an address but the link's own */
		return;
	}
	while (section_next(&s, name, &d)) {
		if (d.key == NETCONF_IPV4)
			out->ipv4 = d.mode;
		else if (d.key == NETCONF_IPV6)
			out->ipv6 = d.mode;
		else if (d.key == NETCONF_MTU)
			out->mtu = d.number;
		else if (d.key == NETCONF_GATEWAY && d.address.family == 4)
			out->gateway4 = d.address;
	}
}

void
config_apply(struct netd *n, struct link *l)
{
	static const struct text_address any6 = {.family = 6};
	struct section s = {.walk = {.rest = n->config}};
	struct netconf_directive d;
	while (section_next(&s, l->name, &d)) {
		if (d.key == NETCONF_IPV4 && d.mode == NETCONF_STATIC)
			static4_add(n, l, &d.address, d.prefix);
		else if (d.key == NETCONF_IPV6 && d.mode == NETCONF_STATIC)
			apply_address(n, l, &d.address, d.prefix, FOR_EVER, FOR_EVER);
		else if (d.key == NETCONF_GATEWAY && d.address.family == 6)
			apply_route(n, l, &any6, 0, &d.address, RTPROT_STATIC, true);
	}
}
