/* SPDX-License-Identifier: MIT */
#include "wire/checksum.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a last odd byte is the low half of its word on little-endian CPUs only"
#endif

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* One carry through four words. */
static uint64_t
add_four(uint64_t sum, const uint8_t *p)
{
	unsigned long long carry = 0;
	sum = __builtin_addcll(sum, load64(p), carry, &carry);
	sum = __builtin_addcll(sum, load64(p + 8), carry, &carry);
	sum = __builtin_addcll(sum, load64(p + 16), carry, &carry);
	sum = __builtin_addcll(sum, load64(p + 24), carry, &carry);
	return sum + carry;
}

/* The last 1 to 7 bytes, as a word that zeroes fill. */
static uint64_t
load_tail(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	if ((n & 4) != 0) {
		uint32_t w;
		memcpy(&w, p, sizeof(w));
		v = w;
		p += 4;
		shift = 32;
	}
	if ((n & 2) != 0) {
		uint16_t h;
		memcpy(&h, p, sizeof(h));
		v |= (uint64_t)h << shift;
		p += 2;
		shift += 16;
	}
	return (n & 1) != 0 ? v | (uint64_t)*p << shift : v;
}

uint64_t
checksum_add(uint64_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;
	for (; n >= 64; n -= 64, p += 64)
		sum = add_four(add_four(sum, p), p + 32);
	if (n >= 32) {
		sum = add_four(sum, p);
		n -= 32;
		p += 32;
	}
	for (; n >= 8; n -= 8, p += 8)
		sum = checksum_combine(sum, load64(p));
	return n == 0 ? sum : checksum_combine(sum, load_tail(p, n));
}

uint64_t
checksum_pseudo(
	const void *source, const void *destination, size_t n, uint32_t length, uint8_t protocol)
{
	/* Both numbers as the big-endian words that stand in the pseudo header. */
	uint64_t sum = (uint64_t)__builtin_bswap32(length) + ((uint64_t)protocol << 8);
	return checksum_add(checksum_add(sum, source, n), destination, n);
}
