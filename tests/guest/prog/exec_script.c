/* SPDX-License-Identifier: MIT */
/* Scripts: the line that names an interpreter. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static char script[] = "/tmp/guest-script";

static void
make(const char *path, const char *text, size_t n)
{
	unlink(path);
	int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0755);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, n), (ssize_t)n);
	close(fd);
}

/* Runs it with two arguments; its exit status, or the negative errno. */
static int
run(const char *path)
{
	int p[2], err = 0;
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = {"name", "9", "two", NULL}, *envp[] = {NULL};
		execve(path, argv, envp);
		(void)!write(p[1], &errno, sizeof(errno));
		_exit(0);
	}
	close(p[1]);
	(void)!read(p[0], &err, sizeof(err));
	close(p[0]);
	int status = guest_reap(pid);
	return err != 0 ? -err : WIFEXITED(status) ? WEXITSTATUS(status) : -1000;
}

static int
run_text(const char *text)
{
	make(script, text, strlen(text));
	int r = run(script);
	CHECK_EQ(unlink(script), 0);
	return r;
}

GUEST_TEST(script_runs)
{
	CHECK_EQ(run_text("#!/bin/sh\nexit $1\n"), 9);
	CHECK_EQ(run_text("#!/bin/sh\ntest $# = 2 && test $0 = /tmp/guest-script && exit 3\n"), 3);
	CHECK_EQ(run_text("#!  \t /bin/sh  \t \nexit 4\n"), 4);
	CHECK_EQ(run_text("#!/bin/sh -e\nfalse\nexit 5\n"), 1);
}

GUEST_HELPER(option)
{
	return 45;
}

GUEST_TEST(script_option_is_one_argument)
{
	/* "+option a b" is no helper's name: the program says 126. */
	CHECK_EQ(run_text("#!/tests/guest +option a b \n"), 126);
	CHECK_EQ(run_text("#!/tests/guest +option \n"), 45);
}

GUEST_TEST(script_errors)
{
	CHECK_EQ(run_text("#!\n"), -ENOEXEC);
	CHECK_EQ(run_text("#!   \t\n"), -ENOEXEC);
	CHECK_EQ(run_text("#"), -ENOEXEC);
	CHECK_EQ(run_text(""), -ENOEXEC);
	CHECK_EQ(run_text("exit 0\n"), -ENOEXEC);
	CHECK_EQ(run_text("#!/no/such/interpreter\n"), -ENOENT);
	CHECK_EQ(run_text("#!/etc/motd\n"), -EACCES);
	CHECK_EQ(run_text("#!/tmp\n"), -EACCES);
	make(script, "#!/bin/sh\n", 10);
	CHECK_EQ(chmod(script, 0644), 0);
	CHECK_EQ(run(script), -EACCES);
	CHECK_EQ(unlink(script), 0);
}

/* The line may end with the file, and must end within 255 bytes. */
GUEST_TEST(script_line_length)
{
	char line[400];
	CHECK_EQ(run_text("#!/bin/true"), 0);
	memset(line, ' ', sizeof(line));
	memcpy(line, "#!", 2);
	memcpy(line + 300, "/bin/sh\nexit 1\n", 16);
	CHECK_EQ(run_text(line), -ENOEXEC);
	memset(line, 'a', sizeof(line));
	memcpy(line, "#!/", 3);
	strcpy(line + 390, "\n");
	CHECK_EQ(run_text(line), -ENOEXEC); /* a name that is cut off is not tried */
	memset(line, ' ', sizeof(line));
	memcpy(line, "#!/bin/true", 11);
	strcpy(line + 390, "\n");
	CHECK_EQ(run_text(line), 0); /* only blanks are cut off */
}

/* Interpreters may be scripts, to a depth. */
GUEST_TEST(script_nesting)
{
	char name[32], text[64];
	int deepest = 0;
	for (int depth = 0; depth < 8; depth++) {
		if (depth == 0)
			snprintf(text, sizeof(text), "#!/tests/guest +nested\n");
		else
			snprintf(text, sizeof(text), "#!/tmp/nested%d opt%d\n", depth - 1, depth);
		snprintf(name, sizeof(name), "/tmp/nested%d", depth);
		make(name, text, strlen(text));
	}
	for (int depth = 0; depth < 8; depth++) {
		snprintf(name, sizeof(name), "/tmp/nested%d", depth);
		int r = run(name);
		if (r == -ELOOP)
			break;
		CHECK_EQ(r, 50 + depth);
		deepest = depth;
	}
	CHECK(deepest >= 3 && deepest <= 5);
	for (int depth = 0; depth < 8; depth++) {
		snprintf(name, sizeof(name), "/tmp/nested%d", depth);
		CHECK_EQ(unlink(name), 0);
	}
}

/* Arguments: guest +nested /tmp/nested0 [optN /tmp/nestedN]… 9 two. */
GUEST_HELPER(nested)
{
	int depth = 0;
	CHECK(strcmp(argv[2], "/tmp/nested0") == 0);
	for (int i = 3; i + 2 < argc; i += 2) {
		char option[16], name[32];
		depth++;
		snprintf(option, sizeof(option), "opt%d", depth);
		snprintf(name, sizeof(name), "/tmp/nested%d", depth);
		CHECK(strcmp(argv[i], option) == 0 && strcmp(argv[i + 1], name) == 0);
	}
	CHECK(strcmp(argv[argc - 2], "9") == 0 && strcmp(argv[argc - 1], "two") == 0);
	return 50 + depth;
}

GUEST_TEST(script_that_is_its_own_interpreter)
{
	make(script, "#!/tmp/guest-script\n", 20);
	CHECK_EQ(run(script), -ELOOP);
	CHECK_EQ(unlink(script), 0);
}

/* By a descriptor the interpreter gets /dev/fd/N, which must outlive exec. */
GUEST_TEST(script_by_descriptor)
{
	if (access("/dev/fd", F_OK) != 0 && !guest_is_swos())
		return;
	for (int cloexec = 0; cloexec < 2; cloexec++) {
		make(script, "#!/bin/sh\nexit 8\n", 17);
		pid_t pid = fork();
		if (pid == 0) {
			int fd = open(script, O_RDONLY | (cloexec ? O_CLOEXEC : 0));
			char *argv[] = {"x", NULL}, *envp[] = {NULL};
			syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
			_exit(errno);
		}
		CHECK_EQ(WEXITSTATUS(guest_reap(pid)), cloexec ? ENOENT : 8);
		CHECK_EQ(unlink(script), 0);
	}
}

/* A shell runs what has no such line itself. */
GUEST_TEST(script_without_line_in_shell)
{
	make(script, "exit 17\n", 8);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "/tmp/guest-script", (char *)NULL);
		_exit(127);
	}
	CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 17);
	CHECK_EQ(unlink(script), 0);
}
