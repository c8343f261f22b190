/* SPDX-License-Identifier: MIT */
/*
 * Manifests: any text, line by line, for a small tree. Whatever it says, each node keeps its type, name and place, and
 * has a mode, owner and attributes that an image can hold; a line that is refused for its form changes nothing.
 */
#include <string.h>

#include "tests/fuzz/require.h"
#include "tools/image/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOT, DIRECTORY, FILE_IN_IT, LINK_IN_IT, NODES };

struct sample {
	struct node nodes[NODES];
	struct node *in_root[1], *in_directory[2];
};

static void
make_tree(struct sample *s)
{
	static char names[NODES][8] = {"", "a", "f #\\", "l"}, place[] = "/f", target[] = "f";
	static const uint32_t modes[NODES] = {IMAGE_TYPE_DIR | 0755, IMAGE_TYPE_DIR | 0700,
		IMAGE_TYPE_FILE | 0644, IMAGE_TYPE_LINK | 0777};
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < NODES; i++) {
		s->nodes[i].name = names[i];
		s->nodes[i].name_length = strlen(names[i]);
		s->nodes[i].mode = modes[i];
		s->nodes[i].parent =
			i == ROOT ? NULL : &s->nodes[i == DIRECTORY ? ROOT : DIRECTORY];
	}
	s->nodes[FILE_IN_IT].source = place;
	s->nodes[LINK_IN_IT].target = target;
	s->in_root[0] = &s->nodes[DIRECTORY];
	s->in_directory[0] = &s->nodes[FILE_IN_IT];
	s->in_directory[1] = &s->nodes[LINK_IN_IT];
	s->nodes[ROOT].children = s->in_root;
	s->nodes[DIRECTORY].children = s->in_directory;
	s->nodes[ROOT].count = 1;
	s->nodes[DIRECTORY].count = 2;
}

/* The same but for what a manifest may change, and that as it may be. */
static void
check_tree(const struct sample *s)
{
	struct sample fresh;
	make_tree(&fresh);
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &s->nodes[i], *was = &fresh.nodes[i];
		require(((n->mode ^ was->mode) & IMAGE_TYPE_MASK) == 0);
		require((n->mode & ~(IMAGE_TYPE_MASK | IMAGE_PERM_MASK)) == 0);
		require(i != LINK_IN_IT || n->mode == was->mode);
		require((n->attributes & ~(i == FILE_IN_IT ? IMAGE_ATTR_WX : 0)) == 0);
		require(n->uid != UINT32_MAX && n->gid != UINT32_MAX);
		require(n->name == was->name && n->name_length == was->name_length);
		require(n->source == was->source && n->target == was->target);
		require(n->count == was->count);
	}
}

static void
try_line(struct sample *s, const uint8_t *data, size_t n, unsigned long number)
{
	/* With nothing behind the NUL, so that reading beyond the end shows. */
	char *line = malloc(n + 1);
	struct sample before = *s;
	memcpy(line, data, n);
	line[n] = '\0';
	int err = node_apply_manifest_line(&s->nodes[ROOT], line, n, "fuzz", number);
	require(err == 0 || err == -1);
	check_tree(s);
	if (memchr(data, '\0', n) != NULL) {
		require(err == -1 && memcmp(&before, s, sizeof(before)) == 0);
	}
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample s;
	make_tree(&s);
	for (unsigned long number = 1; size != 0; number++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end != NULL ? (size_t)(end - data) : size;
		try_line(&s, data, n, number);
		data += n;
		size -= n;
		if (end != NULL) {
			data++;
			size--;
		}
	}
	return 0;
}
