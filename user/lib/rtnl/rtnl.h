/* SPDX-License-Identifier: MIT */
/*
 * Route netlink for our programs: requests with their acknowledgement, dumps, notifications. One thread; a socket for
 * requests apart from that for notifications, so that an answer is never mixed with news.
 */
#ifndef RTNL_RTNL_H
#define RTNL_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/linux/rtnetlink.h"

#define RTNL_MESSAGE_MAX 512u

/* A request being built: the header, a fixed part, attributes. */
struct rtnl_request {
	union {
		struct nlmsghdr header;
		uint8_t bytes[RTNL_MESSAGE_MAX];
	};
	bool too_long;
};

/* The attributes of a message, by type: pointers into the message. */
#define RTNL_ATTRS_MAX 64u
struct rtnl_attr {
	const void *data;
	size_t len; /* bytes; data NULL: not there */
};

/* One message of a dump or notification: type, the bytes behind its header. Returns false to stop. */
typedef bool rtnl_visit_fn(void *ctx, uint16_t type, const void *body, size_t len);

/* A socket for requests (no groups) or notifications; RTNLGRP_* numbers, 0 ends them. A descriptor or -errno. */
int rtnl_open(const uint32_t *groups);

void rtnl_begin(struct rtnl_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n);
void rtnl_add(struct rtnl_request *r, uint16_t type, const void *data, size_t n);
static inline void
rtnl_add_u32(struct rtnl_request *r, uint16_t type, uint32_t v)
{
	rtnl_add(r, type, &v, sizeof(v));
}
/* An attribute that holds others: begin, add, end with what begin returned. */
size_t rtnl_nest(struct rtnl_request *r, uint16_t type);
void rtnl_nest_end(struct rtnl_request *r, size_t nest);

/* Sends r and waits for its acknowledgement: 0 or -errno (the kernel's, or the socket's). */
int rtnl_call(int fd, struct rtnl_request *r);
/* Asks for a dump of a type and family and calls visit for each answer. 0 or -errno; -EINTR: it changed meanwhile. */
int rtnl_dump(int fd, uint16_t type, uint8_t family, rtnl_visit_fn *visit, void *ctx);
/* Reads what notifications there are. 0; -ENOBUFS: some were lost, dump again; another -errno. */
int rtnl_read(int fd, rtnl_visit_fn *visit, void *ctx);

/* Parses the attributes behind a fixed part of n bytes into attrs[RTNL_ATTRS_MAX]. false: damaged. */
bool rtnl_parse(const void *body, size_t len, size_t n, struct rtnl_attr attrs[RTNL_ATTRS_MAX]);
/* A whole number of 4 bytes, or what to take instead. */
uint32_t rtnl_u32(const struct rtnl_attr *a, uint32_t otherwise);

#endif
