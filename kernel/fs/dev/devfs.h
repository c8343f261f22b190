/* SPDX-License-Identifier: MIT */
/*
 * Devices: a registry of device numbers, and the file system (devtmpfs) in which each has a name.
 *
 * Opening a character or block device node of any file system looks its number up in the registry. Names can be made
 * and removed by users as in a tmpfs; the registry is the kernel's alone.
 * Locks: registry_lock (spin, leaf); the directory's inode->lock for names.
 */
#ifndef FS_DEV_DEVFS_H
#define FS_DEV_DEVFS_H

#include "core/types.h"
#include "vfs/vfs.h"

void devfs_init(void);

/*
 * Adds a device and its node /dev/NAME (name may contain one slash; it must stay). mode: S_IFCHR or S_IFBLK with
 * permissions. priv is what a file's priv is when fops->open is called. -EEXIST (name or number), -ENOMEM. May sleep.
 */
int devfs_register(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *fops,
	void *priv) MUST_CHECK;
/* A symlink in /dev. */
int devfs_symlink(const char *name, const char *target) MUST_CHECK;

/* For the VFS: makes f a file of the device that inode names. -ENXIO: no such device. */
int device_open(struct inode *inode, struct file *f) MUST_CHECK;

#endif
