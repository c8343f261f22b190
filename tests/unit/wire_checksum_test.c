/* SPDX-License-Identifier: MIT */
/* The Internet checksum against the definition, byte by byte, RFC 1071's example, and known headers. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "wire/checksum.h"
#include "wire/ether.h"

/* RFC 1071, word by word in network order; the result as it lies in memory. */
static uint16_t
by_definition(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum += (i & 1) != 0 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return __builtin_bswap16((uint16_t)sum);
}

/* 0 and 0xffff are the same number. */
static bool
same(uint16_t a, uint16_t b)
{
	return a == b || (a % 0xffff == 0 && b % 0xffff == 0);
}

TEST(checksum_example_of_rfc1071)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	CHECK_EQ(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), __builtin_bswap16(0xddf2));
}

TEST(checksum_of_a_known_ip_header)
{
	uint8_t h[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0,
		0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	uint16_t c = checksum_finish(checksum_add(0, h, sizeof(h)));
	CHECK_EQ(c, __builtin_bswap16(0xb861));
	memcpy(h + 10, &c, sizeof(c));
	CHECK_EQ(checksum_finish(checksum_add(0, h, sizeof(h))), 0);
}

TEST(checksum_of_every_length_alignment_and_extreme)
{
	uint8_t *memory = malloc(600);
	CHECK(memory != NULL);
	for (int kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < 600; i++)
			memory[i] = kind == 0 ? 0xff
				: kind == 1   ? 0
					      : (uint8_t)(i * 167 + (i >> 3) * 29);
		for (size_t align = 0; align < 9; align++)
			for (size_t n = 0; n + align <= 600; n += n < 80 ? 1 : 37) {
				uint8_t *exact = malloc(n + align + 1);
				CHECK(exact != NULL);
				memcpy(exact + 1 + align, memory, n);
				CHECK(same(checksum_fold(checksum_add(0, exact + 1 + align, n)),
					by_definition(memory, n)));
				CHECK(same(checksum_fold(
						   checksum_add(UINT64_MAX, exact + 1 + align, n)),
					by_definition(memory, n)));
				free(exact);
			}
	}
	free(memory);
}

TEST(checksum_of_parts_at_odd_places)
{
	uint8_t bytes[257];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + 5);
	uint16_t whole = by_definition(bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint64_t sum = checksum_add(0, bytes, cut);
		uint16_t rest = checksum_fold(checksum_add(0, bytes + cut, sizeof(bytes) - cut));
		sum = checksum_combine(sum, (cut & 1) != 0 ? checksum_swap(rest) : rest);
		CHECK(same(checksum_fold(sum), whole));
	}
}

TEST(checksum_updates_follow_a_changed_word)
{
	uint8_t h[40];
	uint32_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(h); i++)
			h[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if (round % 3 == 0)
			memset(h, round % 2 == 0 ? 0 : 0xff, 20);
		uint16_t field = checksum_finish(checksum_add(0, h, sizeof(h))), before, after;
		memcpy(&before, h + 8, 2);
		after = (uint16_t)(round % 7 == 0 ? 0xffff : seed >> 8);
		memcpy(h + 8, &after, 2);
		uint16_t updated = checksum_update16(field, before, after);
		CHECK(same((uint16_t)~updated, by_definition(h, sizeof(h))));
		uint32_t old, new = seed ^ 0x5a5a5a5a;
		memcpy(&old, h + 16, 4);
		memcpy(h + 16, &new, 4);
		updated = checksum_update32(updated, old, new);
		CHECK(same((uint16_t)~updated, by_definition(h, sizeof(h))));
	}
}

TEST(checksum_pseudo_headers)
{
	/* UDP over IPv4, RFC 768: 12 bytes; over IPv6, RFC 8200: 40 bytes. */
	uint8_t pseudo4[12] = {192, 168, 0, 31, 192, 168, 0, 30, 0, 17, 0x12, 0x34};
	CHECK(same(checksum_fold(checksum_pseudo(pseudo4, pseudo4 + 4, 4, 0x1234, 17)),
		by_definition(pseudo4, sizeof(pseudo4))));
	uint8_t pseudo6[40] = {[0] = 0xfe,
		[1] = 0x80,
		[15] = 1,
		[16] = 0x20,
		[17] = 1,
		[31] = 0x77,
		[32] = 0,
		[33] = 1,
		[34] = 0xff,
		[35] = 0xfe,
		[39] = 58};
	CHECK(same(checksum_fold(checksum_pseudo(pseudo6, pseudo6 + 16, 16, 0x1fffe, 58)),
		by_definition(pseudo6, sizeof(pseudo6))));
}

TEST(ether_headers)
{
	static const uint8_t to[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			     from[6] = {2, 0, 0, 0, 0, 1};
	static const uint8_t none[6], group[6] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t h[ETHER_HEADER];
	ether_write(h, to, from, ETHER_TYPE_IP6);
	static const uint8_t want[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
	CHECK_MEM(h, want, sizeof(want));
	CHECK_EQ(ether_type(h), ETHER_TYPE_IP6);
	CHECK(ether_is_broadcast(to) && ether_is_multicast(to) && !ether_is_station(to));
	CHECK(!ether_is_broadcast(group) && ether_is_multicast(group));
	CHECK(ether_is_station(from) && !ether_is_station(none));
	CHECK(ether_equal(to, h) && !ether_equal(to, from));
}
