/* SPDX-License-Identifier: MIT */
/* The pieces of /proc's formats that are easy to get wrong at the edges. */
#include <string.h>

#include "kernel/fs/proc/format.h"
#include "tests/unit/test.h"

TEST(procfs_escapes)
{
	char buf[64];
	CHECK_EQ(format_escaped(buf, sizeof(buf), "/a b\tc\nd\\e#f", "#"), 27);
	CHECK_STR(buf, "/a\\040b\\011c\\012d\\134e\\043f");
	CHECK_EQ(format_escaped(buf, sizeof(buf), "", ""), 0);
	CHECK_STR(buf, "");
	CHECK_EQ(format_escaped(buf, 4, "abcdef", ""), 3);
	CHECK_STR(buf, "abc");
	CHECK_EQ(format_escaped(buf, 5, "a\nb", ""), 1); /* an escape is whole or not there */
	CHECK_STR(buf, "a");
	CHECK_EQ(format_escaped(buf, 1, "a", ""), 0);
	CHECK_EQ(format_escaped(buf, sizeof(buf), "\xff x", ""), 6);
}

TEST(procfs_bit_lists)
{
	char buf[64];
	uint64_t words[4] = {0x8f, 0, 0, 1ULL << 63};
	CHECK_EQ(format_bit_list(buf, sizeof(buf), words, 256), 9);
	CHECK_STR(buf, "0-3,7,255");
	format_bit_list(buf, sizeof(buf), words, 4);
	CHECK_STR(buf, "0-3");
	format_bit_list(buf, sizeof(buf), words, 0);
	CHECK_STR(buf, "");
	words[0] = 1;
	format_bit_list(buf, sizeof(buf), words, 8);
	CHECK_STR(buf, "0");
	words[0] = words[1] = UINT64_MAX;
	format_bit_list(buf, sizeof(buf), words, 128);
	CHECK_STR(buf, "0-127");
	CHECK_EQ(format_bit_list(buf, 4, words, 128), 3);
	CHECK_STR(buf, "0-1");
}

TEST(procfs_bit_masks)
{
	char buf[80];
	uint64_t words[4] = {0xf, 0, 0, 0};
	format_bit_mask(buf, sizeof(buf), words, 4);
	CHECK_STR(buf, "f");
	format_bit_mask(buf, sizeof(buf), words, 6);
	CHECK_STR(buf, "0f");
	format_bit_mask(buf, sizeof(buf), words, 2);
	CHECK_STR(buf, "3");
	format_bit_mask(buf, sizeof(buf), words, 32);
	CHECK_STR(buf, "0000000f");
	words[0] = 0x100000002ULL;
	format_bit_mask(buf, sizeof(buf), words, 33);
	CHECK_STR(buf, "1,00000002");
	words[1] = 0xabcd;
	format_bit_mask(buf, sizeof(buf), words, 80);
	CHECK_STR(buf, "abcd,00000001,00000002");
}

TEST(procfs_number_names)
{
	uint32_t n;
	CHECK(parse_number_name("0", 1, &n) && n == 0);
	CHECK(parse_number_name("4194304x", 7, &n) && n == 4194304);
	CHECK(parse_number_name("999999999", 9, &n) && n == 999999999);
	CHECK(!parse_number_name("", 0, &n));
	CHECK(!parse_number_name("01", 2, &n));
	CHECK(!parse_number_name("1a", 2, &n));
	CHECK(!parse_number_name("-1", 2, &n));
	CHECK(!parse_number_name("1234567890", 10, &n));
}

TEST(procfs_integers)
{
	int64_t n;
	CHECK(parse_integer("0", -1, 1, &n) && n == 0);
	CHECK(parse_integer("-1000", -1000, 1000, &n) && n == -1000);
	CHECK(parse_integer("9223372036854775807", INT64_MIN, INT64_MAX, &n) && n == INT64_MAX);
	CHECK(parse_integer("-9223372036854775808", INT64_MIN, INT64_MAX, &n) && n == INT64_MIN);
	CHECK(!parse_integer("9223372036854775808", INT64_MIN, INT64_MAX, &n));
	CHECK(!parse_integer("-9223372036854775809", INT64_MIN, INT64_MAX, &n));
	CHECK(!parse_integer("1001", -1000, 1000, &n));
	CHECK(!parse_integer("", 0, 9, &n));
	CHECK(!parse_integer("-", -9, 9, &n));
	CHECK(!parse_integer("1 ", 0, 9, &n));
	CHECK(!parse_integer("+1", 0, 9, &n));
}

TEST(procfs_number_lists)
{
	int64_t v[2] = {7, 7};
	CHECK_EQ(parse_integers("12", 0, 100, v, 2), 1);
	CHECK_EQ(v[0], 12);
	CHECK_EQ(parse_integers(" 1\t 100 \n", 1, 100, v, 2), 2);
	CHECK_EQ(v[0], 1);
	CHECK_EQ(v[1], 100);
	CHECK_EQ(parse_integers("-5 -1", -5, -1, v, 2), 2);
	CHECK_EQ(v[1], -1);
	static const char *const bad[] = {"", " ", "0", "101", "1 2 3", "1,2", "1x", "x", "- 1",
		"--1", "+1", "1 -", "0x10", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(parse_integers(bad[i], 1, 100, v, 2), 0);
	CHECK_EQ(parse_integers("1 2", 1, 100, v, 1), 0);
	CHECK_EQ(parse_integers("-9223372036854775808", INT64_MIN, INT64_MAX, v, 1), 1);
	CHECK(v[0] == INT64_MIN);
}

TEST(procfs_ends_are_trimmed)
{
	char text[16] = "a b \t\n";
	trim_end(text, 6);
	CHECK_STR(text, "a b");
	memcpy(text, " \n", 3);
	trim_end(text, 2);
	CHECK_STR(text, "");
	trim_end(text, 0);
	CHECK_STR(text, "");
}
