/* SPDX-License-Identifier: MIT */
/* Who may do what with a file: mode bits by class, umask, access(2) for the real ids, chmod, chown, utimens. */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "file_util.h"

static void
make(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	file_put(path, "x");
	CHECK_EQ(chown(path, uid, gid), 0);
	CHECK_EQ(chmod(path, mode), 0);
}

/* 0 or the errno of opening so. */
static int
open_error(const char *path, int flags)
{
	int fd = open(path, flags);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void
try_classes(void)
{
	CHECK_EQ(
		open_error("owner-none", O_RDONLY), EACCES); /* the first class that fits decides */
	CHECK_EQ(open_error("group-none", O_RDONLY), EACCES);
	CHECK_EQ(open_error("other", O_RDONLY), 0);
	CHECK_EQ(open_error("other", O_WRONLY), EACCES);
	CHECK_EQ(open_error("owner", O_RDWR), 0);
	CHECK_EQ(open_error("group", O_RDWR), 0);
	CHECK_EQ(open_error("write-only", O_WRONLY), 0);
	CHECK_EQ(open_error("write-only", O_RDONLY), EACCES);
	CHECK_EQ(open_error("write-only", O_RDWR), EACCES);
	CHECK_EQ(open_error("other", O_RDONLY | O_TRUNC), EACCES);
	CHECK_EQ(open_error("search/f", O_RDONLY), 0);
	CHECK_EQ(open_error("search", O_RDONLY), EACCES);
	CHECK_EQ(open_error("list/f", O_RDONLY), EACCES);
	CHECK_EQ(open_error("list", O_RDONLY), 0);
}

FILE_TEST(file_classes)
{
	make("owner-none", 1000, 1000, 0077);
	make("group-none", 0, 1000, 0707);
	make("other", 0, 0, 0004);
	make("owner", 1000, 0, 0600);
	make("group", 0, 1000, 0060);
	make("write-only", 1000, 0, 0200);
	CHECK_EQ(mkdir("search", 0755), 0);
	CHECK_EQ(mkdir("list", 0755), 0);
	make("search/f", 0, 0, 0644);
	make("list/f", 0, 0, 0644);
	CHECK_EQ(chmod("search", 0711), 0);
	CHECK_EQ(chmod("list", 0744), 0);
	file_as(1000, 1000, try_classes);
	CHECK_EQ(open_error("owner-none", O_RDWR), 0); /* root */
}

static void
with_groups(void *unused)
{
	gid_t groups[] = {500, 600, 700};
	CHECK_EQ(setgroups(3, groups), 0);
	CHECK_EQ(setgid(1000), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_EQ(open_error("g600", O_RDONLY), 0);
	CHECK_EQ(open_error("g601", O_RDONLY), EACCES);
	CHECK_EQ(chown("mine", (uid_t)-1, 700), 0); /* to a group of the owner's */
	CHECK_ERRNO(chown("mine", (uid_t)-1, 701), EPERM);
	CHECK_ERRNO(chown("mine", 1001, (gid_t)-1), EPERM);
	CHECK_ERRNO(chown("g600", (uid_t)-1, 600), EPERM); /* not the owner */
}

FILE_TEST(file_supplementary_groups)
{
	make("g600", 0, 600, 0040);
	make("g601", 0, 601, 0040);
	make("mine", 1000, 1000, 0644);
	guest_fork_ok(with_groups, NULL);
}

FILE_TEST(file_umask)
{
	CHECK_EQ(umask(027), 022);
	int fd = open("f", O_CREAT | O_RDWR, 0777);
	close(fd);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(mkfifo("p", 0666), 0);
	CHECK_EQ(file_mode("f"), 0750);
	CHECK_EQ(file_mode("d"), 0750);
	CHECK_EQ(file_mode("p"), 0640);
	CHECK_EQ(umask(07777), 027);
	CHECK_EQ(umask(0), 0777); /* only permission bits */
	CHECK_EQ(chmod("f", 06777), 0);
	CHECK_EQ(file_mode("f"), 06777); /* chmod does not care */
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_EQ(file_mode("l"), 0777);
	umask(022);
}

static void
effective_only(void *unused)
{
	CHECK_EQ(setresuid(1000, 0, 0), 0); /* real 1000, effective root */
	CHECK_EQ(open_error("roots", O_RDWR), 0);
	CHECK_ERRNO(access("roots", R_OK), EACCES);
	CHECK_EQ(faccessat(AT_FDCWD, "roots", R_OK, AT_EACCESS), 0);
	CHECK_EQ(access("roots", F_OK), 0);
}

FILE_TEST(file_access_asks_for_the_real_user)
{
	make("roots", 0, 0, 0600);
	guest_fork_ok(effective_only, NULL);
	CHECK_ERRNO(access("roots", 8), EINVAL);
	CHECK_ERRNO(access("none", F_OK), ENOENT);
	CHECK_ERRNO(access("roots/x", F_OK), ENOTDIR);
	CHECK_ERRNO(access("roots", X_OK), EACCES); /* root needs an x somewhere */
}

static void
change_modes(void)
{
	CHECK_EQ(chmod("mine", 0700), 0);
	CHECK_ERRNO(chmod("roots", 0777), EPERM);
	CHECK_EQ(chmod("other-group", 02755), 0);
	CHECK_EQ(file_mode("other-group"), 0755); /* not a group of the caller's: no set-group-id */
	CHECK_EQ(chmod("mine", 06755), 0);
	CHECK_EQ(file_mode("mine"), 06755);
	int fd = open("suid", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "y", 1), 1);
	close(fd);
	CHECK_EQ(file_mode("suid"), 0777); /* a write by another than root takes them off */
}

FILE_TEST(file_chmod_rules)
{
	make("mine", 1000, 1000, 0644);
	make("roots", 0, 0, 0666);
	make("other-group", 1000, 0, 0644);
	make("suid", 0, 0, 06777);
	file_as(1000, 1000, change_modes);
	CHECK_EQ(chown("mine", 0, 0), 0);
	CHECK_EQ(file_mode("mine"), 0755);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(chmod("d", 02755), 0);
	CHECK_EQ(chown("d", 5, 5), 0);
	CHECK_EQ(file_mode("d"), 02755); /* a directory keeps it */
}

static void
change_times(void)
{
	struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, then[2] = {{5, 6}, {7, 8}};
	struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	CHECK_EQ(utimensat(AT_FDCWD, "mine", then, 0), 0);
	CHECK_EQ(utimensat(AT_FDCWD, "writable", now, 0), 0); /* whoever may write may touch */
	CHECK_EQ(utimensat(AT_FDCWD, "writable", NULL, 0), 0);
	CHECK_ERRNO(utimensat(AT_FDCWD, "writable", then, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
	CHECK_EQ(utimensat(AT_FDCWD, "readable", omit, 0), 0); /* nothing to do */
}

FILE_TEST(file_times_rules)
{
	struct stat before, after;
	make("mine", 1000, 1000, 0400);
	make("writable", 0, 0, 0666);
	make("readable", 0, 0, 0644);
	file_as(1000, 1000, change_times);
	CHECK_EQ(stat("mine", &before), 0);
	CHECK_EQ(before.st_atim.tv_sec, 5);
	CHECK_EQ(before.st_mtim.tv_nsec, 8);
	file_put("readable", "y");
	CHECK_EQ(stat("readable", &after), 0);
	CHECK(after.st_mtim.tv_sec > 1000);
	CHECK_EQ(mkdir("d", 0755), 0);
	struct timespec old[2] = {{9, 0}, {9, 0}};
	CHECK_EQ(utimensat(AT_FDCWD, "d", old, 0), 0);
	file_put("d/f", ""); /* a name changes its directory */
	CHECK_EQ(stat("d", &after), 0);
	CHECK(after.st_mtim.tv_sec > 9);
}

enum { WRITERS = 4, RECORDS = 200, RECORD = 32 };

FILE_TEST(file_appends_are_whole)
{
	pid_t pid[WRITERS];
	char record[RECORD], at[RECORD];
	int count[WRITERS] = {0};
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			int fd = open("log", O_WRONLY | O_APPEND | O_CREAT, 0644);
			memset(record, 'a' + i, RECORD);
			for (int j = 0; j < RECORDS; j++)
				if (write(fd, record, RECORD) != RECORD)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	int fd = open("log", O_RDONLY);
	while (read(fd, at, RECORD) == RECORD) {
		for (int k = 1; k < RECORD; k++)
			CHECK_EQ(at[k], at[0]);
		count[at[0] - 'a']++;
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(count[i], RECORDS);
	close(fd);
}
