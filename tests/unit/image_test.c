/* SPDX-License-Identifier: MIT */
/* The image reader: what it takes, and that it refuses everything else with the right reason. */
#include <errno.h>
#include <stdio.h>
#include "base/macros.h"
#include "tests/unit/image_sample.h"
#include "tests/unit/test.h"

static uint8_t *
signed_sample(struct sample_signer *signer)
{
	uint8_t *image = sample_make();
	*signer = sample_signer(IMAGE_BASE, 1);
	sample_sign(image, signer);
	return image;
}

static int
open_with(const uint8_t *image, const struct image_key *key, struct image_error *why)
{
	struct image img;
	return image_open(image, 4096, SAMPLE_SIZE, key, 1, &img, why);
}

static void
check_reason(const struct image_error *why, const char *wanted)
{
	char text[160];
	image_error_text(why, text, sizeof(text));
	if (!strstr(text, wanted))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\", not \"%s\"", text, wanted);
	CHECK(!strchr(text, '\n'));
}

static bool
name_is(const struct image_entry *e, const char *name)
{
	return e->name_length == strlen(name) && memcmp(e->name, name, e->name_length) == 0;
}

TEST(image_reads_back_what_was_written)
{
	struct sample_signer signer;
	uint8_t *bytes = signed_sample(&signer);
	struct image img;
	struct image_entry e;
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, &signer.key, 1, &img, NULL), 0);
	CHECK_EQ(img.header.kind, IMAGE_BASE);
	CHECK_EQ(img.header.flags, IMAGE_DEVELOPMENT);
	CHECK_EQ(img.header.generation, 7);
	CHECK_STR(img.header.name, "sample");
	CHECK_EQ(image_metadata_length(&img.header), 4096);

	image_entry_read(&img, IMAGE_ROOT, &e);
	CHECK_EQ(e.mode, IMAGE_TYPE_DIR | 0755);
	CHECK_EQ(e.first_child, 1);
	CHECK_EQ(e.child_count, 4);
	CHECK_EQ(e.name_length, 0);
	image_entry_read(&img, 6, &e);
	CHECK(name_is(&e, "tool"));
	CHECK_EQ(e.mode, IMAGE_TYPE_FILE | 0755);
	CHECK_EQ(e.uid, 6);
	CHECK_EQ(e.gid, 12);
	CHECK_EQ(e.mtime_ns, 6000000006);
	CHECK_EQ(e.parent, 1);
	CHECK_EQ(e.attributes, IMAGE_ATTR_WX);
	CHECK_EQ(e.content, SAMPLE_TOOL);
	CHECK_EQ(e.child_count, 0);
	image_entry_read(&img, 4, &e);
	CHECK_EQ(e.target_length, 8);
	CHECK_MEM(e.target, "bin/tool", 8);
	free(bytes);
}

TEST(image_contents_read_back)
{
	uint8_t *bytes = sample_make();
	struct image img;
	struct image_content c;
	CHECK_EQ(image_open_unsigned(bytes, 4096, SAMPLE_SIZE, &img, NULL), 0);
	image_content_read(&img, SAMPLE_BIG, &c);
	CHECK_EQ(c.size, SAMPLE_BIG_SIZE);
	CHECK_EQ(c.payload_offset, SAMPLE_PAYLOAD);
	CHECK_EQ(c.tree_offset, SAMPLE_TREE);
	image_content_read(&img, SAMPLE_NONE, &c);
	CHECK_EQ(c.size, 0);
	CHECK_EQ(c.payload_offset, 0);
	free(bytes);
}

TEST(image_lookup_finds_every_entry_and_nothing_else)
{
	static const char *const paths[SAMPLE_ENTRIES] = {"/", "bin", "/empty", "etc/", "link",
		"/bin/big", "bin//tool", "etc/motd", "etc/none", "etc/same"};
	static const char *const absent[] = {"b", "bi", "bina", "bjn", "a", "z", "link2", "etc/mot",
		"etc/nonf", ".", "..", "empty/x"};
	uint8_t *bytes = sample_make();
	struct image img;
	uint32_t index;
	CHECK_EQ(image_open_unsigned(bytes, 4096, SAMPLE_SIZE, &img, NULL), 0);
	for (uint32_t i = 0; i < SAMPLE_ENTRIES; i++) {
		CHECK_EQ(image_lookup_path(&img, paths[i], &index), 0);
		CHECK_EQ(index, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		CHECK_EQ(image_lookup_path(&img, absent[i], &index), -ENOENT);
	CHECK_EQ(image_lookup_path(&img, "bin/tool/x", &index), -ENOTDIR);
	CHECK_EQ(image_lookup_path(&img, "link/x", &index), -ENOTDIR);
	CHECK_EQ(image_lookup(&img, IMAGE_ROOT, "bin\0x", 5, &index), -ENOENT);
	CHECK_EQ(image_lookup(&img, IMAGE_ROOT, "", 0, &index), -ENOENT);
	free(bytes);
}

TEST(image_with_any_flipped_metadata_byte_is_refused)
{
	struct sample_signer signer;
	uint8_t *bytes = signed_sample(&signer);
	CHECK_EQ(open_with(bytes, &signer.key, NULL), 0);
	for (size_t i = 0; i < 4096; i++) {
		struct image_error why = {};
		bytes[i] ^= (uint8_t)(1u << (i % 8));
		int err = open_with(bytes, &signer.key, &why);
		bytes[i] ^= (uint8_t)(1u << (i % 8));
		if (err >= 0 || !why.what)
			test_fail(__FILE__, __LINE__, "byte %zu flipped: %d", i, err);
	}
	CHECK_EQ(open_with(bytes, &signer.key, NULL), 0);
	free(bytes);
}

TEST(image_that_is_cut_short_is_refused_and_a_longer_device_is_fine)
{
	struct sample_signer signer;
	uint8_t *bytes = signed_sample(&signer);
	struct image img;
	struct image_error why;
	for (size_t size = 0; size < 4096; size++) {
		uint8_t *copy = malloc(size + 1);
		memcpy(copy, bytes, size);
		int err = image_open(copy, size, SAMPLE_SIZE, &signer.key, 1, &img, &why);
		CHECK_EQ(err, size < IMAGE_HEADER_SIZE ? -EINVAL : -EBADMSG);
		CHECK_EQ(img.header.entry_count, 0);
		free(copy);
	}
	for (uint64_t device = 0; device < SAMPLE_SIZE; device += device < 4200 ? 1 : 997)
		CHECK_EQ(image_open(bytes, 4096, device, &signer.key, 1, &img, &why), -EBADMSG);
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE - 1, &signer.key, 1, &img, &why), -EBADMSG);
	check_reason(&why, "cut short");
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE + 1, &signer.key, 1, &img, &why), 0);
	CHECK_EQ(image_open(bytes, SAMPLE_SIZE, UINT64_MAX, &signer.key, 1, &img, &why), 0);
	free(bytes);
}

TEST(image_is_taken_from_a_trusted_key_of_its_kind_only)
{
	struct sample_signer signer;
	uint8_t *bytes = signed_sample(&signer);
	struct image img;
	struct image_error why;
	struct image_key keys[3] = {sample_signer(IMAGE_BASE, 2).key, signer.key, signer.key};
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, NULL, 0, &img, &why), -ENOKEY);
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, keys, 1, &img, &why), -ENOKEY);
	check_reason(&why, "not trusted");
	keys[1].kind = IMAGE_PACKAGE;
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, keys, 2, &img, &why), -ENOKEY);
	check_reason(&why, "may not sign this kind");
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, keys, 3, &img, &why), 0);
	/* Another key under this one's id: the signature decides. */
	memcpy(keys[0].id, signer.key.id, sizeof(keys[0].id));
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, keys, 1, &img, &why), -EKEYREJECTED);
	check_reason(&why, "signature does not match");
	CHECK_EQ(image_open(bytes, 4096, SAMPLE_SIZE, keys, 3, &img, &why), 0);
	free(bytes);
}

TEST(image_signed_by_another_kinds_key_is_refused)
{
	struct sample_signer package = sample_signer(IMAGE_PACKAGE, 3);
	struct image_error why;
	uint8_t *bytes = sample_make();
	sample_sign(bytes, &package);
	CHECK_EQ(open_with(bytes, &package.key, &why), -ENOKEY);
	image_put_u32(bytes + SAMPLE_HEADER(kind), IMAGE_PACKAGE);
	sample_sign(bytes, &package);
	CHECK_EQ(open_with(bytes, &package.key, &why), 0);
	free(bytes);
}

/* One field changed, the image otherwise as signed by its owner: structure alone must refuse it. */
struct change {
	size_t offset;
	int size;
	uint64_t value;
	const char *reason;
};

#define H(field, value, reason) \
	{SAMPLE_HEADER(field), sizeof(((struct image_disk_header *)0)->field), value, reason}
#define E(n, field, value, reason) \
	{SAMPLE_ENTRY(n, field), sizeof(((struct image_disk_entry *)0)->field), value, reason}
#define C(n, field, value, reason) \
	{SAMPLE_CONTENT(n, field), sizeof(((struct image_disk_content *)0)->field), value, reason}
#define N(text, value, reason) {SAMPLE_NAMES_AT + sizeof(text) - 1, 1, value, reason}

static const struct change changes[] = {
	H(version, 3, "version"),
	H(version, 5, "version"),
	H(header_size, 255, "size of the header"),
	H(entry_size, 41, "size of an entry"),
	H(content_size, 0, "size of a content"),
	H(kind, 0, "unknown kind"),
	H(kind, 4, "unknown kind"),
	H(kind, UINT32_MAX, "unknown kind"),
	H(flags, 2, "unknown flags"),
	{SAMPLE_HEADER(reserved) + 55, 1, 1, "reserved bytes"},
	{SAMPLE_HEADER(name), 1, 0, "unsafe image name"},
	{SAMPLE_HEADER(name), 1, '/', "unsafe image name"},
	{SAMPLE_HEADER(name) + 1, 1, '\n', "unsafe image name"},
	{SAMPLE_HEADER(name) + 63, 1, 'x', "padding of the image name"},
	H(total_length, SAMPLE_SIZE + 4096, "total length"),
	H(total_length, SAMPLE_SIZE - 4096, "total length"),
	H(total_length, 0, "total length"),
	H(signed_length, SAMPLE_SIGNED + 1, "whole blocks"),
	H(signed_length, 0, "whole blocks"),
	H(signed_length, SAMPLE_SIGNED + 4096, "more padding than a block"),
	H(signed_length, IMAGE_SIGNED_MAX + SAMPLE_SIGNED, "too long"),
	H(signed_length, UINT64_MAX, "too long"),
	H(entries_offset, 255, "offset of the entries"),
	H(entry_count, 0, "no root"),
	H(entry_count, 11, "offset of the contents"),
	H(entry_count, UINT32_MAX, "offset of the contents"),
	H(contents_offset, IMAGE_HEADER_SIZE, "offset of the contents"),
	H(content_count, 3, "offset of the names"),
	H(names_offset, SAMPLE_CONTENTS_AT, "offset of the names"),
	H(names_length, 4096, "exceed the signed region"),
	H(names_length, UINT64_MAX, "exceed the signed region"),
	H(tree_offset, 0, "offset of the tree"),
	H(tree_offset, 8192, "offset of the tree"),
	H(tree_length, 1, "whole blocks"),
	H(tree_length, 0, "offset of the payload"),
	H(tree_length, (uint64_t)INT64_MAX + 1, "out of range"),
	H(payload_offset, 4096, "offset of the payload"),
	H(payload_length, 4095, "whole blocks"),
	H(payload_length, UINT64_MAX - 4095, "out of range"),

	E(0, mode, IMAGE_TYPE_FILE | 0755, "root is not a directory"),
	E(0, name_length, 3, "root has a name"),
	E(0, name_offset, 1, "root has a name"),
	E(0, parent, 1, "root has a parent"),
	E(0, ref, 0, "cycle, gap or overlap"),
	E(0, ref, 2, "cycle, gap or overlap"),
	E(0, count, 3, "gap or overlap"),
	E(0, count, 10, "out of range"),
	E(0, count, UINT32_MAX, "out of range"),
	E(0, count, 0, "empty directory with a first child"),
	E(1, mode, 0020644, "neither file"),
	E(1, mode, 0140644, "neither file"),
	E(1, mode, 0644, "neither file"),
	E(1, ref, 0, "cycle"),
	E(1, ref, 1, "cycle"),
	E(1, ref, 4, "cycle, gap or overlap"),
	E(3, ref, 5, "cycle, gap or overlap"),
	E(3, count, 2, "in no directory"),
	E(2, ref, 1, "empty directory with a first child"),
	E(1, parent, 1, "parent"),
	E(6, parent, 3, "parent"),
	E(7, parent, UINT32_MAX, "parent"),
	E(5, name_offset, 0xffffffff, "name out of range"),
	E(5, name_offset, sizeof(sample_names) - 1, "name out of range"),
	E(5, name_length, 0, "unsafe name"),
	E(4, name_length, 256, "name out of range"),
	E(1, name_offset, 11, "entry 2: name is not sorted"),
	E(5, uid, UINT32_MAX, "owner"),
	E(5, gid, UINT32_MAX, "owner"),
	E(5, mtime_ns, (uint64_t)1 << 63, "1970"),
	E(5, attributes, 2, "unknown attributes"),
	E(1, attributes, IMAGE_ATTR_WX, "not a file"),
	E(4, attributes, IMAGE_ATTR_WX, "not a file"),
	E(4, mode, IMAGE_TYPE_LINK | 0755, "0777"),
	E(4, count, 0, "empty or too long"),
	E(4, count, 4096, "empty or too long"),
	E(4, count, 9, "target out of range"),
	E(4, ref, UINT32_MAX, "target out of range"),
	E(5, count, 1, "file with a count"),
	E(5, ref, 1, "out of order"),
	E(9, ref, 4, "out of range"),
	E(9, ref, UINT32_MAX, "out of range"),
	E(8, ref, 2, "no file refers to it"),

	N("", '/', "unsafe name"),
	N("b", 0, "unsafe name"),
	N("binemptyetclinkbigtoolmotdnonesamebin", 0, "NUL in a symlink target"),
	N("bin", 'A', "not sorted"),

	C(0, size, SAMPLE_BIG_SIZE + 4096, "gap or overlap"),
	C(0, size, SAMPLE_BIG_SIZE - 4096, "gap or overlap"),
	C(0, size, UINT64_MAX, "exceeds"),
	C(0, size, 132 * 4096, "gap or overlap"),
	C(0, payload_offset, 0, "offset of the payload"),
	C(0, payload_offset, SAMPLE_PAYLOAD + 4096, "offset of the payload"),
	C(0, payload_offset, SAMPLE_PAYLOAD + 1, "offset of the payload"),
	C(0, payload_offset, UINT64_MAX - 4095, "offset of the payload"),
	C(1, payload_offset, SAMPLE_PAYLOAD, "offset of the payload"),
	C(0, tree_offset, 0, "offset of the tree"),
	C(0, tree_offset, SAMPLE_PAYLOAD, "offset of the tree"),
	C(1, tree_offset, SAMPLE_TREE, "offset of the tree"),
	C(3, payload_offset, SAMPLE_PAYLOAD, "offset of the payload"),
	C(3, size, 1, "offset of the payload"),
	C(2, size, 4097, "payload out of range"),
	{SAMPLE_CONTENT(3, root), 1, 1, "empty with a root"},
	{SAMPLE_SIGNED - 1, 1, 1, "padding"},
	{SAMPLE_NAMES_AT + sizeof(sample_names) - 1, 1, 1, "padding"},
};

static void
put(uint8_t *at, int size, uint64_t value)
{
	for (int i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

TEST(image_structure_is_refused_field_by_field)
{
	struct sample_signer signer = sample_signer(IMAGE_BASE, 1);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];
		struct image_error why;
		struct image img;
		uint8_t *bytes = sample_make();
		put(bytes + c->offset, c->size, c->value);
		sample_sign(bytes, &signer);
		int err = image_open(
			bytes, SAMPLE_SIZE, (uint64_t)1 << 62, &signer.key, 1, &img, &why);
		if (err != -EBADMSG && err != -EKEYREJECTED)
			test_fail(__FILE__, __LINE__, "change %zu (%s): %d", i, c->reason, err);
		if (err == -EBADMSG)
			check_reason(&why, c->reason);
		CHECK(!img.entries);
		free(bytes);
	}
}

TEST(image_with_two_entries_of_one_name_is_refused)
{
	uint8_t *bytes = sample_make();
	struct image img;
	struct image_error why;
	image_put_u32(bytes + SAMPLE_ENTRY(6, name_offset),
		load_le32(bytes + SAMPLE_ENTRY(5, name_offset)));
	image_put_u16(bytes + SAMPLE_ENTRY(6, name_length), 3);
	CHECK_EQ(image_open_unsigned(bytes, 4096, SAMPLE_SIZE, &img, &why), -EBADMSG);
	check_reason(&why, "entry 6: name is not sorted or not unique");
	free(bytes);
}

/* A caller's memory for tree nodes, as a page cache has it. */
struct nodes {
	const uint8_t *image;
	uint32_t flags[3];
	int held, reads, fail_after;
};

static int
get_node(void *ctx, uint64_t offset, const uint8_t **node, uint32_t *flags)
{
	struct nodes *n = ctx;
	CHECK(offset >= SAMPLE_TREE && offset < SAMPLE_PAYLOAD && offset % 4096 == 0);
	if (n->fail_after && n->reads == n->fail_after)
		return -EIO;
	n->reads++;
	n->held++;
	*node = n->image + offset;
	*flags = n->flags[(offset - SAMPLE_TREE) / 4096];
	return 0;
}

static void
put_node(void *ctx, uint64_t offset, const uint8_t *node, uint32_t flags)
{
	struct nodes *n = ctx;
	n->held--;
	CHECK(node == n->image + offset);
	n->flags[(offset - SAMPLE_TREE) / 4096] |= flags;
}

static const struct image_tree_ops ops = {.node_get = get_node, .node_put = put_node};

static int
verify(const uint8_t *bytes, uint32_t content, uint64_t index, struct nodes *nodes,
	struct image_error *why)
{
	struct image img;
	struct image_content c;
	CHECK_EQ(image_open_unsigned(bytes, SAMPLE_SIZE, SAMPLE_SIZE, &img, NULL), 0);
	image_content_read(&img, content, &c);
	nodes->image = bytes;
	int err = image_verify_block(
		&c, index, bytes + c.payload_offset + index * 4096, &ops, nodes, why);
	CHECK_EQ(nodes->held, 0);
	return err;
}

TEST(image_blocks_verify_and_nodes_are_verified_once)
{
	uint8_t *bytes = sample_make();
	struct nodes nodes = {};
	for (uint64_t i = 0; i < SAMPLE_BIG_BLOCKS; i++)
		CHECK_EQ(verify(bytes, SAMPLE_BIG, i, &nodes, NULL), 0);
	/* Two for the first block, two for the first of the second leaf, then one each. */
	CHECK_EQ(nodes.reads, SAMPLE_BIG_BLOCKS + 2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(nodes.flags[i], IMAGE_NODE_VERIFIED);
	CHECK_EQ(verify(bytes, SAMPLE_TOOL, 0, &nodes, NULL), 0);
	CHECK_EQ(verify(bytes, SAMPLE_MOTD, 0, &nodes, NULL), 0);
	free(bytes);
}

TEST(image_block_beyond_the_end_is_refused)
{
	uint8_t *bytes = sample_make();
	struct nodes nodes = {};
	uint8_t block[4096] = {};
	struct image_content none = {};
	CHECK_EQ(image_verify_block(&none, 0, block, &ops, &nodes, NULL), -ERANGE);
	none.size = 4096;
	CHECK_EQ(image_verify_block(&none, 1, block, &ops, &nodes, NULL), -ERANGE);
	CHECK_EQ(image_verify_block(&none, UINT64_MAX, block, &ops, &nodes, NULL), -ERANGE);
	free(bytes);
}

TEST(image_flipped_payload_byte_fails_its_block_alone)
{
	uint8_t *bytes = sample_make();
	struct image_error why;
	/* The last one is in the zeros that follow the data of the last block. */
	static const struct {
		uint32_t content;
		uint64_t block, byte;
	} flips[] = {{SAMPLE_BIG, 0, 0}, {SAMPLE_BIG, 127, 4095}, {SAMPLE_BIG, 128, 77},
		{SAMPLE_BIG, 129, 100}, {SAMPLE_TOOL, 0, 5}, {SAMPLE_MOTD, 0, 5},
		{SAMPLE_MOTD, 0, 4095}};
	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		struct nodes nodes = {};
		uint64_t at = load_le64(bytes + SAMPLE_CONTENT(flips[i].content, payload_offset));
		uint8_t *byte = bytes + at + flips[i].block * 4096 + flips[i].byte;
		*byte ^= 1;
		CHECK_EQ(verify(bytes, flips[i].content, flips[i].block, &nodes, &why), -EBADMSG);
		check_reason(&why, "block ");
		CHECK_EQ(verify(bytes, SAMPLE_BIG, 64, &nodes, &why), 0);
		*byte ^= 1;
		CHECK_EQ(verify(bytes, flips[i].content, flips[i].block, &nodes, &why), 0);
	}
	free(bytes);
}

TEST(image_flipped_tree_byte_fails_what_hangs_below_it)
{
	uint8_t *bytes = sample_make();
	struct image_error why;
	/* Top, first leaf, second leaf; the last byte of each is padding or another block's digest. */
	static const struct {
		size_t byte;
		int first, second; /* results for blocks 0 and 128 */
	} flips[] = {{0, -EBADMSG, -EBADMSG}, {4095, -EBADMSG, -EBADMSG}, {4096, -EBADMSG, 0},
		{8191, -EBADMSG, 0}, {8192, 0, -EBADMSG}, {12287, 0, -EBADMSG}};
	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		struct nodes nodes = {};
		bytes[SAMPLE_TREE + flips[i].byte] ^= 0x80;
		CHECK_EQ(verify(bytes, SAMPLE_BIG, 0, &nodes, &why), flips[i].first);
		if (flips[i].first)
			check_reason(&why, "tree node at byte ");
		CHECK_EQ(nodes.flags[flips[i].byte / 4096], 0);
		CHECK_EQ(verify(bytes, SAMPLE_BIG, 128, &nodes, &why), flips[i].second);
		CHECK_EQ(nodes.flags[flips[i].byte / 4096], 0);
		bytes[SAMPLE_TREE + flips[i].byte] ^= 0x80;
	}
	free(bytes);
}

TEST(image_tree_node_that_cannot_be_read_is_an_error_of_that_read)
{
	uint8_t *bytes = sample_make();
	struct image_error why;
	struct nodes nodes = {.fail_after = 1};
	CHECK_EQ(verify(bytes, SAMPLE_BIG, 3, &nodes, &why), -EIO);
	CHECK_EQ(nodes.flags[1], 0);
	nodes.fail_after = 0;
	CHECK_EQ(verify(bytes, SAMPLE_BIG, 3, &nodes, &why), 0);
	free(bytes);
}

TEST(image_tree_layout_at_its_edges)
{
	static const struct {
		uint64_t size, blocks, nodes;
		uint32_t levels;
	} wanted[] = {{0, 0, 0, 0}, {1, 1, 0, 0}, {4096, 1, 0, 0}, {4097, 2, 1, 1},
		{128 * 4096, 128, 1, 1}, {128 * 4096 + 1, 129, 3, 2},
		{128 * 128 * 4096, 128 * 128, 129, 2},
		{128 * 128 * 4096 + 1, 128 * 128 + 1, 132, 3}};
	struct image_tree t;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		image_tree_layout(wanted[i].size, &t);
		CHECK_EQ(t.blocks, wanted[i].blocks);
		CHECK_EQ(t.nodes, wanted[i].nodes);
		CHECK_EQ(t.levels, wanted[i].levels);
		if (t.levels)
			CHECK_EQ(t.level_start[t.levels - 1], 0);
	}
	image_tree_layout(IMAGE_LENGTH_MAX, &t);
	CHECK_EQ(t.levels, IMAGE_TREE_LEVELS);
	CHECK_EQ(t.blocks, IMAGE_LENGTH_MAX / 4096);
	CHECK(t.level_start[0] < t.nodes);
}

/* Digests of fsverity-utils for a file of zeros: none, 5 bytes. */
TEST(image_descriptor_is_fs_veritys)
{
	static const uint8_t empty[SHA256_DIGEST_SIZE] = {0x3d, 0x24, 0x8c, 0xa5, 0x42, 0xa2, 0x4f,
		0xc6, 0x2d, 0x1c, 0x43, 0xb9, 0x16, 0xea, 0xe5, 0x01, 0x68, 0x78, 0xe2, 0x53, 0x3c,
		0x88, 0x23, 0x84, 0x80, 0xb2, 0x61, 0x28, 0xa1, 0xf1, 0xaf, 0x95};
	uint8_t root[IMAGE_DIGEST_SIZE] = {}, descriptor[IMAGE_DESCRIPTOR_SIZE], digest[32];
	image_verity_descriptor(0, root, descriptor);
	sha256(descriptor, sizeof(descriptor), digest);
	CHECK_MEM(digest, empty, sizeof(empty));
}

TEST(image_names_that_are_safe)
{
	char long_name[300];
	memset(long_name, 'a', sizeof(long_name));
	CHECK(image_entry_name_ok("a", 1));
	CHECK(image_entry_name_ok("...", 3));
	CHECK(image_entry_name_ok(".a", 2));
	CHECK(image_entry_name_ok("\xff\n", 2));
	CHECK(image_entry_name_ok(long_name, 255));
	CHECK(!image_entry_name_ok(long_name, 256));
	CHECK(!image_entry_name_ok("", 0));
	CHECK(!image_entry_name_ok(".", 1));
	CHECK(!image_entry_name_ok("..", 2));
	CHECK(!image_entry_name_ok("a/b", 3));
	CHECK(!image_entry_name_ok("a\0b", 3));
	CHECK(image_name_ok("swos-base_1.2+3", 15));
	CHECK(image_name_ok(long_name, 63));
	CHECK(!image_name_ok(long_name, 64));
	CHECK(!image_name_ok("-a", 2));
	CHECK(!image_name_ok("A", 1));
	CHECK(!image_name_ok("", 0));
	CHECK(image_name_compare("a", 1, "b", 1) < 0);
	CHECK(image_name_compare("a", 1, "aa", 2) < 0);
	CHECK(image_name_compare("\x80", 1, "a", 1) > 0);
	CHECK_EQ(image_name_compare("ab", 2, "ab", 2), 0);
}

TEST(image_kinds_have_names)
{
	for (uint32_t kind = IMAGE_BASE; kind <= IMAGE_BUNDLE; kind++)
		CHECK_EQ(image_kind_parse(image_kind_name(kind)), kind);
	CHECK(!image_kind_name(0));
	CHECK(!image_kind_name(4));
	CHECK_EQ(image_kind_parse("bas"), 0);
}

TEST(image_error_text_is_cut_to_its_buffer)
{
	struct image_error why = {.what = "version",
		.where = IMAGE_WHERE_ENTRY,
		.index = UINT64_MAX,
		.has_values = true,
		.found = 3,
		.wanted = 0};
	char text[128];
	CHECK_STR(image_error_text(&why, text, sizeof(text)),
		"entry 18446744073709551615: version is 3, must be 0");
	for (size_t size = 1; size < 60; size++) {
		char *buf = malloc(size);
		image_error_text(&why, buf, size);
		CHECK_EQ(strlen(buf), size - 1 < 51 ? size - 1 : 51);
		free(buf);
	}
	text[0] = 'x';
	image_error_text(&why, text, 0);
	CHECK_EQ(text[0], 'x');
}
