/* SPDX-License-Identifier: MIT */
/*
 * Areas: the ranges of an address space, and the ordered tree that holds them. The tree also knows the free gap in
 * front of each area, and the largest one below each node, so that a place for a mapping is found in one descent.
 *
 * Pure: no locks, no allocation, no page tables (the callers are in mm/space.c and beside it). All addresses and
 * sizes are multiples of the page size; areas in a tree never overlap.
 */
#ifndef MM_AREA_H
#define MM_AREA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rbtree.h"

struct file;
struct vm_object;
struct vm_space;

/* Area flags. The first three are PROT_BIT_* (arch/mmu.h). */
#define VM_READ       (1u << 0)
#define VM_WRITE      (1u << 1)
#define VM_EXEC       (1u << 2)
#define VM_PROT_MASK  (VM_READ | VM_WRITE | VM_EXEC)
#define VM_SHARED     (1u << 8)
#define VM_GROWSDOWN  (1u << 9) /* a stack */
#define VM_NORESERVE  (1u << 10)
#define VM_MAYREAD    (1u << 11) /* what mprotect may grant: from the handle's rights and the mount */
#define VM_MAYWRITE   (1u << 12)
#define VM_MAYEXEC    (1u << 13)
#define VM_DONTFORK   (1u << 14)
#define VM_WIPEONFORK (1u << 15)
#define VM_LOCKED     (1u << 16)
#define VM_HEAP       (1u << 17) /* brk's */
#define VM_VDSO       (1u << 18)
#define VM_DONTDUMP   (1u << 19)
#define VM_WX         (1u << 20) /* exempt from W^X: a JIT that may (DESIGN §3) */
#define VM_MAY_SHIFT  11         /* VM_MAYREAD = VM_READ << VM_MAY_SHIFT, and so on */

/* Stays free below a VM_GROWSDOWN area, so that a stack never runs into its neighbour unnoticed. */
#define AREA_STACK_GUARD (256ULL << 12)

struct vm_area {
	struct rb_node node; /* [space->lock] by start, augmented with the largest gap */
	uint64_t start,
		end;  /* [space->lock, and object->map_lock if there is an object] end exclusive */
	uint64_t gap; /* [space->lock] usable free bytes right below start */
	uint64_t max_gap;         /* [space->lock] largest gap in this subtree */
	uint32_t flags;           /* [space->lock] VM_* */
	_Atomic bool has_anon;    /* private pages may be mapped here: fork has something to copy */
	struct vm_space *space;   /* [I] */
	struct vm_object *object; /* [I] referenced; NULL: private anonymous */
	uint64_t offset;          /* as start: of start in the object, bytes, page aligned */
	struct list_node object_node; /* [object->map_lock] */
	struct file *file;            /* [I] referenced; what /proc/self/maps shows; NULL: none */
};

static inline struct vm_area *
area_of(const struct rb_node *n)
{
	return n != NULL ? rb_entry((struct rb_node *)n, struct vm_area, node) : NULL;
}

/* The first area whose end lies above addr (it holds addr or lies behind it), or NULL. */
static inline struct vm_area *
area_find(const struct rb_root *areas, uint64_t addr)
{
	struct vm_area *found = NULL;
	for (struct rb_node *n = areas->node; n != NULL;) {
		struct vm_area *a = area_of(n);
		if (a->end > addr) {
			found = a;
			if (a->start <= addr)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

static inline struct vm_area *
area_first(const struct rb_root *areas)
{
	return area_of(rb_first(areas));
}

static inline struct vm_area *
area_last(const struct rb_root *areas)
{
	return area_of(rb_last(areas));
}

static inline struct vm_area *
area_next(const struct vm_area *a)
{
	return area_of(rb_next(&a->node));
}

static inline struct vm_area *
area_prev(const struct vm_area *a)
{
	return area_of(rb_prev(&a->node));
}

/* The offset in the object of an address within the area. */
static inline uint64_t
area_offset_at(const struct vm_area *a, uint64_t addr)
{
	return a->offset + (addr - a->start);
}

/* Adds an area (start, end and flags set) that overlaps no other. */
void area_insert(struct rb_root *areas, struct vm_area *a);
void area_remove(struct rb_root *areas, struct vm_area *a);
/* Changes an area's borders in place; it may not reach over a neighbour. The offset is the caller's. */
void area_resize(struct rb_root *areas, struct vm_area *a, uint64_t start, uint64_t end);
/* Recomputes what the tree knows of the gap below a, after its VM_GROWSDOWN changed. */
void area_update_gap(struct rb_root *areas, struct vm_area *a);

/* Whether upper continues lower, so that one area can stand for both. */
bool area_mergeable(const struct vm_area *lower, const struct vm_area *upper);

#define AREA_NO_GAP UINT64_MAX
/* The highest start of a free range of len bytes within [low, high), or AREA_NO_GAP. */
uint64_t area_find_gap(const struct rb_root *areas, uint64_t len, uint64_t low, uint64_t high);

#endif
