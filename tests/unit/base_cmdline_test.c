/* SPDX-License-Identifier: MIT */
/* The kernel command line. */
#include <errno.h>
#include <string.h>
#include "base/cmdline.h"
#include "tests/unit/test.h"

static void
next_is(const char **line, const char *key, const char *value)
{
	struct cmdline_word w;
	CHECK(cmdline_next(line, &w));
	CHECK_EQ(w.key_len, strlen(key));
	CHECK_MEM(w.key, key, w.key_len);
	CHECK_EQ(w.value != NULL, value != NULL);
	if (value) {
		CHECK_EQ(w.value_len, strlen(value));
		CHECK_MEM(w.value, value, w.value_len);
	}
}

TEST(cmdline_words)
{
	const char *line = "  quiet a= b=1\tc=\"x y\" d=e\"f g\"h \"i j=k\" run=\"echo a=b\" \"\" "
			   "last=\"open end ";
	struct cmdline_word w;
	next_is(&line, "quiet", NULL);
	next_is(&line, "a", "");
	next_is(&line, "b", "1");
	next_is(&line, "c", "x y");
	next_is(&line, "d", "e\"f g\"h");
	next_is(&line, "i j", "k");
	next_is(&line, "run", "echo a=b");
	next_is(&line, "", NULL);
	next_is(&line, "last", "open end ");
	CHECK(!cmdline_next(&line, &w));
	CHECK(!cmdline_next(&line, &w));
}

TEST(cmdline_strings)
{
	char buf[8];
	const char *line = "nokaslr run=\"true x\" run=no log=debugging";
	CHECK(cmdline_has(line, "nokaslr"));
	CHECK(!cmdline_has(line, "kaslr"));
	CHECK(!cmdline_has(line, "nokasl"));
	CHECK_EQ(cmdline_get_string(line, "run", buf, sizeof(buf)), 2);
	CHECK_STR(buf, "no");
	CHECK_EQ(cmdline_get_string(line, "log", buf, sizeof(buf)), -ERANGE);
	CHECK_STR(buf, "");
	CHECK_EQ(cmdline_get_string(line, "nokaslr", buf, sizeof(buf)), -ENOENT);
	CHECK_EQ(cmdline_get_string("", "run", buf, sizeof(buf)), -ENOENT);
}

TEST(cmdline_numbers)
{
	const char *line = "a=0 b=18446744073709551615 c=18446744073709551616 d=0x10 e=4k f=3G g= "
			   "h=1x i=k j=0x "
			   "l=20000000000G m=-1 n=0xFfM";
	uint64_t n = 7;
	CHECK_EQ(cmdline_get_number(line, "g", &n), -EINVAL);
	CHECK_EQ(cmdline_get_number(line, "z", &n), -ENOENT);
	CHECK_EQ(cmdline_get_number(line, "c", &n), -ERANGE);
	CHECK_EQ(cmdline_get_number(line, "h", &n), -EINVAL);
	CHECK_EQ(cmdline_get_number(line, "i", &n), -EINVAL);
	CHECK_EQ(cmdline_get_number(line, "j", &n), -EINVAL);
	CHECK_EQ(cmdline_get_number(line, "l", &n), -ERANGE);
	CHECK_EQ(cmdline_get_number(line, "m", &n), -EINVAL);
	CHECK_EQ(n, 7);
	CHECK_EQ(cmdline_get_number(line, "a", &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(cmdline_get_number(line, "b", &n), 0);
	CHECK_EQ(n, UINT64_MAX);
	CHECK_EQ(cmdline_get_number(line, "d", &n), 0);
	CHECK_EQ(n, 16);
	CHECK_EQ(cmdline_get_number(line, "e", &n), 0);
	CHECK_EQ(n, 4096);
	CHECK_EQ(cmdline_get_number(line, "f", &n), 0);
	CHECK_EQ(n, UINT64_C(3) << 30);
	CHECK_EQ(cmdline_get_number(line, "n", &n), 0);
	CHECK_EQ(n, 255 << 20);
}
