/* SPDX-License-Identifier: MIT */
/* Where a task is in the name space: working directory, root, umask. */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

uint32_t
current_umask(void)
{
	if (arch_current()->process == NULL)
		return 022;
	return current_task()->fs->umask; /* a racing umask(2) gives the one or the other */
}

int64_t
sys_umask(uint32_t mask)
{
	struct fs_context *fs = current_task()->fs;
	spin_lock(&fs->lock);
	uint32_t old = fs->umask;
	fs->umask = mask & 0777;
	spin_unlock(&fs->lock);
	return old;
}

int64_t
sys_getcwd(uaddr_t buf, size_t size)
{
	struct fs_context *fs = current_task()->fs;
	spin_lock(&fs->lock);
	struct path cwd = fs->cwd;
	path_get(&cwd);
	spin_unlock(&fs->lock);
	char *name = NULL;
	int64_t result = -ENOENT;
	if (dentry_is_deleted(cwd.dentry))
		goto out;
	name = kmalloc(PATH_NAME_MAX, 0);
	result = name == NULL ? -ENOMEM : path_name(&cwd, name, PATH_NAME_MAX);
	if (result >= 0) {
		result++; /* the NUL */
		if ((size_t)result > size)
			result = -ERANGE;
		else if (copy_to_user(buf, name, (size_t)result) != 0)
			result = -EFAULT;
	}
out:
	kfree(name);
	path_put(&cwd);
	return result;
}

/* Puts p (reference taken over) in the place of the working directory or the root. */
static void
replace(struct path *at, const struct path *p)
{
	struct fs_context *fs = current_task()->fs;
	spin_lock(&fs->lock);
	struct path old = *at;
	*at = *p;
	spin_unlock(&fs->lock);
	path_put(&old);
}

static int
check_dir(const struct path *p)
{
	struct inode *i = dentry_inode(p->dentry);
	if ((i->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	return inode_permission(i, MAY_EXEC);
}

int64_t
sys_chdir(uaddr_t path)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (err != 0)
		return err;
	err = check_dir(&p);
	if (err == 0)
		replace(&current_task()->fs->cwd, &p);
	else
		path_put(&p);
	return err;
}

int64_t
sys_fchdir(struct file *f)
{
	if (f->path.dentry == NULL)
		return -ENOTDIR;
	int err = check_dir(&f->path);
	if (err != 0)
		return err;
	path_get(&f->path);
	replace(&current_task()->fs->cwd, &f->path);
	return 0;
}

int64_t
sys_chroot(uaddr_t path)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (err != 0)
		return err;
	err = check_dir(&p);
	if (err == 0 && !cred_can(current_cred(), LINUX_CAP_SYS_CHROOT))
		err = -EPERM;
	if (err == 0)
		replace(&current_task()->fs->root, &p);
	else
		path_put(&p);
	return err;
}
