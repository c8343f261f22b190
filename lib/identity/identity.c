/* SPDX-License-Identifier: MIT */
/* The identity store's parser. See identity.h. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "identity/identity.h"

enum { NAME, UID, GID, SESSION, CAPS, HASH, HOME, SHELL, FIELDS };

static bool
is_name(struct span s)
{
	if (s.len == 0 || s.len > IDENTITY_NAME_MAX || s.text[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.text[i];
		bool letter = (c >= 'a' && c <= 'z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (!letter && !(i > 0 && later))
			return false;
	}
	return true;
}

/* Whether all bytes are printable: nothing here may carry control characters to a terminal or a generated file. */
static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.text[i];
		if (c < 0x21 || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_path(struct span s)
{
	return s.len > 0 && s.text[0] == '/' && is_printable(s);
}

static bool
is_hash(struct span s)
{
	static const char prefix[] = "$argon2id$";
	size_t len = sizeof(prefix) - 1;
	if (span_equal(s, "!"))
		return true;
	return s.len > len && memcmp(s.text, prefix, len) == 0 && is_printable(s);
}

static int
read_id(struct span s, uint32_t *out)
{
	uint64_t value = 0;
	int err = span_number(s, IDENTITY_NO_ID - 1, &value);
	*out = (uint32_t)value;
	return err;
}

/* Splits a line at its colons. Returns -EINVAL unless there are exactly FIELDS pieces. */
static int
split(struct span line, struct span fields[FIELDS])
{
	for (int i = 0; i < FIELDS - 1; i++) {
		size_t before = line.len;
		if (!span_cut(&line, ':', &fields[i]) || fields[i].len == before)
			return -EINVAL;
	}
	fields[SHELL] = line;
	return line.len > 0 && memchr(line.text, ':', line.len) == NULL ? 0 : -EINVAL;
}

static int
parse_line(struct span line, struct identity *out)
{
	struct span f[FIELDS];
	struct identity id = {0};

	if (split(line, f) < 0 || !is_name(f[NAME]) || !is_hash(f[HASH]))
		return -EINVAL;
	if (!is_path(f[HOME]) || !is_path(f[SHELL]))
		return -EINVAL;
	if (read_id(f[UID], &id.uid) < 0 || read_id(f[GID], &id.gid) < 0)
		return -EINVAL;
	if (read_id(f[SESSION], &id.session) < 0 || identity_parse_caps(f[CAPS], &id.caps) < 0)
		return -EINVAL;
	id.name = f[NAME];
	id.hash = f[HASH];
	id.home = f[HOME];
	id.shell = f[SHELL];
	*out = id;
	return 0;
}

int
identity_next(struct span *rest, struct identity *out)
{
	struct span line;

	*out = (struct identity){0};
	while (span_cut(rest, '\n', &line)) {
		if (line.len == 0 || line.text[0] == '#')
			continue;
		int err = parse_line(line, out);
		return err < 0 ? err : 1;
	}
	return 0;
}

int
identity_find_name(struct span store, struct span name, struct identity *out)
{
	int got;
	while ((got = identity_next(&store, out)) > 0) {
		if (out->name.len == name.len && memcmp(out->name.text, name.text, name.len) == 0)
			return 0;
	}
	*out = (struct identity){0};
	return got < 0 ? got : -ENOENT;
}

int
identity_find_uid(struct span store, uint32_t uid, struct identity *out)
{
	int got;
	while ((got = identity_next(&store, out)) > 0) {
		if (out->uid == uid)
			return 0;
	}
	*out = (struct identity){0};
	return got < 0 ? got : -ENOENT;
}

static size_t
line_number(struct span store, const char *end)
{
	size_t lines = 0;
	for (const char *p = store.text; p < end; p++)
		lines += *p == '\n';
	return end > store.text && end[-1] == '\n' ? lines : lines + 1;
}

int
identity_check(struct span store, size_t *line)
{
	struct span rest = store;
	struct identity id, other;
	int got;

	*line = 0;
	while ((got = identity_next(&rest, &id)) > 0) {
		/* Whatever is found first must be this very line. */
		bool name_first = identity_find_name(store, id.name, &other) == 0 &&
			other.name.text == id.name.text;
		bool uid_first = identity_find_uid(store, id.uid, &other) == 0 &&
			other.name.text == id.name.text;
		if (!name_first || !uid_first) {
			got = -EEXIST;
			break;
		}
	}
	if (got < 0)
		*line = line_number(store, rest.text);
	return got;
}
