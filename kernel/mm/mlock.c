/* SPDX-License-Identifier: MIT */
/*
 * mlock(2) and its family. Nothing is swapped, so what is locked is: populated, kept from reclaim (mm/rmap.c), and
 * counted against RLIMIT_MEMLOCK.
 */
#include "abi/linux/mman.h"
#include "core/thread.h"
#include "mm/space_impl.h"
#include "syscall_protos.h"

/* Gives every area of [start, end) VM_LOCKED, or takes it. -ENOMEM at a hole: what lies before it is changed. */
static int
change_locked(
	struct vm_space *s, uint64_t start, uint64_t end, uint32_t locked, struct list_node *dead)
{
	struct vm_area *a = area_find(&s->areas, start);
	for (uint64_t at = start; at < end; at = a->end, a = area_next(a)) {
		if (a == NULL || a->start > at)
			return -ENOMEM;
		int err =
			space_change_flags(s, &a, at, end, (a->flags & ~VM_LOCKED) | locked, dead);
		if (err != 0)
			return err;
		if (a->end >= end)
			break;
	}
	space_merge_at(s, end, dead);
	return 0;
}

/* Pages of [start, end) that are locked already. */
static uint64_t
locked_pages(const struct vm_space *s, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;
	for (const struct vm_area *a = area_find(&s->areas, start); a != NULL && a->start < end;
		a = area_next(a))
		if (a->flags & VM_LOCKED)
			bytes += min(a->end, end) - max(a->start, start);
	return bytes >> PAGE_SHIFT;
}

/* The pages that [addr, addr + len) touches. */
static int
touched_pages(uint64_t addr, uint64_t len, uint64_t *start, uint64_t *end)
{
	uint64_t last;
	if (add_overflow(addr, len, &last) || last > UINT64_MAX - PAGE_SIZE)
		return -EINVAL;
	*start = round_down(addr, PAGE_SIZE);
	*end = round_up(last, PAGE_SIZE);
	return *end > USER_END ? -ENOMEM : 0;
}

static int64_t
lock_range(uint64_t addr, uint64_t len, bool populate)
{
	uint64_t start, end;
	int err = touched_pages(addr, len, &start, &end);
	if (err != 0)
		return err;
	struct vm_space *s = arch_current()->space;
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	uint64_t pages = (end - start) >> PAGE_SHIFT, limit = space_lock_limit(s);
	if (!space_may_lock(s))
		err = -EPERM;
	else if (s->locked_vm + pages > limit &&
		s->locked_vm + pages - locked_pages(s, start, end) > limit)
		err = -ENOMEM;
	else
		err = change_locked(s, start, end, VM_LOCKED, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	if (err != 0 || !populate)
		return err;
	err = space_populate(s, start, end, 0);
	if (err == -ERESTARTSYS || err == 0)
		return err;
	return err == -ENOMEM ? -EAGAIN : -ENOMEM;
}

int64_t
sys_mlock(uint64_t addr, uint64_t len)
{
	return lock_range(addr, len, true);
}

int64_t
sys_mlock2(uint64_t addr, uint64_t len, uint32_t flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(addr, len, !(flags & MLOCK_ONFAULT));
}

int64_t
sys_munlock(uint64_t addr, uint64_t len)
{
	uint64_t start, end;
	int err = touched_pages(addr, len, &start, &end);
	if (err != 0)
		return err;
	struct vm_space *s = arch_current()->space;
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	err = change_locked(s, start, end, 0, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	return err;
}

static void
change_all(struct vm_space *s, uint32_t locked, struct list_node *dead)
{
	for (struct vm_area *a = area_first(&s->areas); a != NULL; a = area_next(a)) {
		space_set_flags(s, a, (a->flags & ~VM_LOCKED) | locked);
		a = space_merge_below(s, a, dead);
	}
}

/* Populates every area; those that cannot be are left. */
static int
populate_all(struct vm_space *s)
{
	for (uint64_t at = 0;;) {
		rw_read_lock(&s->lock);
		const struct vm_area *a = area_find(&s->areas, at);
		uint64_t start = a != NULL ? max(a->start, at) : 0, end = a != NULL ? a->end : 0;
		rw_read_unlock(&s->lock);
		if (a == NULL)
			return 0;
		if (space_populate(s, start, end, 0) == -ERESTARTSYS)
			return -ERESTARTSYS;
		at = end;
	}
}

int64_t
sys_mlockall(uint32_t flags)
{
	if ((flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
		!(flags & (MCL_CURRENT | MCL_FUTURE)))
		return -EINVAL;
	struct vm_space *s = arch_current()->space;
	struct list_node dead = LIST_INIT(dead);
	int err = 0;
	rw_write_lock(&s->lock);
	uint64_t limit = space_lock_limit(s);
	if (!space_may_lock(s))
		err = -EPERM;
	else if ((flags & MCL_CURRENT) && s->total_vm > limit)
		err = -ENOMEM;
	if (err == 0) {
		s->default_flags = flags & MCL_FUTURE ? VM_LOCKED : 0;
		s->default_onfault = flags & MCL_ONFAULT;
		if (flags & MCL_CURRENT)
			change_all(s, VM_LOCKED, &dead);
	}
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	if (err != 0 || !(flags & MCL_CURRENT) || (flags & MCL_ONFAULT))
		return err;
	return populate_all(s);
}

int64_t
sys_munlockall(void)
{
	struct vm_space *s = arch_current()->space;
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&s->lock);
	s->default_flags = 0;
	change_all(s, 0, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	return 0;
}
