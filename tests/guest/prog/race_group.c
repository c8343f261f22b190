/* SPDX-License-Identifier: MIT */
/*
 * One signal to many processes that fork meanwhile: it reaches each of them, or what it forks. Numbers wrap around all
 * the time, so that a child's may be lower than its parent's. And what a fork makes of signals that come while it lasts.
 */
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

#define PID_MAX "/proc/sys/kernel/pid_max"

enum { CHAINS = 5, ROUNDS = 50, SOMEBODY = 54321 };

static _Atomic unsigned *forks; /* by all, shared */

static void
read_or_write(int flags, char *text, size_t n)
{
	int fd = open(PID_MAX, flags);
	CHECK(fd >= 0);
	ssize_t done = flags == O_RDONLY ? read(fd, text, n) : write(fd, text, n);
	CHECK(done > 0);
	close(fd);
}

/* Runs fn(arg) while there are some forty numbers for all. */
static void
with_few_numbers(void (*fn)(void *), void *arg)
{
	char before[16] = "", few[] = "340";
	read_or_write(O_RDONLY, before, sizeof(before) - 1);
	forks = guest_shared_page();
	pid_t pid = guest_spawn(fn, arg);
	read_or_write(O_WRONLY, few, strlen(few));
	int status = guest_reap(pid);
	read_or_write(O_WRONLY, before, strlen(before));
	CHECK_EQ(status, 0);
}

/* fork() without what the C library does before: it blocks all signals for a moment, so that its children may escape. */
static pid_t
fork_bare(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid > 0)
		atomic_fetch_add(forks, 1);
	return pid;
}

/* A chain of processes: each makes the next one and goes. What escapes ends some time. */
static void
be_chain(void)
{
	for (double end = guest_now() + GUEST_SECONDS; guest_now() < end;)
		if (fork_bare() > 0)
			break;
	_exit(0);
}

static void
be_chains(void)
{
	for (int i = 1; i < CHAINS; i++)
		if (fork_bare() == 0)
			be_chain();
	be_chain();
}

static void *
fork_waiters(void *unused)
{
	for (double end = guest_now() + GUEST_SECONDS; guest_now() < end;) {
		if (fork_bare() == 0)
			for (;;)
				pause();
		sched_yield();
	}
	return NULL;
}

/* What kills it is for the first task, as a rule; the other one forks. */
static void
be_threads(void)
{
	pthread_t t;
	CHECK_SOON(pthread_create(&t, NULL, fork_waiters, NULL) == 0);
	for (;;)
		;
}

/* Whether nobody is left whom who names. Ends who is. */
static bool
all_gone(pid_t who)
{
	double end = guest_now() + GUEST_SECONDS / 3.0;
	while (kill(who, 0) == 0) {
		if (guest_now() > end) {
			while (kill(who, SIGKILL) == 0)
				sched_yield();
			return false;
		}
		sched_yield();
	}
	return errno == ESRCH;
}

struct group {
	void (*be)(void);
	unsigned min_forks; /* before it is killed */
	int sig;
	bool all; /* by kill(-1), of a user who has nothing else */
};

static void
kill_groups(void *arg)
{
	const struct group *g = arg;
	if (g->all)
		CHECK_EQ(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	for (unsigned i = 0; i < ROUNDS; i++) {
		pid_t pid;
		atomic_store(forks, 0);
		CHECK_SOON((pid = fork()) >= 0);
		if (pid == 0) {
			CHECK_EQ(setpgid(0, 0), 0);
			g->be();
		}
		setpgid(pid, pid);
		CHECK_SOON(atomic_load(forks) >= g->min_forks + i % 7);
		CHECK_EQ(kill(g->all ? -1 : -pid, g->sig), 0);
		CHECK(all_gone(-pid));
	}
}

GUEST_TEST(race_kill_forking_group)
{
	with_few_numbers(kill_groups, &(struct group){be_chains, 2 * CHAINS, SIGKILL, false});
}

GUEST_TEST(race_terminate_forking_group)
{
	with_few_numbers(kill_groups, &(struct group){be_chains, 2 * CHAINS, SIGTERM, false});
}

/* A signal that its taker has not seen yet counts for the other tasks' forks too. */
GUEST_TEST(race_quit_group_of_threads)
{
	with_few_numbers(kill_groups, &(struct group){be_threads, 1, SIGQUIT, false});
}

/* All that a user may signal. */
GUEST_TEST(race_kill_all_that_fork)
{
	with_few_numbers(kill_groups, &(struct group){be_chains, 2 * CHAINS, SIGKILL, true});
}

/* Some ten thousands of areas that a fork copies. */
static void
make_forks_long(void)
{
	const size_t page = (size_t)getpagesize(), areas = 30000;
	char *p = mmap(NULL, areas * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < areas; i += 2)
		CHECK_EQ(mprotect(p + i * page, page, PROT_NONE), 0);
}

/* Whether SIGUSR1 was pending, which then is taken; kept: as one that came while the fork was under way, from nobody. */
static bool
take_usr1(bool *kept)
{
	sigset_t set;
	siginfo_t info = {.si_pid = -1};
	CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0);
	int sig = sigtimedwait(&set, &info, &(struct timespec){0});
	*kept = sig == SIGUSR1 && info.si_code == SI_USER && info.si_pid == 0;
	return sig == SIGUSR1;
}

static void
fork_until_kept(void *unused)
{
	CHECK_EQ(setpgid(0, 0), 0);
	make_forks_long();
	atomic_store(forks, 1);
	for (double end = guest_now() + GUEST_SECONDS / 2.0; guest_now() < end;) {
		bool kept;
		while (take_usr1(&kept))
			; /* came before the fork: the parent's alone */
		pid_t pid = fork_bare();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(take_usr1(&kept) && kept);
		if (guest_reap(pid) != 0) {
			CHECK(take_usr1(&kept) && !kept); /* the parent has it too, and from whom */
			return;
		}
	}
	CHECK(!"a child ever had what came to the group while it was forked");
}

GUEST_TEST(race_blocked_signal_in_fork)
{
	sigset_t set;
	int status;
	forks = guest_shared_page();
	CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	pid_t pid = guest_spawn(fork_until_kept, NULL), done;
	CHECK_SOON(atomic_load(forks) > 0);
	while ((done = waitpid(pid, &status, WNOHANG)) == 0) {
		CHECK_EQ(kill(-pid, SIGUSR1), 0);
		guest_sleep_ms(1);
	}
	CHECK_EQ(done, pid);
	CHECK_EQ(status, 0);
}

static void
do_nothing(int sig)
{
}

/* Far more often than a fork takes, far less often than a handler. */
static void
signal_parent(void *unused)
{
	for (pid_t parent = getppid(); atomic_load(forks) == 0;) {
		CHECK_EQ(kill(parent, SIGUSR2), 0);
		for (double end = guest_now() + 0.0003; guest_now() < end;)
			;
	}
}

/* Signals to the parent alone do not keep it from forking, though one comes during each fork. */
GUEST_TEST(fork_among_signals)
{
	forks = guest_shared_page();
	make_forks_long();
	CHECK(signal(SIGUSR2, do_nothing) != SIG_ERR);
	pid_t pid = guest_spawn(signal_parent, NULL);
	for (int i = 0; i < 10; i++) {
		pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		CHECK(child >= 0);
		if (child == 0)
			_exit(0);
		int status;
		CHECK_SOON(waitpid(child, &status, WNOHANG) == child);
		CHECK_EQ(status, 0);
	}
	atomic_store(forks, 1);
	int status;
	CHECK_SOON(waitpid(pid, &status, WNOHANG) == pid);
	CHECK_EQ(status, 0);
}
