/* SPDX-License-Identifier: MIT */
/* Route netlink for our programs. See rtnl.h. */
#include "rtnl/rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECEIVE_MAX 32768u /* the largest piece of a dump that Linux sends */

int
rtnl_open(const uint32_t *groups)
{
	int type = SOCK_RAW | SOCK_CLOEXEC | (groups != NULL ? SOCK_NONBLOCK : 0);
	int fd = socket(AF_NETLINK, type, NETLINK_ROUTE);
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		goto fail;
	for (size_t i = 0; groups != NULL && groups[i] != 0; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0)
			goto fail;
	return fd;
fail:;
	int err = -errno;
	close(fd);
	return err;
}

void
rtnl_begin(struct rtnl_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = NLM_F_REQUEST | flags;
	r->header.nlmsg_len = (uint32_t)(sizeof(r->header) + NLMSG_ALIGN(n));
	memcpy(r->bytes + sizeof(r->header), fixed, n);
}

void
rtnl_add(struct rtnl_request *r, uint16_t type, const void *data, size_t n)
{
	struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type};
	size_t at = NLMSG_ALIGN(r->header.nlmsg_len);
	if (at + sizeof(a) + NLMSG_ALIGN(n) > sizeof(r->bytes)) {
		r->too_long = true;
		return;
	}
	memcpy(r->bytes + at, &a, sizeof(a));
	if (n != 0)
		memcpy(r->bytes + at + sizeof(a), data, n);
	r->header.nlmsg_len = (uint32_t)(at + sizeof(a) + NLMSG_ALIGN(n));
}

size_t
rtnl_nest(struct rtnl_request *r, uint16_t type)
{
	size_t at = NLMSG_ALIGN(r->header.nlmsg_len);
	rtnl_add(r, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void
rtnl_nest_end(struct rtnl_request *r, size_t nest)
{
	uint16_t len = (uint16_t)(r->header.nlmsg_len - nest);
	if (!r->too_long)
		memcpy(r->bytes + nest, &len, sizeof(len));
}

static uint32_t
next_sequence(void)
{
	static uint32_t sequence;
	return ++sequence;
}

static int
send_request(int fd, struct rtnl_request *r)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	if (r->too_long)
		return -EMSGSIZE;
	r->header.nlmsg_seq = next_sequence();
	ssize_t n;
	do
		n = sendto(fd, r->bytes, r->header.nlmsg_len, 0, (struct sockaddr *)&kernel,
			sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One datagram from the kernel (others are thrown away). Its bytes, or -errno. */
static ssize_t
receive(int fd, void *buf, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, size};
		struct msghdr m = {.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &m, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if ((m.msg_flags & MSG_TRUNC) != 0)
			return -EMSGSIZE;
		if (from.nl_pid == 0)
			return n;
	}
}

/* The next message of a datagram; NULL at its end, or where it is damaged. */
static const struct nlmsghdr *
next_message(const uint8_t *buf, size_t n, size_t *at)
{
	const struct nlmsghdr *h = (const void *)(buf + *at);
	if (*at > n || n - *at < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > n - *at)
		return NULL;
	*at += NLMSG_ALIGN((size_t)h->nlmsg_len);
	return h;
}

/* Of NLMSG_ERROR and NLMSG_DONE: the error that they carry. */
static int
error_of(const struct nlmsghdr *h)
{
	int32_t error = 0;
	if (h->nlmsg_len >= sizeof(*h) + sizeof(error))
		memcpy(&error, h + 1, sizeof(error));
	return error;
}

struct answer {
	uint32_t sequence;
	bool ended, interrupted;
	int error;
};

static void
take_answers(const uint8_t *buf, size_t n, struct answer *a, rtnl_visit_fn *visit, void *ctx)
{
	size_t at = 0;
	const struct nlmsghdr *h;
	while (!a->ended && (h = next_message(buf, n, &at)) != NULL) {
		if (h->nlmsg_seq != a->sequence)
			continue;
		a->interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
			a->error = error_of(h);
			a->ended = true;
		} else if (h->nlmsg_type >= NLMSG_MIN_TYPE && visit != NULL) {
			if (!visit(ctx, h->nlmsg_type, h + 1, h->nlmsg_len - sizeof(*h)))
				visit = NULL; /* the rest is read and forgotten */
		}
	}
}

static int
exchange(int fd, struct rtnl_request *r, rtnl_visit_fn *visit, void *ctx)
{
	static _Alignas(8) uint8_t buf[RECEIVE_MAX];
	int err = send_request(fd, r);
	struct answer a = {.sequence = r->header.nlmsg_seq};
	while (err == 0 && !a.ended) {
		ssize_t n = receive(fd, buf, sizeof(buf));
		if (n < 0)
			err = (int)n;
		else
			take_answers(buf, (size_t)n, &a, visit, ctx);
	}
	if (err == 0)
		err = a.error;
	return err == 0 && a.interrupted ? -EINTR : err;
}

int
rtnl_call(int fd, struct rtnl_request *r)
{
	r->header.nlmsg_flags |= NLM_F_ACK;
	return exchange(fd, r, NULL, NULL);
}

int
rtnl_dump(int fd, uint16_t type, uint8_t family, rtnl_visit_fn *visit, void *ctx)
{
	struct rtnl_request r;
	uint8_t fixed[16] = {family}; /* every fixed part begins with it; the longest is a link's */
	size_t n = type == RTM_GETLINK ? sizeof(struct ifinfomsg)
		: type == RTM_GETADDR  ? sizeof(struct ifaddrmsg)
				       : sizeof(struct rtmsg);
	rtnl_begin(&r, type, NLM_F_DUMP, fixed, n);
	return exchange(fd, &r, visit, ctx);
}

int
rtnl_read(int fd, rtnl_visit_fn *visit, void *ctx)
{
	static _Alignas(8) uint8_t buf[RECEIVE_MAX];
	for (;;) {
		ssize_t n = receive(fd, buf, sizeof(buf));
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		size_t at = 0;
		const struct nlmsghdr *h;
		while ((h = next_message(buf, (size_t)n, &at)) != NULL)
			if (h->nlmsg_type >= NLMSG_MIN_TYPE &&
				!visit(ctx, h->nlmsg_type, h + 1, h->nlmsg_len - sizeof(*h)))
				return 0;
	}
}

bool
rtnl_parse(const void *body, size_t len, size_t n, struct rtnl_attr attrs[RTNL_ATTRS_MAX])
{
	const uint8_t *p = body;
	memset(attrs, 0, RTNL_ATTRS_MAX * sizeof(attrs[0]));
	if (len < n)
		return false;
	for (size_t at = NLMSG_ALIGN(n); at + sizeof(struct nlattr) <= len;) {
		struct nlattr a;
		memcpy(&a, p + at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len - at)
			return false;
		uint16_t type = a.nla_type & NLA_TYPE_MASK;
		if (type < RTNL_ATTRS_MAX)
			attrs[type] = (struct rtnl_attr){p + at + sizeof(a), a.nla_len - sizeof(a)};
		at += NLMSG_ALIGN(a.nla_len);
	}
	return true;
}

uint32_t
rtnl_u32(const struct rtnl_attr *a, uint32_t otherwise)
{
	uint32_t v;
	if (a->data == NULL || a->len != sizeof(v))
		return otherwise;
	memcpy(&v, a->data, sizeof(v));
	return v;
}
