/* SPDX-License-Identifier: MIT */
/*
 * Names come and go: mkdir, mknod, symlink, link, unlink, rmdir. Renaming: rename.c.
 * Each finds the directory, locks it, looks the name up under the lock, checks, and lets the file system act.
 */
#include "abi/linux/fcntl.h"
#include "core/sched.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/names.h"
#include "vfs/walk.h"

#include <string.h>

/* A name that is about to be made: its directory is locked, d is negative. make_end() after 0. */
struct make {
	struct name name;
	struct walk w;
	struct dentry *d;
};
#define MAKE_ON_STACK(m) \
	struct make m __attribute__((uninitialized)) /* make_begin() sets what is used */

/* The walk is at the parent: locks it and finds the last component, which must not exist. */
static int
make_lock(struct make *m, bool dir) NO_LOCK_ANALYSIS
{
	struct walk *w = &m->w;
	if (w->file != NULL || w->last_type != LAST_NAME)
		return -EEXIST;
	rw_write_lock(&w->inode->lock);
	int err = dentry_find_hashed(w->path.dentry, w->last, w->last_len, w->last_hash, &m->d);
	if (err == 0) {
		if (dentry_inode(m->d) != NULL)
			err = -EEXIST;
		else if (w->slash && !dir)
			err = -ENOENT;
		else
			err = may_create(w);
		if (err == 0)
			return 0;
		dentry_put(m->d);
	}
	rw_write_unlock(&w->inode->lock);
	return err;
}

/* The same from a name that is there; on failure it is put. */
static int
make_begin_named(struct make *m, int dirfd, bool dir)
{
	int err = walk_begin(&m->w, dirfd, m->name.s, 0);
	if (err == 0) {
		err = walk_to_parent(&m->w, m->name.s);
		if (err == 0)
			err = make_lock(m, dir);
		if (err == 0)
			return 0;
		walk_end(&m->w);
	}
	name_put(&m->name);
	return err;
}

static int
make_begin(struct make *m, int dirfd, uaddr_t path, bool dir)
{
	int err = name_get(&m->name, path, 0);
	return err != 0 ? err : make_begin_named(m, dirfd, dir);
}

static int
make_end(struct make *m, int err) NO_LOCK_ANALYSIS
{
	if (err == 0)
		dentry_add(m->d);
	rw_write_unlock(&m->w.inode->lock);
	dentry_put(m->d);
	walk_end(&m->w);
	name_put(&m->name);
	return err;
}

int64_t
sys_mkdirat(int dirfd, uaddr_t path, uint32_t mode)
{
	MAKE_ON_STACK(m);
	int err = make_begin(&m, dirfd, path, true);
	if (err != 0)
		return err;
	struct inode *dir = m.w.inode;
	mode = S_IFDIR | (mode & (0777 | S_ISVTX) & ~current_umask());
	err = dir->ops->mkdir != NULL ? dir->ops->mkdir(dir, m.d, mode) : -EPERM;
	return make_end(&m, err);
}

static int
check_node_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		return cred_can(vfs_cred(), LINUX_CAP_MKNOD) ? 0 : -EPERM;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

int64_t
sys_mknodat(int dirfd, uaddr_t path, uint32_t mode, uint32_t dev)
{
	if ((mode & S_IFMT) == 0)
		mode |= S_IFREG;
	int err = check_node_type(mode);
	if (err != 0)
		return err;
	MAKE_ON_STACK(m);
	err = make_begin(&m, dirfd, path, false);
	if (err != 0)
		return err;
	struct inode *dir = m.w.inode;
	mode = (mode & S_IFMT) | inode_new_mode(dir, mode & 07777);
	bool device = (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK;
	err = dir->ops->create != NULL ? dir->ops->create(dir, m.d, mode, device ? dev : 0)
				       : -EPERM;
	return make_end(&m, err);
}

_Static_assert(VFS_SOCKET_NAME_MAX <= NAME_SHORT, "a socket's name is a short one");

int
vfs_make_socket(const char *name, struct path *out)
{
	struct make m = {0};
	size_t n = strnlen(name, VFS_SOCKET_NAME_MAX);
	if (n == 0)
		return -ENOENT;
	memcpy(m.name.inline_s, name, n);
	m.name.inline_s[n] = '\0';
	m.name.s = m.name.inline_s;
	m.name.len = n;
	int err = make_begin_named(&m, AT_FDCWD, false);
	if (err != 0)
		return err;
	struct inode *dir = m.w.inode;
	uint32_t mode = S_IFSOCK | (0777 & ~current_umask());
	err = dir->ops->create != NULL ? dir->ops->create(dir, m.d, mode, 0) : -EPERM;
	if (err == 0) {
		*out = (struct path){m.w.path.mount, m.d};
		path_get(out);
	}
	return make_end(&m, err);
}

int64_t
sys_symlinkat(uaddr_t target, int dirfd, uaddr_t path)
{
	NAME_ON_STACK(to);
	MAKE_ON_STACK(m);
	int err = name_get(&to, target, 0);
	if (err != 0)
		return err;
	err = make_begin(&m, dirfd, path, false);
	if (err == 0) {
		struct inode *dir = m.w.inode;
		err = dir->ops->symlink != NULL ? dir->ops->symlink(dir, m.d, to.s) : -EPERM;
		err = make_end(&m, err);
	}
	name_put(&to);
	return err;
}

static int
link_here(struct make *m, const struct walk *old)
{
	struct inode *i = old->inode, *dir = m->w.inode;
	if (old->path.mount != m->w.path.mount)
		return -EXDEV;
	int err = may_link(i);
	if (err != 0)
		return err;
	if ((i->mode & S_IFMT) == S_IFDIR || dir->ops->link == NULL || (i->flags & INODE_IMMUTABLE))
		return -EPERM;
	if (i->super != dir->super)
		return -EXDEV;
	rw_write_lock(&i->lock);
	err = i->nlink == 0 && !(i->flags & INODE_TMPFILE) ? -ENOENT : dir->ops->link(dir, m->d, i);
	rw_write_unlock(&i->lock);
	return err;
}

int64_t
sys_linkat(int olddirfd, uaddr_t oldpath, int newdirfd, uaddr_t newpath, uint32_t flags)
{
	uint32_t lookup;
	WALK_ON_STACK(old);
	MAKE_ON_STACK(m);
	int err = walk_at_flags(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH, &lookup);
	if (err != 0)
		return err;
	/* A handle to a file is not the permission to give it a name. */
	if ((flags & AT_EMPTY_PATH) && !cred_can(vfs_cred(), LINUX_CAP_DAC_READ_SEARCH))
		return -ENOENT;
	err = walk_user(&old, olddirfd, oldpath, lookup);
	if (err != 0)
		return err;
	if (old.file != NULL)
		err = -EXDEV;
	if (err == 0)
		err = make_begin(&m, newdirfd, newpath, false);
	if (err == 0)
		err = make_end(&m, link_here(&m, &old));
	walk_end(&old);
	return err;
}

/* The last component must be a name: what it is otherwise. */
static int
check_removable(const struct walk *w, bool dir)
{
	if (w->file != NULL)
		return -EBUSY;
	switch (w->last_type) {
	case LAST_NAME:
		return 0;
	case LAST_DOT:
		return dir ? -EINVAL : -EISDIR;
	case LAST_DOTDOT:
		return dir ? -ENOTEMPTY : -EISDIR;
	default:
		return dir ? -EBUSY : -EISDIR;
	}
}

/* Removes d, a child of the locked directory where the walk is. */
static int
remove_dentry(struct walk *w, struct dentry *d, bool dir)
{
	struct inode *i = dentry_inode(d), *parent = w->inode;
	if (i == NULL)
		return -ENOENT;
	int err = may_delete(w, i, dir);
	if (err != 0)
		return err;
	if (w->slash && !dir)
		return -ENOTDIR;
	int (*op)(struct inode *, struct dentry *) = dir ? parent->ops->rmdir : parent->ops->unlink;
	if (op == NULL)
		return -EPERM;
	rw_write_lock(&i->lock);
	err = atomic_load_explicit(&d->mounted, memory_order_relaxed) != NULL ? -EBUSY
									      : op(parent, d);
	if (err == 0)
		dentry_delete(d);
	rw_write_unlock(&i->lock);
	return err;
}

static int
remove_last(struct walk *w, bool dir)
{
	int err = check_removable(w, dir);
	if (err != 0)
		return err;
	struct inode *parent = w->inode;
	struct dentry *d;
	rw_write_lock(&parent->lock);
	err = dentry_find_hashed(w->path.dentry, w->last, w->last_len, w->last_hash, &d);
	if (err == 0)
		err = remove_dentry(w, d, dir);
	else
		d = NULL;
	rw_write_unlock(&parent->lock);
	/* The file itself may go with its last name, which can take long: not under the lock. */
	if (d != NULL)
		dentry_put(d);
	return err;
}

int64_t
sys_unlinkat(int dirfd, uaddr_t path, uint32_t flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	NAME_ON_STACK(n);
	WALK_ON_STACK(w);
	int err = name_get(&n, path, 0);
	if (unlikely(err != 0))
		return err;
	err = walk_begin(&w, dirfd, n.s, 0);
	if (likely(err == 0)) {
		err = walk_to_parent(&w, n.s);
		if (likely(err == 0))
			err = remove_last(&w, (flags & AT_REMOVEDIR) != 0);
		walk_end(&w);
	}
	name_put(&n);
	return err;
}
