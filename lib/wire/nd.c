/* SPDX-License-Identifier: MIT */
#include "wire/nd.h"

#include <string.h>

#include "base/reader.h"
#include "wire/icmp.h"

#define NEIGHBOUR_HEAD 24u
#define ROUTER_HEAD    16u
#define SOLICIT_HEAD   8u

#define FLAG_ROUTER    0x80
#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20

bool
nd_next_option(const uint8_t **at, size_t *left, struct nd_option *out)
{
	*out = (struct nd_option){0};
	if (*left < 8 || (*at)[1] == 0 || (size_t)(*at)[1] * 8 > *left)
		return false;
	*out = (struct nd_option){.type = (*at)[0], .len = (*at)[1], .at = *at};
	*at += (size_t)out->len * 8;
	*left -= (size_t)out->len * 8;
	return true;
}

/* Calls it for each option of [at, at + n); false: they do not fill it exactly. */
static bool
options_are_whole(const uint8_t *at, size_t n)
{
	struct nd_option o;
	while (n != 0) {
		if (!nd_next_option(&at, &n, &o))
			return false;
	}
	return true;
}

static void
take_mac(const struct nd_option *o, uint8_t type, bool *has_mac, uint8_t mac[6])
{
	if (o->type == type && o->len == 1) {
		*has_mac = true;
		memcpy(mac, o->at + 2, 6);
	}
}

bool
nd_decode_neighbour(const uint8_t *at, size_t n, struct nd_neighbour *out)
{
	*out = (struct nd_neighbour){0};
	if (n < NEIGHBOUR_HEAD || !options_are_whole(at + NEIGHBOUR_HEAD, n - NEIGHBOUR_HEAD))
		return false;
	memcpy(out->target, at + 8, 16);
	bool advert = at[0] == ICMP6_NEIGH_ADVERT;
	if (advert) {
		out->router = (at[4] & FLAG_ROUTER) != 0;
		out->solicited = (at[4] & FLAG_SOLICITED) != 0;
		out->override = (at[4] & FLAG_OVERRIDE) != 0;
	}
	const uint8_t *options = at + NEIGHBOUR_HEAD;
	size_t left = n - NEIGHBOUR_HEAD;
	struct nd_option o;
	while (nd_next_option(&options, &left, &o)) {
		take_mac(&o, advert ? ND_OPT_TARGET_LINK : ND_OPT_SOURCE_LINK, &out->has_mac,
			out->mac);
		if (o.type == ND_OPT_NONCE && o.len == 1) {
			out->has_nonce = true;
			memcpy(out->nonce, o.at + 2, 6);
		}
	}
	return out->target[0] != 0xff;
}

/* Bits 3 and 4 of a flags byte; 10 is reserved and means medium (RFC 4191, 2.1). */
static int8_t
preference_of(uint8_t flags)
{
	switch (flags >> 3 & 3) {
	case 1:
		return 1;
	case 3:
		return -1;
	default:
		return 0;
	}
}

bool
nd_decode_router_advert(const uint8_t *at, size_t n, struct nd_router *out)
{
	*out = (struct nd_router){0};
	if (n < ROUTER_HEAD || !options_are_whole(at + ROUTER_HEAD, n - ROUTER_HEAD))
		return false;
	out->hop_limit = at[4];
	out->managed = (at[5] & 0x80) != 0;
	out->other = (at[5] & 0x40) != 0;
	out->preference = preference_of(at[5]);
	out->lifetime = load_be16(at + 6);
	out->reachable_ms = load_be32(at + 8);
	out->retrans_ms = load_be32(at + 12);
	out->options = at + ROUTER_HEAD;
	out->options_len = n - ROUTER_HEAD;
	const uint8_t *options = out->options;
	size_t left = out->options_len;
	struct nd_option o;
	while (nd_next_option(&options, &left, &o)) {
		take_mac(&o, ND_OPT_SOURCE_LINK, &out->has_mac, out->mac);
		if (o.type == ND_OPT_MTU && o.len == 1)
			out->mtu = load_be32(o.at + 4);
	}
	return true;
}

bool
nd_decode_router_solicit(const uint8_t *at, size_t n, bool *has_mac, uint8_t mac[6])
{
	*has_mac = false;
	if (n < SOLICIT_HEAD || !options_are_whole(at + SOLICIT_HEAD, n - SOLICIT_HEAD))
		return false;
	const uint8_t *options = at + SOLICIT_HEAD;
	size_t left = n - SOLICIT_HEAD;
	struct nd_option o;
	while (nd_next_option(&options, &left, &o))
		take_mac(&o, ND_OPT_SOURCE_LINK, has_mac, mac);
	return true;
}

static void
clear_beyond(uint8_t prefix[16], uint8_t len)
{
	for (uint32_t i = 0; i < 16; i++) {
		if (len <= i * 8)
			prefix[i] = 0;
		else if (len < i * 8 + 8)
			prefix[i] &= (uint8_t)(0xff << (i * 8 + 8 - len));
	}
}

bool
nd_decode_prefix(const struct nd_option *o, struct nd_prefix *out)
{
	*out = (struct nd_prefix){0};
	if (o->type != ND_OPT_PREFIX || o->len != 4 || o->at[2] > 128)
		return false;
	out->len = o->at[2];
	out->on_link = (o->at[3] & 0x80) != 0;
	out->autonomous = (o->at[3] & 0x40) != 0;
	out->valid = load_be32(o->at + 4);
	out->preferred = load_be32(o->at + 8);
	memcpy(out->prefix, o->at + 16, 16);
	clear_beyond(out->prefix, out->len);
	bool link_local = out->prefix[0] == 0xfe && (out->prefix[1] & 0xc0) == 0x80;
	return out->preferred <= out->valid && !link_local && out->prefix[0] != 0xff;
}

bool
nd_decode_route(const struct nd_option *o, struct nd_route *out)
{
	*out = (struct nd_route){0};
	if (o->type != ND_OPT_ROUTE || o->len > 3 || o->at[2] > 128)
		return false;
	out->len = o->at[2];
	if ((out->len > 64 && o->len < 3) || (out->len > 0 && o->len < 2))
		return false;
	if ((o->at[3] >> 3 & 3) == 2) /* reserved: the option is ignored (RFC 4191, 2.3) */
		return false;
	out->preference = preference_of(o->at[3]);
	out->lifetime = load_be32(o->at + 4);
	memcpy(out->prefix, o->at + 8, (size_t)(o->len - 1) * 8);
	clear_beyond(out->prefix, out->len);
	return true;
}

bool
nd_rdnss_is_valid(const struct nd_option *o)
{
	return o->type == ND_OPT_RDNSS && o->len >= 3 && o->len % 2 == 1;
}

/* Names in DNS form, uncompressed, then zeroes (RFC 8106, 5.2). */
bool
nd_dnssl_is_valid(const struct nd_option *o)
{
	if (o->type != ND_OPT_DNSSL || o->len < 2)
		return false;
	size_t end = (size_t)o->len * 8, name = 0;
	for (size_t i = 8; i < end;) {
		uint8_t label = o->at[i];
		if (label > 63 || (label != 0 && label >= end - i - 1))
			return false;
		name = label == 0 ? 0 : name + label + 1;
		if (name > 254)
			return false;
		i += (size_t)label + 1;
	}
	return name == 0 && o->at[8] != 0;
}

static size_t
add_option(uint8_t *at, size_t n, uint8_t type, const uint8_t *six)
{
	if (six == NULL)
		return n;
	at[n] = type;
	at[n + 1] = 1;
	memcpy(at + n + 2, six, 6);
	return n + 8;
}

size_t
nd_encode_neighbour_solicit(uint8_t at[ND_MESSAGE_MAX], const uint8_t target[16],
	const uint8_t *mac, const uint8_t *nonce)
{
	memset(at, 0, NEIGHBOUR_HEAD);
	at[0] = ICMP6_NEIGH_SOLICIT;
	memcpy(at + 8, target, 16);
	size_t n = add_option(at, NEIGHBOUR_HEAD, ND_OPT_SOURCE_LINK, mac);
	return add_option(at, n, ND_OPT_NONCE, nonce);
}

size_t
nd_encode_neighbour_advert(uint8_t at[ND_MESSAGE_MAX], const struct nd_neighbour *a)
{
	memset(at, 0, NEIGHBOUR_HEAD);
	at[0] = ICMP6_NEIGH_ADVERT;
	at[4] = (uint8_t)((a->router ? FLAG_ROUTER : 0) | (a->solicited ? FLAG_SOLICITED : 0) |
		(a->override ? FLAG_OVERRIDE : 0));
	memcpy(at + 8, a->target, 16);
	return add_option(at, NEIGHBOUR_HEAD, ND_OPT_TARGET_LINK, a->has_mac ? a->mac : NULL);
}

size_t
nd_encode_router_solicit(uint8_t at[ND_MESSAGE_MAX], const uint8_t *mac)
{
	memset(at, 0, SOLICIT_HEAD);
	at[0] = ICMP6_ROUTER_SOLICIT;
	return add_option(at, SOLICIT_HEAD, ND_OPT_SOURCE_LINK, mac);
}
