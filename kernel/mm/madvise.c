/* SPDX-License-Identifier: MIT */
/* madvise(2). Advice that asks for something swos never does (swap, huge pages) is accepted or refused as by a Linux
 * without it. */
#include "abi/linux/mman.h"
#include "core/sched.h"
#include "core/thread.h"
#include "mm/space_impl.h"
#include "syscall_protos.h"

/* --- Advice that changes an area's flags. --- */

static int
advised_flags(const struct vm_area *a, int advice, uint32_t *flags)
{
	bool device = a->object != NULL && (a->object->flags & OBJ_DEVICE);
	*flags = a->flags;
	switch (advice) {
	case MADV_DONTFORK:
		*flags |= VM_DONTFORK;
		return 0;
	case MADV_DOFORK:
		*flags &= ~VM_DONTFORK;
		return device ? -EINVAL : 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return device ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		*flags |= VM_WIPEONFORK;
		return a->object != NULL ? -EINVAL : 0;
	case MADV_KEEPONFORK:
		*flags &= ~VM_WIPEONFORK;
		return 0;
	default:
		return 0; /* how it will be read makes no difference */
	}
}

static int
advise_flags(struct vm_space *s, uint64_t start, uint64_t end, int advice)
{
	struct list_node dead = LIST_INIT(dead);
	int err = 0, hole = 0;
	rw_write_lock(&s->lock);
	struct vm_area *a = area_find(&s->areas, start);
	for (uint64_t at = start; at < end && err == 0; at = a->end, a = area_next(a)) {
		if (a == NULL || a->start > at)
			hole = -ENOMEM;
		if (a == NULL || a->start >= end)
			break;
		uint32_t flags;
		err = advised_flags(a, advice, &flags);
		if (err == 0)
			err = space_change_flags(s, &a, max(at, a->start), end, flags, &dead);
	}
	space_merge_at(s, end, &dead);
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	return err != 0 ? err : hole;
}

/* --- Advice that drops pages from the map. --- */

static int
check_drop(const struct vm_area *a, int advice)
{
	if ((a->flags & VM_LOCKED) && advice != MADV_DONTNEED_LOCKED)
		return -EINVAL;
	if (a->object != NULL && ((a->object->flags & OBJ_DEVICE) || advice == MADV_FREE))
		return -EINVAL;
	return 0;
}

/* Faults may go on beside it: whoever reads a page again gets zeroes or the object's content. */
static int
advise_drop(struct vm_space *s, uint64_t start, uint64_t end, int advice)
{
	__attribute__((uninitialized)) struct zap z; /* see zap_begin() */
	int err = 0, hole = 0;
	rw_read_lock(&s->lock);
	zap_begin(&z, s);
	struct vm_area *a = area_find(&s->areas, start);
	for (uint64_t at = start; at < end; at = a->end, a = area_next(a)) {
		if (a == NULL || a->start > at)
			hole = -ENOMEM;
		if (a == NULL || a->start >= end)
			break;
		err = check_drop(a, advice);
		if (err != 0)
			break;
		if (advice != MADV_COLD && advice != MADV_PAGEOUT)
			zap_range(&z, a, max(at, a->start), min(end, a->end),
				ZAP_ALL | ZAP_BESIDE_FAULTS);
	}
	zap_finish(&z);
	rw_read_unlock(&s->lock);
	return err != 0 ? err : hole;
}

/* --- Advice about objects, which takes long: without s->lock. --- */

#define READ_AHEAD_MAX 512u /* pages that one MADV_WILLNEED reads at once */

static void
read_ahead(struct vm_object *o, uint64_t first, uint64_t n)
{
	n = min(n, (uint64_t)READ_AHEAD_MAX);
	if (o->ops->start_read != NULL) {
		vm_object_will_need(o, first, n);
		return;
	}
	for (uint64_t i = first; i < first + n && i < vm_object_page_count(o); i++) {
		struct page *p;
		if (thread_test_flags(arch_current(), TF_KILLED) ||
			vm_object_get_page(o, i, OBJ_GET_CREATE | OBJ_GET_INSIDE, &p) != 0)
			return;
		page_put(p);
		sched_point();
	}
}

static int
check_remove(const struct vm_area *a)
{
	if (a->flags & VM_LOCKED)
		return -EINVAL;
	if (a->object == NULL || (a->object->flags & OBJ_DEVICE))
		return -EINVAL;
	if ((a->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	/* Files whose blocks somebody else keeps are punched through fallocate(2). */
	return a->object->flags & OBJ_RECLAIMABLE || vm_object_tracks_dirty(a->object) ? -EOPNOTSUPP
										       : 0;
}

static int
advise_object(struct vm_object *o, uint64_t offset, uint64_t len, int advice)
{
	if (advice == MADV_REMOVE)
		vm_object_punch(o, offset, offset + len);
	else if (!(o->flags & OBJ_DEVICE))
		read_ahead(o, offset >> PAGE_SHIFT, len >> PAGE_SHIFT);
	return 0;
}

static int
advise_objects(struct vm_space *s, uint64_t start, uint64_t end, int advice)
{
	int err = 0, hole = 0;
	for (uint64_t at = start; at < end && err == 0;) {
		rw_read_lock(&s->lock);
		const struct vm_area *a = area_find(&s->areas, at);
		if (a == NULL || a->start > at)
			hole = -ENOMEM;
		if (a == NULL || a->start >= end) {
			rw_read_unlock(&s->lock);
			break;
		}
		uint64_t from = max(at, a->start), to = min(end, a->end),
			 offset = area_offset_at(a, from);
		err = advice == MADV_REMOVE ? check_remove(a) : 0;
		struct vm_object *o = err == 0 ? a->object : NULL;
		if (o != NULL)
			vm_object_get(o);
		rw_read_unlock(&s->lock);
		if (o != NULL) {
			err = advise_object(o, offset, to - from, advice);
			vm_object_put(o);
		}
		at = to;
	}
	return err != 0 ? err : hole;
}

static int
advise_populate(struct vm_space *s, uint64_t start, uint64_t end, uint32_t access)
{
	int err = space_populate(s, start, end, access);
	if (err == -EACCES)
		return -EINVAL;
	return err == -ENXIO || err == -EIO ? -EFAULT : err;
}

static int
advise(struct vm_space *s, uint64_t start, uint64_t end, int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return advise_flags(s, start, end, advice);
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return advise_drop(s, start, end, advice);
	case MADV_WILLNEED:
	case MADV_REMOVE:
		return advise_objects(s, start, end, advice);
	case MADV_POPULATE_READ:
		return advise_populate(s, start, end, PROT_BIT_READ);
	case MADV_POPULATE_WRITE:
		return advise_populate(s, start, end, PROT_BIT_WRITE);
	default:
		return -EINVAL;
	}
}

/* Whether there is such advice at all: that is looked at before the range is. */
static bool
known_advice(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
		(advice >= MADV_FREE && advice <= MADV_DOFORK) ||
		(advice >= MADV_DONTDUMP && advice <= MADV_DONTNEED_LOCKED);
}

int64_t
sys_madvise(uint64_t addr, uint64_t len, int advice)
{
	if (!known_advice(advice) || !is_aligned(addr, PAGE_SIZE) || len > UINT64_MAX - PAGE_SIZE)
		return -EINVAL;
	uint64_t end;
	if (add_overflow(addr, round_up(len, PAGE_SIZE), &end))
		return -EINVAL;
	return end == addr ? 0 : advise(arch_current()->space, addr, end, advice);
}
