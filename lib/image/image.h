/* SPDX-License-Identifier: MIT */
/*
 * Reader of SWOSBASE images (docs/formats/image.md): pure functions over a copy of the image's metadata in memory.
 *
 * How to mount: read the first IMAGE_HEADER_SIZE bytes, image_header_decode() says how long the metadata is
 * (image_metadata_length()); read that much into memory that nobody else can change, then image_open(). It decodes
 * the header again from that copy, checks the signature and then the whole structure, in time linear in the
 * entries and independent of the files' sizes. Nothing in the image may be used before it has returned 0.
 *
 * An open image borrows the metadata: names, targets and entries point into it, and are not NUL-terminated. After
 * image_open() the readers below cannot fail but for what each says, and any number of threads may call them.
 *
 * Payload and tree nodes are not covered by the signature: check each block with image_verify_block() (tree.h) before
 * a byte of it is used.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "image/format.h"

#define IMAGE_ROOT 0u

struct image_header {
	uint32_t kind, flags;
	uint64_t generation;
	uint8_t key_id[IMAGE_KEY_ID_SIZE];
	char name[IMAGE_NAME_SIZE];
	uint64_t total_length; /* of the whole image; a device may be longer */
	/* what the signature covers, from byte 0; the signature follows it */
	uint64_t signed_length;
	uint32_t entry_count, content_count;
	uint64_t entries_offset, contents_offset, names_offset, names_length;
	uint64_t tree_offset, tree_length, payload_offset, payload_length;
};

/* A public key that may sign images of one kind, and of no other. */
struct image_key {
	uint32_t kind;
	uint8_t id[IMAGE_KEY_ID_SIZE]; /* the first bytes of the SHA-256 of the public key */
	uint8_t public_key[IMAGE_PUBLIC_SIZE];
};

enum image_where {
	IMAGE_WHERE_HEADER,
	IMAGE_WHERE_ENTRY,
	IMAGE_WHERE_CONTENT,
	IMAGE_WHERE_BLOCK,
	IMAGE_WHERE_NODE,
};

/* Why an image was refused, without memory of its own: image_error_text() makes a line of it. */
struct image_error {
	const char *what;
	enum image_where where;
	bool has_values; /* found and wanted mean something */
	uint64_t index;  /* of the entry, content or block; offset in the image of a tree node */
	uint64_t found, wanted;
};

struct image {
	struct image_header header;
	const uint8_t *entries, *contents, *names;
};

struct image_entry {
	const char *name; /* empty for the root */
	uint32_t name_length;
	uint32_t mode; /* type and permissions, as st_mode */
	uint32_t uid, gid;
	uint32_t parent; /* the root's is the root */
	uint32_t attributes;
	int64_t mtime_ns;
	uint32_t first_child,
		child_count; /* of a directory: its children are consecutive, sorted by name */
	uint32_t content;    /* of a file: several may share one */
	const char *target;  /* of a symlink */
	uint32_t target_length;
};

struct image_content {
	uint64_t size;
	/* a multiple of IMAGE_BLOCK_SIZE; the last block is filled up with zeros */
	uint64_t payload_offset;
	uint64_t tree_offset;
	uint8_t root[IMAGE_DIGEST_SIZE];
};

/*
 * Decodes the first `size` bytes of an image and checks what can be checked without the rest: version, kind, flags,
 * and that the sections follow one another without gap or overlap.
 * Returns 0; -EINVAL if this is no SWOSBASE image at all (or less than a header of one), -EBADMSG if it is one that
 * must be refused. *why (may be NULL) is set on failure.
 */
[[nodiscard]] int image_header_decode(
	const void *buf, size_t size, struct image_header *out, struct image_error *why);

/* What image_open() needs in memory: signed region and signature, a multiple of IMAGE_BLOCK_SIZE. */
static inline uint64_t
image_metadata_length(const struct image_header *h)
{
	return h->signed_length + IMAGE_SIGNATURE_SIZE;
}

/*
 * Checks the structure of `region`, the image's first `size` bytes (the metadata at least), for a device (file,
 * initrd) of `device_length` bytes. *h is image_header_decode()'s of the same bytes. The signature is not looked at.
 * Returns 0; -EBADMSG and *why.
 */
[[nodiscard]] int image_validate(const struct image_header *h, const void *region, size_t size,
	uint64_t device_length, struct image_error *why);

/*
 * Checks the signature of `region` by the one of the `count` trusted keys that the header names; its kind must be the
 * image's. Returns 0; -ENOKEY if no trusted key of this kind has that id, -EKEYREJECTED if the signature is wrong,
 * -EBADMSG if the region is too short; and *why.
 */
[[nodiscard]] int image_verify_signature(const struct image_header *h, const void *region,
	size_t size, const struct image_key *keys, size_t count, struct image_error *why);

/* Decodes, checks the signature, checks the structure. Errors are those of the three; *out is defined on success. */
[[nodiscard]] int image_open(const void *region, size_t size, uint64_t device_length,
	const struct image_key *keys, size_t count, struct image *out, struct image_error *why);

/* As image_open(), without the signature: for tools and tests that look at images which they do not trust. */
[[nodiscard]] int image_open_unsigned(const void *region, size_t size, uint64_t device_length,
	struct image *out, struct image_error *why);

/* Reads entry `index` (below header.entry_count) or content `index` (below header.content_count). */
void image_entry_read(const struct image *img, uint32_t index, struct image_entry *out);
void image_content_read(const struct image *img, uint32_t index, struct image_content *out);

/*
 * Finds the child of directory `dir` with exactly this name, by binary search.
 * Returns 0 and *index; -ENOENT; -ENOTDIR if `dir` is none. "." and ".." are the caller's business.
 */
[[nodiscard]] int image_lookup(
	const struct image *img, uint32_t dir, const char *name, size_t length, uint32_t *index);

/* Follows a path from the root, component by component; symlinks are not followed. Errors as image_lookup()'s. */
[[nodiscard]] int image_lookup_path(const struct image *img, const char *path, uint32_t *index);

/* "base", "package", "bundle"; NULL for another number. */
const char *image_kind_name(uint32_t kind);
/* The inverse; 0 for another name. */
uint32_t image_kind_parse(const char *name);

/* True for what may stand in the header as an image's name: 1 to 63 of a-z 0-9 . + - _, beginning with a-z 0-9. */
bool image_name_ok(const char *name, size_t length);
/* True for what may stand in a directory: 1 to 255 bytes, none a slash or NUL, not "." or "..". */
bool image_entry_name_ok(const char *name, size_t length);
/* The order of names in a directory: as bytes, the shorter of two with the same beginning first. */
int image_name_compare(const char *a, size_t a_length, const char *b, size_t b_length);

/* Writes the reason as one line without a newline; always terminated, cut to `size`. Returns buf. */
char *image_error_text(const struct image_error *why, char *buf, size_t size);

#endif
