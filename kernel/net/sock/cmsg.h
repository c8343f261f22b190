/* SPDX-License-Identifier: MIT */
/*
 * Control messages: the codec of msg_control. Pure: kernel memory in, kernel memory out, no locks, no allocation.
 *
 * A message is a header (length with the header, level, type) and data, each padded to 8 bytes. What comes from user
 * space is hostile; what goes there is cut at the buffer's end with MSG_CTRUNC, as Linux does.
 */
#ifndef NET_SOCK_CMSG_H
#define NET_SOCK_CMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/linux/socket.h"
#include "base/macros.h"

struct scm_rights;

#define CMSG_HEADER      ((uint32_t)sizeof(struct cmsghdr_user))
#define CMSG_IN_MAX      20480u /* net.core.optmem_max: what a sender may pass */
#define CMSG_OUT_MAX     4096u  /* more than all that one message can have */
#define CMSG_SPACE_OF(n) (round_up((uint32_t)(n), 8u) + CMSG_HEADER)

/* Control messages of one call. */
struct cmsg_buffer {
	uint8_t *data;
	uint32_t len;   /* send: bytes given. recv: room */
	uint32_t used;  /* recv: bytes written */
	bool truncated; /* recv: something did not fit: MSG_CTRUNC */
	struct scm_rights
		*rights; /* recv: handles that came with it, the caller's to deliver or free */
};

struct cmsg_item {
	int32_t level, type;
	const uint8_t *data;
	uint32_t len; /* of data */
};

/*
 * The message at *at, which moves to the next. 1: there is one; 0: no more (a rest too short for a header is none, as
 * on Linux); -EINVAL: a length that is less than its header or leaves the buffer.
 */
int cmsg_next(const struct cmsg_buffer *b, uint32_t *at, struct cmsg_item *out)
	__attribute__((warn_unused_result));
/* Appends a message; what does not fit is cut (header included) and truncated is set. */
void cmsg_put(struct cmsg_buffer *b, int32_t level, int32_t type, const void *data, uint32_t len);
/* How many data bytes of a message appended now would fit. */
uint32_t cmsg_room(const struct cmsg_buffer *b);

#endif
