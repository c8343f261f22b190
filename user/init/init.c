/* SPDX-License-Identifier: MIT */
/*
 * init: brings the system up, keeps services and the console's login running, reaps orphans, and takes the system down
 * on SIGTERM (restart), SIGINT (restart), SIGUSR1 (halt) and SIGUSR2 (power off), the signals that the usual reboot,
 * halt and poweroff commands send.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init/init.h"

sigset_t init_signals;
static int say_to = STDERR_FILENO;

void
say_keep_console(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd >= 0)
		say_to = fd;
}

void
say(const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	dprintf(say_to, "init: %s\n", line);
}

moment_t
now(void)
{
	struct timespec t = {0};
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (moment_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
block_signals(void)
{
	sigemptyset(&init_signals);
	sigaddset(&init_signals, SIGCHLD);
	sigaddset(&init_signals, SIGTERM);
	sigaddset(&init_signals, SIGINT);
	sigaddset(&init_signals, SIGUSR1);
	sigaddset(&init_signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &init_signals, NULL);
}

/* Sleeps until a signal or the deadline. Returns the signal, or 0. */
static int
next_signal(moment_t deadline)
{
	if (deadline == NEVER)
		return sigwaitinfo(&init_signals, NULL);
	moment_t left = deadline - now();
	if (left < 0)
		left = 0;
	struct timespec timeout = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
	int number = sigtimedwait(&init_signals, NULL, &timeout);
	return number < 0 ? 0 : number;
}

/* One SIGCHLD may stand for many children. */
static void
reap(void)
{
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (!console_exited(pid, status))
			services_exited(pid, status);
	}
}

static void
handle(int number)
{
	switch (number) {
	case SIGCHLD:
		reap();
		break;
	case SIGTERM:
	case SIGINT:
		power_down(RB_AUTOBOOT);
	case SIGUSR1:
		power_down((int)RB_HALT_SYSTEM);
	case SIGUSR2:
		power_down(RB_POWER_OFF);
	default:
		break;
	}
}

int
main(int argc, char *argv[])
{
	if (getpid() != 1) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
		dprintf(help ? STDOUT_FILENO : STDERR_FILENO,
			"init is the first process and is started by the kernel alone.\n"
			"Use reboot, poweroff, halt or shutdown to take the system down.\n");
		return help ? 0 : 1;
	}
	block_signals();
	boot_open_console();
	boot_mount_all();
	etc_write_all();
	console_init();
	services_load();
	for (;;) {
		services_start_due();
		console_start_due();
		moment_t services = services_deadline(), console = console_deadline();
		handle(next_signal(services < console ? services : console));
	}
}
