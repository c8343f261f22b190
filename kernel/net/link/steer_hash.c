/* SPDX-License-Identifier: MIT */
#include "net/link/steer.h"

#include <string.h>

#include "base/reader.h"
#include "crypto/siphash.h"
#include "wire/ether.h"

#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

static bool
has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/* words: 5 of them, zeroed: addresses, then ports. n: linear bytes from ip on. */
static void
collect_ip4(const uint8_t *ip, uint32_t n, uint64_t *words)
{
	uint32_t header = (uint32_t)(ip[0] & 15) * 4;
	memcpy(&words[0], ip + 12, 8);
	bool fragment = (load_be16(ip + 6) & 0x3fff) != 0;
	if (!fragment && has_ports(ip[9]) && header >= 20 && n >= header + 4)
		memcpy(&words[4], ip + header, 4);
}

static void
collect_ip6(const uint8_t *ip, uint32_t n, uint64_t *words)
{
	memcpy(&words[0], ip + 8, 32);
	if (has_ports(ip[6]) && n >= 44)
		memcpy(&words[4], ip + 40, 4);
}

uint32_t
steer_hash(const uint64_t key[2], const struct pkt *p)
{
	uint64_t words[5] = {0};
	const uint8_t *frame = p->head + p->head_off;
	uint32_t type = p->head_len >= ETHER_HEADER ? ether_type(frame) : 0;
	uint32_t n = p->head_len >= ETHER_HEADER ? p->head_len - ETHER_HEADER : 0;
	if (type == ETHER_TYPE_IP4 && n >= 20)
		collect_ip4(frame + ETHER_HEADER, n, words);
	else if (type == ETHER_TYPE_IP6 && n >= 40)
		collect_ip6(frame + ETHER_HEADER, n, words);
	else
		return 1;
	uint64_t hash = siphash_words(key, words, ARRAY_SIZE(words));
	uint32_t folded = (uint32_t)(hash ^ hash >> 32);
	return folded != 0 ? folded : 1;
}
