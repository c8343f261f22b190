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
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
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

/* Waits for a signal without a word from services: all that there is when memory or descriptors have run out. */
static int
next_signal_alone(moment_t deadline)
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

/* Sleeps until a signal, a service's word or the deadline. Returns the signal, or 0. */
static int
next_signal(moment_t deadline)
{
	size_t words = services_words(NULL);
	struct pollfd *fds = words == 0 ? NULL : calloc(words + 1, sizeof(*fds));
	int signals = fds == NULL ? -1 : signalfd(-1, &init_signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		free(fds);
		return next_signal_alone(deadline);
	}
	fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	services_words(fds + 1);
	moment_t left = deadline - now();
	poll(fds, words + 1, deadline == NEVER ? -1 : left < 0 ? 0 : (int)left);
	struct signalfd_siginfo info;
	ssize_t got = read(signals, &info, sizeof(info));
	close(signals);
	free(fds);
	services_read_words();
	return got == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
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
		moment_t hold = services_hold_until();
		if (hold == 0)
			console_start_due();
		moment_t services = services_deadline();
		moment_t console = hold != 0 ? hold : console_deadline();
		handle(next_signal(services < console ? services : console));
	}
}
