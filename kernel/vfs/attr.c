/* SPDX-License-Identifier: MIT */
/* Changing what a file is: mode, owner, times, size. */
#include "abi/linux/fcntl.h"
#include "abi/linux/resource.h"
#include "abi/linux/signal.h"
#include "abi/linux/time.h"
#include "arch/uaccess.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe
#define ID_KEEP    UINT32_MAX

int
dentry_setattr(struct dentry *d, struct iattr *attr)
{
	struct inode *i = dentry_inode(d);
	ktime_now(&attr->ctime);
	attr->valid |= ATTR_CTIME;
	if (i->ops->setattr != NULL)
		return i->ops->setattr(d, attr);
	if (attr->valid & ATTR_SIZE)
		return -EINVAL;
	inode_apply_attr(i, attr);
	return 0;
}

/* Locks the inode around prepare (which looks at it, checks permission and fills in attr) and the change. */
struct change {
	struct iattr attr;
	uint32_t uid, gid; /* chown's: ID_KEEP or new */
};
typedef int prepare_fn(struct inode *i, struct change *c);

static int
apply(const struct path *p, struct change *c, prepare_fn *prepare)
{
	struct inode *i = dentry_inode(p->dentry);
	int err = path_may_write(p);
	if (err != 0)
		return err;
	rw_write_lock(&i->lock);
	err = prepare(i, c);
	if (err == 0)
		err = dentry_setattr(p->dentry, &c->attr);
	rw_write_unlock(&i->lock);
	return err;
}

static int
apply_walk(struct walk *w, struct change *c, prepare_fn *prepare)
{
	int err = -EPERM;
	if (w->file != NULL)
		err = -EINVAL; /* a pipe and the like: nothing that keeps attributes */
	else if (w->rights & RIGHT_SETATTR)
		err = apply(&w->path, c, prepare);
	walk_end(w);
	return err;
}

static int
apply_file(struct file *f, struct change *c, prepare_fn *prepare)
{
	return f->path.dentry == NULL ? -EINVAL : apply(&f->path, c, prepare);
}

static int
prepare_mode(struct inode *i, struct change *c)
{
	const struct cred *cred = vfs_cred();
	if (!inode_owner_or_root(i))
		return -EPERM;
	if ((i->mode & S_IFMT) == S_IFLNK)
		return -EOPNOTSUPP;
	c->attr.mode &= 07777;
	if (!cred_can(cred, LINUX_CAP_FSETID) && cred->fsgid != i->gid &&
		!cred_in_group(cred, i->gid))
		c->attr.mode &= ~S_ISGID;
	c->attr.valid = ATTR_MODE;
	return 0;
}

/* Who changes the owner of a program takes its set-id bits off. */
static uint32_t
mode_without_set_ids(uint32_t mode)
{
	mode &= ~S_ISUID;
	return (mode & 010) ? mode & ~S_ISGID : mode;
}

static int
prepare_owner(struct inode *i, struct change *c)
{
	const struct cred *cred = vfs_cred();
	bool root = cred_can(cred, LINUX_CAP_CHOWN), owner = cred->fsuid == i->uid;
	c->attr.valid = 0;
	if (c->uid != ID_KEEP) {
		if (!root && !(owner && c->uid == i->uid))
			return -EPERM;
		c->attr.uid = c->uid;
		c->attr.valid |= ATTR_UID;
	}
	if (c->gid != ID_KEEP) {
		bool mine =
			c->gid == i->gid || c->gid == cred->fsgid || cred_in_group(cred, c->gid);
		if (!root && !(owner && mine))
			return -EPERM;
		c->attr.gid = c->gid;
		c->attr.valid |= ATTR_GID;
	}
	if ((i->mode & S_IFMT) != S_IFDIR && (i->mode & (S_ISUID | S_ISGID))) {
		c->attr.mode = mode_without_set_ids(i->mode);
		c->attr.valid |= ATTR_MODE;
	}
	return 0;
}

int64_t
sys_fchmod(struct file *f, uint32_t mode)
{
	struct change c = {.attr.mode = mode};
	return apply_file(f, &c, prepare_mode);
}

int64_t
sys_fchmodat(int dirfd, uaddr_t path, uint32_t mode)
{
	struct change c = {.attr.mode = mode};
	WALK_ON_STACK(w);
	int err = walk_user(&w, dirfd, path, LOOKUP_FOLLOW);
	return err != 0 ? err : apply_walk(&w, &c, prepare_mode);
}

int64_t
sys_fchown(struct file *f, uint32_t uid, uint32_t gid)
{
	struct change c = {.uid = uid, .gid = gid};
	return apply_file(f, &c, prepare_owner);
}

int64_t
sys_fchownat(int dirfd, uaddr_t path, uint32_t uid, uint32_t gid, uint32_t flags)
{
	struct change c = {.uid = uid, .gid = gid};
	uint32_t lookup;
	WALK_ON_STACK(w);
	int err = walk_at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);
	if (err == 0)
		err = walk_user(&w, dirfd, path, lookup);
	return err != 0 ? err : apply_walk(&w, &c, prepare_owner);
}

/* Both times now: whoever may write may do that; else only the owner. */
static int
prepare_now(struct inode *i, struct change *c)
{
	if (!inode_owner_or_root(i)) {
		int err = cred_permission(vfs_cred(), i, MAY_WRITE);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
prepare_times(struct inode *i, struct change *c)
{
	return inode_owner_or_root(i) ? 0 : -EPERM;
}

static int
get_times(uaddr_t utimes, struct change *c, prepare_fn **prepare)
{
	struct timespec_user t[2] = {{.nsec = UTIME_NOW}, {.nsec = UTIME_NOW}};
	struct ktimespec now, *out[2] = {&c->attr.atime, &c->attr.mtime};
	if (!uaddr_is_null(utimes)) {
		int err = copy_from_user(t, utimes, sizeof(t));
		if (err != 0)
			return err;
	}
	ktime_now(&now);
	bool all_now = true;
	for (int i = 0; i < 2; i++) {
		uint32_t bit = i == 0 ? ATTR_ATIME : ATTR_MTIME;
		if (t[i].nsec == UTIME_NOW) {
			*out[i] = now;
		} else if (t[i].nsec == UTIME_OMIT) {
			all_now = false;
			continue;
		} else if (t[i].nsec < 0 || t[i].nsec >= (int64_t)NSEC_PER_SEC) {
			return -EINVAL;
		} else {
			*out[i] = (struct ktimespec){t[i].sec, (uint32_t)t[i].nsec};
			all_now = false;
		}
		c->attr.valid |= bit;
	}
	*prepare = all_now ? prepare_now : prepare_times;
	return 0;
}

int64_t
sys_utimensat(int dirfd, uaddr_t path, uaddr_t times, uint32_t flags)
{
	struct change c = {0};
	prepare_fn *prepare;
	uint32_t lookup;
	WALK_ON_STACK(w);
	int err = get_times(times, &c, &prepare);
	if (err != 0)
		return err;
	if (c.attr.valid ==
		0) /* both are to be left alone: as on Linux nothing else is looked at */
		return 0;
	if (uaddr_is_null(path) && dirfd != AT_FDCWD) { /* futimens */
		err = flags != 0 ? -EINVAL : walk_begin(&w, dirfd, "", LOOKUP_EMPTY);
		if (err == 0 && (w.dir.file->kind & FILE_PATH_ONLY)) {
			walk_end(&w);
			err = -EBADF;
		}
	} else {
		err = walk_at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);
		if (err == 0)
			err = walk_user(&w, dirfd, path, lookup);
	}
	return err != 0 ? err : apply_walk(&w, &c, prepare);
}

/* --- Size. --- */

static int
check_size_limit(uint64_t size)
{
	if (size <= current_rlimit(RLIMIT_FSIZE))
		return 0;
	signal_send_self(SIGXFSZ);
	return -EFBIG;
}

static int
prepare_size(struct inode *i, struct change *c)
{
	c->attr.valid = ATTR_SIZE | ATTR_MTIME;
	ktime_now(&c->attr.mtime);
	if ((i->mode & (S_ISUID | S_ISGID)) && !cred_can(vfs_cred(), LINUX_CAP_FSETID)) {
		c->attr.mode = mode_without_set_ids(i->mode);
		c->attr.valid |= ATTR_MODE;
	}
	return 0;
}

int
path_truncate(const struct path *p, struct file *f, uint64_t size)
{
	if (f != NULL && f->ops->truncate != NULL)
		return f->ops->truncate(f, size);
	struct change c = {.attr.size = size};
	return apply(p, &c, prepare_size);
}

static int
truncate_walk(struct walk *w, uint64_t size)
{
	struct inode *i = w->inode;
	if (i == NULL)
		return -EINVAL;
	if ((i->mode & S_IFMT) != S_IFREG)
		return (i->mode & S_IFMT) == S_IFDIR ? -EISDIR : -EINVAL;
	if (!(w->rights & RIGHT_WRITE))
		return -EPERM;
	int err = path_may_write(&w->path);
	if (err == 0)
		err = cred_permission(w->cred, i, MAY_WRITE);
	if (err == 0)
		err = check_size_limit(size);
	if (err == 0)
		err = inode_write_get(i);
	if (err != 0)
		return err;
	err = path_truncate(&w->path, NULL, size);
	inode_write_put(i);
	return err;
}

int64_t
sys_truncate(uaddr_t path, int64_t length)
{
	WALK_ON_STACK(w);
	if (length < 0)
		return -EINVAL;
	int err = walk_user(&w, AT_FDCWD, path, LOOKUP_FOLLOW);
	if (err != 0)
		return err;
	err = truncate_walk(&w, (uint64_t)length);
	walk_end(&w);
	return err;
}

int64_t
sys_ftruncate(struct file *f, int64_t length)
{
	if (length < 0 || f->inode == NULL || (f->inode->mode & S_IFMT) != S_IFREG ||
		(file_flags(f) & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	int err = check_size_limit((uint64_t)length);
	return err != 0 ? err : path_truncate(&f->path, f, (uint64_t)length);
}

int64_t
sys_fallocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	int64_t end;
	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (add_overflow(offset, len, &end))
		return -EFBIG;
	if (f->inode == NULL || (f->kind & FILE_STREAM))
		return -ESPIPE;
	if ((f->inode->mode & S_IFMT) != S_IFREG)
		return (f->kind & FILE_DIRECTORY) ? -EISDIR : -ENODEV;
	if ((file_flags(f) & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (f->ops->fallocate == NULL)
		return -EOPNOTSUPP;
	int err = (mode & FALLOC_FL_KEEP_SIZE) ? 0 : check_size_limit((uint64_t)end);
	return err != 0 ? err
			: f->ops->fallocate(f, (uint32_t)mode, (uint64_t)offset, (uint64_t)len);
}
