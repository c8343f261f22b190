/* SPDX-License-Identifier: MIT */
/* Resource limits: each that is reported is enforced. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

#define MIB (1ul << 20)

static void
limit(int what, rlim_t cur, rlim_t max)
{
	struct rlimit r = {cur, max};
	CHECK_EQ(setrlimit(what, &r), 0);
}

static void
change_limits(void *arg)
{
	struct rlimit r, old;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	r = (struct rlimit){10, 5};
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, 99, NULL, &r), EINVAL);
	CHECK_ERRNO(syscall(SYS_prlimit64, 4194303, RLIMIT_CPU, NULL, &r), ESRCH);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_CPU, 8, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_getrlimit, -1, &r), EINVAL);
	limit(RLIMIT_NOFILE, 20, 30);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	limit(RLIMIT_NOFILE, 30, 30);
	limit(RLIMIT_NOFILE, 10, 20);
	r = (struct rlimit){10, 25}; /* what was given up is gone */
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EPERM);
	CHECK_ERRNO(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &r), EPERM);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &r), 0);
	CHECK(r.rlim_cur == 10 && r.rlim_max == 20);
}

GUEST_TEST(limits_change)
{
	guest_fork_ok(change_limits, NULL);
	struct rlimit r = {77, 88}, got;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, &r, NULL), 0);
	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, NULL, &got), 0);
	CHECK(got.rlim_cur == 77 && got.rlim_max == 88);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	guest_reap(pid);
}

GUEST_TEST(limits_pass_to_children_and_programs)
{
	limit(RLIMIT_NOFILE, 33, 44);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "test $(ulimit -n) = 33 && test $(ulimit -H -n) = 44",
			(char *)NULL);
		_exit(127);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

GUEST_TEST(limit_open_files)
{
	int fd, n = 0, p[2];
	limit(RLIMIT_NOFILE, 64, 1000);
	while ((fd = dup(0)) >= 0) {
		CHECK(fd < 64);
		n++;
	}
	CHECK_EQ(errno, EMFILE);
	CHECK(n > 40);
	CHECK_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_ERRNO(dup2(0, 64), EBADF);
	CHECK_ERRNO(fcntl(0, F_DUPFD, 64), EINVAL);
	close(63);
	CHECK_ERRNO(pipe(p), EMFILE); /* there is room for one of the two: neither is made */
	CHECK_EQ(dup(0), 63);
	limit(RLIMIT_NOFILE, 8, 1000); /* what is open beyond it stays open */
	CHECK(fcntl(63, F_GETFD) >= 0);
	CHECK_ERRNO(dup(0), EMFILE);
	limit(RLIMIT_NOFILE, 1000, 1000);
	CHECK_EQ(dup(0), 64);
}

static void
fork_up_to_limit(void *arg)
{
	pid_t pid[8];
	int n = 0, p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(setresuid(7777, 7777, 7777), 0);
	limit(RLIMIT_NPROC, 4, 4);
	while (n < 8 && (pid[n] = fork()) >= 0) {
		if (pid[n] == 0) {
			close(p[1]);
			_exit((int)read(p[0], &c, 1));
		}
		n++;
	}
	CHECK_EQ(n, 3); /* with this one */
	CHECK_EQ(errno, EAGAIN);
	close(p[1]);
	for (int i = 0; i < n; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	CHECK_SOON((pid[0] = fork()) >= 0);
	if (pid[0] == 0)
		_exit(0);
	CHECK_EQ(guest_reap(pid[0]), 0);
}

/* --- RLIMIT_NPROC and execve: looked at after a change of user that went over it. --- */

enum { CROWDED = 7778, OTHERS = 3 };

static void
be_crowded(void *count)
{
	CHECK_EQ(setresuid(CROWDED, 0, 0), 0);
	atomic_fetch_add((_Atomic int *)count, 1);
	for (;;)
		pause();
}

GUEST_HELPER(seven)
{
	return 7;
}

static void
exec_seven(void)
{
	execl("/proc/self/exe", "guest", "+seven", NULL);
}

/* They are as many as allowed before this one comes. */
static void
exec_at_limit(void *unused)
{
	limit(RLIMIT_NPROC, OTHERS, OTHERS);
	CHECK_EQ(setresuid(CROWDED, 0, 0), 0);
	exec_seven();
	CHECK(!"executed at the limit");
}

static void
exec_over_limit(void *others)
{
	const pid_t *pid = others;
	limit(RLIMIT_NPROC, OTHERS - 1, OTHERS - 1);
	CHECK_EQ(setresuid(CROWDED, 0, 0), 0);
	for (int i = 0; i < OTHERS; i++) {
		exec_seven();
		CHECK_EQ(errno, EAGAIN);
		if (i > 0)
			CHECK_EQ(kill(pid[i], SIGKILL), 0);
	}
	CHECK_SOON((exec_seven(), errno != EAGAIN));
}

/* Whoever may exceed it and forks is let off; the child is not. */
static void
fork_over_limit(void *unused)
{
	limit(RLIMIT_NPROC, OTHERS - 1, OTHERS - 1);
	CHECK_EQ(setresuid(CROWDED, 0, 0), 0);
	pid_t pid = fork();
	if (pid == 0) {
		exec_seven();
		_exit(errno == EAGAIN ? 8 : 9);
	}
	CHECK_EQ(guest_reap(pid), 8 << 8);
	exec_seven();
	CHECK(!"executed after a fork");
}

GUEST_TEST(limit_processes_by_exec)
{
	_Atomic int *count = guest_shared_page();
	pid_t pid[OTHERS];
	for (int i = 0; i < OTHERS; i++)
		pid[i] = guest_spawn(be_crowded, (void *)count);
	CHECK_SOON(atomic_load(count) == OTHERS);
	CHECK_EQ(guest_fork(exec_at_limit, NULL), 7 << 8);
	CHECK_EQ(guest_fork(fork_over_limit, NULL), 7 << 8);
	CHECK_EQ(guest_fork(exec_over_limit, pid), 7 << 8);
	CHECK_EQ(kill(pid[0], SIGKILL), 0);
	for (int i = 0; i < OTHERS; i++)
		CHECK_EQ(guest_reap(pid[i]), SIGKILL);
}

GUEST_TEST(limit_processes)
{
	for (int i = 0; i < 2; i++)
		guest_fork_ok(fork_up_to_limit, NULL);
}

static volatile sig_atomic_t caught;

static void
count(int sig)
{
	caught++;
}

GUEST_TEST(limit_file_size)
{
	static char block[8192];
	char name[] = "/tmp/fsizeXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	limit(RLIMIT_FSIZE, 10000, RLIM_INFINITY);
	signal(SIGXFSZ, count);
	CHECK_EQ(write(fd, block, sizeof(block)), sizeof(block));
	CHECK_EQ(write(fd, block, sizeof(block)),
		10000 - (ssize_t)sizeof(block)); /* as much as fits */
	CHECK_EQ(caught, 0);
	CHECK_ERRNO(write(fd, block, 1), EFBIG);
	CHECK_EQ(caught, 1);
	CHECK_ERRNO(ftruncate(fd, 10001), EFBIG);
	CHECK_EQ(caught, 2);
	CHECK_EQ(ftruncate(fd, 5000), 0);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 5000);
	signal(SIGXFSZ, SIG_DFL);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(lseek(fd, 20000, SEEK_SET), 20000);
		(void)!write(fd, "x", 1);
		_exit(0);
	}
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGXFSZ);
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

static void
burn(void *arg)
{
	limit(RLIMIT_CPU, 1, 2);
	if (arg != NULL)
		signal(SIGXCPU, count);
	for (;;)
		__asm__ volatile("");
}

/* The soft limit warns, the hard one ends. */
GUEST_TEST(limit_cpu_time)
{
	pid_t a = guest_spawn(burn, NULL), b = guest_spawn(burn, &(int){0});
	CHECK_EQ(WTERMSIG(guest_reap(a)), SIGXCPU);
	struct rusage r;
	int status;
	CHECK_EQ(wait4(b, &status, 0, &r), b);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	double used = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
		(double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
	CHECK(used >= 1.9 && used < 5);
}

GUEST_TEST(limit_address_space)
{
	limit(RLIMIT_AS, 64 * MIB, RLIM_INFINITY);
	CHECK_ERRNO(mmap(NULL, 80 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0) == MAP_FAILED
			? -1
			: 0,
		ENOMEM);
	char *p = mmap(NULL, 20 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mmap(NULL, 50 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(mremap(p, 20 * MIB, 70 * MIB, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(munmap(p, 20 * MIB), 0);
	p = mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED); /* what was given back counts no more */
	CHECK_EQ(munmap(p, 40 * MIB), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(mmap(NULL, 80 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
					MAP_FAILED
				? 0
				: 1);
	CHECK_EQ(guest_reap(pid), 0);
}

GUEST_TEST(limit_data)
{
	void *start = sbrk(0);
	limit(RLIMIT_DATA, 16 * MIB, RLIM_INFINITY);
	CHECK_EQ(syscall(SYS_brk, (char *)start + 32 * MIB),
		(uintptr_t)start); /* the break stays where it is */
	CHECK_EQ(syscall(SYS_brk, (char *)start + MIB), (uintptr_t)start + MIB);
	CHECK(mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED);
	CHECK(mmap(NULL, 32 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED); /* no data */
}

/* As deep as the limit allows and no deeper. */
static void
dig(long left)
{
	volatile char block[4096];
	block[0] = (char)left;
	if (left > 4096)
		dig(left - (long)sizeof(block));
	block[1] = block[0];
}

static void
dig_to(void *arg)
{
	dig(*(long *)arg);
}

GUEST_TEST(limit_stack)
{
	long depth = 7 << 20;
	CHECK_EQ(guest_fork(dig_to, &depth), 0);
	depth = 9 << 20;
	CHECK_EQ(WTERMSIG(guest_fork(dig_to, &depth)), SIGSEGV);
	limit(RLIMIT_STACK, MIB, RLIM_INFINITY);
	depth = 700 << 10;
	CHECK_EQ(guest_fork(dig_to, &depth), 0);
	depth = 2 << 20;
	CHECK_EQ(WTERMSIG(guest_fork(dig_to, &depth)), SIGSEGV);
}

static void
lock_memory(void *arg)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	limit(RLIMIT_MEMLOCK, 65536, 65536);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(mlock(p, 65536), 0);
	CHECK_ERRNO(mlock(p + 65536, 4096), ENOMEM);
	CHECK_EQ(munlock(p, 65536), 0);
	CHECK_EQ(mlock(p + 65536, 4096), 0);
	CHECK_EQ(munlock(p + 65536, 4096), 0);
}

/* The limit is not for root; less than a page is a limit like others, and only none forbids to try. */
static void
lock_above_limit(void *arg)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	limit(RLIMIT_MEMLOCK, 100, 100);
	CHECK_EQ(mlock(p, MIB), 0);
	CHECK_EQ(munlock(p, MIB), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_ERRNO(mlock(p, 4096), ENOMEM);
	CHECK_ERRNO(mlockall(MCL_CURRENT), ENOMEM);
	limit(RLIMIT_MEMLOCK, 0, 0);
	CHECK_ERRNO(mlock(p, 4096), EPERM);
}

GUEST_TEST(limit_locked_memory)
{
	guest_fork_ok(lock_memory, NULL);
	guest_fork_ok(lock_above_limit, NULL);
}

GUEST_TEST(limit_nice)
{
	pid_t pid = fork();
	if (pid == 0) {
		limit(RLIMIT_NICE, 18, 18); /* down to 2 */
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, 10), 0);
		CHECK_EQ(setresuid(1000, 1000, 1000), 0);
		CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 1), EACCES);
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, 2), 0);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 2);
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

/* A timer counts as long as it lives; its signal comes whatever else waits. */
static void
timers_up_to_limit(void *arg)
{
	timer_t id[8];
	sigset_t set;
	siginfo_t info;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct itimerspec soon = {.it_value = {0, 1}};
	int n = 0;
	CHECK_EQ(setresuid(7778, 7778, 7778), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	limit(RLIMIT_SIGPENDING, 4, 4);
	while (n < 8 && timer_create(CLOCK_MONOTONIC, &ev, &id[n]) == 0)
		n++;
	CHECK_EQ(n, 4);
	CHECK_EQ(errno, EAGAIN);
	CHECK_ERRNO(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){0}), EAGAIN);
	for (int i = 0; i < n; i++)
		CHECK_EQ(timer_settime(id[i], 0, &soon, NULL), 0);
	for (int i = 0; i < n; i++)
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 1);
	for (int i = 0; i < n; i++)
		CHECK_EQ(timer_delete(id[i]), 0);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){0}), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &id[0]), 0);
}

GUEST_TEST(limit_timers)
{
	for (int i = 0; i < 2; i++) /* what the first left is given back */
		guest_fork_ok(timers_up_to_limit, NULL);
}
