/* SPDX-License-Identifier: MIT */
/* Netlink's messages and attributes, read and written. */
#include "attr.h"

#include <errno.h>
#include <string.h>

#define HEADER ((uint32_t)sizeof(struct nlattr))

bool
nl_next_message(const uint8_t *bytes, uint32_t n, uint32_t *at, struct nl_request *out)
{
	*out = (struct nl_request){0};
	if (*at > n || n - *at < sizeof(out->header))
		return false;
	memcpy(&out->header, bytes + *at, sizeof(out->header));
	uint32_t len = out->header.nlmsg_len, left = n - *at;
	if (len < sizeof(out->header) || len > left)
		return false;
	out->body = bytes + *at + sizeof(out->header);
	out->len = len - (uint32_t)sizeof(out->header);
	*at += NLMSG_ALIGN(len) > left ? left : NLMSG_ALIGN(len);
	return true;
}

/* Whether an attribute of so many bytes can be of this kind. Longer numbers' beginnings count. */
static bool
length_fits(uint8_t kind, const struct nl_attr *a)
{
	switch (kind) {
	case NL_U8:
		return a->len >= 1;
	case NL_U16:
		return a->len >= 2;
	case NL_U32:
		return a->len >= 4;
	case NL_U64:
		return a->len >= 8;
	case NL_ADDR:
		return a->len == 4 || a->len == 16;
	case NL_MAC:
		return a->len == 6;
	case NL_STRING:
		return a->len >= 1 && (a->len <= 15 || (a->len == 16 && a->data[15] == 0));
	case NL_NEST:
		return a->len == 0 || a->len >= HEADER;
	default:
		return true;
	}
}

int
nl_parse(const uint8_t *bytes, uint32_t n, const uint8_t *kinds, uint32_t max, bool strict,
	struct nl_attr *out, struct nl_extack *x)
{
	uint32_t at = 0;
	memset(out, 0, (max + 1) * sizeof(*out));
	while (n - at >= HEADER) {
		struct nlattr h;
		memcpy(&h, bytes + at, HEADER);
		if (h.nla_len < HEADER || h.nla_len > n - at)
			break;
		struct nl_attr a = {bytes + at + HEADER, h.nla_len - HEADER};
		uint16_t type = h.nla_type & NLA_TYPE_MASK;
		if (type <= max && type != 0) {
			if (!length_fits(kinds[type], &a))
				return nl_refuse_attr(
					x, -ERANGE, &a, "attribute of a wrong length");
			out[type] = a;
		} else if (strict) {
			return nl_refuse_attr(x, -EINVAL, &a, "unknown attribute type");
		}
		uint32_t step = NLMSG_ALIGN((uint32_t)h.nla_len);
		at += step > n - at ? n - at : step;
	}
	return strict && at != n ? nl_refuse(x, -EINVAL, "bytes behind the attributes") : 0;
}

uint8_t
nl_u8(const struct nl_attr *a)
{
	return a->data != NULL && a->len >= 1 ? a->data[0] : 0;
}

uint32_t
nl_u32(const struct nl_attr *a)
{
	uint32_t v = 0;
	if (a->data != NULL && a->len >= sizeof(v))
		memcpy(&v, a->data, sizeof(v));
	return v;
}

bool
nl_addr(const struct nl_attr *a, uint8_t family, struct net_addr *out)
{
	uint32_t v4;
	*out = (struct net_addr){0};
	if (a->data == NULL)
		return false;
	if (family == NL_AF_INET && a->len == 4) {
		memcpy(&v4, a->data, 4);
		*out = net_addr_v4(v4);
		return true;
	}
	if (family != NL_AF_INET6 || a->len != 16)
		return false;
	memcpy(out->b, a->data, 16);
	return true;
}

void
nl_name(const struct nl_attr *a, char out[16])
{
	memset(out, 0, 16);
	if (a->data == NULL)
		return;
	uint32_t n = a->len < 15 ? a->len : 15;
	for (uint32_t i = 0; i < n && a->data[i] != 0; i++)
		out[i] = (char)a->data[i];
}

/* Room for n bytes and their padding; NULL: the message is lost. */
static uint8_t *
reserve(struct nl_buf *b, uint32_t n)
{
	if (b->data == NULL || b->full || n > b->size - b->len ||
		NLMSG_ALIGN(n) > b->size - b->len) {
		b->full = true;
		return NULL;
	}
	uint8_t *at = b->data + b->len;
	memset(at + n, 0, NLMSG_ALIGN(n) - n);
	b->len += NLMSG_ALIGN(n);
	return at;
}

uint32_t
nl_begin(struct nl_buf *b, const struct nlmsghdr *header, const void *fixed, uint32_t fixed_len)
{
	uint32_t start = b->len;
	b->full = false;
	uint8_t *at = reserve(b, sizeof(*header));
	if (at != NULL)
		memcpy(at, header, sizeof(*header));
	nl_put_raw(b, fixed, fixed_len);
	return start;
}

bool
nl_end(struct nl_buf *b, uint32_t message)
{
	if (b->full) {
		b->len = message;
		b->full = false;
		return false;
	}
	uint32_t len = b->len - message;
	memcpy(b->data + message, &len, sizeof(len));
	return true;
}

void
nl_put_raw(struct nl_buf *b, const void *data, uint32_t len)
{
	uint8_t *at = len != 0 ? reserve(b, len) : NULL;
	if (at != NULL)
		memcpy(at, data, len);
}

void
nl_put(struct nl_buf *b, uint16_t type, const void *data, uint32_t len)
{
	struct nlattr h = {.nla_len = (uint16_t)(HEADER + len), .nla_type = type};
	uint8_t *at = len <= UINT16_MAX - HEADER ? reserve(b, HEADER + len) : NULL;
	if (at == NULL) {
		b->full = true;
		return;
	}
	memcpy(at, &h, HEADER);
	if (len != 0)
		memcpy(at + HEADER, data, len);
}

void
nl_put_u8(struct nl_buf *b, uint16_t type, uint8_t v)
{
	nl_put(b, type, &v, sizeof(v));
}

void
nl_put_u32(struct nl_buf *b, uint16_t type, uint32_t v)
{
	nl_put(b, type, &v, sizeof(v));
}

void
nl_put_string(struct nl_buf *b, uint16_t type, const char *s)
{
	nl_put(b, type, s, (uint32_t)strlen(s) + 1);
}

void
nl_put_addr(struct nl_buf *b, uint16_t type, const struct net_addr *a)
{
	if (net_addr_is_v4(a))
		nl_put(b, type, &a->w[3], 4);
	else
		nl_put(b, type, a->b, 16);
}

uint32_t
nl_nest(struct nl_buf *b, uint16_t type)
{
	uint32_t at = b->len;
	nl_put(b, type, NULL, 0);
	return at;
}

void
nl_nest_end(struct nl_buf *b, uint32_t nest)
{
	if (b->full)
		return;
	uint32_t len = b->len - nest;
	if (len > UINT16_MAX) {
		b->full = true;
		return;
	}
	uint16_t short_len = (uint16_t)len;
	memcpy(b->data + nest, &short_len, sizeof(short_len));
}
