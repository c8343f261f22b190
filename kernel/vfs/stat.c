/* SPDX-License-Identifier: MIT */
/* stat and its kin: what a file is, what it may be used for, where a symlink leads, how full a file system is. */
#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/stat.h"
#include "arch/uaccess.h"
#include "caps.h"
#include "mm/slab.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/pipe.h"
#include "vfs/walk.h"

int
path_stat(const struct path *p, struct kstat *st)
{
	struct inode *i = dentry_inode(p->dentry);
	if (i->ops->getattr != NULL)
		return i->ops->getattr(p->dentry, st);
	inode_stat(i, st);
	return 0;
}

int
file_stat(struct file *f, struct kstat *st)
{
	if (f->ops->getattr != NULL)
		return f->ops->getattr(f, st);
	if (f->path.dentry != NULL)
		return path_stat(&f->path, st);
	memset(st, 0, sizeof(*st));
	if (f->inode != NULL) {
		inode_stat(f->inode, st);
		return 0;
	}
	/* Something without an inode: an event counter and the like. */
	st->mode = 0600;
	st->nlink = 1;
	st->ino = 1;
	st->blksize = (uint32_t)PAGE_SIZE;
	return 0;
}

static int
walk_stat(const struct walk *w, struct kstat *st)
{
	return unlikely(w->file != NULL) ? file_stat(w->file, st) : path_stat(&w->path, st);
}

static int
put_stat(uaddr_t to, const struct kstat *st)
{
	struct linux_stat out;
	out.st_dev = st->dev;
	out.st_ino = st->ino;
	out.st_mode = st->mode;
	out.st_nlink = st->nlink;
	out.st_uid = st->uid;
	out.st_gid = st->gid;
	out.st_rdev = st->rdev;
	out.pad1 = 0;
	out.st_size = (int64_t)st->size;
	out.st_blksize = (int32_t)st->blksize;
	out.pad2 = 0;
	out.st_blocks = (int64_t)st->blocks;
	out.st_atime_sec = st->atime.sec;
	out.st_atime_nsec = st->atime.nsec;
	out.st_mtime_sec = st->mtime.sec;
	out.st_mtime_nsec = st->mtime.nsec;
	out.st_ctime_sec = st->ctime.sec;
	out.st_ctime_nsec = st->ctime.nsec;
	out.unused[0] = out.unused[1] = 0;
	return copy_to_user(to, &out, sizeof(out));
}

/*
 * What the caller sees of a walk that came to err, without FSREAD: its own handles, and programs that it may run, for
 * which shells look before they execute them. Everything else looks alike, whether it is there or not.
 */
static int
without_fsread(const struct walk *w, int err)
{
	if (err != 0)
		return -EPERM;
	const struct file *handle = w->dir.file;
	if (w->file != NULL || (handle != NULL && handle->path.dentry == w->path.dentry))
		return 0;
	bool program = w->inode != NULL && (w->inode->mode & S_IFMT) == S_IFREG &&
		current_has_caps(CAP_SPAWN) && cred_permission(w->cred, w->inode, MAY_EXEC) == 0;
	return program ? 0 : -EPERM;
}

/* walk_user() for calls that need FSREAD for some uses only. walk_end() after 0 only. */
static int
walk_to_see(struct walk *w, int dirfd, uaddr_t path, uint32_t lookup)
{
	int err = walk_user(w, dirfd, path, lookup);
	if (likely(current_has_caps(CAP_FSREAD)))
		return err;
	if (err != 0)
		return -EPERM;
	err = without_fsread(w, 0);
	if (err != 0)
		walk_end(w);
	return err;
}

/* Uninitialised on purpose: every getattr fills it. */
#define KSTAT_ON_STACK(st) struct kstat st __attribute__((uninitialized))

int64_t
sys_newfstatat(int dirfd, uaddr_t path, uaddr_t stat, uint32_t flags)
{
	uint32_t lookup;
	KSTAT_ON_STACK(st);
	WALK_ON_STACK(w);
	int err = walk_at_flags(
		flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT, &lookup);
	if (likely(err == 0))
		err = walk_to_see(&w, dirfd, path, lookup);
	if (unlikely(err != 0))
		return err;
	err = w.rights & RIGHT_GETATTR ? walk_stat(&w, &st) : -EPERM;
	walk_end(&w);
	return err != 0 ? err : put_stat(stat, &st);
}

int64_t
sys_fstat(struct file *f, uaddr_t stat)
{
	KSTAT_ON_STACK(st);
	int err = file_stat(f, &st);
	return err != 0 ? err : put_stat(stat, &st);
}

static struct linux_statx_time
statx_time(const struct ktimespec *t)
{
	return (struct linux_statx_time){.sec = t->sec, .nsec = t->nsec};
}

static int
put_statx(uaddr_t to, const struct kstat *st, const struct path *p)
{
	struct linux_statx out = {
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME,
		.stx_blksize = st->blksize,
		.stx_attributes = st->attributes,
		.stx_nlink = st->nlink,
		.stx_uid = st->uid,
		.stx_gid = st->gid,
		.stx_mode = (uint16_t)st->mode,
		.stx_ino = st->ino,
		.stx_size = st->size,
		.stx_blocks = st->blocks,
		.stx_attributes_mask =
			STATX_ATTR_IMMUTABLE | STATX_ATTR_MOUNT_ROOT | STATX_ATTR_VERITY,
		.stx_atime = statx_time(&st->atime),
		.stx_btime = statx_time(&st->btime),
		.stx_ctime = statx_time(&st->ctime),
		.stx_mtime = statx_time(&st->mtime),
		.stx_rdev_major = DEV_MAJOR(st->rdev),
		.stx_rdev_minor = DEV_MINOR(st->rdev),
		.stx_dev_major = DEV_MAJOR(st->dev),
		.stx_dev_minor = DEV_MINOR(st->dev),
	};
	if (p->mount != NULL) {
		out.stx_mask |= STATX_MNT_ID;
		out.stx_mnt_id = p->mount->id;
		if (p->dentry == p->mount->root)
			out.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	}
	return copy_to_user(to, &out, sizeof(out));
}

int64_t
sys_statx(int dirfd, uaddr_t path, uint32_t flags, uint32_t mask, uaddr_t statx)
{
	uint32_t lookup;
	KSTAT_ON_STACK(st);
	WALK_ON_STACK(w);
	if ((mask & STATX_RESERVED) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	int err = walk_at_flags(flags & ~AT_STATX_SYNC_TYPE,
		AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT, &lookup);
	if (err == 0)
		err = walk_to_see(&w, dirfd, path, lookup);
	if (err != 0)
		return err;
	err = w.rights & RIGHT_GETATTR ? walk_stat(&w, &st) : -EPERM;
	if (err == 0)
		err = put_statx(statx, &st, &w.path);
	walk_end(&w);
	return err;
}

int64_t
sys_readlinkat(int dirfd, uaddr_t path, uaddr_t buf, int size)
{
	WALK_ON_STACK(w);
	if (size <= 0)
		return -EINVAL;
	int err = walk_user(&w, dirfd, path, LOOKUP_EMPTY);
	if (err != 0)
		return err;
	int64_t result = -EINVAL;
	struct inode *i = w.inode;
	if (i == NULL || (i->mode & S_IFMT) != S_IFLNK) {
		char first;
		if (copy_from_user(&first, path, 1) == 0 && first == '\0')
			result = -ENOENT; /* an empty path is for links opened by O_PATH */
		goto end;
	}
	uint32_t known = 0;
	const char *target = i->ops->get_link != NULL ? i->ops->get_link(i, &known) : NULL;
	char *copy = NULL;
	ssize_t len = known;
	if (target == NULL) {
		copy = kmalloc(PATH_NAME_MAX, 0);
		target = copy;
		len = copy == NULL                 ? -ENOMEM
			: i->ops->readlink != NULL ? i->ops->readlink(i, copy, PATH_NAME_MAX)
						   : -EINVAL;
	}
	result = len;
	if (len >= 0) {
		result = min(len, (ssize_t)size);
		if (copy_to_user(buf, target, (size_t)result) != 0)
			result = -EFAULT;
	}
	kfree(copy);
end:
	walk_end(&w);
	return result;
}

/* Whether the walk's end may be used so, by the credentials of the walk. */
static int
walk_access(const struct walk *w, uint32_t may)
{
	if (w->file != NULL || may == 0)
		return 0;
	struct inode *i = w->inode;
	uint32_t type = i->mode & S_IFMT;
	if ((may & MAY_EXEC) && type == S_IFREG && (mount_flags(w->path.mount) & MS_NOEXEC))
		return -EACCES;
	int err = cred_permission(w->cred, i, may);
	if (err == 0 && (may & MAY_WRITE) &&
		(type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
		err = path_may_write(&w->path);
	return err;
}

static int64_t
access_at(int dirfd, uaddr_t path, uint32_t mode, uint32_t flags)
{
	uint32_t lookup;
	WALK_ON_STACK(w);
	NAME_ON_STACK(n);
	if (mode & ~(MAY_READ | MAY_WRITE | MAY_EXEC))
		return -EINVAL;
	int err = walk_at_flags(flags & ~AT_EACCESS, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &lookup);
	if (err == 0)
		err = name_get(&n, path, lookup);
	if (err != 0)
		return err;
	/* As the real user, unless told otherwise: a private copy of the credentials, for the walk alone. */
	struct cred real = *current_cred();
	real.fsuid = real.uid;
	real.fsgid = real.gid;
	real.lcaps.effective = real.uid == 0 ? real.lcaps.permitted : 0;
	err = walk_begin(&w, dirfd, n.s, lookup);
	if (err == 0) {
		if (!(flags & AT_EACCESS))
			w.cred = &real;
		err = walk_all(&w, n.s);
		if (unlikely(!current_has_caps(CAP_FSREAD)))
			err = without_fsread(&w, err);
		if (err == 0)
			err = walk_access(&w, mode);
		walk_end(&w);
	}
	name_put(&n);
	return err;
}

int64_t
sys_faccessat(int dirfd, uaddr_t path, uint32_t mode)
{
	return access_at(dirfd, path, mode, 0);
}

int64_t
sys_faccessat2(int dirfd, uaddr_t path, uint32_t mode, uint32_t flags)
{
	return access_at(dirfd, path, mode, flags);
}

static uint64_t
statfs_flags(const struct super *s, const struct mount *m)
{
	uint32_t f = m != NULL ? mount_flags(m) : 0;
	uint64_t out = ST_VALID;
	if ((f & MS_RDONLY) || (s->flags & SUPER_READONLY))
		out |= ST_RDONLY;
	if (f & MS_NOSYMFOLLOW)
		out |= ST_NOSYMFOLLOW;
	if (f & MS_NOATIME)
		out |= ST_NOATIME;
	else if (m != NULL && !(f & MS_STRICTATIME))
		out |= ST_RELATIME;
	if (f & MS_NODIRATIME)
		out |= ST_NODIRATIME;
	return out | (f & (MS_NOSUID | MS_NODEV | MS_NOEXEC)); /* the same bits */
}

static int64_t
put_statfs(uaddr_t to, struct super *s, const struct mount *m)
{
	struct kstatfs k = {.bsize = PAGE_SIZE, .namelen = 255};
	int err = s->ops->statfs != NULL ? s->ops->statfs(s, &k) : 0;
	if (err != 0)
		return err;
	struct linux_statfs out = {
		.f_type = k.type,
		.f_bsize = k.bsize,
		.f_blocks = k.blocks,
		.f_bfree = k.bfree,
		.f_bavail = k.bavail,
		.f_files = k.files,
		.f_ffree = k.ffree,
		.f_fsid = s->dev,
		.f_namelen = k.namelen,
		.f_frsize = k.bsize,
		.f_flags = k.flags | statfs_flags(s, m),
	};
	return copy_to_user(to, &out, sizeof(out));
}

int64_t
sys_statfs(uaddr_t path, uaddr_t buf)
{
	struct path p;
	int64_t err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err != 0)
		return err;
	err = put_statfs(buf, p.dentry->super, p.mount);
	path_put(&p);
	return err;
}

int64_t
sys_fstatfs(struct file *f, uaddr_t buf)
{
	if (f->path.dentry == NULL) {
		/* Linux has hidden file systems for what has no name. */
		struct linux_statfs out = {
			.f_type = file_is_pipe(f) ? PIPEFS_MAGIC : ANON_INODE_MAGIC,
			.f_bsize = PAGE_SIZE,
			.f_namelen = 255,
			.f_frsize = PAGE_SIZE,
			.f_flags = ST_VALID,
		};
		return copy_to_user(buf, &out, sizeof(out));
	}
	return put_statfs(buf, f->path.dentry->super, f->path.mount);
}
