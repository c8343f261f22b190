/* SPDX-License-Identifier: MIT */
/*
 * id: who the caller, or a named user, is: Linux's ids, and the caller's principal, session and capabilities.
 *
 * Exit status: 0; 1 if a user is unknown or the context cannot be read; 2 for wrong usage.
 */

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity/identity.h"
#include "swos.h"

#define GROUP_PATH "/etc/group"

enum { EXIT_UNKNOWN = 1, EXIT_USAGE = 2 };

enum what { WHAT_ALL, WHAT_UID, WHAT_GID, WHAT_GROUPS };

struct options {
	enum what what;
	bool names; /* -n */
	bool real;  /* -r */
	const char *user;
};

struct ids {
	uid_t uid, euid;
	gid_t gid, egid;
	gid_t *groups;
	int group_count;
};

static void
usage(FILE *to)
{
	fputs("usage: id [-u | -g | -G] [-n] [-r] [USER]\n"
	      "Shows user and group ids, and for the caller the principal, the session and the "
	      "capabilities.\n"
	      "  -u  only the effective user id    -g  only the effective group id\n"
	      "  -G  only the group ids            -n  names instead of numbers, with -u, -g or "
	      "-G\n"
	      "  -r  real ids instead of effective ones, with -u, -g or -G\n",
		to);
}

static struct options
parse(int argc, char *argv[])
{
	struct options o = {0};
	int c;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		exit(0);
	}
	while ((c = getopt(argc, argv, "ugGnr")) != -1) {
		switch (c) {
		case 'u':
			o.what = WHAT_UID;
			break;
		case 'g':
			o.what = WHAT_GID;
			break;
		case 'G':
			o.what = WHAT_GROUPS;
			break;
		case 'n':
			o.names = true;
			break;
		case 'r':
			o.real = true;
			break;
		default:
			usage(stderr);
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind > 1 || (o.what == WHAT_ALL && (o.names || o.real))) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
	o.user = argv[optind];
	return o;
}

static struct ids
ids_of_caller(void)
{
	struct ids ids = {getuid(), geteuid(), getgid(), getegid(), NULL, 0};
	int count = getgroups(0, NULL);

	if (count < 0)
		err(EXIT_UNKNOWN, "groups");
	ids.groups = calloc((size_t)count + 1, sizeof(*ids.groups));
	if (ids.groups == NULL)
		err(EXIT_UNKNOWN, NULL);
	ids.group_count = getgroups(count, ids.groups);
	if (ids.group_count < 0)
		err(EXIT_UNKNOWN, "groups");
	return ids;
}

static void
add_group(struct ids *ids, gid_t gid)
{
	gid_t *grown = reallocarray(ids->groups, (size_t)ids->group_count + 1, sizeof(*grown));
	if (grown == NULL)
		err(EXIT_UNKNOWN, NULL);
	ids->groups = grown;
	ids->groups[ids->group_count++] = gid;
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

static struct ids
ids_of_user(const char *name)
{
	struct passwd *p = getpwnam(name);
	if (p == NULL)
		errx(EXIT_UNKNOWN, "%s: no such user", name);
	struct ids ids = {p->pw_uid, p->pw_uid, p->pw_gid, p->pw_gid, NULL, 0};
	struct group *g;
	FILE *f = fopen(GROUP_PATH, "re");

	/* Not getgrouplist(), which gives up where it can ask no name service. */
	add_group(&ids, p->pw_gid);
	if (f == NULL)
		err(EXIT_UNKNOWN, GROUP_PATH);
	while ((g = fgetgrent(f)) != NULL) {
		if (g->gr_gid != p->pw_gid && is_member(g->gr_mem, name))
			add_group(&ids, g->gr_gid);
	}
	fclose(f);
	return ids;
}

static const char *
user_name(uid_t uid)
{
	struct passwd *p = getpwuid(uid);
	return p == NULL ? NULL : p->pw_name;
}

static const char *
group_name(gid_t gid)
{
	struct group *g = getgrgid(gid);
	return g == NULL ? NULL : g->gr_name;
}

/* "label=0(root)", or without the parentheses where the id has no name. */
static void
show_id(const char *label, unsigned int id, const char *name)
{
	printf("%s%u", label, id);
	if (name != NULL)
		printf("(%s)", name);
}

static void
show_number_or_name(unsigned int id, const char *name, bool names)
{
	if (names && name != NULL)
		fputs(name, stdout);
	else
		printf("%u", id);
}

static bool
holds(const struct ids *ids, gid_t gid)
{
	for (int i = 0; i < ids->group_count; i++) {
		if (ids->groups[i] == gid)
			return true;
	}
	return false;
}

static void
show_groups(const struct ids *ids, const struct options *o)
{
	gid_t own = o->real ? ids->gid : ids->egid;

	show_number_or_name(own, group_name(own), o->names);
	for (int i = 0; i < ids->group_count; i++) {
		if (ids->groups[i] == own)
			continue;
		putchar(' ');
		show_number_or_name(ids->groups[i], group_name(ids->groups[i]), o->names);
	}
}

static void
show_linux_ids(const struct ids *ids)
{
	const char *separator = " groups=";

	show_id("uid=", ids->uid, user_name(ids->uid));
	show_id(" gid=", ids->gid, group_name(ids->gid));
	if (ids->euid != ids->uid)
		show_id(" euid=", ids->euid, user_name(ids->euid));
	if (ids->egid != ids->gid)
		show_id(" egid=", ids->egid, group_name(ids->egid));
	if (!holds(ids, ids->egid)) {
		show_id(separator, ids->egid, group_name(ids->egid));
		separator = ",";
	}
	for (int i = 0; i < ids->group_count; i++) {
		show_id(separator, ids->groups[i], group_name(ids->groups[i]));
		separator = ",";
	}
}

static void
show_context(void)
{
	struct swos_context context = {.size = sizeof(context)};
	char caps[512];

	if (swos_context(&context) != 0) {
		fflush(stdout);
		err(EXIT_UNKNOWN, "cannot read the security context");
	}
	if (identity_format_caps(context.caps, caps, sizeof(caps)) < 0)
		errx(EXIT_UNKNOWN, "the capabilities' names are too long");
	show_id(" principal=", context.principal, user_name(context.principal));
	printf(" session=%" PRIu32 " caps=%s", context.session, caps);
}

int
main(int argc, char *argv[])
{
	struct options o = parse(argc, argv);
	struct ids ids = o.user != NULL ? ids_of_user(o.user) : ids_of_caller();
	uid_t uid = o.real ? ids.uid : ids.euid;
	gid_t gid = o.real ? ids.gid : ids.egid;

	switch (o.what) {
	case WHAT_UID:
		show_number_or_name(uid, user_name(uid), o.names);
		break;
	case WHAT_GID:
		show_number_or_name(gid, group_name(gid), o.names);
		break;
	case WHAT_GROUPS:
		show_groups(&ids, &o);
		break;
	default:
		show_linux_ids(&ids);
		if (o.user == NULL)
			show_context();
	}
	putchar('\n');
	free(ids.groups);
	if (fflush(stdout) != 0)
		err(EXIT_UNKNOWN, "standard output");
	return 0;
}
