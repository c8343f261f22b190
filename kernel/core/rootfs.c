/* SPDX-License-Identifier: MIT */
/* Finds, verifies and mounts the base image. */
#define LOG_SOURCE "boot"
#include "core/rootfs.h"

#include "core/log.h"
#include "core/panic.h"
#include "dev/block/block.h"
#include "fdt/platform.h"
#include "fs/base/basefs.h"
#include "mm/page.h"
#include "vfs/vfs.h"

#define REASON_MAX 200

/* Mounts the image on / if it verifies; otherwise *reason says why not. */
static bool
try_source(const struct image_source *src, char *reason)
{
	struct super *s;
	int err = basefs_mount_image(src, &s, reason, REASON_MAX);
	if (err != 0) {
		log_err("%s: the image is refused: %s", src->name, reason);
		return false;
	}
	err = vfs_mount_super(s, src->name, "/", 0);
	if (err != 0)
		panic("cannot mount the base image: error %d", -err);
	const struct image_info *info = basefs_info();
	log_info("%s: %s generation %llu%s", src->name, info->name,
		(unsigned long long)info->generation,
		info->development ? ", a development image" : "");
	return true;
}

static struct image_source
initrd_source(const struct platform *platform)
{
	return (struct image_source){
		.memory = phys_to_virt(platform->initrd.base),
		.size = platform->initrd.size,
		.name = "initrd",
	};
}

static struct image_source
block_source(struct block_device *b)
{
	return (struct image_source){.block = b, .size = block_capacity(b), .name = b->name};
}

/* Tries the disks that hold an image, whatever their order; the first that verifies wins. */
static bool
mount_from_disk(char *reason, bool initrd_won)
{
	uint32_t images = 0;
	for (struct block_device *b = block_next(NULL); b != NULL; b = block_next(b)) {
		struct image_source src = block_source(b);
		if (!basefs_probe(&src))
			continue;
		images++;
		if (initrd_won) {
			log_info("%s: holds an image too; the initrd wins", src.name);
			continue;
		}
		if (try_source(&src, reason))
			return true;
	}
	return images != 0 && initrd_won;
}

void
rootfs_mount(const struct platform *platform)
{
	char reason[REASON_MAX] = "no disk and no initrd holds an image";
	bool mounted = false;
	if (platform->initrd.size != 0) {
		struct image_source src = initrd_source(platform);
		mounted = try_source(&src, reason);
	}
	mounted |= mount_from_disk(reason, mounted);
	if (!mounted)
		panic("nothing to mount as /: %s", reason);
	int err = vfs_mount("devtmpfs", "devtmpfs", "/dev", 0, "");
	if (err != 0)
		panic("cannot mount /dev: error %d", -err);
}
