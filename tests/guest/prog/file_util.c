/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "file_util.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sys/stat.h>

static char dir[40];

void
file_enter(void)
{
	snprintf(dir, sizeof(dir), "/tmp/file-test.%d", (int)getpid());
	umask(022);
	CHECK_EQ(mkdir(dir, 0755), 0);
	CHECK_EQ(chdir(dir), 0);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	return type == FTW_DP || type == FTW_DNR ? rmdir(path) : unlink(path);
}

void
file_leave(void)
{
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CHECK_EQ(close(fd), 0);
}

void
file_copy(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_EXCL, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	CHECK_EQ(n, 0);
	close(in);
	CHECK_EQ(close(out), 0);
}

void
file_holds(const char *path, const char *text)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, buf, sizeof(buf)), (ssize_t)strlen(text));
	CHECK(memcmp(buf, text, strlen(text)) == 0);
	close(fd);
}

struct identity {
	uid_t uid;
	gid_t gid;
	void (*fn)(void);
};

static void
run_as(void *arg)
{
	const struct identity *id = arg;
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(id->gid, id->gid, id->gid), 0);
	CHECK_EQ(setresuid(id->uid, id->uid, id->uid), 0);
	id->fn();
}

void
file_as(uid_t uid, gid_t gid, void (*fn)(void))
{
	struct identity id = {uid, gid, fn};
	guest_fork_ok(run_as, &id);
}

mode_t
file_mode(const char *path)
{
	struct stat st;
	CHECK_EQ(lstat(path, &st), 0);
	return st.st_mode & 07777;
}
