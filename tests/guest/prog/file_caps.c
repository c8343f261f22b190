/* SPDX-License-Identifier: MIT */
/* What calls on paths need of the security context: FSREAD to reach files, TMPWRITE to change, UNSIGNED to run. */
#include "file_util.h"
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi/swos.h"
#include "caps.h"
#include "swos_numbers.h"

/* Becomes a principal with these capabilities and the ids of user. */
static void
keep_only(uint64_t caps)
{
	struct swos_login login = {
		.size = sizeof(login), .uid = 1000, .gid = 1000, .session = 2, .caps = caps};
	CHECK_EQ(syscall(SYS_swos_login, &login), 0);
	struct swos_context now = {.size = sizeof(now)};
	CHECK_EQ(syscall(SYS_swos_context, &now), 0);
	CHECK_EQ(now.caps, caps);
	CHECK_EQ(now.principal, 1000);
	CHECK_ERRNO(syscall(SYS_swos_login, &login), EPERM); /* there is no way back */
}

static void
without_fsread(void *unused)
{
	struct stat st;
	struct statfs fs;
	struct timespec times[2] = {{1, 1}, {1, 1}};
	char buf[100];
	int fd = open("/etc/motd", O_RDONLY), dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && dir >= 0);
	keep_only(CAP_SPAWN | CAP_TMPWRITE);
	CHECK_ERRNO(open("/etc/motd", O_RDONLY), EPERM);
	CHECK_ERRNO(open("/tmp/new", O_RDWR | O_CREAT, 0600), EPERM);
	CHECK_ERRNO(openat(dir, "new", O_RDWR | O_CREAT, 0600), EPERM);
	CHECK_ERRNO(open("/nowhere", O_PATH), EPERM);
	CHECK_ERRNO(mkdir("/tmp/new", 0700), EPERM);
	CHECK_ERRNO(mknod("/tmp/new", S_IFIFO | 0600, 0), EPERM);
	CHECK_ERRNO(unlink("/tmp/new"), EPERM);
	CHECK_ERRNO(rmdir("/tmp/new"), EPERM);
	CHECK_ERRNO(rename("/tmp/a", "/tmp/b"), EPERM);
	CHECK_ERRNO(link("/etc/motd", "/tmp/b"), EPERM);
	CHECK_ERRNO(symlink("x", "/tmp/b"), EPERM);
	CHECK_ERRNO(readlink("/bin", buf, sizeof(buf)), EPERM);
	CHECK_ERRNO(truncate("/tmp/a", 0), EPERM);
	CHECK_ERRNO(chmod("/tmp/a", 0600), EPERM);
	CHECK_ERRNO(chown("/tmp/a", 1000, 1000), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "/tmp/a", times, 0), EPERM);
	CHECK_ERRNO(chdir("/"), EPERM);
	CHECK_ERRNO(fchdir(dir), EPERM);
	CHECK_ERRNO(chroot("/tmp"), EPERM);
	CHECK_ERRNO(statfs("/", &fs), EPERM);
	CHECK_ERRNO(stat("/etc/motd", &st), EPERM);
	CHECK_ERRNO(stat("/nowhere", &st), EPERM);
	CHECK_ERRNO(lstat("/bin", &st), EPERM);
	CHECK_ERRNO(fstatat(dir, "..", &st, 0), EPERM);
	CHECK_ERRNO(access("/etc/motd", F_OK), EPERM);
	CHECK_ERRNO(access("/nowhere", F_OK), EPERM);
	/* Its own handles, and the programs that it may run. */
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH), 0);
	CHECK_EQ(read(fd, buf, 5), 5);
	CHECK_EQ(syscall(SYS_newfstatat, dir, "", &st, AT_EMPTY_PATH), 0);
	CHECK_EQ(stat("/bin/busybox", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(access("/bin/busybox", X_OK), 0);
	CHECK_ERRNO(open("/bin/busybox", O_RDONLY), EPERM);
	execl("/bin/busybox", "true", (char *)NULL);
	guest_fail(__FILE__, __LINE__, "execve gave %d", errno);
}

GUEST_TEST(caps_fsread)
{
	guest_fork_ok(without_fsread, NULL);
}

static void
without_tmpwrite(void *unused)
{
	int fd = open("/tmp/caps-file", O_RDWR);
	CHECK(fd >= 0);
	keep_only(CAP_SPAWN | CAP_FSREAD);
	CHECK_ERRNO(open("/tmp/new", O_RDWR | O_CREAT, 0600), EPERM);
	CHECK_ERRNO(open("/tmp/caps-file", O_RDWR), EPERM);
	CHECK_ERRNO(mkdir("/tmp/new", 0700), EPERM);
	CHECK_ERRNO(unlink("/tmp/caps-file"), EPERM);
	CHECK_ERRNO(rename("/tmp/caps-file", "/tmp/b"), EPERM);
	CHECK_ERRNO(symlink("x", "/tmp/b"), EPERM);
	CHECK_ERRNO(truncate("/tmp/caps-file", 0), EPERM);
	CHECK_ERRNO(open("/tmp", O_TMPFILE | O_RDWR, 0600), EPERM);
	int ro = open("/tmp/caps-file", O_RDONLY);
	CHECK(ro >= 0);
	CHECK_EQ(write(fd, "x", 1), 1); /* a handle keeps what it was given */
	int null = open("/dev/null", O_RDWR);
	CHECK(null >= 0); /* devices are not files that hold anything */
	CHECK_EQ(write(null, "x", 1), 1);
}

GUEST_TEST(caps_tmpwrite)
{
	int fd = open("/tmp/caps-file", O_RDWR | O_CREAT | O_EXCL, 0666);
	CHECK(fd >= 0);
	CHECK_EQ(fchmod(fd, 0666), 0);
	int status = guest_fork(without_tmpwrite, NULL);
	close(fd);
	CHECK_EQ(unlink("/tmp/caps-file"), 0);
	CHECK_EQ(status, 0);
}

static bool
is_refused(long result)
{
	return result == -1 && (errno == EPERM || errno == EACCES);
}

static void
run_unsigned(void *caps)
{
	char *argv[] = {"true", NULL};
	int fd = open("/tmp/caps-busybox", O_RDONLY), mem = memfd_create("code", 0);
	CHECK(fd >= 0 && mem >= 0);
	CHECK_EQ(ftruncate(mem, 4096), 0);
	if (caps != NULL) {
		keep_only(*(uint64_t *)caps);
		int flags = MAP_PRIVATE, prot = PROT_READ | PROT_EXEC;
		CHECK(is_refused(execve("/tmp/caps-busybox", argv, NULL)));
		CHECK(is_refused(syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH)));
		CHECK(is_refused((long)mmap(NULL, 4096, prot, flags, fd, 0)));
		CHECK(is_refused((long)mmap(NULL, 4096, prot, flags, mem, 0)));
		void *m = mmap(NULL, 4096, PROT_READ, flags, fd, 0);
		CHECK(m != MAP_FAILED);
		CHECK(is_refused(mprotect(m, 4096, prot))); /* never by a detour */
		return;
	}
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	execve("/tmp/caps-busybox", argv, NULL);
	guest_fail(__FILE__, __LINE__, "execve gave %d", errno);
}

GUEST_TEST(caps_unsigned)
{
	uint64_t caps = CAP_ALL & ~(CAP_UNSIGNED | CAP_CONSOLE);
	file_copy("/bin/busybox", "/tmp/caps-busybox");
	int allowed = guest_fork(run_unsigned, NULL), refused = guest_fork(run_unsigned, &caps);
	CHECK_EQ(unlink("/tmp/caps-busybox"), 0);
	CHECK_EQ(allowed, 0);
	CHECK_EQ(refused, 0);
}
