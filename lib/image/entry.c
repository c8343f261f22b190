/* SPDX-License-Identifier: MIT */
/* Entries, contents and names of an image that has been validated, and the rules for names. */
#include "base/macros.h"
#include "image/internal.h"

bool
image_entry_name_ok(const char *name, size_t length)
{
	if (length == 0 || length > IMAGE_ENTRY_NAME)
		return false;
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] == '/' || name[i] == '\0')
			return false;
	return true;
}

int
image_name_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, min(a_length, b_length));
	if (order == 0)
		order = (a_length > b_length) - (a_length < b_length);
	return order;
}

void
image_entry_read(const struct image *img, uint32_t index, struct image_entry *out)
{
	const uint8_t *p = img->entries + (size_t)index * IMAGE_ENTRY_SIZE;
	const char *names = (const char *)img->names;
	uint32_t ref = load_le32(IMAGE_FIELD(p, entry, ref));
	uint32_t count = load_le32(IMAGE_FIELD(p, entry, count));
	*out = (struct image_entry){
		.name = names + load_le32(IMAGE_FIELD(p, entry, name_offset)),
		.name_length = load_le16(IMAGE_FIELD(p, entry, name_length)),
		.mode = load_le16(IMAGE_FIELD(p, entry, mode)),
		.uid = load_le32(IMAGE_FIELD(p, entry, uid)),
		.gid = load_le32(IMAGE_FIELD(p, entry, gid)),
		.parent = load_le32(IMAGE_FIELD(p, entry, parent)),
		.attributes = load_le32(IMAGE_FIELD(p, entry, attributes)),
		.mtime_ns = (int64_t)load_le64(IMAGE_FIELD(p, entry, mtime_ns)),
	};
	switch (out->mode & IMAGE_TYPE_MASK) {
	case IMAGE_TYPE_DIR:
		out->first_child = ref;
		out->child_count = count;
		break;
	case IMAGE_TYPE_FILE:
		out->content = ref;
		break;
	case IMAGE_TYPE_LINK:
		out->target = names + ref;
		out->target_length = count;
		break;
	}
}

void
image_content_read(const struct image *img, uint32_t index, struct image_content *out)
{
	const uint8_t *p = img->contents + (size_t)index * IMAGE_CONTENT_SIZE;
	out->size = load_le64(IMAGE_FIELD(p, content, size));
	out->payload_offset = load_le64(IMAGE_FIELD(p, content, payload_offset));
	out->tree_offset = load_le64(IMAGE_FIELD(p, content, tree_offset));
	memcpy(out->root, IMAGE_FIELD(p, content, root), sizeof(out->root));
}

static int
compare_with_entry(const struct image *img, uint32_t index, const char *name, size_t length)
{
	const uint8_t *p = img->entries + (size_t)index * IMAGE_ENTRY_SIZE;
	return image_name_compare(name, length,
		(const char *)img->names + load_le32(IMAGE_FIELD(p, entry, name_offset)),
		load_le16(IMAGE_FIELD(p, entry, name_length)));
}

int
image_lookup(
	const struct image *img, uint32_t dir, const char *name, size_t length, uint32_t *index)
{
	struct image_entry e;
	*index = 0;
	image_entry_read(img, dir, &e);
	if ((e.mode & IMAGE_TYPE_MASK) != IMAGE_TYPE_DIR)
		return -ENOTDIR;
	uint32_t low = e.first_child, left = e.child_count;
	while (left) {
		uint32_t middle = low + left / 2;
		int order = compare_with_entry(img, middle, name, length);
		if (order == 0) {
			*index = middle;
			return 0;
		}
		if (order > 0) {
			low = middle + 1;
			left -= left / 2 + 1;
		} else {
			left /= 2;
		}
	}
	return -ENOENT;
}

int
image_lookup_path(const struct image *img, const char *path, uint32_t *index)
{
	uint32_t at = IMAGE_ROOT;
	int err = 0;
	*index = 0;
	while (!err) {
		while (*path == '/')
			path++;
		if (!*path)
			break;
		size_t length = 0;
		while (path[length] && path[length] != '/')
			length++;
		err = image_lookup(img, at, path, length, &at);
		path += length;
	}
	if (!err)
		*index = at;
	return err;
}
