/* SPDX-License-Identifier: MIT */
#include "wire/ip6.h"

#include <string.h>

#include "base/reader.h"

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING    43
#define NEXT_FRAGMENT   44
#define NEXT_DEST       60

#define OPTION_PAD1         0
#define OPTION_PADN         1
#define OPTION_ROUTER_ALERT 5
#define OPTION_JUMBO        0xc2

enum ip6_error
ip6_decode(const uint8_t *at, size_t n, size_t packet_len, struct ip6_header *out)
{
	*out = (struct ip6_header){0};
	if (n < IP6_HEADER)
		return IP6_SHORT;
	if (at[0] >> 4 != 6)
		return IP6_VERSION;
	uint32_t first = load_be32(at);
	out->traffic_class = (uint8_t)(first >> 20);
	out->flow_label = first & 0xfffff;
	out->payload_len = load_be16(at + IP6_AT_PAYLOAD_LEN);
	out->next = at[IP6_AT_NEXT];
	out->hop_limit = at[IP6_AT_HOP_LIMIT];
	memcpy(out->src, at + IP6_AT_SOURCE, 16);
	memcpy(out->dst, at + IP6_AT_DEST, 16);
	return out->payload_len > packet_len - IP6_HEADER ? IP6_SHORT : IP6_OK;
}

/* What an option that is not known asks for (RFC 8200, 4.2): its two highest bits. */
static enum ip6_error
unknown_option(uint8_t type, size_t pointer, struct ip6_walk *out)
{
	switch (type >> 6) {
	case 0:
		return IP6_OK;
	case 1:
		return IP6_DISCARD;
	default:
		out->pointer = (uint32_t)pointer;
		out->tell_multicast = type >> 6 == 2;
		return IP6_BAD_OPTION;
	}
}

/* The options in [at + i, at + end) of a hop-by-hop or destination options header. */
static enum ip6_error
walk_options(const uint8_t *at, size_t i, size_t end, bool hop_by_hop, struct ip6_walk *out)
{
	for (uint32_t options = 0; i < end;) {
		uint8_t type = at[i];
		if (type == OPTION_PAD1) {
			i++;
			continue;
		}
		if (end - i < 2 || (size_t)at[i + 1] + 2 > end - i) {
			out->pointer = (uint32_t)i;
			return IP6_BAD_FIELD;
		}
		size_t len = (size_t)at[i + 1] + 2;
		if (type != OPTION_PADN && ++options > IP6_OPTIONS_MAX)
			return IP6_TOO_MANY;
		if (hop_by_hop && type == OPTION_ROUTER_ALERT && len == 4) {
			out->router_alert = load_be16(at + i + 2) == 0;
		} else if (type != OPTION_PADN) {
			enum ip6_error err = unknown_option(type, i, out);
			if (err != IP6_OK)
				return err;
		}
		i += len;
	}
	return IP6_OK;
}

/* The fragment header at i. *stop: it is a real one, its data is not to be looked into. */
static enum ip6_error
walk_fragment(const uint8_t *at, size_t i, struct ip6_walk *out, bool *stop)
{
	uint16_t word = load_be16(at + i + 2);
	out->fragment_at = (uint16_t)i;
	out->fragment_next_at = out->next_at;
	out->fragment.offset = word & 0xfff8;
	out->fragment.more = (word & 1) != 0;
	out->fragment.id = load_be32(at + i + 4);
	*stop = out->fragment.offset != 0 || out->fragment.more;
	return IP6_OK;
}

static enum ip6_error
walk_extension(const uint8_t *at, size_t i, size_t len, uint8_t type, struct ip6_walk *out)
{
	if (type != NEXT_ROUTING)
		return walk_options(at, i + 2, i + len, type == NEXT_HOP_BY_HOP, out);
	if (at[i + 3] == 0) /* segments left */
		return IP6_OK;
	out->pointer = (uint32_t)i +
		2; /* the routing type: none is known (RFC 8200, 4.4; type 0: RFC 5095) */
	return IP6_BAD_FIELD;
}

static bool
is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
		next == NEXT_DEST;
}

/* The length of the extension header at i, which has type; 0: it is not all there. */
static size_t
extension_len(const uint8_t *at, size_t i, size_t n, uint8_t type)
{
	if (n - i < 8)
		return 0;
	size_t len = type == NEXT_FRAGMENT ? IP6_FRAGMENT_HEADER : ((size_t)at[i + 1] + 1) * 8;
	return len > n - i ? 0 : len;
}

enum ip6_error
ip6_walk(const uint8_t *at, size_t n, struct ip6_walk *out)
{
	*out = (struct ip6_walk){.next_at = IP6_AT_NEXT};
	if (n < IP6_HEADER)
		return IP6_SHORT;
	size_t i = IP6_HEADER;
	uint8_t type = at[IP6_AT_NEXT];
	bool stop = false;
	for (uint32_t count = 0; is_extension(type) && !stop; count++) {
		if (type == NEXT_HOP_BY_HOP && i != IP6_HEADER) {
			out->pointer = out->next_at;
			return IP6_BAD_NEXT;
		}
		if (count == IP6_EXTENSIONS_MAX)
			return IP6_TOO_MANY;
		size_t len = extension_len(at, i, n, type);
		if (len == 0)
			return IP6_SHORT;
		enum ip6_error err = type == NEXT_FRAGMENT ? walk_fragment(at, i, out, &stop)
							   : walk_extension(at, i, len, type, out);
		if (err != IP6_OK)
			return err;
		out->next_at = (uint16_t)i;
		type = at[i];
		i += len;
	}
	out->transport = (uint16_t)i;
	out->protocol = type;
	return IP6_OK;
}

size_t
ip6_find_transport(const uint8_t *at, size_t n, uint8_t *protocol)
{
	*protocol = 0;
	if (n < IP6_HEADER || at[0] >> 4 != 6)
		return 0;
	size_t i = IP6_HEADER;
	uint8_t type = at[IP6_AT_NEXT];
	for (uint32_t count = 0; is_extension(type); count++) {
		size_t len = extension_len(at, i, n, type);
		if (len == 0 || count == IP6_EXTENSIONS_MAX)
			return 0;
		if (type == NEXT_FRAGMENT && (load_be16(at + i + 2) & 0xfff8) != 0)
			return 0;
		type = at[i];
		i += len;
	}
	*protocol = type;
	return i;
}

void
ip6_encode(uint8_t at[IP6_HEADER], const struct ip6_header *h)
{
	uint32_t first = 6u << 28 | (uint32_t)h->traffic_class << 20 | (h->flow_label & 0xfffff);
	at[0] = (uint8_t)(first >> 24);
	at[1] = (uint8_t)(first >> 16);
	at[2] = (uint8_t)(first >> 8);
	at[3] = (uint8_t)first;
	at[4] = (uint8_t)(h->payload_len >> 8);
	at[5] = (uint8_t)h->payload_len;
	at[IP6_AT_NEXT] = h->next;
	at[IP6_AT_HOP_LIMIT] = h->hop_limit;
	memcpy(at + IP6_AT_SOURCE, h->src, 16);
	memcpy(at + IP6_AT_DEST, h->dst, 16);
}

void
ip6_encode_fragment(uint8_t at[IP6_FRAGMENT_HEADER], uint8_t next, const struct ip6_fragment *f)
{
	uint16_t word = (uint16_t)((f->offset & 0xfff8u) | (f->more ? 1 : 0));
	at[0] = next;
	at[1] = 0;
	at[2] = (uint8_t)(word >> 8);
	at[3] = (uint8_t)word;
	at[4] = (uint8_t)(f->id >> 24);
	at[5] = (uint8_t)(f->id >> 16);
	at[6] = (uint8_t)(f->id >> 8);
	at[7] = (uint8_t)f->id;
}
