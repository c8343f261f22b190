/* SPDX-License-Identifier: MIT */
/* mincore(2) and msync(2): what of a range is in memory, and what of it must reach its file. */
#include "abi/linux/mman.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "core/thread.h"
#include "mm/space_impl.h"
#include "syscall_protos.h"

static bool
is_resident(const struct vm_area *a, uint64_t va)
{
	struct page *table;
	uint64_t next;
	const pte_t *slot = arch_pt_find(a->space, va, &table, &next);
	if (slot != NULL && pte_present(pte_read(slot)))
		return true;
	if (a->object == NULL || (a->object->flags & OBJ_DEVICE))
		return false;
	struct page *p = vm_object_find_page(a->object, area_offset_at(a, va) >> PAGE_SHIFT);
	if (p != NULL)
		page_put(p);
	return p != NULL;
}

/* Fills vec with a byte for each of n pages from va on. -ENOMEM: a hole. */
static int
fill_resident(struct vm_space *s, uint64_t va, uint8_t *vec, size_t n)
{
	int err = 0;
	rw_read_lock(&s->lock);
	const struct vm_area *a = area_find(&s->areas, va);
	for (size_t i = 0; i < n; i++, va += PAGE_SIZE) {
		if (a != NULL && va >= a->end)
			a = area_next(a);
		if (a == NULL || va < a->start) {
			err = -ENOMEM;
			break;
		}
		vec[i] = is_resident(a, va);
	}
	rw_read_unlock(&s->lock);
	return err;
}

int64_t
sys_mincore(uint64_t addr, uint64_t len, uaddr_t vec)
{
	if (!is_aligned(addr, PAGE_SIZE))
		return -EINVAL;
	if (len > USER_END || addr > USER_END - round_up(len, PAGE_SIZE))
		return -ENOMEM;
	uint64_t left = round_up(len, PAGE_SIZE) >> PAGE_SHIFT;
	if (!user_range_ok(vec, left))
		return -EFAULT;
	while (left > 0) {
		uint8_t bytes[256];
		size_t n = min(left, (uint64_t)sizeof(bytes));
		int err = fill_resident(arch_current()->space, addr, bytes, n);
		if (err == 0)
			err = copy_to_user(vec, bytes, n);
		if (err != 0)
			return err;
		left -= n;
		addr += n << PAGE_SHIFT;
		vec = uaddr_offset(vec, n);
		sched_point();
	}
	return 0;
}

/* Writes back the part of [at, end) that one area has; *next is where it ended. -ENOMEM: a hole lay before it. */
static int
sync_area(struct vm_space *s, uint64_t at, uint64_t end, uint32_t flags, uint64_t *next)
{
	struct vm_object *o = NULL;
	rw_read_lock(&s->lock);
	const struct vm_area *a = area_find(&s->areas, at);
	int err = a == NULL || a->start > at ? -ENOMEM : 0;
	uint64_t from = a != NULL ? max(at, a->start) : end,
		 to = a != NULL ? min(a->end, end) : end, first = 0;
	*next = max(to, at);
	if (a != NULL && from < to) {
		if ((flags & MS_INVALIDATE) && (a->flags & VM_LOCKED))
			err = -EBUSY;
		else if ((flags & MS_SYNC) && (a->flags & VM_SHARED) && a->object != NULL)
			o = a->object;
		first = area_offset_at(a, from) >> PAGE_SHIFT;
	} else {
		*next = end;
	}
	if (o != NULL)
		vm_object_get(o);
	rw_read_unlock(&s->lock);
	if (o == NULL)
		return err;
	int written = vm_object_write_back(o, first, first + ((to - from) >> PAGE_SHIFT) - 1);
	vm_object_put(o);
	return written != 0 ? written : err;
}

int64_t
sys_msync(uint64_t addr, uint64_t len, uint32_t flags)
{
	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !is_aligned(addr, PAGE_SIZE) ||
		(flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	uint64_t end;
	if (len > UINT64_MAX - PAGE_SIZE || add_overflow(addr, round_up(len, PAGE_SIZE), &end))
		return -ENOMEM;
	int hole = 0;
	while (addr < end) {
		int err = sync_area(arch_current()->space, addr, end, flags, &addr);
		if (err == -ENOMEM)
			hole = err;
		else if (err != 0)
			return err;
	}
	return hole;
}
