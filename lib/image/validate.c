/* SPDX-License-Identifier: MIT */
/*
 * The structure of an image: everything that later readers rely on without looking again. One pass over the entries
 * and one over the contents, with no memory besides a counter for each of them.
 *
 * Directories hand out entries in order: the children of the first directory that has any begin at entry 1, those of
 * the next begin where these end. An entry is thus the child of exactly one directory that stands before it, and a
 * cycle or an orphan cannot be written down. Contents are handed out in the same way by the files that refer to them
 * first, and blocks of payload and tree by the contents, so that extents cannot overlap.
 */
#include "image/internal.h"
#include "image/tree.h"

struct walk {
	const struct image *img;
	struct image_error *why;
	uint32_t next_entry, next_content;
	uint64_t next_payload, next_tree;
};

static int
bad_entry(const struct walk *w, uint32_t index, const char *what)
{
	return image_fail(w->why, IMAGE_WHERE_ENTRY, index, what);
}

static bool
in_names(const struct walk *w, uint64_t offset, uint64_t length)
{
	uint64_t available = w->img->header.names_length;
	return offset <= available && length <= available - offset;
}

/* The name of entry `index`, which follows its sibling *before unless it is the first. */
static int
check_child(const struct walk *w, uint32_t dir, uint32_t index, const struct image_entry *before,
	struct image_entry *e)
{
	const uint8_t *p = w->img->entries + (size_t)index * IMAGE_ENTRY_SIZE;
	e->name_length = load_le16(IMAGE_FIELD(p, entry, name_length));
	uint32_t offset = load_le32(IMAGE_FIELD(p, entry, name_offset));
	if (!in_names(w, offset, e->name_length))
		return bad_entry(w, index, "name out of range");
	e->name = (const char *)w->img->names + offset;
	if (!image_entry_name_ok(e->name, e->name_length))
		return bad_entry(
			w, index, "unsafe name (empty, too long, \".\", \"..\", slash or NUL)");
	if (before->name &&
		image_name_compare(before->name, before->name_length, e->name, e->name_length) >= 0)
		return bad_entry(w, index, "name is not sorted or not unique in its directory");
	uint32_t parent = load_le32(IMAGE_FIELD(p, entry, parent));
	if (parent != dir)
		return image_fail_values(w->why, IMAGE_WHERE_ENTRY, index, "parent", parent, dir);
	return 0;
}

static int
check_dir(struct walk *w, uint32_t index, uint32_t first, uint32_t count)
{
	if (count == 0)
		return first == 0 ? 0 : bad_entry(w, index, "empty directory with a first child");
	if (first != w->next_entry)
		return image_fail_values(w->why, IMAGE_WHERE_ENTRY, index,
			"first child (cycle, gap or overlap)", first, w->next_entry);
	if (count > w->img->header.entry_count - first)
		return bad_entry(w, index, "children out of range");
	struct image_entry siblings[2] = {};
	for (uint32_t i = 0; i < count; i++) {
		int err =
			check_child(w, index, first + i, &siblings[(i + 1) % 2], &siblings[i % 2]);
		if (err)
			return err;
	}
	w->next_entry += count;
	return 0;
}

static int
check_file(struct walk *w, uint32_t index, uint32_t content, uint32_t count)
{
	if (count != 0)
		return bad_entry(w, index, "file with a count");
	if (content > w->next_content || content >= w->img->header.content_count)
		return bad_entry(w, index, "content out of range or out of order");
	if (content == w->next_content)
		w->next_content++;
	return 0;
}

static int
check_link(const struct walk *w, uint32_t index, uint32_t offset, uint32_t length)
{
	if (length == 0 || length > IMAGE_TARGET_MAX)
		return bad_entry(w, index, "symlink target empty or too long");
	if (!in_names(w, offset, length))
		return bad_entry(w, index, "symlink target out of range");
	for (uint32_t i = 0; i < length; i++)
		if (w->img->names[offset + i] == 0)
			return bad_entry(w, index, "NUL in a symlink target");
	return 0;
}

/* What holds for all types. The name was checked with the directory. */
static int
check_attributes(const struct walk *w, uint32_t index, const uint8_t *p)
{
	uint32_t mode = load_le16(IMAGE_FIELD(p, entry, mode));
	uint32_t attributes = load_le32(IMAGE_FIELD(p, entry, attributes));
	uint32_t type = mode & IMAGE_TYPE_MASK;
	if (type != IMAGE_TYPE_DIR && type != IMAGE_TYPE_FILE && type != IMAGE_TYPE_LINK)
		return bad_entry(w, index, "neither file nor directory nor symlink");
	if (type == IMAGE_TYPE_LINK && (mode & IMAGE_PERM_MASK) != 0777)
		return bad_entry(w, index, "mode of a symlink is not 0777");
	if (attributes & ~IMAGE_ATTR_KNOWN)
		return bad_entry(w, index, "unknown attributes");
	if (attributes && type != IMAGE_TYPE_FILE)
		return bad_entry(w, index, "attributes on what is not a file");
	if (load_le32(IMAGE_FIELD(p, entry, uid)) == UINT32_MAX ||
		load_le32(IMAGE_FIELD(p, entry, gid)) == UINT32_MAX)
		return bad_entry(w, index, "owner or group is -1");
	if (load_le64(IMAGE_FIELD(p, entry, mtime_ns)) > INT64_MAX)
		return bad_entry(w, index, "time before 1970");
	return 0;
}

static int
check_entry(struct walk *w, uint32_t index)
{
	const uint8_t *p = w->img->entries + (size_t)index * IMAGE_ENTRY_SIZE;
	if (index >= w->next_entry)
		return bad_entry(w, index, "in no directory (a cycle)");
	int err = check_attributes(w, index, p);
	if (err)
		return err;
	uint32_t ref = load_le32(IMAGE_FIELD(p, entry, ref));
	uint32_t count = load_le32(IMAGE_FIELD(p, entry, count));
	switch (load_le16(IMAGE_FIELD(p, entry, mode)) & IMAGE_TYPE_MASK) {
	case IMAGE_TYPE_DIR:
		return check_dir(w, index, ref, count);
	case IMAGE_TYPE_FILE:
		return check_file(w, index, ref, count);
	default:
		return check_link(w, index, ref, count);
	}
}

static int
check_root(const struct walk *w)
{
	const uint8_t *p = w->img->entries;
	if ((load_le16(IMAGE_FIELD(p, entry, mode)) & IMAGE_TYPE_MASK) != IMAGE_TYPE_DIR)
		return bad_entry(w, IMAGE_ROOT, "the root is not a directory");
	if (load_le16(IMAGE_FIELD(p, entry, name_length)) ||
		load_le32(IMAGE_FIELD(p, entry, name_offset)))
		return bad_entry(w, IMAGE_ROOT, "the root has a name");
	if (load_le32(IMAGE_FIELD(p, entry, parent)) != IMAGE_ROOT)
		return bad_entry(w, IMAGE_ROOT, "the root has a parent");
	return 0;
}

/* Takes `blocks` blocks at *next, before `end`; `offset` must say so, or be 0 where there are none. */
static int
take_blocks(const struct walk *w, uint32_t index, const char *const what[2], uint64_t offset,
	uint64_t blocks, uint64_t *next, uint64_t end)
{
	uint64_t wanted = blocks ? *next : 0;
	if (offset != wanted)
		return image_fail_values(
			w->why, IMAGE_WHERE_CONTENT, index, what[0], offset, wanted);
	if (blocks > (end - *next) / IMAGE_BLOCK_SIZE)
		return image_fail(w->why, IMAGE_WHERE_CONTENT, index, what[1]);
	*next += blocks * IMAGE_BLOCK_SIZE;
	return 0;
}

static int
check_content(struct walk *w, uint32_t index)
{
	static const char *const payload[] = {
		"offset of the payload (gap or overlap)", "payload out of range"};
	static const char *const tree[] = {
		"offset of the tree (gap or overlap)", "tree out of range"};
	const struct image_header *h = &w->img->header;
	struct image_content c;
	struct image_tree t;
	image_content_read(w->img, index, &c);
	if (c.size > h->payload_length)
		return image_fail_values(w->why, IMAGE_WHERE_CONTENT, index,
			"size exceeds the payload", c.size, h->payload_length);
	image_tree_layout(c.size, &t);
	int err = take_blocks(
		w, index, payload, c.payload_offset, t.blocks, &w->next_payload, h->total_length);
	if (!err)
		err = take_blocks(
			w, index, tree, c.tree_offset, t.nodes, &w->next_tree, h->payload_offset);
	if (err || c.size)
		return err;
	for (size_t i = 0; i < sizeof(c.root); i++)
		if (c.root[i])
			return image_fail(
				w->why, IMAGE_WHERE_CONTENT, index, "empty with a root digest");
	return 0;
}

static int
check_ends(const struct walk *w)
{
	const struct image_header *h = &w->img->header;
	if (w->next_content != h->content_count)
		return image_fail(
			w->why, IMAGE_WHERE_CONTENT, w->next_content, "no file refers to it");
	if (w->next_tree != h->payload_offset)
		return image_fail_values(w->why, IMAGE_WHERE_HEADER, 0, "end of the tree nodes",
			h->payload_offset, w->next_tree);
	if (w->next_payload != h->total_length)
		return image_fail_values(w->why, IMAGE_WHERE_HEADER, 0, "end of the payload",
			h->total_length, w->next_payload);
	return 0;
}

static int
check_padding(const struct image_header *h, const uint8_t *region, struct image_error *why)
{
	uint64_t start = h->names_offset + h->names_length;
	for (uint64_t i = start; i < h->signed_length; i++)
		if (region[i])
			return image_fail(
				why, IMAGE_WHERE_HEADER, 0, "padding after the names is not zero");
	return 0;
}

static int
check_lengths(
	const struct image_header *h, size_t size, uint64_t device_length, struct image_error *why)
{
	if (device_length < h->total_length)
		return image_fail_values(why, IMAGE_WHERE_HEADER, 0, "image cut short: bytes",
			device_length, h->total_length);
	if (size < image_metadata_length(h))
		return image_fail_values(why, IMAGE_WHERE_HEADER, 0, "metadata cut short: bytes",
			size, image_metadata_length(h));
	return 0;
}

static void
attach(struct image *img, const struct image_header *h, const uint8_t *region)
{
	img->header = *h;
	img->entries = region + h->entries_offset;
	img->contents = region + h->contents_offset;
	img->names = region + h->names_offset;
}

int
image_validate(const struct image_header *h, const void *region, size_t size,
	uint64_t device_length, struct image_error *why)
{
	struct image img;
	int err = check_lengths(h, size, device_length, why);
	if (!err)
		err = check_padding(h, region, why);
	if (err)
		return err;
	attach(&img, h, region);
	struct walk w = {.img = &img,
		.why = why,
		.next_entry = 1,
		.next_tree = h->tree_offset,
		.next_payload = h->payload_offset};
	err = check_root(&w);
	for (uint32_t i = 0; !err && i < h->entry_count; i++)
		err = check_entry(&w, i);
	for (uint32_t i = 0; !err && i < h->content_count; i++)
		err = check_content(&w, i);
	return err ? err : check_ends(&w);
}

int
image_open_unsigned(const void *region, size_t size, uint64_t device_length, struct image *out,
	struct image_error *why)
{
	struct image_header h;
	memset(out, 0, sizeof(*out));
	int err = image_header_decode(region, size, &h, why);
	if (!err)
		err = image_validate(&h, region, size, device_length, why);
	if (!err)
		attach(out, &h, region);
	return err;
}

int
image_open(const void *region, size_t size, uint64_t device_length, const struct image_key *keys,
	size_t count, struct image *out, struct image_error *why)
{
	struct image_header h;
	memset(out, 0, sizeof(*out));
	int err = image_header_decode(region, size, &h, why);
	if (!err)
		err = check_lengths(&h, size, device_length, why);
	if (!err)
		err = image_verify_signature(&h, region, size, keys, count, why);
	if (!err)
		err = image_validate(&h, region, size, device_length, why);
	if (!err)
		attach(out, &h, region);
	return err;
}
