/* SPDX-License-Identifier: MIT */
/* UDP datagrams over IPv4 in one piece. */
#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"
#include "wire/datagram4.h"

/* A datagram as Linux sends it: 127.0.0.1:5000 to 127.0.0.1:53, "abc", checksums computed by hand. */
static const uint8_t sample[] = {0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x3c, 0xcc, 127, 0, 0, 1,
	127, 0, 0, 1, 0x13, 0x88, 0, 53, 0, 11, 0x29, 0xb6, 'a', 'b', 'c'};

TEST(datagram4_decodes)
{
	struct datagram4 d;
	uint8_t padded[64] = {0};
	memcpy(padded, sample, sizeof(sample));
	CHECK_EQ(datagram4_decode(padded, sizeof(padded), false, &d), 0);
	CHECK_EQ(d.source_port, 5000);
	CHECK_EQ(d.destination_port, 53);
	CHECK_EQ(d.payload_len, 3);
	CHECK_MEM(d.payload, "abc", 3);
	for (size_t n = 0; n < sizeof(sample); n++) {
		uint8_t cut[sizeof(sample)];
		memcpy(cut, sample, n);
		CHECK_EQ(datagram4_decode(cut, n, false, &d), -EBADMSG);
	}
	/* Every flipped bit is seen, but for those that leave UDP's checksum out or are covered by nothing. */
	for (size_t bit = 0; bit < 8 * sizeof(sample); bit++) {
		memcpy(padded, sample, sizeof(sample));
		padded[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK_EQ(datagram4_decode(padded, sizeof(sample), false, &d), -EBADMSG);
		if (bit / 8 >= 26) /* UDP's own are somebody else's business then */
			CHECK_EQ(datagram4_decode(padded, sizeof(sample), true, &d), 0);
	}
}

TEST(datagram4_encodes_what_it_decodes)
{
	uint8_t payload[301], p[400];
	struct datagram4 in = {.source = 0,
		.destination = 0xffffffff,
		.source_port = 68,
		.destination_port = 67,
		.payload = payload};
	struct datagram4 out;
	for (in.payload_len = 0; in.payload_len <= sizeof(payload); in.payload_len++) {
		if (in.payload_len > 0)
			payload[in.payload_len - 1] = (uint8_t)(in.payload_len * 37);
		size_t n = datagram4_encode(&in, p, sizeof(p));
		CHECK_EQ(n, DATAGRAM4_HEADERS + in.payload_len);
		CHECK_EQ(datagram4_decode(p, n, false, &out), 0);
		CHECK_EQ(out.destination, in.destination);
		CHECK_EQ(out.destination_port, 67);
		CHECK_EQ(out.payload_len, in.payload_len);
		CHECK_MEM(out.payload, payload, in.payload_len);
		CHECK_EQ(datagram4_encode(&in, p, n - 1), 0);
	}
}
