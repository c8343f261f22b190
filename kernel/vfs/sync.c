/* SPDX-License-Identifier: MIT */
/* Making what was written last: sync, syncfs, fsync; and advice about use to come. */
#include "syscall_protos.h"
#include "vfs/walk.h"

int64_t
sys_sync(void)
{
	(void)vfs_sync_all(); /* sync(2) has no errors */
	return 0;
}

int64_t
sys_syncfs(struct file *f)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	return f->path.dentry != NULL ? super_sync(f->path.dentry->super) : 0;
}

/* A file whose file system keeps nothing but memory is as safe as it will ever be. */
static int64_t
sync_file(struct file *f, bool data_only)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	if (f->ops->sync != NULL)
		return f->ops->sync(f, data_only);
	uint32_t type = f->inode != NULL ? f->inode->mode & S_IFMT : 0;
	return type == S_IFREG || type == S_IFDIR || type == S_IFBLK ? 0 : -EINVAL;
}

int64_t
sys_fsync(struct file *f)
{
	return sync_file(f, false);
}

int64_t
sys_fdatasync(struct file *f)
{
	return sync_file(f, true);
}

#define FADV_LAST 5 /* POSIX_FADV_NOREUSE */

int64_t
sys_fadvise64(struct file *f, int64_t offset, int64_t len, int advice)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	if (f->kind & FILE_STREAM)
		return -ESPIPE;
	return len < 0 || advice < 0 || advice > FADV_LAST ? -EINVAL
							   : 0; /* advice may be ignored */
}
