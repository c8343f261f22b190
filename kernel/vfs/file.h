/* SPDX-License-Identifier: MIT */
/*
 * Open files ("open file descriptions"): what a file descriptor's handle refers to. Shared by dup and fork:
 * offset and status flags live here, rights and close-on-exec in the handle.
 *
 * Locks: pos_lock (mutex) serialises the shared offset; flags is atomic. Everything else is fixed when it is opened.
 */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include "core/mutex.h"
#include "obj/handle.h"
#include "obj/object.h"
#include "vfs/iter.h"
#include "vfs/path.h"

struct file;
struct inode;
struct poll_table;
struct vm_object;
struct kstat;
struct dir_context;

/* What mmap asks of a file, and what it answers. */
struct vm_map_request {
	uint64_t length;         /* in */
	uint64_t offset;         /* in: bytes, page aligned; out: offset in object */
	uint32_t prot;           /* in: PROT_BIT_* */
	bool shared;             /* in */
	uint32_t may;            /* in/out: VM_MAYREAD|WRITE|EXEC that the handle's rights allow; the op may remove some */
	struct vm_object *object; /* out: the caller takes its own reference while the file is held; NULL: anonymous (/dev/zero) */
};

/* A NULL operation is an error: read, write -EINVAL; ioctl -ENOTTY; mmap -ENODEV; seek -ESPIPE; readdir -ENOTDIR. */
struct file_ops {
	/*
	 * Transfer at *pos and advance it; pos is NULL for streams (pipes, terminals). Return bytes or -errno. May sleep.
	 * O_NONBLOCK: file_nonblock(f).
	 */
	ssize_t (*read)(struct file *f, struct iter *to, uint64_t *pos);
	ssize_t (*write)(struct file *f, struct iter *from, uint64_t *pos);
	/* Readiness now (POLLIN …), after adding the caller to the queues that announce changes (poll_wait(); pt may be NULL). */
	uint32_t (*poll)(struct file *f, struct poll_table *pt);
	int64_t (*ioctl)(struct file *f, uint32_t cmd, uint64_t arg);
	int (*mmap)(struct file *f, struct vm_map_request *req);
	int64_t (*seek)(struct file *f, int64_t offset, int whence);
	int (*readdir)(struct file *f, struct dir_context *ctx);
	int (*sync)(struct file *f, bool data_only);
	int (*truncate)(struct file *f, uint64_t size);
	int (*fallocate)(struct file *f, uint32_t mode, uint64_t offset, uint64_t len);
	int (*getattr)(struct file *f, struct kstat *st); /* for files without a path's inode; else NULL */
	int (*set_flags)(struct file *f, uint32_t flags); /* O_NONBLOCK, O_APPEND, O_ASYNC change; may refuse */
	/* A handle to it is being closed (each close(2)); -errno is close's result. */
	int (*flush)(struct file *f);
	void (*release)(struct file *f);                  /* last reference gone: free priv */
};

struct file {
	struct object obj;
	const struct file_ops *ops;  /* [I] */
	_Atomic uint32_t flags;      /* O_APPEND, O_NONBLOCK, O_ASYNC …; access mode in the low bits */
	uint32_t kind;               /* [I] FILE_* */
	struct mutex pos_lock;
	uint64_t pos;                /* [pos_lock] */
	struct path path;            /* [I] referenced; empty for files without one */
	struct inode *inode;         /* [I] path.dentry's inode, or the anonymous file's own, or NULL */
	void *priv;                  /* [ops] */
	_Atomic uint32_t poll_watchers; /* epoll entries that watch it */
	void *fown;                  /* [pos_lock] F_SETOWN */
};
/* kind */
#define FILE_SEEKABLE 1u /* has an offset; pread and pwrite work */
#define FILE_PATH_ONLY 2u /* O_PATH */
#define FILE_DIRECTORY 4u
#define FILE_STREAM   8u /* pos is NULL */
#define FILE_TTY      16u

extern const struct object_type file_object_type;

static inline struct file *
file_of(struct object *o)
{
	return container_of(o, struct file, obj);
}

static inline bool
file_nonblock(const struct file *f)
{
	return (atomic_load_explicit((_Atomic uint32_t *)&f->flags, memory_order_relaxed) & 04000) != 0;
}

static inline void
file_get(struct file *f)
{
	object_get(&f->obj);
}

static inline void
file_put(struct file *f)
{
	object_put(&f->obj);
}

/* A file without a path (pipe end, eventfd …). kind FILE_STREAM etc. NULL: out of memory (priv stays the caller's). */
struct file *file_create(const struct file_ops *ops, void *priv, uint32_t flags, uint32_t kind) MUST_CHECK;
/* Opens what path leads to, with Linux's open flags, by its inode's open operation. The rights are the caller's to give. */
int file_open_path(const struct path *path, uint32_t flags, struct file **out) MUST_CHECK;
/* Opens by name, as the running task, from kernel code (exec, init). */
int file_open_name(const char *name, uint32_t flags, struct file **out) MUST_CHECK;
/* Reads at an offset into kernel memory; bytes (short at end of file) or -errno. */
ssize_t file_read_at(struct file *f, void *buf, size_t n, uint64_t offset) MUST_CHECK;
/* The rights that Linux's open grants for its flags: READ/WRITE by mode and the rest. */
rights_t file_rights_for(uint32_t open_flags);

/*
 * Borrowing by descriptor from the running task. file_borrow: as handle_borrow(), -EBADF also for O_PATH handles
 * unless need is 0.
 */
struct file_ref {
	struct file *file;
	handle_ref_t ref;
	rights_t rights;
};
int file_borrow(int fd, rights_t need, struct file_ref *out) MUST_CHECK;
static inline void
file_return(struct file_ref *r)
{
	handle_return(r->ref);
}
/* Puts a file (reference taken over) into the running task's table; the new descriptor or -errno (then it was put). */
int file_install(struct file *f, rights_t rights, uint32_t open_flags) MUST_CHECK;

#endif
