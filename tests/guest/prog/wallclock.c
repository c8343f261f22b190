/* SPDX-License-Identifier: MIT */
/*
 * What a change of the wall clock does to those who wait for moments of it: whatever the call, they wait until the
 * clock shows their moment. Each test puts the clock back to where it would have been.
 */
#include "guest.h"

#include <fcntl.h>
#include "abi/linux/futex.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static struct timespec
clock_now(clockid_t clock)
{
	struct timespec t;
	CHECK_EQ(clock_gettime(clock, &t), 0);
	return t;
}

static struct timespec
plus(struct timespec t, int64_t ns)
{
	int64_t sum = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + ns;
	return (struct timespec){sum / 1000000000, sum % 1000000000};
}

static struct timespec
seconds_from_now(long seconds)
{
	return plus(clock_now(CLOCK_REALTIME), seconds * 1000000000LL);
}

static void
move_clock(long seconds)
{
	struct timespec t = seconds_from_now(seconds);
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &t), 0);
}

static bool
has_come(struct timespec moment)
{
	struct timespec now = clock_now(CLOCK_REALTIME);
	return now.tv_sec > moment.tv_sec ||
		(now.tv_sec == moment.tv_sec && now.tv_nsec >= moment.tv_nsec);
}

/* Ways to wait for a moment of the wall clock. Each returns when it has come, in a thread of its own. */
static void
by_sleep(struct timespec moment)
{
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &moment, NULL), 0);
}

/* As glibc waits for semaphores, conditions and mutexes; musl waits for the length of time that it works out. */
static void
by_futex(struct timespec moment)
{
	uint32_t word = 1;
	CHECK_ERRNO(syscall(SYS_futex, &word,
			    FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, 1,
			    &moment, NULL, 0xffffffffu),
		ETIMEDOUT);
}

static void
by_timerfd(struct timespec moment)
{
	struct itimerspec set = {.it_value = moment};
	uint64_t ticks = 0;
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	CHECK(fd >= 0);
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	CHECK_EQ(ticks, 1);
	close(fd);
}

static void
by_timer(struct timespec moment)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN,
		.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid)};
	struct itimerspec set = {.it_value = moment};
	timer_t timer;
	sigset_t mask;
	siginfo_t info;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	CHECK_EQ(timer_create(CLOCK_REALTIME, &ev, &timer), 0);
	CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &set, NULL), 0);
	CHECK_EQ(sigwaitinfo(&mask, &info), SIGRTMIN);
	CHECK_EQ(timer_delete(timer), 0);
}

typedef void wait_fn(struct timespec moment);
static wait_fn *const ways[] = {by_sleep, by_futex, by_timerfd, by_timer};
#define WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

struct waiter {
	wait_fn *how;
	struct timespec moment;
	_Atomic pid_t tid;
	_Atomic bool done;
	pthread_t thread;
};

static void *
wait_for_it(void *arg)
{
	struct waiter *w = arg;
	w->tid = (pid_t)syscall(SYS_gettid);
	w->how(w->moment);
	CHECK(has_come(w->moment));
	w->done = true;
	return NULL;
}

static void
start_waiters(struct waiter w[], struct timespec moment)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
	for (int i = 0; i < WAYS; i++) {
		w[i] = (struct waiter){.how = ways[i], .moment = moment};
		CHECK_EQ(pthread_create(&w[i].thread, NULL, wait_for_it, &w[i]), 0);
		CHECK_SOON(w[i].tid != 0);
		guest_await_sleep(w[i].tid);
	}
}

static void
join_waiters(struct waiter w[])
{
	for (int i = 0; i < WAYS; i++)
		CHECK_EQ(pthread_join(w[i].thread, NULL), 0);
}

static int
waiters_done(const struct waiter w[])
{
	int n = 0;
	for (int i = 0; i < WAYS; i++)
		n += w[i].done;
	return n;
}

GUEST_TEST(clock_settime_moves_the_wall_clock)
{
	struct timespec from = clock_now(CLOCK_MONOTONIC), later = seconds_from_now(1000), now;
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &later), 0);
	now = clock_now(CLOCK_REALTIME);
	CHECK(has_come(later));
	CHECK(now.tv_sec < later.tv_sec + 20);
	CHECK(time(NULL) >= later.tv_sec);
	CHECK(clock_now(CLOCK_MONOTONIC).tv_sec - from.tv_sec < 20);
	move_clock(-1000);
}

GUEST_TEST(wall_clock_forwards_ends_every_wait)
{
	struct waiter w[WAYS];
	double from = guest_now();
	start_waiters(w, seconds_from_now(500));
	CHECK_EQ(waiters_done(w), 0);
	move_clock(499 - 30);
	guest_sleep_ms(20);
	CHECK_EQ(waiters_done(w), 0);
	move_clock(1000);
	join_waiters(w);
	move_clock(-1469);
	CHECK(guest_now() - from < 30);
}

/*
 * Set back before a moment that is near, the clock takes longer to show it; has_come() sees who woke when the first
 * reckoning was up. Returns false if the clock was set back too late, as after a stall of the host.
 */
static bool
set_back_in_time(void)
{
	struct waiter w[WAYS];
	double near = guest_now() + 0.4;
	start_waiters(w, plus(clock_now(CLOCK_REALTIME), 400 * 1000000LL));
	move_clock(-500);
	bool in_time = guest_now() < near;
	if (in_time) {
		guest_sleep_ms(600);
		CHECK_EQ(waiters_done(w), 0);
	}
	move_clock(600);
	join_waiters(w);
	move_clock(-100);
	return in_time;
}

GUEST_TEST(wall_clock_backwards_prolongs_every_wait)
{
	CHECK_SOON(set_back_in_time());
}

/* Many changes while many wait: everyone wakes, nobody before the moment. */
GUEST_TEST(wall_clock_storm)
{
	struct waiter w[4][WAYS];
	for (int i = 0; i < 4; i++)
		start_waiters(w[i], seconds_from_now(300 + i));
	for (int i = 0; i < 500; i++) {
		move_clock(i % 2 ? 100 : -100);
		if (i % 50 == 0)
			guest_yield();
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(waiters_done(w[i]), 0);
	move_clock(400);
	for (int i = 0; i < 4; i++)
		join_waiters(w[i]);
	move_clock(-400);
}

/* Lengths of time, and moments of other clocks, are none of the wall clock's business. */
GUEST_TEST(wall_clock_leaves_other_waits_alone)
{
	struct timespec length = {0, 150000000}, at = plus(clock_now(CLOCK_MONOTONIC), 150000000);
	struct itimerspec set = {.it_value = length, .it_interval = length}, left;
	double from = guest_now();
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	move_clock(-1000);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec == 0);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	uint64_t ticks;
	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	CHECK(guest_now() - from >= 0.15);
	move_clock(1000);
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &length, NULL), 0);
	CHECK(guest_now() - from >= 0.30);
	close(fd);
}

static short
polled(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

GUEST_TEST(timerfd_is_cancelled_when_the_clock_is_set)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	uint64_t ticks;
	struct itimerspec set = {.it_value = seconds_from_now(5000)};
	unsigned flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	CHECK_EQ(timerfd_settime(fd, (int)flags, &set, NULL), 0);
	CHECK_EQ(polled(fd), 0);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), EAGAIN);
	move_clock(10);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), ECANCELED);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), EAGAIN); /* told once */
	CHECK_EQ(polled(fd), 0);
	/* Set between two settings: the second says so, and holds. */
	move_clock(-10);
	CHECK_ERRNO(timerfd_settime(fd, (int)flags, &set, NULL), ECANCELED);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), EAGAIN);
	/* Without the flag nothing is cancelled. */
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
	move_clock(1);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), EAGAIN);
	move_clock(-1);
	/* Nor on the monotonic clock. */
	int mono = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	CHECK_EQ(timerfd_settime(mono, (int)flags, &set, NULL), 0);
	move_clock(1);
	CHECK_ERRNO(read(mono, &ticks, sizeof(ticks)), EAGAIN);
	move_clock(-1);
	close(mono);
	close(fd);
}

static void *
read_until_cancelled(void *arg)
{
	struct waiter *w = arg;
	struct itimerspec set = {.it_value = seconds_from_now(5000)};
	uint64_t ticks;
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &set, NULL), 0);
	w->tid = (pid_t)syscall(SYS_gettid);
	CHECK_ERRNO(read(fd, &ticks, sizeof(ticks)), ECANCELED);
	close(fd);
	return NULL;
}

GUEST_TEST(timerfd_reader_is_woken_when_the_clock_is_set)
{
	struct waiter w = {0};
	CHECK_EQ(pthread_create(&w.thread, NULL, read_until_cancelled, &w), 0);
	CHECK_SOON(w.tid != 0);
	guest_await_sleep(w.tid);
	move_clock(-3);
	CHECK_EQ(pthread_join(w.thread, NULL), 0);
	move_clock(3);
}

/* An interval of a wall-clock timer is counted on the wall clock: a jump over many of them is so many expiries. */
GUEST_TEST(timerfd_interval_follows_the_wall_clock)
{
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	uint64_t ticks = 0;
	struct itimerspec set = {.it_value = seconds_from_now(100), .it_interval = {.tv_sec = 100}};
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
	move_clock(1050);
	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	CHECK_EQ(ticks, 10);
	move_clock(-1050);
	close(fd);
}

GUEST_TEST(adjtimex_steps_the_clock)
{
	struct timex t = {0};
	struct timespec was = clock_now(CLOCK_REALTIME);
	CHECK_EQ(adjtimex(&t), TIME_ERROR); /* unsynchronised */
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {.tv_sec = 100, .tv_usec = 500000}};
	CHECK_EQ(adjtimex(&t), TIME_ERROR);
	struct timespec now = clock_now(CLOCK_REALTIME);
	CHECK(has_come(plus(was, 100500000000LL)));
	CHECK(now.tv_sec - was.tv_sec < 130);
	CHECK(t.time.tv_sec >= was.tv_sec + 100);
	t = (struct timex){
		.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {.tv_sec = -101, .tv_usec = 500000000}};
	CHECK_EQ(clock_adjtime(CLOCK_REALTIME, &t), TIME_ERROR);
	CHECK(clock_now(CLOCK_REALTIME).tv_sec - was.tv_sec < 30);
	CHECK(has_come(was));
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {.tv_sec = 0, .tv_usec = 1000000}};
	CHECK_ERRNO(adjtimex(&t), EINVAL);
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {.tv_sec = INT64_MAX, .tv_usec = 0}};
	CHECK_ERRNO(adjtimex(&t), EINVAL);
	t = (struct timex){.modes = ADJ_SETOFFSET, .time = {.tv_sec = -4000000000, .tv_usec = 0}};
	CHECK_ERRNO(adjtimex(&t), EINVAL);
	CHECK(has_come(was));
}

static void
step_without_privilege(void *arg)
{
	struct timex t = {.modes = ADJ_SETOFFSET, .time = {.tv_sec = 1, .tv_usec = 0}};
	struct timespec now = clock_now(CLOCK_REALTIME);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERRNO(adjtimex(&t), EPERM);
	CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &now), EPERM);
	t = (struct timex){0};
	CHECK_EQ(adjtimex(&t), TIME_ERROR);
}

GUEST_TEST(adjtimex_wants_privilege)
{
	guest_fork_ok(step_without_privilege, NULL);
}

/* There is no rate to adjust: said, not pretended. */
GUEST_TEST(adjtimex_knows_no_rate)
{
	struct timex t = {.modes = ADJ_FREQUENCY, .freq = 65536};
	if (!guest_is_swos())
		return;
	CHECK_ERRNO(adjtimex(&t), EOPNOTSUPP);
}
