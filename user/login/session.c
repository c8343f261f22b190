/* SPDX-License-Identifier: MIT */
/* From an authenticated principal to its shell. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "login/login.h"
#include "swos.h"

#define GROUP_PATH "/etc/swos/group"
#define MOTD_PATH  "/etc/motd"
#define PATH       "PATH=/usr/bin:/bin"

/* What the shell starts with, copied out of the store's spans. */
struct session {
	char name[IDENTITY_NAME_MAX + 1];
	char home[PATH_MAX];
	char shell[PATH_MAX];
	char argv0[NAME_MAX + 2]; /* "-bash": what tells a shell that it is a login shell */
};

static int
session_fill(struct session *s, const struct identity *id)
{
	int err = span_copy(id->name, s->name, sizeof(s->name));
	if (err == 0)
		err = span_copy(id->home, s->home, sizeof(s->home));
	if (err == 0)
		err = span_copy(id->shell, s->shell, sizeof(s->shell));
	if (err == 0)
		snprintf(s->argv0, sizeof(s->argv0), "-%.*s", NAME_MAX, strrchr(s->shell, '/') + 1);
	return err;
}

static bool
is_member(char *const *members, const char *name)
{
	for (; *members != NULL; members++) {
		if (strcmp(*members, name) == 0)
			return true;
	}
	return false;
}

/* The principal's own group and those of GROUP_PATH that list it. Returns 0 or -1 with errno. */
static int
set_groups(const char *name, gid_t own)
{
	size_t count = 1, room = 1;
	gid_t *groups = malloc(sizeof(*groups));
	FILE *f = fopen(GROUP_PATH, "re");
	struct group *g;

	if (groups != NULL)
		groups[0] = own;
	while (groups != NULL && f != NULL && (g = fgetgrent(f)) != NULL) {
		if (!is_member(g->gr_mem, name) || g->gr_gid == own)
			continue;
		if (count == room) {
			gid_t *grown = reallocarray(groups, room *= 2, sizeof(*groups));
			if (grown == NULL)
				free(groups);
			groups = grown;
		}
		if (groups != NULL)
			groups[count++] = g->gr_gid;
	}
	if (f != NULL)
		fclose(f);
	int result = groups == NULL ? -1 : setgroups(count, groups);
	free(groups);
	return result;
}

static void
show_motd(void)
{
	char block[512];
	ssize_t got;
	int fd = open(MOTD_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while ((got = read(fd, block, sizeof(block))) > 0) {
		if (write(STDOUT_FILENO, block, (size_t)got) != got)
			break;
	}
	close(fd);
}

static void
set_environment(const struct session *s)
{
	const char *terminal = getenv("TERM");
	static char term[64] = "TERM=vt220";

	if (terminal != NULL)
		snprintf(term, sizeof(term), "TERM=%s", terminal);
	clearenv();
	putenv(term);
	putenv(PATH);
	setenv("HOME", s->home, 1);
	setenv("USER", s->name, 1);
	setenv("LOGNAME", s->name, 1);
	setenv("SHELL", s->shell, 1);
}

/* Signals that login disregards while it asks would stay disregarded in everything that the shell starts. */
static void
restore_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGTSTP, SIG_DFL);
}

/* Returns 0 or -1 with errno. After the security context has changed, nothing can be asked of root's rights. */
static int
become(const struct session *s, const struct identity *id)
{
	struct swos_login login = {
		.size = sizeof(login),
		.uid = id->uid,
		.gid = id->gid,
		.session = id->session,
		.caps = id->caps,
	};
	if (set_groups(s->name, id->gid) != 0)
		return -1;
	return swos_login(&login);
}

void
session_start(const struct identity *id)
{
	static struct session s;
	char *argv[] = {s.argv0, NULL};

	if (session_fill(&s, id) < 0) {
		dprintf(STDERR_FILENO, "login: the identity store's paths are too long\n");
		return;
	}
	/* A terminal without an owner of its own stays as it is. */
	if (fchown(STDIN_FILENO, id->uid, id->gid) == 0)
		fchmod(STDIN_FILENO, 0600);
	show_motd();
	/* Done with login's rights: a principal without FSREAD could not get to its home. */
	if (chdir(s.home) != 0 && chdir("/") != 0)
		dprintf(STDERR_FILENO, "login: cannot change to /: %s\n", strerror(errno));
	set_environment(&s);
	if (become(&s, id) != 0) {
		dprintf(STDERR_FILENO, "login: cannot become %s: %s\n", s.name, strerror(errno));
		return;
	}
	restore_signals();
	execv(s.shell, argv);
	dprintf(STDERR_FILENO, "login: cannot run %s: %s\n", s.shell, strerror(errno));
}
