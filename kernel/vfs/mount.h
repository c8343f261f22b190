/* SPDX-License-Identifier: MIT */
/*
 * Mounts: where supers appear in the name space.
 *
 * The mounts of a view form a tree: each is mounted on a dentry as another mount shows it. Looking up what is mounted
 * on a dentry takes no lock: the memory of a struct mount is only ever used for mounts, so a stale pointer may be
 * dereferenced, and a sequence count tells whether what was seen was true.
 * Locks: mount_mutex (changes of the tree), then mount_lock (spin: links between mounts; writers of the sequence).
 * Both are inside a directory's inode->lock.
 */
#ifndef VFS_MOUNT_H
#define VFS_MOUNT_H

#include "abi/linux/mount.h"
#include "vfs/vfs.h"

struct mount {
	refcount_t refs; /* being attached, children, paths */
	/* MS_RDONLY NOSUID NODEV NOEXEC NOSYMFOLLOW NOATIME NODIRATIME STRICTATIME, MOUNT_* */
	_Atomic uint32_t flags;
	struct dentry *root;             /* [I] referenced: what shows at the mount point */
	struct super *super;             /* [I] referenced */
	struct mount *_Atomic parent;    /* [mount_lock] referenced; NULL: the root, or detached */
	struct dentry *mountpoint;       /* [mount_lock] referenced; NULL with parent */
	struct mount *_Atomic next_here; /* [mount_lock] on the same dentry, or on the free list */
	struct list_node node;   /* [mount_mutex] all attached mounts, in order of mounting */
	uint32_t nr_children;    /* [mount_mutex] */
	uint32_t id;             /* [I] */
	_Atomic int32_t writers; /* files open for writing through it */
	char *source;            /* [I] what mount was told */
};
#define MOUNT_ATTACHED (1u << 30)
#define MOUNT_FLAGS                                                                   \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | \
		MS_NODIRATIME | MS_STRICTATIME)

static inline uint32_t
mount_flags(const struct mount *m)
{
	return atomic_load_explicit((_Atomic uint32_t *)&m->flags, memory_order_relaxed);
}

void mount_destroy(struct mount *m);
static inline void
mount_get(struct mount *m)
{
	refcount_get(&m->refs);
}
static inline void
mount_put(struct mount *m) /* may sleep */
{
	if (refcount_put(&m->refs))
		mount_destroy(m);
}

extern _Atomic uint32_t mount_seq; /* odd while links change [mount_lock to change] */

/* What is mounted on d as m shows it, with a reference, or NULL. */
static inline struct mount *
mount_on(struct mount *m, struct dentry *d)
{
	for (;;) {
		uint32_t seq = atomic_load_explicit(&mount_seq, memory_order_acquire);
		if (unlikely(seq & 1)) {
			arch_relax();
			continue;
		}
		struct mount *at = atomic_load_explicit(&d->mounted, memory_order_acquire);
		while (at != NULL && atomic_load_explicit(&at->parent, memory_order_relaxed) != m)
			at = atomic_load_explicit(&at->next_here, memory_order_acquire);
		bool got = at != NULL && refcount_get_unless_zero(&at->refs);
		atomic_thread_fence(memory_order_acquire);
		if (likely(atomic_load_explicit(&mount_seq, memory_order_relaxed) == seq))
			return got ? at : NULL;
		if (got)
			mount_put(at);
	}
}
/* Where m is mounted: a referenced path, or false if nowhere. */
bool mount_parent(struct mount *m, struct path *out);
/* The same without references, for a caller that holds mount_lock. */
extern struct spinlock mount_lock;

/* A super mounted nowhere: memfd and its like. NULL: out of memory. Takes over the super's reference. */
struct mount *mount_internal(struct super *s) MUST_CHECK;

/*
 * Calls fn for each mount that the running task can reach, oldest first, until it returns false: for /proc/mounts,
 * mountinfo. name: the mount point as the task sees it. May not sleep for long: mount_mutex is held.
 */
typedef bool mount_visit_fn(void *ctx, const struct mount *m, const char *name);
int mount_for_each(mount_visit_fn *fn, void *ctx);
/* Options as /proc/mounts shows them: "rw,nosuid,…,size=…" into buf, terminated. */
void mount_options(const struct mount *m, char *buf, size_t n);

#endif
