/* SPDX-License-Identifier: MIT */
/* Formatted text, judged by the C library's own where both define the result. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fmt.h"
#include "tests/unit/test.h"

#pragma clang diagnostic ignored "-Wformat"

static void
same(const char *format, ...)
{
	char ours[256], theirs[256];
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = base_vsnprintf(ours, sizeof(ours), format, args);
	int m = vsnprintf(theirs, sizeof(theirs), format, again);
	va_end(args);
	va_end(again);
	if (n != m || strcmp(ours, theirs) != 0)
		test_fail(__FILE__, __LINE__, "\"%s\" gave \"%s\" (%d), not \"%s\" (%d)", format,
			ours, n, theirs, m);
}

TEST(fmt_decimal)
{
	static const int values[] = {0, 1, -1, 42, -42, INT_MAX, INT_MIN};
	static const char *const formats[] = {"%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%.3d",
		"%8.3d", "%-8.3d|", "%08.3d", "%.0d", "%+05d", "%hhd", "%hd"};
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
		for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++)
			same(formats[f], values[v]);
	same("%ld %lld %zd %jd %td", LONG_MIN, LLONG_MAX, (ssize_t)-1, INTMAX_MIN, (ptrdiff_t)-5);
}

TEST(fmt_unsigned)
{
	static const unsigned values[] = {0, 1, 42, UINT_MAX, 0x80000000};
	static const char *const formats[] = {"%u", "%x", "%X", "%#x", "%#X", "%08x", "%#010x",
		"%-8x|", "%.4x", "%#.4x", "%o", "%#o", "%#.3o", "%hhu", "%hx", "%#8x", "%.0x",
		"%5u"};
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
		for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++)
			same(formats[f], values[v]);
	same("%lu %llx %zu %jx", ULONG_MAX, ULLONG_MAX, SIZE_MAX, UINTMAX_MAX);
	same("%p", (void *)0x1234);
}

TEST(fmt_strings)
{
	same("%s|%10s|%-10s|%.2s|%.*s|%*s|%*s|", "abc", "abc", "abc", "abc", 1, "abc", 6, "abc", -6,
		"abc");
	same("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	same("100%% sure%s", "");
	same("%.*s|", -1, "all");
	const char unended[3] = {'x', 'y', 'z'};
	same("%.3s", unended);
}

TEST(fmt_cuts_and_ends)
{
	char buf[8];
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(base_snprintf(buf, 4, "%s", "abcdef"), 6);
	CHECK_STR(buf, "abc");
	CHECK_EQ(buf[4], 'x');
	CHECK_EQ(base_snprintf(buf, 0, "%s", "abcdef"), 6);
	CHECK_STR(buf, "abc");
	CHECK_EQ(base_snprintf(NULL, 0, "%d", 1234), 4);
	CHECK_EQ(base_scnprintf(buf, 4, "%s", "abcdef"), 3);
	CHECK_EQ(base_scnprintf(buf, 8, "%s", "ab"), 2);
	CHECK_EQ(base_scnprintf(buf, 0, "%s", "ab"), 0);
}

TEST(fmt_odd_formats)
{
	char buf[64];
	base_snprintf(buf, sizeof(buf), "%s", (const char *)NULL);
	CHECK_STR(buf, "(null)");
	base_snprintf(buf, sizeof(buf), "%p", (void *)0);
	CHECK_STR(buf, "0x0");
	base_snprintf(buf, sizeof(buf), "a%");
	CHECK_STR(buf, "a%");
	base_snprintf(buf, sizeof(buf), "a%y%d", 5);
	CHECK_STR(buf, "a%y5");
	CHECK_EQ(base_snprintf(buf, sizeof(buf), "%99999999999d", 5) > 1000000, true);
	CHECK_EQ(strlen(buf), 63);
}
