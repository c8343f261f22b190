/* SPDX-License-Identifier: MIT */
/* Processes: fork, vfork, exit, orphans, groups, sessions, many at a time. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

GUEST_TEST(fork_exit_status)
{
	for (int code = 0; code < 256; code += 51) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(code | 0x700); /* the low byte is what counts */
		int status = guest_reap(pid);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), code);
	}
	CHECK_ERRNO(wait(NULL), ECHILD);
}

GUEST_TEST(fork_many)
{
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(0);
		CHECK_EQ(guest_reap(pid), 0);
	}
}

GUEST_TEST(fork_copies_memory)
{
	static int value = 1;
	volatile int local = 2;
	char *heap = malloc(1 << 20);
	memset(heap, 3, 1 << 20);
	pid_t pid = fork();
	if (pid == 0) {
		value = 10;
		local = 20;
		memset(heap, 30, 1 << 20);
		_exit(value == 10 && local == 20 ? 0 : 1);
	}
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(local, 2);
	for (int i = 0; i < 1 << 20; i += 4096)
		CHECK_EQ(heap[i], 3);
	free(heap);
}

/* What the child has of the parent: identity but for pid and ppid, times and pending signals of its own. */
GUEST_TEST(fork_inherits)
{
	sigset_t set, old;
	pid_t parent = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	umask(027);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 3), 0);
	CHECK_EQ(chdir("/tmp"), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char cwd[64];
		sigset_t now;
		CHECK_EQ(getppid(), parent);
		CHECK(getpid() != parent && getpid() == gettid());
		CHECK_EQ(getpgrp(), parent);
		sigpending(&now);
		CHECK(!sigismember(&now, SIGUSR1));
		sigprocmask(SIG_BLOCK, NULL, &now);
		CHECK(sigismember(&now, SIGUSR1));
		CHECK_EQ(umask(0), 027);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
		CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/tmp") == 0);
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

/* Descriptors are copied, open files are shared. */
GUEST_TEST(fork_shares_open_files)
{
	char name[] = "/tmp/forkXXXXXX", c;
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(read(fd, &c, 1), 1);
		CHECK_EQ(c, 'a');
		close(fd);
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'b');
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

/* Registers that a call preserves are the same on both sides of a fork. */
GUEST_TEST(fork_keeps_registers)
{
	for (int i = 0; i < 20; i++) {
		uint64_t pid, x19, x28;
		double d8;
		__asm__ volatile(
			"mov x19, #0x1919\n\tmov x28, #0x2828\n\tfmov d8, #1.5\n\tfmov d20, "
			"#2.5\n\t"
			"mov x0, #17\n\tmov x1, #0\n\tmov x2, #0\n\tmov x3, #0\n\tmov x4, #0\n\t"
			"mov x8, #220\n\tsvc #0\n\t"
			"mov %0, x0\n\tmov %1, x19\n\tmov %2, x28\n\tfadd %d3, d8, d20"
			: "=&r"(pid), "=&r"(x19), "=&r"(x28), "=&w"(d8)
			:
			: "x0", "x1", "x2", "x3", "x4", "x8", "x19", "x28", "d8", "d20", "memory");
		bool good = x19 == 0x1919 && x28 == 0x2828 && d8 == 4.0;
		if (pid == 0)
			syscall(SYS_exit_group, good ? 0 : 1);
		CHECK(good);
		CHECK_EQ(guest_reap((pid_t)pid), 0);
	}
}

/* Children of children, each writing its own pages, on all CPUs at once. */
static void
fork_tree(int depth, char *page)
{
	pid_t pid[3];
	for (int i = 0; i < 3 && depth > 0; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			memset(page, depth * 3 + i, 16384);
			fork_tree(depth - 1, page);
			for (int k = 0; k < 16384; k += 64)
				CHECK_EQ(page[k], depth * 3 + i);
			_exit(0);
		}
	}
	for (int i = 0; i < 3 && depth > 0; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
}

GUEST_TEST(fork_tree)
{
	char *page = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(page, 99, 16384);
	for (int i = 0; i < 3; i++)
		fork_tree(4, page);
	CHECK_EQ(page[5000], 99);
}

/* N processes that live at the same time. */
static void
live_at_once(int n)
{
	pid_t *pid = calloc((size_t)n, sizeof(*pid));
	int p[2];
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < n; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			char c;
			close(p[1]);
			_exit(read(p[0], &c, 1) == 0 ? i & 127 : 200);
		}
	}
	for (int i = 0; i < n; i += 37)
		CHECK_EQ(kill(pid[i], 0), 0);
	close(p[1]);
	for (int i = 0; i < n; i++)
		CHECK_EQ(WEXITSTATUS(guest_reap(pid[i])), i & 127);
	close(p[0]);
	free(pid);
}

GUEST_TEST(live_processes)
{
	live_at_once(200);
}

GUEST_TEST_FLAGS(stress_live_processes, GUEST_SLOW)
{
	live_at_once(1000);
}

GUEST_TEST_FLAGS(stress_fork_exec, GUEST_SLOW)
{
	char *argv[] = {"guest", "no-such-test", NULL};
	int null = open("/dev/null", O_RDWR);
	CHECK(null >= 0);
	CHECK_EQ(dup2(null, 1), 1);
	for (int i = 0; i < 10000; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			execve("/proc/self/exe", argv, environ);
			_exit(127);
		}
		CHECK_EQ(guest_reap(pid), 0);
	}
}

GUEST_TEST(orphans_go_to_init)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 20; i++)
			if (fork() == 0) {
				while (getppid() != 1)
					sched_yield();
				pid_t self = getpid();
				(void)!write(p[1], &self, sizeof(self));
				_exit(0);
			}
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	close(p[1]);
	pid_t orphan, all[20];
	int n = 0;
	while (read(p[0], &orphan, sizeof(orphan)) == sizeof(orphan))
		all[n++] = orphan;
	CHECK_EQ(n, 20);
	close(p[0]);
	/* init reaps them: their numbers name nothing any more. */
	for (int i = 0; i < n; i++)
		CHECK_SOON(kill(all[i], 0) == -1 && errno == ESRCH);
}

/* Zombies whose parent dies before it has waited for them are reaped too. */
GUEST_TEST(orphaned_zombies_go_to_init)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++) {
			pid_t child = fork();
			if (child == 0)
				_exit(i);
			siginfo_t info;
			CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
			CHECK_EQ(write(p[1], &child, sizeof(child)), sizeof(child));
		}
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	close(p[1]);
	pid_t zombie;
	int n = 0;
	for (; read(p[0], &zombie, sizeof(zombie)) == sizeof(zombie); n++)
		CHECK_SOON(kill(zombie, 0) == -1 && errno == ESRCH);
	CHECK_EQ(n, 10);
}

GUEST_TEST(subreaper_adopts)
{
	int on = 0;
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0), 0);
	CHECK_EQ(on, 1);
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t me = getpid(), pid = fork(), orphan;
	if (pid == 0) {
		CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0), 0);
		CHECK_EQ(on, 0); /* not inherited */
		orphan = fork();
		if (orphan == 0) {
			CHECK_SOON(getppid() == me);
			_exit(9);
		}
		CHECK_EQ(write(p[1], &orphan, sizeof(orphan)), sizeof(orphan));
		_exit(0);
	}
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(read(p[0], &orphan, sizeof(orphan)), sizeof(orphan));
	CHECK_EQ(WEXITSTATUS(guest_reap(orphan)), 9);
}

static int
change_and_exit(void *arg)
{
	*(volatile int *)arg = 5;
	syscall(SYS_exit_group, 3);
	return 0;
}

static char child_stack[65536] __attribute__((aligned(16)));

GUEST_TEST(vfork_shares_memory)
{
	volatile int value = 0;
	for (int i = 0; i < 50; i++) {
		value = 0;
		pid_t pid = clone(change_and_exit, child_stack + sizeof(child_stack),
			CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&value);
		CHECK(pid > 0);
		CHECK_EQ(value, 5); /* the parent did not run before the child was gone */
		CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 3);
	}
}

static int
nap_then_exec(void *arg)
{
	struct timespec t = {0, 30000000};
	nanosleep(&t, NULL);
	*(volatile int *)arg = 7;
	char *argv[] = {"sh", "-c", "exit 4", NULL}, *envp[] = {NULL};
	syscall(SYS_execve, "/bin/sh", argv, envp);
	syscall(SYS_exit_group, 127);
	return 0;
}

GUEST_TEST(vfork_waits_for_exec)
{
	volatile int value = 0;
	pid_t pid = clone(nap_then_exec, child_stack + sizeof(child_stack),
		CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&value);
	CHECK(pid > 0);
	CHECK_EQ(value, 7);
	CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 4);
}

static int
sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return 0;
}

static void
vfork_for_ever(void *arg)
{
	static char stack[16384] __attribute__((aligned(16)));
	*(volatile pid_t *)arg = getpid();
	clone(sleep_for_ever, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	_exit(1);
}

/* A parent that waits in vfork can be killed; its child lives on and dies by itself. */
GUEST_TEST(vfork_parent_can_be_killed)
{
	pid_t pid = guest_spawn(vfork_for_ever, &(pid_t){0});
	guest_await_sleep(pid);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	CHECK_EQ(kill(0, 0), 0); /* the child is still in the group: the runner ends it */
}

GUEST_TEST(posix_spawn_reports_errors)
{
	char *argv[] = {"sh", "-c", "exit 11", NULL}, *envp[] = {NULL};
	pid_t pid;
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, envp), 0);
		CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 11);
		CHECK_EQ(posix_spawn(&pid, "/no/such/file", NULL, NULL, argv, envp), ENOENT);
	}
	CHECK_ERRNO(wait(NULL), ECHILD);
}

static void
leave_session(void *arg)
{
	CHECK_EQ(setsid(), getpid());
	CHECK_EQ(getpgrp(), getpid());
	CHECK_EQ(getsid(0), getpid());
	CHECK_ERRNO(setpgid(0, 0), EPERM); /* a session leader stays */
	CHECK_ERRNO(setsid(), EPERM);
}

GUEST_TEST(groups_and_sessions)
{
	guest_fork_ok(leave_session, NULL);
	CHECK_ERRNO(setsid(), EPERM); /* the test's process leads a group */
	CHECK_ERRNO(setpgid(1 << 21, 0), ESRCH);
	CHECK_ERRNO(setpgid(0, -1), EINVAL);
	CHECK_ERRNO(setpgid(-1, 0), EINVAL);
	CHECK_ERRNO(getpgid(1 << 21), ESRCH);
	CHECK_ERRNO(getsid(1 << 21), ESRCH);
	CHECK_ERRNO(setpgid(1, 0), ESRCH); /* not a child */
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit((int)read(p[0], &c, 1));
	}
	CHECK_EQ(setpgid(pid, pid), 0);
	CHECK_EQ(getpgid(pid), pid);
	CHECK_ERRNO(setpgid(pid, 1 << 21), EPERM); /* no such group */
	CHECK_EQ(setpgid(pid, getpgrp()), 0);
	CHECK_EQ(getpgid(pid), getpgrp());
	close(p[1]);
	CHECK_EQ(guest_reap(pid), 0);
	close(p[0]);
}

/* A child that has run exec keeps the group that it has. */
GUEST_TEST(setpgid_is_too_late_after_exec)
{
	int p[2], q[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		dup2(q[0], 0);
		close(p[0]);
		close(q[1]);
		execl("/bin/sh", "sh", "-c", "echo; read x", (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(setpgid(pid, pid), EACCES);
	close(q[1]);
	guest_reap(pid);
}

/* kill(-group) reaches the group, and only it. */
GUEST_TEST(kill_group)
{
	pid_t in[3], out;
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 3; i++) {
		in[i] = fork();
		if (in[i] == 0) {
			close(p[1]);
			_exit((int)read(p[0], &c, 1));
		}
		CHECK_EQ(setpgid(in[i], in[0]), 0);
	}
	out = fork();
	if (out == 0) {
		close(p[1]);
		_exit((int)read(p[0], &c, 1));
	}
	CHECK_EQ(kill(-in[0], SIGKILL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(WTERMSIG(guest_reap(in[i])), SIGKILL);
	CHECK_ERRNO(kill(-in[0], 0), ESRCH);
	CHECK_EQ(kill(out, 0), 0);
	close(p[1]);
	CHECK_EQ(guest_reap(out), 0);
	close(p[0]);
}

/* Numbers are not given out again at once, and never to two. */
GUEST_TEST(pids_are_unique)
{
	enum { N = 64 };
	pid_t pid[N];
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			close(p[1]);
			_exit((int)read(p[0], &c, 1));
		}
		for (int k = 0; k < i; k++)
			CHECK(pid[k] != pid[i]);
	}
	close(p[1]);
	for (int i = 0; i < N; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
	pid_t again = guest_spawn(leave_session, NULL);
	for (int k = 0; k < N; k++)
		CHECK(again != pid[k]);
	CHECK_EQ(guest_reap(again), 0);
}
