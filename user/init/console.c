/* SPDX-License-Identifier: MIT */
/*
 * The console's process: login, started again whenever it ends; or, on a development image, the one command that the
 * kernel's command line gives as run="COMMAND", after which the machine powers off. With `selftest` there, that program
 * comes first, once.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cmdline.h"
#include "init/init.h"
#include "swos.h"

#define IMAGE_PATH "/proc/swos/image"

/* A login that ends this soon did not serve anybody; so many in a row are started again at once, later ones wait. */
#define QUICK_EXIT_MS 1000
#define QUICK_EXITS   5
#define RETRY_MS      10000

static char *command; /* of run=; NULL: login */
static bool selftest; /* comes first */
static pid_t pid;
static moment_t started_at, start_at;
static unsigned int quick_exits;
static bool reported_healthy;

static char *const login_env[] = {"PATH=/usr/bin:/bin", "TERM=vt220", NULL};
static char *const run_env[] = {"PATH=/usr/bin:/bin", "TERM=vt220", "HOME=/root", "USER=root",
	"LOGNAME=root", "SHELL=/bin/sh", NULL};

/* Whether the mounted base image says that it is a development image. What cannot be read says no. */
static bool
is_development_image(void)
{
	struct span text, rest, line;
	bool found = false;

	if (file_read(IMAGE_PATH, &text) < 0)
		return false;
	rest = text;
	while (!found && span_cut(&rest, '\n', &line))
		found = span_equal(line, "development yes");
	free((void *)(uintptr_t)text.text);
	return found;
}

/* The command that the kernel's command line wants to be run, or NULL. */
static char *
wanted_command(const char *line)
{
	size_t size = strlen(line) + 1;
	char *wanted = malloc(size);

	if (wanted != NULL && cmdline_get_string(line, "run", wanted, size) < 0) {
		free(wanted);
		return NULL;
	}
	return wanted;
}

void
console_init(void)
{
	struct span line;

	if (file_read("/proc/cmdline", &line) < 0)
		return;
	command = wanted_command(line.text);
	selftest = cmdline_has(line.text, "selftest");
	free((void *)(uintptr_t)line.text);
	if (command == NULL || is_development_image())
		return;
	say("run= is refused: the base image is not a development image");
	free(command);
	command = NULL;
}

static _Noreturn void
run_child(void)
{
	char *const login_argv[] = {"/sbin/login", NULL};
	char *const run_argv[] = {"/bin/sh", "-c", command, NULL};
	char *const selftest_argv[] = {"/sbin/selftest", NULL};

	child_prepare(CHILD_OWNS_CONSOLE);
	if (chdir("/") != 0)
		say("cannot change to /: %s", strerror(errno));
	if (selftest)
		child_exec(selftest_argv, run_env);
	if (command != NULL)
		child_exec(run_argv, run_env);
	child_exec(login_argv, login_env);
}

/* The first start means that the system is up. */
static void
report_healthy(void)
{
	if (reported_healthy)
		return;
	reported_healthy = true;
	if (swos_boot_healthy() != 0)
		say("cannot report a healthy start: %s", strerror(errno));
}

void
console_start_due(void)
{
	if (pid > 0 || now() < start_at)
		return;
	pid = fork();
	if (pid == 0)
		run_child();
	if (pid < 0) {
		say("cannot start a process for the console: %s", strerror(errno));
		start_at = now() + RETRY_MS;
		return;
	}
	started_at = now();
	report_healthy();
}

moment_t
console_deadline(void)
{
	return pid > 0 ? NEVER : start_at;
}

pid_t
console_pid(void)
{
	return pid;
}

static _Noreturn void
finish_run(int status)
{
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	dprintf(STDOUT_FILENO, "run: exit %d\n", code);
	power_down(RB_POWER_OFF);
}

bool
console_exited(pid_t who, int status)
{
	if (who != pid)
		return false;
	pid = 0;
	if (selftest) {
		selftest = false;
		start_at = now();
		return true;
	}
	if (command != NULL)
		finish_run(status);
	quick_exits = now() - started_at < QUICK_EXIT_MS ? quick_exits + 1 : 0;
	start_at = quick_exits > QUICK_EXITS ? now() + RETRY_MS : now();
	return true;
}
