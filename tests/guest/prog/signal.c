/* SPDX-License-Identifier: MIT */
/* Signals: sending, masks, queues, order, dispositions, waiting for them, threads. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t caught;

static void
count(int sig)
{
	caught++;
}

static void
handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static sigset_t
block(int sig)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	return old;
}

static bool
is_pending(int sig)
{
	sigset_t set;
	CHECK_EQ(sigpending(&set), 0);
	return sigismember(&set, sig) == 1;
}

GUEST_TEST(signal_errors)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};
	siginfo_t info = {.si_code = SI_QUEUE};
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK_ERRNO(kill(getpid(), -1), EINVAL);
	CHECK_ERRNO(kill(4194303, 0), ESRCH);
	CHECK_ERRNO(kill(-4194303, 0), ESRCH);
	CHECK_ERRNO(kill(INT32_MIN, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 4194303, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, 1, getpid(), 0), ESRCH); /* not a thread of that process */
	CHECK_ERRNO(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_tkill, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, &sa, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGSTOP, &sa, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGTERM, NULL, NULL, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGTERM, 8, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 7, &sa, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, 1 << 21, SIGUSR1, &info), ESRCH);
	info.si_code = SI_USER;
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), SIGWINCH, &info),
		EPERM); /* that is the kernel's to say */
	CHECK_EQ(syscall(SYS_rt_sigaction, SIGKILL, NULL, &sa, 8), 0);
	CHECK(sa.sa_handler == SIG_DFL);
}

GUEST_TEST(signal_mask_and_pending)
{
	handle(SIGUSR1, count, 0);
	sigset_t old = block(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1); /* one of a kind is remembered */
	CHECK_EQ(caught, 0);
	CHECK(is_pending(SIGUSR1));
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(caught, 1);
	CHECK(!is_pending(SIGUSR1));
	/* What cannot be blocked is dropped from the mask. */
	sigset_t all, now;
	sigfillset(&all);
	CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8), 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) &&
		sigismember(&now, SIGTERM));
}

/* A pending signal goes when it becomes ignored, also by default. */
GUEST_TEST(signal_ignoring_discards)
{
	block(SIGUSR1);
	block(SIGCHLD);
	handle(SIGCHLD, count, 0);
	raise(SIGUSR1);
	raise(SIGCHLD);
	CHECK(is_pending(SIGUSR1) && is_pending(SIGCHLD));
	signal(SIGUSR1, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	CHECK(!is_pending(SIGUSR1) && !is_pending(SIGCHLD));
	raise(SIGUSR1); /* ignored but blocked: Linux remembers it, since it may be waited for */
	CHECK(is_pending(SIGUSR1));
}

static int order[16], nr_order;

static void
note_value(int sig, siginfo_t *info, void *context)
{
	order[nr_order++] = info->si_value.sival_int;
}

GUEST_TEST(signal_realtime_queue)
{
	struct sigaction sa = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO};
	int rt = SIGRTMIN + 3;
	sigfillset(&sa.sa_mask);
	CHECK_EQ(sigaction(rt, &sa, NULL), 0);
	CHECK_EQ(sigaction(rt + 1, &sa, NULL), 0);
	sigset_t old = block(rt);
	block(rt + 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sigqueue(getpid(), rt + 1, (union sigval){.sival_int = 10 + i}), 0);
		CHECK_EQ(sigqueue(getpid(), rt, (union sigval){.sival_int = i}), 0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_EQ(nr_order, 6);
	/* Each handler's mask holds the rest back, so they run one after the other, lowest number first. */
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(order[i], i);
		CHECK_EQ(order[3 + i], 10 + i);
	}
}

/* Without masks handlers nest: the last to be delivered runs first, and what a fault would send comes before all. */
static void
note_signal(int sig)
{
	order[nr_order++] = sig;
}

GUEST_TEST(signal_delivery_order)
{
	static const int sent[] = {SIGTERM, SIGUSR1, SIGSEGV, SIGHUP};
	sigset_t old;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < 4; i++) {
		handle(sent[i], note_signal, 0);
		CHECK_EQ(kill(getpid(), sent[i]), 0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_EQ(nr_order, 4);
	CHECK_EQ(order[0], SIGTERM);
	CHECK_EQ(order[1], SIGUSR1);
	CHECK_EQ(order[2], SIGHUP);
	CHECK_EQ(order[3], SIGSEGV);
}

GUEST_TEST(signal_info_of_senders)
{
	siginfo_t info;
	sigset_t set;
	block(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK(info.si_code == SI_USER && info.si_pid == getpid() && info.si_uid == getuid());
	CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK(info.si_code == SI_TKILL && info.si_pid == getpid());
	CHECK_EQ(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = (void *)0x123456789abc}),
		0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK(info.si_code == SI_QUEUE && info.si_pid == getpid());
	CHECK(info.si_value.sival_ptr == (void *)0x123456789abc);
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_errno, 0);
}

GUEST_TEST(signal_queue_limit)
{
	struct rlimit r = {8, 8};
	int rt = SIGRTMIN + 3, n = 0;
	block(rt);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &r), 0);
	while (n < 100 && sigqueue(getpid(), rt, (union sigval){.sival_int = n}) == 0)
		n++;
	CHECK(n <= 8 && n >= 4);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(kill(getpid(), SIGRTMIN + 3), 0); /* kill never fails for want of room */
	sigset_t set;
	siginfo_t info;
	struct timespec now = {0, 0};
	sigemptyset(&set);
	sigaddset(&set, rt);
	for (int i = 0; i < n; i++) {
		CHECK_EQ(sigtimedwait(&set, &info, &now), rt);
		CHECK_EQ(info.si_value.sival_int, i);
	}
	CHECK_EQ(sigqueue(getpid(), rt, (union sigval){.sival_int = n}), 0);
}

GUEST_TEST(signal_resethand_nodefer)
{
	struct sigaction sa;
	handle(SIGUSR1, count, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
	CHECK_EQ(caught, 1);
}

static volatile int depth, deepest, raises;

static void
recurse(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (++raises < 3)
		raise(sig);
	depth--;
}

GUEST_TEST(signal_nests_only_if_asked)
{
	handle(SIGUSR1, recurse, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 3);
	deepest = raises = 0;
	handle(SIGUSR1, recurse, 0);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 1);
	CHECK_EQ(raises, 3); /* each came, after the one before */
}

static sigset_t mask_inside;

static void
note_mask(int sig)
{
	sigprocmask(SIG_BLOCK, NULL, &mask_inside);
}

GUEST_TEST(signal_handler_mask)
{
	struct sigaction sa = {.sa_handler = note_mask};
	sigset_t after;
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGUSR2);
	block(SIGHUP);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	raise(SIGUSR1);
	CHECK(sigismember(&mask_inside, SIGUSR1) && sigismember(&mask_inside, SIGUSR2) &&
		sigismember(&mask_inside, SIGHUP));
	CHECK(!sigismember(&mask_inside, SIGTERM));
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(!sigismember(&after, SIGUSR1) && !sigismember(&after, SIGUSR2) &&
		sigismember(&after, SIGHUP));
}

GUEST_TEST(sigsuspend_swaps_masks)
{
	sigset_t none, now;
	sigemptyset(&none);
	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK_EQ(caught, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	/* A signal that nobody handles does not end it. */
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGWINCH), 0);
		guest_sleep_ms(10);
		CHECK_EQ(kill(me, SIGUSR1), 0);
		_exit(0);
	}
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK_EQ(caught, 2);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, 8, 8), EFAULT);
}

GUEST_TEST(sigtimedwait_waits)
{
	sigset_t set;
	siginfo_t info;
	struct timespec ts = {0, 20000000}, bad = {0, -1};
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	handle(SIGUSR1, count, 0);
	handle(SIGUSR2, count, 0);
	block(SIGUSR1);
	double from = guest_now();
	CHECK_ERRNO(sigtimedwait(&set, &info, &ts), EAGAIN);
	CHECK(guest_now() - from >= 0.02);
	CHECK_ERRNO(sigtimedwait(&set, &info, &bad), EINVAL);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGUSR1), 0);
		_exit(0);
	}
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(caught, 0); /* the handler had no part in it */
	CHECK_EQ(guest_reap(pid), 0);
	pid = fork();
	if (pid == 0) {
		guest_await_sleep(me);
		CHECK_EQ(kill(me, SIGUSR2), 0); /* another one interrupts */
		_exit(0);
	}
	ts.tv_sec = 20;
	CHECK_EQ(syscall(SYS_rt_sigtimedwait, &set, &info, &ts, 8), -1);
	CHECK_EQ(errno, EINTR);
	CHECK_EQ(caught, 1);
	CHECK_EQ(guest_reap(pid), 0);
}

/* --- Threads. --- */

static void *
wait_for_usr2(void *arg)
{
	sigset_t set;
	int sig = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigwait(&set, &sig);
	return (void *)(intptr_t)sig;
}

GUEST_TEST(signal_wakes_a_waiting_thread)
{
	pthread_t t[3];
	void *result;
	block(SIGUSR2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_for_usr2, NULL), 0);
	guest_sleep_ms(10);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(kill(getpid(), SIGUSR2), 0); /* to any one that waits for it */
		CHECK_SOON(!is_pending(SIGUSR2));
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_join(t[i], &result), 0);
		CHECK_EQ((intptr_t)result, SIGUSR2);
	}
	CHECK_EQ(pthread_create(&t[0], NULL, wait_for_usr2, NULL), 0);
	CHECK_EQ(pthread_kill(t[0], SIGUSR2), 0);
	CHECK_EQ(pthread_join(t[0], &result), 0);
	CHECK_EQ((intptr_t)result, SIGUSR2);
}

static atomic_int in_tid;

static void
note_tid(int sig)
{
	atomic_store(&in_tid, gettid());
}

static atomic_int spinner_tid;

static void *
spin_until_noted(void *arg)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	atomic_store(&spinner_tid, gettid());
	while (atomic_load(&in_tid) == 0)
		;
	return NULL;
}

/* A signal to the process runs in a thread that does not block it, even if that one runs all the time. */
GUEST_TEST(signal_finds_the_willing_thread)
{
	pthread_t t;
	handle(SIGUSR1, note_tid, 0);
	block(SIGUSR1);
	for (int i = 0; i < 20; i++) {
		atomic_store(&in_tid, 0);
		atomic_store(&spinner_tid, 0);
		CHECK_EQ(pthread_create(&t, NULL, spin_until_noted, NULL), 0);
		CHECK_SOON(atomic_load(&spinner_tid) != 0);
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		CHECK_EQ(atomic_load(&in_tid), atomic_load(&spinner_tid));
	}
}

/* A thread that ends, or blocks what it was meant to take, passes it on. */
static atomic_bool leave;

static void *
leave_with_signal(void *arg)
{
	atomic_store(&spinner_tid, gettid());
	while (!atomic_load(&leave))
		;
	return NULL;
}

GUEST_TEST(signal_is_passed_on)
{
	for (int i = 0; i < 50; i++) {
		pthread_t t;
		sigset_t old;
		caught = 0;
		atomic_store(&leave, false);
		handle(SIGUSR1, count, 0);
		CHECK_EQ(pthread_create(&t, NULL, leave_with_signal, NULL), 0);
		old = block(SIGUSR1);
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		atomic_store(&leave, true);
		CHECK_EQ(pthread_join(t, NULL), 0);
		sigprocmask(SIG_SETMASK, &old, NULL);
		CHECK_SOON(caught == 1);
	}
}

/* Signals for one thread stay with it, however many others there are; the mask is each thread's own. */
static atomic_int hits[8];
static _Thread_local int my_index = -1;

static void
hit(int sig)
{
	atomic_fetch_add(&hits[my_index], 1);
}

static void *
be_hit(void *arg)
{
	sigset_t set;
	my_index = (int)(intptr_t)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	while (atomic_load(&hits[my_index]) < 20)
		sched_yield();
	return NULL;
}

GUEST_TEST(signal_to_each_thread)
{
	pthread_t t[8];
	block(SIGUSR1);
	handle(SIGUSR1, hit, SA_RESTART);
	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, be_hit, (void *)i), 0);
	bool more = true;
	while (more) {
		more = false;
		for (int i = 0; i < 8; i++)
			if (atomic_load(&hits[i]) < 20) {
				more = true;
				CHECK_EQ(pthread_kill(t[i], SIGUSR1), 0);
			}
		sched_yield();
	}
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

/* Two processes that bombard each other. */
static void
bombard(void *arg)
{
	pid_t peer = *(pid_t *)arg;
	for (int i = 0; i < 2000 && kill(peer, SIGUSR1) == 0; i++)
		;
}

GUEST_TEST(signal_storm_between_processes)
{
	pid_t me = getpid();
	handle(SIGUSR1, count, SA_RESTART);
	pid_t pid = guest_spawn(bombard, &me);
	bombard(&pid);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK(caught > 0);
}
