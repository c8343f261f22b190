/* SPDX-License-Identifier: MIT */
/* Taking the system down: every process is asked, then ended; then everything is written back. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init/init.h"

#define GOING_DOWN "/run/going-down" /* who is asked to end may look whether everything does */
#define ASK_MS     5000              /* how long processes may take over SIGTERM */
#define KILL_MS    2000

/* Waits until there are no children left; orphans become init's, so then there is nobody. Returns false if late. */
static bool
wait_for_all(moment_t patience)
{
	moment_t deadline = now() + patience;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t pid;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return true;
		moment_t left = deadline - now();
		if (left <= 0)
			return false;
		struct timespec timeout = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
		sigtimedwait(&child, NULL, &timeout);
	}
}

static const char *
verb(int command)
{
	if (command == (int)RB_POWER_OFF)
		return "powering off";
	return command == (int)RB_HALT_SYSTEM ? "halting" : "restarting";
}

void
power_down(int command)
{
	say("%s", verb(command));
	int down = open(GOING_DOWN, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	if (down >= 0)
		close(down);
	kill(-1, SIGTERM);
	/* An interactive shell disregards SIGTERM; losing its terminal is what ends it. */
	if (console_pid() > 0)
		kill(console_pid(), SIGHUP);
	kill(-1, SIGCONT);
	if (!wait_for_all(ASK_MS)) {
		kill(-1, SIGKILL);
		if (!wait_for_all(KILL_MS))
			say("some processes could not be ended");
	}
	sync();
	reboot(command);
	say("%s failed: %s", verb(command), strerror(errno));
	for (;;)
		pause();
}
