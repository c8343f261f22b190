/* SPDX-License-Identifier: MIT */
#include "net/ip/slaac_core.h"

#include "crypto/sha256.h"

#define SEC       1000000000ULL
#define TWO_HOURS (7200 * SEC)
#define FOREVER   0xffffffffu

/* RFC 5453: the subnet-router anycast identifier, and those of reserved anycast addresses. */
static bool
is_reserved(const uint8_t iid[8])
{
	static const uint8_t zero[8], anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	return memcmp(iid, zero, 8) == 0 || (memcmp(iid, anycast, 7) == 0 && iid[7] >= 0x80);
}

struct net_addr
slaac_address(const struct net_addr *prefix, const uint64_t secret[2], const uint8_t mac[6],
	uint32_t duplicates)
{
	struct net_addr a = *prefix;
	uint8_t digest[SHA256_DIGEST_SIZE];
	for (uint32_t again = 0;; again++) {
		struct sha256 h;
		sha256_init(&h);
		sha256_update(&h, prefix->b, 8);
		sha256_update(&h, mac, 6);
		sha256_update(&h, &duplicates, sizeof(duplicates));
		sha256_update(&h, &again, sizeof(again));
		sha256_update(&h, secret, 16);
		sha256_final(&h, digest);
		memcpy(a.b + 8, digest, 8);
		if (!is_reserved(a.b + 8))
			return a;
	}
}

uint64_t
slaac_moment(uint64_t now, uint32_t seconds)
{
	return seconds == FOREVER ? UINT64_MAX : now + seconds * SEC;
}

uint64_t
slaac_valid_until(uint64_t now, uint64_t until, uint32_t announced)
{
	uint64_t wanted = slaac_moment(now, announced);
	if (until == 0)
		return wanted;
	if (wanted > until || (announced != FOREVER && announced * SEC > TWO_HOURS))
		return wanted;
	uint64_t left = until == UINT64_MAX ? UINT64_MAX : until > now ? until - now : 0;
	return left <= TWO_HOURS ? until : now + TWO_HOURS;
}
