/* SPDX-License-Identifier: MIT */
/*
 * The virtual file system: inodes, names, mounts, and what a file system must provide.
 *
 * struct super is a mounted instance of a file system; struct inode a file; struct dentry a name in a directory (a
 * negative one says that there is no such name); struct mount a place where a super appears in the name space.
 *
 * Names: a hash table of (parent, name) with a lock per bucket; a dentry holds a reference on its parent and its
 * inode. File systems whose names live only in memory (tmpfs, devfs) pin their dentries (DENTRY_PINNED); others'
 * unused dentries are cached and reclaimed.
 * Locks, outer to inner: super->rename_lock (mutex), inode->lock of directories (parent before child), of files,
 * bucket lock, dentry->lock.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "base/list.h"
#include "core/mutex.h"
#include "core/refcount.h"
#include "mm/object.h"
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

struct inode_ops {
	/* Directories. Called with dir->lock held for writing (lookup: reading). dentry: negative, named; made positive by dentry_bind(). */
	int (*lookup)(struct inode *dir, struct dentry *d); /* binds d to an inode, or leaves it negative; -errno */
	int (*create)(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev); /* regular, FIFO, socket, device by mode */
	int (*mkdir)(struct inode *dir, struct dentry *d, uint32_t mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *inode);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to, uint32_t flags);
	/* Symlinks: the target into buf (NUL-terminated, at most n bytes); its length. */
	ssize_t (*readlink)(struct inode *inode, char *buf, size_t n);
	/* A magic link (/proc/self/exe, /proc/self/fd/N): the path it stands for; -errno. Tried before readlink when walking. */
	int (*follow)(struct dentry *d, struct path *out);
	/* Any. NULL: the generic one. */
	int (*getattr)(struct dentry *d, struct kstat *st);
	int (*setattr)(struct dentry *d, const struct iattr *attr);
	int (*permission)(struct inode *inode, uint32_t may); /* instead of mode bits */
	/* Sets f->ops, f->priv, f->kind as it likes (f->ops is inode->fops before). NULL: nothing more to do. */
	int (*open)(struct inode *inode, struct file *f);
	ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t n);
};

/* What setattr changes. */
#define ATTR_MODE   1u
#define ATTR_UID    2u
#define ATTR_GID    4u
#define ATTR_SIZE   8u
#define ATTR_ATIME  16u
#define ATTR_MTIME  32u
#define ATTR_CTIME  64u
struct iattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	struct ktimespec atime, mtime, ctime;
};

struct inode {
	refcount_t refs;
	uint32_t mode;                /* [lock] type bits [I] */
	uint32_t uid, gid;            /* [lock] */
	const struct inode_ops *ops;  /* [I] */
	const struct file_ops *fops;  /* [I] */
	struct super *super;          /* [I] */
	uint64_t ino;                 /* [I] */
	uint32_t nlink;               /* [lock] */
	uint32_t flags;               /* [I] INODE_* */
	uint64_t rdev;                /* [I] */
	struct rwmutex lock;          /* directory content, attributes, size changes and writes */
	struct ktimespec atime, mtime, ctime, btime; /* [lock]; atime may be torn */
	struct vm_object *object;     /* [I] page cache of a regular file, or NULL; its size is the file's */
	void *priv;                   /* [fs] */
	void *locks;                  /* [own lock] record locks: vfs/lock.c */
	_Atomic int32_t writers;      /* open for writing (> 0), or denied because it is executing (< 0) */
};
#define INODE_IMMUTABLE 1u /* nobody writes: the base image */
#define INODE_WX        2u /* the signed image's wx attribute */
#define INODE_UNSIGNED  4u /* content is not verified: exec needs CAP_UNSIGNED */
#define INODE_ANON      8u /* memfd and its like: no name */

struct dentry {
	refcount_t refs;
	uint32_t flags;              /* [lock] DENTRY_* */
	struct spinlock lock;
	struct inode *inode;         /* [lock] referenced; NULL: negative. Stable while referenced and dir->lock held */
	struct dentry *parent;       /* [bucket lock + rename_lock] referenced; itself for a root */
	struct dentry *hash_next;    /* [bucket lock] */
	struct list_node children;   /* [lock] */
	struct list_node sibling;    /* [parent->lock] */
	struct list_node lru;        /* [lru lock] */
	struct mount *_Atomic mounted; /* what is mounted here, topmost; see mount.c */
	struct super *super;         /* [I] */
	uint32_t hash;               /* of the name */
	uint8_t name_len;
	char inline_name[31];        /* short names live here */
	char *name;                  /* [bucket lock + rename_lock] */
};
#define DENTRY_PINNED  1u
#define DENTRY_UNHASHED 2u /* deleted */
#define DENTRY_NOCACHE 4u  /* look up again each time (procfs) */

struct kstatfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

struct super_ops {
	int (*statfs)(struct super *s, struct kstatfs *out);
	int (*sync)(struct super *s);
	int (*remount)(struct super *s, uint32_t flags, const char *options);
	void (*inode_destroy)(struct inode *inode); /* last reference gone; frees it */
	void (*kill)(struct super *s);              /* unmounted: frees what is left */
};

struct super {
	refcount_t refs;
	const struct super_ops *ops;     /* [I] */
	const struct fs_type *type;      /* [I] */
	uint64_t dev;                    /* [I] st_dev */
	struct dentry *root;             /* [I] referenced */
	struct mutex rename_lock;
	uint32_t flags;                  /* [I] SUPER_* */
	caps_t write_caps;               /* [I] what the context must have to change names or content here (tmpfs: CAP_TMPWRITE) */
	void *priv;
};
#define SUPER_READONLY 1u
#define SUPER_UNSIGNED 2u /* its files' content is not verified */

struct fs_type {
	const char *name;
	/* source and options are kernel strings, maybe empty. */
	int (*mount)(const struct fs_type *type, const char *source, uint32_t flags, const char *options, struct super **out);
	bool nodev; /* for /proc/filesystems */
	struct fs_type *next;
};
void fs_register(struct fs_type *type);

/* readdir's sink. emit returns false when it is full: the directory then leaves *pos at that entry and stops. */
struct dir_context {
	bool (*emit)(struct dir_context *ctx, const char *name, size_t len, uint64_t ino, uint32_t type /* DT_* */);
	uint64_t pos; /* in: where to continue; out: after the last emitted entry */
};

/* inode.c, dentry.c: for file systems */
struct inode *inode_create(struct super *s, uint32_t mode, const struct inode_ops *ops, const struct file_ops *fops) MUST_CHECK;
void inode_get(struct inode *i);
void inode_put(struct inode *i); /* may sleep */
struct dentry *dentry_create_root(struct super *s, struct inode *i) MUST_CHECK;
void dentry_bind(struct dentry *d, struct inode *i); /* takes over the reference */
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* Generic page-cache file operations for inodes with an object. */
ssize_t generic_file_read(struct file *f, struct iter *to, uint64_t *pos);
int64_t generic_file_seek(struct file *f, int64_t offset, int whence);
int generic_file_mmap(struct file *f, struct vm_map_request *req);

/* Permission of the running task: mode bits against its fs ids and groups, CAP rules, read-only mounts. -EACCES, -EPERM, -EROFS. */
#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u
int inode_permission(struct inode *i, uint32_t may) MUST_CHECK;

/* Mounting, from kernel code: name is absolute; the root first ("/"). */
int vfs_mount(const char *fs_type, const char *source, const char *target, uint32_t flags, const char *options) MUST_CHECK;
void vfs_init(void);

#endif
