/* SPDX-License-Identifier: MIT */
/* The header of an image: what of it can be checked from its own 256 bytes. */
#include "base/macros.h"
#include "image/internal.h"

static const char *const kind_names[] = {
	[IMAGE_BASE] = "base",
	[IMAGE_PACKAGE] = "package",
	[IMAGE_BUNDLE] = "bundle",
};

const char *
image_kind_name(uint32_t kind)
{
	return kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : NULL;
}

uint32_t
image_kind_parse(const char *name)
{
	for (uint32_t kind = 1; kind < ARRAY_SIZE(kind_names); kind++)
		if (strcmp(name, kind_names[kind]) == 0)
			return kind;
	return 0;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
image_name_ok(const char *name, size_t length)
{
	if (length == 0 || length >= IMAGE_NAME_SIZE || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alnum(name[i]) && name[i] != '.' && name[i] != '+' && name[i] != '-' &&
			name[i] != '_')
			return false;
	return true;
}

static int
bad(struct image_error *why, const char *what)
{
	return image_fail(why, IMAGE_WHERE_HEADER, 0, what);
}

static int
bad_value(struct image_error *why, const char *what, uint64_t found, uint64_t wanted)
{
	return image_fail_values(why, IMAGE_WHERE_HEADER, 0, what, found, wanted);
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

static void
read_fields(const uint8_t *p, struct image_header *h)
{
	h->kind = load_le32(IMAGE_FIELD(p, header, kind));
	h->flags = load_le32(IMAGE_FIELD(p, header, flags));
	h->generation = load_le64(IMAGE_FIELD(p, header, generation));
	memcpy(h->key_id, IMAGE_FIELD(p, header, key_id), sizeof(h->key_id));
	memcpy(h->name, IMAGE_FIELD(p, header, name), sizeof(h->name));
	h->total_length = load_le64(IMAGE_FIELD(p, header, total_length));
	h->signed_length = load_le64(IMAGE_FIELD(p, header, signed_length));
	h->entries_offset = load_le64(IMAGE_FIELD(p, header, entries_offset));
	h->entry_count = load_le32(IMAGE_FIELD(p, header, entry_count));
	h->contents_offset = load_le64(IMAGE_FIELD(p, header, contents_offset));
	h->content_count = load_le32(IMAGE_FIELD(p, header, content_count));
	h->names_offset = load_le64(IMAGE_FIELD(p, header, names_offset));
	h->names_length = load_le64(IMAGE_FIELD(p, header, names_length));
	h->tree_offset = load_le64(IMAGE_FIELD(p, header, tree_offset));
	h->tree_length = load_le64(IMAGE_FIELD(p, header, tree_length));
	h->payload_offset = load_le64(IMAGE_FIELD(p, header, payload_offset));
	h->payload_length = load_le64(IMAGE_FIELD(p, header, payload_length));
}

/* The fixed fields: those that are not read into *h have a single legal value. */
static int
check_identity(const uint8_t *p, const struct image_header *h, struct image_error *why)
{
	uint32_t version = load_le32(IMAGE_FIELD(p, header, version));
	uint32_t header_size = load_le32(IMAGE_FIELD(p, header, header_size));
	uint32_t entry_size = load_le32(IMAGE_FIELD(p, header, entry_size));
	uint32_t content_size = load_le32(IMAGE_FIELD(p, header, content_size));
	if (version != IMAGE_VERSION)
		return bad_value(why, "version of the format", version, IMAGE_VERSION);
	if (header_size != IMAGE_HEADER_SIZE)
		return bad_value(why, "size of the header", header_size, IMAGE_HEADER_SIZE);
	if (entry_size != IMAGE_ENTRY_SIZE)
		return bad_value(why, "size of an entry", entry_size, IMAGE_ENTRY_SIZE);
	if (content_size != IMAGE_CONTENT_SIZE)
		return bad_value(why, "size of a content", content_size, IMAGE_CONTENT_SIZE);
	if (!image_kind_name(h->kind))
		return bad(why, "unknown kind of image");
	if (h->flags & ~IMAGE_FLAGS_KNOWN)
		return bad(why, "unknown flags");
	if (!all_zero(IMAGE_FIELD(p, header, reserved),
		    sizeof(((struct image_disk_header *)0)->reserved)))
		return bad(why, "reserved bytes are not zero");
	size_t length = strnlen(h->name, IMAGE_NAME_SIZE);
	if (!image_name_ok(h->name, length))
		return bad(why, "unsafe image name");
	if (!all_zero((const uint8_t *)h->name + length, IMAGE_NAME_SIZE - length))
		return bad(why, "padding of the image name is not zero");
	return 0;
}

/* Every section begins where the one before it ends, so that none overlap and no byte is left unaccounted for. */
static int
check_signed_sections(const struct image_header *h, struct image_error *why)
{
	if (h->signed_length > IMAGE_SIGNED_MAX)
		return bad_value(why, "signed region too long", h->signed_length, IMAGE_SIGNED_MAX);
	if (h->signed_length % IMAGE_BLOCK_SIZE != IMAGE_BLOCK_SIZE - IMAGE_SIGNATURE_SIZE)
		return bad(why, "signed region and signature do not fill whole blocks");
	if (h->entry_count == 0)
		return bad(why, "no root entry");
	if (h->entries_offset != IMAGE_HEADER_SIZE)
		return bad_value(why, "offset of the entries (gap or overlap)", h->entries_offset,
			IMAGE_HEADER_SIZE);
	uint64_t end = h->entries_offset + (uint64_t)h->entry_count * IMAGE_ENTRY_SIZE;
	if (h->contents_offset != end)
		return bad_value(
			why, "offset of the contents (gap or overlap)", h->contents_offset, end);
	end += (uint64_t)h->content_count * IMAGE_CONTENT_SIZE;
	if (h->names_offset != end)
		return bad_value(why, "offset of the names (gap or overlap)", h->names_offset, end);
	if (end > h->signed_length || h->names_length > h->signed_length - end)
		return bad(why, "entries, contents and names exceed the signed region");
	if (h->signed_length - end - h->names_length >= IMAGE_BLOCK_SIZE)
		return bad(why, "more padding than a block after the names");
	return 0;
}

static int
check_data_sections(const struct image_header *h, struct image_error *why)
{
	uint64_t end = image_metadata_length(h);
	if (h->tree_offset != end)
		return bad_value(
			why, "offset of the tree nodes (gap or overlap)", h->tree_offset, end);
	if (h->tree_length % IMAGE_BLOCK_SIZE || h->payload_length % IMAGE_BLOCK_SIZE)
		return bad(why, "tree nodes or payload are not whole blocks");
	if (h->tree_length > IMAGE_LENGTH_MAX - end)
		return bad(why, "length of the tree nodes out of range");
	end += h->tree_length;
	if (h->payload_offset != end)
		return bad_value(
			why, "offset of the payload (gap or overlap)", h->payload_offset, end);
	if (h->payload_length > IMAGE_LENGTH_MAX - end)
		return bad(why, "length of the payload out of range");
	end += h->payload_length;
	if (h->total_length != end)
		return bad_value(why, "total length", h->total_length, end);
	return 0;
}

int
image_header_decode(const void *buf, size_t size, struct image_header *out, struct image_error *why)
{
	const uint8_t *p = buf;
	struct image_header h;
	memset(out, 0, sizeof(*out));
	if (size < IMAGE_HEADER_SIZE || memcmp(p, IMAGE_MAGIC, IMAGE_MAGIC_SIZE) != 0) {
		bad(why, "not a SWOSBASE image");
		return -EINVAL;
	}
	read_fields(p, &h);
	int err = check_identity(p, &h, why);
	if (!err)
		err = check_signed_sections(&h, why);
	if (!err)
		err = check_data_sections(&h, why);
	if (!err)
		*out = h;
	return err;
}
