/* SPDX-License-Identifier: MIT */
/* Mapping: finding a place, joining what continues a neighbour, populating. */
#include "core/sched.h"
#include "mm/space_impl.h"

bool
space_range_is_free(const struct vm_space *s, uint64_t start, uint64_t end)
{
	const struct vm_area *next = area_find(&s->areas, start);
	if (next == NULL)
		return true;
	uint64_t guard = next->flags & VM_GROWSDOWN ? AREA_STACK_GUARD : 0;
	return next->start >= end && next->start - end >= guard;
}

static int64_t
place_exactly(const struct vm_space *s, uint64_t addr, uint64_t len, uint32_t map_flags)
{
	if (!is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (addr > USER_END - len)
		return -ENOMEM;
	if (addr < VM_MMAP_MIN)
		return -EPERM;
	if (map_flags & VM_MAP_FIXED_NOREPLACE) {
		const struct vm_area *next = area_find(&s->areas, addr);
		if (next != NULL && next->start < addr + len)
			return -EEXIST;
	}
	return (int64_t)addr;
}

int64_t
space_place(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t map_flags)
{
	if (len > USER_END)
		return -ENOMEM;
	if (map_flags & (VM_MAP_FIXED | VM_MAP_FIXED_NOREPLACE))
		return place_exactly(s, addr, len, map_flags);
	if (addr != 0 && addr < USER_END) {
		addr = round_up(addr, PAGE_SIZE);
		if (addr >= VM_MMAP_MIN && addr <= USER_END - len &&
			space_range_is_free(s, addr, addr + len))
			return (int64_t)addr;
	}
	uint64_t found = area_find_gap(&s->areas, len, VM_MMAP_MIN, s->mmap_base);
	if (unlikely(found == AREA_NO_GAP))
		found = area_find_gap(&s->areas, len, VM_MMAP_MIN, USER_END);
	return found != AREA_NO_GAP ? (int64_t)found : -ENOMEM;
}

/* What joins [like->start, like->end), which is free, with a neighbour that it continues; false: none does. */
static bool
extend_neighbour(struct vm_space *s, struct vm_area *like, struct list_node *dead)
{
	struct vm_area *next = area_find(&s->areas, like->end);
	struct vm_area *prev = next != NULL ? area_prev(next) : area_last(&s->areas);
	if (prev != NULL && area_mergeable(prev, like)) {
		space_resize(s, prev, prev->start, like->end);
		if (next != NULL)
			(void)space_merge_below(s, next, dead);
		return true;
	}
	if (next != NULL && area_mergeable(like, next)) {
		space_resize(s, next, like->start, next->end);
		return true;
	}
	return false;
}

/* How many pages of [start, end) are mapped already, and will be replaced. */
static uint64_t
mapped_pages(const struct vm_space *s, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;
	for (const struct vm_area *a = area_find(&s->areas, start); a != NULL && a->start < end;
		a = area_next(a))
		bytes += min(a->end, end) - max(a->start, start);
	return bytes >> PAGE_SHIFT;
}

static int
check_limits(const struct vm_space *s, const struct vm_area *like, uint32_t map_flags)
{
	uint64_t pages = (like->end - like->start) >> PAGE_SHIFT;
	uint64_t replaced = map_flags & VM_MAP_FIXED ? mapped_pages(s, like->start, like->end) : 0;
	int err = space_check_limits(s, like->flags, pages - replaced);
	if (err == 0 && (like->flags & VM_LOCKED) && s->locked_vm + pages > space_lock_limit(s))
		err = -EAGAIN;
	return err;
}

/* What a fixed mapping replaces goes only when the new area is there: all that can fail comes first. */
int
space_map(struct vm_space *s, struct vm_area *like, uint32_t map_flags, struct list_node *dead)
{
	int err = check_limits(s, like, map_flags);
	if (err != 0)
		return err;
	bool replace = (map_flags & VM_MAP_FIXED) && mapped_pages(s, like->start, like->end) != 0;
	if (!replace && extend_neighbour(s, like, dead))
		return 0;
	if (s->nr_areas >= VM_AREAS_MAX)
		return -ENOMEM;
	struct vm_area *a = area_create(like);
	if (a == NULL)
		return -ENOMEM;
	err = replace ? space_unmap(s, like->start, like->end, dead) : 0;
	if (err != 0 || (replace && extend_neighbour(s, like, dead)))
		list_add_tail(dead, &a->object_node);
	else
		space_insert(s, a);
	return err;
}

int
space_check_wx(const struct vm_space *s, uint32_t *flags)
{
	*flags &= ~VM_WX;
	if ((*flags & (VM_WRITE | VM_EXEC)) != (VM_WRITE | VM_EXEC))
		return 0;
	if (!s->wx_allowed)
		return -EACCES;
	*flags |= VM_WX;
	return 0;
}

int64_t
vm_map(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t vm_flags, uint32_t map_flags,
	struct vm_object *object, uint64_t offset, struct file *file)
{
	uint64_t ignored;
	if (len == 0 || !is_aligned(offset, PAGE_SIZE))
		return -EINVAL;
	if (len > USER_END)
		return -ENOMEM;
	len = round_up(len, PAGE_SIZE);
	if (add_overflow(offset, len, &ignored))
		return -EOVERFLOW;
	int err = space_check_wx(s, &vm_flags);
	if (err == 0)
		err = space_check_commit(vm_flags, object, len);
	if (err != 0)
		return err;

	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	bool populate = map_flags & VM_MAP_POPULATE;
	if (s->default_flags != 0) {
		vm_flags |= s->default_flags;
		populate |= !s->default_onfault;
	}
	int64_t at = space_place(s, addr, len, map_flags);
	if (at >= 0) {
		struct vm_area like = {.start = (uint64_t)at,
			.end = (uint64_t)at + len,
			.flags = vm_flags,
			.space = s,
			.object = object,
			.offset = object != NULL ? offset : 0,
			.file = file};
		err = space_map(s, &like, map_flags, &dead);
	}
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	if (at < 0 || err != 0)
		return at < 0 ? at : err;
	if (populate)
		(void)space_populate(
			s, (uint64_t)at, (uint64_t)at + len, 0); /* as much as there is room for */
	return at;
}

/* --- Populating. --- */

/*
 * Faults in the part of [start, end) that lies in the area at start, a leaf table's worth at most; returns where that
 * ended, or an error.
 */
static int64_t
populate_area(struct vm_space *s, uint64_t start, uint64_t end, uint32_t access)
{
	struct vm_area *a = area_find(&s->areas, start);
	if (a == NULL || a->start > start)
		return -ENOMEM;
	uint64_t stop = min(a->end, leaf_end(start, end));
	if (access == 0) {
		if ((a->flags & VM_PROT_MASK) == 0)
			return (int64_t)stop; /* PROT_NONE: nothing can be seen of it */
		bool copies = (a->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
		access = copies ? PROT_BIT_WRITE : PROT_BIT_READ;
	}
	if (area_check_access(a, access) != 0)
		return -EACCES;
	for (uint64_t va = start; va < stop; va += PAGE_SIZE) {
		int err = fault_in_area(a, va, access);
		if (err != 0 && err != -EAGAIN)
			return err;
	}
	return (int64_t)stop;
}

int
space_populate(struct vm_space *s, uint64_t start, uint64_t end, uint32_t access)
{
	while (start < end) {
		if (thread_test_flags(arch_current(), TF_KILLED))
			return -ERESTARTSYS;
		rw_read_lock(&s->lock);
		int64_t next = populate_area(s, start, end, access);
		rw_read_unlock(&s->lock);
		if (next < 0)
			return (int)next;
		start = (uint64_t)next;
		sched_point();
	}
	return 0;
}
