/* SPDX-License-Identifier: MIT */
/* CPU affinity: of the caller, of threads that run, wait and sleep elsewhere. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"

static int
online(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void
set_affinity(pid_t pid, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_EQ(sched_setaffinity(pid, sizeof(set), &set), 0);
}

GUEST_TEST(affinity_self)
{
	cpu_set_t set;
	for (int round = 0; round < 20; round++)
		for (int cpu = 0; cpu < online(); cpu++) {
			set_affinity(0, cpu);
			CHECK_EQ(sched_getcpu(), cpu);
			CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
			CHECK_EQ(CPU_COUNT(&set), 1);
			CHECK(CPU_ISSET(cpu, &set));
			sched_yield();
			CHECK_EQ(sched_getcpu(), cpu);
		}
}

GUEST_TEST(affinity_errors)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(1000, &set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_ERRNO(sched_getaffinity(0, 1, &set), EINVAL);
	CHECK_ERRNO(sched_getaffinity(1 << 21, sizeof(set), &set), ESRCH);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), NULL), EFAULT);
}

/* Says for ever on which CPU it runs. */
static pid_t
start_spinner(volatile int *where)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			*where = sched_getcpu();
	return pid;
}

static void
wait_until_on(volatile int *where, int cpu)
{
	double deadline = guest_now() + 50;
	while (*where != cpu) {
		CHECK(guest_now() < deadline);
		sched_yield();
	}
}

GUEST_TEST(affinity_moves_a_running_thread)
{
	volatile int *where = guest_shared_page();
	pid_t pid = start_spinner(where);
	for (int round = 0; round < 5; round++)
		for (int cpu = 0; cpu < online(); cpu++) {
			set_affinity(pid, cpu);
			wait_until_on(where, cpu);
		}
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* More threads than a CPU can run, all bound to it and moved together while some wait. */
GUEST_TEST(affinity_moves_waiting_threads)
{
	enum { N = 4 };
	volatile int *where = guest_shared_page();
	pid_t pid[N];
	for (int i = 0; i < N; i++)
		pid[i] = start_spinner(&where[i]);
	for (int cpu = 0; cpu < online(); cpu++) {
		for (int i = 0; i < N; i++)
			set_affinity(pid[i], cpu);
		for (int i = 0; i < N; i++)
			wait_until_on(&where[i], cpu);
		for (int look = 0; look < 1000; look++)
			CHECK_EQ(where[look % N], cpu);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kill(pid[i], SIGKILL), 0);
		CHECK_EQ(waitpid(pid[i], NULL, 0), pid[i]);
	}
}

/*
 * A thread that waits behind another is taken by the one idle CPU where it may run, though others are idle as well. The
 * parent sleeps meanwhile: nothing but the scheduler's own looks may do it.
 */
GUEST_TEST(affinity_does_not_keep_an_idle_cpu_from_its_work)
{
	volatile int *where = guest_shared_page();
	volatile int *target = &where[2];
	cpu_set_t set;
	pid_t bound = start_spinner(&where[0]);
	set_affinity(bound, 0);
	for (int cpu = 1; cpu < online(); cpu++) {
		*target = -1;
		pid_t other = fork();
		CHECK(other >= 0);
		if (other == 0) {
			while ((where[1] = sched_getcpu()) != *target)
				;
			_exit(0);
		}
		set_affinity(other, 0);
		wait_until_on(&where[1], 0);
		CPU_ZERO(&set);
		CPU_SET(0, &set);
		CPU_SET(cpu, &set);
		*target = cpu;
		CHECK_EQ(sched_setaffinity(other, sizeof(set), &set), 0);
		CHECK_EQ(guest_reap(other), 0);
	}
	CHECK_EQ(kill(bound, SIGKILL), 0);
	CHECK_EQ(waitpid(bound, NULL, 0), bound);
}
