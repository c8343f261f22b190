/* SPDX-License-Identifier: MIT */
/* Ends of processes and threads that cross one another, waits, limits and looks at them. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

/* Orphans that nobody waits for, and a subreaper that waits for them by number all the same. */
enum { ORPHANS = 24, ROUNDS = 5 };

struct orphans {
	_Atomic int ready; /* rounds */
	pid_t pid[ORPHANS];
};

static void *
wait_for_each(void *arg)
{
	struct orphans *o = arg;
	for (int round = 1; round <= ROUNDS; round++) {
		while (atomic_load(&o->ready) < round)
			sched_yield();
		for (int again = 0; again < 6; again++)
			for (int i = ORPHANS - 1; i >= 0; i--)
				(void)!waitpid(o->pid[i], NULL, WNOHANG);
	}
	return NULL;
}

static void
leave_zombies(struct orphans *o)
{
	siginfo_t info;
	CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
	for (int i = 0; i < ORPHANS; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(0);
		o->pid[i] = pid;
	}
	for (int i = 0; i < ORPHANS; i++)
		CHECK_EQ(waitid(P_PID, (id_t)o->pid[i], &info, WEXITED | WNOWAIT), 0);
	atomic_fetch_add(&o->ready, 1);
}

GUEST_TEST(race_orphans_nobody_waits_for)
{
	struct orphans *o = guest_shared_page();
	pthread_t t[2];
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_for_each, o), 0);
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			leave_zombies(o);
			_exit(0);
		}
		CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
		CHECK_SOON(wait(NULL) < 0 && errno == ECHILD);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static int leader_gone;

/* The leader's end has begun when its word is cleared; this task's begins after it, so its status counts. */
static void *
end_last(void *arg)
{
	while (*(volatile int *)&leader_gone != 0)
		;
	syscall(SYS_exit, 7);
	return NULL;
}

static void
end_one_by_one(void *arg)
{
	pthread_t t;
	leader_gone = 1;
	CHECK_EQ(pthread_create(&t, NULL, end_last, NULL), 0);
	syscall(SYS_set_tid_address, &leader_gone);
	syscall(SYS_exit, 5);
}

GUEST_TEST(race_status_is_the_last_ones)
{
	for (int i = 0; i < 40; i++) {
		int status = guest_fork(end_one_by_one, NULL);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), 7);
	}
}

/* A limit on CPU time that is set as its process ends must not outlive it. */
GUEST_TEST(race_cpu_limit_at_exit)
{
	struct rlimit one_second = {1, RLIM_INFINITY};
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			syscall(SYS_exit, 0);
		siginfo_t info = {.si_pid = 0};
		while (info.si_pid == 0) {
			for (int k = 0; k < 20; k++)
				CHECK_EQ(prlimit(pid, RLIMIT_CPU, &one_second, NULL), 0);
			CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
		}
	}
	guest_sleep_ms(1100); /* until the last of them would be looked at */
}
