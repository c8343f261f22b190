/* SPDX-License-Identifier: MIT */
/*
 * SWOSBASE version 4 as it lies on a disk: offsets, sizes and constants, little-endian throughout. What the fields
 * mean, and what a reader must refuse, is written in docs/formats/image.md.
 *
 * The structures only give offsets; bytes are read with load_le*() of base/reader.h and written with
 * image_put_*(), which take any alignment. None of these structures holds padding.
 */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC          "SWOSBASE"
#define IMAGE_MAGIC_SIZE     8
#define IMAGE_VERSION        4
#define IMAGE_BLOCK_SIZE     4096
#define IMAGE_DIGEST_SIZE    32
#define IMAGE_SIGNATURE_SIZE 64
#define IMAGE_PUBLIC_SIZE    32
#define IMAGE_KEY_ID_SIZE    8

/* The header's name with its terminating NUL, an entry's name, a symlink's target. */
#define IMAGE_NAME_SIZE  64
#define IMAGE_ENTRY_NAME 255
#define IMAGE_TARGET_MAX 4095

/* A reader holds the signed region in memory: what is larger is refused before it is read. */
#define IMAGE_SIGNED_MAX ((uint64_t)32 << 20)

/* Every length and offset stays a positive off_t. */
#define IMAGE_LENGTH_MAX ((uint64_t)INT64_MAX & ~(uint64_t)(IMAGE_BLOCK_SIZE - 1))

/* A tree node holds the digests of this many blocks; so many levels cover IMAGE_LENGTH_MAX. */
#define IMAGE_NODE_SHIFT  7
#define IMAGE_NODE_SLOTS  (1u << IMAGE_NODE_SHIFT)
#define IMAGE_TREE_LEVELS 8

enum image_kind {
	IMAGE_BASE = 1,
	IMAGE_PACKAGE = 2,
	IMAGE_BUNDLE = 3,
};

/* image_disk_header.flags */
#define IMAGE_DEVELOPMENT 0x1u
#define IMAGE_FLAGS_KNOWN IMAGE_DEVELOPMENT

/* image_disk_entry.attributes */
#define IMAGE_ATTR_WX    0x1u
#define IMAGE_ATTR_KNOWN IMAGE_ATTR_WX

/* The file types of a mode, with Linux's values. */
#define IMAGE_TYPE_MASK 0170000u
#define IMAGE_TYPE_DIR  0040000u
#define IMAGE_TYPE_FILE 0100000u
#define IMAGE_TYPE_LINK 0120000u
#define IMAGE_PERM_MASK 0007777u

struct image_disk_header {
	uint8_t magic[IMAGE_MAGIC_SIZE];
	uint32_t version;
	uint32_t header_size;
	uint32_t kind;
	uint32_t flags;
	uint64_t generation;
	uint8_t key_id[IMAGE_KEY_ID_SIZE];
	uint64_t total_length;
	uint64_t signed_length;
	uint64_t entries_offset;
	uint32_t entry_count;
	uint32_t entry_size;
	uint64_t contents_offset;
	uint32_t content_count;
	uint32_t content_size;
	uint64_t names_offset;
	uint64_t names_length;
	uint64_t tree_offset;
	uint64_t tree_length;
	uint64_t payload_offset;
	uint64_t payload_length;
	uint8_t name[IMAGE_NAME_SIZE];
	uint8_t reserved[56];
};

struct image_disk_entry {
	uint32_t name_offset; /* in names */
	uint16_t name_length;
	uint16_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_ns;
	uint32_t parent;
	uint32_t attributes;
	uint32_t ref; /* directory: first child; file: content; symlink: target's offset in names */
	uint32_t count; /* directory: children; file: 0; symlink: target's length */
};

struct image_disk_content {
	uint64_t size;
	uint64_t payload_offset; /* in the image; 0 if size is 0 */
	uint64_t tree_offset;    /* in the image; 0 if one block holds the content */
	uint8_t root[IMAGE_DIGEST_SIZE];
};

#define IMAGE_HEADER_SIZE  256
#define IMAGE_ENTRY_SIZE   40
#define IMAGE_CONTENT_SIZE 56

_Static_assert(sizeof(struct image_disk_header) == IMAGE_HEADER_SIZE, "");
_Static_assert(offsetof(struct image_disk_header, kind) == 16, "");
_Static_assert(offsetof(struct image_disk_header, generation) == 24, "");
_Static_assert(offsetof(struct image_disk_header, total_length) == 40, "");
_Static_assert(offsetof(struct image_disk_header, entries_offset) == 56, "");
_Static_assert(offsetof(struct image_disk_header, contents_offset) == 72, "");
_Static_assert(offsetof(struct image_disk_header, names_offset) == 88, "");
_Static_assert(offsetof(struct image_disk_header, tree_offset) == 104, "");
_Static_assert(offsetof(struct image_disk_header, payload_offset) == 120, "");
_Static_assert(offsetof(struct image_disk_header, name) == 136, "");
_Static_assert(offsetof(struct image_disk_header, reserved) == 200, "");
_Static_assert(sizeof(struct image_disk_entry) == IMAGE_ENTRY_SIZE, "");
_Static_assert(offsetof(struct image_disk_entry, mtime_ns) == 16, "");
_Static_assert(offsetof(struct image_disk_entry, ref) == 32, "");
_Static_assert(sizeof(struct image_disk_content) == IMAGE_CONTENT_SIZE, "");
_Static_assert(offsetof(struct image_disk_content, root) == 24, "");

static inline void
image_put_u16(uint8_t *p, uint16_t v)
{
	v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap16(v) : v;
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void
image_put_u32(uint8_t *p, uint32_t v)
{
	v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void
image_put_u64(uint8_t *p, uint64_t v)
{
	v = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(v) : v;
	__builtin_memcpy(p, &v, sizeof(v));
}

#endif
