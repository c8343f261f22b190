/* SPDX-License-Identifier: MIT */
/*
 * Walking paths, and what the system calls that take names share. Internal to kernel/vfs and the syscalls' files.
 *
 * A walk borrows where it can: the start from the task's fs context or a handle, a mount's root from the mount.
 * "owned" says which references of path and root it holds. Begin, walk (to the end or to the parent of the last
 * component), use, end; walk_take() makes references of one's own out of the result.
 */
#ifndef VFS_WALK_H
#define VFS_WALK_H

#include "abi/linux/fcntl.h"
#include "arch/uaccess.h"
#include "proc/task.h"
#include "vfs/mount.h"
#include "vfs/vfs.h"

/* A name copied from user space: short ones, which is nearly all, on the stack. */
#define NAME_SHORT 128
struct name {
	char *s; /* NUL-terminated */
	size_t len;
	char inline_s[NAME_SHORT];
};
/* Uninitialised on purpose: name_get() fills what is used, and zeroing costs more than the copy. */
#define NAME_ON_STACK(n) struct name n __attribute__((uninitialized))

/* Copies a path. -ENOENT: empty (unless flags has LOOKUP_EMPTY); -ENAMETOOLONG, -EFAULT, -ENOMEM. name_put() after 0. */
int name_get_slow(struct name *n, uaddr_t from, uint32_t flags, ssize_t len) MUST_CHECK;
static inline int MUST_CHECK
name_get(struct name *n, uaddr_t from, uint32_t flags)
{
	ssize_t len = copy_string_from_user(n->inline_s, from, NAME_SHORT);
	n->s = n->inline_s;
	n->len = (size_t)len;
	return likely(len > 0 && len < NAME_SHORT) ? 0 : name_get_slow(n, from, flags, len);
}
void name_put_long(struct name *n);
static inline void
name_put(struct name *n)
{
	if (unlikely(n->s != n->inline_s))
		name_put_long(n);
}

enum walk_last { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

struct walk {
	struct path path;        /* where it is */
	struct inode *inode;     /* path.dentry's */
	const struct cred *cred; /* borrowed */
	struct path root;
	uint64_t moves;    /* LOOKUP_SCOPED: tree_moves() at the beginning */
	uint32_t flags;    /* LOOKUP_* */
	uint8_t owned;     /* WALK_OWNS_* */
	uint8_t links;     /* symlinks followed */
	bool slash;        /* the last component had a slash after it */
	uint8_t last_type; /* enum walk_last, of a walk to the parent */
	uint32_t last_len, last_hash;
	const char *last;
	const char *next;    /* where a walk that follows a symlink goes on */
	char *buffer;        /* what is left to walk since the last symlink; the walk's */
	struct file *file;   /* the end is an open file without a path, referenced; path is empty */
	rights_t rights;     /* what the handles that it went through allow */
	struct file_ref dir; /* dirfd's; file NULL: none */
};
#define WALK_OWNS_MOUNT  1u
#define WALK_OWNS_DENTRY 2u
#define WALK_OWNS_ROOT   4u
#define WALK_ON_STACK(w) \
	struct walk w __attribute__((uninitialized)) /* walk_begin() sets every field */

/* Starts at dirfd or the working directory; for an absolute name at the root. walk_end() after 0 only. */
int walk_begin(struct walk *w, int dirfd, const char *name, uint32_t flags) MUST_CHECK;
/* Starts at a path, which must stay referenced; NULL: as AT_FDCWD. */
int walk_begin_at(
	struct walk *w, const struct path *base, const char *name, uint32_t flags) MUST_CHECK;
int walk_all(struct walk *w, const char *name) MUST_CHECK;
/* To the directory that holds the last component, which is described by last_*; path.dentry is a directory. */
int walk_to_parent(struct walk *w, const char *name) MUST_CHECK;
/*
 * Goes on from walk_to_parent(): w->next is NULL when the last component has been entered, or, when it is a symlink
 * that is to be followed, what to pass to walk_to_parent() next. -ENOENT: there is none.
 */
int walk_last(struct walk *w) MUST_CHECK;
void walk_end(struct walk *w);
/* References of the caller's own on where the walk is. */
static inline void
walk_take(struct walk *w, struct path *out)
{
	if (!(w->owned & WALK_OWNS_MOUNT))
		mount_get(w->path.mount);
	if (!(w->owned & WALK_OWNS_DENTRY))
		dentry_get(w->path.dentry);
	w->owned &= (uint8_t)~(WALK_OWNS_MOUNT | WALK_OWNS_DENTRY);
	*out = w->path;
}
/* walk_begin() and walk_all() of a user's name. */
int walk_user(struct walk *w, int dirfd, uaddr_t name, uint32_t flags) MUST_CHECK;
/* -EINVAL for flags other than those of allowed; LOOKUP_* for AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW (or _FOLLOW if that is allowed). */
static inline int MUST_CHECK
walk_at_flags(uint32_t at_flags, uint32_t allowed, uint32_t *lookup)
{
	if (allowed & AT_SYMLINK_FOLLOW)
		*lookup = at_flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	else
		*lookup = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	if (at_flags & AT_EMPTY_PATH)
		*lookup |= LOOKUP_EMPTY;
	return at_flags & ~allowed ? -EINVAL : 0;
}

/*
 * The name table (dentry.c). A bucket's lock guards its chain and, with the name lock, the names and parents of the
 * dentries in it. Looking a name up is inline: it is what a walk does most.
 */
struct dentry_bucket {
	struct spinlock lock;
	struct dentry *head; /* [lock] */
};
struct dentry_table {
	struct dentry_bucket *buckets;
	uint64_t key;   /* odd; secret, so that nobody can choose names that collide */
	uint32_t shift; /* 64 - log2(buckets) */
};
extern struct dentry_table dentry_table; /* [I] after boot */

static inline struct dentry_bucket *
dentry_bucket_of(const struct dentry *parent, uint32_t hash)
{
	uint64_t mixed = ((uint64_t)(uintptr_t)parent >> 3) + hash;
	return &dentry_table.buckets[(mixed * 0x9e3779b97f4a7c15ULL) >> dentry_table.shift];
}

/* Of the name up to a slash or the end; *len is set. */
static inline uint32_t
dentry_hash_name(const char *name, uint32_t *len)
{
	const uint64_t key = dentry_table.key;
	uint64_t h = 0;
	const char *s = name;
	for (uint8_t c; (c = (uint8_t)*s) != '/' && c != 0; s++)
		h = (h + c) * key;
	*len = (uint32_t)(s - name);
	return (uint32_t)(h >> 32);
}
uint32_t dentry_hash_bytes(const char *name, size_t len);

static inline bool
dentry_has_name(const struct dentry *d, const char *name, uint32_t len)
{
	const char *mine = d->name;
	if (d->name_len != len)
		return false;
	for (const char *end = name + len; name != end; name++, mine++)
		if (*mine != *name)
			return false;
	return true;
}

/* With a reference, or NULL: it is not in the table. */
static inline struct dentry *
dentry_lookup(struct dentry *parent, const char *name, uint32_t len, uint32_t hash)
{
	struct dentry_bucket *b = dentry_bucket_of(parent, hash);
	spin_lock(&b->lock);
	struct dentry *d = b->head;
	while (d != NULL &&
		!(d->hash == hash && d->parent == parent && dentry_has_name(d, name, len)))
		d = d->hash_next;
	if (likely(d != NULL)) {
		dentry_get(d);
		uint32_t flags = atomic_load_explicit(&d->flags, memory_order_relaxed);
		if (unlikely(!(flags & DENTRY_REFERENCED)))
			atomic_fetch_or_explicit(
				&d->flags, DENTRY_REFERENCED, memory_order_relaxed);
	}
	spin_unlock(&b->lock);
	return d;
}

/* A child without a place in the table, for O_TMPFILE. NULL: out of memory. */
struct dentry *dentry_create_nameless(struct dentry *dir) MUST_CHECK;
/* Existing, looked up by the file system, or new: positive or negative, referenced. dir's inode locked for writing. */
int dentry_find_hashed(struct dentry *dir, const char *name, uint32_t len, uint32_t hash,
	struct dentry **out) MUST_CHECK;
/* d takes target's name and place, and target d's; exchange: both stay in the table, else target leaves it. */
void dentry_move(struct dentry *d, struct dentry *target, bool exchange);
void dentry_evict_super(struct super *s);
extern struct spinlock dentry_name_lock; /* [leaf] names and parents */
extern _Atomic uint64_t
	dentry_moves; /* names that got another parent [dentry_name_lock to change] */
/* How often the tree of names has changed but for names that came and went: who saw a new parent sees another count. */
static inline uint64_t
tree_moves(void)
{
	return atomic_load_explicit(&dentry_moves, memory_order_acquire) +
		atomic_load_explicit(&mount_seq, memory_order_acquire);
}
/* The parent, referenced; d itself's for a root. */
struct dentry *dentry_parent(struct dentry *d);
/* Whether a is b or above b; rename_lock held. */
bool dentry_is_ancestor(const struct dentry *a, const struct dentry *b);
void dentry_init(void);

/* Permission to create in, or delete from, the directory where a walk is; its lock is held. */
int may_create(const struct walk *w) MUST_CHECK;
int may_delete(const struct walk *w, struct inode *victim, bool want_dir) MUST_CHECK;

static inline bool
is_dir(const struct inode *i)
{
	return (i->mode & S_IFMT) == S_IFDIR;
}

/* Whether the walk, in the link's directory, may follow it as the last of a name: -EACCES. */
int may_follow_last(const struct walk *w, const struct inode *link) MUST_CHECK;
/* Whether the file may get one more name from who can see it: -EPERM. */
int may_link(struct inode *i) MUST_CHECK;
/* O_CREAT found where the walk is, in a directory like this, a file of somebody else's: -EACCES. */
int may_take_for_new(const struct walk *w, uint32_t dir_mode, uint32_t dir_uid) MUST_CHECK;

/* Search permission: nearly every directory has all three x bits. */
static inline int
may_search(const struct cred *c, struct inode *dir)
{
	if (likely(dir->ops->permission == NULL && (dir->mode & 0111) == 0111))
		return 0;
	return cred_permission(c, dir, MAY_EXEC);
}

uint32_t current_umask(void);
/* attr.c: the change itself, checked already, with the inode locked. */
int dentry_setattr(struct dentry *d, struct iattr *attr) MUST_CHECK;
int path_truncate(const struct path *p, struct file *f, uint64_t size) MUST_CHECK;
/* stat.c */
int path_stat(const struct path *p, struct kstat *st) MUST_CHECK;
int file_stat(struct file *f, struct kstat *st) MUST_CHECK;
void super_init(void);
void mount_init(void);
void inode_cache_init(void);
struct inode_locks;
void lock_destroy_inode(struct inode *i);

#endif
