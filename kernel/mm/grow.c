/* SPDX-License-Identifier: MIT */
/* Areas that grow where they are: the heap by brk(2), stacks by being touched below their start. */
#include "mm/space_impl.h"

static int
brk_grow(struct vm_space *s, uint64_t from, uint64_t to, struct list_node *dead)
{
	struct vm_area like = {.start = from,
		.end = to,
		.flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_HEAP |
			s->default_flags,
		.space = s};
	/* A page stays free behind it, as behind every heap of Linux's. */
	if (to > USER_END - PAGE_SIZE || to - s->brk_start > s->limit_data ||
		!space_range_is_free(s, from, to + PAGE_SIZE))
		return -ENOMEM;
	int err = space_check_commit(like.flags, NULL, to - from);
	return err != 0 ? err : space_map(s, &like, 0, dead);
}

uint64_t
vm_brk(struct vm_space *s, uint64_t addr)
{
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	uint64_t old = round_up(s->brk, PAGE_SIZE);
	bool populate = false;
	if (addr >= s->brk_start && addr <= USER_END) {
		uint64_t new = round_up(addr, PAGE_SIZE);
		int err = 0;
		if (new > old) {
			err = brk_grow(s, old, new, &dead);
			populate =
				err == 0 && (s->default_flags & VM_LOCKED) && !s->default_onfault;
		} else if (new < old) {
			err = space_unmap(s, new, old, &dead);
		}
		if (err == 0)
			s->brk = addr;
	}
	uint64_t brk = s->brk;
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	if (populate)
		(void)space_populate(s, old, round_up(brk, PAGE_SIZE), 0);
	return brk;
}

/* Whether a stack area may begin at start: within the limit, and well clear of what lies below. */
static int
check_stack(const struct vm_space *s, const struct vm_area *a, uint64_t start)
{
	uint64_t pages = (a->start - start) >> PAGE_SHIFT;
	const struct vm_area *prev = area_prev(a);
	if (start < VM_MMAP_MIN || a->end - start > s->limit_stack)
		return -ENOMEM;
	if (prev != NULL && prev->end > start)
		return -ENOMEM;
	bool guard = prev != NULL && (prev->flags & VM_PROT_MASK) && !(prev->flags & VM_GROWSDOWN);
	if (guard && start - prev->end < AREA_STACK_GUARD)
		return -ENOMEM;
	if ((a->flags & VM_LOCKED) && s->locked_vm + pages > space_lock_limit(s))
		return -ENOMEM;
	return space_check_limits(s, a->flags, pages);
}

int
space_grow_stack(struct vm_space *s, uint64_t addr)
{
	int err = -EFAULT;
	rw_write_lock(&s->lock);
	struct vm_area *a = area_find(&s->areas, addr);
	uint64_t start = round_down(addr, PAGE_SIZE);
	if (a != NULL && a->start <= addr) {
		err = 0; /* another thread was faster */
	} else if (a != NULL && (a->flags & VM_GROWSDOWN) && check_stack(s, a, start) == 0) {
		space_resize(s, a, start, a->end);
		err = 0;
	}
	rw_write_unlock(&s->lock);
	return err;
}
