/* SPDX-License-Identifier: MIT */
/*
 * The virtual file system: inodes, names, mounts, and what a file system must provide.
 *
 * struct super is a mounted instance of a file system; struct inode a file; struct dentry a name in a directory (a
 * negative one says that there is no such name); struct mount (mount.h) a place where a super appears in the name
 * space.
 *
 * Names: a hash table of (parent, name) with a lock per bucket; a dentry holds a reference on its parent and its
 * inode, and being in the table is a reference on it. A dentry becomes positive at most once and never negative
 * again: deleting a name takes its dentry out of the table. File systems whose names live only in memory (SUPER_PINNED:
 * tmpfs, devfs) have all their dentries in the table, so that a miss means that there is no such name; others'
 * unused dentries are cached and reclaimed, or not cached at all (DENTRY_NOCACHE).
 * Locks, outer to inner: super->rename_lock (mutex), inode->lock of directories (parent before child), of files,
 * bucket locks (two: by address), the name lock, the LRU lock. Copying from or to user memory is allowed under the
 * first three.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "base/list.h"
#include "core/mutex.h"
#include "core/refcount.h"
#include "mm/object.h"
#include "proc/task.h"
#include "vfs/file.h"
#include "vfs/path.h"

#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_ISUID  04000u
#define S_ISGID  02000u
#define S_ISVTX  01000u

struct super;
struct iattr;

struct ktimespec {
	int64_t sec;
	uint32_t nsec;
};

struct kstat { /* what stat, statx and their kin are made from */
	uint64_t dev, ino, rdev, size, blocks;
	uint32_t mode, nlink, uid, gid, blksize;
	struct ktimespec atime, mtime, ctime, btime;
	uint32_t attributes; /* STATX_ATTR_* */
};

/* Where a magic link leads: a path, or an open file that has none (a pipe's end). All referenced. */
struct magic_target {
	struct path path;
	struct file *file;
	rights_t rights; /* in: what the walk has so far; the link may take some away, never add */
};

struct inode_ops {
	/*
	 * Directories. Called with dir->lock held for writing, and not at all when the directory is deleted; unlink, rmdir,
	 * link and a rename that replaces also with the lock of the inode that loses or gets the name. The dentry is
	 * negative and named; dentry_bind() makes it positive. A NULL lookup: what is not in the name table does not exist.
	 */
	int (*lookup)(struct inode *dir,
		struct dentry *d); /* binds d to an inode, or leaves it negative; -errno */
	int (*create)(struct inode *dir, struct dentry *d, uint32_t mode,
		uint64_t rdev); /* regular, FIFO, socket, device by mode */
	int (*mkdir)(struct inode *dir, struct dentry *d, uint32_t mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *inode);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d); /* -ENOTEMPTY */
	/* The VFS holds rename_lock (if the directories differ) and both directories; it moves the dentries afterwards. */
	int (*rename)(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
		struct dentry *to, uint32_t flags);
	int (*tmpfile)(struct inode *dir, struct dentry *d,
		uint32_t mode); /* O_TMPFILE: a regular file without a name */
	/* Symlinks: the target into buf (NUL-terminated, at most n bytes); its length. */
	ssize_t (*readlink)(struct inode *inode, char *buf, size_t n);
	/* Symlinks whose target is in memory as long as the inode: tried before readlink; not NUL-terminated. */
	const char *(*get_link)(struct inode *inode, uint32_t *len);
	/* A magic link (/proc/self/exe, /proc/self/fd/N): what it stands for; -errno. Tried before the others when walking. */
	int (*follow)(struct dentry *d, struct magic_target *out);
	/* Any. NULL: the generic one. */
	int (*getattr)(struct dentry *d, struct kstat *st);
	/* Checked already, inode->lock held for writing. NULL: only the inode changes (not its size). */
	int (*setattr)(struct dentry *d, const struct iattr *attr);
	int (*permission)(struct inode *inode, uint32_t may); /* instead of mode bits */
	/*
	 * Sets f->ops, f->priv, f->kind as it likes (f->ops is inode->fops before). NULL: nothing more to do. Not for
	 * devices (file_ops.open) and FIFOs.
	 */
	int (*open)(struct inode *inode, struct file *f);
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t n);
	ssize_t (*listxattr)(struct inode *inode, char *buf, size_t n);
};

/* What setattr changes. */
#define ATTR_MODE  1u
#define ATTR_UID   2u
#define ATTR_GID   4u
#define ATTR_SIZE  8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u
struct iattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	struct ktimespec atime, mtime, ctime;
};

struct inode {
	refcount_t refs;
	uint32_t mode;               /* [lock] type bits [I] */
	uint32_t uid, gid;           /* [lock] */
	const struct inode_ops *ops; /* [I] */
	const struct file_ops *fops; /* [I] */
	struct super *super;         /* [I] */
	uint64_t ino;                /* [I] */
	uint32_t nlink;              /* [lock] */
	uint32_t flags;              /* [I] INODE_* */
	uint64_t rdev;               /* [I] */
	struct rwmutex lock;         /* directory content, attributes, size changes and writes */
	struct ktimespec atime, mtime, ctime,
		btime; /* [lock] read without it: a time may be torn by a racing change */
	/* [I] page cache of a regular file, or NULL; its size is the file's */
	struct vm_object *object;
	void *priv;                        /* [fs] */
	struct inode_locks *_Atomic locks; /* record locks and flocks: vfs/lock.c; set once */
	/* open for writing (> 0), or denied because it is executing (< 0) */
	_Atomic int32_t writers;
};
#define INODE_IMMUTABLE 1u  /* nobody writes: the base image */
#define INODE_WX        2u  /* the signed image's wx attribute */
#define INODE_UNSIGNED  4u  /* content is not verified: exec needs CAP_UNSIGNED */
#define INODE_ANON      8u  /* memfd and its like: no name */
#define INODE_TMPFILE   16u /* O_TMPFILE: may be linked although nlink is 0 */
#define INODE_NOATIME   32u /* access times are not kept */

struct dentry {
	struct dentry *hash_next; /* [bucket lock] */
	/* [bucket lock, name lock: both to change] referenced; itself for a root */
	struct dentry *parent;
	uint32_t hash; /* as parent */
	refcount_t refs;
	struct inode *_Atomic inode;   /* referenced; NULL: negative; set once, under dir->lock */
	char *name;                    /* as parent; NUL-terminated */
	uint8_t name_len;              /* as parent */
	_Atomic uint32_t flags;        /* DENTRY_* */
	struct mount *_Atomic mounted; /* mounts on it, one per mount that shows it; mount.c */
	struct super *super;           /* [I] */
	char inline_name[32];          /* as parent: short names live here */
	struct list_node children;     /* SUPER_PINNED: [its inode's lock] in order of cookies */
	union {
		struct list_node sibling; /* SUPER_PINNED: [parent's inode's lock] */
		struct list_node lru;     /* others: [LRU lock] */
	};
	/* SUPER_PINNED: [parent's inode's lock] its place in readdir's order, > 2 */
	uint64_t cookie;
	uint64_t last_cookie; /* SUPER_PINNED: [its inode's lock] of the newest child */
};
#define DENTRY_HASHED     1u /* in the name table */
#define DENTRY_DELETED    2u /* had a name once */
#define DENTRY_NOCACHE    4u /* set by lookup: look up again each time (procfs) */
#define DENTRY_REFERENCED 8u /* used since reclaim last looked */
#define DENTRY_LRU        16u
#define DENTRY_ANON       32u /* never had a name: memfd, O_TMPFILE */

static inline struct inode *
dentry_inode(const struct dentry *d)
{
	return atomic_load_explicit((struct inode * _Atomic *)&d->inode, memory_order_acquire);
}

static inline bool
dentry_is_deleted(const struct dentry *d)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&d->flags, memory_order_relaxed) &
		       DENTRY_DELETED) != 0;
}

struct kstatfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

struct super_ops {
	int (*statfs)(struct super *s, struct kstatfs *out);
	int (*sync)(struct super *s);
	int (*remount)(struct super *s, uint32_t flags,
		const char *options); /* flags: SUPER_READONLY or 0 */
	void (*inode_destroy)(
		struct inode *inode); /* last reference gone; frees it. NULL: inode_free() */
	void (*kill)(
		struct super *s); /* unmounted: frees priv; the super itself is not its business */
	/* Options for /proc/mounts, each with a leading comma, into buf. */
	void (*show_options)(struct super *s, char *buf, size_t n);
};

struct super {
	refcount_t refs;             /* mounts, and the file system that keeps one for itself */
	const struct super_ops *ops; /* [I] */
	const struct fs_type *type;  /* [I] */
	uint64_t dev;                /* [I] st_dev */
	struct dentry *root;         /* [I] referenced */
	struct mutex rename_lock;
	_Atomic uint32_t flags; /* SUPER_* */
	caps_t write_caps; /* [I] what the context must have to change names or content here (tmpfs: CAP_TMPWRITE) */
	struct list_node node; /* [super list lock] */
	void *priv;
};
#define SUPER_READONLY 1u
#define SUPER_UNSIGNED 2u /* its files' content is not verified */
#define SUPER_PINNED   4u /* names live in the name table alone */
#define SUPER_NODEV    8u /* device nodes do not work: memfd and its like */

struct fs_type {
	const char *name;
	/* source and options are kernel strings, maybe empty. *out has one reference. flags: SUPER_READONLY or 0. */
	int (*mount)(const struct fs_type *type, const char *source, uint32_t flags,
		const char *options, struct super **out);
	bool nodev; /* for /proc/filesystems */
	struct fs_type *next;
};
void fs_register(struct fs_type *type);
/* Walks the registered types: NULL begins. For /proc/filesystems. */
const struct fs_type *fs_type_next(const struct fs_type *type);

/* readdir's sink. emit returns false when it is full: the directory then leaves *pos at that entry and stops. */
struct dir_context {
	bool (*emit)(struct dir_context *ctx, const char *name, size_t len, uint64_t ino,
		uint32_t type /* DT_* */);
	/* in: where to continue; out: after the last emitted entry. At emit: that entry's own place */
	uint64_t pos;
};
/*
 * A directory emits all its entries, "." and ".." too: this does these two, at positions 0 and 1. False: full.
 * readdir is called with the directory's lock held for reading.
 */
bool dir_emit_dots(struct file *f, struct dir_context *ctx) MUST_CHECK;
/* readdir of SUPER_PINNED file systems. */
int pinned_readdir(struct file *f, struct dir_context *ctx);
static inline uint32_t
dir_type_of_mode(uint32_t mode) /* DT_* */
{
	return (mode & S_IFMT) >> 12;
}

/* super.c. A new one with one reference, no root; its st_dev is an anonymous one. NULL: out of memory. */
struct super *super_create(const struct fs_type *type, const struct super_ops *ops, uint32_t flags,
	void *priv) MUST_CHECK;
void super_get(struct super *s);
void super_put(
	struct super *s); /* the last one evicts names, puts the root, calls kill. May sleep */
int super_sync(struct super *s) MUST_CHECK;
int vfs_sync_all(void); /* sync(2), shutdown; the first error */

/* inode.c */
struct inode *inode_create(struct super *s, uint32_t mode, const struct inode_ops *ops,
	const struct file_ops *fops) MUST_CHECK;
void inode_free(struct inode *i); /* what inode_create() made */
/* For inodes inside a larger structure: one reference, nlink 1, times now, owner 0. Fields not named are zero. */
void inode_init(struct inode *i, struct super *s, uint32_t mode, const struct inode_ops *ops,
	const struct file_ops *fops);
/* Owner for something created in dir by the running task: its fs ids, or dir's group when dir is set-group-id. */
void inode_init_owner(struct inode *i, const struct inode *dir);
/* The permission bits of a new file (no directory) in dir that was asked for with mode: umask, and no foreign S_ISGID. */
uint32_t inode_new_mode(const struct inode *dir, uint32_t mode) MUST_CHECK;
void inode_get(struct inode *i);
void inode_destroy(struct inode *i);
static inline void
inode_put(struct inode *i) /* may sleep */
{
	if (refcount_put(&i->refs))
		inode_destroy(i);
}
void ktime_now(struct ktimespec *out); /* real time */
/* Sets what attr says but the size; for setattr operations. */
void inode_apply_attr(struct inode *i, const struct iattr *attr);
/* The generic getattr. */
static inline void
inode_stat(const struct inode *i, struct kstat *st)
{
	st->dev = i->super->dev;
	st->ino = i->ino;
	st->rdev = i->rdev;
	st->size = 0;
	st->blocks = 0;
	st->mode = i->mode;
	st->nlink = i->nlink;
	st->uid = i->uid;
	st->gid = i->gid;
	st->blksize = (uint32_t)PAGE_SIZE;
	st->atime = i->atime;
	st->mtime = i->mtime;
	st->ctime = i->ctime;
	st->btime = i->btime;
	st->attributes = (i->flags & INODE_IMMUTABLE) ? 0x10 /* STATX_ATTR_IMMUTABLE */ : 0;
	if (i->object != NULL) {
		st->size = atomic_load_explicit(&i->object->size, memory_order_relaxed);
		st->blocks = (st->size + 511) / 512;
	}
}
/* Opening for writing against executing: -ETXTBSY. Regular files only. */
int inode_write_get(struct inode *i) MUST_CHECK;
void inode_write_put(struct inode *i);
int inode_deny_write(struct inode *i) MUST_CHECK;
void inode_allow_write(struct inode *i);
/* relatime. */
void file_accessed(struct file *f);

/* dentry.c */
struct dentry *dentry_create_root(struct super *s,
	struct inode *i) MUST_CHECK; /* takes over i; NULL: out of memory (i was put) */
/* A dentry without a name in any directory (memfd). Takes over i. NULL: out of memory (i was put). */
struct dentry *dentry_create_anon(struct super *s, const char *name, struct inode *i) MUST_CHECK;
void dentry_bind(struct dentry *d, struct inode *i); /* takes over the reference */
void dentry_destroy(struct dentry *d);
static inline void
dentry_get(struct dentry *d)
{
	refcount_get(&d->refs);
}
static inline void
dentry_put(struct dentry *d) /* may sleep */
{
	if (refcount_put(&d->refs))
		dentry_destroy(d);
}
/* Frees up to n unused dentries (and so their inodes and page caches), least recently used first; how many. */
uint64_t dentry_shrink(uint64_t n);
/*
 * The dentry of a name in directory dir for a file system's own use (devfs_register): existing or new and negative;
 * dir's inode's lock held for writing. dentry_add() puts a bound one into the table.
 */
int dentry_find(struct dentry *dir, const char *name, size_t len, struct dentry **out) MUST_CHECK;
void dentry_add(struct dentry *d);
void dentry_delete(struct dentry
		*d); /* takes a name out of the table: it is gone; parent's inode's lock held */

/* Generic page-cache file operations for inodes with an object (pagecache.c). */
ssize_t generic_file_read(struct file *f, struct iter *to, uint64_t *pos);
ssize_t generic_file_get_pages(
	struct file *f, uint64_t pos, size_t n, struct page **pages, uint32_t max);
int64_t generic_file_seek(struct file *f, int64_t offset, int whence);
int generic_file_mmap(struct file *f, struct vm_map_request *req);
/* Up to n pages that are there and up to date, from index on, each with a reference; how many before the first gap. */
uint32_t object_find_pages(struct vm_object *o, uint64_t index, uint32_t n, struct page **out);

/*
 * Permission of the running task: mode bits against its fs ids and groups; for writing to files, directories and
 * symlinks also read-only supers and the super's write_caps. -EACCES, -EPERM, -EROFS. Mount flags: path_may_write().
 */
#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u
int inode_permission(struct inode *i, uint32_t may) MUST_CHECK;
int cred_permission(
	const struct cred *c, struct inode *i, uint32_t may) MUST_CHECK; /* by other credentials */
/* Whether names or content may change at p: mount and super not read-only, write_caps. -EROFS, -EPERM. */
int path_may_write(const struct path *p) MUST_CHECK;
int super_may_write(const struct super *s) MUST_CHECK;
/* Whether the running task owns i or is root. */
bool inode_owner_or_root(const struct inode *i);
/* Credentials of the running task, or the kernel's own in a kernel thread. */
extern const struct cred vfs_kernel_cred;
static inline const struct cred *
vfs_cred(void)
{
	return likely(arch_current()->process != NULL) ? current_cred() : &vfs_kernel_cred;
}

/* Mounting, from kernel code: name is absolute; the root first ("/"). flags: MS_*. */
int vfs_mount(const char *fs_type, const char *source, const char *target, uint32_t flags,
	const char *options) MUST_CHECK;
/* The same for a super that exists; takes over the caller's reference, on failure too. */
int vfs_mount_super(
	struct super *s, const char *source, const char *target, uint32_t flags) MUST_CHECK;
void vfs_init(void);

#endif
