/* SPDX-License-Identifier: MIT */
/*
 * Devices by name and number: the registry that drivers fill, and /dev (type "devtmpfs"), a tmpfs in which each
 * registered device appears. A character or block device inode of any file system is opened through the registry.
 */
#ifndef FS_DEV_DEVFS_H
#define FS_DEV_DEVFS_H

#include "core/types.h"

struct file;
struct file_ops;
struct inode;

/*
 * Registers a device for ever: name below /dev ("null", "input/event0"), mode with S_IFCHR or S_IFBLK and permissions,
 * rdev as DEV_MAKE() has it. Opening gives the file fops and priv, then calls fops->open (if there is one). fops may be
 * NULL for a node whose number is registered otherwise. -EEXIST, -ENOMEM. Thread context.
 */
int devfs_register(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *fops,
	void *priv) MUST_CHECK;
/* Takes a name out of /dev; the number stays openable through other nodes. For devices that go. */
void devfs_unregister_name(const char *name);

/* Opens a device inode: for the VFS. -ENXIO: no such device. */
int device_open(struct inode *inode, struct file *f) MUST_CHECK;

void devfs_init(void); /* after vfs_init() */

/* Within fs/dev. */
void devices_init(void);

#endif
