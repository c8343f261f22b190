/* SPDX-License-Identifier: MIT */
/*
 * The generated files that /etc links to. passwd and group are views of the identity store for programs that want
 * names; nothing reads them to decide anything.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"

#define GROUP_PATH    "/etc/swos/group"
#define HOSTNAME_PATH "/etc/swos/hostname"

static FILE *
create(const char *path)
{
	FILE *f = fopen(path, "we");
	if (f == NULL)
		say("cannot write %s: %s", path, strerror(errno));
	else
		fchmod(fileno(f), 0644);
	return f;
}

static void
finish(FILE *f, const char *path)
{
	bool failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed)
		say("cannot write %s", path);
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = create(path);
	if (f == NULL)
		return;
	fputs(text, f);
	finish(f, path);
}

static void
put_span(struct span s, FILE *f)
{
	fwrite(s.text, 1, s.len, f);
}

static void
write_passwd(struct span store)
{
	static const char path[] = "/run/etc/passwd";
	struct identity id;
	FILE *f = create(path);

	if (f == NULL)
		return;
	while (identity_next(&store, &id) > 0) {
		put_span(id.name, f);
		fprintf(f, ":x:%u:%u:", id.uid, id.gid);
		put_span(id.name, f);
		fputc(':', f);
		put_span(id.home, f);
		fputc(':', f);
		put_span(id.shell, f);
		fputc('\n', f);
	}
	finish(f, path);
}

/* A group for each principal's own gid, and those of GROUP_PATH. */
static void
write_group(struct span store)
{
	static const char path[] = "/run/etc/group";
	struct identity id;
	struct span more;
	FILE *f = create(path);

	if (f == NULL)
		return;
	while (identity_next(&store, &id) > 0) {
		put_span(id.name, f);
		fprintf(f, ":x:%u:\n", id.gid);
	}
	if (file_read(GROUP_PATH, &more) == 0) {
		put_span(more, f);
		free((void *)(uintptr_t)more.text);
	}
	finish(f, path);
}

/* The home of a principal who can log in, where it is missing. Homes that the image holds are left alone. */
static void
make_home(const struct identity *id)
{
	char path[PATH_MAX];

	if (span_equal(id->hash, "!") || span_copy(id->home, path, sizeof(path)) < 0)
		return;
	if (mkdir(path, 0700) != 0)
		return;
	if (chown(path, id->uid, id->gid) != 0)
		say("cannot give %s to its owner: %s", path, strerror(errno));
}

static void
write_identities(void)
{
	struct span store, rest;
	struct identity id;
	int err = file_read(IDENTITY_PATH, &store);

	if (err < 0) {
		say("cannot read %s: %s", IDENTITY_PATH, strerror(-err));
		return;
	}
	write_passwd(store);
	write_group(store);
	rest = store;
	while ((err = identity_next(&rest, &id)) > 0)
		make_home(&id);
	if (err < 0)
		say("%s has a malformed line: nothing behind it counts", IDENTITY_PATH);
	free((void *)(uintptr_t)store.text);
}

static void
write_hostname(void)
{
	char name[HOST_NAME_MAX + 1] = "swos";
	char hosts[256];
	struct span text, line = {0};

	if (file_read(HOSTNAME_PATH, &text) == 0) {
		struct span rest = text;
		span_cut(&rest, '\n', &line);
		if (span_trim(line).len > 0 && span_copy(span_trim(line), name, sizeof(name)) < 0)
			say("%s: the name is too long", HOSTNAME_PATH);
		free((void *)(uintptr_t)text.text);
	}
	if (name[0] != '\0' && sethostname(name, strlen(name)) != 0)
		say("cannot set the host name: %s", strerror(errno));
	snprintf(hosts, sizeof(hosts),
		"127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost\n", name);
	write_text("/run/etc/hosts", hosts);
	snprintf(hosts, sizeof(hosts), "%s\n", name);
	write_text("/run/etc/hostname", hosts);
}

void
etc_write_all(void)
{
	write_hostname();
	write_text("/run/etc/resolv.conf", "");
	if (symlink("/proc/self/mounts", "/run/etc/mtab") != 0 && errno != EEXIST)
		say("cannot link /run/etc/mtab: %s", strerror(errno));
	write_identities();
}
