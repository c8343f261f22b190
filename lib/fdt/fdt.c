/* SPDX-License-Identifier: MIT */
/* Flattened device trees: the structure, nodes, properties and look-ups. fdt.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "fdt/fdt.h"

enum {
	MAGIC = 0xd00dfeedu,
	VERSION = 17,

	TOKEN_BEGIN_NODE = 1,
	TOKEN_END_NODE = 2,
	TOKEN_PROPERTY = 3,
	TOKEN_NOP = 4,
	TOKEN_END = 9,

	TOKEN_SIZE = 4,
	PROPERTY_HEADER_SIZE = 12, /* token, length, offset of the name */
	RESERVED_SIZE = 16,
};

/* One token and where the next one is. */
struct token {
	uint32_t kind, next;
	struct fdt_property property;
};

static bool
block_fits(const struct fdt *tree, uint32_t offset, uint32_t size, uint32_t alignment)
{
	return is_aligned(offset, alignment) && offset >= FDT_HEADER_SIZE &&
		offset <= tree->total_size && size <= tree->total_size - offset;
}

/* A name that ends inside the structure block; *next is then the token after it. */
static bool
read_name(const struct fdt *tree, uint32_t at, uint32_t *next)
{
	const uint8_t *name = tree->structure + at;
	const uint8_t *end = memchr(name, 0, tree->structure_size - at);
	if (!end)
		return false;
	*next = round_up(at + (uint32_t)(end - name) + 1, 4u);
	return true;
}

static bool
read_property(const struct fdt *tree, uint32_t at, struct token *token)
{
	if (tree->structure_size - at < PROPERTY_HEADER_SIZE)
		return false;
	uint32_t len = load_be32(tree->structure + at + 4);
	uint32_t name = load_be32(tree->structure + at + 8);
	if (len > tree->structure_size - at - PROPERTY_HEADER_SIZE || name >= tree->strings_size)
		return false;
	token->property.name = (const char *)tree->strings + name;
	token->property.data = tree->structure + at + PROPERTY_HEADER_SIZE;
	token->property.len = len;
	token->next = at + PROPERTY_HEADER_SIZE + round_up(len, 4u);
	return true;
}

/* False if no whole token is there. A token's end may lie past the block by its padding: the next read fails then. */
static bool
read_token(const struct fdt *tree, uint32_t at, struct token *token)
{
	if (at > tree->structure_size || tree->structure_size - at < TOKEN_SIZE)
		return false;
	token->kind = load_be32(tree->structure + at);
	switch (token->kind) {
	case TOKEN_BEGIN_NODE:
		return read_name(tree, at + TOKEN_SIZE, &token->next);
	case TOKEN_PROPERTY:
		return read_property(tree, at, token);
	case TOKEN_END_NODE:
	case TOKEN_NOP:
	case TOKEN_END:
		token->next = at + TOKEN_SIZE;
		return true;
	default:
		return false;
	}
}

/* Steps into the structure's grammar: one root, properties before subnodes, END right after the root. */
struct grammar {
	int depth;                               /* open nodes */
	bool had_root, had_child[FDT_MAX_DEPTH]; /* the node at that depth has a subnode */
};

static bool
accept_token(struct grammar *g, uint32_t kind)
{
	switch (kind) {
	case TOKEN_BEGIN_NODE:
		if (g->depth == FDT_MAX_DEPTH || (g->depth == 0 && g->had_root))
			return false;
		if (g->depth > 0)
			g->had_child[g->depth - 1] = true;
		g->had_child[g->depth++] = false;
		g->had_root = true;
		return true;
	case TOKEN_PROPERTY:
		return g->depth > 0 && !g->had_child[g->depth - 1];
	case TOKEN_END_NODE:
		return g->depth-- > 0;
	case TOKEN_END:
		return g->depth == 0 && g->had_root;
	default:
		return true;
	}
}

static int
check_structure(const struct fdt *tree)
{
	struct grammar g = {0};
	struct token token;
	uint32_t at = 0;
	if (!read_token(tree, 0, &token) || token.kind != TOKEN_BEGIN_NODE)
		return -EINVAL;
	do {
		if (!read_token(tree, at, &token) || !accept_token(&g, token.kind))
			return -EINVAL;
		at = token.next;
	} while (token.kind != TOKEN_END);
	return 0;
}

static int
check_reserved(struct fdt *tree, const uint8_t *blob, uint32_t offset)
{
	if (!block_fits(tree, offset, RESERVED_SIZE, 8))
		return -EINVAL;
	uint32_t room = (tree->total_size - offset) / RESERVED_SIZE;
	tree->reserved = blob + offset;
	for (uint32_t i = 0; i < room; i++) {
		const uint8_t *entry = tree->reserved + i * RESERVED_SIZE;
		if (load_be64(entry) == 0 && load_be64(entry + 8) == 0) {
			tree->reserved_count = i;
			return 0;
		}
	}
	return -EINVAL;
}

int
fdt_peek_size(const void *header)
{
	uint32_t size = load_be32((const uint8_t *)header + 4);
	if (load_be32(header) != MAGIC || size < FDT_HEADER_SIZE || size > FDT_MAX_SIZE)
		return -EINVAL;
	return (int)size;
}

int
fdt_open(struct fdt *tree, const void *blob, size_t max_len)
{
	struct reader r = reader_on(blob, max_len);
	uint32_t magic = reader_be32(&r), total = reader_be32(&r);
	uint32_t structure = reader_be32(&r), strings = reader_be32(&r), reserved = reader_be32(&r);
	uint32_t version = reader_be32(&r), last_compatible = reader_be32(&r);
	uint32_t boot_cpu = reader_be32(&r);
	uint32_t strings_size = reader_be32(&r), structure_size = reader_be32(&r);

	*tree = (struct fdt){.total_size = total, .boot_cpu = boot_cpu};
	if (r.failed || magic != MAGIC || total < FDT_HEADER_SIZE)
		return -EINVAL;
	if (version < VERSION || last_compatible > VERSION)
		return -EPROTONOSUPPORT;
	if (total > FDT_MAX_SIZE || total > max_len)
		return -EFBIG;
	if (!block_fits(tree, structure, structure_size, 4) ||
		!block_fits(tree, strings, strings_size, 1))
		return -EINVAL;
	tree->structure = (const uint8_t *)blob + structure;
	tree->structure_size = structure_size;
	tree->strings = (const uint8_t *)blob + strings;
	tree->strings_size = strings_size;
	/* A last string that ends makes every string end. */
	if (strings_size && tree->strings[strings_size - 1] != 0)
		return -EINVAL;
	int err = check_reserved(tree, blob, reserved);
	return err ? err : check_structure(tree);
}

void
fdt_reserved(const struct fdt *tree, uint32_t i, uint64_t *base, uint64_t *size)
{
	*base = load_be64(tree->reserved + i * RESERVED_SIZE);
	*size = load_be64(tree->reserved + i * RESERVED_SIZE + 8);
}

const char *
fdt_name(const struct fdt *tree, int node)
{
	return (const char *)tree->structure + node + TOKEN_SIZE;
}

bool
fdt_next_property(const struct fdt *tree, int node, uint32_t *at, struct fdt_property *property)
{
	struct token token;
	if (*at == 0) {
		if (node < 0 || !read_token(tree, (uint32_t)node, &token) ||
			token.kind != TOKEN_BEGIN_NODE)
			return false;
		*at = token.next;
	}
	while (read_token(tree, *at, &token)) {
		if (token.kind != TOKEN_PROPERTY && token.kind != TOKEN_NOP)
			return false;
		*at = token.next;
		if (token.kind == TOKEN_PROPERTY) {
			*property = token.property;
			return true;
		}
	}
	return false;
}

bool
fdt_get(const struct fdt *tree, int node, const char *name, struct fdt_property *property)
{
	uint32_t at = 0;
	while (fdt_next_property(tree, node, &at, property))
		if (strcmp(property->name, name) == 0)
			return true;
	*property = (struct fdt_property){0};
	return false;
}

bool
fdt_has(const struct fdt *tree, int node, const char *name)
{
	struct fdt_property p;
	return fdt_get(tree, node, name, &p);
}

bool
fdt_get_u32(const struct fdt *tree, int node, const char *name, uint32_t *value)
{
	struct fdt_property p;
	if (!fdt_get(tree, node, name, &p) || p.len != 4)
		return false;
	*value = load_be32(p.data);
	return true;
}

bool
fdt_get_number(const struct fdt *tree, int node, const char *name, uint64_t *value)
{
	struct fdt_property p;
	if (!fdt_get(tree, node, name, &p) || (p.len != 4 && p.len != 8))
		return false;
	*value = p.len == 4 ? load_be32(p.data) : load_be64(p.data);
	return true;
}

const char *
fdt_get_string(const struct fdt *tree, int node, const char *name)
{
	struct fdt_property p;
	if (!fdt_get(tree, node, name, &p) || !p.len || !memchr(p.data, 0, p.len))
		return NULL;
	return (const char *)p.data;
}

int
fdt_string_index(const struct fdt *tree, int node, const char *name, const char *string)
{
	struct fdt_property p;
	if (!fdt_get(tree, node, name, &p))
		return -ENOENT;
	size_t wanted = strlen(string) + 1;
	int index = 0;
	for (size_t left = p.len; left; index++) {
		const uint8_t *end = memchr(p.data, 0, left);
		if (!end)
			break;
		size_t n = (size_t)(end - p.data) + 1;
		if (n == wanted && memcmp(p.data, string, n) == 0)
			return index;
		p.data += n;
		left -= n;
	}
	return -ENOENT;
}

bool
fdt_is_compatible(const struct fdt *tree, int node, const char *model)
{
	return fdt_string_index(tree, node, "compatible", model) >= 0;
}

bool
fdt_is_enabled(const struct fdt *tree, int node)
{
	struct fdt_property p;
	if (!fdt_get(tree, node, "status", &p))
		return true;
	return (p.len == 5 && memcmp(p.data, "okay", 5) == 0) ||
		(p.len == 3 && memcmp(p.data, "ok", 3) == 0);
}

/* The node after the one at `node` in the tree's order, with how much deeper it is; -ENOENT after the last. */
static int
next_node(const struct fdt *tree, uint32_t at, int *depth)
{
	struct token token;
	while (read_token(tree, at, &token) && token.kind != TOKEN_END) {
		if (token.kind == TOKEN_BEGIN_NODE) {
			++*depth;
			return (int)at;
		}
		if (token.kind == TOKEN_END_NODE)
			--*depth;
		at = token.next;
	}
	return -ENOENT;
}

static uint32_t
after_name(const struct fdt *tree, int node)
{
	struct token token;
	return read_token(tree, (uint32_t)node, &token) ? token.next : tree->structure_size;
}

/* The unit address may be left out of the wanted component. */
static bool
name_fits(const char *name, const char *component, size_t n)
{
	if (strncmp(name, component, n) != 0)
		return false;
	return name[n] == 0 || (name[n] == '@' && !memchr(component, '@', n));
}

static int
find_child(const struct fdt *tree, int parent, const char *component, size_t n)
{
	int depth = 0, node = parent;
	while ((node = next_node(tree, after_name(tree, node), &depth)) >= 0 && depth > 0)
		if (depth == 1 && name_fits(fdt_name(tree, node), component, n))
			return node;
	return -ENOENT;
}

static int
find_below(const struct fdt *tree, int node, const char *path)
{
	while (node >= 0) {
		while (*path == '/')
			path++;
		size_t n = strcspn(path, "/:");
		if (n == 0)
			return node;
		node = find_child(tree, node, path, n);
		path += n;
	}
	return node;
}

/* The full path that an alias stands for; NULL if it is none. */
static const char *
find_alias(const struct fdt *tree, const char *alias, size_t n)
{
	int aliases = find_below(tree, FDT_ROOT, "/aliases");
	struct fdt_property p;
	uint32_t at = 0;
	while (fdt_next_property(tree, aliases, &at, &p))
		if (strncmp(p.name, alias, n) == 0 && p.name[n] == 0)
			return p.len && memchr(p.data, 0, p.len) ? (const char *)p.data : NULL;
	return NULL;
}

int
fdt_find_path(const struct fdt *tree, const char *path)
{
	if (path[0] == '/')
		return find_below(tree, FDT_ROOT, path);
	size_t n = strcspn(path, "/:");
	const char *target = n ? find_alias(tree, path, n) : NULL;
	if (!target || target[0] != '/')
		return -ENOENT;
	int node = find_below(tree, FDT_ROOT, target);
	return node < 0 ? node : find_below(tree, node, path + n);
}

int
fdt_find_phandle(const struct fdt *tree, uint32_t phandle)
{
	int depth = 0;
	for (int node = FDT_ROOT; node >= 0;
		node = next_node(tree, after_name(tree, node), &depth)) {
		uint32_t value;
		if ((fdt_get_u32(tree, node, "phandle", &value) ||
			    fdt_get_u32(tree, node, "linux,phandle", &value)) &&
			value == phandle)
			return node;
	}
	return -ENOENT;
}

int
fdt_find_compatible(const struct fdt *tree, int from, const char *model)
{
	int depth = 0;
	int node = from < 0 ? FDT_ROOT : next_node(tree, after_name(tree, from), &depth);
	while (node >= 0 && !fdt_is_compatible(tree, node, model))
		node = next_node(tree, after_name(tree, node), &depth);
	return node;
}

void
fdt_walk_begin(struct fdt_walk *walk, const struct fdt *tree)
{
	*walk = (struct fdt_walk){.tree = tree, .depth = -1, .irq_parent = -ENOENT};
}

bool
fdt_walk_next(struct fdt_walk *walk)
{
	int depth = walk->depth;
	int node = next_node(walk->tree, walk->next, &depth);
	if (node < 0 || depth < 0 || depth >= FDT_MAX_DEPTH)
		return false;
	walk->depth = depth;
	walk->path[depth] = node;
	walk->next = after_name(walk->tree, node);
	return true;
}

bool
fdt_walk_next_outside(struct fdt_walk *walk)
{
	int depth = walk->depth;
	while (fdt_walk_next(walk))
		if (walk->depth <= depth)
			return true;
	return false;
}

bool
fdt_walk_next_enabled(struct fdt_walk *walk)
{
	bool more = fdt_walk_next(walk);
	while (more && !fdt_is_enabled(walk->tree, fdt_walk_node(walk)))
		more = fdt_walk_next_outside(walk);
	return more;
}

int
fdt_walk_to(struct fdt_walk *walk, const struct fdt *tree, int node)
{
	fdt_walk_begin(walk, tree);
	while (fdt_walk_next(walk))
		if (fdt_walk_node(walk) == node)
			return 0;
	return -ENOENT;
}

int
fdt_walk_parent(const struct fdt_walk *walk)
{
	return walk->depth > 0 ? walk->path[walk->depth - 1] : -ENOENT;
}
