/* SPDX-License-Identifier: MIT */
/* tmpfs: directories. The VFS keeps the names; here are the counts of links, the times, and what may not be. */
#include <string.h>

#include "fs/tmp/tmpfs.h"
#include "mm/slab.h"

static void
touch_dir(struct inode *dir, const struct ktimespec *now)
{
	dir->mtime = dir->ctime = *now;
}

static int
tmpfs_create_node(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev)
{
	struct inode *i;
	int err = tmpfs_inode_create(dir->super, dir, mode, rdev, &i);
	if (err != 0)
		return err;
	touch_dir(dir, &i->ctime);
	dentry_bind(d, i);
	return 0;
}

static int
tmpfs_tmpfile(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct inode *i;
	int err = tmpfs_inode_create(dir->super, dir, mode, 0, &i);
	if (err != 0)
		return err;
	i->nlink = 0;
	i->flags |= INODE_TMPFILE;
	dentry_bind(d, i);
	return 0;
}

static int
tmpfs_mkdir(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct inode *i;
	int err = tmpfs_node_create(dir->super, dir, mode, &i);
	if (err != 0)
		return err;
	i->nlink = 2;
	dir->nlink++;
	touch_dir(dir, &i->ctime);
	dentry_bind(d, i);
	return 0;
}

static int
tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	size_t len = strlen(target);
	char *copy = kmalloc(len + 1, 0);
	if (copy == NULL)
		return -ENOMEM;
	struct inode *i;
	int err = tmpfs_node_create(dir->super, dir, S_IFLNK | 0777, &i);
	if (err != 0) {
		kfree(copy);
		return err;
	}
	memcpy(copy, target, len + 1);
	i->priv = copy;
	tmpfs_node_of(i)->link_len = (uint32_t)len;
	touch_dir(dir, &i->ctime);
	dentry_bind(d, i);
	return 0;
}

static int
tmpfs_link(struct inode *dir, struct dentry *d, struct inode *i)
{
	if (i->nlink == UINT32_MAX)
		return -EMLINK;
	ktime_now(&i->ctime);
	touch_dir(dir, &i->ctime);
	i->nlink++;
	i->flags &= ~INODE_TMPFILE;
	inode_get(i);
	dentry_bind(d, i);
	return 0;
}

static int
tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	struct inode *i = dentry_inode(d);
	ktime_now(&i->ctime);
	touch_dir(dir, &i->ctime);
	i->nlink--;
	return 0;
}

static int
tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	struct inode *i = dentry_inode(d);
	if (!list_empty(&d->children))
		return -ENOTEMPTY;
	ktime_now(&i->ctime);
	touch_dir(dir, &i->ctime);
	i->nlink = 0;
	dir->nlink--;
	return 0;
}

static bool
is_dir(const struct inode *i)
{
	return (i->mode & S_IFMT) == S_IFDIR;
}

/* Moves d's inode's share of a parent's link count. */
static void
move_link(struct inode *from_dir, struct inode *to_dir, const struct inode *i)
{
	if (from_dir != to_dir && is_dir(i)) {
		from_dir->nlink--;
		to_dir->nlink++;
	}
}

static int
tmpfs_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to,
	uint32_t flags)
{
	struct inode *i = dentry_inode(from), *other = dentry_inode(to);
	struct ktimespec now;
	bool exchange = (flags & RENAME_EXCHANGE) != 0;
	if (other != NULL && !exchange && is_dir(other) && !list_empty(&to->children))
		return -ENOTEMPTY;
	ktime_now(&now);
	touch_dir(from_dir, &now);
	touch_dir(to_dir, &now);
	i->ctime = now;
	move_link(from_dir, to_dir, i);
	if (other == NULL)
		return 0;
	other->ctime = now;
	if (exchange) {
		move_link(to_dir, from_dir, other);
	} else if (is_dir(other)) {
		other->nlink = 0;
		to_dir->nlink--;
	} else {
		other->nlink--;
	}
	return 0;
}

const struct inode_ops tmpfs_dir_inode_ops = {
	.create = tmpfs_create_node,
	.mkdir = tmpfs_mkdir,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.tmpfile = tmpfs_tmpfile,
};

const struct file_ops tmpfs_dir_ops = {
	.readdir = pinned_readdir,
	.seek = generic_file_seek,
};
