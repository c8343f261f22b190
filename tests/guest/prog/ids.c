/* SPDX-License-Identifier: MIT */
/* User and group ids, limits, scheduling calls, clocks, and what else a process knows about itself. */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void
check_ids(uid_t r, uid_t e, uid_t s)
{
	uid_t gr, ge, gs;
	CHECK_EQ(getresuid(&gr, &ge, &gs), 0);
	CHECK(gr == r && ge == e && gs == s);
}

static void
change_ids(void *arg)
{
	CHECK_EQ(setresuid(100, 200, 300), 0);
	check_ids(100, 200, 300);
	CHECK_ERRNO(setresuid(400, -1, -1), EPERM);
	CHECK_EQ(setresuid(300, 100, 200), 0);
	check_ids(300, 100, 200);
	CHECK_EQ(setreuid(-1, 200), 0);
	check_ids(300, 200, 200);
	CHECK_EQ(setuid(300), 0);
	check_ids(300, 300, 200);
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
}

static void
change_for_good(void *arg)
{
	CHECK_EQ(setgroups(3, (gid_t[]){30, 10, 20}), 0);
	gid_t g[4];
	CHECK_EQ(getgroups(4, g), 3);
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_ERRNO(getgroups(2, g), EINVAL);
	CHECK_EQ(setgid(55), 0);
	CHECK_EQ(getegid(), 55);
	CHECK_EQ(setuid(1000), 0);
	check_ids(1000, 1000, 1000);
	CHECK_ERRNO(seteuid(0), EPERM);
}

static void
back_and_forth(void *arg)
{
	CHECK_EQ(seteuid(1000), 0);
	check_ids(0, 1000, 0);
	CHECK_EQ(seteuid(0), 0);
	/* What the process itself had comes back with the id. */
	CHECK_EQ(open("/etc/motd", O_RDONLY) >= 0, 1);
}

GUEST_TEST(ids_change)
{
	guest_fork_ok(change_ids, NULL);
	guest_fork_ok(change_for_good, NULL);
	guest_fork_ok(back_and_forth, NULL);
}

static void
limits(void *arg)
{
	struct rlimit r, old;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	r = (struct rlimit){64, old.rlim_max};
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	int n = 0;
	while (dup(0) >= 0)
		n++;
	CHECK(n > 0 && n < 64);
	CHECK_EQ(errno, EMFILE);
	r = (struct rlimit){10, 5};
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, 99, NULL, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_prlimit64, 4194303, RLIMIT_CPU, NULL, &r), ESRCH);
	CHECK_EQ(getrlimit(RLIMIT_CORE, &r), 0);
	r = (struct rlimit){1 << 20, 1 << 20}; /* there are no cores, so any limit holds */
	CHECK_EQ(setrlimit(RLIMIT_CORE, &r), 0);
}

static void
few_processes(void *arg)
{
	struct rlimit r = {3, 3};
	CHECK_EQ(setrlimit(RLIMIT_NPROC, &r), 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	CHECK_EQ(syscall(SYS_setresuid, 4321, 4321, 4321), 0);
}

GUEST_TEST(limits_are_enforced)
{
	guest_fork_ok(limits, NULL);
	guest_fork_ok(few_processes, NULL);
}

GUEST_TEST(names)
{
	char name[16];
	struct utsname u;
	CHECK_EQ(prctl(PR_SET_NAME, "a-name-that-is-too-long"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_EQ(strcmp(name, "a-name-that-is-"), 0);
	CHECK_EQ(uname(&u), 0);
	CHECK_EQ(strcmp(u.sysname, "Linux"), 0);
	CHECK_EQ(strcmp(u.release, "6.1.0-swos"), 0);
	CHECK_EQ(strcmp(u.machine, "aarch64"), 0);
	CHECK_ERRNO(prctl(9999, 0, 0, 0, 0), EINVAL);
}

GUEST_TEST(clocks_agree)
{
	static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
		CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct timespec a, b, c;
		CHECK_EQ(syscall(SYS_clock_gettime, clocks[i], &a), 0);
		CHECK_EQ(clock_gettime(clocks[i], &b), 0); /* by the vDSO, where it can */
		CHECK_EQ(syscall(SYS_clock_gettime, clocks[i], &c), 0);
		CHECK(a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec));
		CHECK(b.tv_sec < c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec <= c.tv_nsec));
		CHECK_EQ(clock_getres(clocks[i], &a), 0);
	}
	struct timespec ts;
	CHECK_ERRNO(clock_gettime(99, &ts), EINVAL);
	clockid_t id;
	CHECK_EQ(clock_getcpuclockid(getpid(), &id), 0);
	CHECK_EQ(clock_gettime(id, &ts), 0);
	CHECK(time(NULL) > 1600000000);
}

GUEST_TEST(usage_counts)
{
	struct rusage u;
	struct tms t;
	pid_t pid = fork();
	if (pid == 0) {
		double end = guest_now() + 0.05;
		while (guest_now() < end)
			;
		_exit(0);
	}
	int status;
	CHECK_EQ(wait4(pid, &status, 0, &u), pid);
	CHECK(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec > 1000);
	CHECK(u.ru_maxrss > 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &u), 0);
	CHECK((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
			u.ru_stime.tv_usec >
		1000);
	CHECK_EQ(getrusage(RUSAGE_SELF, &u), 0);
	CHECK_ERRNO(getrusage(55, &u), EINVAL);
	CHECK(times(&t) != (clock_t)-1);
}

GUEST_TEST(scheduling_calls)
{
	cpu_set_t set, old;
	CHECK_EQ(sched_getaffinity(0, sizeof(old), &old), 0);
	int n = CPU_COUNT(&old);
	CHECK(n >= 1);
	for (int i = 0; i < n; i++) {
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
		CHECK_EQ(sched_getcpu(), i);
	}
	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_EQ(sched_setaffinity(0, sizeof(old), &old), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 0), 0);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99);
	struct sysinfo s;
	CHECK_EQ(sysinfo(&s), 0);
	CHECK(s.totalram > s.freeram && s.procs > 0);
}
