/* SPDX-License-Identifier: MIT */
/* Control messages, decoded and encoded. */
#include "cmsg.h"

#include <errno.h>
#include <string.h>

int
cmsg_next(const struct cmsg_buffer *b, uint32_t *at, struct cmsg_item *out)
{
	*out = (struct cmsg_item){0};
	if (*at > b->len || b->len - *at < CMSG_HEADER)
		return 0;
	struct cmsghdr_user h;
	memcpy(&h, b->data + *at, sizeof(h));
	if (h.len < CMSG_HEADER || h.len > b->len - *at)
		return -EINVAL;
	*out = (struct cmsg_item){
		.level = h.level,
		.type = h.type,
		.data = b->data + *at + CMSG_HEADER,
		.len = (uint32_t)h.len - CMSG_HEADER,
	};
	uint32_t step = round_up((uint32_t)h.len, 8u);
	*at = step > b->len - *at ? b->len : *at + step;
	return 1;
}

uint32_t
cmsg_room(const struct cmsg_buffer *b)
{
	uint32_t left = b->len - b->used;
	return left > CMSG_HEADER ? left - CMSG_HEADER : 0;
}

void
cmsg_put(struct cmsg_buffer *b, int32_t level, int32_t type, const void *data, uint32_t len)
{
	uint32_t left = b->len - b->used;
	if (left < CMSG_HEADER) {
		b->truncated = true;
		return;
	}
	if (len > left - CMSG_HEADER) {
		b->truncated = true;
		len = left - CMSG_HEADER;
	}
	struct cmsghdr_user h = {.len = CMSG_HEADER + len, .level = level, .type = type};
	uint8_t *at = b->data + b->used;
	memcpy(at, &h, sizeof(h));
	if (len != 0)
		memcpy(at + CMSG_HEADER, data, len);
	uint32_t space = CMSG_SPACE_OF(len), whole = min(space, left);
	memset(at + CMSG_HEADER + len, 0, whole - CMSG_HEADER - len);
	b->used += whole;
}
