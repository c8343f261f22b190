/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "kernel/fs/tmp/options.h"
#include "test.h"

#define RAM (1000ULL << 20)

static struct tmpfs_options
parse(const char *text, int want)
{
	struct tmpfs_options o = {.size = 1, .nr_inodes = 2, .mode = 01777};
	CHECK_EQ(tmpfs_parse_options(text, RAM, &o), want);
	return o;
}

TEST(tmpfs_options_keep_what_is_not_named)
{
	struct tmpfs_options o = parse("", 0);
	CHECK_EQ(o.size, 1);
	CHECK_EQ(o.nr_inodes, 2);
	CHECK_EQ(o.mode, 01777);
	CHECK_EQ(o.given, 0);
	o = parse(",,inode64,", 0);
	CHECK_EQ(o.size, 1);
}

TEST(tmpfs_options_scale)
{
	CHECK_EQ(parse("size=0", 0).size, 0);
	CHECK_EQ(parse("size=12345", 0).size, 12345);
	CHECK_EQ(parse("size=64k", 0).size, 64 << 10);
	CHECK_EQ(parse("size=3M", 0).size, 3 << 20);
	CHECK_EQ(parse("size=2g", 0).size, 2LL << 30);
	CHECK_EQ(parse("size=50%", 0).size, RAM / 2);
	CHECK_EQ(parse("size=100%", 0).size, RAM);
	CHECK_EQ(parse("nr_blocks=2k", 0).size, 2048 * 4096);
	CHECK_EQ(parse("nr_inodes=10k", 0).nr_inodes, 10240);
	CHECK_EQ(parse("size=17179869183g", 0).size, 17179869183ULL << 30);
}

TEST(tmpfs_options_of_the_root)
{
	struct tmpfs_options o = parse("mode=0755,uid=1000,gid=4294967294,size=1m", 0);
	CHECK_EQ(o.mode, 0755);
	CHECK_EQ(o.uid, 1000);
	CHECK_EQ(o.gid, 4294967294u);
	CHECK_EQ(o.given, TMPFS_GIVEN_SIZE);
	CHECK_EQ(parse("mode=7777", 0).mode, 07777);
}

TEST(tmpfs_options_refuse_what_they_do_not_know)
{
	static const char *const bad[] = {"size", "size=", "size=k", "size=1x", "size=1kk",
		"size=-1", "size=101%", "size=5%%", "size=18446744073709551616",
		"size=17179869184g", "mode=8", "mode=10000", "mode=0x1", "uid=4294967295", "gid=a",
		"nr_inodes=1%", "bogus", "bogus=1", "=1", "size=1 ", "SIZE=1",
		"nr_blocks=18446744073709551615", "size=1,bogus", "size =1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		parse(bad[i], -EINVAL);
}
