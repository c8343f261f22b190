/* SPDX-License-Identifier: MIT */
/* sendfile and splice: from a file to a socket, and from a socket through a pipe to a file. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "tests/guest/prog/tcp/tcp.h"

#define FILE_SIZE 300001u

/* An open file without a name that holds n bytes of pattern. */
static int
pattern_file(size_t n)
{
	char path[] = "/tmp/tcp.XXXXXX";
	static char block[65536];
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(path), 0);
	for (size_t at = 0; at < n; at += sizeof(block)) {
		size_t part = n - at < sizeof(block) ? n - at : sizeof(block);
		pattern_fill(block, part, at);
		CHECK_EQ(write(fd, block, part), part);
	}
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct reader {
	int fd;
	size_t n;
	uint64_t at;
};

static void *
read_pattern(void *arg)
{
	struct reader *r = arg;
	recv_pattern(r->fd, r->n, r->at);
	return NULL;
}

static pthread_t
begin_reading(struct reader *r)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, read_pattern, r), 0);
	return thread;
}

TCP_TEST(sendfile_whole)
{
	int fd[2], file = pattern_file(FILE_SIZE);
	tcp_pair(net, fd);
	struct reader r = {fd[1], FILE_SIZE, 0};
	pthread_t thread = begin_reading(&r);
	size_t sent = 0;
	while (sent < FILE_SIZE) {
		ssize_t n = sendfile(fd[0], file, NULL, FILE_SIZE + 5000);
		CHECK(n > 0);
		sent += (size_t)n;
	}
	CHECK_EQ(sent, FILE_SIZE);
	CHECK_EQ(sendfile(fd[0], file, NULL, 100), 0); /* its end */
	CHECK_EQ(lseek(file, 0, SEEK_CUR), FILE_SIZE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	/* From an offset, without moving the file's own; across pages, at odd places. */
	CHECK_EQ(lseek(file, 11, SEEK_SET), 11);
	off_t at = 4095;
	CHECK_EQ(sendfile(fd[0], file, &at, 8195), 8195);
	CHECK_EQ(at, 4095 + 8195);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 11);
	recv_pattern(fd[1], 8195, 4095);
	at = -1;
	CHECK_ERRNO(sendfile(fd[0], file, &at, 1), EINVAL);
	/* Between what is written. */
	at = 0;
	send_all(fd[0], "<", 1);
	CHECK_EQ(sendfile(fd[0], file, &at, 3), 3);
	send_all(fd[0], ">", 1);
	expect_text(fd[1], "<");
	recv_pattern(fd[1], 3, 0);
	expect_text(fd[1], ">");
}

TCP_TEST(sendfile_nonblocking)
{
	int fd[2], file = pattern_file(4 << 20);
	tcp_pair(net, fd);
	set_nonblock(fd[0]);
	off_t at = 0;
	ssize_t n;
	while ((n = sendfile(fd[0], file, &at, (4 << 20) - (size_t)at)) > 0)
		if (at == 4 << 20) { /* buffers that grow may take all of it: again, then */
			recv_pattern(fd[1], 4 << 20, 0);
			guest_fail(__FILE__, __LINE__, "4 MiB fit into the buffers");
		}
	CHECK(n == -1 && errno == EAGAIN);
	CHECK(at > 0);
	/* Exactly what was said to be taken comes, and what follows joins on. */
	size_t first = (size_t)at;
	recv_pattern(fd[1], first, 0);
	tcp_await(fd[0], POLLOUT);
	n = sendfile(fd[0], file, &at, 100000);
	CHECK(n > 0);
	recv_pattern(fd[1], (size_t)n, first);
	char c;
	CHECK_ERRNO(recv(fd[1], &c, 1, MSG_DONTWAIT), EAGAIN);
}

TCP_TEST(sendfile_to_who_is_gone)
{
	int fd[2], file = pattern_file(100);
	off_t at = 0;
	tcp_pair(net, fd);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERRNO(sendfile(fd[0], file, &at, 100), EPIPE);
	CHECK_EQ(at, 0);
	CHECK_ERRNO(
		sendfile(fd[1], fd[0], NULL, 100), EINVAL); /* a socket is no file to send from */
}

/* A file that is truncated and written anew while it is sent: any mix of old, new and zeros, but the length is kept. */
TCP_TEST(sendfile_while_the_file_changes)
{
	int fd[2], file = pattern_file(1 << 20);
	tcp_pair(net, fd);
	static char got[1 << 20];
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 20; i++)
			if (ftruncate(file, 4096) != 0 || ftruncate(file, 1 << 20) != 0 ||
				pwrite(file, "new", 3, 500000) != 3)
				_exit(1);
		_exit(0);
	}
	size_t sent = 0;
	off_t at = 0;
	ssize_t n;
	while (at < 1 << 20 && (n = sendfile(fd[0], file, &at, 65536)) >= 0) {
		recv_all(fd[1], got, (size_t)n);
		sent += (size_t)n;
	}
	CHECK_EQ(sent, 1 << 20);
	CHECK_EQ(guest_reap(child), 0);
}

TCP_TEST(splice_file_to_socket)
{
	int fd[2], file = pattern_file(FILE_SIZE), p[2];
	tcp_pair(net, fd);
	CHECK_EQ(pipe(p), 0);
	struct reader r = {fd[1], FILE_SIZE, 0};
	pthread_t thread = begin_reading(&r);
	size_t sent = 0;
	ssize_t in;
	while ((in = splice(file, NULL, p[1], NULL, 65536, 0)) > 0) {
		while (in > 0) {
			ssize_t n = splice(p[0], NULL, fd[0], NULL, (size_t)in, SPLICE_F_MORE);
			CHECK(n > 0);
			in -= n;
			sent += (size_t)n;
		}
	}
	CHECK_EQ(in, 0);
	CHECK_EQ(sent, FILE_SIZE);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	expect_eof(fd[1]);
}

static void *
write_pattern(void *arg)
{
	struct reader *w = arg;
	char *block = malloc(w->n);
	CHECK(block != NULL);
	pattern_fill(block, w->n, w->at);
	send_all(w->fd, block, w->n);
	CHECK_EQ(shutdown(w->fd, SHUT_WR), 0);
	free(block);
	return NULL;
}

TCP_TEST(splice_socket_to_file)
{
	int fd[2], file = pattern_file(0), p[2];
	pthread_t thread;
	tcp_pair(net, fd);
	CHECK_EQ(pipe(p), 0);
	struct reader w = {fd[0], FILE_SIZE, 0};
	CHECK_EQ(pthread_create(&thread, NULL, write_pattern, &w), 0);
	size_t total = 0;
	ssize_t in;
	while ((in = splice(fd[1], NULL, p[1], NULL, 1 << 20, 0)) > 0) {
		total += (size_t)in;
		while (in > 0) {
			ssize_t n = splice(p[0], NULL, file, NULL, (size_t)in, 0);
			CHECK(n > 0);
			in -= n;
		}
	}
	CHECK_EQ(in, 0);
	CHECK_EQ(total, FILE_SIZE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	static char back[FILE_SIZE];
	CHECK_EQ(pread(file, back, FILE_SIZE, 0), FILE_SIZE);
	pattern_check(back, FILE_SIZE, 0);
}

TCP_TEST(splice_without_waiting)
{
	int fd[2], p[2];
	char got[16];
	tcp_pair(net, fd);
	CHECK_EQ(pipe(p), 0);
	set_nonblock(fd[1]); /* SPLICE_F_NONBLOCK is about the pipe */
	CHECK_ERRNO(splice(fd[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	send_all(fd[0], "spliced", 7);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_EQ(splice(fd[1], NULL, p[1], NULL, 3, SPLICE_F_NONBLOCK), 3);
	CHECK_EQ(splice(fd[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), 4);
	CHECK_EQ(read(p[0], got, sizeof(got)), 7);
	CHECK(memcmp(got, "spliced", 7) == 0);
	CHECK_ERRNO(splice(p[0], NULL, fd[0], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	loff_t at = 0;
	CHECK_ERRNO(splice(fd[1], &at, p[1], NULL, 1, 0), EINVAL);
	/* A full pipe takes no more; what is not taken stays in the socket. */
	set_nonblock(p[1]);
	static char block[4096];
	while (write(p[1], block, sizeof(block)) > 0)
		;
	while (write(p[1], block, 1) > 0)
		;
	send_all(fd[0], "stays", 5);
	tcp_await(fd[1], POLLIN | POLLOUT);
	CHECK_ERRNO(splice(fd[1], NULL, p[1], NULL, 5, SPLICE_F_NONBLOCK), EAGAIN);
	expect_text(fd[1], "stays");
}

TCP_TEST(splice_to_a_full_socket)
{
	int fd[2], p[2];
	static char block[60000];
	tcp_pair(net, fd);
	CHECK_EQ(pipe(p), 0);
	set_nonblock(fd[0]);
	size_t before = fill_up(fd[0]);
	pattern_fill(block, sizeof(block), before);
	CHECK_EQ(write(p[1], block, sizeof(block)), sizeof(block));
	/* Whatever little goes in now goes in once; then it is full. */
	size_t sent = 0;
	ssize_t n;
	while ((n = splice(p[0], NULL, fd[0], NULL, sizeof(block) - sent, SPLICE_F_NONBLOCK)) > 0 &&
		(sent += (size_t)n) < sizeof(block))
		;
	if (sent < sizeof(block))
		CHECK(n == -1 && errno == EAGAIN);
	recv_pattern(fd[1], before + sent, 0);
	while (sent < sizeof(block)) {
		tcp_await(fd[0], POLLOUT);
		n = splice(p[0], NULL, fd[0], NULL, sizeof(block) - sent, 0);
		CHECK(n > 0);
		recv_pattern(fd[1], (size_t)n, before + sent);
		sent += (size_t)n;
	}
}
