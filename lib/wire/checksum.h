/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071): sums of 16-bit words in one's-complement arithmetic, their incremental update
 * (RFC 1624), and pseudo headers (RFC 9293, 3.1; RFC 8200, 8.1). Pure.
 *
 * A running sum is 64 bits wide and holds words as they lie in memory; checksum_fold() makes 16 bits of it, to be
 * stored in a header as they are. Byte order does not matter to the sum, so nothing here swaps. A header's checksum
 * field is the complement of the sum: checksum_finish(). Data that is right sums to 0xffff, its checksum included.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* sum and n bytes at data, which begin at an even distance from the start of what is summed. Any alignment. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t n);

/* a + b with the carry added at the other end. */
static inline uint64_t
checksum_combine(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;
	return sum + (sum < a);
}

static inline uint16_t
checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

/* What a checksum field is to hold; data that is right, its field included, gives 0. */
static inline uint16_t
checksum_finish(uint64_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

/* The sum of bytes that begin at an odd distance: that of the same bytes at an even one, halves swapped. */
static inline uint16_t
checksum_swap(uint16_t folded)
{
	return __builtin_bswap16(folded);
}

/*
 * The sum of a pseudo header. Addresses of n bytes (4 or 16); length: of the transport header and what follows it, in
 * host byte order.
 */
uint64_t checksum_pseudo(
	const void *source, const void *destination, size_t n, uint32_t length, uint8_t protocol);

/* A checksum field after a 16-bit word that it covers was changed; all as they lie in memory (RFC 1624, equation 3). */
static inline uint16_t
checksum_update16(uint16_t field, uint16_t before, uint16_t after)
{
	return checksum_finish((uint64_t)(uint16_t)~field + (uint16_t)~before + after);
}

static inline uint16_t
checksum_update32(uint16_t field, uint32_t before, uint32_t after)
{
	return checksum_finish((uint64_t)(uint16_t)~field + (uint32_t)~before + after);
}

#endif
