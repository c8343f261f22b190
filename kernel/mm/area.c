/* SPDX-License-Identifier: MIT */
#include "area.h"

static uint64_t
max_gap_of(const struct rb_node *n)
{
	return n != NULL ? area_of(n)->max_gap : 0;
}

static bool
update_max_gap(struct rb_node *n)
{
	struct vm_area *a = area_of(n);
	uint64_t left = max_gap_of(n->left), right = max_gap_of(n->right);
	uint64_t largest = left > right ? left : right;
	if (a->gap > largest)
		largest = a->gap;
	if (a->max_gap == largest)
		return false;
	a->max_gap = largest;
	return true;
}

static uint64_t
gap_below(const struct vm_area *a, const struct vm_area *prev)
{
	uint64_t gap = a->start - (prev != NULL ? prev->end : 0);
	if ((a->flags & VM_GROWSDOWN) == 0)
		return gap;
	return gap > AREA_STACK_GUARD ? gap - AREA_STACK_GUARD : 0;
}

static void
set_gap(struct vm_area *a, const struct vm_area *prev)
{
	a->gap = gap_below(a, prev);
	rb_propagate(&a->node, update_max_gap);
}

void
area_insert(struct rb_root *areas, struct vm_area *a)
{
	struct rb_node **link = &areas->node, *parent = NULL;
	struct vm_area *prev = NULL, *next = NULL;
	while (*link != NULL) {
		parent = *link;
		struct vm_area *at = area_of(parent);
		if (a->start < at->start) {
			next = at;
			link = &parent->left;
		} else {
			prev = at;
			link = &parent->right;
		}
	}
	rb_link(&a->node, parent, link);
	a->gap = a->max_gap = gap_below(a, prev);
	rb_insert(areas, &a->node, update_max_gap);
	if (next != NULL)
		set_gap(next, a);
}

void
area_remove(struct rb_root *areas, struct vm_area *a)
{
	struct vm_area *prev = area_prev(a), *next = area_next(a);
	rb_erase(areas, &a->node, update_max_gap);
	if (next != NULL)
		set_gap(next, prev);
}

void
area_update_gap(struct rb_root *areas, struct vm_area *a)
{
	(void)areas;
	set_gap(a, area_prev(a));
}

void
area_resize(struct rb_root *areas, struct vm_area *a, uint64_t start, uint64_t end)
{
	bool start_moves = a->start != start, end_moves = a->end != end;
	a->start = start;
	a->end = end;
	if (start_moves)
		area_update_gap(areas, a);
	struct vm_area *next = end_moves ? area_next(a) : NULL;
	if (next != NULL)
		set_gap(next, a);
}

bool
area_mergeable(const struct vm_area *lower, const struct vm_area *upper)
{
	if (lower->end != upper->start || lower->flags != upper->flags ||
		lower->object != upper->object || lower->file != upper->file ||
		(lower->flags & (VM_GROWSDOWN | VM_VDSO)) != 0)
		return false;
	return lower->object == NULL ||
		lower->offset + (lower->end - lower->start) == upper->offset;
}

/*
 * The last area that starts below high and has a gap of len in front of it: a walk from the highest addresses down
 * that enters no subtree without such a gap.
 */
static const struct vm_area *
last_with_gap(const struct rb_root *areas, uint64_t len, uint64_t high)
{
	const struct rb_node *n = areas->node;
	if (max_gap_of(n) < len)
		return NULL;
	for (;;) {
		while (area_of(n)->start < high && max_gap_of(n->right) >= len)
			n = n->right;
		for (;;) {
			const struct vm_area *a = area_of(n);
			if (a->start < high && a->gap >= len)
				return a;
			if (max_gap_of(n->left) >= len)
				break;
			const struct rb_node *from;
			do {
				from = n;
				n = rb_parent(n);
				if (n == NULL)
					return NULL;
			} while (n->left == from);
		}
		n = n->left;
	}
}

uint64_t
area_find_gap(const struct rb_root *areas, uint64_t len, uint64_t low, uint64_t high)
{
	if (len == 0 || low > high || high - low < len)
		return AREA_NO_GAP;

	/* The gap that holds high, of which only the part below it counts. */
	const struct vm_area *above = area_find(areas, high - 1);
	const struct vm_area *prev = above != NULL ? area_prev(above) : area_last(areas);
	uint64_t bottom = prev != NULL && prev->end > low ? prev->end : low;
	uint64_t top = high;
	if (above != NULL) {
		uint64_t guard = above->start - (prev != NULL ? prev->end : 0) - above->gap;
		if (above->start - guard < top)
			top = above->start - guard;
	}
	if (top > bottom && top - bottom >= len)
		return top - len;

	const struct vm_area *a = last_with_gap(areas, len, high);
	if (a == NULL)
		return AREA_NO_GAP;
	/* Gaps are met from the top down: if this one reaches too far below low, all others do. */
	prev = area_prev(a);
	top = (prev != NULL ? prev->end : 0) + a->gap;
	return top >= low && top - low >= len ? top - len : AREA_NO_GAP;
}
