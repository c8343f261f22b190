/* SPDX-License-Identifier: MIT */
/* Inodes: life and death, generic attributes, and who may write a file that others execute. */
#include "core/wallclock.h"
#include "mm/slab.h"
#include "vfs/walk.h"

static struct slab_cache *inode_cache;

void
inode_cache_init(void)
{
	inode_cache = slab_cache_create("inode", sizeof(struct inode), 0);
}

void
ktime_now(struct ktimespec *out)
{
	nsec_t now = time_realtime();
	out->sec = (int64_t)(now / NSEC_PER_SEC);
	out->nsec = (uint32_t)(now % NSEC_PER_SEC);
}

void
inode_init(struct inode *i, struct super *s, uint32_t mode, const struct inode_ops *ops,
	const struct file_ops *fops)
{
	refcount_init(&i->refs, 1);
	i->mode = mode;
	i->uid = i->gid = 0;
	i->ops = ops;
	i->fops = fops;
	i->super = s;
	i->ino = 0;
	i->nlink = 1;
	i->flags = (s->flags & SUPER_UNSIGNED) ? INODE_UNSIGNED : 0;
	i->rdev = 0;
	rwmutex_init(&i->lock, "inode");
	ktime_now(&i->ctime);
	i->atime = i->mtime = i->btime = i->ctime;
	i->object = NULL;
	i->priv = NULL;
	atomic_store_explicit(&i->locks, NULL, memory_order_relaxed);
	atomic_store_explicit(&i->writers, 0, memory_order_relaxed);
}

struct inode *
inode_create(
	struct super *s, uint32_t mode, const struct inode_ops *ops, const struct file_ops *fops)
{
	struct inode *i = slab_alloc(inode_cache, 0);
	if (i != NULL)
		inode_init(i, s, mode, ops, fops);
	return i;
}

void
inode_free(struct inode *i)
{
	slab_free(inode_cache, i);
}

void
inode_get(struct inode *i)
{
	refcount_get(&i->refs);
}

void
inode_destroy(struct inode *i)
{
	if (unlikely(atomic_load_explicit(&i->locks, memory_order_relaxed) != NULL))
		lock_destroy_inode(i);
	const struct super_ops *ops = i->super->ops;
	if (ops->inode_destroy != NULL)
		ops->inode_destroy(i);
	else
		inode_free(i);
}

void
inode_init_owner(struct inode *i, const struct inode *dir)
{
	const struct cred *c = vfs_cred();
	i->uid = c->fsuid;
	i->gid = c->fsgid;
	if (dir != NULL && unlikely(dir->mode & S_ISGID)) {
		i->gid = dir->gid;
		if ((i->mode & S_IFMT) == S_IFDIR)
			i->mode |= S_ISGID;
	}
}

uint32_t
inode_new_mode(const struct inode *dir, uint32_t mode)
{
	const struct cred *c = vfs_cred();
	/* By the mode as asked for: a umask must not help a program to another group. */
	if (unlikely((mode & (S_ISGID | 010)) == (S_ISGID | 010)) && (dir->mode & S_ISGID) &&
		!cred_can(c, LINUX_CAP_FSETID) && c->fsgid != dir->gid &&
		!cred_in_group(c, dir->gid))
		mode &= ~S_ISGID;
	return mode & ~current_umask();
}

void
inode_apply_attr(struct inode *i, const struct iattr *attr)
{
	if (attr->valid & ATTR_UID)
		i->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		i->gid = attr->gid;
	if (attr->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (attr->mode & ~S_IFMT);
	if (attr->valid & ATTR_ATIME)
		i->atime = attr->atime;
	if (attr->valid & ATTR_MTIME)
		i->mtime = attr->mtime;
	if (attr->valid & ATTR_CTIME)
		i->ctime = attr->ctime;
}

/* Moves the count of writers by one in a direction, unless it stands on the other side of 0. */
static int
writers_move(struct inode *i, int32_t step)
{
	if ((i->mode & S_IFMT) != S_IFREG)
		return 0;
	int32_t old = atomic_load_explicit(&i->writers, memory_order_relaxed);
	do {
		if (step > 0 ? old < 0 : old > 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange_weak_explicit(
		&i->writers, &old, old + step, memory_order_acq_rel, memory_order_relaxed));
	return 0;
}

int
inode_write_get(struct inode *i)
{
	return writers_move(i, 1);
}

void
inode_write_put(struct inode *i)
{
	if ((i->mode & S_IFMT) == S_IFREG)
		atomic_fetch_sub_explicit(&i->writers, 1, memory_order_release);
}

int
inode_deny_write(struct inode *i)
{
	return writers_move(i, -1);
}

void
inode_allow_write(struct inode *i)
{
	if ((i->mode & S_IFMT) == S_IFREG)
		atomic_fetch_add_explicit(&i->writers, 1, memory_order_release);
}

static bool
time_not_after(const struct ktimespec *a, const struct ktimespec *b)
{
	return a->sec != b->sec ? a->sec < b->sec : a->nsec <= b->nsec;
}

/*
 * The access time is kept only as far as somebody can tell whether the file was read since it changed, or for a day;
 * always on a mount that asks for it.
 * Written without the inode's lock: reads race, and any of their times is right.
 */
void
file_accessed(struct file *f)
{
	struct inode *i = f->inode;
	if ((i->flags & INODE_NOATIME) || (i->super->flags & SUPER_READONLY) ||
		(atomic_load_explicit(&f->flags, memory_order_relaxed) & O_NOATIME))
		return;
	uint32_t mflags = f->path.mount != NULL ? mount_flags(f->path.mount) : 0;
	if ((mflags & (MS_NOATIME | MS_RDONLY)) ||
		((mflags & MS_NODIRATIME) && (i->mode & S_IFMT) == S_IFDIR))
		return;
	if (likely(!(mflags & MS_STRICTATIME) && !time_not_after(&i->atime, &i->mtime) &&
		    !time_not_after(&i->atime, &i->ctime)) &&
		(int64_t)(time_realtime() / NSEC_PER_SEC) - i->atime.sec < 24 * 60 * 60)
		return;
	ktime_now(&i->atime);
}
