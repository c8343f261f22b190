/* SPDX-License-Identifier: MIT */
/*
 * The layout of an image: entries breadth first, so that the children of each directory are consecutive; contents in
 * the order in which entries refer to them first; names and targets once each, sorted. It depends on nothing but the
 * tree, so that the same tree gives the same bytes.
 */
#include <err.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/macros.h"
#include "tools/image/layout.h"
#include "tools/image/verity.h"

static uint32_t
type_of(const struct node *node)
{
	return node->mode & IMAGE_TYPE_MASK;
}

static size_t
count_nodes(const struct node *node)
{
	size_t n = 1;
	for (size_t i = 0; i < node->count; i++)
		n += count_nodes(node->children[i]);
	return n;
}

static int
number_nodes(struct layout *l, struct node *root)
{
	size_t total = count_nodes(root);
	if (total > IMAGE_SIGNED_MAX / IMAGE_ENTRY_SIZE) {
		warnx("%zu files are more than an image can hold (%llu); split the tree", total,
			(unsigned long long)(IMAGE_SIGNED_MAX / IMAGE_ENTRY_SIZE));
		return -1;
	}
	l->nodes = must_have(calloc(total, sizeof(struct node *)));
	l->nodes[l->node_count++] = root;
	for (uint32_t i = 0; i < l->node_count; i++) {
		struct node *node = l->nodes[i];
		node->index = i;
		for (size_t c = 0; c < node->count; c++)
			l->nodes[l->node_count++] = node->children[c];
	}
	return 0;
}

static int
take_block(void *ctx, uint64_t index, const uint8_t *block)
{
	verity_block(ctx, block);
	return 0;
}

static int
hash_source(const char *source, struct image_content *out)
{
	struct stat st;
	memset(out, 0, sizeof(*out));
	if (lstat(source, &st) != 0) {
		warn("cannot look at %s", source);
		return -1;
	}
	struct verity *v = must_have(malloc(sizeof(*v)));
	out->size = (uint64_t)st.st_size;
	verity_init(v, out->size, NULL, NULL);
	int result = source_read(source, out->size, take_block, v);
	if (result == 0)
		result = verity_final(v);
	memcpy(out->root, v->root, sizeof(out->root));
	free(v);
	return result;
}

static int
by_bytes(const void *a, const void *b)
{
	const struct packed_content *x = a, *y = b;
	if (x->content.size != y->content.size)
		return x->content.size < y->content.size ? -1 : 1;
	return memcmp(x->content.root, y->content.root, sizeof(x->content.root));
}

/* Files with the same size and root digest have the same bytes: they share what was found first. */
static int
collect_contents(struct layout *l)
{
	void *known = NULL;
	int result = 0;
	/* There is a root: never of no size. */
	// NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI)
	l->contents = must_have(calloc(l->node_count, sizeof(*l->contents)));
	for (uint32_t i = 0; i < l->node_count && result == 0; i++) {
		struct node *node = l->nodes[i];
		if (type_of(node) != IMAGE_TYPE_FILE)
			continue;
		struct packed_content *c = must_have(calloc(1, sizeof(*c)));
		c->source = node->source;
		c->index = l->content_count;
		result = hash_source(node->source, &c->content);
		struct packed_content *first =
			*(struct packed_content **)must_have(tsearch(c, &known, by_bytes));
		node->content = first->index;
		if (first == c)
			l->contents[l->content_count++] = c;
		else
			free(c);
	}
	while (known)
		tdelete(*(void **)known, &known, by_bytes);
	return result;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t
string_offset(const struct layout *l, const char *text)
{
	if (!*text)
		return 0;
	const char **found = bsearch(&text, l->strings, l->string_count, sizeof(char *), by_text);
	return l->string_offsets[found - l->strings];
}

static void
collect_strings(struct layout *l)
{
	size_t n = 0, kept = 0;
	l->strings = must_have(calloc(2 * (size_t)l->node_count, sizeof(char *)));
	for (uint32_t i = 0; i < l->node_count; i++) {
		if (*l->nodes[i]->name)
			l->strings[n++] = l->nodes[i]->name;
		if (l->nodes[i]->target)
			l->strings[n++] = l->nodes[i]->target;
	}
	qsort(l->strings, n, sizeof(char *), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(l->strings[kept - 1], l->strings[i]) != 0)
			l->strings[kept++] = l->strings[i];
	l->string_count = kept;
}

static int
place_strings(struct layout *l)
{
	uint64_t length = 0;
	collect_strings(l);
	for (size_t i = 0; i < l->string_count; i++)
		length += strlen(l->strings[i]);
	if (length > IMAGE_SIGNED_MAX) {
		warnx("names and link targets take more than %llu bytes; split the tree",
			(unsigned long long)IMAGE_SIGNED_MAX);
		return -1;
	}
	l->names = must_have(malloc(length + 1));
	l->string_offsets = must_have(calloc(l->string_count + 1, sizeof(uint32_t)));
	length = 0;
	for (size_t i = 0; i < l->string_count; i++) {
		size_t n = strlen(l->strings[i]);
		memcpy(l->names + length, l->strings[i], n);
		l->string_offsets[i] = (uint32_t)length;
		length += n;
	}
	l->header.names_length = length;
	return 0;
}

static int
place_metadata(struct layout *l)
{
	struct image_header *h = &l->header;
	h->entry_count = l->node_count;
	h->content_count = l->content_count;
	h->entries_offset = IMAGE_HEADER_SIZE;
	h->contents_offset = h->entries_offset + (uint64_t)h->entry_count * IMAGE_ENTRY_SIZE;
	h->names_offset = h->contents_offset + (uint64_t)h->content_count * IMAGE_CONTENT_SIZE;
	uint64_t end = h->names_offset + h->names_length + IMAGE_SIGNATURE_SIZE;
	h->signed_length = round_up(end, (uint64_t)IMAGE_BLOCK_SIZE) - IMAGE_SIGNATURE_SIZE;
	if (h->signed_length > IMAGE_SIGNED_MAX) {
		warnx("%u files with their names take %llu bytes, more than %llu; split the tree",
			(unsigned int)h->entry_count, (unsigned long long)h->signed_length,
			(unsigned long long)IMAGE_SIGNED_MAX);
		return -1;
	}
	return 0;
}

/* Sizes are off_t's and contents are few, so that only the sum of all can be too large. */
static int
place_data(struct layout *l)
{
	struct image_header *h = &l->header;
	unsigned __int128 tree = 0, payload = 0;
	for (uint32_t i = 0; i < l->content_count; i++) {
		struct image_content *c = &l->contents[i]->content;
		struct image_tree t;
		image_tree_layout(c->size, &t);
		c->tree_offset = t.nodes ? (uint64_t)tree : 0;
		c->payload_offset = t.blocks ? (uint64_t)payload : 0;
		tree += (unsigned __int128)t.nodes * IMAGE_BLOCK_SIZE;
		payload += (unsigned __int128)t.blocks * IMAGE_BLOCK_SIZE;
	}
	if (tree + payload > IMAGE_LENGTH_MAX - IMAGE_SIGNED_MAX - IMAGE_BLOCK_SIZE) {
		warnx("the files together are larger than any image; split the tree");
		return -1;
	}
	h->tree_offset = h->signed_length + IMAGE_SIGNATURE_SIZE;
	h->tree_length = (uint64_t)tree;
	h->payload_offset = h->tree_offset + h->tree_length;
	h->payload_length = (uint64_t)payload;
	h->total_length = h->payload_offset + h->payload_length;
	for (uint32_t i = 0; i < l->content_count; i++) {
		struct image_content *c = &l->contents[i]->content;
		c->tree_offset += c->size > IMAGE_BLOCK_SIZE ? h->tree_offset : 0;
		c->payload_offset += c->size ? h->payload_offset : 0;
	}
	return 0;
}

int
layout_make(struct layout *l, struct node *root, const struct pack_identity *identity,
	const struct image_key *key)
{
	memset(l, 0, sizeof(*l));
	l->header.kind = identity->kind;
	l->header.flags = identity->flags;
	l->header.generation = identity->generation;
	memcpy(l->header.key_id, key->id, sizeof(l->header.key_id));
	memcpy(l->header.name, identity->name, strlen(identity->name));
	if (number_nodes(l, root) != 0 || collect_contents(l) != 0 || place_strings(l) != 0 ||
		place_metadata(l) != 0)
		return -1;
	return place_data(l);
}

void
layout_free(struct layout *l)
{
	for (uint32_t i = 0; i < l->content_count; i++)
		free(l->contents[i]);
	free(l->contents);
	free(l->nodes);
	free(l->names);
	free(l->strings);
	free(l->string_offsets);
	memset(l, 0, sizeof(*l));
}

#define AT(base, type, field) ((base) + offsetof(struct image_disk_##type, field))

static void
encode_header(const struct image_header *h, uint8_t *p)
{
	memcpy(AT(p, header, magic), IMAGE_MAGIC, IMAGE_MAGIC_SIZE);
	image_put_u32(AT(p, header, version), IMAGE_VERSION);
	image_put_u32(AT(p, header, header_size), IMAGE_HEADER_SIZE);
	image_put_u32(AT(p, header, kind), h->kind);
	image_put_u32(AT(p, header, flags), h->flags);
	image_put_u64(AT(p, header, generation), h->generation);
	memcpy(AT(p, header, key_id), h->key_id, IMAGE_KEY_ID_SIZE);
	image_put_u64(AT(p, header, total_length), h->total_length);
	image_put_u64(AT(p, header, signed_length), h->signed_length);
	image_put_u64(AT(p, header, entries_offset), h->entries_offset);
	image_put_u32(AT(p, header, entry_count), h->entry_count);
	image_put_u32(AT(p, header, entry_size), IMAGE_ENTRY_SIZE);
	image_put_u64(AT(p, header, contents_offset), h->contents_offset);
	image_put_u32(AT(p, header, content_count), h->content_count);
	image_put_u32(AT(p, header, content_size), IMAGE_CONTENT_SIZE);
	image_put_u64(AT(p, header, names_offset), h->names_offset);
	image_put_u64(AT(p, header, names_length), h->names_length);
	image_put_u64(AT(p, header, tree_offset), h->tree_offset);
	image_put_u64(AT(p, header, tree_length), h->tree_length);
	image_put_u64(AT(p, header, payload_offset), h->payload_offset);
	image_put_u64(AT(p, header, payload_length), h->payload_length);
	memcpy(AT(p, header, name), h->name, IMAGE_NAME_SIZE);
}

static void
encode_entry(const struct layout *l, const struct node *node, uint8_t *p)
{
	uint32_t ref = 0, count = 0;
	if (node->count) {
		ref = node->children[0]->index;
		count = (uint32_t)node->count;
	} else if (node->target) {
		ref = string_offset(l, node->target);
		count = (uint32_t)strlen(node->target);
	} else if (type_of(node) == IMAGE_TYPE_FILE) {
		ref = node->content;
	}
	image_put_u32(AT(p, entry, name_offset), string_offset(l, node->name));
	image_put_u16(AT(p, entry, name_length), (uint16_t)node->name_length);
	image_put_u16(AT(p, entry, mode), (uint16_t)node->mode);
	image_put_u32(AT(p, entry, uid), node->uid);
	image_put_u32(AT(p, entry, gid), node->gid);
	image_put_u64(AT(p, entry, mtime_ns), (uint64_t)node->mtime_ns);
	image_put_u32(AT(p, entry, parent), node->parent ? node->parent->index : IMAGE_ROOT);
	image_put_u32(AT(p, entry, attributes), node->attributes);
	image_put_u32(AT(p, entry, ref), ref);
	image_put_u32(AT(p, entry, count), count);
}

static void
encode_content(const struct image_content *c, uint8_t *p)
{
	image_put_u64(AT(p, content, size), c->size);
	image_put_u64(AT(p, content, payload_offset), c->payload_offset);
	image_put_u64(AT(p, content, tree_offset), c->tree_offset);
	memcpy(AT(p, content, root), c->root, IMAGE_DIGEST_SIZE);
}

void
layout_encode(const struct layout *l, uint8_t *out)
{
	const struct image_header *h = &l->header;
	encode_header(h, out);
	for (uint32_t i = 0; i < l->node_count; i++)
		encode_entry(
			l, l->nodes[i], out + h->entries_offset + (size_t)i * IMAGE_ENTRY_SIZE);
	for (uint32_t i = 0; i < l->content_count; i++)
		encode_content(&l->contents[i]->content,
			out + h->contents_offset + (size_t)i * IMAGE_CONTENT_SIZE);
	memcpy(out + h->names_offset, l->names, h->names_length);
}
