/* SPDX-License-Identifier: MIT */
/*
 * rename, renameat2.
 *
 * Two directories are locked ancestor first, under the super's rename_lock, which keeps the tree of directories as it
 * is meanwhile; then the inode that is replaced.
 */
#include "abi/linux/fcntl.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

struct rename {
	struct name old_name, new_name;
	struct walk from, to;
	struct dentry *old, *new;
	uint32_t flags;
};

static void
lock_dirs(struct dentry *a, struct dentry *b) NO_LOCK_ANALYSIS
{
	if (a == b) {
		rw_write_lock(&dentry_inode(a)->lock);
		return;
	}
	mutex_lock(&a->super->rename_lock);
	if (dentry_is_ancestor(b, a)) {
		struct dentry *t = a;
		a = b;
		b = t;
	}
	rw_write_lock(&dentry_inode(a)->lock);
	rw_write_lock(&dentry_inode(b)->lock);
}

static void
unlock_dirs(struct dentry *a, struct dentry *b) NO_LOCK_ANALYSIS
{
	rw_write_unlock(&dentry_inode(a)->lock);
	if (a == b)
		return;
	rw_write_unlock(&dentry_inode(b)->lock);
	mutex_unlock(&a->super->rename_lock);
}

/* Whether both names are what the flags want them to be. */
static int
check_existence(const struct rename *r)
{
	struct inode *old = dentry_inode(r->old), *new = dentry_inode(r->new);
	if (old == NULL)
		return -ENOENT;
	if ((r->flags & RENAME_NOREPLACE) && new != NULL)
		return -EEXIST;
	if ((r->flags & RENAME_EXCHANGE) && new == NULL)
		return -ENOENT;
	if (!is_dir(old) && r->from.slash)
		return -ENOTDIR;
	bool ends_as_dir = (r->flags & RENAME_EXCHANGE) ? is_dir(new) : is_dir(old);
	if (!ends_as_dir && r->to.slash)
		return -ENOTDIR;
	return 0;
}

/* No directory may come to lie in itself; in one directory that cannot happen. */
static int
check_tree(const struct rename *r)
{
	const struct dentry *from = r->from.path.dentry, *to = r->to.path.dentry;
	if (from == to)
		return 0;
	if (dentry_is_ancestor(r->old, to))
		return -EINVAL;
	if (dentry_is_ancestor(r->new, from))
		return (r->flags & RENAME_EXCHANGE) ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* A directory that gets another parent is changed itself: its "..". */
static int
may_move(const struct walk *from, const struct walk *to, struct inode *i)
{
	if (!is_dir(i) || from->inode == to->inode)
		return 0;
	return cred_permission(from->cred, i, MAY_WRITE);
}

static int
check_permission(const struct rename *r)
{
	struct inode *old = dentry_inode(r->old), *new = dentry_inode(r->new);
	int err = may_delete(&r->from, old, is_dir(old));
	if (err == 0)
		err = new == NULL
			? may_create(&r->to)
			: may_delete(&r->to, new,
				  (r->flags & RENAME_EXCHANGE) ? is_dir(new) : is_dir(old));
	if (err == 0 && dentry_is_deleted(r->to.path.dentry))
		err = -ENOENT;
	if (err == 0)
		err = may_move(&r->from, &r->to, old);
	if (err == 0 && new != NULL && (r->flags & RENAME_EXCHANGE))
		err = may_move(&r->to, &r->from, new);
	return err;
}

static bool
is_mount_point(const struct dentry *d)
{
	return atomic_load_explicit((struct mount * _Atomic *)&d->mounted, memory_order_relaxed) !=
		NULL;
}

/* Everything is checked; the directories are locked. */
static int
commit(struct rename *r) NO_LOCK_ANALYSIS
{
	struct inode *dir = r->from.inode, *replaced = dentry_inode(r->new);
	bool exchange = (r->flags & RENAME_EXCHANGE) != 0;
	if (dir->ops->rename == NULL)
		return -EPERM;
	if (replaced != NULL)
		rw_write_lock(&replaced->lock);
	int err = is_mount_point(r->old) || is_mount_point(r->new)
		? -EBUSY
		: dir->ops->rename(dir, r->old, r->to.inode, r->new, r->flags);
	if (err == 0)
		dentry_move(r->old, r->new, exchange);
	if (replaced != NULL)
		rw_write_unlock(&replaced->lock);
	return err;
}

static int
rename_locked(struct rename *r)
{
	struct dentry *from = r->from.path.dentry, *to = r->to.path.dentry;
	r->new = NULL;
	int err = dentry_find_hashed(
		from, r->from.last, r->from.last_len, r->from.last_hash, &r->old);
	if (err != 0) {
		r->old = NULL;
		return err;
	}
	err = dentry_find_hashed(to, r->to.last, r->to.last_len, r->to.last_hash, &r->new);
	if (err != 0) {
		r->new = NULL;
		return err;
	}
	err = check_existence(r);
	if (err == 0)
		err = check_tree(r);
	if (err == 0)
		err = check_permission(r);
	if (err != 0)
		return err;
	if (dentry_inode(r->old) == dentry_inode(r->new))
		return 0; /* two names of one file: both stay */
	return commit(r);
}

static int
rename_walked(struct rename *r)
{
	struct walk *from = &r->from, *to = &r->to;
	if (from->file != NULL || to->file != NULL || from->last_type != LAST_NAME)
		return -EBUSY;
	if (to->last_type != LAST_NAME)
		return (r->flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY;
	if (from->path.mount != to->path.mount)
		return -EXDEV;
	lock_dirs(from->path.dentry, to->path.dentry);
	int err = rename_locked(r);
	unlock_dirs(from->path.dentry, to->path.dentry);
	/* What was replaced may go now, which can take long: not under the locks. */
	if (r->old != NULL)
		dentry_put(r->old);
	if (r->new != NULL)
		dentry_put(r->new);
	return err;
}

static int
walk_parent_user(struct walk *w, struct name *n, int dirfd, uaddr_t path)
{
	int err = name_get(n, path, 0);
	if (err != 0)
		return err;
	err = walk_begin(w, dirfd, n->s, 0);
	if (err == 0) {
		err = walk_to_parent(w, n->s);
		if (err == 0)
			return 0;
		walk_end(w);
	}
	name_put(n);
	return err;
}

int64_t
sys_renameat2(int olddirfd, uaddr_t oldpath, int newdirfd, uaddr_t newpath, uint32_t flags)
{
	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
		flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	struct rename r __attribute__((uninitialized)); /* each field is set before it is used */
	r.flags = flags;
	int err = walk_parent_user(&r.from, &r.old_name, olddirfd, oldpath);
	if (err != 0)
		return err;
	err = walk_parent_user(&r.to, &r.new_name, newdirfd, newpath);
	if (err == 0) {
		err = rename_walked(&r);
		walk_end(&r.to);
		name_put(&r.new_name);
	}
	walk_end(&r.from);
	name_put(&r.old_name);
	return err;
}

int64_t
sys_renameat(int olddirfd, uaddr_t oldpath, int newdirfd, uaddr_t newpath)
{
	return sys_renameat2(olddirfd, oldpath, newdirfd, newpath, 0);
}
