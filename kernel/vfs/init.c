/* SPDX-License-Identifier: MIT */
/* Boot: the VFS and the file systems that are always there. */
#include "fs/base/basefs.h"
#include "fs/tmp/tmpfs.h"
#include "mm/object.h"
#include "vfs/lock.h"
#include "vfs/walk.h"

static struct vm_shrinker shrinker = {.shrink = dentry_shrink};

void
vfs_init(void)
{
	super_init();
	inode_cache_init();
	dentry_init();
	mount_init();
	file_init_cache();
	file_locks_init();
	vm_register_shrinker(&shrinker);
	tmpfs_init();
	basefs_init();
}
