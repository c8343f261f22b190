/* SPDX-License-Identifier: MIT */
/* Calls that a handler interrupts: which are restarted with SA_RESTART, which end with EINTR, what is left over. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t caught;
static int pipe_in[2], pipe_out[2];

static void
count(int sig)
{
	caught++;
}

/* A byte for the reader, room for the writer, an end for the waiter: what each of the calls below waits for. */
static void
let_go(void)
{
	static char sink[1 << 17];
	uint64_t one = 1;
	(void)!write(pipe_in[1], "x", 1);
	(void)!read(pipe_out[0], sink, sizeof(sink));
	(void)one;
}

static int event_fd, epoll_fd, lock_a, lock_b;
static pid_t child;
static uint32_t word;

static long
do_read(void)
{
	char c;
	return read(pipe_in[0], &c, 1);
}

static long
do_write(void)
{
	static char big[1 << 16];
	return write(pipe_out[1], big, sizeof(big));
}

static long
do_wait(void)
{
	return waitpid(child, NULL, 0);
}

static long
do_waitid(void)
{
	siginfo_t info;
	return waitid(P_PID, (id_t)child, &info, WEXITED);
}

static long
do_eventfd(void)
{
	uint64_t v;
	return read(event_fd, &v, 8);
}

static long
do_futex(void)
{
	return syscall(SYS_futex, &word, 128, 0, NULL, NULL, 0);
}

static long
do_flock(void)
{
	return flock(lock_b, LOCK_EX);
}

static long
do_poll(void)
{
	struct pollfd f = {.fd = pipe_in[0], .events = POLLIN};
	return poll(&f, 1, 20000);
}

static long
do_ppoll(void)
{
	struct pollfd f = {.fd = pipe_in[0], .events = POLLIN};
	return ppoll(&f, 1, NULL, NULL);
}

static long
do_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipe_in[0], &set);
	return select(pipe_in[0] + 1, &set, NULL, NULL, NULL);
}

static long
do_epoll(void)
{
	struct epoll_event e;
	return epoll_wait(epoll_fd, &e, 1, -1);
}

static long
do_nanosleep(void)
{
	struct timespec t = {20, 0};
	return nanosleep(&t, NULL);
}

static long
do_clock_nanosleep(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 20;
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return errno == 0 ? 0 : -1;
}

static long
do_pause(void)
{
	return pause();
}

static long
do_timed_futex(void)
{
	struct timespec t = {20, 0};
	return syscall(SYS_futex, &word, 128, 0, &t, NULL, 0);
}

static long
do_sigtimedwait(void)
{
	sigset_t set;
	siginfo_t info;
	struct timespec t = {20, 0};
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return syscall(SYS_rt_sigtimedwait, &set, &info, &t, 8);
}

static const struct interruptible {
	const char *name;
	long (*call)(void);
	bool restarts;
} calls[] = {
	{"read", do_read, true},
	{"write", do_write, true},
	{"wait4", do_wait, true},
	{"waitid", do_waitid, true},
	{"eventfd", do_eventfd, true},
	{"futex", do_futex, true},
	{"flock", do_flock, true},
	{"poll", do_poll, false},
	{"ppoll", do_ppoll, false},
	{"select", do_select, false},
	{"epoll_wait", do_epoll, false},
	{"nanosleep", do_nanosleep, false},
	{"clock_nanosleep", do_clock_nanosleep, false},
	{"pause", do_pause, false},
	{"futex with timeout", do_timed_futex, false},
	{"sigtimedwait", do_sigtimedwait, false},
};

static void
prepare(void)
{
	static char fill[1 << 16];
	struct epoll_event e = {.events = EPOLLIN};
	CHECK_EQ(pipe(pipe_in), 0);
	CHECK_EQ(pipe(pipe_out), 0);
	CHECK_EQ(write(pipe_out[1], fill, sizeof(fill)), sizeof(fill));
	event_fd = eventfd(0, 0);
	epoll_fd = epoll_create1(0);
	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipe_in[0], &e), 0);
	lock_a = open("/tmp", O_RDONLY);
	lock_b = open("/tmp", O_RDONLY);
	CHECK_EQ(flock(lock_a, LOCK_EX), 0);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
}

/* In a process of its own: the call, interrupted by a child. Says by its exit how it ended. */
static void
be_interrupted(const struct interruptible *c, bool restart)
{
	struct sigaction sa = {.sa_handler = count, .sa_flags = restart ? SA_RESTART : 0};
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	prepare();
	pid_t me = getpid(), helper = fork();
	if (helper == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGUSR1), 0);
		if (!restart || !c->restarts)
			_exit(0);
		guest_sleep_ms(2);
		guest_await_sleep(me); /* in the call again */
		let_go();
		uint64_t one = 1;
		(void)!write(event_fd, &one, 8);
		kill(child, SIGKILL);
		flock(lock_a, LOCK_UN);
		/* Futexes are let go by a second signal, whose handler changes the word. */
		kill(me, SIGHUP);
		_exit(0);
	}
	long r = c->call();
	int err = errno;
	if (caught != 1)
		guest_fail(
			__FILE__, __LINE__, "%s: the handler ran %d times", c->name, (int)caught);
	if (restart && c->restarts ? r < 0 && err != EAGAIN : r != -1 || err != EINTR)
		guest_fail(__FILE__, __LINE__, "%s%s: %ld, errno %d", c->name,
			restart ? " with SA_RESTART" : "", r, err);
}

static void
change_word(int sig)
{
	word = 1; /* the restarted futex call finds another value */
}

GUEST_TEST(signal_interrupts_calls)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (int restart = 0; restart < 2; restart++) {
			pid_t pid = fork();
			if (pid == 0) {
				struct sigaction sa = {
					.sa_handler = change_word, .sa_flags = SA_RESTART};
				CHECK_EQ(sigaction(SIGHUP, &sa, NULL), 0);
				be_interrupted(&calls[i], restart);
				kill(child, SIGKILL);
				_exit(0);
			}
			CHECK_EQ(guest_reap(pid), 0);
		}
}

/* Signals without a handler, ignored or by default, are not noticed by a call at all. */
GUEST_TEST(signal_ignored_interrupts_nothing)
{
	signal(SIGUSR1, SIG_IGN);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGUSR1), 0);
		CHECK_EQ(kill(me, SIGWINCH), 0);
		CHECK_EQ(kill(me, SIGSTOP), 0);
		_exit(0);
	}
	pid_t waker = fork();
	if (waker == 0)
		for (;;) {
			guest_sleep_ms(20);
			kill(me, SIGCONT);
		}
	struct timespec t = {0, 150000000};
	double from = guest_now();
	CHECK_EQ(nanosleep(&t, NULL), 0);
	CHECK(guest_now() - from >= 0.15);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(kill(waker, SIGKILL), 0);
	guest_reap(waker);
}

/* A write that has moved something says how much. */
GUEST_TEST(signal_partial_write)
{
	static char big[1 << 20], sink[4096];
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	int p[2];
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pipe(p), 0);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGUSR1), 0);
		_exit(0);
	}
	ssize_t n = write(p[1], big, sizeof(big));
	CHECK(n > 0 && n < (ssize_t)sizeof(big));
	CHECK_EQ(caught, 1);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(read(p[0], sink, sizeof(sink)), sizeof(sink));
}

/* A sleep of a thousand seconds that signals end; what it says is left, less what is. */
static double
excess_of_remainder(void)
{
	struct timespec ts = {1000, 0}, rem = {0, 0};
	double from = guest_now();
	CHECK_ERRNO(nanosleep(&ts, &rem), EINTR);
	double slept = guest_now() - from;
	return (double)rem.tv_sec + (double)rem.tv_nsec / 1e9 - (1000 - slept);
}

GUEST_TEST(nanosleep_remainder)
{
	struct timespec ts, rem;
	struct itimerval it = {.it_value = {0, 50000}, .it_interval = {0, 50000}};
	signal(SIGALRM, count);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	/* Time that a loaded host takes around the call adds to it: one of several shows what the kernel does. */
	double least = 1000;
	for (int i = 0; i < 20 && least > 0.02; i++) {
		double excess = excess_of_remainder();
		CHECK(excess >= 0);
		least = excess < least ? excess : least;
	}
	CHECK(least <= 0.02);
	/* An absolute one has none. */
	rem = (struct timespec){-7, -7};
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 20;
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &rem), EINTR);
	CHECK_EQ(rem.tv_sec, -7);
}

/* The signal comes at any moment between the decision to sleep and the sleep: none is slept over. */
GUEST_TEST(signal_before_sleep_is_not_lost)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGUSR1, count);
	for (int i = 0; i < 200; i++) {
		pid_t me = getpid(), pid = fork();
		if (pid == 0) {
			for (volatile int spin = i * 97 % 3000; spin > 0; spin--)
				;
			_exit(kill(me, SIGUSR1));
		}
		struct timespec t = {20, 0};
		struct pollfd none;
		caught = 0;
		if (i & 1)
			CHECK_ERRNO(sigsuspend(&old), EINTR);
		else
			CHECK_ERRNO(ppoll(&none, 0, &t, &old), EINTR);
		CHECK_EQ(caught, 1);
		CHECK_EQ(guest_reap(pid), 0);
	}
}

/* System calls keep all registers but x0 when they are restarted over a handler: the arguments come again. */
GUEST_TEST(signal_restart_keeps_arguments)
{
	char c = 0;
	int p[2];
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pipe(p), 0);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			guest_await_sleep(me);
			CHECK_EQ(kill(me, SIGUSR1), 0);
			guest_sleep_ms(2);
		}
		guest_await_sleep(me);
		_exit(write(p[1], "q", 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'q');
	CHECK_EQ(caught, 5);
	CHECK_EQ(guest_reap(pid), 0);
}
