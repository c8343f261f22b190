/* SPDX-License-Identifier: MIT */
/* Who may do what with a file: mode bits as on Linux, and what swos asks on top for changes. */
#include "proc/task.h"
#include "vfs/walk.h"

/* What a kernel thread is to file systems. */
const struct cred vfs_kernel_cred = {.refs = {1},
	.caps = CAP_ALL,
	.caps_saved = CAP_ALL,
	.lcaps = {.effective = LINUX_CAPS_ALL, .permitted = LINUX_CAPS_ALL}};

int
super_may_write(const struct super *s)
{
	if (atomic_load_explicit((_Atomic uint32_t *)&s->flags, memory_order_relaxed) &
		SUPER_READONLY)
		return -EROFS;
	return (vfs_cred()->caps & s->write_caps) == s->write_caps ? 0 : -EPERM;
}

int
path_may_write(const struct path *p)
{
	if (p->mount != NULL && (mount_flags(p->mount) & MS_RDONLY))
		return -EROFS;
	struct inode *i = dentry_inode(p->dentry);
	if (i != NULL && (i->flags & INODE_IMMUTABLE))
		return -EROFS;
	return super_may_write(p->dentry->super);
}

/*
 * Who may override the mode is stopped by nothing but the absence of every x bit when it wants to execute a file; who
 * may only read and search, by what changes something.
 */
static bool
may_override(const struct cred *c, const struct inode *i, uint32_t may)
{
	bool dir = (i->mode & S_IFMT) == S_IFDIR;
	if (cred_can(c, LINUX_CAP_DAC_OVERRIDE))
		return !(may & MAY_EXEC) || dir || (i->mode & 0111) != 0;
	if (!cred_can(c, LINUX_CAP_DAC_READ_SEARCH))
		return false;
	return dir ? !(may & MAY_WRITE) : may == MAY_READ;
}

int
cred_permission(const struct cred *c, struct inode *i, uint32_t may)
{
	if (i->ops->permission != NULL)
		return i->ops->permission(i, may);
	uint32_t mode = i->mode;
	if (c->fsuid == i->uid)
		mode >>= 6;
	else if (c->fsgid == i->gid || cred_in_group(c, i->gid))
		mode >>= 3;
	if (likely((mode & may) == may) || may_override(c, i, may))
		return 0;
	return -EACCES;
}

int
inode_permission(struct inode *i, uint32_t may)
{
	if (may & MAY_WRITE) {
		uint32_t type = i->mode & S_IFMT;
		if (type == S_IFREG || type == S_IFDIR || type == S_IFLNK) {
			int err = (i->flags & INODE_IMMUTABLE) ? -EROFS : super_may_write(i->super);
			if (err != 0)
				return err;
		}
	}
	return cred_permission(vfs_cred(), i, may);
}

bool
inode_owner_or_root(const struct inode *i)
{
	const struct cred *c = vfs_cred();
	return c->fsuid == i->uid || cred_can(c, LINUX_CAP_FOWNER);
}

int
may_create(const struct walk *w)
{
	if (dentry_is_deleted(w->path.dentry))
		return -ENOENT;
	int err = path_may_write(&w->path);
	if (err == 0)
		err = cred_permission(w->cred, w->inode, MAY_WRITE | MAY_EXEC);
	if (err == 0 && !(w->rights & RIGHT_WRITE))
		err = -EPERM;
	return err;
}

int
may_delete(const struct walk *w, struct inode *victim, bool want_dir)
{
	int err = path_may_write(&w->path);
	if (err == 0)
		err = cred_permission(w->cred, w->inode, MAY_WRITE | MAY_EXEC);
	if (err == 0 && !(w->rights & RIGHT_WRITE))
		err = -EPERM;
	if (err != 0)
		return err;
	if (unlikely(w->inode->mode & S_ISVTX) && !cred_can(w->cred, LINUX_CAP_FOWNER) &&
		w->cred->fsuid != victim->uid && w->cred->fsuid != w->inode->uid)
		return -EPERM;
	bool dir = (victim->mode & S_IFMT) == S_IFDIR;
	if (want_dir && !dir)
		return -ENOTDIR;
	if (!want_dir && dir)
		return -EISDIR;
	return 0;
}

/*
 * Where everybody may make names, and nobody but its owner takes one away again, a name may be a trap. What Linux has as
 * fs.protected_symlinks, _hardlinks, _regular and _fifos (Documentation/admin-guide/sysctl/fs.rst), each at 1.
 */
static inline bool
is_shared(uint32_t dir_mode)
{
	return (dir_mode & (S_ISVTX | 0002)) == (S_ISVTX | 0002);
}

int
may_follow_last(const struct walk *w, const struct inode *link)
{
	const struct inode *dir = w->inode;
	if (likely(!is_shared(dir->mode)) || link->uid == w->cred->fsuid || link->uid == dir->uid)
		return 0;
	return -EACCES;
}

int
may_link(struct inode *i)
{
	uint32_t both = S_ISGID | 0010;
	if (inode_owner_or_root(i))
		return 0;
	if ((i->mode & S_IFMT) != S_IFREG || (i->mode & S_ISUID) || (i->mode & both) == both ||
		cred_permission(vfs_cred(), i, MAY_READ | MAY_WRITE) != 0)
		return -EPERM;
	return 0;
}

int
may_take_for_new(const struct walk *w, uint32_t dir_mode, uint32_t dir_uid)
{
	const struct inode *i = w->inode;
	if (likely(!is_shared(dir_mode)) || i->uid == dir_uid || i->uid == w->cred->fsuid)
		return 0;
	return -EACCES;
}
