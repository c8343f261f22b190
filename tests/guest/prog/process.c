/* SPDX-License-Identifier: MIT */
/* Processes: fork, exec, wait, exit, groups, sessions. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

GUEST_TEST(fork_exit_status)
{
	for (int code = 0; code < 256; code += 51) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(code);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
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
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
}

GUEST_TEST(fork_copies_memory)
{
	static int value = 1;
	volatile int local = 2;
	pid_t pid = fork();
	if (pid == 0) {
		value = 10;
		local = 20;
		_exit(value == 10 && local == 20 ? 0 : 1);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(local, 2);
}

GUEST_TEST(live_processes)
{
	enum { N = 200 };
	static pid_t pid[N];
	int p[2];
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			char c;
			close(p[1]);
			_exit(read(p[0], &c, 1) == 0 ? i & 127 : 200);
		}
	}
	close(p[1]);
	for (int i = 0; i < N; i++) {
		int status;
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(WEXITSTATUS(status), i & 127);
	}
	close(p[0]);
}

GUEST_TEST(orphans_go_to_init)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				sched_yield();
			pid_t parent = getppid();
			(void)!write(p[1], &parent, sizeof(parent));
			_exit(0);
		}
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	close(p[1]);
	pid_t parent = 0;
	CHECK_EQ(read(p[0], &parent, sizeof(parent)), sizeof(parent));
	CHECK_EQ(parent, 1);
	close(p[0]);
}

GUEST_TEST(exec_self)
{
	pid_t pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "guest", "no-such-test", (char *)NULL);
		_exit(127);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(exec_errors)
{
	char *argv[] = {"x", NULL};
	CHECK_ERRNO(execve("/no/such/file", argv, NULL), ENOENT);
	CHECK_ERRNO(execve("/etc", argv, NULL), EACCES);
	CHECK_ERRNO(execve("/etc/motd", argv, NULL), EACCES);
	CHECK_ERRNO(execve("", argv, NULL), ENOENT);
	CHECK_ERRNO(execve("/etc/motd/x", argv, NULL), ENOTDIR);
}

GUEST_TEST(exec_closes_cloexec)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(127);
	}
	close(p[1]);
	char c;
	CHECK_EQ(read(p[0], &c, 1), 0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 7);
	close(p[0]);
}

GUEST_TEST(exec_passes_environment)
{
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = {"sh", "-c", "test \"$SOME_NAME\" = 'some value' && test $# = 2 && test \"$2\" = two", "one",
			"1", "two", NULL};
		char *envp[] = {"SOME_NAME=some value", NULL};
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(exec_script)
{
	int fd = open("/tmp/script", O_CREAT | O_WRONLY | O_TRUNC, 0755);
	const char text[] = "#!/bin/sh\nexit $1\n";
	CHECK_EQ(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/tmp/script", "script", "9", (char *)NULL);
		_exit(127);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 9);
	CHECK_EQ(unlink("/tmp/script"), 0);
}

GUEST_TEST(vfork_shares_memory)
{
	static volatile int value;
	value = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		value = 5;
		_exit(0);
	}
	CHECK_EQ(value, 5);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

GUEST_TEST(wait_options)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(p[1]);
		(void)!read(p[0], &c, 1);
		_exit(3);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	close(p[1]);
	siginfo_t info;
	memset(&info, 0, sizeof(info));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, 3);
	CHECK_EQ(info.si_code, CLD_EXITED);
	struct rusage usage;
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	close(p[0]);
}

GUEST_TEST(groups_and_sessions)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (setsid() != getpid() || getpgrp() != getpid() || getsid(0) != getpid())
			_exit(1);
		if (setpgid(0, 0) != -1 || errno != EPERM)
			_exit(2);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERRNO(setpgid(1 << 21, 0), ESRCH);
	CHECK_ERRNO(getpgid(1 << 21), ESRCH);
}
