/* SPDX-License-Identifier: MIT */
/* exec by one of several threads: what the new program keeps, what others keep, and what goes on meanwhile. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void
become(const char *helper, const char *argument)
{
	execl("/proc/self/exe", "guest", helper, argument, (char *)NULL);
	_exit(127);
}

static void
exec_in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
	for (;;)
		pause();
}

/* Record locks are the process's: they stay. */
GUEST_HELPER(race_has_lock)
{
	int fd = atoi(argv[2]);
	pid_t self = getpid(), pid = fork();
	if (pid == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
		_exit(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == self ? 0
											    : 1);
	}
	return WEXITSTATUS(guest_reap(pid));
}

static void *
exec_with_lock(void *fd)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", *(int *)fd);
	become("+race_has_lock", text);
	return NULL;
}

static void
lock_and_exec(void *arg)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	CHECK_EQ(fcntl(*(int *)arg, F_SETLK, &l), 0);
	exec_in_thread(exec_with_lock, arg);
}

GUEST_TEST(race_exec_keeps_locks)
{
	char path[] = "/tmp/lockXXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(guest_fork(lock_and_exec, &fd), 0);
}

/* A timer's signal that was not taken goes with the timer; one that was sent stays. */
GUEST_HELPER(race_pending)
{
	sigset_t set;
	sigpending(&set);
	return sigismember(&set, SIGUSR1) + 2 * sigismember(&set, SIGUSR2);
}

static void
exec_with_pending(void *arg)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec soon = {.it_value = {0, 1}};
	timer_t timer;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_SOON(sigpending(&set) == 0 && sigismember(&set, SIGUSR1));
	become("+race_pending", "");
}

GUEST_TEST(race_exec_drops_signals_of_timers)
{
	CHECK_EQ(WEXITSTATUS(guest_fork(exec_with_pending, NULL)), 2);
}

/* A robust lock is marked by the number of the thread that held it. */
#define OWNER_DIED 0x40000000u /* FUTEX_OWNER_DIED */

struct robust {
	struct {
		void *next;
		long offset;
		void *pending;
	} head;
	struct {
		void *next;
		_Atomic uint32_t word;
	} lock;
};

static void *
exec_with_robust_lock(void *arg)
{
	struct robust *r = arg;
	r->head.next = &r->lock;
	r->lock.next = &r->head;
	r->head.offset = (char *)&r->lock.word - (char *)&r->lock;
	atomic_store(&r->lock.word, (uint32_t)syscall(SYS_gettid));
	CHECK_EQ(syscall(SYS_set_robust_list, &r->head, sizeof(r->head)), 0);
	become("+race_pending", "");
	return NULL;
}

static void
hold_and_exec(void *arg)
{
	exec_in_thread(exec_with_robust_lock, arg);
}

GUEST_TEST(race_exec_marks_robust_locks)
{
	struct robust *r = guest_shared_page();
	CHECK_EQ(guest_fork(hold_and_exec, r), 0);
	if (guest_is_swos()) /* Linux looks for the number that the thread has got by then */
		CHECK_EQ(atomic_load(&r->lock.word), OWNER_DIED);
}

/* Who shares dispositions with a process that execs keeps its handlers, however late it came to share them. */
static _Atomic int ran;

static void
on_signal(int sig)
{
	atomic_store(&ran, 1);
}

static int
raise_after_exec(void *arg)
{
	char c;
	int *p = arg;
	close(p[1]);
	if (read(p[0], &c, 1) != 0) /* closed by exec */
		_exit(2);
	syscall(SYS_kill, syscall(SYS_getpid), SIGUSR1);
	_exit(0);
}

static _Atomic int sharers;

static void *
share_on(void *arg)
{
	for (;;) {
		char *stack = mmap(
			NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stack == MAP_FAILED)
			return NULL;
		if (clone(raise_after_exec, stack + 16384, CLONE_VM | CLONE_SIGHAND | SIGCHLD,
			    arg) > 0)
			atomic_fetch_add(&sharers, 1);
	}
}

GUEST_HELPER(race_reap_sharers)
{
	int status;
	while (wait(&status) > 0)
		if (status != 0)
			return 1;
	return 0;
}

static void
exec_among_sharers(void *arg)
{
	int p[2];
	pthread_t t;
	struct sigaction sa = {.sa_handler = on_signal};
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pthread_create(&t, NULL, share_on, p), 0);
	CHECK_SOON(atomic_load(&sharers) >= *(int *)arg);
	become("+race_reap_sharers", "");
}

GUEST_TEST(race_exec_among_sharers_of_handlers)
{
	for (int i = 0; i < 6; i++) {
		int n = i % 3;
		CHECK_EQ(guest_fork(exec_among_sharers, &n), 0);
	}
}

/* Everything at once, and exec in the middle. */
static void *
fork_on(void *arg)
{
	for (;;) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void *
nothing(void *arg)
{
	return NULL;
}

static void *
clone_on(void *arg)
{
	pthread_t t;
	for (;;)
		if (pthread_create(&t, NULL, nothing, NULL) == 0)
			pthread_join(t, NULL);
}

static void *
signal_on(void *arg)
{
	for (;;)
		kill(getpid(), SIGUSR1);
}

static void *
open_on(void *arg)
{
	for (;;)
		close(dup(0));
}

GUEST_HELPER(race_forty_two)
{
	struct sigaction sa;
	sigset_t set;
	sigaction(SIGUSR1, NULL, &sa);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return sigpending(&set) == 0 && sa.sa_handler == SIG_IGN ? 42 : 1;
}

static void *
exec_soon(void *arg)
{
	for (volatile int i = *(int *)arg * 500; i > 0; i--)
		;
	become("+race_forty_two", "");
	return NULL;
}

static void
exec_in_a_storm(void *arg)
{
	static void *(*const all[])(void *) = {fork_on, clone_on, signal_on, open_on, exec_soon};
	pthread_t t;
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pthread_create(&t, NULL, all[i], arg), 0);
	exec_soon(arg);
}

GUEST_TEST(race_exec_in_a_storm)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = guest_spawn(exec_in_a_storm, &i);
		for (int k = 0; k < i; k++) {
			kill(pid, SIGSTOP);
			kill(pid, SIGCONT);
			sched_yield();
		}
		CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 42);
	}
}
