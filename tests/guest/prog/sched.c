/* SPDX-License-Identifier: MIT */
/* Scheduling: shares by number and nice value, yielding, wake-ups of sleepers among the busy, the calls. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static int
cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void
pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

static double
cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What each of several busy processes got of the CPUs between a common start and the end. */
struct share {
	int nice, cpu; /* -1: any CPU */
	int policy;
	double seconds;
};
static struct field {
	atomic_int ready, go, stop;
	struct share share[16];
} *field;

static void
be_busy(void *arg)
{
	struct share *s = arg;
	if (s->cpu >= 0)
		pin(s->cpu);
	struct sched_param sp = {0};
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, s->nice), 0);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, s->policy, &sp), 0);
	atomic_fetch_add(&field->ready, 1);
	while (atomic_load(&field->go) == 0)
		sched_yield();
	double from = cpu_seconds();
	while (atomic_load(&field->stop) == 0)
		;
	s->seconds = cpu_seconds() - from;
}

static void
compete(int n, double seconds)
{
	pid_t pid[16];
	for (int i = 0; i < n; i++)
		pid[i] = guest_spawn(be_busy, &field->share[i]);
	CHECK_SOON(atomic_load(&field->ready) == n);
	atomic_store(&field->go, 1);
	guest_sleep_ms((unsigned)(seconds * 1000));
	atomic_store(&field->stop, 1);
	for (int i = 0; i < n; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
}

static void
new_field(void)
{
	field = guest_shared_page();
}

/*
 * On one CPU equals get equal shares. An emulated CPU's clock goes on while its host does other things, and charges
 * whoever runs then: the bound is wide here, and narrow where instructions are counted (make bench, fairness). One try
 * on a quiet host is enough; each is twice as long as the one before, so that a stall weighs less.
 */
#define SHARE_TRIES       4
#define SHARE_TIME(tries) (1.0 * (1 << ((tries) - 1))) /* seconds */

static bool
shares_are_equal(double time)
{
	new_field();
	for (int i = 0; i < 4; i++)
		field->share[i] = (struct share){.cpu = 0};
	compete(4, time);
	double sum = 0;
	for (int i = 0; i < 4; i++)
		sum += field->share[i].seconds;
	bool equal = true;
	for (int i = 0; i < 4; i++) {
		double part = field->share[i].seconds / (sum / 4);
		if (part < 0.7 || part > 1.3) {
			printf("process %d got %.3f of %.3f s\n", i, field->share[i].seconds, sum);
			equal = false;
		}
	}
	return equal;
}

GUEST_TEST(sched_equal_shares)
{
	int tries = 1;
	while (!shares_are_equal(SHARE_TIME(tries)))
		CHECK(tries++ < SHARE_TRIES);
}

/* Five steps of nice are a factor of three. */
GUEST_TEST(sched_nice_shares)
{
	for (int tries = 1;; tries++) {
		new_field();
		field->share[0] = (struct share){.cpu = 0, .nice = 0};
		field->share[1] = (struct share){.cpu = 0, .nice = 5};
		compete(2, SHARE_TIME(tries));
		double much = field->share[0].seconds, little = field->share[1].seconds;
		if (much >= 2 * little && much <= 4.6 * little)
			break;
		printf("%.3f s against %.3f s\n", much, little);
		CHECK(tries < SHARE_TRIES);
	}
}

/* SCHED_IDLE has what is left over, and that is something. */
GUEST_TEST(sched_idle_policy_gives_way)
{
	for (int tries = 1;; tries++) {
		new_field();
		field->share[0] = (struct share){.cpu = 0, .nice = 19};
		field->share[1] = (struct share){.cpu = 0, .nice = -20, .policy = SCHED_IDLE};
		compete(2, SHARE_TIME(tries));
		double much = field->share[0].seconds, little = field->share[1].seconds;
		if (much >= 2 * little && little > 0)
			break;
		printf("%.3f s against %.3f s\n", much, little);
		CHECK(tries < SHARE_TRIES);
	}
}

static void
without_privilege(void *arg)
{
	struct sched_param sp = {0};
	const int resets = 0x40000000; /* SCHED_RESET_ON_FORK */
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH | resets, &sp), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH | resets);
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp), EPERM);
	CHECK_EQ(syscall(SYS_sched_setparam, 0, &sp), 0);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_IDLE | resets, &sp), 0);
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | resets, &sp), EPERM);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_IDLE | resets);
}

static void
show_what_was_inherited(void *arg)
{
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), *(int *)arg);
}

GUEST_TEST(sched_reset_on_fork)
{
	struct sched_param sp = {0};
	int nice = 0;
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -5), 0);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_IDLE | 0x40000000, &sp), 0);
	guest_fork_ok(show_what_was_inherited, &nice);
	nice = 7;
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);
	guest_fork_ok(show_what_was_inherited, &nice);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp), 0);
	nice = -5;
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);
	guest_fork_ok(show_what_was_inherited, &nice);
	guest_fork_ok(without_privilege, NULL);
}

/* Nobody waits for ever, however low. */
GUEST_TEST(sched_lowest_runs_too)
{
	new_field();
	for (int i = 0; i < 3; i++)
		field->share[i] = (struct share){.cpu = 0, .nice = i == 0 ? 19 : -20};
	compete(3, 2.0);
	CHECK(field->share[0].seconds > 0);
}

/* As many busy processes as CPUs, started on one: they spread over all. */
static void
note_cpu(void *arg)
{
	atomic_fetch_add(&field->ready, 1);
	double end = guest_now() + 10;
	cpu_set_t seen;
	CPU_ZERO(&seen);
	while (atomic_load(&field->stop) == 0 && guest_now() < end)
		field->share[*(int *)arg].cpu = sched_getcpu();
}

GUEST_TEST(sched_spreads_over_cpus)
{
	int n = cpus() < 8 ? cpus() : 8;
	pid_t pid[8];
	new_field();
	for (int i = 0; i < n; i++)
		pid[i] = guest_spawn(note_cpu, &i);
	CHECK_SOON(atomic_load(&field->ready) == n);
	/* Each has a CPU to itself, while this one sleeps. */
	double end = guest_now() + 10;
	bool spread = false;
	while (!spread && guest_now() < end) {
		uint64_t used = 0;
		guest_sleep_ms(20);
		for (int i = 0; i < n; i++)
			used |= 1ULL << field->share[i].cpu;
		spread = __builtin_popcountll(used) == n;
	}
	atomic_store(&field->stop, 1);
	for (int i = 0; i < n; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	CHECK(spread);
}

/* How often this process and a child of its own on its CPU took turns while the child yielded 200 times. */
static int
count_turns(void)
{
	new_field();
	pid_t pid = fork();
	if (pid == 0) {
		atomic_store(&field->ready, 1);
		for (int i = 0; i < 200; i++) {
			atomic_fetch_add(&field->go, 1);
			sched_yield();
		}
		_exit(0);
	}
	CHECK_SOON(atomic_load(&field->ready) == 1);
	int turns = 0, last = 0;
	while (atomic_load(&field->go) < 200) {
		int now = atomic_load(&field->go);
		turns += now != last;
		last = now;
		CHECK_EQ(sched_yield(), 0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	return turns;
}

/*
 * One who yields lets the others on its CPU run; alone it goes on at once. A virtual CPU that the host stops is charged to
 * who runs on it, and the other then catches up in one go: so one round of several must show the turns.
 */
GUEST_TEST(sched_yield_lets_others_run)
{
	int turns = 0;
	pin(0);
	for (int round = 0; round < 10 && turns <= 20; round++)
		turns = count_turns();
	CHECK(turns > 20); /* they took turns, rather than each its whole run */
	double from = guest_now();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	CHECK(guest_now() - from < 5);
}

/* A sleeper that wakes among busy ones runs soon, far before their slices are all over. */
GUEST_TEST(sched_sleeper_is_not_starved)
{
	int n = 2 * cpus() < 16 ? 2 * cpus() : 16;
	pid_t pid[16];
	new_field();
	for (int i = 0; i < n; i++) {
		field->share[i] = (struct share){.cpu = -1};
		pid[i] = guest_spawn(be_busy, &field->share[i]);
	}
	atomic_store(&field->go, 1);
	CHECK_SOON(atomic_load(&field->ready) == n);
	/* A stall of the host makes some naps long: it is the shorter ones that tell. */
	int soon = 0;
	for (int i = 0; i < 50; i++) {
		double from = guest_now();
		guest_sleep_ms(1);
		soon += guest_now() - from < 0.1;
	}
	atomic_store(&field->stop, 1);
	for (int i = 0; i < n; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	CHECK(soon >= 10);
}

/* Threads that wake each other all the time, more than CPUs, moved from CPU to CPU meanwhile. */
static atomic_bool stop_moving;
static atomic_int tids[8];

static void *
bounce(void *arg)
{
	int *p = arg;
	char c;
	int me = atomic_fetch_add(&field->ready, 1);
	atomic_store(&tids[me], gettid());
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(read(p[0], &c, 1), 1);
		CHECK_EQ(write(p[3], &c, 1), 1);
	}
	return NULL;
}

static void *
move_around(void *arg)
{
	unsigned seed = 1;
	while (!atomic_load(&stop_moving)) {
		cpu_set_t set;
		seed = seed * 1103515245 + 12345;
		CPU_ZERO(&set);
		CPU_SET((seed >> 16) % (unsigned)cpus(), &set);
		if (seed & 0x100000)
			CPU_SET((seed >> 8) % (unsigned)cpus(), &set);
		pid_t tid = atomic_load(&tids[seed >> 24 & 7]);
		int r = tid != 0 ? sched_setaffinity(tid, sizeof(set), &set) : 0;
		CHECK(r == 0 || errno == ESRCH);
		sched_yield();
	}
	return NULL;
}

GUEST_TEST(sched_affinity_storm)
{
	pthread_t t[8], mover;
	int p[8][4];
	new_field();
	CHECK_EQ(pthread_create(&mover, NULL, move_around, NULL), 0);
	for (int i = 0; i < 8; i += 2) {
		CHECK_EQ(pipe(p[i]), 0);
		CHECK_EQ(pipe(p[i] + 2), 0);
		p[i + 1][0] = p[i][2];
		p[i + 1][3] = p[i][1];
		CHECK_EQ(pthread_create(&t[i], NULL, bounce, p[i]), 0);
		CHECK_EQ(pthread_create(&t[i + 1], NULL, bounce, p[i + 1]), 0);
		CHECK_EQ(write(p[i][1], "x", 1), 1);
	}
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	atomic_store(&stop_moving, true);
	CHECK_EQ(pthread_join(mover, NULL), 0);
}

/* Affinity and nice are inherited by threads, children and exec. */
GUEST_TEST(sched_inherited)
{
	int last = cpus() - 1;
	pin(last);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 7), 0);
	pid_t pid = fork();
	if (pid == 0) {
		cpu_set_t set;
		CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
		CHECK(CPU_COUNT(&set) == 1 && CPU_ISSET(last, &set));
		CHECK_EQ(sched_getcpu(), last);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

GUEST_TEST(sched_calls)
{
	struct sched_param sp = {0};
	struct timespec t;
	unsigned cpu = 99, node = 99;
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK_EQ(syscall(SYS_sched_getparam, 0, &sp), 0);
	CHECK_EQ(sp.sched_priority, 0);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &sp), 0);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp), 0);
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, 99, &sp), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, 1 << 21, SCHED_OTHER, &sp), ESRCH);
	sp.sched_priority = 5;
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &sp), EINVAL);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99);
	CHECK_EQ(syscall(SYS_sched_get_priority_min, SCHED_RR), 1);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_OTHER), 0);
	CHECK_ERRNO(syscall(SYS_sched_get_priority_max, 99), EINVAL);
	CHECK_EQ(syscall(SYS_sched_rr_get_interval, 0, &t), 0);
	CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	CHECK((int)cpu < cpus() && node == 0);
	CHECK_ERRNO(syscall(SYS_getcpu, 8, NULL, NULL), EFAULT);
	CHECK_ERRNO(setpriority(7, 0, 0), EINVAL);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 1 << 21, 0), ESRCH);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19); /* as far as it goes */
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -100), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	CHECK_EQ(setpriority(PRIO_PGRP, 0, 4), 0);
	CHECK_EQ(getpriority(PRIO_PGRP, 0), 4);
}

static void
sleep_in_group(void *group)
{
	for (;;)
		pause();
}

static void
nice_of_user(void *arg)
{
	CHECK_EQ(setresuid(2345, 0, 0), 0);
	sleep_in_group(NULL);
}

/* A group and a user as a whole; a number without a group, or a user without a task, is nobody. */
GUEST_TEST(sched_priority_of_many)
{
	pid_t a = guest_spawn(sleep_in_group, NULL), b = guest_spawn(sleep_in_group, NULL);
	CHECK_EQ(setpgid(a, a), 0);
	CHECK_EQ(setpgid(b, a), 0);
	CHECK_EQ(setpriority(PRIO_PGRP, (id_t)a, 7), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)a), 7);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)b), 7);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)b, 3), 0);
	CHECK_EQ(getpriority(PRIO_PGRP, (id_t)a), 3);
	CHECK_ERRNO(setpriority(PRIO_PGRP, (id_t)b, 1), ESRCH);
	CHECK_ERRNO(getpriority(PRIO_PGRP, 1 << 21), ESRCH);
	pid_t c = guest_spawn(nice_of_user, NULL);
	CHECK_SOON(setpriority(PRIO_USER, 2345, 11) == 0);
	CHECK_EQ(getpriority(PRIO_USER, 2345), 11);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)c), 11);
	CHECK_ERRNO(getpriority(PRIO_USER, 2346), ESRCH);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	for (pid_t pids[] = {a, b, c}, *p = pids; p < pids + 3; p++) {
		CHECK_EQ(kill(*p, SIGKILL), 0);
		CHECK_EQ(guest_reap(*p), SIGKILL);
	}
}

/* Without privilege nice only goes up. */
static void
nice_as_user(void *arg)
{
	CHECK_EQ(setresuid(1234, 1234, 1234), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 2), EACCES);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, getppid(), 5), EPERM);
	CHECK_ERRNO(sched_setaffinity(getppid(), sizeof(cpu_set_t), &(cpu_set_t){{1}}), EPERM);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
}

GUEST_TEST(sched_privilege)
{
	guest_fork_ok(nice_as_user, NULL);
}
