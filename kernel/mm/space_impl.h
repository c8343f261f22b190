/* SPDX-License-Identifier: MIT */
/*
 * What the files of mm that change address spaces share. "Locked" here: s->lock is held, for writing unless a
 * function says otherwise.
 */
#ifndef MM_SPACE_IMPL_H
#define MM_SPACE_IMPL_H

#include "mm/object_impl.h"
#include "mm/space.h"

#define LEAF_SPAN MIB(2) /* what a leaf table covers */

/* The end of the part of [va, end) that va's leaf table covers. */
static inline uint64_t
leaf_end(uint64_t va, uint64_t end)
{
	uint64_t next = (va | (LEAF_SPAN - 1)) + 1;
	return next < end ? next : end;
}

/* Page-aligned [addr, addr + len) with len rounded up, within user space: 0 or the error that Linux gives. */
static inline int
user_pages(uint64_t addr, uint64_t len, uint64_t *end)
{
	if (!is_aligned(addr, PAGE_SIZE) || len > USER_END)
		return -EINVAL;
	len = round_up(len, PAGE_SIZE);
	if (addr > USER_END - len)
		return -EINVAL;
	*end = addr + len;
	return 0;
}

/* --- Areas (space.c). --- */

/* Frees all of a space that nobody uses, also one that was copied half (whose sums are wrong). May sleep. */
void space_destroy(struct vm_space *s);

/* An area like the template, with references of its own to object and file, in no tree. NULL: out of memory. */
struct vm_area *area_create(const struct vm_area *like) MUST_CHECK;
void area_free(struct vm_area *
		a); /* drops its references: not under s->lock (a file's last reference may sleep) */
/* Frees a list of areas (linked by object_node) that came off the map; after s->lock was released. */
void area_free_list(struct list_node *dead);

/* Puts an area into the map and its object's list; counts it. */
void space_insert(struct vm_space *s, struct vm_area *a);
/* Takes it off, to the list of the dead. Its pages are gone already. */
void space_remove(struct vm_space *s, struct vm_area *a, struct list_node *dead);
/* Moves a border of an area inwards or outwards; its offset follows its start. */
void space_resize(struct vm_space *s, struct vm_area *a, uint64_t start, uint64_t end);
/* Splits a at addr, which lies inside; a keeps the lower part, *result (unless NULL) is the upper one. -ENOMEM. */
int space_split(
	struct vm_space *s, struct vm_area *a, uint64_t addr, struct vm_area **result) MUST_CHECK;
/* Splits at both borders of a that [start, end) has inside it, so that all of a lies within. -ENOMEM. */
int space_isolate(struct vm_space *s, struct vm_area **a, uint64_t start, uint64_t end) MUST_CHECK;
/* Joins a with the area below it if one can stand for both; returns the area that a's range is in now. */
struct vm_area *space_merge_below(struct vm_space *s, struct vm_area *a, struct list_node *dead);
/* Sets a's flags and counts the pages where they belong now. */
void space_set_flags(struct vm_space *s, struct vm_area *a, uint32_t flags);
/* Gives the part of *a in [start, end) other flags; *a becomes the area that this part is in. -ENOMEM. */
int space_change_flags(struct vm_space *s, struct vm_area **a, uint64_t start, uint64_t end,
	uint32_t flags, struct list_node *dead) MUST_CHECK;
/* Joins the area that begins at addr, if any, with the one below: the end of a walk that changed flags up to addr. */
void space_merge_at(struct vm_space *s, uint64_t addr, struct list_node *dead);

/* Whether RLIMIT_AS and RLIMIT_DATA allow that many more pages with these flags: 0 or -ENOMEM. */
int space_check_limits(const struct vm_space *s, uint32_t flags, uint64_t pages) MUST_CHECK;
/* Whether the running thread may lock memory at all, and how many pages of s: RLIMIT_MEMLOCK is not for root. */
bool space_may_lock(const struct vm_space *s) MUST_CHECK;
uint64_t space_lock_limit(const struct vm_space *s) MUST_CHECK;
/* Whether so much private writable memory is beyond what the machine could ever hold: 0 or -ENOMEM. */
int space_check_commit(uint32_t flags, const struct vm_object *o, uint64_t len) MUST_CHECK;
void space_account(struct vm_space *s, uint32_t flags, int64_t pages);

/* Locks: link and unlink take object->map_lock themselves. */
void area_link_locked(struct vm_area *a); /* map_lock is held */
void area_unlink(struct vm_area *a);

/* --- Mapping (map.c, unmap.c, grow.c). --- */

/* Unmaps what lies in [start, end); emptied areas go to dead. -ENOMEM: a split failed, nothing was changed. */
int space_unmap(
	struct vm_space *s, uint64_t start, uint64_t end, struct list_node *dead) MUST_CHECK;
/*
 * Places a range of len bytes: exactly at addr (map_flags), near it, or where there is room. Unmaps nothing.
 * Returns the address or a negative errno.
 */
int64_t space_place(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t map_flags) MUST_CHECK;
/*
 * Puts an area like the template, which has its range, flags and object, into the map, or lets a neighbour grow.
 * map_flags: VM_MAP_FIXED replaces what is there, else the range is free. -ENOMEM, -EAGAIN (RLIMIT_MEMLOCK).
 */
int space_map(struct vm_space *s, struct vm_area *like, uint32_t map_flags,
	struct list_node *dead) MUST_CHECK;
/* Whether nothing is mapped in [start, end), nor would a stack's guard be cut into. */
bool space_range_is_free(const struct vm_space *s, uint64_t start, uint64_t end);
/* W^X: -EACCES if flags has both and this space may not. Sets VM_WX in flags where the exemption is used. */
int space_check_wx(const struct vm_space *s, uint32_t *flags) MUST_CHECK;
/*
 * Faults [start, end) in for an access (PROT_BIT_READ or WRITE); 0: for what its areas are for, writing where that
 * copies. s->lock not held. -ENOMEM (also a hole), -EACCES, -ENXIO, -EIO, -ERESTARTSYS.
 */
int space_populate(struct vm_space *s, uint64_t start, uint64_t end, uint32_t access) MUST_CHECK;

/* --- Removing pages (zap.c). --- */

#define ZAP_BATCH 64

/* Pages whose entries are cleared, held until the TLBs have forgotten them. */
struct zap {
	struct vm_space *space;
	uint64_t start, end; /* what must be flushed; empty: start > end */
	uint32_t count;      /* pages[] in use */
	struct page *pages[ZAP_BATCH];
};

#define ZAP_ALL          0u
#define ZAP_OBJECT_PAGES 1u /* leave private copies */
/*
 * s->lock is not held for writing: a fault may fill an entry as soon as its table's lock is free. So it is flushed
 * before (break before make).
 */
#define ZAP_BESIDE_FAULTS 2u

/* pages[] is not initialised: it is large, and only the first count entries are read. */
static inline void
zap_begin(struct zap *z, struct vm_space *s)
{
	z->space = s;
	z->start = UINT64_MAX;
	z->end = 0;
	z->count = 0;
}

/* Clears the entries of [start, end) of an area; s->lock (any) or object->map_lock is held. May sleep. */
void zap_range(struct zap *z, struct vm_area *a, uint64_t start, uint64_t end, uint32_t what);
/* Flushes and frees. */
void zap_finish(struct zap *z);
/* Drops all pages of an area of a space that nobody runs in and no object knows any more. */
void zap_dead_area(struct vm_area *a);

/* --- Faults (fault.c). --- */

/*
 * Resolves a fault at va (page aligned) in area a, without a look at the area's protection: a private page may be
 * written (copied) by force. s->lock is held for reading. 0, or -EAGAIN: look again; else as vm_fault().
 */
int fault_in_area(struct vm_area *a, uint64_t va, uint32_t access) MUST_CHECK;
/* Makes the stack area that begins above addr reach down to it; s->lock not held. 0 or -EFAULT, -ENOMEM. */
int space_grow_stack(struct vm_space *s, uint64_t addr) MUST_CHECK;
/* Before a page is first mapped executable: makes what the kernel wrote to it visible to instruction fetch. */
void page_sync_exec(struct page *p);

/* Whether the area allows the access: 0 or -EACCES. What may be written or executed may also be read. */
static inline int
area_check_access(const struct vm_area *a, uint32_t access)
{
	uint32_t have = a->flags & VM_PROT_MASK;
	if (have & (VM_WRITE | VM_EXEC))
		have |= VM_READ;
	return (access & ~have) == 0 ? 0 : -EACCES;
}

/*
 * The protection of an area's entries, with the write permission it has at most. What may be written may be read: the
 * processor knows no other way, and an entry that loses only its write permission must not end up without any.
 */
static inline uint32_t
area_prot(const struct vm_area *a)
{
	uint32_t read = (a->flags & VM_WRITE) / VM_WRITE * VM_READ;
	return (a->flags & VM_PROT_MASK) | read | PROT_BIT_USER;
}

static inline uint8_t
page_kind_of(const struct page *p)
{
	return atomic_load_explicit((_Atomic uint8_t *)&p->kind, memory_order_relaxed);
}

static inline _Atomic int64_t *
space_object_rss(struct vm_space *s, const struct vm_object *o)
{
	return o->flags & OBJ_RECLAIMABLE ? &s->rss_file : &s->rss_shmem;
}

#endif
