/* SPDX-License-Identifier: MIT */
/* Descriptors: numbers, sharing, flags, vectors, offsets, limits. */
#include "guest.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int
temp_file(void)
{
	char name[] = "/tmp/guest-XXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	return fd;
}

GUEST_TEST(fd_lowest_number_first)
{
	while (dup(0) < 100) /* whatever was open before, it has no holes now */
		;
	int a = dup(0), b = dup(0), c = dup(0);
	CHECK_EQ(b, a + 1);
	CHECK_EQ(c, a + 2);
	CHECK_EQ(close(b), 0);
	CHECK_ERRNO(close(b), EBADF);
	CHECK_EQ(dup(0), b);
	CHECK_EQ(fcntl(0, F_DUPFD, b), c + 1);
	CHECK_EQ(fcntl(0, F_DUPFD, 500), 500);
	CHECK_ERRNO(fcntl(0, F_DUPFD, -1), EINVAL);
	CHECK_ERRNO(fcntl(0, F_DUPFD, INT_MAX), EINVAL);
	CHECK_ERRNO(fcntl(9999, F_DUPFD, 0), EBADF);
	CHECK_ERRNO(dup(-1), EBADF);
	CHECK_ERRNO(dup(INT_MAX), EBADF);
}

GUEST_TEST(fd_dup2_and_dup3)
{
	int fd = temp_file();
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(dup2(fd, 77), 77);
	CHECK_EQ(dup2(fd, 77), 77);
	CHECK_ERRNO(dup2(99, 99), EBADF);
	CHECK_ERRNO(dup2(fd, -1), EBADF);
	CHECK_ERRNO(dup2(fd, INT_MAX), EBADF);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_ERRNO(dup3(fd, 78, O_APPEND), EINVAL);
	CHECK_EQ(dup3(fd, 78, O_CLOEXEC), 78);
	CHECK_EQ(fcntl(78, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(dup(78), F_GETFD), 0);
	/* One offset for all. */
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	CHECK_EQ(lseek(77, 0, SEEK_CUR), 6);
	CHECK_EQ(lseek(78, 2, SEEK_SET), 2);
	char c;
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'c');
}

GUEST_TEST(fd_unknown_commands_are_errors)
{
	CHECK_ERRNO(fcntl(0, 999, 0), EINVAL);
	CHECK_ERRNO(fcntl(9999, 999, 0), EBADF);
	int fd = temp_file();
	CHECK_ERRNO(ioctl(fd, 0x12345678, 0), ENOTTY);
	CHECK_ERRNO(ioctl(9999, FIONREAD, 0), EBADF);
	CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF);
}

/* What open(2) was asked for and is true of the open file; and that each may be large, which the caller did not say. */
GUEST_TEST(fd_flags_of_open)
{
	const int large = 0400000, tmpfile = 020040000;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/tmp", tmpfile | O_RDWR, 0600);
	CHECK_EQ(fcntl(fd, F_GETFL), tmpfile | O_RDWR | large);
	close(fd);
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDONLY | O_DIRECTORY | large);
	close(fd);
	fd = (int)syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_RDWR, 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
	close(fd);
	fd = memfd_create("flags", 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | large);
	close(fd);
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY);
	close(p[0]);
	close(p[1]);
}

GUEST_TEST(fd_status_flags)
{
	int fd = temp_file();
	int flags = fcntl(fd, F_GETFL);
	CHECK_EQ(flags & O_ACCMODE, O_RDWR);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	int off = 0, on = 1;
	CHECK_EQ(ioctl(fd, FIONBIO, &off), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(ioctl(fd, FIONBIO, &on), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQ(ioctl(fd, FIOCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(ioctl(fd, FIONCLEX), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
	CHECK_EQ(write(fd, "123", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "45", 2), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	int left;
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(ioctl(fd, FIONREAD, &left), 0);
	CHECK_EQ(left, 4);
}

GUEST_TEST(fd_vectors)
{
	int fd = temp_file();
	struct iovec v[3] = {{"abc", 3}, {NULL, 0}, {"defg", 4}};
	CHECK_EQ(writev(fd, v, 3), 7);
	char a[2], b[10];
	struct iovec r[4] = {{NULL, 0}, {a, 2}, {NULL, 0}, {b, sizeof(b)}};
	CHECK_EQ(preadv(fd, r, 4, 1), 6);
	CHECK(memcmp(a, "bc", 2) == 0 && memcmp(b, "defg", 4) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, r, 4), 7);
	CHECK_EQ(readv(fd, r, 0), 0);
	CHECK_ERRNO(readv(fd, r, IOV_MAX + 1), EINVAL);
	CHECK_ERRNO(readv(fd, r, -1), EINVAL);
	CHECK_ERRNO(readv(fd, (void *)8, 1), EFAULT);
	r[1].iov_len = (size_t)-1;
	CHECK_ERRNO(readv(fd, r, 2), EINVAL);
	struct iovec many[IOV_MAX];
	for (int i = 0; i < IOV_MAX; i++)
		many[i] = (struct iovec){"x", 1};
	CHECK_EQ(pwritev(fd, many, IOV_MAX, 100), IOV_MAX);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 100 + IOV_MAX);
	CHECK_ERRNO(preadv(fd, r, 1, -1), EINVAL);
}

GUEST_TEST(fd_offsets)
{
	int fd = temp_file(), p[2];
	char c;
	CHECK_EQ(pwrite(fd, "z", 1, 9), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(pread(fd, &c, 1, 10), 0);
	CHECK_ERRNO(pread(fd, &c, 1, -1), EINVAL);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 1000, SEEK_SET), 1000);
	CHECK_EQ(read(fd, &c, 1), 0);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(p[0], &c, 1, 0), ESPIPE);
}

GUEST_TEST(fd_bad_memory_moves_nothing)
{
	int fd = temp_file();
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(munmap(page + 4096, 4096), 0);
	memset(page, 'x', 4096);
	CHECK_ERRNO(write(fd, (void *)16, 10), EFAULT);
	CHECK_ERRNO(write(fd, (void *)-16, 10), EFAULT);
	CHECK_ERRNO(write(fd, page, (size_t)-1), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_EQ(write(fd, page + 4096 - 100, 200), 100);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERRNO(read(fd, (void *)16, 10), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(read(fd, page + 4096 - 50, 100), 50);
}

GUEST_TEST(fd_wrong_direction)
{
	char c = 0;
	int r = open("/dev/null", O_RDONLY), w = open("/dev/null", O_WRONLY),
	    d = open("/", O_RDONLY);
	CHECK_ERRNO(write(r, &c, 1), EBADF);
	CHECK_ERRNO(read(w, &c, 1), EBADF);
	CHECK_ERRNO(read(d, &c, 1), EISDIR);
	CHECK_ERRNO(write(d, &c, 1), EBADF);
	int path = open("/dev/null", O_PATH);
	CHECK(path >= 0);
	CHECK_ERRNO(read(path, &c, 1), EBADF);
	CHECK_ERRNO(lseek(path, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(ioctl(path, FIONBIO, &c), EBADF);
	CHECK_ERRNO(fcntl(path, F_SETFL, 0), EBADF);
	CHECK_EQ(fcntl(path, F_GETFL), O_PATH);
	CHECK(dup(path) >= 0);
	struct stat st;
	CHECK_EQ(fstat(path, &st), 0);
}

GUEST_TEST(fd_limit)
{
	struct rlimit was, now;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = 50;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
	int last = -1, fd;
	while ((fd = dup(0)) >= 0)
		last = fd;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 49);
	int p[2];
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_EQ(close(49), 0);
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_EQ(dup(0), 49);
	CHECK_ERRNO(dup2(0, 50), EBADF);
	CHECK_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
}

GUEST_TEST(fd_hundred_thousand)
{
	struct rlimit r;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = 100000;
	if (r.rlim_max < r.rlim_cur)
		r.rlim_max = r.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		return; /* the hard limit is another's business */
	int last = -1, fd;
	while ((fd = dup(0)) >= 0) {
		CHECK(fd > last);
		last = fd;
	}
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 99999);
	CHECK_EQ(close(54321), 0);
	CHECK_EQ(dup(0), 54321);
	CHECK_EQ(syscall(SYS_close_range, 100, ~0U, 0), 0);
	CHECK_EQ(dup(0), 100);
}

GUEST_TEST(fd_close_range)
{
	for (int i = 20; i < 30; i++)
		CHECK_EQ(dup2(0, i), i);
	CHECK_EQ(syscall(SYS_close_range, 22, 25, 0), 0);
	CHECK_ERRNO(fcntl(22, F_GETFD), EBADF);
	CHECK_ERRNO(fcntl(25, F_GETFD), EBADF);
	CHECK_EQ(fcntl(21, F_GETFD), 0);
	CHECK_EQ(syscall(SYS_close_range, 26, 27, 4 /* CLOEXEC */), 0);
	CHECK_EQ(fcntl(26, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(28, F_GETFD), 0);
	CHECK_ERRNO(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_close_range, 5, 6, 64), EINVAL);
}

static void
limited_write(void *arg)
{
	int fd = *(int *)arg;
	struct rlimit r = {100, 100};
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &r), 0);
	signal(SIGXFSZ, SIG_IGN);
	char buf[200] = {0};
	CHECK_EQ(write(fd, buf, 200), 100);
	CHECK_ERRNO(write(fd, buf, 1), EFBIG);
	CHECK_EQ(pwrite(fd, buf, 50, 80), 20);
	CHECK_ERRNO(pwrite(fd, buf, 1, 100), EFBIG);
	signal(SIGXFSZ, SIG_DFL);
	(void)!write(fd, buf, 1);
	_exit(1);
}

GUEST_TEST(fd_size_limit)
{
	int fd = temp_file();
	int status = guest_fork(limited_write, &fd);
	CHECK_EQ(status & 0x7f, SIGXFSZ);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 100);
}

GUEST_TEST(fd_positions_are_shared_with_children)
{
	int fd = temp_file();
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		_exit(read(fd, &c, 1) == 1 && c == '3' ? 0 : 1);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

/* Threads append records through one descriptor and one offset: each gets a place of its own. */
#define APPEND_THREADS 4
#define APPEND_RECORDS 500

static int append_fd;

static void *
append_records(void *arg)
{
	uint64_t record[4];
	for (uint64_t i = 0; i < APPEND_RECORDS; i++) {
		for (int k = 0; k < 4; k++)
			record[k] = (uint64_t)(uintptr_t)arg << 32 | i;
		CHECK_EQ(write(append_fd, record, sizeof(record)), sizeof(record));
	}
	return NULL;
}

GUEST_TEST(fd_threads_share_an_offset)
{
	pthread_t threads[APPEND_THREADS];
	append_fd = temp_file();
	for (uintptr_t i = 0; i < APPEND_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, append_records, (void *)i), 0);
	for (int i = 0; i < APPEND_THREADS; i++)
		pthread_join(threads[i], NULL);
	uint64_t record[4], next[APPEND_THREADS] = {0};
	CHECK_EQ(lseek(append_fd, 0, SEEK_SET), 0);
	for (int i = 0; i < APPEND_THREADS * APPEND_RECORDS; i++) {
		CHECK_EQ(read(append_fd, record, sizeof(record)), sizeof(record));
		uint64_t who = record[0] >> 32;
		CHECK(who < APPEND_THREADS && record[0] == record[3]);
		CHECK_EQ((uint32_t)record[0], next[who]);
		next[who]++;
	}
	CHECK_EQ(read(append_fd, record, 1), 0);
}

/* A thread blocks in read; another closes the descriptor and reuses its number: the read stays with the old pipe. */
static int closed_fd;

static void *
blocked_read(void *arg)
{
	char c = 0;
	return (void *)(intptr_t)(read(closed_fd, &c, 1) == 1 ? c : -1);
}

GUEST_TEST(fd_closed_under_a_reader)
{
	int p[2];
	pthread_t t;
	void *result;
	CHECK_EQ(pipe(p), 0);
	closed_fd = p[0];
	CHECK_EQ(pthread_create(&t, NULL, blocked_read, NULL), 0);
	usleep(20000); /* for it to block: the result is the same if it has not */
	int spare = dup(p[0]);
	CHECK_EQ(close(p[0]), 0);
	CHECK_EQ(open("/dev/null", O_RDONLY), p[0]);
	(void)spare;
	CHECK_EQ(write(p[1], "k", 1), 1);
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK((intptr_t)result == 'k' || (intptr_t)result == -1);
}

static ssize_t
preadv_2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	return syscall(SYS_preadv2, fd, v, n, at, 0, flags);
}

static ssize_t
pwritev_2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	return syscall(SYS_pwritev2, fd, v, n, at, 0, flags);
}

/* The position counts before the file's rights do, these before the vector. */
GUEST_TEST(fd_position_comes_first)
{
	int p[2], dir = open("/tmp", O_RDONLY | O_DIRECTORY), null = open("/dev/null", O_RDONLY);
	int path = open("/tmp", O_PATH), closed = 999;
	char c = 0;
	struct iovec v = {&c, 1}, *bad = (struct iovec *)8;
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_ERRNO(pread(p[i], &c, 1, 0), ESPIPE);
		CHECK_ERRNO(pwrite(p[i], &c, 1, 0), ESPIPE);
		CHECK_ERRNO(preadv(p[i], &v, 1, 0), ESPIPE);
		CHECK_ERRNO(pwritev(p[i], bad, 1, 0), ESPIPE);
		CHECK_ERRNO(preadv_2(p[i], bad, 2000, 0, 0), ESPIPE);
		CHECK_ERRNO(pwritev_2(p[i], &v, 1, 0, 0x8000), ESPIPE);
		CHECK_ERRNO(pwritev(p[i], &v, 1, -1), EINVAL);
	}
	/* At its own position a pipe's end has no other errors than read() and write() have. */
	CHECK_ERRNO(preadv_2(p[1], &v, 1, -1, 0), EBADF);
	CHECK_ERRNO(pwritev_2(p[0], &v, 1, -1, 0), EBADF);
	CHECK_EQ(pwritev_2(p[1], &v, 1, -1, 0), 1);
	CHECK_ERRNO(pwritev(closed, &v, 1, 0), EBADF);
	CHECK_ERRNO(pwritev(closed, &v, 1, -7), EINVAL);
	CHECK_ERRNO(pread(closed, &c, 1, -7), EINVAL);
	CHECK_ERRNO(pwrite(null, &c, 1, 0), EBADF);
	CHECK_ERRNO(pwritev(null, bad, 1, 0), EBADF);
	CHECK_ERRNO(pwritev(null, &v, 1, -1), EINVAL);
	CHECK_EQ(pread(null, &c, 1, 5), 0);
	CHECK_ERRNO(pread(path, &c, 1, 0), EBADF);
	CHECK_ERRNO(pwrite(dir, &c, 1, 0), EBADF);
	CHECK_ERRNO(pread(dir, &c, 1, 0), EISDIR);
}
