/* SPDX-License-Identifier: MIT */
/* Renaming: flags, slashes, what is open, permissions, directories between parents, several at once. */
#include "guest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "file_util.h"

#define NOREPLACE 1u
#define EXCHANGE  2u

static int
rename_flags(const char *from, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

FILE_TEST(rename_flag_rules)
{
	file_put("a", "A");
	file_put("b", "B");
	CHECK_ERRNO(rename_flags("a", "b", NOREPLACE | EXCHANGE), EINVAL);
	CHECK_ERRNO(rename_flags("a", "b", 0x100), EINVAL);
	CHECK_ERRNO(rename_flags("a", "b", NOREPLACE), EEXIST);
	CHECK_ERRNO(rename_flags("a", "a", NOREPLACE), EEXIST);
	CHECK_EQ(rename_flags("a", "c", NOREPLACE), 0);
	CHECK_ERRNO(rename_flags("c", "none", EXCHANGE), ENOENT);
	CHECK_ERRNO(rename_flags("none", "c", EXCHANGE), ENOENT);
	CHECK_EQ(rename_flags("b", "c", EXCHANGE), 0);
	file_holds("b", "A");
	file_holds("c", "B");
}

FILE_TEST(rename_slashes)
{
	file_put("f", "F");
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERRNO(rename("f/", "g"), ENOTDIR);
	CHECK_ERRNO(rename("f", "g/"), ENOTDIR);
	CHECK_EQ(rename("d", "e/"), 0);
	CHECK_EQ(rename("e/", "d/"), 0);
	CHECK_ERRNO(rename("d/.", "x"), EBUSY);
	CHECK_ERRNO(rename("d/..", "x"), EBUSY);
	CHECK_ERRNO(rename("d", "d/x"), EINVAL);
	CHECK_ERRNO(rename("d", "nowhere/x"), ENOENT);
	CHECK_ERRNO(rename("d", "f/x"), ENOTDIR);
	CHECK_ERRNO(rename("", "x"), ENOENT);
	CHECK_ERRNO(rename("f", ""), ENOENT);
}

FILE_TEST(rename_over_what_is_open)
{
	char buf[10];
	struct stat st;
	file_put("old", "old");
	file_put("new", "new");
	int fd = open("old", O_RDWR);
	CHECK_EQ(rename("new", "old"), 0);
	file_holds("old", "new");
	CHECK_EQ(read(fd, buf, 10), 3);
	CHECK(memcmp(buf, "old", 3) == 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	close(fd);
	CHECK_EQ(mkdir("d1", 0755), 0);
	CHECK_EQ(mkdir("d2", 0755), 0);
	fd = open("d2", O_RDONLY);
	CHECK_EQ(rename("d1", "d2"), 0);
	CHECK_ERRNO(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOENT); /* it is gone */
	close(fd);
}

FILE_TEST(rename_directories_between_parents)
{
	struct stat up, p2;
	CHECK_EQ(mkdir("p1", 0755), 0);
	CHECK_EQ(mkdir("p2", 0755), 0);
	CHECK_EQ(mkdir("p1/d", 0755), 0);
	CHECK_EQ(mkdir("p1/d/sub", 0755), 0);
	file_put("p2/f", "F");
	CHECK_ERRNO(rename_flags("p1", "p1/d/sub", EXCHANGE), EINVAL);
	CHECK_ERRNO(rename_flags("p1/d/sub", "p1", EXCHANGE), EINVAL);
	CHECK_ERRNO(rename("p1", "p1/d/sub/x"), EINVAL);
	CHECK_EQ(rename_flags("p1/d", "p2/f", EXCHANGE), 0); /* a directory and a file */
	file_holds("p1/d", "F");
	CHECK_EQ(stat("p2/f/sub/../..", &up), 0);
	CHECK_EQ(stat("p2", &p2), 0);
	CHECK_EQ(up.st_ino, p2.st_ino);
	CHECK_EQ(p2.st_nlink, 3);
	CHECK_EQ(stat("p1", &up), 0);
	CHECK_EQ(up.st_nlink, 2);
}

static void
move_others_directory(void)
{
	CHECK_ERRNO(rename("mine/theirs", "elsewhere/theirs"), EACCES); /* its .. would change */
	CHECK_EQ(rename("mine/theirs", "mine/renamed"), 0);             /* a name in my directory */
	CHECK_ERRNO(rename("closed/f", "mine/f"), EACCES);
	CHECK_ERRNO(rename("mine/f", "closed/f"), EACCES);
	CHECK_ERRNO(rename("sticky/theirs", "sticky/x"), EPERM);
	CHECK_ERRNO(rename("mine/f", "sticky/theirs"), EPERM);
	CHECK_ERRNO(rename_flags("mine/f", "sticky/theirs", EXCHANGE), EPERM);
	CHECK_EQ(rename("mine/f", "elsewhere/f"), 0);
}

FILE_TEST(rename_permissions)
{
	static const char *const dirs[] = {"mine", "elsewhere", "closed", "sticky"};
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(mkdir(dirs[i], 0755), 0);
	CHECK_EQ(mkdir("mine/theirs", 0755), 0);
	file_put("mine/f", "");
	file_put("closed/f", "");
	file_put("sticky/theirs", "");
	CHECK_EQ(chown("mine", 1000, 1000), 0);
	CHECK_EQ(chown("elsewhere", 1000, 1000), 0);
	CHECK_EQ(chmod("sticky", 01777), 0);
	file_as(1000, 1000, move_others_directory);
}

/* Directories and files moved against each other between two parents: nobody waits for ever, nothing is lost. */
static void
move_around(int who)
{
	for (int i = 0; i < 300; i++) {
		char here[20], there[20];
		snprintf(here, sizeof(here), "%c/d%d", "ab"[who % 2], i % 3);
		snprintf(there, sizeof(there), "%c/d%d", "ba"[who % 2], (i + who) % 3);
		rename_flags(here, there, i % 2 ? EXCHANGE : NOREPLACE);
		snprintf(there, sizeof(there), "%c/d%d/in", "ba"[i % 2], i % 3);
		rename(here, there); /* one into the other */
		rename(there, here);
		rename_flags("a", "b", EXCHANGE);
	}
}

static int
count_directories(const char *path, int depth)
{
	int n = 0;
	for (int i = 0; i < 4 && depth < 8; i++) {
		char name[200];
		snprintf(name, sizeof(name), "%s/%s", path,
			(const char *[]){"d0", "d1", "d2", "in"}[i]);
		if (access(name, F_OK) == 0)
			n += 1 + count_directories(name, depth + 1);
	}
	return n;
}

FILE_TEST(rename_many_at_once)
{
	enum { N = 4 };
	pid_t pid[N];
	CHECK_EQ(mkdir("a", 0755), 0);
	CHECK_EQ(mkdir("b", 0755), 0);
	CHECK_EQ(mkdir("a/d0", 0755), 0);
	CHECK_EQ(mkdir("a/d1", 0755), 0);
	CHECK_EQ(mkdir("b/d2", 0755), 0);
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			move_around(i);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	int left = count_directories("a", 0) + count_directories("b", 0);
	CHECK(left >= 1 && left <= 3); /* an empty one may have been replaced */
}
