/* SPDX-License-Identifier: MIT */
/* AF_UNIX: handles and credentials that travel, rings of sockets in flight, datagrams and packets. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "file_util.h"
#include "guest.h"

static void
pair_of(int type, int fd[2])
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, fd), 0);
}

/* Sends one byte with n handles. */
static ssize_t
send_fds(int to, const int *fds, int n)
{
	char c = 'r';
	struct iovec v = {&c, 1};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(260 * sizeof(int))];
	} u;
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = u.buf,
		.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
	memset(&u, 0, sizeof(u));
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, (size_t)n * sizeof(int));
	return syscall(SYS_sendmsg, to, &m, MSG_NOSIGNAL); /* musl takes 1 KiB at most */
}

/* Receives a byte and up to max handles; how many came. */
static int
recv_fds(int from, int *fds, int max, int flags, int *out_flags)
{
	char c;
	struct iovec v = {&c, 1};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(260 * sizeof(int))];
	} u;
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = max != 0 ? u.buf : NULL,
		.msg_controllen = max != 0 ? CMSG_LEN((size_t)max * sizeof(int)) : 0};
	CHECK_EQ(recvmsg(from, &m, flags), 1);
	if (out_flags != NULL)
		*out_flags = m.msg_flags;
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h == NULL)
		return 0;
	CHECK_EQ(h->cmsg_type, SCM_RIGHTS);
	int n = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(h), (size_t)n * sizeof(int));
	return n;
}

GUEST_TEST(unix_rights_carry_handles)
{
	int fd[2], p[2], got[4], flags;
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_fds(fd[0], p, 2), 1);
	CHECK_EQ(recv_fds(fd[1], got, 4, MSG_CMSG_CLOEXEC, &flags), 2);
	CHECK_EQ(flags & (MSG_CTRUNC | MSG_TRUNC), 0);
	CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(got[1], "x", 1), 1);
	char c;
	CHECK_EQ(read(p[0], &c, 1), 1);
	/* Rights do not grow on the way. */
	CHECK_ERRNO(write(got[0], "x", 1), EBADF);
	CHECK_ERRNO(read(got[1], &c, 1), EBADF);
	struct stat a, b;
	CHECK(fstat(p[0], &a) == 0 && fstat(got[0], &b) == 0);
	CHECK_EQ(a.st_ino, b.st_ino);
}

GUEST_TEST(unix_rights_that_do_not_fit)
{
	int fd[2], p[2], got[4], flags;
	pair_of(SOCK_SEQPACKET, fd);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_fds(fd[0], p, 2), 1);
	CHECK_EQ(recv_fds(fd[1], got, 1, 0, &flags), 1);
	CHECK(flags & MSG_CTRUNC);
	CHECK_EQ(send_fds(fd[0], p, 2), 1);
	CHECK_EQ(recv_fds(fd[1], got, 0, 0, &flags), 0);
	CHECK(flags & MSG_CTRUNC);
	/* A plain read drops them. */
	char c;
	CHECK_EQ(send_fds(fd[0], &p[1], 1), 1);
	CHECK_EQ(read(fd[1], &c, 1), 1);
	close(p[1]);
	close(got[0]);
	CHECK_EQ(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(read(p[0], &c, 1), 0);
	/* Nor may the number of handles pass the limit. */
	struct rlimit r = {.rlim_cur = 7, .rlim_max = 1024};
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_fds(fd[0], p, 2), 1);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	int n = recv_fds(fd[1], got, 4, 0, &flags);
	CHECK(n < 2);
	CHECK(flags & MSG_CTRUNC);
}

GUEST_TEST(unix_rights_bad_and_many)
{
	int fd[2], many[254];
	pair_of(SOCK_STREAM, fd);
	many[0] = 9999;
	CHECK_ERRNO(send_fds(fd[0], many, 1), EBADF);
	for (int i = 0; i < 254; i++)
		many[i] = fd[0];
	CHECK_ERRNO(send_fds(fd[0], many, 254), EINVAL);
	CHECK_EQ(send_fds(fd[0], many, 253), 1);
	int got[260], flags;
	CHECK_EQ(recv_fds(fd[1], got, 260, 0, &flags), 253);
}

GUEST_TEST(unix_rights_are_bounded_per_user)
{
	int fd[2], sent = 0;
	struct rlimit r = {.rlim_cur = 50, .rlim_max = 1024};
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	pair_of(SOCK_STREAM, fd);
	while (sent < 1000 && send_fds(fd[0], &fd[0], 1) == 1)
		sent++;
	CHECK_EQ(errno, ETOOMANYREFS);
	CHECK(sent > 10 && sent <= 50);
	int got;
	CHECK_EQ(recv_fds(fd[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(send_fds(fd[0], &fd[0], 1), 1);
}

GUEST_TEST(unix_rights_peeked)
{
	int fd[2], p[2], a, b;
	char c;
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_fds(fd[0], &p[1], 1), 1);
	CHECK_EQ(recv_fds(fd[1], &a, 1, MSG_PEEK, NULL), 1);
	CHECK_EQ(recv_fds(fd[1], &b, 1, 0, NULL), 1);
	CHECK(a != b);
	CHECK_EQ(write(a, "1", 1), 1);
	CHECK_EQ(write(b, "2", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

/* Bytes before handles come alone, bytes after them wait. */
GUEST_TEST(unix_rights_are_a_boundary)
{
	int fd[2], p[2], got;
	char buf[16];
	pair_of(SOCK_STREAM, fd);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_fds(fd[0], &p[0], 1), 1);
	CHECK_EQ(write(fd[0], "after", 5), 5);
	CHECK_EQ(recv_fds(fd[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(read(fd[1], buf, sizeof(buf)), 5);
}

/* In rings: the leak check afterwards is the test. */
GUEST_TEST(unix_ring_of_one)
{
	int fd[2];
	for (int i = 0; i < 20; i++) {
		pair_of(SOCK_STREAM, fd);
		CHECK_EQ(send_fds(fd[0], &fd[1], 1), 1); /* fd[1] lies in its own queue */
		close(fd[0]);
		close(fd[1]);
	}
}

GUEST_TEST(unix_ring_of_two)
{
	int a[2], b[2];
	for (int i = 0; i < 20; i++) {
		pair_of(SOCK_DGRAM, a);
		pair_of(SOCK_STREAM, b);
		CHECK_EQ(send_fds(a[0], &b[1], 1), 1);
		CHECK_EQ(send_fds(b[0], &a[1], 1), 1);
		for (int j = 0; j < 2; j++) {
			close(a[j]);
			close(b[j]);
		}
	}
}

GUEST_TEST(unix_ring_of_three_and_what_hangs_on_it)
{
	int s[3][2], p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 3; i++)
		pair_of(SOCK_SEQPACKET, s[i]);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send_fds(s[i][0], &s[(i + 1) % 3][1], 1), 1);
	CHECK_EQ(send_fds(s[1][0], &p[1], 1), 1);
	close(p[1]);
	for (int i = 0; i < 3; i++) {
		close(s[i][1]);
		close(s[i][0]);
	}
	CHECK_EQ(read(p[0], &c, 1), 0); /* the pipe's writer went with the ring */
}

/* A ring that somebody still holds an end of stays whole. */
GUEST_TEST(unix_ring_that_is_reachable)
{
	int a[2], b[2], x[2], got;
	char c;
	pair_of(SOCK_STREAM, a);
	pair_of(SOCK_STREAM, b);
	CHECK_EQ(send_fds(a[0], &b[1], 1), 1);
	CHECK_EQ(send_fds(b[0], &a[1], 1), 1);
	close(b[1]);
	for (int i = 0; i < 10; i++) {
		pair_of(SOCK_STREAM, x);
		close(x[0]);
		close(x[1]);
	}
	CHECK_EQ(recv_fds(a[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(write(b[0], "x", 1), 1);
	CHECK_EQ(recv_fds(got, &x[0], 1, 0, NULL), 1);
	CHECK_EQ(read(got, &c, 1), 1);
}

/* A listener in flight, with a connection that nobody accepted, whose queue holds the listener. */
GUEST_TEST(unix_ring_through_a_listener)
{
	struct sockaddr_un n = {.sun_family = AF_UNIX, .sun_path = "\0ring listener"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(l, (void *)&n, 16), 0);
	CHECK_EQ(listen(l, 2), 0);
	CHECK_EQ(connect(c, (void *)&n, 16), 0);
	CHECK_EQ(send_fds(c, &l, 1), 1);
	close(l);
	close(c);
}

/* As deep as one likes: freeing the first frees all, one after the other. */
GUEST_TEST(unix_long_chain_in_flight)
{
	int prev[2], next[2];
	pair_of(SOCK_STREAM, prev);
	for (int i = 0; i < 400; i++) {
		pair_of(SOCK_STREAM, next);
		CHECK_EQ(send_fds(next[0], prev, 2), 1);
		close(prev[0]);
		close(prev[1]);
		memcpy(prev, next, sizeof(prev));
	}
	close(prev[0]);
	close(prev[1]);
}

static void *
make_rings(void *arg)
{
	for (int i = 0; i < 200; i++) {
		int a[2], b[2];
		pair_of(SOCK_STREAM, a);
		pair_of(SOCK_DGRAM, b);
		CHECK_EQ(send_fds(a[0], &b[1], 1), 1);
		CHECK_EQ(send_fds(b[0], &a[1], 1), 1);
		if (i % 3 == 0) {
			int got;
			CHECK_EQ(recv_fds(a[1], &got, 1, i % 2 ? MSG_PEEK : 0, NULL), 1);
			close(got);
		}
		for (int j = 0; j < 2; j++) {
			close(a[j]);
			close(b[j]);
		}
	}
	return NULL;
}

GUEST_TEST(unix_rings_by_several_threads)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, make_rings, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static ssize_t
send_creds(int to, struct ucred u)
{
	char c = 'c';
	struct iovec v = {&c, 1};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct ucred))];
	} b = {0};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = b.buf,
		.msg_controllen = sizeof(b.buf)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	h->cmsg_len = CMSG_LEN(sizeof(u));
	memcpy(CMSG_DATA(h), &u, sizeof(u));
	return sendmsg(to, &m, 0);
}

static struct ucred
recv_creds(int from)
{
	char c;
	struct iovec v = {&c, 1};
	struct ucred u = {0};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct ucred))];
	} b = {0};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = b.buf,
		.msg_controllen = sizeof(b.buf)};
	CHECK_EQ(recvmsg(from, &m, 0), 1);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h != NULL && h->cmsg_type == SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(h), sizeof(u));
	return u;
}

static int the_pair[2];

static void
as_user(void)
{
	struct ucred own = {getpid(), getuid(), getgid()}, lie = own;
	CHECK_EQ(send_creds(the_pair[0], own), 1);
	lie.uid = 0;
	CHECK_ERRNO(send_creds(the_pair[0], lie), EPERM);
	lie = own;
	lie.pid = 1;
	CHECK_ERRNO(send_creds(the_pair[0], lie), EPERM);
	lie = own;
	lie.gid = 0;
	CHECK_ERRNO(send_creds(the_pair[0], lie), EPERM);
	CHECK_EQ(write(the_pair[0], "x", 1), 1);
}

GUEST_TEST(unix_credentials)
{
	int on = 1;
	struct ucred u;
	socklen_t len = sizeof(u);
	pair_of(SOCK_STREAM, the_pair);
	CHECK_EQ(getsockopt(the_pair[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK(u.pid == getpid() && u.uid == getuid() && u.gid == getgid());
	CHECK_EQ(setsockopt(the_pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	file_as(1000, 1000, as_user);
	u = recv_creds(the_pair[1]);
	CHECK(u.uid == 1000 && u.gid == 1000 && u.pid > 1);
	u = recv_creds(the_pair[1]);
	CHECK(u.uid == 1000 && u.gid == 1000);
	/* Root says what it likes. */
	CHECK_EQ(send_creds(the_pair[0], (struct ucred){1, 77, 88}), 1);
	u = recv_creds(the_pair[1]);
	CHECK(u.pid == 1 && u.uid == 77 && u.gid == 88);
}

static void
connect_without_permission(void)
{
	struct sockaddr_un n = {.sun_family = AF_UNIX, .sun_path = "/tmp/guarded"};
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERRNO(connect(c, (void *)&n, sizeof(n)), EACCES);
}

GUEST_TEST(unix_path_permission)
{
	struct sockaddr_un n = {.sun_family = AF_UNIX, .sun_path = "/tmp/guarded"};
	unlink(n.sun_path);
	umask(022);
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(l, (void *)&n, sizeof(n)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(file_mode(n.sun_path), 0755);
	file_as(1000, 1000, connect_without_permission);
	unlink(n.sun_path);
	int other = socket(AF_UNIX, SOCK_STREAM, 0);
	file_put("/tmp/regular", "x");
	strcpy(n.sun_path, "/tmp/regular");
	CHECK_ERRNO(connect(other, (void *)&n, sizeof(n)), ECONNREFUSED);
	unlink("/tmp/regular");
	strcpy(n.sun_path, "/nowhere/x");
	CHECK_ERRNO(bind(other, (void *)&n, sizeof(n)), ENOENT);
	strcpy(n.sun_path, "/proc/x");
	CHECK(bind(other, (void *)&n, sizeof(n)) != 0);
}

static socklen_t
dgram_name(struct sockaddr_un *n, const char *text)
{
	*n = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(n->sun_path + 1, text);
	return (socklen_t)(sizeof(sa_family_t) + 1 + strlen(text));
}

GUEST_TEST(unix_dgram_boundaries_and_names)
{
	struct sockaddr_un a, b, from;
	char buf[64];
	int fa = socket(AF_UNIX, SOCK_DGRAM, 0), fb = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t la = dgram_name(&a, "dgram a"), lb = dgram_name(&b, "dgram b"), len;
	CHECK_EQ(bind(fa, (void *)&a, la), 0);
	CHECK_EQ(bind(fb, (void *)&b, lb), 0);
	CHECK_ERRNO(send(fa, "x", 1, 0), ENOTCONN);
	CHECK_EQ(sendto(fa, "one", 3, 0, (void *)&b, lb), 3);
	CHECK_EQ(sendto(fa, "", 0, 0, (void *)&b, lb), 0);
	CHECK_EQ(sendto(fa, "three", 5, 0, (void *)&b, lb), 5);
	len = sizeof(from);
	CHECK_EQ(recvfrom(fb, buf, 2, MSG_TRUNC, (void *)&from, &len), 3);
	CHECK(len == la && memcmp(&from, &a, la) == 0);
	CHECK_EQ(recv(fb, buf, sizeof(buf), 0), 0);
	CHECK_EQ(recv(fb, buf, sizeof(buf), MSG_PEEK), 5);
	CHECK_EQ(recv(fb, buf, sizeof(buf), 0), 5);
	/* Who is connected hears only its partner. */
	CHECK_EQ(connect(fb, (void *)&b, lb), 0);
	CHECK_ERRNO(sendto(fa, "x", 1, 0, (void *)&b, lb), EPERM);
	CHECK_ERRNO(connect(fa, (void *)&b, lb), EPERM);
	CHECK_EQ(connect(fb, (void *)&a, la), 0);
	CHECK_EQ(send(fb, "hi", 2, 0), 2);
	CHECK_EQ(recv(fa, buf, sizeof(buf), 0), 2);
	a.sun_family = AF_UNSPEC;
	CHECK_EQ(connect(fb, (void *)&a, sizeof(sa_family_t)), 0);
	CHECK_ERRNO(send(fb, "x", 1, 0), ENOTCONN);
	close(fa);
	dgram_name(&a, "dgram a");
	CHECK_ERRNO(sendto(fb, "x", 1, 0, (void *)&a, la), ECONNREFUSED);
	static char big[400000];
	CHECK_ERRNO(sendto(fb, big, sizeof(big), 0, (void *)&b, lb), EMSGSIZE);
	CHECK_EQ(sendto(fb, big, 100000, 0, (void *)&b, lb), 100000);
	CHECK_EQ(recv(fb, big, sizeof(big), 0), 100000);
}

GUEST_TEST(unix_dgram_queue_is_bounded_and_polls)
{
	struct sockaddr_un a;
	socklen_t la = dgram_name(&a, "dgram full");
	int fa = socket(AF_UNIX, SOCK_DGRAM, 0);
	int fb = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), sent = 0;
	CHECK_EQ(bind(fa, (void *)&a, la), 0);
	CHECK_EQ(connect(fb, (void *)&a, la), 0);
	while (sent < 100 && send(fb, "x", 1, 0) == 1)
		sent++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent < 20);
	struct pollfd p = {fb, POLLOUT, 0};
	CHECK_EQ(poll(&p, 1, 0), 0);
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET}, got;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fb, &e), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	pid_t child = fork();
	if (child == 0) {
		char c;
		_exit(recv(fa, &c, 1, 0) == 1 ? 0 : 1);
	}
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(guest_reap(child), 0);
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 1);
	CHECK_EQ(send(fb, "x", 1, 0), 1);
	close(fa);
	CHECK_ERRNO(send(fb, "x", 1, 0), ECONNREFUSED);
	CHECK_ERRNO(send(fb, "x", 1, 0), ENOTCONN);
}

GUEST_TEST(unix_seqpacket)
{
	int fd[2];
	char buf[16];
	struct mmsghdr mm[3];
	struct iovec v[3] = {{(char *)"a", 1}, {(char *)"bcd", 3}, {(char *)"ef", 2}}, r[3];
	pair_of(SOCK_SEQPACKET, fd);
	memset(mm, 0, sizeof(mm));
	for (int i = 0; i < 3; i++) {
		mm[i].msg_hdr.msg_iov = &v[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_EQ(sendmmsg(fd[0], mm, 3, 0), 3);
	CHECK_EQ(mm[1].msg_len, 3);
	char in[3][8] = {{0}};
	for (int i = 0; i < 3; i++) {
		r[i] = (struct iovec){in[i], 8};
		mm[i].msg_hdr.msg_iov = &r[i];
		mm[i].msg_len = 0;
	}
	CHECK_EQ(recvmmsg(fd[1], mm, 3, MSG_WAITFORONE, NULL), 3);
	CHECK(mm[0].msg_len == 1 && mm[1].msg_len == 3 && mm[2].msg_len == 2);
	CHECK(memcmp(in[1], "bcd", 3) == 0);
	struct iovec iv = {buf, 1};
	struct msghdr m = {.msg_iov = &iv, .msg_iovlen = 1};
	CHECK_EQ(write(fd[0], "long", 4), 4);
	CHECK_EQ(recvmsg(fd[1], &m, 0), 1);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_ERRNO(recv(fd[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	close(fd[0]);
	CHECK_EQ(recv(fd[1], buf, 1, 0), 0);
	CHECK_ERRNO(send(fd[1], "x", 1, MSG_NOSIGNAL), EPIPE);
}
