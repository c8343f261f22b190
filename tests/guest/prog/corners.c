/* SPDX-License-Identifier: MIT */
/* Corners of the file calls in which Linux's own judge found swos to differ. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "file_util.h"
#include "guest.h"

#define ST_NOATIME_BIT     0x400
#define ST_NODIRATIME_BIT  0x800
#define ST_RELATIME_BIT    0x1000
#define ST_NOSYMFOLLOW_BIT 0x2000
#define MS_NOSYMFOLLOW_BIT 256
#define FICLONE_CALL       0x40049409
#define RNDGETENTCNT_CALL  0x80045200

static char page[4096];

static int
watch(int fd, uint32_t events)
{
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = events, .data.fd = fd};
	CHECK(ep >= 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	return ep;
}

static int
events_now(int ep)
{
	struct epoll_event e = {0};
	int n = epoll_wait(ep, &e, 1, 0);
	CHECK(n >= 0);
	return n == 0 ? 0 : (int)e.events;
}

/* A reader who leaves something, and a writer who leaves room, give nobody a new edge. */
GUEST_TEST(corner_pipe_edges)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	int in = watch(p[0], EPOLLIN | EPOLLET), out = watch(p[1], EPOLLOUT | EPOLLET);
	CHECK_EQ(events_now(out), EPOLLOUT);
	CHECK_EQ(write(p[1], page, 4096), 4096);
	CHECK_ERRNO(write(p[1], page, 1), EAGAIN);
	CHECK_EQ(events_now(in), EPOLLIN);
	CHECK_EQ(read(p[0], page, 2048), 2048);
	CHECK_EQ(events_now(in), 0);
	CHECK_EQ(events_now(out), 0); /* the page is not free yet */
	CHECK_EQ(read(p[0], page, 2048), 2048);
	CHECK_EQ(events_now(out), EPOLLOUT);
	CHECK_EQ(events_now(in), 0);
	/* Within a page: each write is an edge for readers; a read of a pipe that has room is none for writers. */
	CHECK_EQ(write(p[1], page, 10), 10);
	CHECK_EQ(events_now(in), EPOLLIN);
	CHECK_EQ(write(p[1], page, 10), 10);
	CHECK_EQ(events_now(in), EPOLLIN);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 65536), 65536);
	(void)events_now(out);
	CHECK_EQ(read(p[0], page, 15), 15);
	CHECK_EQ(events_now(in), 0);
	CHECK_EQ(events_now(out), 0);
}

static void
take_part(void *arg)
{
	const int *p = arg;
	char c[10];
	CHECK_EQ(read(p[0], c, 10), 10);
}

/* One write wakes one reader; it leaves enough for the next, which must not sleep on. */
GUEST_TEST(corner_pipe_readers_pass_on)
{
	int p[2];
	pid_t pid[4];
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 4; i++)
		pid[i] = guest_spawn(take_part, p);
	for (int i = 0; i < 4; i++)
		guest_await_sleep(pid[i]);
	CHECK_EQ(write(p[1], page, 40), 40);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
}

GUEST_TEST(corner_epoll_refuses_plain_devices)
{
	static const char *const names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"};
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open(names[i], O_RDWR);
		CHECK(fd >= 0);
		CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), EPERM);
		struct pollfd f = {fd, POLLIN | POLLOUT, 0};
		CHECK_EQ(poll(&f, 1, 0), 1);
		CHECK_EQ(f.revents, POLLIN | POLLOUT);
	}
	int fd = open("/dev/random", O_RDWR);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
}

static int lock_fd;

static void
see_locks(void *arg)
{
	static const struct {
		short type;
		long start, len;
	} want[] = {{F_RDLCK, 1, 4}, {F_WRLCK, 5, 10}, {F_RDLCK, 15, 6}};
	struct flock l = {.l_type = F_WRLCK};
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(fcntl(lock_fd, F_GETLK, &l), 0);
		CHECK_EQ(l.l_type, want[i].type);
		CHECK_EQ(l.l_start, want[i].start);
		CHECK_EQ(l.l_len, want[i].len);
		l = (struct flock){.l_type = F_WRLCK, .l_start = want[i].start + want[i].len};
	}
	CHECK_EQ(fcntl(lock_fd, F_GETLK, &l), 0);
	CHECK_EQ(l.l_type, F_UNLCK);
}

/* What is in the way is shown in the order of the file, also where one lock was cut by another. */
FILE_TEST(corner_locks_are_found_in_order)
{
	file_put("a", "some text");
	lock_fd = open("a", O_RDWR);
	struct flock l = {.l_type = F_RDLCK, .l_start = 1, .l_len = 20};
	CHECK_EQ(fcntl(lock_fd, F_SETLK, &l), 0);
	l = (struct flock){.l_type = F_WRLCK, .l_start = 5, .l_len = 10};
	CHECK_EQ(fcntl(lock_fd, F_SETLK, &l), 0);
	guest_fork_ok(see_locks, NULL);
	close(lock_fd);
}

static void
create_with_group(void)
{
	umask(010); /* must not keep the group's bit from being looked at */
	int fd = open("g/f", O_CREAT | O_WRONLY, 02777);
	CHECK(fd >= 0);
	CHECK_EQ(mknod("g/n", S_IFIFO | 02777, 0), 0);
}

FILE_TEST(corner_no_set_gid_for_strangers)
{
	CHECK_EQ(mkdir("g", 0777), 0);
	CHECK_EQ(chown("g", 0, 77), 0);
	CHECK_EQ(chmod("g", 02777), 0);
	file_as(1000, 1000, create_with_group);
	CHECK_EQ(file_mode("g/f"), 0767);
	CHECK_EQ(file_mode("g/n"), 0767);
}

static long
flags_of(const char *path)
{
	struct statfs s;
	CHECK_EQ(statfs(path, &s), 0);
	return s.f_flags;
}

FILE_TEST(corner_mount_flags_are_shown)
{
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(mount("x", "m", "tmpfs", MS_NOSUID | MS_NODIRATIME | MS_NOSYMFOLLOW_BIT, ""), 0);
	CHECK_EQ(flags_of("m") & ~0x20,
		MS_NOSUID | ST_NODIRATIME_BIT | ST_RELATIME_BIT | ST_NOSYMFOLLOW_BIT);
	CHECK_EQ(mount(NULL, "m", NULL, MS_BIND | MS_REMOUNT | MS_NOATIME, NULL), 0);
	CHECK_EQ(flags_of("m") & ~0x20, ST_NOATIME_BIT);
	CHECK_EQ(mount(NULL, "m", NULL, MS_BIND | MS_REMOUNT | MS_STRICTATIME, NULL), 0);
	CHECK_EQ(flags_of("m") & ~0x20, 0);
	CHECK_EQ(umount("m"), 0);
}

/* A second read changes the time only where the mount wants it exact. */
FILE_TEST(corner_strict_access_times)
{
	struct stat a, b;
	char c;
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(mount("x", "m", "tmpfs", MS_STRICTATIME, ""), 0);
	file_put("m/f", "abcd");
	int fd = open("m/f", O_RDONLY);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(fstat(fd, &a), 0);
	guest_sleep_ms(20);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(fstat(fd, &b), 0);
	CHECK(b.st_atim.tv_sec != a.st_atim.tv_sec || b.st_atim.tv_nsec != a.st_atim.tv_nsec);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}

GUEST_TEST(corner_statfs_of_nameless_files)
{
	int p[2], ep = epoll_create1(0);
	struct statfs s;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fstatfs(p[0], &s), 0);
	CHECK_EQ(s.f_type, 0x50495045);
	CHECK_EQ(fstatfs(ep, &s), 0);
	CHECK_EQ(s.f_type, 0x09041934);
}

FILE_TEST(corner_ioctls)
{
	int n = -1, fd = open("/dev/urandom", O_RDONLY);
	CHECK_EQ(ioctl(fd, RNDGETENTCNT_CALL, &n), 0);
	CHECK(n == 0 || n == 256);
	close(fd);
	file_put("a", "a");
	fd = open("a", O_RDWR);
	CHECK_ERRNO(ioctl(fd, FICLONE_CALL, fd), EOPNOTSUPP);
	close(fd);
}

static void
ask_for_more(void)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 8192), 8192);
	CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, 8193), EPERM);
}

GUEST_TEST(corner_pipe_max_size_is_set)
{
	static const char path[] = "/proc/sys/fs/pipe-max-size";
	file_holds(path, "1048576\n");
	int fd = open(path, O_WRONLY), p[2];
	CHECK(fd >= 0);
	CHECK_ERRNO(write(fd, "100", 3), EINVAL);
	CHECK_EQ(pwrite(fd, "8000", 4, 0), 4);
	file_holds(path, "8192\n");
	file_as(1000, 1000, ask_for_more);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 16384), 16384); /* root may exceed it */
	CHECK_EQ(pwrite(fd, "1048576", 7, 0), 7);
	close(fd);
}
