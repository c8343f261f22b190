/* SPDX-License-Identifier: MIT */
#include "wire/ip4.h"

#include <string.h>

#include "base/reader.h"
#include "wire/checksum.h"

#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_LSRR 131
#define OPTION_SSRR 137
#define OPTION_COPY 0x80

/* One option at at[*i]; its length, or 0: the list is at its end or wrong (*bad). */
static size_t
option_len(const uint8_t *at, size_t i, size_t end, bool *bad)
{
	*bad = false;
	if (at[i] == OPTION_END)
		return 0;
	if (at[i] == OPTION_NOP)
		return 1;
	if (i + 1 >= end || at[i + 1] < 2 || at[i + 1] > end - i) {
		*bad = true;
		return 0;
	}
	return at[i + 1];
}

static enum ip4_error
walk_options(const uint8_t *at, size_t header_len, struct ip4_header *out)
{
	bool bad;
	for (size_t i = IP4_HEADER, len; i < header_len; i += len) {
		len = option_len(at, i, header_len, &bad);
		if (bad)
			return IP4_OPTIONS;
		if (len == 0)
			break;
		if (at[i] == OPTION_LSRR || at[i] == OPTION_SSRR)
			out->source_route = true;
	}
	return IP4_OK;
}

enum ip4_error
ip4_decode(const uint8_t *at, size_t n, size_t packet_len, struct ip4_header *out)
{
	*out = (struct ip4_header){0};
	if (n < IP4_HEADER)
		return IP4_SHORT;
	if (at[0] >> 4 != 4)
		return IP4_VERSION;
	size_t header_len = (size_t)(at[0] & 15) * 4;
	size_t total_len = load_be16(at + IP4_AT_TOTAL_LEN);
	if (header_len < IP4_HEADER || total_len < header_len)
		return IP4_LENGTHS;
	if (header_len > n || total_len > packet_len)
		return IP4_SHORT;
	if (checksum_finish(checksum_add(0, at, header_len)) != 0)
		return IP4_CHECKSUM;

	uint16_t fragment = load_be16(at + IP4_AT_FRAGMENT);
	out->header_len = (uint16_t)header_len;
	out->total_len = (uint16_t)total_len;
	out->id = load_be16(at + IP4_AT_ID);
	out->offset = (uint16_t)((fragment & 0x1fff) * 8);
	out->dont_fragment = (fragment & IP4_DF) != 0;
	out->more = (fragment & IP4_MF) != 0;
	out->tos = at[1];
	out->ttl = at[IP4_AT_TTL];
	out->protocol = at[IP4_AT_PROTOCOL];
	memcpy(&out->src, at + IP4_AT_SOURCE, 4);
	memcpy(&out->dst, at + IP4_AT_DEST, 4);

	size_t payload = total_len - header_len;
	if (out->more && (payload % 8 != 0 || payload == 0))
		return IP4_FRAGMENT;
	if (out->offset + payload + header_len > 65535 || (out->offset != 0 && payload == 0))
		return IP4_FRAGMENT;
	return header_len == IP4_HEADER ? IP4_OK : walk_options(at, header_len, out);
}

uint16_t
ip4_checksum(const uint8_t *at, size_t header_len)
{
	uint64_t sum = checksum_add(0, at, IP4_AT_CHECKSUM);
	return checksum_finish(checksum_add(sum, at + IP4_AT_SOURCE, header_len - IP4_AT_SOURCE));
}

void
ip4_encode(uint8_t at[IP4_HEADER], const struct ip4_header *h)
{
	uint16_t fragment = (uint16_t)(h->offset / 8 | (h->dont_fragment ? IP4_DF : 0) |
		(h->more ? IP4_MF : 0));
	at[0] = 0x45;
	at[1] = h->tos;
	at[2] = (uint8_t)(h->total_len >> 8);
	at[3] = (uint8_t)h->total_len;
	at[4] = (uint8_t)(h->id >> 8);
	at[5] = (uint8_t)h->id;
	at[6] = (uint8_t)(fragment >> 8);
	at[7] = (uint8_t)fragment;
	at[IP4_AT_TTL] = h->ttl;
	at[IP4_AT_PROTOCOL] = h->protocol;
	memcpy(at + IP4_AT_SOURCE, &h->src, 4);
	memcpy(at + IP4_AT_DEST, &h->dst, 4);
	uint16_t sum = ip4_checksum(at, IP4_HEADER);
	memcpy(at + IP4_AT_CHECKSUM, &sum, 2);
}

size_t
ip4_fragment_header(uint8_t dst[IP4_HEADER_MAX], const uint8_t *header, size_t header_len)
{
	bool bad;
	size_t used = IP4_HEADER;
	memcpy(dst, header, IP4_HEADER);
	for (size_t i = IP4_HEADER, len; i < header_len; i += len) {
		len = option_len(header, i, header_len, &bad);
		if (len == 0)
			break;
		if ((header[i] & OPTION_COPY) != 0) {
			memcpy(dst + used, header + i, len);
			used += len;
		}
	}
	while (used % 4 != 0)
		dst[used++] = OPTION_END;
	dst[0] = (uint8_t)(0x40 | used / 4);
	return used;
}
