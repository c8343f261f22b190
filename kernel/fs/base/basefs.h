/* SPDX-License-Identifier: MIT */
/*
 * The immutable file system: signed SWOSBASE images (docs/formats/image.md), read through lib/image.
 *
 * Mounting checks the signature and the structure before a single inode exists; inodes are made when their names are
 * looked up. Blocks are checked against their content's hash tree when they enter the page cache; one that does not
 * match is never read: EIO, and one line in the log.
 */
#ifndef FS_BASE_BASEFS_H
#define FS_BASE_BASEFS_H

#include "core/types.h"

struct block_device;
struct super;

/* Where an image lies: page-aligned memory in the linear map (an initrd), or a block device. Must stay. */
struct image_source {
	const void *memory;         /* or NULL */
	struct block_device *block; /* or NULL */
	uint64_t size;              /* bytes available */
	const char *name;           /* for the log: "initrd", "vda" */
};

struct image_info {
	const char *kind; /* "base" */
	const char *name;
	uint64_t generation;
	bool development;
};

void basefs_init(void); /* boot */
/* Whether the source begins with an image's magic. May sleep. */
bool basefs_probe(const struct image_source *src);
/*
 * Verifies the image and makes a super of it, with one reference. -EINVAL (no image), -EBADMSG, -ENOKEY,
 * -EKEYREJECTED (refused), -EIO, -ENOMEM; reason gets one line that says why. May sleep.
 */
int basefs_mount_image(
	const struct image_source *src, struct super **out, char *reason, size_t size) MUST_CHECK;
/* What the first mounted base image says of itself; NULL before that. */
const struct image_info *basefs_info(void);

#endif
