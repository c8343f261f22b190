/* SPDX-License-Identifier: MIT */
/*
 * Netlink's messages and attributes as bytes: a reader that cannot leave its message, a writer that cannot leave its
 * buffer. Pure: no locks, no allocation. Fields are in host byte order and nothing is aligned to more than 4 bytes.
 */
#ifndef NET_SOCK_NETLINK_ATTR_H
#define NET_SOCK_NETLINK_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/linux/netlink.h"
#include "net/addr.h"

#define NL_AF_UNSPEC 0
#define NL_AF_INET   2
#define NL_AF_INET6  10

/* Why a request was refused, for NETLINK_EXT_ACK. */
struct nl_extack {
	const char *message; /* static text; NULL: none */
	const uint8_t *bad;  /* the attribute, in the request; NULL: none */
};

/* Sets the message, if there is somebody who wants it and it is the first; evaluates to err. */
static inline int
nl_refuse(struct nl_extack *x, int err, const char *message)
{
	if (x != NULL && x->message == NULL)
		x->message = message;
	return err;
}

/* One attribute; data NULL: it was not there. */
struct nl_attr {
	const uint8_t *data; /* its header is in the 4 bytes before */
	uint32_t len;
};

static inline int
nl_refuse_attr(struct nl_extack *x, int err, const struct nl_attr *a, const char *message)
{
	if (x != NULL && x->message == NULL && a->data != NULL)
		x->bad = a->data - sizeof(struct nlattr);
	return nl_refuse(x, err, message);
}

/* A message that was received. */
struct nl_request {
	struct nlmsghdr header;
	const uint8_t *body; /* behind the header */
	uint32_t len;        /* of body */
};

/*
 * The message at *at of n bytes, which moves behind it. False: no more, or one whose length leaves the buffer or is
 * less than its header: the rest is not read, as on Linux.
 */
bool nl_next_message(const uint8_t *bytes, uint32_t n, uint32_t *at, struct nl_request *out);

/* What an attribute must be. */
enum nl_kind {
	NL_ANY, /* not looked at; also of what the table leaves out */
	NL_U8,
	NL_U16,
	NL_U32,
	NL_U64,
	NL_ADDR,   /* 4 or 16 bytes */
	NL_MAC,    /* 6 bytes */
	NL_STRING, /* up to 15 bytes and perhaps a NUL */
	NL_NEST,   /* attributes */
};

/*
 * Sorts the attributes of n bytes by type: out[0..max], those that repeat: the last; unknown types are passed over, and
 * so is a rest that is no attribute, unless strict. kinds[0..max]. 0 or -EINVAL, -ERANGE (a length that its kind has not).
 */
int nl_parse(const uint8_t *bytes, uint32_t n, const uint8_t *kinds, uint32_t max, bool strict,
	struct nl_attr *out, struct nl_extack *x);

uint8_t nl_u8(const struct nl_attr *a); /* 0 if it is not there or too short; so the others */
uint32_t nl_u32(const struct nl_attr *a);
/* The address, v4-mapped; false: not of this family's length. */
bool nl_addr(const struct nl_attr *a, uint8_t family, struct net_addr *out);
/* A name of at most 15 characters, padded with NULs. */
void nl_name(const struct nl_attr *a, char out[16]);

/* --- Writing --- */

struct nl_buf {
	uint8_t *data;
	uint32_t len, size;
	bool full; /* something of the present message did not fit */
};

/*
 * Begins a message; returns its place for nl_end(), which sets its length, or takes it back and returns false if
 * something did not fit.
 */
uint32_t nl_begin(
	struct nl_buf *b, const struct nlmsghdr *header, const void *fixed, uint32_t fixed_len);
bool nl_end(struct nl_buf *b, uint32_t message);

void nl_put(struct nl_buf *b, uint16_t type, const void *data, uint32_t len);
void nl_put_u8(struct nl_buf *b, uint16_t type, uint8_t v);
void nl_put_u32(struct nl_buf *b, uint16_t type, uint32_t v);
void nl_put_string(struct nl_buf *b, uint16_t type, const char *s);          /* with its NUL */
void nl_put_addr(struct nl_buf *b, uint16_t type, const struct net_addr *a); /* 4 or 16 bytes */
/* An attribute of attributes, or of what nl_put_raw() puts. Without NLA_F_NESTED, which iproute2 does not expect here. */
uint32_t nl_nest(struct nl_buf *b, uint16_t type);
void nl_nest_end(struct nl_buf *b, uint32_t nest);
/* Bytes behind the attributes, as they are (RTM_NEWNDUSEROPT). */
void nl_put_raw(struct nl_buf *b, const void *data, uint32_t len);

#endif
