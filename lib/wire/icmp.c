/* SPDX-License-Identifier: MIT */
#include "wire/icmp.h"

#include <errno.h>

#include "base/macros.h"
#include "base/reader.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define INNER_MIN 8u /* bytes of the transport header that every error brings back */

bool
icmp_decode(const uint8_t *at, size_t n, struct icmp_header *out)
{
	*out = (struct icmp_header){0};
	if (n < ICMP_HEADER)
		return false;
	out->type = at[0];
	out->code = at[1];
	out->id = load_be16(at + 4);
	out->seq = load_be16(at + 6);
	out->word = load_be32(at + 4);
	return true;
}

void
icmp_encode(uint8_t at[ICMP_HEADER], const struct icmp_header *h)
{
	uint32_t word = h->word | (uint32_t)h->id << 16 | h->seq;
	at[0] = h->type;
	at[1] = h->code;
	at[2] = at[3] = 0;
	at[4] = (uint8_t)(word >> 24);
	at[5] = (uint8_t)(word >> 16);
	at[6] = (uint8_t)(word >> 8);
	at[7] = (uint8_t)word;
}

bool
icmp4_is_error(uint8_t type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
		type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

bool
icmp6_is_error(uint8_t type)
{
	return type < 128;
}

/* The header that came back is not judged as one that came in: its checksum and lengths may have been changed. */
bool
icmp4_decode_inner(const uint8_t *at, size_t n, struct icmp_inner *out)
{
	*out = (struct icmp_inner){0};
	if (n < IP4_HEADER || at[0] >> 4 != 4)
		return false;
	size_t header_len = (size_t)(at[0] & 15) * 4;
	if (header_len < IP4_HEADER || n < header_len + INNER_MIN ||
		(load_be16(at + IP4_AT_FRAGMENT) & 0x1fff) != 0)
		return false;
	out->src = at + IP4_AT_SOURCE;
	out->dst = at + IP4_AT_DEST;
	out->protocol = at[IP4_AT_PROTOCOL];
	out->transport = at + header_len;
	out->transport_len = n - header_len;
	return true;
}

bool
icmp6_decode_inner(const uint8_t *at, size_t n, struct icmp_inner *out)
{
	*out = (struct icmp_inner){0};
	size_t transport = ip6_find_transport(at, n, &out->protocol);
	if (transport == 0 || n - transport < INNER_MIN)
		return false;
	out->src = at + IP6_AT_SOURCE;
	out->dst = at + IP6_AT_DEST;
	out->transport = at + transport;
	out->transport_len = n - transport;
	return true;
}

struct mapping {
	uint8_t error;
	bool hard;
};

static const struct mapping unreachable4[] = {
	[0] = {ENETUNREACH, false},
	[1] = {EHOSTUNREACH, false},
	[2] = {ENOPROTOOPT, true},
	[3] = {ECONNREFUSED, true},
	[4] = {EMSGSIZE, false},
	[5] = {EOPNOTSUPP, false},
	[6] = {ENETUNREACH, true},
	[7] = {EHOSTDOWN, true},
	[8] = {ENONET, true},
	[9] = {ENETUNREACH, true},
	[10] = {EHOSTUNREACH, true},
	[11] = {ENETUNREACH, false},
	[12] = {EHOSTUNREACH, false},
	[13] = {EHOSTUNREACH, true},
	[14] = {EHOSTUNREACH, true},
	[15] = {EHOSTUNREACH, true},
};

int
icmp4_errno(uint8_t type, uint8_t code, bool *hard)
{
	*hard = false;
	switch (type) {
	case ICMP_UNREACHABLE:
		if (code >= ARRAY_SIZE(unreachable4))
			return EHOSTUNREACH;
		*hard = unreachable4[code].hard;
		return unreachable4[code].error;
	case ICMP_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP_PARAMETER:
		*hard = true;
		return EPROTO;
	default:
		return 0;
	}
}

static const struct mapping unreachable6[] = {
	[0] = {ENETUNREACH, false},
	[1] = {EACCES, true},
	[2] = {EHOSTUNREACH, false},
	[3] = {EHOSTUNREACH, false},
	[4] = {ECONNREFUSED, true},
	[5] = {EACCES, true},
	[6] = {EACCES, true},
};

int
icmp6_errno(uint8_t type, uint8_t code, bool *hard)
{
	*hard = false;
	switch (type) {
	case ICMP6_UNREACHABLE:
		*hard = code >= ARRAY_SIZE(unreachable6) || unreachable6[code].hard;
		return code >= ARRAY_SIZE(unreachable6) ? EPROTO : unreachable6[code].error;
	case ICMP6_TOO_BIG:
		return EMSGSIZE;
	case ICMP6_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP6_PARAMETER:
		*hard = true;
		return EPROTO;
	default:
		return 0;
	}
}

uint32_t
icmp4_mtu(const struct icmp_header *h, uint32_t inner_total_len)
{
	/* RFC 1191, 7.1: what links had when routers did not say. */
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
	if ((h->word & 0xffff) != 0)
		return h->word & 0xffff;
	for (size_t i = 0; i < ARRAY_SIZE(plateaus); i++) {
		if (plateaus[i] < inner_total_len)
			return plateaus[i];
	}
	return IP4_MIN_MTU;
}
