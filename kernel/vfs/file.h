/* SPDX-License-Identifier: MIT */
/*
 * Open files ("open file descriptions"): what a file descriptor's handle refers to. Shared by dup and fork:
 * offset and status flags live here, rights and close-on-exec in the handle.
 *
 * Locks: pos_lock (mutex) serialises the shared offset; flags is atomic. Everything else is fixed when it is opened.
 */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include "abi/linux/fcntl.h"
#include "core/mutex.h"
#include "obj/handle.h"
#include "obj/object.h"
#include "proc/task.h"
#include "vfs/iter.h"
#include "vfs/path.h"

struct epoll_entry;
struct file;
struct file_owner;
struct inode;
struct page;
struct poll_table;
struct vm_object;
struct kstat;
struct dir_context;

/* What mmap asks of a file, and what it answers. */
struct vm_map_request {
	uint64_t length; /* in */
	uint64_t offset; /* in: bytes, page aligned; out: offset in object */
	uint32_t prot;   /* in: PROT_BIT_* */
	bool shared;     /* in */
	/* in/out: VM_MAYREAD|WRITE|EXEC that the handle's rights allow; the op may remove some */
	uint32_t may;
	/* out: the caller takes its own reference while the file is held; NULL: anonymous (/dev/zero) */
	struct vm_object *object;
	bool object_owned; /* out: the reference in object is the caller's to keep (made for this mapping) */
	bool counted; /* out: a writable mapping of object is counted in advance; the caller takes that back when it is done */
};

/* A NULL operation is an error: read, write -EINVAL; ioctl -ENOTTY; mmap -ENODEV; seek -ESPIPE; readdir -ENOTDIR. */
struct file_ops {
	/* A device is being opened: sets f->ops, f->priv (the registered priv before), f->kind as it likes. NULL: nothing to do. */
	int (*open)(struct inode *inode, struct file *f);
	/*
	 * Transfer at *pos and advance it; pos is NULL for streams (pipes, terminals). Return bytes or -errno. May sleep.
	 * O_NONBLOCK: file_nonblock(f). A write to a file with a size goes to its end if file_appends(f, from), found
	 * under the lock that guards the size; *pos then ends after what was written.
	 */
	ssize_t (*read)(struct file *f, struct iter *to, uint64_t *pos);
	ssize_t (*write)(struct file *f, struct iter *from, uint64_t *pos);
	/*
	 * References on the pages that hold [pos, pos + n), at most max of them, in order, for whoever sends them; the bytes
	 * of them that are the file's from pos on (0: its end), or -errno. The pages are to be read only, and show what is
	 * written to the file later. NULL: it has to be read. May sleep.
	 */
	ssize_t (*get_pages)(
		struct file *f, uint64_t pos, size_t n, struct page **pages, uint32_t max);
	/*
	 * As write, but n bytes (not 0) from offset within the first of these pages on, at most FILE_SEND_PAGES of them,
	 * which it may keep referring to (with references of its own) instead of copying. flags: FILE_SEND_*. NULL, or
	 * -EOPNOTSUPP: write has to be used.
	 */
	ssize_t (*send_pages)(
		struct file *f, struct page **pages, uint32_t offset, size_t n, uint32_t flags);
	/* Readiness now (POLLIN …), after adding the caller to the queues that announce changes (poll_wait(); pt may be NULL). */
	uint32_t (*poll)(struct file *f, struct poll_table *pt);
	int64_t (*ioctl)(struct file *f, uint32_t cmd, uint64_t arg);
	int (*mmap)(struct file *f, struct vm_map_request *req);
	int64_t (*seek)(struct file *f, int64_t offset, int whence);
	int (*readdir)(struct file *f, struct dir_context *ctx);
	int (*sync)(struct file *f, bool data_only);
	int (*truncate)(struct file *f, uint64_t size);
	int (*fallocate)(struct file *f, uint32_t mode, uint64_t offset, uint64_t len);
	int (*getattr)(
		struct file *f, struct kstat *st); /* for files without a path's inode; else NULL */
	int (*set_flags)(struct file *f,
		uint32_t flags); /* O_NONBLOCK, O_APPEND, O_ASYNC change; may refuse */
	/* A handle to it was closed (each close(2)); -errno is close's result. */
	int (*flush)(struct file *f);
	void (*release)(struct file *f); /* last reference gone: free priv */
	/* Files without a path: what /proc/PID/fd shows, followed by ":[inode number]" unless it ends with a bracket. */
	const char *anon_name;
};

#define FILE_SEND_MORE   1u  /* more follows at once: what is not a full packet may wait for it */
#define FILE_SEND_NOWAIT 2u  /* as if it were O_NONBLOCK */
#define FILE_SEND_PACKET 4u  /* to a pipe: it is a packet; one page */
#define FILE_SEND_PAGES  16u /* in one call */

struct file {
	struct object obj;
	const struct file_ops *ops; /* [I] */
	_Atomic uint32_t flags; /* O_APPEND, O_NONBLOCK, O_ASYNC …; access mode in the low bits */
	uint32_t kind;          /* [I] FILE_* */
	struct mutex pos_lock;
	uint64_t pos;        /* [pos_lock] */
	struct path path;    /* [I] referenced; empty for files without one */
	struct inode *inode; /* [I] path.dentry's inode, or the anonymous file's own, or NULL */
	void *priv;          /* [ops] */
	struct epoll_entry *_Atomic watchers; /* [epoll.c] epoll entries that watch it */
	struct file_owner *_Atomic owner;     /* [async.c] F_SETOWN, F_SETSIG, O_ASYNC; set once */
};
/* kind: fixed before the file has a handle */
#define FILE_SEEKABLE  1u /* has an offset; pread and pwrite work */
#define FILE_PATH_ONLY 2u /* O_PATH */
#define FILE_DIRECTORY 4u
#define FILE_STREAM    8u /* pos is NULL */
#define FILE_TTY       16u
#define FILE_WRITER    32u /* the VFS's own: counted in its inode's and mount's writers */
#define FILE_DENIES_WRITE \
	64u /* the VFS's own: open for execution, its inode is not to be written */
/* O_ASYNC works: the file's queues are not woken with a process's lock held. */
#define FILE_SIGIO 128u
/* Opening it again by /proc/PID/fd is -ENXIO: sockets. */
#define FILE_NO_REOPEN 256u

extern const struct object_type file_object_type;

static inline struct file *
file_of(struct object *o)
{
	return container_of(o, struct file, obj);
}

static inline uint32_t
file_flags(const struct file *f)
{
	return atomic_load_explicit((_Atomic uint32_t *)&f->flags, memory_order_relaxed);
}

static inline bool
file_nonblock(const struct file *f)
{
	return (file_flags(f) & O_NONBLOCK) != 0;
}

/* Whether this write goes to the end of the file, wherever that is: O_APPEND or RWF_APPEND. */
static inline bool
file_appends(const struct file *f, const struct iter *from)
{
	return (file_flags(f) & O_APPEND) != 0 || (from->flags & ITER_APPEND) != 0;
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
struct file *file_create(
	const struct file_ops *ops, void *priv, uint32_t flags, uint32_t kind) MUST_CHECK;
/* Opens what path leads to, with Linux's open flags, by its inode's open operation. The rights are the caller's to give. */
int file_open_path(const struct path *path, uint32_t flags, struct file **out) MUST_CHECK;
/*
 * Opens a program for execution: a regular file with permission to execute it, on a mount that allows it; content
 * that is not verified needs CAP_UNSIGNED. Until the file is put nobody may open it for writing. -EACCES, -ETXTBSY.
 */
int file_open_exec(const struct path *path, struct file **out) MUST_CHECK;
/* Opens by name, as the running task, from kernel code (exec, init). */
int file_open_name(const char *name, uint32_t flags, struct file **out) MUST_CHECK;
/* Reads at an offset into kernel memory; bytes (short at end of file) or -errno. */
ssize_t file_read_at(struct file *f, void *buf, size_t n, uint64_t offset) MUST_CHECK;
/* What read(2) and write(2) do, limits and O_SYNC included: at *pos (nothing to streams), or at the file's own offset. */
ssize_t file_read_iter(struct file *f, struct iter *to, uint64_t *pos) MUST_CHECK;
ssize_t file_write_iter(struct file *f, struct iter *from, uint64_t *pos) MUST_CHECK;
ssize_t file_read_here(struct file *f, struct iter *to) MUST_CHECK;
/*
 * Moves up to n bytes of in, from *pos on, to out by reference to their pages, until the end, an error or a signal
 * (sendpages.c); advances *pos. flags: FILE_SEND_* to add. Bytes, or -errno if there were none; -EOPNOTSUPP: one of
 * the two cannot, copy.
 */
ssize_t file_send_pages(
	struct file *in, uint64_t *pos, struct file *out, size_t n, uint32_t flags) MUST_CHECK;
ssize_t file_write_here(struct file *f, struct iter *from) MUST_CHECK;
/* Sleeps until one of events (POLLIN …, errors always) is there. 0, -ENOMEM, -ERESTARTSYS (poll.c). */
int file_wait_events(struct file *f, uint32_t events) MUST_CHECK;
/* The rights that Linux's open grants for its flags: READ/WRITE by mode and the rest. */
static inline rights_t
file_rights_for(uint32_t open_flags)
{
	rights_t rights = RIGHT_ALL;
	if (open_flags & O_PATH)
		return rights;
	if ((open_flags & O_ACCMODE) == O_WRONLY)
		rights &= ~RIGHT_READ;
	if ((open_flags & O_ACCMODE) == O_RDONLY)
		rights &= ~RIGHT_WRITE;
	return rights;
}

/* A new file with one reference, all fields set, ops NULL. For open; others use file_create(). NULL: out of memory. */
struct file *file_alloc(void) MUST_CHECK;
/* Undoes file_alloc() for a file that was never opened: no operation is called, path and inode stay the caller's. */
void file_free(struct file *f);
void file_init_cache(void); /* boot */

/*
 * Borrowing by descriptor from the running task. file_borrow: as handle_borrow(), -EBADF also for O_PATH handles
 * and for writing to directories, unless need is 0.
 */
struct file_ref {
	struct file *file;
	handle_ref_t ref;
	rights_t rights;
};
/*
 * What nearly every look-up is: the file of fd, with nothing to give back. NULL: fd is not open, lacks a right, is one
 * of those that file_borrow() looks at twice, or the table is shared: file_borrow() tells.
 */
static inline struct file *
file_peek(int fd, rights_t need)
{
	const struct handle_table *t = current_task()->handles;
	if (unlikely(!handle_table_is_private(t) || (uint32_t)fd >= t->size))
		return NULL;
	const struct handle_entry *e = &t->entries[(uint32_t)fd];
	if (unlikely(!(e->flags & HANDLE_FILE) || (need & ~e->rights) != 0))
		return NULL;
	struct file *f = file_of(e->object);
	return likely((f->kind & (FILE_PATH_ONLY | FILE_DIRECTORY)) == 0) ? f : NULL;
}

int file_borrow(int fd, rights_t need, struct file_ref *out) MUST_CHECK;
/*
 * What a call at a position returns when file_borrow() gave err: as on Linux the position counts before the rights do.
 * -EINVAL for a negative one, -ESPIPE if the descriptor is open and has none, err otherwise.
 */
int file_refuse_at(int err, int fd, int64_t offset);
/* What ftruncate() returns then: -EINVAL of what is open, as on Linux; err otherwise. */
int file_refuse_cut(int err, int fd);

static inline void
file_return(struct file_ref *r)
{
	handle_return(r->ref);
}

/* Puts a file (reference taken over) into the running task's table; the new descriptor or -errno (then it was put). */
int file_install(struct file *f, rights_t rights, uint32_t open_flags) MUST_CHECK;

/* What the running task's RLIMIT_NOFILE allows: handles lie below it. */
uint32_t handle_limit(void);

/*
 * Record locks and flocks (lock.c): fcntl's commands, lock being a struct flock, may sleep; what ends with a file; what
 * ends when a process closes a handle of its table.
 */
int64_t file_lock_fcntl(struct file *f, int fd, uint32_t cmd, uaddr_t lock) MUST_CHECK;
void lock_release_file(struct file *f);
void lock_release_posix(struct file *f, struct handle_table *owner);
/* F_ADD_SEALS, F_GET_SEALS (memfd.c); -EINVAL for files that have none. */
int64_t file_seals_fcntl(struct file *f, uint32_t cmd, uint64_t arg);

#endif
