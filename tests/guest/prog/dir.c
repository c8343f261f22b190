/* SPDX-License-Identifier: MIT */
/* Directories: listing with seeks and small buffers, while names come and go, in each file system; depth. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "file_util.h"

enum { NAMES = 64 };

static void
make_names(const char *prefix, int n)
{
	char name[40];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		file_put(name, "");
	}
}

FILE_TEST(dir_seeks)
{
	make_names("n", NAMES);
	static struct {
		long before;
		char name[40];
	} seen[NAMES + 3];
	DIR *d = opendir(".");
	CHECK(d != NULL);
	int n = 0;
	for (;; n++) {
		seen[n].before = telldir(d);
		struct dirent *e = readdir(d);
		if (e == NULL)
			break;
		CHECK(n < NAMES + 2);
		snprintf(seen[n].name, sizeof(seen[n].name), "%s", e->d_name);
	}
	CHECK_EQ(n, NAMES + 2);
	for (int i = n - 1; i >= 0; i -= 5) { /* from each place the rest is the same */
		seekdir(d, seen[i].before);
		for (int j = i; j < n; j++) {
			struct dirent *e = readdir(d);
			CHECK(e != NULL);
			CHECK_EQ(strcmp(e->d_name, seen[j].name), 0);
		}
		CHECK(readdir(d) == NULL);
	}
	closedir(d);
}

/* Lists with a buffer of that size; how many names there are. */
static int
list_with(const char *path, size_t size)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_DIRECTORY), count = 0;
	CHECK(fd >= 0);
	long n;
	while ((n = syscall(SYS_getdents64, fd, buf, size)) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent *e = (const struct dirent *)(const void *)(buf + at);
			CHECK(e->d_reclen >= 24 && e->d_reclen % 8 == 0 && at + e->d_reclen <= n);
			CHECK(strlen(e->d_name) < e->d_reclen - offsetof(struct dirent, d_name));
			CHECK(e->d_ino != 0);
			count++;
			at += e->d_reclen;
		}
	}
	CHECK_EQ(n, 0);
	close(fd);
	return count;
}

FILE_TEST(dir_small_buffers)
{
	static const char *const others[] = {"/", "/bin", "/etc", "/dev", "/proc/self"};
	make_names("some-longer-name-", NAMES);
	for (size_t size = 48; size < 200; size += 8)
		CHECK_EQ(list_with(".", size), NAMES + 2);
	CHECK_EQ(list_with(".", 4096), NAMES + 2);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK_EQ(list_with(others[i], 280), list_with(others[i], 4096));
}

/* Names that are there all the time are seen once, whatever comes and goes beside them. */
static void
come_and_go(void)
{
	char name[40], other[40];
	for (int i = 0;; i++) {
		snprintf(name, sizeof(name), "temporary-%d", i % 7);
		snprintf(other, sizeof(other), "renamed-%d", i % 5);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);
		close(fd);
		if (i % 3 == 0)
			rename(name, other);
		unlink(i % 2 ? name : other);
	}
}

FILE_TEST(dir_lists_while_names_change)
{
	make_names("n", NAMES);
	pid_t pid = fork();
	if (pid == 0)
		come_and_go();
	for (int round = 0; round < 100; round++) {
		bool seen[NAMES] = {false};
		int i, count = 0;
		DIR *d = opendir(".");
		CHECK(d != NULL);
		struct dirent *e;
		while ((e = readdir(d)) != NULL) {
			if (sscanf(e->d_name, "n%d", &i) != 1)
				continue;
			CHECK(!seen[i]);
			seen[i] = true;
			count++;
		}
		CHECK_EQ(count, NAMES);
		closedir(d);
	}
	kill(pid, 9);
	guest_reap(pid);
}

FILE_TEST(dir_removed_is_empty)
{
	CHECK_EQ(mkdir("d", 0755), 0);
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	char buf[256];
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERRNO(mkdirat(fd, "x", 0700), ENOENT);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	close(fd);
}

FILE_TEST(dir_deep)
{
	enum { DEPTH = 1000 };
	char cwd[8192];
	for (int i = 0; i < DEPTH; i++) {
		CHECK_EQ(mkdir("level", 0755), 0);
		CHECK_EQ(chdir("level"), 0);
	}
	file_put("bottom", "here");
	file_holds("bottom", "here");
	CHECK_ERRNO(syscall(SYS_getcwd, cwd, 1000), ENAMETOOLONG);
	CHECK_ERRNO(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENAMETOOLONG);
	CHECK_EQ(unlink("bottom"), 0);
	for (int i = 0; i < DEPTH; i++) {
		CHECK_EQ(chdir(".."), 0);
		CHECK_EQ(rmdir("level"), 0);
	}
}

FILE_TEST(dir_counts_links)
{
	struct stat st;
	CHECK_EQ(mkdir("d", 0755), 0);
	for (int i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "d/%d", i);
		CHECK_EQ(mkdir(name, 0755), 0);
	}
	CHECK_EQ(stat("d", &st), 0);
	CHECK_EQ(st.st_nlink, 7);
	CHECK_EQ(rename("d/0", "moved"), 0);
	CHECK_EQ(rmdir("d/1"), 0);
	CHECK_EQ(stat("d", &st), 0);
	CHECK_EQ(st.st_nlink, 5);
	CHECK_EQ(rename("d/2", "d/3"), 0); /* replaces an empty one */
	CHECK_EQ(stat("d", &st), 0);
	CHECK_EQ(st.st_nlink, 4);
	CHECK_EQ(stat(".", &st), 0);
	CHECK_EQ(st.st_nlink, 4);
}
