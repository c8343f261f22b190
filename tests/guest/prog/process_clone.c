/* SPDX-License-Identifier: MIT */
/* clone and clone3: what each flag shares, sets and clears, and the combinations that are refused. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static char stack[65536] __attribute__((aligned(16)));
static void *const stack_top = stack + sizeof(stack);

struct args3 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

static long
clone3(struct args3 *a, size_t size)
{
	return syscall(435, a, size);
}

static int
set_value(void *arg)
{
	*(volatile int *)arg = 1;
	syscall(SYS_exit, 0);
	return 0;
}

static volatile int value;

static void
run_clone(int (*fn)(void *), void *arg, int flags)
{
	pid_t pid = clone(fn, stack_top, flags | SIGCHLD, arg);
	CHECK(pid > 0);
	CHECK_EQ(guest_reap(pid), 0);
}

GUEST_TEST(clone_vm)
{
	value = 0;
	run_clone(set_value, (void *)&value, 0);
	CHECK_EQ(value, 0);
	run_clone(set_value, (void *)&value, CLONE_VM);
	CHECK_EQ(value, 1);
}

static int
close_descriptor(void *arg)
{
	syscall(SYS_close, *(int *)arg);
	syscall(SYS_exit, 0);
	return 0;
}

GUEST_TEST(clone_files)
{
	int fd = dup(0);
	CHECK(fd >= 0);
	run_clone(close_descriptor, &fd, 0);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	run_clone(close_descriptor, &fd, CLONE_FILES);
	CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
}

static int
change_fs(void *arg)
{
	syscall(SYS_umask, 0123);
	syscall(SYS_chdir, "/etc");
	syscall(SYS_exit, 0);
	return 0;
}

GUEST_TEST(clone_fs)
{
	char cwd[64];
	umask(022);
	CHECK_EQ(chdir("/"), 0);
	run_clone(change_fs, NULL, 0);
	CHECK_EQ(umask(022), 022);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") == 0);
	run_clone(change_fs, NULL, CLONE_FS);
	CHECK_EQ(umask(022), 0123);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/etc") == 0);
}

static int
ignore_usr1(void *arg)
{
	signal(SIGUSR1, SIG_IGN);
	syscall(SYS_exit, 0);
	return 0;
}

GUEST_TEST(clone_sighand)
{
	struct sigaction sa;
	run_clone(ignore_usr1, NULL, CLONE_VM);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
	run_clone(ignore_usr1, NULL, CLONE_VM | CLONE_SIGHAND);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_IGN);
}

static volatile sig_atomic_t got;
static void
count(int sig)
{
	got = sig;
}

static int
exec_sh(void *arg)
{
	char *argv[] = {"sh", "-c", "exit 0", NULL}, *envp[] = {NULL};
	syscall(SYS_execve, "/bin/sh", argv, envp);
	syscall(SYS_exit, 1);
	return 0;
}

/* exec ends every sharing: the handlers and descriptors of the process that shared them stay. */
GUEST_TEST(clone_sharing_ends_at_exec)
{
	struct sigaction sa;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	signal(SIGUSR1, count);
	run_clone(exec_sh, NULL, CLONE_VM | CLONE_SIGHAND | CLONE_FILES | CLONE_FS);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == count);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	close(fd);
}

GUEST_TEST(clone_tids)
{
	pid_t parent_tid = 0, child_tid = 0;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
		NULL, &parent_tid, NULL, &child_tid);
	if (pid == 0)
		_exit(child_tid == getpid() && parent_tid == 0 ? 0 : 1);
	CHECK_EQ(parent_tid, pid);
	CHECK_EQ(child_tid, 0); /* the child's memory is its own */
	CHECK_EQ(guest_reap(pid), 0);
}

static int
just_exit(void *arg)
{
	syscall(SYS_exit, 0);
	return 0;
}

GUEST_TEST(clone_child_cleartid)
{
	volatile pid_t tid = 77, set = 0;
	pid_t pid = clone(just_exit, stack_top,
		CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL,
		&tid);
	CHECK(pid > 0);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(tid, 0); /* cleared when it left the shared memory */
	pid = clone(just_exit, stack_top, CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD, NULL, &set);
	CHECK_EQ(set, pid);
	CHECK_EQ(guest_reap(pid), 0);
}

/* A bad address for a tid is the caller's misfortune, not an error. */
GUEST_TEST(clone_bad_tid_addresses)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD,
		NULL, NULL, NULL, (pid_t *)16);
	if (pid == 0)
		_exit(0);
	CHECK(pid > 0);
	CHECK_EQ(guest_reap(pid), 0);
}

static uint64_t
read_tls(void)
{
	uint64_t v;
	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(v));
	return v;
}

static volatile uint64_t seen_tls;

static int
note_tls(void *arg)
{
	seen_tls = read_tls();
	__asm__ volatile("mov x8, #93\n\tmov x0, #0\n\tsvc #0" : : : "x0", "x8");
	return 0;
}

GUEST_TEST(clone_settls)
{
	uint64_t mine = read_tls();
	pid_t pid = clone(note_tls, stack_top, CLONE_VM | CLONE_SETTLS | SIGCHLD, NULL, NULL,
		(void *)0x123450, NULL);
	CHECK(pid > 0);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(seen_tls, 0x123450);
	CHECK_EQ(read_tls(), mine);
}

static void
clone_sibling(void *arg)
{
	int *report = arg;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(6);
	CHECK_EQ(write(report[1], &pid, sizeof(pid)), sizeof(pid));
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

GUEST_TEST(clone_parent)
{
	int p[2];
	pid_t sibling;
	CHECK_EQ(pipe(p), 0);
	guest_fork_ok(clone_sibling, p);
	CHECK_EQ(read(p[0], &sibling, sizeof(sibling)), sizeof(sibling));
	CHECK_EQ(WEXITSTATUS(guest_reap(sibling)), 6); /* it is our child, not our grandchild */
}

GUEST_TEST(clone_exit_signal)
{
	int status;
	signal(SIGUSR1, count);
	signal(SIGCHLD, count);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(1);
	CHECK_SOON(got == SIGUSR1);
	CHECK_ERRNO(
		waitpid(pid, &status, 0), ECHILD); /* a clone child, only for __WCLONE or __WALL */
	CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
	got = 0;
	pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(1);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(got, 0);
}

GUEST_TEST(clone_refuses)
{
	static const unsigned long bad[] = {
		CLONE_THREAD,
		CLONE_SIGHAND,
		CLONE_THREAD | CLONE_SIGHAND,
		CLONE_THREAD | CLONE_VM,
		CLONE_FS | CLONE_NEWNS,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERRNO(syscall(SYS_clone, bad[i] | SIGCHLD, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

GUEST_TEST(clone3_as_fork)
{
	pid_t parent_tid = 0;
	struct args3 a = {.flags = CLONE_PARENT_SETTID,
		.parent_tid = (uintptr_t)&parent_tid,
		.exit_signal = SIGCHLD};
	for (size_t size = 64; size <= sizeof(a); size += 8) {
		long pid = clone3(&a, size);
		if (pid == 0)
			_exit(0);
		CHECK(pid > 0);
		CHECK_EQ(parent_tid, pid);
		CHECK_EQ(guest_reap((pid_t)pid), 0);
	}
}

GUEST_TEST(clone3_stack)
{
	struct args3 a = {.flags = CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = sizeof(stack)};
	register uint64_t x0 __asm__("x0") = (uintptr_t)&a;
	register uint64_t x1 __asm__("x1") = sizeof(a);
	register uint64_t x8 __asm__("x8") = 435;
	uint64_t top = (uintptr_t)stack_top;
	/* The child exits with 1 unless its stack pointer is the top of what was given. */
	__asm__ volatile("svc #0\n\tcbnz x0, 1f\n\tmov x9, sp\n\tcmp x9, %3\n\tcset x0, ne\n\tmov "
			 "x8, #94\n\tsvc #0\n1:"
		: "+r"(x0)
		: "r"(x1), "r"(x8), "r"(top)
		: "x9", "memory", "cc");
	CHECK((int64_t)x0 > 0);
	CHECK_EQ(guest_reap((pid_t)x0), 0);
}

GUEST_TEST(clone3_refuses)
{
	struct args3 good = {.exit_signal = SIGCHLD}, a;
	struct {
		struct args3 a;
		uint64_t more;
	} big = {.a = {.exit_signal = SIGCHLD}, .more = 1};
	CHECK_ERRNO(clone3(&good, 63), EINVAL);
	CHECK_ERRNO(clone3(&good, 5000), E2BIG);
	CHECK_ERRNO(clone3((struct args3 *)8, sizeof(a)), EFAULT);
	CHECK_ERRNO(clone3(&big.a, sizeof(big)), E2BIG);
	a = good, a.exit_signal = 65;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	a = good, a.flags = CLONE_DETACHED;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	a = good, a.flags = SIGCHLD;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	a = good, a.stack = (uintptr_t)stack;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	a = good, a.stack_size = sizeof(stack);
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	a = good, a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL); /* threads send no exit signal */
	a = good, a.flags = CLONE_SIGHAND | CLONE_VM | 0x100000000ULL;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL); /* CLONE_CLEAR_SIGHAND contradicts sharing */
	a = good, a.flags = 1ULL << 40;
	CHECK_ERRNO(clone3(&a, sizeof(a)), EINVAL);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

GUEST_TEST(clone3_clear_sighand)
{
	struct args3 a = {.flags = 0x100000000ULL, .exit_signal = SIGCHLD};
	signal(SIGUSR1, count);
	signal(SIGUSR2, SIG_IGN);
	long pid = clone3(&a, sizeof(a));
	CHECK(pid >= 0);
	if (pid == 0) {
		struct sigaction sa;
		sigaction(SIGUSR1, NULL, &sa);
		CHECK(sa.sa_handler == SIG_DFL);
		sigaction(SIGUSR2, NULL, &sa);
		CHECK(sa.sa_handler == SIG_IGN);
		_exit(0);
	}
	CHECK_EQ(guest_reap((pid_t)pid), 0);
}
