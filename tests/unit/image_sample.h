/* SPDX-License-Identifier: MIT */
/*
 * A small image in memory, made without the tools' code so that the two check one another: directories with and
 * without children, a symlink, an empty file, two files that share a content, one of a single block and one whose
 * hash tree has two levels.
 *
 *	0 /    1 bin/    2 empty/    3 etc/    4 link -> bin/tool
 *	5 bin/big    6 bin/tool    7 etc/motd    8 etc/none    9 etc/same (as motd)
 */
#ifndef TESTS_UNIT_IMAGE_SAMPLE_H
#define TESTS_UNIT_IMAGE_SAMPLE_H

#include <stdlib.h>
#include <string.h>
#include "base/reader.h"
#include "crypto/sha256.h"
#include "image/image.h"
#include "image/tree.h"
#include "sodium/crypto_sign_ed25519.h"

enum {
	SAMPLE_ENTRIES = 10,
	SAMPLE_CONTENTS = 4,
	SAMPLE_BIG = 0, /* contents, in the order of reference */
	SAMPLE_TOOL = 1,
	SAMPLE_MOTD = 2,
	SAMPLE_NONE = 3,
	SAMPLE_BIG_BLOCKS = 130,
	SAMPLE_BIG_SIZE = 129 * 4096 + 100,
	SAMPLE_SIGNED = 4096 - 64,
	SAMPLE_TREE = 4096,
	SAMPLE_PAYLOAD = SAMPLE_TREE + 3 * 4096,
	SAMPLE_SIZE = SAMPLE_PAYLOAD + (SAMPLE_BIG_BLOCKS + 2) * 4096,
	SAMPLE_CONTENTS_AT = IMAGE_HEADER_SIZE + SAMPLE_ENTRIES * IMAGE_ENTRY_SIZE,
	SAMPLE_NAMES_AT = SAMPLE_CONTENTS_AT + SAMPLE_CONTENTS * IMAGE_CONTENT_SIZE,
};

static const char sample_names[] = "binemptyetclinkbigtoolmotdnonesamebin/tool";

#define SAMPLE_HEADER(field) (offsetof(struct image_disk_header, field))
#define SAMPLE_ENTRY(n, field) \
	(IMAGE_HEADER_SIZE + (n) * IMAGE_ENTRY_SIZE + offsetof(struct image_disk_entry, field))
#define SAMPLE_CONTENT(n, field) \
	(SAMPLE_CONTENTS_AT + (n) * IMAGE_CONTENT_SIZE + offsetof(struct image_disk_content, field))

static inline void
sample_entry(uint8_t *image, uint32_t n, const char *name, uint32_t mode, uint32_t parent,
	uint32_t ref, uint32_t count)
{
	const char *at = strstr(sample_names, name);
	image_put_u32(image + SAMPLE_ENTRY(n, name_offset), (uint32_t)(at - sample_names));
	image_put_u16(image + SAMPLE_ENTRY(n, name_length), (uint16_t)strlen(name));
	image_put_u16(image + SAMPLE_ENTRY(n, mode), (uint16_t)mode);
	image_put_u32(image + SAMPLE_ENTRY(n, uid), n);
	image_put_u32(image + SAMPLE_ENTRY(n, gid), 2 * n);
	image_put_u64(image + SAMPLE_ENTRY(n, mtime_ns), 1000000000ull * n + n);
	image_put_u32(image + SAMPLE_ENTRY(n, parent), parent);
	image_put_u32(image + SAMPLE_ENTRY(n, attributes), n == 6 ? IMAGE_ATTR_WX : 0);
	image_put_u32(image + SAMPLE_ENTRY(n, ref), ref);
	image_put_u32(image + SAMPLE_ENTRY(n, count), count);
}

/* Hashes `count` blocks at `from` into consecutive digests at `to`. */
static inline void
sample_hash(const uint8_t *from, size_t count, uint8_t *to)
{
	for (size_t i = 0; i < count; i++)
		sha256(from + i * 4096, 4096, to + i * 32);
}

static inline void
sample_content(uint8_t *image, uint32_t n, uint64_t size, uint64_t payload)
{
	image_put_u64(image + SAMPLE_CONTENT(n, size), size);
	image_put_u64(image + SAMPLE_CONTENT(n, payload_offset), payload);
	for (uint64_t i = 0; i < size; i++)
		image[payload + i] = (uint8_t)(i * 7 + i / 4096 + n);
	if (size && size <= 4096)
		sample_hash(image + payload, 1, image + SAMPLE_CONTENT(n, root));
}

static inline void
sample_big(uint8_t *image)
{
	uint8_t *top = image + SAMPLE_TREE, *leaves = top + 4096;
	sample_content(image, SAMPLE_BIG, SAMPLE_BIG_SIZE, SAMPLE_PAYLOAD);
	image_put_u64(image + SAMPLE_CONTENT(SAMPLE_BIG, tree_offset), SAMPLE_TREE);
	sample_hash(image + SAMPLE_PAYLOAD, SAMPLE_BIG_BLOCKS, leaves);
	sample_hash(leaves, 2, top);
	sample_hash(top, 1, image + SAMPLE_CONTENT(SAMPLE_BIG, root));
}

static inline void
sample_header(uint8_t *image)
{
	memcpy(image, IMAGE_MAGIC, IMAGE_MAGIC_SIZE);
	image_put_u32(image + SAMPLE_HEADER(version), IMAGE_VERSION);
	image_put_u32(image + SAMPLE_HEADER(header_size), IMAGE_HEADER_SIZE);
	image_put_u32(image + SAMPLE_HEADER(kind), IMAGE_BASE);
	image_put_u32(image + SAMPLE_HEADER(flags), IMAGE_DEVELOPMENT);
	image_put_u64(image + SAMPLE_HEADER(generation), 7);
	image_put_u64(image + SAMPLE_HEADER(total_length), SAMPLE_SIZE);
	image_put_u64(image + SAMPLE_HEADER(signed_length), SAMPLE_SIGNED);
	image_put_u64(image + SAMPLE_HEADER(entries_offset), IMAGE_HEADER_SIZE);
	image_put_u32(image + SAMPLE_HEADER(entry_count), SAMPLE_ENTRIES);
	image_put_u32(image + SAMPLE_HEADER(entry_size), IMAGE_ENTRY_SIZE);
	image_put_u64(image + SAMPLE_HEADER(contents_offset), SAMPLE_CONTENTS_AT);
	image_put_u32(image + SAMPLE_HEADER(content_count), SAMPLE_CONTENTS);
	image_put_u32(image + SAMPLE_HEADER(content_size), IMAGE_CONTENT_SIZE);
	image_put_u64(image + SAMPLE_HEADER(names_offset), SAMPLE_NAMES_AT);
	image_put_u64(image + SAMPLE_HEADER(names_length), sizeof(sample_names) - 1);
	image_put_u64(image + SAMPLE_HEADER(tree_offset), SAMPLE_TREE);
	image_put_u64(image + SAMPLE_HEADER(tree_length), SAMPLE_PAYLOAD - SAMPLE_TREE);
	image_put_u64(image + SAMPLE_HEADER(payload_offset), SAMPLE_PAYLOAD);
	image_put_u64(image + SAMPLE_HEADER(payload_length), SAMPLE_SIZE - SAMPLE_PAYLOAD);
	memcpy(image + SAMPLE_HEADER(name), "sample", 6);
}

/* The unsigned sample, SAMPLE_SIZE bytes, to be freed. */
static inline uint8_t *
sample_make(void)
{
	uint8_t *image = calloc(1, SAMPLE_SIZE);
	const uint32_t dir = IMAGE_TYPE_DIR | 0755, file = IMAGE_TYPE_FILE | 0644;
	if (!image)
		abort();
	sample_header(image);
	sample_entry(image, 0, "", dir, 0, 1, 4);
	sample_entry(image, 1, "bin", dir, 0, 5, 2);
	sample_entry(image, 2, "empty", dir, 0, 0, 0);
	sample_entry(image, 3, "etc", dir, 0, 7, 3);
	sample_entry(image, 4, "link", IMAGE_TYPE_LINK | 0777, 0,
		(uint32_t)(strstr(sample_names, "bin/tool") - sample_names), 8);
	sample_entry(image, 5, "big", file, 1, SAMPLE_BIG, 0);
	sample_entry(image, 6, "tool", IMAGE_TYPE_FILE | 0755, 1, SAMPLE_TOOL, 0);
	sample_entry(image, 7, "motd", file, 3, SAMPLE_MOTD, 0);
	sample_entry(image, 8, "none", file, 3, SAMPLE_NONE, 0);
	sample_entry(image, 9, "same", file, 3, SAMPLE_MOTD, 0);
	sample_big(image);
	sample_content(image, SAMPLE_TOOL, 4096, SAMPLE_PAYLOAD + SAMPLE_BIG_BLOCKS * 4096);
	sample_content(image, SAMPLE_MOTD, 5, SAMPLE_PAYLOAD + (SAMPLE_BIG_BLOCKS + 1) * 4096);
	memcpy(image + SAMPLE_NAMES_AT, sample_names, sizeof(sample_names) - 1);
	return image;
}

struct sample_signer {
	struct image_key key;
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
};

/* The same `number` gives the same key. */
static inline struct sample_signer
sample_signer(uint32_t kind, uint8_t number)
{
	struct sample_signer s = {.key.kind = kind};
	uint8_t seed[crypto_sign_ed25519_SEEDBYTES], digest[SHA256_DIGEST_SIZE];
	memset(seed, number, sizeof(seed));
	crypto_sign_ed25519_seed_keypair(s.key.public_key, s.secret, seed);
	sha256(s.key.public_key, sizeof(s.key.public_key), digest);
	memcpy(s.key.id, digest, sizeof(s.key.id));
	return s;
}

/* Puts the signer's key id into the header and the signature after the signed region. */
static inline void
sample_sign(uint8_t *image, const struct sample_signer *s)
{
	memcpy(image + SAMPLE_HEADER(key_id), s->key.id, IMAGE_KEY_ID_SIZE);
	crypto_sign_ed25519_detached(image + SAMPLE_SIGNED, NULL, image, SAMPLE_SIGNED, s->secret);
}

#endif
