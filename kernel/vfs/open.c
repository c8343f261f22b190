/* SPDX-License-Identifier: MIT */
/*
 * Opening files: by name as open(2) has it, by path for the kernel, and for execution.
 *
 * A descriptor is reserved first and installed last, so that nothing fails after the file was created or truncated.
 */
#include "abi/linux/fcntl.h"
#include "arch/uaccess.h"
#include "fs/dev/devfs.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/pipe.h"
#include "vfs/walk.h"

/* What an open file remembers of its flags. */
#define KEPT_FLAGS    ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define O_TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
#define OPEN_FLAGS                                                                            \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
		O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |     \
		O_CLOEXEC | O_PATH | O_TMPFILE)

struct how {
	uint32_t flags; /* O_* */
	uint32_t mode;
	uint32_t lookup; /* LOOKUP_* */
	uint32_t may;    /* MAY_* */
};

static const struct file_ops path_only_ops = {0};

static int
open_socket(struct inode *i, struct file *f)
{
	return -ENXIO;
}

/* Lets the inode, its device or its FIFO make f usable. */
static int
open_inode(struct inode *i, struct file *f)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		f->kind = FILE_SEEKABLE;
		break;
	case S_IFDIR:
		f->kind = FILE_SEEKABLE | FILE_DIRECTORY;
		break;
	case S_IFCHR:
	case S_IFBLK:
		return device_open(i, f);
	case S_IFIFO:
		return fifo_open(i, f);
	case S_IFSOCK:
		return open_socket(i, f);
	default:
		return -ELOOP;
	}
	return i->ops->open != NULL ? i->ops->open(i, f) : 0;
}

static int
writer_get(struct inode *i, struct mount *m)
{
	int err = inode_write_get(i);
	if (err == 0)
		atomic_fetch_add_explicit(&m->writers, 1, memory_order_acq_rel);
	return err;
}

static void
writer_put(struct inode *i, struct mount *m)
{
	inode_write_put(i);
	atomic_fetch_sub_explicit(&m->writers, 1, memory_order_release);
}

/* Opens what is at path, whose references it takes over (on failure they are put). */
static int
open_taken(const struct path *path, uint32_t flags, struct file **out)
{
	struct inode *i = dentry_inode(path->dentry);
	struct file *f = file_alloc();
	int err = -ENOMEM;
	if (unlikely(f == NULL))
		goto put_path;
	f->inode = i;
	atomic_store_explicit(&f->flags, flags & KEPT_FLAGS, memory_order_relaxed);
	if (unlikely(flags & O_PATH)) {
		f->path = *path;
		f->ops = &path_only_ops;
		f->kind = FILE_PATH_ONLY | ((i->mode & S_IFMT) == S_IFDIR ? FILE_DIRECTORY : 0);
		*out = f;
		return 0;
	}
	bool writer = (flags & O_ACCMODE) != O_RDONLY && (i->mode & S_IFMT) == S_IFREG;
	if (writer) {
		err = writer_get(i, path->mount);
		if (unlikely(err != 0))
			goto free_file;
	}
	f->path = *path;
	f->ops = i->fops;
	err = open_inode(i, f);
	if (likely(err == 0)) {
		if (writer)
			f->kind |= FILE_WRITER;
		/* Everything else is in the page cache, or has no blocks: as with tmpfs on Linux. */
		if (unlikely(flags & O_DIRECT) && (i->mode & S_IFMT) != S_IFBLK) {
			file_put(f);
			return -EINVAL;
		}
		*out = f;
		return 0;
	}
	if (writer)
		writer_put(i, path->mount);
free_file:
	file_free(f);
put_path:
	path_put(path);
	return err;
}

/* Which accesses the type of the file allows, apart from permission. */
static int
check_type(const struct inode *i, const struct mount *m, const struct how *how)
{
	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		return (how->may & MAY_WRITE) || (how->flags & O_CREAT) ? -EISDIR : 0;
	case S_IFCHR:
	case S_IFBLK:
		return (mount_flags(m) & MS_NODEV) || (i->super->flags & SUPER_NODEV) ? -EACCES : 0;
	default:
		return 0;
	}
}

static int
check_access(const struct walk *w, const struct how *how)
{
	struct inode *i = w->inode;
	int err = check_type(i, w->path.mount, how);
	if (unlikely(err != 0))
		return err;
	if ((how->may & MAY_WRITE) && (i->mode & S_IFMT) == S_IFREG) {
		err = path_may_write(&w->path);
		if (err != 0)
			return err;
		/* Truncating writes before there is a handle whose rights could stop it. */
		if ((how->flags & O_TRUNC) && !(w->rights & RIGHT_WRITE))
			return -EPERM;
	}
	err = cred_permission(w->cred, i, how->may);
	if (err == 0 && unlikely(how->flags & O_NOATIME) && !inode_owner_or_root(i))
		err = -EPERM;
	return err;
}

/* The walk ended at an open file without a path (a pipe's end): another handle to the same, with no more rights. */
static int
open_same(struct walk *w, const struct how *how, struct file **out)
{
	if (how->flags & O_DIRECTORY)
		return -ENOTDIR;
	if (w->file->kind & FILE_NO_REOPEN)
		return -ENXIO;
	if (((how->may & MAY_READ) && !(w->rights & RIGHT_READ)) ||
		((how->may & MAY_WRITE) && !(w->rights & RIGHT_WRITE)))
		return -EACCES;
	file_get(w->file);
	*out = w->file;
	return 0;
}

/* Opens where the walk is. created: it is the caller's own new file, which needs no permission. */
static int
open_here(struct walk *w, const struct how *how, bool created, struct file **out)
{
	if (unlikely(w->file != NULL))
		return open_same(w, how, out);
	struct inode *i = w->inode;
	if (!created && !(how->flags & O_PATH)) {
		int err = check_access(w, how);
		if (unlikely(err != 0))
			return err;
	}
	struct path p;
	walk_take(w, &p);
	w->path = (struct path){0};
	int err = open_taken(&p, how->flags, out);
	if (err == 0 && unlikely(how->flags & O_TRUNC) && !created &&
		(i->mode & S_IFMT) == S_IFREG && !(how->flags & O_PATH)) {
		err = path_truncate(&(*out)->path, *out, 0);
		if (err != 0) {
			file_put(*out);
			*out = NULL;
		}
	}
	return err;
}

/* Creates the last component unless it has come to be meanwhile (then *created stays false). The walk enters it. */
static int
create_last(struct walk *w, const struct how *how, bool *created)
{
	struct inode *dir = w->inode;
	struct dentry *d;
	rw_write_lock(&dir->lock);
	int err = dentry_find_hashed(w->path.dentry, w->last, w->last_len, w->last_hash, &d);
	if (err != 0)
		goto unlock;
	if (dentry_inode(d) == NULL) {
		err = may_create(w);
		if (err == 0)
			err = dir->ops->create == NULL
				? -EACCES
				: dir->ops->create(
					  dir, d, S_IFREG | inode_new_mode(dir, how->mode), 0);
		if (err == 0) {
			dentry_add(d);
			*created = true;
		}
	}
	if (*created) {
		if (w->owned & WALK_OWNS_DENTRY)
			dentry_put(w->path.dentry); /* its parent: d has a reference on it */
		w->owned |= WALK_OWNS_DENTRY;
		w->path.dentry = d;
		w->inode = dentry_inode(d);
	} else {
		dentry_put(d);
	}
unlock:
	rw_write_unlock(&dir->lock);
	return err;
}

/* With O_CREAT: what was there already, in a directory of this mode and owner. */
static int
open_existing(struct walk *w, const struct how *how, uint32_t dir_mode, uint32_t dir_uid,
	struct file **out)
{
	int err = 0;
	if (w->file == NULL && !is_dir(w->inode))
		err = may_take_for_new(w, dir_mode, dir_uid);
	return err != 0 ? err : open_here(w, how, false, out);
}

/* With O_CREAT: the last component. w->next: see walk_last(). */
static int
open_last(struct walk *w, const struct how *how, struct file **out)
{
	if (w->slash && w->last_type == LAST_NAME)
		return -EISDIR;
	for (;;) {
		const struct inode *dir = w->inode;
		uint32_t dir_mode = dir != NULL ? dir->mode : 0,
			 dir_uid = dir != NULL ? dir->uid : 0;
		int err = walk_last(w);
		if (err == 0 && w->next != NULL)
			return 0;
		if (err == 0)
			return how->flags & O_EXCL ? -EEXIST
						   : open_existing(w, how, dir_mode, dir_uid, out);
		if (err != -ENOENT || w->last_type != LAST_NAME || w->path.dentry == NULL)
			return err;
		bool created = false;
		err = create_last(w, how, &created);
		if (err != 0)
			return err;
		if (created)
			return open_here(w, how, true, out);
	}
}

/* O_TMPFILE: a file without a name in the directory where the walk is. */
static int
open_tmpfile(struct walk *w, const struct how *how, struct file **out)
{
	struct inode *dir = w->inode;
	if (dir == NULL || dir->ops->tmpfile == NULL)
		return -EOPNOTSUPP;
	rw_write_lock(&dir->lock);
	int err = may_create(w);
	struct dentry *d = err == 0 ? dentry_create_nameless(w->path.dentry) : NULL;
	if (err == 0)
		err = d == NULL
			? -ENOMEM
			: dir->ops->tmpfile(dir, d, S_IFREG | inode_new_mode(dir, how->mode));
	rw_write_unlock(&dir->lock);
	if (err != 0) {
		if (d != NULL)
			dentry_put(d);
		return err;
	}
	if (how->flags & O_EXCL)
		dentry_inode(d)->flags &= ~INODE_TMPFILE; /* nobody else has seen it yet */
	struct path p = {w->path.mount, d};
	mount_get(p.mount);
	return open_taken(&p, how->flags, out);
}

static int
open_walk(struct walk *w, const char *name, const struct how *how, struct file **out)
{
	if (likely(!(how->flags & O_CREAT))) {
		int err = walk_all(w, name);
		if (unlikely(err != 0))
			return err;
		if (unlikely(how->flags & O_TMPFILE_BIT))
			return open_tmpfile(w, how, out);
		return open_here(w, how, false, out);
	}
	int err;
	do {
		err = walk_to_parent(w, name);
		if (err != 0)
			break;
		err = open_last(w, how, out);
		name = w->next;
	} while (err == 0 && name != NULL);
	return err;
}

static inline __attribute__((always_inline)) int
open_at(int dirfd, const char *name, const struct how *how, struct file **out, rights_t *rights)
{
	WALK_ON_STACK(w);
	int err = walk_begin(&w, dirfd, name, how->lookup);
	if (unlikely(err != 0))
		return err;
	err = open_walk(&w, name, how, out);
	if (likely(err == 0)) {
		*rights = file_rights_for(how->flags);
		/* What may be done through a directory is decided where it is done. */
		if ((*out)->kind & FILE_DIRECTORY)
			*rights |= RIGHT_READ | RIGHT_WRITE;
		*rights &= w.rights;
	}
	walk_end(&w);
	return err;
}

static const uint8_t may_of_mode[4] = {
	MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

static int
decode_how(uint32_t flags, uint32_t mode, uint32_t lookup, struct how *how)
{
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else
		flags |= O_LARGEFILE; /* so says Linux where every file may be large */
	how->flags = flags;
	how->mode = (flags & (O_CREAT | O_TMPFILE_BIT)) ? mode & 07777 : 0;
	how->may = (flags & O_PATH) ? 0 : may_of_mode[flags & O_ACCMODE];
	if (unlikely(flags & (O_TMPFILE_BIT | O_CREAT | O_TRUNC | O_DIRECTORY))) {
		if (flags & O_TMPFILE_BIT) {
			if (!(flags & O_DIRECTORY) || !(how->may & MAY_WRITE) || (flags & O_CREAT))
				return -EINVAL;
		} else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
			return -EINVAL;
		}
		if (flags & O_TRUNC)
			how->may |= MAY_WRITE;
		if (flags & O_DIRECTORY)
			lookup |= LOOKUP_DIRECTORY;
	}
	if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		lookup |= LOOKUP_FOLLOW;
	how->lookup = lookup;
	return 0;
}

static int64_t
open_user(int dirfd, uaddr_t path, const struct how *how)
{
	NAME_ON_STACK(n);
	int err = name_get(&n, path, 0);
	if (unlikely(err != 0))
		return err;
	struct handle_table *t = current_task()->handles;
	int fd = handle_reserve(t, 0, handle_limit());
	if (likely(fd >= 0)) {
		struct file *f;
		rights_t rights;
		err = open_at(dirfd, n.s, how, &f, &rights);
		if (likely(err == 0)) {
			handle_install(t, fd, &f->obj, rights,
				(how->flags & O_CLOEXEC) ? HANDLE_CLOEXEC : 0);
		} else {
			handle_unreserve(t, fd);
			fd = err;
		}
	}
	name_put(&n);
	return fd;
}

int64_t
sys_openat(int dirfd, uaddr_t path, uint32_t flags, uint32_t mode)
{
	struct how how;
	int err = decode_how(flags & OPEN_FLAGS, mode, 0, &how);
	return err != 0 ? err : open_user(dirfd, path, &how);
}

/* Reads a structure that may be longer or shorter than ours: what we do not know of it must be zero. */
static int
get_open_how(struct linux_open_how *how, uaddr_t from, size_t size)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	int err = copy_from_user(how, from, sizeof(*how));
	for (size_t at = sizeof(*how); err == 0 && at < size; at++) {
		uint8_t byte;
		err = get_user_u8(&byte, uaddr_offset(from, at));
		if (err == 0 && byte != 0)
			err = -E2BIG;
	}
	return err;
}

int64_t
sys_openat2(int dirfd, uaddr_t path, uaddr_t uhow, size_t size)
{
	static const struct {
		uint64_t resolve;
		uint32_t lookup;
	} map[] = {{RESOLVE_NO_XDEV, LOOKUP_NO_XDEV}, {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGIC},
		{RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINK | LOOKUP_NO_MAGIC},
		{RESOLVE_BENEATH, LOOKUP_BENEATH}, {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT}};
	struct linux_open_how in;
	int err = get_open_how(&in, uhow, size);
	if (err != 0)
		return err;
	bool cached = (in.resolve & RESOLVE_CACHED) != 0;
	in.resolve &= ~(uint64_t)RESOLVE_CACHED;
	uint32_t lookup = 0;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (in.resolve & map[i].resolve)
			lookup |= map[i].lookup;
		in.resolve &= ~map[i].resolve;
	}
	if (in.resolve != 0 || (in.flags & ~(uint64_t)OPEN_FLAGS) != 0 ||
		(in.mode & ~(uint64_t)07777) != 0 ||
		(in.mode != 0 && !(in.flags & (O_CREAT | O_TMPFILE_BIT))) ||
		(lookup & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) == (LOOKUP_BENEATH | LOOKUP_IN_ROOT) ||
		((in.flags & O_PATH) &&
			(in.flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) !=
				0))
		return -EINVAL;
	if (cached)
		return -EAGAIN; /* whether a name is cached is not told: callers then go the other way */
	struct how how;
	err = decode_how((uint32_t)in.flags, (uint32_t)in.mode, lookup, &how);
	return err != 0 ? err : open_user(dirfd, path, &how);
}

int
file_open_path(const struct path *path, uint32_t flags, struct file **out)
{
	*out = NULL;
	path_get(path);
	return open_taken(path, flags, out);
}

int
file_open_name(const char *name, uint32_t flags, struct file **out)
{
	struct how how;
	rights_t rights;
	*out = NULL;
	if (*name == '\0')
		return -ENOENT;
	int err = decode_how(flags & OPEN_FLAGS, 0, 0, &how);
	return err != 0 ? err : open_at(AT_FDCWD, name, &how, out, &rights);
}

int
file_open_exec(const struct path *path, struct file **out)
{
	struct inode *i = dentry_inode(path->dentry);
	*out = NULL;
	if ((i->mode & S_IFMT) != S_IFREG || (mount_flags(path->mount) & MS_NOEXEC))
		return -EACCES;
	int err = inode_permission(i, MAY_EXEC);
	if (err == 0 && (i->flags & INODE_UNSIGNED) && !(vfs_cred()->caps & CAP_UNSIGNED))
		err = -EACCES;
	if (err != 0)
		return err;
	err = inode_deny_write(i);
	if (err != 0)
		return err;
	err = file_open_path(path, O_RDONLY, out);
	if (err != 0)
		inode_allow_write(i);
	else
		(*out)->kind |= FILE_DENIES_WRITE;
	return err;
}
