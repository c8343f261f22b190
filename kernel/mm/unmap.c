/* SPDX-License-Identifier: MIT */
/* munmap: pages go first, then the areas that have become empty; one TLB flush for all of it, none for nothing. */
#include "mm/space_impl.h"

int
space_unmap(struct vm_space *s, uint64_t start, uint64_t end, struct list_node *dead)
{
	__attribute__((uninitialized)) struct zap z; /* see zap_begin() */
	struct vm_area *a = area_find(&s->areas, start);
	if (a == NULL || a->start >= end)
		return 0;
	/* The only case that can fail comes first, and alone: a hole in the middle of one area. */
	if (a->start < start && a->end > end) {
		int err = space_split(s, a, end, NULL);
		if (err != 0)
			return err;
	}
	zap_begin(&z, s);
	while (a != NULL && a->start < end) {
		struct vm_area *next = a->end < end ? area_next(a) : NULL;
		uint64_t from = max(a->start, start), to = min(a->end, end);
		zap_range(&z, a, from, to, ZAP_ALL);
		if (from > a->start)
			space_resize(s, a, a->start, from);
		else if (to < a->end)
			space_resize(s, a, to, a->end);
		else
			space_remove(s, a, dead);
		a = next;
	}
	zap_finish(&z);
	return 0;
}

int
vm_unmap(struct vm_space *s, uint64_t addr, uint64_t len)
{
	uint64_t end;
	int err = len == 0 ? -EINVAL : user_pages(addr, len, &end);
	if (err != 0)
		return err;
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	err = space_unmap(s, addr, end, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	return err;
}
