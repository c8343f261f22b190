/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: ends, sizes, packets, blocking, signals. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef O_DIRECT
#define O_DIRECT 0200000
#endif

static int
ready(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static char buf[200000];

GUEST_TEST(pipe_ends)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(p[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
	CHECK_ERRNO(read(p[0], buf, 1), EAGAIN);
	CHECK_ERRNO(read(p[1], buf, 1), EBADF);
	CHECK_ERRNO(write(p[0], buf, 1), EBADF);
	CHECK_EQ(read(p[0], buf, 0), 0);
	CHECK_EQ(write(p[1], buf, 0), 0);
	CHECK_EQ(ready(p[0]), 0);
	CHECK_EQ(ready(p[1]), POLLOUT);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(ready(p[0]), POLLIN);
	int n;
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 3);
	close(p[1]);
	CHECK_EQ(ready(p[0]), POLLIN | POLLHUP);
	CHECK_EQ(read(p[0], buf, 10), 3);
	CHECK_EQ(ready(p[0]), POLLHUP);
	CHECK_EQ(read(p[0], buf, 10), 0);
	struct stat st;
	CHECK_EQ(fstat(p[0], &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_ERRNO(pipe2(p, O_APPEND), EINVAL);
	CHECK_ERRNO(pipe((int *)16), EFAULT);
}

GUEST_TEST(pipe_broken)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	CHECK_EQ(ready(p[1]), POLLOUT | POLLERR);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
}

static void
write_to_nobody(void *arg)
{
	int *p = arg;
	signal(SIGPIPE, SIG_DFL);
	(void)!write(p[1], "x", 1);
}

GUEST_TEST(pipe_broken_kills)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	close(p[0]);
	CHECK_EQ(guest_fork(write_to_nobody, p), SIGPIPE);
}

GUEST_TEST(pipe_size)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(write(p[1], buf, 70000), 65536);
	CHECK_ERRNO(write(p[1], buf, 1), EAGAIN);
	CHECK_EQ(ready(p[1]), 0);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(ready(p[1]), POLLOUT);
	CHECK_EQ(write(p[1], buf, 4096), 4096);
	CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 131072), 131072);
	CHECK_EQ(write(p[1], buf, 100000), 65536);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 131072);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(write(p[1], buf, 5000), 4096);
	CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, -1), EINVAL);
}

/* Who may not have a pipe so large may still make it smaller, though not small enough for a new one. */
static void
shrink_as_user(void *fd)
{
	const int *p = fd;
	CHECK_EQ(setresuid(4747, 4747, 4747), 0);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 2 << 20), 2 << 20);
	CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, 4 << 20), EPERM);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 4096), 4096);
}

GUEST_TEST(pipe_size_limits)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO(syscall(SYS_fcntl, p[0], F_SETPIPE_SZ, 1ul << 32), EINVAL);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 8 << 20), 8 << 20);
	guest_fork_ok(shrink_as_user, p);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 4096);
}

GUEST_TEST(pipe_small_writes_are_whole)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(write(p[1], buf, 65536 - 100), 65536 - 100);
	CHECK_ERRNO(write(p[1], buf, 4096), EAGAIN); /* nothing of it */
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 65536 - 100);
}

GUEST_TEST(pipe_packets)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK | O_DIRECT), 0);
	CHECK_EQ(write(p[1], "one", 3), 3);
	CHECK_EQ(write(p[1], "three", 5), 5);
	CHECK_EQ(read(p[0], buf, 100), 3);
	CHECK_EQ(read(p[0], buf, 2), 2);
	CHECK_ERRNO(read(p[0], buf, 100), EAGAIN);
	CHECK_EQ(write(p[1], buf, 5000), 5000);
	CHECK_EQ(read(p[0], buf, 10000), 4096);
	CHECK_EQ(read(p[0], buf, 10000), 904);
}

static void
stream_out(void *arg)
{
	int *p = arg;
	unsigned seed = 7;
	close(p[0]);
	for (int done = 0; done < 4000000;) {
		int n = 1 + (int)(rand_r(&seed) % 150000);
		if (n > 4000000 - done)
			n = 4000000 - done;
		for (int i = 0; i < n; i++)
			buf[i] = (char)((done + i) * 7 + (done + i) / 4096);
		CHECK_EQ(write(p[1], buf, (size_t)n), n);
		done += n;
	}
}

GUEST_TEST(pipe_stream_between_processes)
{
	int p[2], status;
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		stream_out(p);
		_exit(0);
	}
	close(p[1]);
	unsigned seed = 9;
	int done = 0;
	ssize_t n;
	while ((n = read(p[0], buf, 1 + rand_r(&seed) % 150000)) > 0) {
		for (int i = 0; i < n; i++)
			CHECK_EQ(buf[i], (char)((done + i) * 7 + (done + i) / 4096));
		done += (int)n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(done, 4000000);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void
on_alarm(int sig)
{
}

/* Signals from now on, again and again: the first may come before the call that it is meant to end. */
static void
arm(unsigned usec, int flags)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
	sigaction(SIGALRM, &sa, NULL);
	ualarm(usec, usec);
}

GUEST_TEST(pipe_signals_end_waits)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	arm(20000, 0);
	CHECK_ERRNO(read(p[0], buf, 1), EINTR);
	arm(20000, 0);
	CHECK_EQ(write(p[1], buf, 100000), 65536); /* what it had done */
	arm(20000, 0);
	CHECK_ERRNO(write(p[1], buf, 100000), EINTR);
	ualarm(0, 0);
	/* SA_RESTART: the read goes on until the child writes. */
	int q[2];
	CHECK_EQ(pipe(q), 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(60000);
		_exit(write(q[1], "x", 1) == 1 ? 0 : 1);
	}
	arm(20000, SA_RESTART);
	CHECK_EQ(read(q[0], buf, 1), 1);
	ualarm(0, 0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(pipe_last_writer_wakes_readers)
{
	int p[2], status;
	CHECK_EQ(pipe(p), 0);
	pid_t pid[3];
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			close(p[1]);
			_exit(read(p[0], buf, 1) == 0 ? 0 : 1);
		}
	}
	usleep(20000);
	close(p[1]);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(status, 0);
	}
}

GUEST_TEST(pipe_last_reader_wakes_writers)
{
	int p[2], status;
	CHECK_EQ(pipe(p), 0);
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[0]);
		ssize_t n = write(p[1], buf, 100000);
		_exit(n == 65536 && write(p[1], buf, 1) < 0 && errno == EPIPE ? 0 : 1);
	}
	usleep(20000);
	close(p[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static char fifo_name[64];

static void
make_fifo(void)
{
	snprintf(fifo_name, sizeof(fifo_name), "/tmp/guest-fifo-%d", getpid());
	unlink(fifo_name);
	CHECK_EQ(mkfifo(fifo_name, 0600), 0);
}

GUEST_TEST(fifo_opens_meet)
{
	make_fifo();
	CHECK_ERRNO(open(fifo_name, O_WRONLY | O_NONBLOCK), ENXIO);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(fifo_name, O_WRONLY);
		_exit(fd >= 0 && write(fd, "hi", 2) == 2 ? 0 : 1);
	}
	int fd = open(fifo_name, O_RDONLY), status;
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, buf, 10), 2);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(ready(fd) & POLLHUP, POLLHUP);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	unlink(fifo_name);
}

GUEST_TEST(fifo_nonblocking_reader)
{
	make_fifo();
	int r = open(fifo_name, O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0);
	CHECK_EQ(ready(r), 0); /* nobody has hung up yet */
	CHECK_EQ(read(r, buf, 1), 0);
	int w = open(fifo_name, O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERRNO(read(r, buf, 1), EAGAIN);
	CHECK_EQ(write(w, "x", 1), 1);
	CHECK_EQ(ready(r), POLLIN);
	close(w);
	CHECK_EQ(ready(r), POLLIN | POLLHUP);
	int both = open(fifo_name, O_RDWR);
	CHECK(both >= 0);
	CHECK_EQ(ready(both), POLLIN | POLLOUT);
	unlink(fifo_name);
}

GUEST_TEST(fifo_open_is_interrupted)
{
	make_fifo();
	arm(20000, 0);
	CHECK_ERRNO(open(fifo_name, O_RDONLY), EINTR);
	arm(20000, 0);
	CHECK_ERRNO(open(fifo_name, O_WRONLY), EINTR);
	/* And leaves no end behind. */
	CHECK_ERRNO(open(fifo_name, O_WRONLY | O_NONBLOCK), ENXIO);
	unlink(fifo_name);
}
