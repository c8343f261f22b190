/* SPDX-License-Identifier: MIT */
/* openat2: what its RESOLVE flags refuse, and that no rename beside it opens what lies outside of a scope. */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "file_util.h"

#define NO_XDEV       1u
#define NO_MAGICLINKS 2u
#define NO_SYMLINKS   4u
#define BENEATH       8u
#define IN_ROOT       16u

struct open_how {
	uint64_t flags, mode, resolve;
};

static int
open_resolved(int dir, const char *path, uint64_t resolve)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static void
opens(int dir, const char *path, uint64_t resolve)
{
	int fd = open_resolved(dir, path, resolve);
	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

FILE_TEST(openat2_arguments)
{
	struct {
		struct open_how how;
		uint64_t more;
	} longer = {.how = {.flags = O_RDONLY}};
	file_put("f", "F");
	struct open_how how = {.flags = O_RDONLY};
	CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8), EINVAL);
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, "f", &longer, sizeof(longer));
	CHECK(fd >= 0);
	close(fd);
	longer.more = 1;
	CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &longer, sizeof(longer)), E2BIG);
	CHECK_ERRNO(open_resolved(AT_FDCWD, "f", 0x8000), EINVAL);
	CHECK_ERRNO(open_resolved(AT_FDCWD, "f", BENEATH | IN_ROOT), EINVAL);
	how.mode = 0600;
	CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)), EINVAL);
}

FILE_TEST(openat2_scopes)
{
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/s", 0755), 0);
	file_put("d/f", "F");
	file_put("g", "G");
	CHECK_EQ(symlink("/f", "d/absolute"), 0);
	CHECK_EQ(symlink("../g", "d/up"), 0);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	opens(d, "f", BENEATH);
	opens(d, "s/../f", BENEATH);
	CHECK_ERRNO(open_resolved(d, "../d/f", BENEATH), EXDEV);
	CHECK_ERRNO(open_resolved(d, "..", BENEATH), EXDEV);
	CHECK_ERRNO(open_resolved(d, "/tmp", BENEATH), EXDEV);
	CHECK_ERRNO(open_resolved(d, "absolute", BENEATH), EXDEV);
	CHECK_ERRNO(open_resolved(d, "up", BENEATH), EXDEV);
	opens(d, "/../../f", IN_ROOT);
	opens(d, "absolute", IN_ROOT);
	CHECK_ERRNO(open_resolved(d, "up", IN_ROOT), ENOENT);
	CHECK_ERRNO(open_resolved(d, "absolute", NO_SYMLINKS), ELOOP);
	CHECK_ERRNO(open_resolved(AT_FDCWD, "/dev/null", NO_XDEV), EXDEV);
	opens(AT_FDCWD, "d/s/../f", NO_XDEV);
	close(d);
}

/* A link to an open file leads out of any scope, also when the file has no place of its own. */
FILE_TEST(openat2_magic_links)
{
	int p[2];
	file_put("f", "F");
	int file = open("f", O_RDONLY), fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(pipe(p), 0);
	const int targets[] = {file, p[0]};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", targets[i]);
		opens(fds, name, 0);
		CHECK_ERRNO(open_resolved(fds, name, NO_MAGICLINKS), ELOOP);
		CHECK_ERRNO(open_resolved(fds, name, NO_SYMLINKS), ELOOP);
		CHECK_ERRNO(open_resolved(fds, name, BENEATH), EXDEV);
		CHECK_ERRNO(open_resolved(fds, name, IN_ROOT), EXDEV);
		CHECK_ERRNO(open_resolved(fds, name, NO_XDEV), EXDEV);
	}
	close(p[0]);
	close(p[1]);
	close(file);
	close(fds);
}

#define DEPTH  8
#define ROUNDS 1500

/* in/m/d/d/…, and the same way back up to the name. */
static void
make_scope(char *name)
{
	CHECK_EQ(mkdir("in", 0755), 0);
	CHECK_EQ(mkdir("out", 0755), 0);
	file_put("out/secret", "S");
	char path[3 * DEPTH] = "in/m";
	CHECK_EQ(mkdir(path, 0755), 0);
	strcpy(name, "m");
	for (int i = 1; i < DEPTH; i++) {
		strcat(path, "/d");
		strcat(name, "/d");
		CHECK_EQ(mkdir(path, 0755), 0);
	}
	for (int i = 0; i < DEPTH; i++)
		strcat(name, "/..");
	strcat(name, "/secret");
}

/* A directory that goes to and fro between inside and outside takes nobody along who was in it. */
FILE_TEST(race_openat2_scope)
{
	char name[6 * DEPTH + 16];
	make_scope(name);
	int in = open("in", O_RDONLY | O_DIRECTORY), status;
	pid_t mover = fork();
	if (mover == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			CHECK_EQ(rename("in/m", "out/m"), 0);
			CHECK_EQ(rename("out/m", "in/m"), 0);
		}
		_exit(0);
	}
	while (waitpid(mover, &status, WNOHANG) == 0) {
		CHECK(open_resolved(in, name, BENEATH) < 0);
		CHECK(errno == ENOENT || errno == EAGAIN);
		CHECK(open_resolved(in, name, IN_ROOT) < 0);
		CHECK(errno == ENOENT || errno == EAGAIN);
	}
	CHECK_EQ(status, 0);
	CHECK_ERRNO(open_resolved(in, name, BENEATH), ENOENT);
	close(in);
}
