/* SPDX-License-Identifier: MIT */
/* What a forked child does before it becomes another program. */

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init/init.h"
#include "swos.h"

#define EXIT_CANNOT_RUN 127

void
child_prepare(enum child_terminal terminal)
{
	sigprocmask(SIG_UNBLOCK, &init_signals, NULL);
	if (setsid() < 0) {
		say("cannot start a session: %s", strerror(errno));
		_exit(EXIT_CANNOT_RUN);
	}
	/* A console that is no terminal, or is another session's still, can be read and written all the same. */
	if (terminal == CHILD_OWNS_CONSOLE)
		ioctl(STDIN_FILENO, TIOCSCTTY, 1);
}

void
child_exec(char *const argv[], char *const env[])
{
	execve(argv[0], argv, env);
	say("cannot run %s: %s", argv[0], strerror(errno));
	_exit(EXIT_CANNOT_RUN);
}

int
child_become(const struct identity *id, uint64_t caps)
{
	gid_t group = id->gid;
	struct swos_login login = {
		.size = sizeof(login),
		.uid = id->uid,
		.gid = id->gid,
		.session = id->session,
		.caps = id->caps & caps,
	};
	if (setgroups(1, &group) != 0)
		return -1;
	return swos_login(&login);
}
