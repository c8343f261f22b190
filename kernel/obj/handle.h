/* SPDX-License-Identifier: MIT */
/*
 * Handle tables: small integers to (object, rights, flags). A file descriptor is a handle whose object is a file.
 *
 * Rights only shrink: whoever derives a handle ANDs. A table belongs to one task or is shared (CLONE_FILES).
 * Lock: table->lock (spin), a leaf; every change takes it. While a table has one user, that user's own thread looks
 * things up without the lock and without a reference: a borrowed object cannot vanish, since only the owner closes,
 * and the owner is busy with what it borrowed. Others (/proc/PID/fd) use handle_get_foreign(), which takes both.
 */
#ifndef OBJ_HANDLE_H
#define OBJ_HANDLE_H

#include "core/spinlock.h"
#include "obj/object.h"
#include "rights.h" /* generated from abi/rights.tbl: RIGHT_READ … RIGHT_ALL */

struct handle_entry {
	struct object *object; /* NULL: free, or reserved */
	rights_t rights;
	uint32_t flags; /* HANDLE_*; 0 without an object */
};
#define HANDLE_CLOEXEC 1u
#define HANDLE_FILE    2u /* the object is a struct file (object.handle_flags) */

#define HANDLES_INLINE 32u        /* in the table itself */
#define HANDLES_MAX    (1u << 20) /* what RLIMIT_NOFILE can allow at most */

struct handle_table {
	refcount_t refs;        /* tasks that use it, and foreign lookers: they keep its memory */
	_Atomic uint32_t users; /* tasks that use it: they keep its handles */
	struct spinlock lock;
	uint32_t size; /* [lock] entries allocated, a multiple of 64 or HANDLES_INLINE */
	struct handle_entry *entries; /* [lock] grows by doubling */
	uint64_t *used;               /* [lock] bitmap, one bit an entry */
	uint32_t first_free;          /* [lock] no free entry lies below */
	uint32_t count;               /* [lock] entries with an object */
	uint64_t inline_used;
	struct handle_entry inline_entries[HANDLES_INLINE];
};

/* A borrowed object: give it back with handle_return(). Bit 0 of the pointer says that it holds a reference. */
typedef struct {
	uintptr_t bits;
} handle_ref_t;

static inline struct object *
handle_ref_object(handle_ref_t r)
{
	return (struct object *)(r.bits & ~(uintptr_t)1);
}

struct handle_table *handle_table_create(void) MUST_CHECK;
/* A copy for fork: same objects, rights, flags. NULL: out of memory. */
struct handle_table *handle_table_copy(struct handle_table *from) MUST_CHECK;
void handle_table_get_user(struct handle_table *t);
/* Drops a user; the last one closes everything. May sleep. */
void handle_table_put_user(struct handle_table *t);
/* For foreign lookers: keeps the table's memory, not its handles. */
void handle_table_get(struct handle_table *t);
void handle_table_put(struct handle_table *t);
void handle_table_close_cloexec(struct handle_table *t); /* exec; t has one user */
void handle_init(void);                                  /* boot */

/*
 * Looks h up in the running task's table (t), checks that it has all of need. -EBADF: no such handle, or READ or
 * WRITE missing; -EPERM: another right missing. rights (may be NULL) gets what it has.
 */
int handle_borrow(struct handle_table *t, int h, rights_t need, handle_ref_t *out,
	rights_t *rights) MUST_CHECK;

static inline void
handle_return(handle_ref_t r)
{
	if (r.bits & 1)
		object_put(handle_ref_object(r));
}

/* What looking up without rights is told: -EBADF if READ or WRITE is among what is missing, else -EPERM. */
static inline int
handle_missing_error(rights_t missing)
{
	return (missing & (RIGHT_READ | RIGHT_WRITE)) ? -EBADF : -EPERM;
}

/* Whether the running task alone uses t, so that looking things up takes neither lock nor reference. */
static inline bool
handle_table_is_private(const struct handle_table *t)
{
	return likely(
		atomic_load_explicit((_Atomic uint32_t *)&t->users, memory_order_acquire) == 1);
}

/* As handle_borrow(), with a reference of its own, from any thread. */
int handle_get_foreign(
	struct handle_table *t, int h, struct object **out, rights_t *rights) MUST_CHECK;

/*
 * Two-step insertion, so that a call can fail before it has effects: reserve a number >= from and below the limit
 * (RLIMIT_NOFILE of the caller; -EMFILE, -ENOMEM), then install (which cannot fail and takes over the reference) or
 * unreserve.
 */
int handle_reserve(struct handle_table *t, uint32_t from, uint32_t limit) MUST_CHECK;
void handle_install(
	struct handle_table *t, int h, struct object *o, rights_t rights, uint32_t flags);
void handle_unreserve(struct handle_table *t, int h);
/* dup3's core: closes what is at h, if anything, and puts o there (reference taken over on success). -EBADF past limit, -EBUSY: h is reserved, -ENOMEM. */
int handle_replace(struct handle_table *t, int h, uint32_t limit, struct object *o, rights_t rights,
	uint32_t flags) MUST_CHECK;
/* Removes h and hands its reference to the caller, who ends with handle_closed(); NULL if it is not open. */
struct object *handle_remove(struct handle_table *t, int h) MUST_CHECK;
int handle_get_flags(
	struct handle_table *t, int h, uint32_t *flags) MUST_CHECK; /* HANDLE_CLOEXEC or 0 */
int handle_set_flags(struct handle_table *t, int h, uint32_t flags) MUST_CHECK;
/* The first open handle >= h, or -1. For /proc/PID/fd and close_range. */
int handle_next(struct handle_table *t, int h);

/* After handle_remove(): tells the object, puts the reference; close(2)'s result. May sleep. */
static inline int
handle_closed(struct handle_table *t, struct object *o)
{
	int err = o->type->close != NULL ? o->type->close(o, t) : 0;
	object_put(o);
	return err;
}

#endif
