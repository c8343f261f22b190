/* SPDX-License-Identifier: MIT */
/* sendfile, copy_file_range, splice, tee, vmsplice. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char buf[300000], back[300000];

static int
filled_file(size_t n)
{
	char name[] = "/tmp/guest-XXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(i * 7 + i / 4096);
	CHECK_EQ(write(fd, buf, n), n);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

GUEST_TEST(sendfile_to_file)
{
	int in = filled_file(100000), out = filled_file(0);
	off_t at = 1000;
	CHECK_EQ(sendfile(out, in, &at, 50000), 50000);
	CHECK_EQ(at, 51000);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(sendfile(out, in, NULL, 1000000), 100000);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 100000);
	CHECK_EQ(sendfile(out, in, NULL, 1), 0);
	CHECK_EQ(pread(out, back, sizeof(back), 0), 150000);
	CHECK(memcmp(back, buf + 1000, 50000) == 0 && memcmp(back + 50000, buf, 100000) == 0);
	at = -1;
	CHECK_ERRNO(sendfile(out, in, &at, 1), EINVAL);
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO(sendfile(out, p[0], NULL, 1), EINVAL);
	CHECK_ERRNO(sendfile(p[0], in, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(out, 9999, NULL, 1), EBADF);
	int append = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
	if (append >= 0)
		CHECK_ERRNO(sendfile(append, in, NULL, 1), EINVAL);
}

GUEST_TEST(sendfile_to_pipe_takes_what_fits)
{
	int in = filled_file(100000), p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(sendfile(p[1], in, NULL, 100000), 65536);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 65536);
	CHECK_ERRNO(sendfile(p[1], in, NULL, 100000), EAGAIN);
	CHECK_EQ(read(p[0], back, sizeof(back)), 65536);
	CHECK_EQ(memcmp(back, buf, 65536), 0);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	CHECK_ERRNO(sendfile(p[1], in, NULL, 10), EPIPE);
}

GUEST_TEST(copy_file_range_copies)
{
	int in = filled_file(100000), out = filled_file(0), p[2];
	off_t from = 10, to = 5;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 1000, 0), 1000);
	CHECK_EQ(from, 1010);
	CHECK_EQ(to, 1005);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(out, back, sizeof(back), 0), 1005);
	CHECK_EQ(memcmp(back + 5, buf + 10, 1000), 0);
	CHECK_EQ(copy_file_range(in, NULL, out, NULL, 1000000, 0), 100000);
	CHECK_EQ(copy_file_range(in, NULL, out, NULL, 1, 0), 0);
	CHECK_ERRNO(copy_file_range(in, &from, out, &to, 1, 1), EINVAL);
	from = 0;
	to = 500;
	CHECK_ERRNO(copy_file_range(in, &from, in, &to, 1000, 0), EINVAL);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO(copy_file_range(in, &from, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(copy_file_range(open("/", O_RDONLY), NULL, out, NULL, 1, 0), EISDIR);
}

GUEST_TEST(splice_files_and_pipes)
{
	int in = filled_file(100000), out = filled_file(0), p[2], q[2];
	loff_t at = 100;
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(pipe2(q, O_NONBLOCK), 0);
	CHECK_EQ(splice(in, &at, p[1], NULL, 20000, 0), 20000);
	CHECK_EQ(at, 20100);
	CHECK_EQ(tee(p[0], q[1], 100000, 0), 20000);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 5000, 0), 5000);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 100000, 0), 15000);
	CHECK_ERRNO(splice(p[0], NULL, out, NULL, 5000, 0), EAGAIN);
	CHECK_EQ(read(q[0], back, sizeof(back)), 35000);
	CHECK(memcmp(back, buf + 100, 20000) == 0 && memcmp(back + 20000, buf + 5100, 15000) == 0);
	CHECK_EQ(pread(out, back, sizeof(back), 0), 5000);
	CHECK_EQ(memcmp(back, buf + 100, 5000), 0);
	CHECK_ERRNO(splice(in, NULL, out, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(p[0], &at, out, NULL, 1, 0), ESPIPE);
	CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(p[0], NULL, out, NULL, 1, 64), EINVAL);
	CHECK_ERRNO(tee(in, q[1], 1, 0), EINVAL);
	/* What has no bytes is told before anybody waits for a pipe. */
	int nothing[] = {open("/", O_RDONLY), eventfd(0, 0), epoll_create1(0),
		timerfd_create(CLOCK_MONOTONIC, 0)};
	for (unsigned i = 0; i < 4; i++) {
		CHECK_ERRNO(splice(p[0], NULL, nothing[i], NULL, 1, 0), i == 0 ? EBADF : EINVAL);
		CHECK_ERRNO(splice(nothing[i], NULL, q[1], NULL, 8, 0), EINVAL);
		close(nothing[i]);
	}
	CHECK_EQ(splice(p[0], NULL, out, NULL, 0, 0), 0);
	at = 100000;
	CHECK_EQ(splice(in, &at, p[1], NULL, 1000, 0), 0);
	close(p[1]);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 1000, 0), 0);
}

GUEST_TEST(splice_waits)
{
	int p[2], q[2], status;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	filled_file(200000);
	pid_t pid = fork();
	if (pid == 0) {
		/* p -> q until p ends. */
		close(p[1]);
		close(q[0]);
		ssize_t n;
		while ((n = splice(p[0], NULL, q[1], NULL, 50000, 0)) > 0)
			;
		_exit(n == 0 ? 0 : 1);
	}
	close(q[1]);
	close(p[0]);
	pid_t writer = fork();
	if (writer == 0) {
		close(q[0]);
		_exit(write(p[1], buf, 200000) == 200000 ? 0 : 1);
	}
	close(p[1]);
	size_t done = 0;
	ssize_t n;
	while ((n = read(q[0], back + done, 7000)) > 0)
		done += (size_t)n;
	CHECK_EQ(done, 200000);
	CHECK_EQ(memcmp(back, buf, 200000), 0);
	for (int i = 0; i < 2; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	(void)pid;
}

/* Writes n bytes of a kind, `each` at a time. */
static pid_t
start_writer(int fd, int other_end, char byte, size_t n, size_t each)
{
	pid_t pid = fork();
	if (pid == 0) {
		close(other_end);
		memset(buf, byte, 65536);
		for (size_t done = 0; done < n; done += each) {
			if (write(fd, buf, each) != (ssize_t)each)
				_exit(1);
		}
		_exit(0);
	}
	return pid;
}

/*
 * Room that a splice makes page by page is filled, and the writer asleep again, before the splice is over: others who
 * write where it writes to hold it up.
 */
GUEST_TEST(splice_wakes_writers_that_sleep_again)
{
	enum { TOTAL = 32 << 20 };
	int p[2], q[2], status;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	pid_t writer = start_writer(p[1], p[0], 'a', TOTAL, 4096);
	close(p[1]);
	pid_t mover = fork();
	if (mover == 0) {
		close(q[0]);
		while (splice(p[0], NULL, q[1], NULL, 65536, 0) > 0)
			;
		_exit(0);
	}
	close(p[0]);
	pid_t others[2];
	for (int i = 0; i < 2; i++)
		others[i] = start_writer(q[1], q[0], 'b', 1UL << 40, 16);
	close(q[1]);
	size_t done = 0;
	while (done < TOTAL) {
		ssize_t n = read(q[0], back, 65536);
		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			done += back[i] == 'a';
	}
	close(q[0]);
	CHECK_EQ(waitpid(writer, &status, 0), writer);
	CHECK_EQ(status, 0);
	CHECK_EQ(waitpid(mover, &status, 0), mover);
	CHECK_EQ(status, 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(waitpid(others[i], &status, 0), others[i]);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	}
}

GUEST_TEST(vmsplice_copies)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	struct iovec v[2] = {{"abc", 3}, {"de", 2}}, r = {back, 100};
	CHECK_EQ(vmsplice(p[1], v, 2, 0), 5);
	CHECK_EQ(vmsplice(p[0], &r, 1, 0), 5);
	CHECK_EQ(memcmp(back, "abcde", 5), 0);
	CHECK_ERRNO(vmsplice(0x7000, v, 2, 0), EBADF);
}

/* --- By reference: a file's pages stand in a socket's queue. --- */

static void
read_back(int fd, size_t n)
{
	for (size_t done = 0; done < n;) {
		/* Reads that end within pages, and within the messages that they came in. */
		ssize_t got = read(fd, back + done, n - done < 5000 ? n - done : 5000);
		CHECK(got > 0);
		done += (size_t)got;
	}
}

GUEST_TEST(sendfile_to_socket_by_reference)
{
	int in = filled_file(100000), s[2], unread;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	off_t at = 1001;
	CHECK_EQ(sendfile(s[0], in, &at, 50000), 50000);
	CHECK_EQ(at, 51001);
	CHECK_EQ(write(s[0], "end", 3), 3);
	CHECK_EQ(ioctl(s[1], FIONREAD, &unread), 0);
	CHECK_EQ(unread, 50003);
	CHECK_EQ(recv(s[1], back, 10000, MSG_PEEK), 10000);
	CHECK_EQ(memcmp(back, buf + 1001, 10000), 0);
	/* The same pages, not copies of them: what is written to the file shows. */
	CHECK_EQ(pwrite(in, "changed", 7, 30001), 7);
	read_back(s[1], 50003);
	CHECK_EQ(memcmp(back + 29000, "changed", 7), 0);
	CHECK(memcmp(back, buf + 1001, 29000) == 0 &&
		memcmp(back + 29007, buf + 30008, 20993) == 0);
	CHECK_EQ(memcmp(back + 50000, "end", 3), 0);
	/* One byte; the end; an offset behind it; the file's own offset. */
	at = 99999;
	CHECK_EQ(sendfile(s[0], in, &at, 1000), 1);
	CHECK_EQ(sendfile(s[0], in, &at, 1000), 0);
	at = 1000000;
	CHECK_EQ(sendfile(s[0], in, &at, 1000), 0);
	CHECK_EQ(lseek(in, 4095, SEEK_SET), 4095);
	CHECK_EQ(sendfile(s[0], in, NULL, 2), 2);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 4097);
	read_back(s[1], 3);
	CHECK(back[0] == buf[99999] && back[1] == buf[4095] && back[2] == buf[4096]);
	/* A file of the image. */
	int image = open("/bin/busybox", O_RDONLY);
	CHECK_EQ(sendfile(s[0], image, NULL, 70000), 70000);
	read_back(s[1], 70000);
	CHECK_EQ(pread(image, buf, 70000, 0), 70000);
	CHECK_EQ(memcmp(back, buf, 70000), 0);
}

GUEST_TEST(sendfile_to_socket_outlives_its_file)
{
	int in = filled_file(40000), s[2];
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	off_t at = 0;
	CHECK_EQ(sendfile(s[0], in, &at, 40000), 40000);
	/* Whole pages that are cut off stay as they were; the rest of a page that is cut reads as zeroes. */
	CHECK_EQ(ftruncate(in, 5000), 0);
	close(in);
	for (int i = 0; i < 20; i++)
		close(filled_file(100000)); /* would take the pages if they were free */
	read_back(s[1], 40000);
	static const char zeroes[8192 - 5000];
	CHECK_EQ(memcmp(back, buf, 5000), 0);
	CHECK_EQ(memcmp(back + 5000, zeroes, sizeof(zeroes)), 0);
	CHECK_EQ(memcmp(back + 8192, buf + 8192, 40000 - 8192), 0);
	/* Holes are zeroes. */
	int hole = filled_file(0);
	CHECK_EQ(ftruncate(hole, 9000), 0);
	CHECK_EQ(pwrite(hole, "x", 1, 8999), 1);
	CHECK_EQ(sendfile(s[0], hole, NULL, 10000), 9000);
	read_back(s[1], 9000);
	CHECK(back[0] == 0 && back[8191] == 0 && back[8998] == 0 && back[8999] == 'x');
	/* What is never read is freed with the socket. */
	at = 0;
	CHECK_EQ(sendfile(s[0], hole, &at, 9000), 9000);
	close(s[1]);
	signal(SIGPIPE, SIG_IGN);
	at = 0;
	CHECK_ERRNO(sendfile(s[0], hole, &at, 9000), EPIPE);
	CHECK_EQ(at, 0);
}

static volatile sig_atomic_t pipe_signals;

static void
on_signal(int nr)
{
	pipe_signals += nr == SIGPIPE;
}

GUEST_TEST(sendfile_to_full_socket)
{
	int in = filled_file(300000), s[2], status;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	int room = 40000;
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	off_t at = 10;
	ssize_t first = sendfile(s[0], in, &at, 299990);
	CHECK(first >= 70000 && first <= 90000); /* sndbuf is twice what was asked for */
	CHECK_EQ(at, 10 + first);
	CHECK_ERRNO(sendfile(s[0], in, &at, 1000), EAGAIN);
	CHECK_EQ(at, 10 + first);
	struct pollfd p = {.fd = s[0], .events = POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(fcntl(s[1], F_SETFL, 0), 0);
	/* One that waits for room sends all. */
	pid_t pid = fork();
	if (pid == 0) {
		close(s[1]);
		_exit(fcntl(s[0], F_SETFL, 0) == 0 &&
					sendfile(s[0], in, &at, 299990 - (size_t)first) ==
						299990 - first
				? 0
				: 1);
	}
	read_back(s[1], 299990);
	CHECK_EQ(memcmp(back, buf + 10, 299990), 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	/* A signal ends the wait: with what was sent, and when nothing was, with EINTR. */
	CHECK_EQ(fcntl(s[0], F_SETFL, 0), 0);
	struct sigaction sa = {.sa_handler = on_signal};
	CHECK_EQ(sigaction(SIGALRM, &sa, NULL), 0);
	CHECK_EQ(sigaction(SIGPIPE, &sa, NULL), 0);
	/* Again and again: the first may come before the call. */
	struct itimerval soon = {.it_value = {0, 50000}, .it_interval = {0, 50000}}, off = {0};
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	at = 0;
	ssize_t sent = sendfile(s[0], in, &at, 300000);
	CHECK(sent > 0 && sent < 300000 && at == sent);
	while (send(s[0], buf, 1000, MSG_DONTWAIT) > 0)
		; /* it may have come before there was no room */
	CHECK_ERRNO(sendfile(s[0], in, &at, 1000), EINTR);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
	CHECK_EQ(at, sent);
	struct timeval limit = {0, 20000};
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	CHECK_ERRNO(sendfile(s[0], in, &at, 1000), EAGAIN);
	CHECK_EQ(shutdown(s[0], SHUT_WR), 0);
	CHECK_ERRNO(sendfile(s[0], in, &at, 1000), EPIPE);
	CHECK_EQ(pipe_signals, 1);
}

/* Pages that a pipe shares with a file: what is written to the pipe behind them goes into pages of its own. */
GUEST_TEST(splice_never_writes_into_shared_pages)
{
	int in = filled_file(10000), p[2], q[2];
	loff_t at = 1;
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(pipe2(q, O_NONBLOCK), 0);
	/* Slots that were full of appendable bytes before. */
	for (int i = 0; i < 40; i++) {
		CHECK_EQ(write(p[1], back, 4096), 4096);
		CHECK_EQ(read(p[0], back, 4096), 4096);
	}
	CHECK_EQ(splice(in, &at, p[1], NULL, 1, 0), 1);
	CHECK_EQ(write(p[1], "own", 3), 3);
	CHECK_EQ(tee(p[0], q[1], 3, 0), 3);
	CHECK_EQ(write(q[1], "more", 4), 4);
	CHECK_EQ(write(p[1], "end", 3), 3);
	CHECK_EQ(splice(in, &at, p[1], NULL, 10, 0), 10);
	CHECK_EQ(write(p[1], "!", 1), 1);
	CHECK_EQ(read(p[0], back, 100), 18);
	CHECK(back[0] == buf[1] && memcmp(back + 1, "ownend", 6) == 0);
	CHECK(memcmp(back + 7, buf + 2, 10) == 0 && back[17] == '!');
	CHECK_EQ(read(q[0], back, 100), 7);
	CHECK(back[0] == buf[1] && memcmp(back + 1, "owmore", 6) == 0);
	CHECK_EQ(pread(in, back, 10000, 0), 10000);
	CHECK_EQ(memcmp(back, buf, 10000), 0);
}

/* What was lent stays as it was, whatever the pipe that lent it does with its pages afterwards. */
GUEST_TEST(tee_keeps_what_it_took)
{
	int p[2], q[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(pipe2(q, O_NONBLOCK), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 9000; i++)
			buf[i] = (char)(i * 7 + round);
		CHECK_EQ(write(p[1], buf, 9000), 9000);
		CHECK_EQ(tee(p[0], q[1], 9000, 0), 9000);
		CHECK_EQ(read(p[0], back, sizeof(back)), 9000);
		CHECK_EQ(memcmp(back, buf, 9000), 0);
		memset(back, 'x', 65536); /* through every slot, and the spare page */
		CHECK_EQ(write(p[1], back, 65536), 65536);
		CHECK_EQ(read(p[0], back, 65536), 65536);
		CHECK_EQ(read(q[0], back, sizeof(back)), 9000);
		CHECK_EQ(memcmp(back, buf, 9000), 0);
	}
}

/* As many pages of a file as there are slots, of which a part of one is one; the file goes, its pages stay. */
GUEST_TEST(splice_fills_slots_with_pages)
{
	int in = filled_file(100000), p[2];
	loff_t at = 4000;
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4 * 4096), 4 * 4096);
	CHECK_EQ(splice(in, &at, p[1], NULL, 100000, 0), 96 + 3 * 4096);
	CHECK_EQ(at, 4 * 4096);
	CHECK_ERRNO(splice(in, &at, p[1], NULL, 1, 0), EAGAIN);
	CHECK_ERRNO(write(p[1], "x", 1), EAGAIN);
	CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 8 * 4096), 8 * 4096);
	CHECK_EQ(fcntl(p[1], F_GETPIPE_SZ), 8 * 4096);
	int n;
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 96 + 3 * 4096);
	CHECK_EQ(splice(in, &at, p[1], NULL, 100, 0), 100);
	struct pollfd pfd = {.fd = p[1], .events = POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	close(in);
	CHECK_EQ(read(p[0], back, sizeof(back)), 96 + 3 * 4096 + 100);
	CHECK_EQ(memcmp(back, buf + 4000, 96 + 3 * 4096 + 100), 0);
}

/* As on Linux, a page in a pipe is the file's: a write shows, what is cut off a page that stays is zeroes. */
GUEST_TEST(splice_and_a_file_that_changes)
{
	int in = filled_file(12288), p[2];
	loff_t at = 0;
	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(splice(in, &at, p[1], NULL, 12288, 0), 12288);
	CHECK_EQ(pwrite(in, "new", 3, 10), 3);
	CHECK_EQ(ftruncate(in, 100), 0);
	CHECK_EQ(ftruncate(in, 12288), 0);
	CHECK_EQ(read(p[0], back, sizeof(back)), 12288);
	CHECK(memcmp(back, buf, 10) == 0 && memcmp(back + 10, "new", 3) == 0);
	CHECK(memcmp(back + 13, buf + 13, 87) == 0);
	CHECK(back[100] == 0 && back[4095] == 0);
	for (int i = 4096; i < 12288; i++)
		CHECK(back[i] == buf[i] ||
			back[i] == 0); /* zeroes where the cache has larger pages */
}

/* Packets stay packets from pipe to pipe, and what others hold of them stays. */
GUEST_TEST(splice_keeps_packets)
{
	int p[2], q[2];
	CHECK_EQ(pipe2(p, O_NONBLOCK | O_DIRECT), 0);
	CHECK_EQ(pipe2(q, O_NONBLOCK), 0);
	CHECK_EQ(write(p[1], "one", 3), 3);
	CHECK_EQ(write(p[1], "three", 5), 5);
	CHECK_EQ(tee(p[0], q[1], 100, 0), 8);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 100, 0), 8);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(read(q[0], back, 100), 3);
		CHECK_EQ(memcmp(back, "one", 3), 0);
		CHECK_EQ(read(q[0], back, 100), 5);
		CHECK_EQ(memcmp(back, "three", 5), 0);
	}
	CHECK_ERRNO(read(p[0], back, 1), EAGAIN);
}

/* From several processes into one pipe and out of it at once, by reference and by copy: nothing is lost or doubled. */
GUEST_TEST(splice_from_many_at_once)
{
	enum { WRITERS = 3, EACH = 300000 };
	int p[2], s[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	pid_t child[WRITERS], mover;
	for (int i = 0; i < WRITERS; i++) {
		int in = filled_file(EACH);
		child[i] = fork();
		CHECK(child[i] >= 0);
		if (child[i] != 0) {
			close(in);
			continue;
		}
		close(p[0]);
		loff_t at = 0;
		size_t chunk = i == 0 ? 65536 : 5000u * (unsigned)i;
		while (at < EACH) {
			ssize_t n = i == 2
				? write(p[1], buf + at, 777 < EACH - at ? 777 : (size_t)(EACH - at))
				: splice(in, &at, p[1], NULL, chunk, 0);
			CHECK(n > 0);
			at += i == 2 ? n : 0;
		}
		_exit(0);
	}
	close(p[1]);
	mover = fork();
	if (mover == 0) {
		ssize_t n;
		while ((n = splice(p[0], NULL, s[1], NULL, 20000, 0)) > 0)
			;
		_exit(n == 0 ? 0 : 1);
	}
	close(s[1]);
	close(p[0]);
	unsigned long long sum = 0, want = 0, total = 0;
	for (ssize_t n; (n = read(s[0], back, sizeof(back))) > 0; total += (size_t)n)
		for (ssize_t i = 0; i < n; i++)
			sum += (unsigned char)back[i] * 1ull;
	for (int i = 0; i < EACH; i++)
		want += (unsigned char)buf[i] * 1ull * WRITERS;
	CHECK_EQ(total, (long long)WRITERS * EACH);
	CHECK_EQ(sum, want);
	int status;
	for (int i = 0; i < WRITERS; i++)
		CHECK(waitpid(child[i], &status, 0) == child[i] && status == 0);
	CHECK(waitpid(mover, &status, 0) == mover && status == 0);
}
