/* SPDX-License-Identifier: MIT */
/* The manifest: owners, modes and attributes that the tree on the building machine cannot carry. */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/image/node.h"

struct place {
	const char *file;
	unsigned long line;
};

static int
complain(const struct place *at, const char *what, const char *word)
{
	warnx("%s:%lu: %s %s", at->file, at->line, what, word);
	return -1;
}

/* Cuts the next word off, in place; a backslash takes away the meaning of the character after it. */
static char *
next_word(char **text)
{
	char *from = *text + strspn(*text, " \t");
	if (!*from || *from == '#')
		return NULL;
	char *word = from, *to = from;
	while (*from && *from != ' ' && *from != '\t') {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from++;
	}
	*text = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

static bool
parse_number(const char *text, int base, uint32_t max, uint32_t *out)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, base);
	if (errno || end == text || *end || !isdigit((unsigned char)*text) || n > max)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
set_attributes(struct node *node, const char *value)
{
	if (strcmp(value, "none") == 0)
		node->attributes = 0;
	else if (strcmp(value, "wx") == 0 && node->source)
		node->attributes = IMAGE_ATTR_WX;
	else
		return false;
	return true;
}

static bool
set_mode(struct node *node, const char *value)
{
	uint32_t mode;
	if (node->target || !parse_number(value, 8, IMAGE_PERM_MASK, &mode))
		return false;
	node->mode = (node->mode & IMAGE_TYPE_MASK) | mode;
	return true;
}

static int
apply_word(struct node *node, char *word, const struct place *at)
{
	char *value = strchr(word, '=');
	if (!value)
		return complain(at, "KEY=VALUE is wanted, not", word);
	size_t length = (size_t)(value++ - word);
	bool ok;
	if (strncmp(word, "uid", length) == 0 && length == 3)
		ok = parse_number(value, 10, UINT32_MAX - 1, &node->uid);
	else if (strncmp(word, "gid", length) == 0 && length == 3)
		ok = parse_number(value, 10, UINT32_MAX - 1, &node->gid);
	else if (strncmp(word, "mode", length) == 0 && length == 4)
		ok = set_mode(node, value);
	else if (strncmp(word, "attr", length) == 0 && length == 4)
		ok = set_attributes(node, value);
	else
		return complain(at, "unknown key (mode, uid, gid, attr):", word);
	return ok ? 0 : complain(at, "not a value for this path:", word);
}

static int
apply_line(struct node *root, char *line, const struct place *at)
{
	char *path = next_word(&line);
	if (!path)
		return 0;
	struct node *node = node_find(root, path);
	if (!node)
		return complain(at, "the tree does not hold", path);
	int result = 0;
	for (char *word; (word = next_word(&line));)
		if (apply_word(node, word, at) != 0)
			result = -1;
	return result;
}

int
node_apply_manifest_line(
	struct node *root, char *line, size_t length, const char *file, unsigned long number)
{
	struct place at = {.file = file, .line = number};
	if (strlen(line) != length)
		return complain(&at, "a NUL ends this line early, after", line);
	return apply_line(root, line, &at);
}

int
node_apply_manifest(struct node *root, const char *path)
{
	FILE *f = fopen(path, "re");
	if (!f) {
		warn("cannot read the manifest %s", path);
		return -1;
	}
	char *line = NULL;
	size_t size = 0;
	unsigned long number = 0;
	int result = 0;
	for (ssize_t n; (n = getline(&line, &size, f)) >= 0;) {
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		if (node_apply_manifest_line(root, line, (size_t)n, path, ++number) != 0)
			result = -1;
	}
	if (ferror(f)) {
		warn("cannot read the manifest %s", path);
		result = -1;
	}
	free(line);
	fclose(f);
	return result;
}
