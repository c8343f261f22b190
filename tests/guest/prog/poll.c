/* SPDX-License-Identifier: MIT */
/* poll, select, epoll, eventfd, timerfd, signalfd. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static void
on_signal(int sig)
{
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_handler = on_signal};
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

GUEST_TEST(poll_answers)
{
	int p[2], null = open("/dev/null", O_RDWR);
	CHECK_EQ(pipe(p), 0);
	struct pollfd f[5] = {{p[0], POLLIN, 0}, {-1, POLLIN, 9}, {p[1], POLLOUT, 0},
		{9999, POLLIN, 0}, {null, POLLIN | POLLOUT, 0}};
	CHECK_EQ(poll(f, 5, -1), 3);
	CHECK_EQ(f[0].revents, 0);
	CHECK_EQ(f[1].revents, 0);
	CHECK_EQ(f[2].revents, POLLOUT);
	CHECK_EQ(f[3].revents, POLLNVAL);
	CHECK_EQ(f[4].revents, POLLIN | POLLOUT);
	CHECK_EQ(poll(f, 1, 0), 0);
	CHECK_ERRNO(poll((void *)16, 1, 0), EFAULT);
	CHECK_ERRNO(poll(f, ~0U, 0), EINVAL);
	struct timespec bad = {0, 1000000000};
	CHECK_ERRNO(ppoll(f, 1, &bad, NULL), EINVAL);
}

GUEST_TEST(poll_many)
{
	int p[2];
	struct pollfd f[300];
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 300; i++)
		f[i] = (struct pollfd){p[0], POLLIN, 0};
	CHECK_EQ(poll(f, 300, 10), 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(20000);
		_exit(write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(poll(f, 300, -1), 300);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(poll_timeout)
{
	double start = guest_now();
	CHECK_EQ(poll(NULL, 0, 50), 0);
	CHECK(guest_now() - start >= 0.05);
	struct timespec t = {0, 30000000};
	int p[2];
	CHECK_EQ(pipe(p), 0);
	struct pollfd f = {p[0], POLLIN, 0};
	start = guest_now();
	CHECK_EQ(ppoll(&f, 1, &t, NULL), 0);
	CHECK(guest_now() - start >= 0.03);
}

GUEST_TEST(poll_signal_and_mask)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	struct pollfd f = {p[0], POLLIN, 0};
	catch (SIGALRM);
	ualarm(20000, 20000); /* the first may come before the call */
	CHECK_ERRNO(poll(&f, 1, -1), EINTR);
	ualarm(0, 0);
	/* Blocked but for the call: a pending signal ends it at once, and the mask is back afterwards. */
	sigset_t block, empty, now;
	sigemptyset(&empty);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	catch (SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(poll(&f, 1, 10), 0);
	struct timespec t = {5, 0};
	CHECK_ERRNO(ppoll(&f, 1, &t, &empty), EINTR);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	CHECK_EQ(ppoll(&f, 1, &(struct timespec){0, 1000}, &empty), 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
}

GUEST_TEST(poll_raw_gives_the_rest_of_the_time)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	struct pollfd f = {p[0], POLLIN, 0};
	struct timespec t = {100, 0};
	CHECK_EQ(syscall(SYS_ppoll, &f, 1, &t, NULL, 8), 1);
	CHECK(t.tv_sec >= 50 && t.tv_sec <= 99);
}

GUEST_TEST(select_sets)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	int high = dup2(p[0], 700);
	CHECK_EQ(high, 700);
	fd_set r, w, e;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(high, &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &e);
	CHECK_EQ(select(701, &r, &w, &e, NULL), 1);
	CHECK(!FD_ISSET(high, &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &e));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_SET(high, &r);
	CHECK_EQ(select(701, &r, NULL, NULL, &(struct timeval){5, 0}), 1);
	CHECK(FD_ISSET(high, &r));
	CHECK_EQ(select(700, &r, NULL, NULL, &(struct timeval){0, 1000}),
		0); /* 700 is not below 700 */
	close(p[1]);
	FD_ZERO(&r);
	FD_SET(p[1], &r);
	CHECK_ERRNO(select(p[1] + 1, &r, NULL, NULL, NULL), EBADF);
	CHECK_ERRNO(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_EQ(select(0, NULL, NULL, NULL, &(struct timeval){0, 1000}), 0);
}

static int
add(int ep, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

GUEST_TEST(epoll_errors)
{
	int p[2], ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {0};
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(add(ep, p[0], EPOLLIN), 0);
	CHECK_ERRNO(add(ep, p[0], EPOLLIN), EEXIST);
	CHECK_ERRNO(add(ep, ep, EPOLLIN), EINVAL);
	CHECK_ERRNO(add(p[0], p[1], EPOLLIN), EINVAL);
	CHECK_ERRNO(add(ep, 9999, EPOLLIN), EBADF);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	CHECK_ERRNO(epoll_ctl(ep, 9, p[0], &e), EINVAL);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], (void *)16), EFAULT);
	CHECK_ERRNO(epoll_wait(ep, &e, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(p[0], &e, 1, 0), EINVAL);
	CHECK_ERRNO(add(ep, open("/", O_RDONLY), EPOLLIN), EPERM);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
}

GUEST_TEST(epoll_levels_and_edges)
{
	int p[2], level = epoll_create1(0), edge = epoll_create1(0);
	char c;
	struct epoll_event e[4];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(level, p[0], EPOLLIN), 0);
	CHECK_EQ(add(edge, p[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(epoll_wait(level, e, 4, 0), 0);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(epoll_wait(level, e, 4, 0), 1);
	CHECK_EQ(epoll_wait(edge, e, 4, 0), 1);
	CHECK_EQ(e[0].events, EPOLLIN);
	CHECK_EQ(e[0].data.fd, p[0]);
	CHECK_EQ(epoll_wait(edge, e, 4, 0), 0);
	CHECK_EQ(write(p[1], "c", 1), 1);
	CHECK_EQ(epoll_wait(edge, e, 4, 0), 1);
	while (read(p[0], &c, 1) == 1 && c != 'c')
		;
	CHECK_EQ(epoll_wait(level, e, 4, 0), 0);
	close(p[1]);
	CHECK_EQ(epoll_wait(level, e, 4, 0), 1);
	CHECK_EQ(e[0].events, EPOLLHUP);
	CHECK_EQ(epoll_wait(edge, e, 4, 0), 1);
}

GUEST_TEST(epoll_one_shot)
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event e[4];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(ep, p[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
	e[0] = (struct epoll_event){
		.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 0x123456789abcdef0};
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], e), 0);
	CHECK_EQ(epoll_wait(ep, e, 4, -1), 1);
	CHECK_EQ(e[0].data.u64, 0x123456789abcdef0);
}

GUEST_TEST(epoll_entry_dies_with_its_file)
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event e[4];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(ep, p[0], EPOLLIN), 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	int other = dup(p[0]);
	close(p[0]);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 1); /* the file lives on */
	close(other);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
}

GUEST_TEST(epoll_nested)
{
	int p[2], in = epoll_create1(0), out = epoll_create1(0);
	struct epoll_event e[4];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(in, p[0], EPOLLIN), 0);
	CHECK_EQ(add(out, in, EPOLLIN), 0);
	CHECK_ERRNO(add(in, out, EPOLLIN), ELOOP);
	CHECK_EQ(epoll_wait(out, e, 4, 0), 0);
	CHECK_EQ(write(p[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(out, e, 4, -1), 1);
	CHECK_EQ(e[0].data.fd, in);
	struct pollfd f = {out, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
}

/* A change reaches the outermost, whichever of the sets was made first. */
GUEST_TEST(epoll_nested_tells_all_levels)
{
	int v = eventfd(0, EFD_NONBLOCK), set[3];
	const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}};
	struct epoll_event e;
	eventfd_t value;
	for (int i = 0; i < 3; i++) {
		const int *o = orders[i];
		for (int k = 0; k < 3; k++)
			set[k] = epoll_create1(0);
		CHECK_EQ(add(set[o[0]], v, EPOLLIN), 0);
		CHECK_EQ(add(set[o[1]], set[o[0]], EPOLLIN), 0);
		CHECK_EQ(add(set[o[2]], set[o[1]], EPOLLIN), 0);
		CHECK_EQ(epoll_wait(set[o[2]], &e, 1, 0), 0);
		CHECK_EQ(eventfd_write(v, 1), 0);
		CHECK_EQ(epoll_wait(set[o[2]], &e, 1, -1), 1);
		CHECK_EQ(e.data.fd, set[o[1]]);
		CHECK_EQ(eventfd_read(v, &value), 0);
		CHECK_EQ(epoll_wait(set[o[2]], &e, 1, 0), 0);
		for (int k = 0; k < 3; k++)
			close(set[k]);
	}
	close(v);
}

GUEST_TEST(epoll_wakes_a_sleeper)
{
	int p[2], ep = epoll_create1(0), status;
	struct epoll_event e;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(add(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE), 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(20000);
		_exit(write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	double start = guest_now();
	char c;
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 30), 0);
	CHECK(guest_now() - start >= 0.03);
	catch (SIGALRM);
	ualarm(20000, 20000); /* the first may come before the call */
	CHECK_ERRNO(epoll_wait(ep, &e, 1, -1), EINTR);
}

GUEST_TEST(epoll_many)
{
	int ep = epoll_create1(0), fds[200];
	struct epoll_event e[200];
	for (int i = 0; i < 200; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK);
		CHECK_EQ(add(ep, fds[i], EPOLLIN), 0);
	}
	for (int i = 0; i < 200; i += 2)
		CHECK_EQ(eventfd_write(fds[i], 1), 0);
	CHECK_EQ(epoll_wait(ep, e, 200, 0), 100);
	bool seen[2000] = {false};
	for (int i = 0; i < 100; i++) {
		CHECK(!seen[e[i].data.fd]);
		seen[e[i].data.fd] = true;
	}
	CHECK_EQ(epoll_wait(ep, e, 7, 0), 7);
}

struct asked_set {
	int set;
	_Atomic bool over;
};

static void *
ask_set(void *arg)
{
	struct asked_set *a = arg;
	struct pollfd p = {.fd = a->set, .events = POLLIN};
	while (!a->over)
		CHECK_EQ(poll(&p, 1, 0), 1);
	return NULL;
}

/* What is ready is so for everybody, also while another call looks at it. */
GUEST_TEST(race_epoll_ready_for_all)
{
	enum { ASKERS = 2, ROUNDS = 4000 };
	struct asked_set a = {.set = epoll_create1(0)};
	struct epoll_event e = {.events = EPOLLIN};
	pthread_t t[ASKERS];
	int fd = eventfd(1, 0);
	CHECK_EQ(epoll_ctl(a.set, EPOLL_CTL_ADD, fd, &e), 0);
	for (int i = 0; i < ASKERS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, ask_set, &a), 0);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(epoll_wait(a.set, &e, 1, 0), 1);
		CHECK_EQ(epoll_wait(a.set, &e, 1, -1), 1);
	}
	a.over = true;
	for (int i = 0; i < ASKERS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	close(fd);
	close(a.set);
}

GUEST_TEST(eventfd_counts)
{
	int fd = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	eventfd_t n;
	CHECK_EQ(eventfd_write(fd, 4), 0);
	CHECK_EQ(eventfd_read(fd, &n), 0);
	CHECK_EQ(n, 7);
	CHECK_ERRNO(eventfd_read(fd, &n), EAGAIN);
	CHECK_EQ(eventfd_read(sem, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(eventfd_read(sem, &n), 0);
	CHECK_ERRNO(eventfd_read(sem, &n), EAGAIN);
	n = UINT64_MAX;
	CHECK_ERRNO(write(fd, &n, 8), EINVAL);
	CHECK_ERRNO(write(fd, &n, 4), EINVAL);
	CHECK_ERRNO(read(fd, &n, 4), EINVAL);
	CHECK_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
	CHECK_ERRNO(eventfd_write(fd, 1), EAGAIN);
	struct pollfd f = {fd, POLLIN | POLLOUT, 0};
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN);
}

GUEST_TEST(timerfd_ticks)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t n;
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	struct itimerspec t = {{0, 10000000}, {0, 10000000}}, old;
	CHECK_EQ(timerfd_settime(fd, 0, &t, NULL), 0);
	struct pollfd f = {fd, POLLIN, 0};
	CHECK_EQ(poll(&f, 1, -1), 1);
	usleep(35000);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK(n >= 4);
	CHECK_EQ(timerfd_gettime(fd, &old), 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec <= 10000000 &&
		old.it_interval.tv_nsec == 10000000);
	t = (struct itimerspec){0};
	CHECK_EQ(timerfd_settime(fd, 0, &t, &old), 0);
	CHECK_EQ(timerfd_gettime(fd, &old), 0);
	CHECK_EQ(old.it_value.tv_nsec, 0);
	CHECK_EQ(poll(&f, 1, 30), 0);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int wall = timerfd_create(CLOCK_REALTIME, 0);
	t.it_value = (struct timespec){now.tv_sec, now.tv_nsec / 2 + 1}; /* past already */
	CHECK_EQ(timerfd_settime(wall, TFD_TIMER_ABSTIME, &t, NULL), 0);
	CHECK_EQ(read(wall, &n, 8), 8);
	CHECK_EQ(n, 1);
	t.it_value.tv_nsec = 1000000000;
	CHECK_ERRNO(timerfd_settime(wall, 0, &t, NULL), EINVAL);
	CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
	CHECK_ERRNO(timerfd_settime(0, 0, &old, NULL), EINVAL);
}

GUEST_TEST(signalfd_reads_signals)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK), ep = epoll_create1(0), status;
	struct signalfd_siginfo info[3];
	struct epoll_event e;
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERRNO(read(fd, info, 10), EINVAL);
	CHECK_EQ(add(ep, fd, EPOLLIN), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	union sigval v = {.sival_int = 4711};
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, v), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
	CHECK_EQ(read(fd, info, sizeof(info)), 2 * sizeof(*info));
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
	CHECK_EQ(info[1].ssi_int, 4711);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	/* Blocking, from a child's signal. */
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	pid_t pid = fork(), parent = getppid();
	(void)parent;
	if (pid == 0) {
		usleep(20000);
		_exit(kill(getppid(), SIGUSR1) == 0 ? 0 : 1);
	}
	CHECK_EQ(read(fd, info, sizeof(*info)), sizeof(*info));
	CHECK_EQ(info[0].ssi_pid, pid);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static volatile sig_atomic_t got_io;

static void
on_io(int sig, siginfo_t *info, void *uc)
{
	got_io = sig;
}

GUEST_TEST(async_signals_the_owner)
{
	int p[2];
	struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO};
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(sigaction(SIGIO, &sa, NULL), 0);
	CHECK_EQ(sigaction(SIGRTMIN + 1, &sa, NULL), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
	CHECK_ERRNO(fcntl(p[0], F_SETOWN, 4000000), ESRCH);
	CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got_io, SIGIO);
	CHECK_EQ(fcntl(p[0], 10 /* F_SETSIG */, SIGRTMIN + 1), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got_io, SIGRTMIN + 1);
	got_io = 0;
	CHECK_EQ(fcntl(p[0], F_SETFL, 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(got_io, 0);
}
