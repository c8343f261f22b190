/* SPDX-License-Identifier: MIT */
/* execve and execveat: errors, what a new program is given, what it keeps of the old one. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static char *no_environment[] = {NULL};

/* This program's helper, in a child; the child's status. */
static int
run(char *const argv[], char *const envp[])
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execve("/proc/self/exe", argv, envp);
		_exit(errno == E2BIG ? 100 : 101);
	}
	return guest_reap(pid);
}

GUEST_TEST(exec_errors)
{
	char *argv[] = {"x", NULL}, longest[PATH_MAX + 10];
	CHECK_ERRNO(execve("/no/such/file", argv, NULL), ENOENT);
	CHECK_ERRNO(execve("", argv, NULL), ENOENT);
	CHECK_ERRNO(execve("/etc", argv, NULL), EACCES);
	CHECK_ERRNO(execve("/etc/motd", argv, NULL), EACCES);
	CHECK_ERRNO(execve("/etc/motd/x", argv, NULL), ENOTDIR);
	CHECK_ERRNO(execve("/dev/null", argv, NULL), EACCES);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	CHECK_ERRNO(execve(longest, argv, NULL), ENAMETOOLONG);
	CHECK_EQ(symlink("/tmp/exec-loop", "/tmp/exec-loop"), 0);
	CHECK_ERRNO(execve("/tmp/exec-loop", argv, NULL), ELOOP);
	CHECK_EQ(unlink("/tmp/exec-loop"), 0);
	CHECK_ERRNO(syscall(SYS_execve, 8, argv, NULL), EFAULT);
}

/* Vectors and strings that cannot be read. */
GUEST_TEST(exec_bad_vectors)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(munmap(page + 4096, 4096), 0);
	char **at_end = (char **)(page + 4096) - 1;
	char *good[] = {"sh", NULL}, *bad[] = {"sh", (char *)8, NULL},
	     *wrong[] = {"sh", (char *)0xffff000000000000, NULL};
	*at_end = "sh"; /* no null pointer ends it */
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", at_end, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", good, at_end), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", 8, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", -1, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", good, 0xffff000000000000), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", bad, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", good, bad), EFAULT);
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", wrong, NULL), EFAULT);
	memset(page, 'x', 4096); /* a string that does not end */
	char *endless[] = {page, NULL};
	CHECK_ERRNO(syscall(SYS_execve, "/bin/sh", endless, NULL), EFAULT);
	munmap(page, 4096);
}

GUEST_TEST(exec_passes_arguments_and_environment)
{
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = {"sh", "-c",
			"test \"$SOME_NAME\" = 'some value' && test $# = 2 && test \"$2\" = two",
			"one", "1", "two", NULL};
		char *envp[] = {"SOME_NAME=some value", NULL};
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

/* Close-on-exec: the end of file tells success, as a byte before it would tell failure. */
GUEST_TEST(exec_closes_cloexec)
{
	int p[2];
	char c;
	for (int fails = 0; fails < 2; fails++) {
		CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
		pid_t pid = fork();
		if (pid == 0) {
			execl(fails ? "/no/such/file" : "/bin/sh", "sh", "-c", "exit 7",
				(char *)NULL);
			c = (char)errno;
			(void)!write(p[1], &c, 1);
			_exit(127);
		}
		close(p[1]);
		CHECK_EQ(read(p[0], &c, 1), fails);
		if (fails)
			CHECK_EQ(c, ENOENT);
		CHECK_EQ(WEXITSTATUS(guest_reap(pid)), fails ? 127 : 7);
		close(p[0]);
	}
}

/* --- Sizes. --- */

/* Adds up lengths and counts: argv[2] arguments follow, argv[3] bytes in all, and so in the environment. */
GUEST_HELPER(count)
{
	size_t bytes = 0, env_bytes = 0;
	int n = 0;
	for (int i = 4; i < argc; i++)
		bytes += strlen(argv[i]);
	for (; environ[n] != NULL; n++)
		env_bytes += strlen(environ[n]);
	CHECK_EQ(argc - 4, atoi(argv[2]));
	CHECK_EQ(bytes, atol(argv[3]));
	CHECK(argv[argc] == NULL);
	CHECK(n == 0 || env_bytes == bytes);
	return 0;
}

static int
run_with(int n, size_t each, bool environment)
{
	char count[16], bytes[24];
	char **argv = calloc((size_t)n + 5, sizeof(char *)),
	     **envp = calloc((size_t)n + 1, sizeof(char *));
	char *string = malloc(each + 1);
	memset(string, 'v', each);
	string[each] = 0;
	snprintf(count, sizeof(count), "%d", n);
	snprintf(bytes, sizeof(bytes), "%zu", each * (size_t)n);
	argv[0] = "guest";
	argv[1] = "+count";
	argv[2] = count;
	argv[3] = bytes;
	for (int i = 0; i < n; i++) {
		argv[4 + i] = string;
		envp[i] = environment ? string : NULL;
	}
	int status = run(argv, envp);
	free(argv);
	free(envp);
	free(string);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A string may have 128 KiB, all of them together a quarter of the stack's limit. */
GUEST_TEST(exec_argument_sizes)
{
	CHECK_EQ(run_with(0, 0, false), 0);
	CHECK_EQ(run_with(1, 131071, false), 0);
	CHECK_EQ(run_with(1, 131072, false), 100);
	CHECK_EQ(run_with(15, 131000, false), 0);
	CHECK_EQ(run_with(17, 131000, false), 100);
	CHECK_EQ(run_with(7, 131000, true), 0);
	CHECK_EQ(run_with(9, 131000, true), 100);
	CHECK_EQ(run_with(20000, 90, false), 0);
	CHECK_EQ(run_with(100000, 1, false), 0);
	CHECK_EQ(run_with(60000, 1, true), 0);
	CHECK_EQ(run_with(250000, 1, false), 100);
}

GUEST_TEST(exec_argument_sizes_follow_the_stack_limit)
{
	struct rlimit r = {1 << 20, 64 << 20};
	CHECK_EQ(setrlimit(RLIMIT_STACK, &r), 0);
	CHECK_EQ(run_with(1, 131000, false), 0);
	CHECK_EQ(run_with(2, 120000, false), 0);
	CHECK_EQ(run_with(3, 120000, false), 100);
	r.rlim_cur = 64 << 20;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &r), 0);
	CHECK_EQ(run_with(45, 131000, false), 0); /* 6 MiB are the most */
	CHECK_EQ(run_with(50, 131000, false), 100);
}

/* --- What is on the new stack. --- */

static unsigned long
aux(const unsigned long *auxv, unsigned long type, bool must)
{
	for (; auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == type)
			return auxv[1];
	if (must)
		guest_fail(__FILE__, __LINE__, "no auxiliary vector entry %lu", type);
	return 0;
}

/* The stack from argc up, as the kernel made it. */
GUEST_HELPER(stack)
{
	extern const char __ehdr_start[] __attribute__((weak));
	char **p = environ;
	CHECK_EQ((uintptr_t)(argv - 1) % 16, 0); /* the stack pointer at entry */
	CHECK_EQ(((long *)argv)[-1], argc);
	CHECK(argv[argc] == NULL && environ == argv + argc + 1);
	while (*p != NULL)
		p++;
	const unsigned long *v = (const unsigned long *)(p + 1);
	CHECK_EQ(aux(v, AT_PAGESZ, true), 4096);
	CHECK_EQ(aux(v, AT_CLKTCK, true), 100);
	CHECK_EQ(aux(v, AT_PHENT, true), 56);
	CHECK_EQ(aux(v, AT_FLAGS, true), 0);
	CHECK_EQ(aux(v, AT_BASE, true), 0);
	CHECK_EQ(aux(v, AT_SECURE, true), 0);
	CHECK_EQ(aux(v, AT_UID, true), getuid());
	CHECK_EQ(aux(v, AT_EUID, true), geteuid());
	CHECK_EQ(aux(v, AT_GID, true), getgid());
	CHECK_EQ(aux(v, AT_EGID, true), getegid());
	CHECK_EQ(aux(v, AT_HWCAP, true) & 3, 3);          /* floating point and SIMD */
	CHECK((aux(v, AT_HWCAP, true) & (1 << 22)) == 0); /* no SVE: it is not switched */
	aux(v, AT_HWCAP2, true);
	CHECK(aux(v, 51, true) >= 4096); /* AT_MINSIGSTKSZ: a frame fits */
	CHECK(strcmp((char *)aux(v, AT_PLATFORM, true), "aarch64") == 0);
	CHECK(strcmp((char *)aux(v, AT_EXECFN, true), "/proc/self/exe") == 0);
	CHECK(memcmp((char *)aux(v, AT_SYSINFO_EHDR, true), "\177ELF", 4) == 0);
	const uint8_t *phdr = (const uint8_t *)aux(v, AT_PHDR, true);
	unsigned long phnum = aux(v, AT_PHNUM, true), entry = aux(v, AT_ENTRY, true);
	CHECK(phnum >= 2 && phnum < 32 && memcmp(phdr - 64, "\177ELF", 4) == 0);
	uint64_t e_entry;
	memcpy(&e_entry, phdr - 64 + 24, 8);
	CHECK_EQ(entry, (uintptr_t)(phdr - 64) + e_entry);
	const uint64_t *random = (const uint64_t *)aux(v, AT_RANDOM, true);
	CHECK(random[0] != 0 && random[1] != 0 && random[0] != random[1]);
	/* For the parent: things that should differ from one run to the next. */
	uintptr_t out[5] = {random[0], (uintptr_t)argv, entry, aux(v, AT_SYSINFO_EHDR, true),
		(uintptr_t)sbrk(0)};
	CHECK_EQ(write(20, out, sizeof(out)), sizeof(out));
	return 0;
}

GUEST_TEST(exec_stack_and_randomisation)
{
	enum { RUNS = 6 };
	uintptr_t seen[RUNS][5];
	int p[2];
	char *argv[] = {"guest", "+stack", "some", "arguments", NULL, NULL},
	     *envp[] = {"A=1", "B=2", NULL};
	for (int i = 0; i < RUNS; i++) {
		CHECK_EQ(pipe(p), 0);
		CHECK_EQ(dup2(p[1], 20), 20);
		argv[4] =
			i & 1 ? "one more" : NULL; /* the alignment does not depend on the number */
		CHECK_EQ(run(argv, i & 2 ? envp : no_environment), 0);
		CHECK_EQ(read(p[0], seen[i], sizeof(seen[i])), sizeof(seen[i]));
		close(p[0]);
		close(p[1]);
		close(20);
	}
	for (int what = 0; what < 5; what++) {
		int distinct = 0;
		for (int i = 1; i < RUNS; i++)
			distinct += seen[i][what] != seen[0][what];
		if (distinct < RUNS - 2)
			guest_fail(__FILE__, __LINE__, "value %d was the same in %d of %d runs",
				what, RUNS - distinct, RUNS);
	}
}

/* --- What is kept, what is reset. --- */

static void
ignore_it(int sig)
{
}

GUEST_HELPER(kept)
{
	struct sigaction sa;
	sigset_t set;
	stack_t ss;
	char cwd[64], name[16];
	CHECK_EQ(getpid(), atoi(argv[2]));
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL && sa.sa_flags == 0); /* handlers are gone */
	CHECK_EQ(sigaction(SIGUSR2, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_IGN); /* ignored stays ignored */
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	CHECK(sigismember(&set, SIGHUP) && !sigismember(&set, SIGTERM));
	CHECK_EQ(sigpending(&set), 0);
	CHECK(sigismember(&set, SIGHUP)); /* pending stays pending */
	CHECK_EQ(sigaltstack(NULL, &ss), 0);
	CHECK_EQ(ss.ss_flags, SS_DISABLE);
	CHECK_EQ(umask(0), 031);
	CHECK(strcmp(getcwd(cwd, sizeof(cwd)), "/tmp") == 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 4);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(strcmp(name, "exe") == 0);
	CHECK(fcntl(10, F_GETFD) == 0);
	CHECK(fcntl(11, F_GETFD) == -1 && errno == EBADF);
	void *head;
	size_t len;
	CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
	CHECK(head == NULL);
	return 0;
}

GUEST_TEST(exec_keeps_and_resets)
{
	pid_t pid = fork();
	if (pid == 0) {
		static char stack[65536];
		stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
		sigset_t set;
		char number[16];
		signal(SIGUSR1, ignore_it);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGHUP);
		CHECK_EQ(sigaltstack(&ss, NULL), 0);
		umask(031);
		CHECK_EQ(chdir("/tmp"), 0);
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, 4), 0);
		CHECK_EQ(prctl(PR_SET_NAME, "before"), 0);
		CHECK_EQ(dup3(0, 10, 0), 10);
		CHECK_EQ(dup3(0, 11, O_CLOEXEC), 11);
		snprintf(number, sizeof(number), "%d", (int)getpid());
		char *argv[] = {"guest", "+kept", number, NULL};
		execve("/proc/self/exe", argv, no_environment);
		_exit(101);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

/* --- execveat. --- */

static int
run_at(int dirfd, const char *path, int flags)
{
	char *argv[] = {"sh", "-c", "exit 6", NULL};
	pid_t pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, dirfd, path, argv, no_environment, flags);
		_exit(errno);
	}
	return WEXITSTATUS(guest_reap(pid));
}

GUEST_TEST(execveat_names)
{
	int bin = open("/bin", O_RDONLY | O_DIRECTORY), sh = open("/bin/sh", O_RDONLY),
	    path = open("/bin/sh", O_PATH);
	CHECK(bin >= 0 && sh >= 0 && path >= 0);
	CHECK_EQ(run_at(bin, "sh", 0), 6);
	CHECK_EQ(run_at(AT_FDCWD, "/bin/sh", 0), 6);
	CHECK_EQ(run_at(-1, "/bin/sh", 0), 6);
	CHECK_EQ(run_at(sh, "", AT_EMPTY_PATH), 6);
	CHECK_EQ(run_at(path, "", AT_EMPTY_PATH), 6);
	CHECK_EQ(run_at(sh, "", 0), ENOENT);
	CHECK_EQ(run_at(bin, "", AT_EMPTY_PATH), EACCES);
	CHECK_EQ(run_at(-1, "sh", 0), EBADF);
	CHECK_EQ(run_at(sh, "sh", 0), ENOTDIR);
	CHECK_EQ(run_at(bin, "sh", 0x8000), EINVAL);
	CHECK_EQ(symlink("/bin/sh", "/tmp/sh-link"), 0);
	CHECK_EQ(run_at(AT_FDCWD, "/tmp/sh-link", 0), 6);
	CHECK_EQ(run_at(AT_FDCWD, "/tmp/sh-link", AT_SYMLINK_NOFOLLOW), ELOOP);
	CHECK_EQ(unlink("/tmp/sh-link"), 0);
	close(bin);
	close(sh);
	close(path);
}

/* A program that is being written does not run, one that runs is not written. */
GUEST_TEST(exec_text_busy)
{
	char name[] = "/tmp/busyXXXXXX", buf[65536], *argv[] = {name, "-c", "read x", NULL};
	int p[2], fd = mkstemp(name), in = open("/bin/sh", O_RDONLY);
	ssize_t n;
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(fd, buf, (size_t)n), n);
	CHECK_EQ(fchmod(fd, 0755), 0);
	CHECK_ERRNO(execve(name, argv, no_environment), ETXTBSY);
	close(fd);
	close(in);
	CHECK_EQ(pipe(p), 0);
	int started[2];
	CHECK_EQ(pipe2(started, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(p[0], 0);
		close(p[0]);
		close(p[1]);
		execve(name, argv, no_environment);
		_exit(101);
	}
	close(started[1]);
	char c;
	CHECK_EQ(read(started[0], &c, 1), 0);
	CHECK_ERRNO(open(name, O_WRONLY), ETXTBSY);
	CHECK_ERRNO(truncate(name, 0), ETXTBSY);
	CHECK(open(name, O_RDONLY) >= 0);
	close(p[1]);
	guest_reap(pid);
	fd = open(name, O_WRONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

/* exec one after the other in one process: nothing of the old ones stays. */
GUEST_HELPER(again)
{
	int left = atoi(argv[2]);
	char number[16], *next[] = {"guest", "+again", number, NULL};
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 1 << 20);
	if (left == 0)
		return 33;
	snprintf(number, sizeof(number), "%d", left - 1);
	execve("/proc/self/exe", next, no_environment);
	return 101;
}

GUEST_TEST(exec_again_and_again)
{
	char *argv[] = {"guest", "+again", "150", NULL};
	CHECK_EQ(WEXITSTATUS(run(argv, no_environment)), 33);
}
