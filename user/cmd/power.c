/* SPDX-License-Identifier: MIT */
/*
 * reboot, poweroff, halt, shutdown: one program under four names. They ask init, by the signal that means each, to take
 * the system down in order; with -f they do not ask.
 *
 * Exit status: 0 once asked; 1 if that is not permitted or fails; 2 for wrong usage.
 */

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct action {
	const char *name;
	int init_signal;
	unsigned int command; /* of reboot(2) */
};

static const struct action actions[] = {
	{"reboot", SIGTERM, RB_AUTOBOOT},
	{"poweroff", SIGUSR2, RB_POWER_OFF},
	{"halt", SIGUSR1, RB_HALT_SYSTEM},
};

enum { REBOOT, POWEROFF, HALT };

struct request {
	const struct action *action;
	bool force;
};

static void
usage(FILE *to, const char *name)
{
	if (strcmp(name, "shutdown") == 0)
		fputs("usage: shutdown [-P | -h | -r | -H] [-f] [now]\n"
		      "Takes the system down now: -P and -h power it off (as without an option), "
		      "-r restarts it,\n"
		      "-H halts it. -f does not ask init: nothing is stopped in order.\n",
			to);
	else
		fprintf(to,
			"usage: %s [-f]\n"
			"Takes the system down in order. -f does not ask init: nothing is stopped "
			"in order.\n",
			name);
}

static _Noreturn void
wrong_usage(const char *name)
{
	usage(stderr, name);
	exit(EXIT_USAGE);
}

static const struct action *
action_named(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(name, actions[i].name) == 0)
			return &actions[i];
	}
	return NULL;
}

/* The only time that is taken is now, in its usual spellings. */
static bool
means_now(const char *when)
{
	return strcmp(when, "now") == 0 || strcmp(when, "+0") == 0 || strcmp(when, "0") == 0;
}

static struct request
parse_shutdown(int argc, char *argv[])
{
	struct request r = {.action = &actions[POWEROFF]};
	int c;

	while ((c = getopt(argc, argv, "PhrHf")) != -1) {
		switch (c) {
		case 'P':
		case 'h':
			r.action = &actions[POWEROFF];
			break;
		case 'r':
			r.action = &actions[REBOOT];
			break;
		case 'H':
			r.action = &actions[HALT];
			break;
		case 'f':
			r.force = true;
			break;
		default:
			wrong_usage("shutdown");
		}
	}
	if (argc - optind > 1 || (argc - optind == 1 && !means_now(argv[optind])))
		wrong_usage("shutdown");
	return r;
}

static struct request
parse_plain(const char *name, int argc, char *argv[])
{
	struct request r = {.action = action_named(name)};
	int c;

	if (r.action == NULL) {
		fprintf(stderr, "%s: call it as reboot, poweroff, halt or shutdown\n", name);
		exit(EXIT_USAGE);
	}
	while ((c = getopt(argc, argv, "f")) != -1) {
		if (c != 'f')
			wrong_usage(name);
		r.force = true;
	}
	if (optind != argc)
		wrong_usage(name);
	return r;
}

/* errno says why. */
static _Noreturn void
refused(const char *what)
{
	if (errno == EPERM)
		errx(EXIT_REFUSED, "%s: %s; log in as root to do that", what, strerror(errno));
	err(EXIT_REFUSED, "%s", what);
}

int
main(int argc, char *argv[])
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash == NULL ? argv[0] : slash + 1;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout, name);
		return 0;
	}
	struct request r = strcmp(name, "shutdown") == 0 ? parse_shutdown(argc, argv)
							 : parse_plain(name, argc, argv);
	if (r.force) {
		sync();
		reboot((int)r.action->command);
		refused(r.action->name);
	}
	if (kill(1, r.action->init_signal) != 0)
		refused("cannot ask init");
	return 0;
}
