/* SPDX-License-Identifier: MIT */
/* The kernel's memory and string functions, renamed, against this machine's. */
#include <stdlib.h>
#include <string.h>
#include "tests/unit/test.h"

#define memcpy  fs_memcpy
#define memmove fs_memmove
#define memset  fs_memset
#define memcmp  fs_memcmp
#define memchr  fs_memchr
#define memrchr fs_memrchr
#define strlen  fs_strlen
#define strnlen fs_strnlen
#define strcmp  fs_strcmp
#define strncmp fs_strncmp
#define strchr  fs_strchr
#define strrchr fs_strrchr
#define strstr  fs_strstr
#define strspn  fs_strspn
#define strcspn fs_strcspn
#include "lib/freestanding/include/string.h"
#include "lib/freestanding/mem.c"
#undef NO_RECURSION
#include "lib/freestanding/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef memrchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strspn
#undef strcspn

enum { SIZE = 96 };

static void
fill(uint8_t *p)
{
	for (int i = 0; i < SIZE; i++)
		p[i] = (uint8_t)(i * 37 + 11);
}

/* Every distance and length, overlapping both ways. */
TEST(freestanding_memmove)
{
	uint8_t got[SIZE], want[SIZE];
	for (size_t from = 0; from < 24; from++) {
		for (size_t to = 0; to < 24; to++) {
			for (size_t len = 0; len < 40; len++) {
				fill(got);
				fill(want);
				CHECK(fs_memmove(got + to, got + from, len) == got + to);
				memmove(want + to, want + from, len);
				CHECK_MEM(got, want, SIZE);
			}
		}
	}
}

TEST(freestanding_memcpy_memset)
{
	uint8_t got[SIZE], want[SIZE], from[SIZE];
	for (size_t to = 0; to < 9; to++) {
		for (size_t len = 0; len < 50; len++) {
			fill(got);
			fill(want);
			memset(from, 0x5a, SIZE);
			fs_memcpy(got + to, from + len % 8, len);
			memcpy(want + to, from + len % 8, len);
			CHECK_MEM(got, want, SIZE);
			fs_memset(got + to, 0x1a5, len);
			memset(want + to, 0xa5, len);
			CHECK_MEM(got, want, SIZE);
		}
	}
}

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

TEST(freestanding_memcmp)
{
	uint8_t a[SIZE], b[SIZE];
	for (size_t shift = 0; shift < 9; shift++) {
		for (size_t at = 0; at < 40; at++) {
			fill(a);
			memcpy(b + shift, a, SIZE - shift);
			CHECK_EQ(fs_memcmp(a, b + shift, 40), 0);
			b[shift + at] ^= 0x80;
			CHECK_EQ(fs_memcmp(a, b + shift, at), 0);
			CHECK_EQ(sign(fs_memcmp(a, b + shift, 40)), sign(memcmp(a, b + shift, 40)));
		}
	}
}

TEST(freestanding_strings)
{
	CHECK_EQ(fs_strlen(""), 0);
	CHECK_EQ(fs_strlen("abc"), 3);
	CHECK_EQ(fs_strnlen("abc", 2), 2);
	CHECK_EQ(fs_strnlen("abc", 9), 3);
	CHECK_EQ(fs_strcmp("abc", "abc"), 0);
	CHECK(fs_strcmp("abc", "abd") < 0);
	CHECK(fs_strcmp("ab\xff", "ab\x01") > 0);
	CHECK(fs_strcmp("ab", "abc") < 0);
	CHECK_EQ(fs_strncmp("abcx", "abcy", 3), 0);
	CHECK(fs_strncmp("abcx", "abcy", 4) < 0);
	const char *s = "hello, hello";
	CHECK(fs_strchr(s, 'l') == s + 2);
	CHECK(fs_strchr(s, 0) == s + 12);
	CHECK(fs_strchr(s, 'z') == NULL);
	CHECK(fs_strrchr(s, 'h') == s + 7);
	CHECK(fs_strrchr(s, 0) == s + 12);
	CHECK(fs_strrchr(s, 'z') == NULL);
	CHECK(fs_strstr(s, "lo, ") == s + 3);
	CHECK(fs_strstr(s, "") == s);
	CHECK(fs_strstr(s, "hellox") == NULL);
	CHECK(fs_strstr("aab", "ab") != NULL);
	CHECK(fs_memchr(s, 'o', 12) == s + 4);
	CHECK(fs_memchr(s, 'o', 4) == NULL);
	CHECK(fs_memrchr(s, 'o', 12) == s + 11);
	CHECK_EQ(fs_strspn("aabbc", "ab"), 4);
	CHECK_EQ(fs_strcspn("aabbc", "cb"), 2);
	CHECK_EQ(fs_strspn("", "ab"), 0);
	CHECK_EQ(fs_strcspn("abc", ""), 3);
}
