/* SPDX-License-Identifier: MIT */
/* Timers that send signals: setitimer, alarm, timer_create. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t caught;
static volatile int last_value, last_code, last_tid;

static void
note(int sig, siginfo_t *info, void *context)
{
	caught++;
	last_value = info->si_value.sival_int;
	last_code = info->si_code;
	last_tid = gettid();
}

static void
handle(int sig)
{
	struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
	caught = 0;
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static double
seconds_of(clockid_t clock)
{
	struct timespec t;
	CHECK_EQ(clock_gettime(clock, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs until n signals have come. */
static void
spin_until(int n)
{
	double from = guest_now();
	while (caught < n)
		if (guest_now() > from + 20)
			guest_fail(__FILE__, __LINE__, "%d signals after 20 seconds, not %d",
				(int)caught, n);
}

GUEST_TEST(itimer_real)
{
	struct itimerval it = {.it_value = {0, 5000}, .it_interval = {0, 5000}}, off = {0}, old;
	handle(SIGALRM);
	double from = guest_now();
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	spin_until(5);
	CHECK(guest_now() - from >= 0.0249);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 5000);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 5000);
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK(!timerisset(&old.it_value) && !timerisset(&old.it_interval));
	caught = 0;
	guest_sleep_ms(15);
	CHECK_EQ(caught, 0);
	it.it_interval.tv_usec = 0;
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	spin_until(1);
	guest_sleep_ms(15);
	CHECK_EQ(caught, 1); /* once */
	CHECK_ERRNO(setitimer(3, &it, NULL), EINVAL);
	CHECK_ERRNO(getitimer(-1, &it), EINVAL);
	it.it_value.tv_usec = 1000000;
	CHECK_ERRNO(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	CHECK_ERRNO(setitimer(ITIMER_REAL, (void *)8, NULL), EFAULT);
}

/* The timer of CPU time stands still while the process sleeps. */
static void
check_cpu_timer(int which, int sig)
{
	struct itimerval it = {.it_value = {0, 20000}, .it_interval = {0, 20000}}, off = {0};
	handle(sig);
	double armed = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	CHECK_EQ(setitimer(which, &it, NULL), 0);
	/* A host that stalls at the wrong moment makes any moment a long one: one quiet sleep is enough. */
	bool still = false;
	for (int i = 0; i < 20 && !still; i++) {
		int before = caught;
		guest_sleep_ms(60);
		still = caught <= before + 1;
	}
	CHECK(still);
	spin_until(caught + 3);
	CHECK_EQ(setitimer(which, &off, NULL), 0);
	/* No signal came before its time, counted from the first: they may be late, never early. */
	int came = caught;
	CHECK(seconds_of(CLOCK_PROCESS_CPUTIME_ID) - armed >= 0.0199 * came);
}

GUEST_TEST(itimer_cpu_time)
{
	check_cpu_timer(ITIMER_VIRTUAL, SIGVTALRM);
	check_cpu_timer(ITIMER_PROF, SIGPROF);
}

static void
not_inherited(void *arg)
{
	struct itimerval it;
	CHECK_EQ(getitimer(ITIMER_REAL, &it), 0);
	CHECK(!timerisset(&it.it_value));
	CHECK_EQ(alarm(0), 0);
}

GUEST_TEST(alarm_and_fork_and_exec)
{
	CHECK_EQ(alarm(100), 0);
	guest_fork_ok(not_inherited, NULL);
	unsigned left = alarm(0);
	CHECK(left >= 50 && left <= 100);
	/* It outlives exec. */
	pid_t pid = fork();
	if (pid == 0) {
		struct itimerval it = {.it_value = {0, 300000}};
		setitimer(ITIMER_REAL, &it, NULL);
		execl("/bin/sh", "sh", "-c", "while :; do :; done", (char *)NULL);
		_exit(127);
	}
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGALRM);
}

/* The libc's timer_create does more than the kernel's. */
static int
create(clockid_t clock, int notify, int sig, int value, pid_t tid)
{
	struct {
		union sigval value;
		int signo, notify, tid;
		char pad[44];
	} ev = {.value = {.sival_int = value}, .signo = sig, .notify = notify, .tid = tid};
	int id;
	CHECK_EQ(syscall(SYS_timer_create, clock, &ev, &id), 0);
	return id;
}

static void
set(int id, int flags, int64_t value, int64_t interval)
{
	struct itimerspec its = {.it_value = {value / 1000000000, value % 1000000000},
		.it_interval = {interval / 1000000000, interval % 1000000000}};
	CHECK_EQ(syscall(SYS_timer_settime, id, flags, &its, NULL), 0);
}

GUEST_TEST(timer_signals)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		handle(SIGRTMIN + 4);
		int id = create(clocks[i], SIGEV_SIGNAL, SIGRTMIN + 4, 77, 0);
		double armed = seconds_of(clocks[i]);
		set(id, 0, 10000000, 0);
		spin_until(1);
		CHECK(seconds_of(clocks[i]) - armed >= 0.0099);
		CHECK_EQ(last_value, 77);
		CHECK_EQ(last_code, SI_TIMER);
		CHECK_EQ(syscall(SYS_timer_delete, id), 0);
	}
}

GUEST_TEST(timer_overruns)
{
	struct itimerspec got;
	sigset_t set_of;
	siginfo_t info;
	int sig = SIGRTMIN + 4;
	handle(sig);
	sigemptyset(&set_of);
	sigaddset(&set_of, sig);
	sigprocmask(SIG_BLOCK, &set_of, NULL);
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, sig, 5, 0);
	set(id, 0, 2000000, 1000000);
	guest_sleep_ms(20);
	CHECK_EQ(sigwaitinfo(&set_of, &info), sig);
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 5);
	CHECK(info.si_overrun >= 15);
	CHECK_EQ(syscall(SYS_timer_getoverrun, id), info.si_overrun);
	CHECK_EQ(syscall(SYS_timer_gettime, id, &got), 0);
	CHECK(got.it_interval.tv_nsec == 1000000 && got.it_value.tv_nsec <= 1000000);
	CHECK_EQ(sigwaitinfo(&set_of, &info), sig); /* it goes on */
	CHECK_EQ(syscall(SYS_timer_delete, id), 0);
	CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
}

GUEST_TEST(timer_settings)
{
	struct itimerspec its = {.it_value = {50, 0}, .it_interval = {7, 0}}, old;
	int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0);
	CHECK_EQ(syscall(SYS_timer_gettime, id, &old), 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
	CHECK_EQ(syscall(SYS_timer_settime, id, 0, &its, &old), 0);
	CHECK_EQ(old.it_value.tv_sec, 0);
	CHECK_EQ(syscall(SYS_timer_gettime, id, &old), 0);
	CHECK(old.it_value.tv_sec >= 45 && old.it_value.tv_sec <= 50 &&
		old.it_interval.tv_sec == 7);
	/* An absolute time that has passed: with a period it shows the next. */
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &its.it_value), 0);
	CHECK_EQ(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &its, NULL), 0);
	guest_sleep_ms(5);
	CHECK_EQ(syscall(SYS_timer_gettime, id, &old), 0);
	CHECK(old.it_value.tv_sec <= 7 && (old.it_value.tv_sec > 0 || old.it_value.tv_nsec > 0));
	its = (struct itimerspec){0};
	CHECK_EQ(syscall(SYS_timer_settime, id, 0, &its, NULL), 0);
	its.it_value.tv_nsec = -1;
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, &its, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, 12345, 0, &its, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, 8, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_gettime, 12345, &its), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, 12345), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, 99, NULL, &id), EINVAL);
	struct {
		union sigval value;
		int signo, notify, tid;
		char pad[44];
	} ev = {.signo = 65, .notify = SIGEV_SIGNAL};
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.signo = SIGUSR1;
	ev.notify = 9;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (int *)8), EFAULT);
}

static atomic_int worker_tid;
static atomic_bool leave;

static void *
be_timed(void *arg)
{
	atomic_store(&worker_tid, gettid());
	while (!atomic_load(&leave))
		;
	return NULL;
}

GUEST_TEST(timer_for_one_thread)
{
	pthread_t t;
	handle(SIGRTMIN + 4);
	CHECK_EQ(pthread_create(&t, NULL, be_timed, NULL), 0);
	CHECK_SOON(atomic_load(&worker_tid) != 0);
	int id =
		create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 4, 3, atomic_load(&worker_tid));
	set(id, 0, 3000000, 3000000);
	spin_until(3);
	CHECK_EQ(last_tid, atomic_load(&worker_tid));
	atomic_store(&leave, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
	guest_sleep_ms(10); /* the thread has gone, the timer fires into nothing */
	CHECK_EQ(syscall(SYS_timer_delete, id), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, NULL, &(timer_t){0}), 0);
}

/* Timers that fire as fast as they can while they are changed and deleted, and while the process ends. */
static void
timers_galore(void *arg)
{
	unsigned seed = (unsigned)getpid();
	int id[16];
	handle(SIGRTMIN + 4);
	for (int i = 0; i < 16; i++)
		id[i] = create(
			i & 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN + 4, i, 0);
	for (int n = 0; n < 1500; n++) {
		seed = seed * 1103515245 + 12345;
		int i = (seed >> 16) & 15;
		if ((seed >> 20 & 7) == 0) {
			CHECK_EQ(syscall(SYS_timer_delete, id[i]), 0);
			id[i] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, i, 0);
		} else {
			set(id[i], 0, (seed >> 8 & 0xffff) + 1, (seed >> 4 & 0x3ffff) + 1);
		}
	}
	/* On a busy host no interrupt may come while the loop runs, but timers still work after it. */
	set(id[0], 0, 1000000, 1000000);
	spin_until(caught + 1);
}

GUEST_TEST(timer_storm)
{
	pid_t pid[3];
	for (int i = 0; i < 3; i++)
		pid[i] = guest_spawn(timers_galore, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
}

GUEST_TEST(timers_end_with_exec)
{
	pid_t pid = fork();
	if (pid == 0) {
		int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGTERM, 0, 0);
		set(id, 0, 100000000, 1000000);
		execl("/bin/sh", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
			(char *)NULL);
		_exit(127);
	}
	CHECK_EQ(guest_reap(pid), 0);
}
