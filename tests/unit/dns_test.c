/* SPDX-License-Identifier: MIT */
/* DNS messages and domain names. */
#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"
#include "wire/dns.h"

TEST(dns_names)
{
	static const struct {
		const char *text;
		bool clean;
	} names[] = {{"a", true}, {"swos.example", true}, {"swos.example.", true},
		{"_dns.x-1", true}, {"", false}, {".", false}, {".a", false}, {"a..b", false},
		{"a b", false}, {"a\nb", false}, {"a/b", false}, {"\xc3\xa4", false}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(wire_name_is_clean(names[i].text, strlen(names[i].text)), names[i].clean);
	char text[300];
	memset(text, 'a', sizeof(text));
	CHECK(wire_name_is_clean(text, 63));
	CHECK(!wire_name_is_clean(text, 64));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	CHECK(wire_name_is_clean(text, 253));
	CHECK(!wire_name_is_clean(text, 254));
}

TEST(dns_query)
{
	static const uint8_t want[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 's', 'w', 'o',
		's', 1, 'a', 0, 0, 28, 0, 1};
	uint8_t p[64];
	CHECK_EQ(dns_encode_query(0x1234, "swos.a", DNS_TYPE_AAAA, p, sizeof(p)), sizeof(want));
	CHECK_MEM(p, want, sizeof(want));
	CHECK_EQ(dns_encode_query(0x1234, "swos.a.", DNS_TYPE_AAAA, p, sizeof(p)), sizeof(want));
	CHECK_EQ(dns_encode_query(1, ".", 2, p, sizeof(p)), 17);
	CHECK_EQ(dns_encode_query(1, "a..b", 1, p, sizeof(p)), 0);
	for (size_t n = 0; n < sizeof(want); n++)
		CHECK_EQ(dns_encode_query(1, "swos.a", 1, p, n), 0);
}

static const uint8_t response[] = {
	0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0,            /* header */
	3, 'w', 'w', 'w', 4, 's', 'w', 'o', 's', 0, 0, 1, 0, 1,    /* 12: www.swos A? */
	0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'x', 0xc0, 16, /* CNAME x.swos */
	0xc0, 38, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 1,      /* x.swos A */
};

TEST(dns_response)
{
	struct dns_header h;
	struct dns_walk w;
	struct dns_record r;
	char name[4 * WIRE_NAME_TEXT + 1];
	CHECK_EQ(dns_decode(response, sizeof(response), &h, &w), 0);
	CHECK_EQ(h.id, 0x1234);
	CHECK(h.response && !h.truncated && h.rcode == 0);
	CHECK_EQ(dns_next(&w, &r), 1);
	CHECK_STR(r.name, "www.swos");
	CHECK_EQ(r.type, DNS_TYPE_A);
	CHECK_EQ(dns_next(&w, &r), 1);
	CHECK_STR(r.name, "www.swos");
	CHECK_EQ(r.type, DNS_TYPE_CNAME);
	CHECK_EQ(r.ttl, 60);
	CHECK(wire_name_decode(response, sizeof(response), r.data, name) > 0);
	CHECK_STR(name, "x.swos");
	CHECK_EQ(dns_next(&w, &r), 1);
	CHECK_STR(r.name, "x.swos");
	CHECK_EQ(r.data_len, 4);
	CHECK_MEM(response + r.data, "\x0a\0\0\x01", 4);
	CHECK_EQ(dns_next(&w, &r), 0);
}

TEST(dns_damaged_responses)
{
	struct dns_header h;
	struct dns_walk w;
	struct dns_record r;
	for (size_t n = 0; n < sizeof(response); n++) {
		uint8_t exact[sizeof(response)];
		memcpy(exact, response, n);
		if (n < 12) {
			CHECK_EQ(dns_decode(exact, n, &h, &w), -EBADMSG);
			continue;
		}
		CHECK_EQ(dns_decode(exact, n, &h, &w), 0);
		int last;
		while ((last = dns_next(&w, &r)) == 1)
			;
		CHECK_EQ(last, -EBADMSG);
		CHECK_EQ(dns_next(&w, &r), 0);
	}
	/* A pointer to itself, one forward, and a label type that does not exist. */
	static const uint8_t loop[] = {0xc0, 0}, forward[] = {0xc0, 2, 1, 'a', 0},
			     strange[] = {0x40, 0};
	char name[4 * WIRE_NAME_TEXT + 1];
	CHECK_EQ(wire_name_decode(loop, 2, 0, name), -EBADMSG);
	CHECK_EQ(wire_name_decode(forward, 5, 0, name), -EBADMSG);
	CHECK_EQ(wire_name_decode(strange, 2, 0, name), -EBADMSG);
	/* Bytes that are no text. */
	static const uint8_t odd[] = {2, '\n', 0xff, 0};
	CHECK_EQ(wire_name_decode(odd, 4, 0, name), 4);
	CHECK_STR(name, "\\010\\255");
}

/* Pointers that lead back make a name longer than its message; the whole is bounded all the same. */
TEST(dns_long_names)
{
	uint8_t p[1024];
	char name[4 * WIRE_NAME_TEXT + 1];
	size_t n = 0;
	for (int i = 0; i < 8; i++) {
		p[n++] = 62;
		memset(p + n, '\n', 62);
		n += 62;
		if (i == 0)
			p[n++] = 0;
		else {
			p[n++] = 0xc0 | (uint8_t)((i - 1) * 65 - (i > 1)) >> 8;
			p[n++] = (uint8_t)(i == 1 ? 0 : 64 + (i - 2) * 65);
		}
	}
	CHECK(wire_name_decode(p, n, 64 + 2 * 65, name) > 0);
	CHECK_EQ(strlen(name), 4 * 4 * 62 + 3);
	CHECK_EQ(wire_name_decode(p, n, 64 + 3 * 65, name), -EBADMSG);
	CHECK_STR(name, "");
}
