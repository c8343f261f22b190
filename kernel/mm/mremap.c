/* SPDX-License-Identifier: MIT */
/*
 * mremap(2): shrinking, growing in place, and moving: the page-table entries go to a new place, the pages stay.
 *
 * While entries are on their way between the tables, the object's map_lock keeps the reverse map from looking: it
 * would find a page at neither place.
 */
#include "abi/linux/mman.h"
#include "core/sched.h"
#include "core/thread.h"
#include "mm/space_impl.h"
#include "syscall_protos.h"

struct remap {
	uint64_t addr, old_len, new_len, new_addr;
	uint32_t flags; /* MREMAP_* */
};

#define MOVE_BATCH 32

/* Takes up to MOVE_BATCH entries out of a leaf table; returns whether any was present. */
static bool
take_entries(struct page *table, pte_t *slot, pte_t *entries, uint32_t n)
{
	uint32_t taken = 0;
	spin_lock(&table->table_lock);
	for (uint32_t i = 0; i < n; i++) {
		entries[i] = pte_clear(&slot[i]);
		taken += pte_present(entries[i]);
	}
	table->table_used -= (uint16_t)taken;
	spin_unlock(&table->table_lock);
	return taken != 0;
}

static void
put_entries(struct page *table, pte_t *slot, const pte_t *entries, uint32_t n)
{
	uint32_t put = 0;
	spin_lock(&table->table_lock);
	for (uint32_t i = 0; i < n; i++) {
		if (!pte_present(entries[i]))
			continue;
		pte_set_lazy(&slot[i], entries[i]);
		put++;
	}
	table->table_used += (uint16_t)put;
	pte_barrier();
	spin_unlock(&table->table_lock);
}

/* Moves the entries of [from, from + len) to to, where all tables exist, and flushes. */
static void
move_entries(struct vm_space *s, uint64_t from, uint64_t to, uint64_t len)
{
	__attribute__((
		uninitialized)) pte_t entries[MOVE_BATCH]; /* take_entries() fills what is read */
	bool moved = false;
	for (uint64_t at = 0; at < len;) {
		struct page *table, *to_table;
		uint64_t next;
		pte_t *slot = arch_pt_find(s, from + at, &table, &next);
		if (slot == NULL) {
			at = next - from;
			continue;
		}
		uint64_t stop = min(
			leaf_end(from + at, from + len) - from, leaf_end(to + at, to + len) - to);
		uint32_t n = (uint32_t)min((stop - at) >> PAGE_SHIFT, (uint64_t)MOVE_BATCH);
		if (take_entries(table, slot, entries, n)) {
			pte_t *to_slot = arch_pt_find(s, to + at, &to_table, &next);
			put_entries(to_table, to_slot, entries, n);
			moved = true;
		}
		at += (uint64_t)n << PAGE_SHIFT;
		sched_point();
	}
	if (moved)
		arch_tlb_flush_range(s, from, from + len);
}

/* Makes the tables that the entries of [from, from + len) will need at to. -ENOMEM. */
static int
prepare_tables(struct vm_space *s, uint64_t from, uint64_t to, uint64_t len)
{
	for (uint64_t at = 0; at < len;) {
		struct page *table;
		uint64_t next;
		if (arch_pt_find(s, from + at, &table, &next) == NULL) {
			at = next - from;
			continue;
		}
		uint64_t from_stop = leaf_end(from + at, from + len) - from;
		for (; at < from_stop; at = min(leaf_end(to + at, to + len) - to, from_stop))
			if (arch_pt_alloc(s, to + at, &table) == NULL)
				return -ENOMEM;
		sched_point();
	}
	return 0;
}

static void
move_contents(struct vm_area *from, struct vm_area *to, uint64_t len) NO_LOCK_ANALYSIS
{
	struct vm_object *o = from->object;
	if (atomic_load_explicit(&from->has_anon, memory_order_relaxed)) {
		atomic_store_explicit(&to->has_anon, true, memory_order_relaxed);
		atomic_store_explicit(&from->has_anon, false, memory_order_relaxed);
	}
	if (o != NULL)
		rw_write_lock(&o->map_lock);
	move_entries(from->space, from->start, to->start, len);
	if (o != NULL)
		rw_write_unlock(&o->map_lock);
}

static int
check_growth(const struct vm_space *s, const struct vm_area *a, uint64_t bytes)
{
	uint64_t pages = bytes >> PAGE_SHIFT;
	if ((a->flags & VM_LOCKED) && s->locked_vm + pages > space_lock_limit(s))
		return -EAGAIN;
	int err = space_check_limits(s, a->flags, pages);
	return err != 0 ? err : space_check_commit(a->flags, a->object, bytes);
}

/* Moves (or, with old_len 0, maps again) to r->new_addr, an address or a hint by flags. Returns the new address. */
static int64_t
move_area(struct vm_space *s, struct vm_area *a, const struct remap *r, struct list_node *dead)
{
	bool fixed = r->flags & MREMAP_FIXED,
	     keep = (r->flags & MREMAP_DONTUNMAP) || r->old_len == 0;
	int err = check_growth(s, a, keep ? r->new_len : r->new_len - min(r->old_len, r->new_len));
	if (err == 0 && s->nr_areas + 3 > VM_AREAS_MAX)
		err = -ENOMEM;
	if (err == 0 && r->old_len != 0)
		err = space_isolate(s, &a, r->addr, r->addr + r->old_len);
	if (err != 0)
		return err;
	int64_t at = space_place(s, r->new_addr, r->new_len, fixed ? VM_MAP_FIXED : 0);
	if (at < 0)
		return at;
	struct vm_area like = *a;
	like.start = (uint64_t)at;
	like.end = (uint64_t)at + r->new_len;
	like.offset = a->object != NULL ? area_offset_at(a, r->addr) : 0;
	atomic_init(&like.has_anon, false);
	struct vm_area *to = area_create(&like);
	if (to == NULL)
		return -ENOMEM;
	err = prepare_tables(s, r->addr, to->start, r->old_len);
	if (err == 0 && fixed)
		err = space_unmap(s, to->start, to->end, dead);
	if (err != 0) {
		list_add_tail(dead, &to->object_node);
		return err;
	}
	space_insert(s, to);
	if (r->old_len != 0)
		move_contents(a, to, r->old_len);
	if (!keep)
		space_remove(s, a, dead);
	(void)space_merge_below(s, to, dead);
	space_merge_at(s, (uint64_t)at + r->new_len, dead);
	return at;
}

/* Whether the area can grow behind its end to hold new_len bytes from addr; if so it does. */
static bool
grow_in_place(struct vm_space *s, struct vm_area *a, const struct remap *r, struct list_node *dead)
{
	uint64_t end = r->addr + r->new_len;
	if (r->addr + r->old_len != a->end || r->new_len > USER_END || end > USER_END ||
		!space_range_is_free(s, a->end, end) ||
		check_growth(s, a, r->new_len - r->old_len) != 0)
		return false;
	space_resize(s, a, a->start, end);
	space_merge_at(s, end, dead);
	return true;
}

static int64_t
remap_locked(struct vm_space *s, struct remap *r, struct list_node *dead)
{
	struct vm_area *a = area_find(&s->areas, r->addr);
	uint64_t ignored;
	if (a == NULL || a->start > r->addr || r->old_len > a->end - r->addr)
		return -EFAULT;
	if (r->old_len == 0 && !(a->flags & VM_SHARED))
		return -EINVAL;
	if (a->object != NULL && add_overflow(area_offset_at(a, r->addr), r->new_len, &ignored))
		return -EINVAL;
	bool move = r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	if (r->new_len < r->old_len) {
		int err = space_unmap(s, r->addr + r->new_len, r->addr + r->old_len, dead);
		if (err != 0)
			return err;
		r->old_len = r->new_len;
		a = area_find(&s->areas, r->addr);
	}
	if (!move && r->old_len == r->new_len)
		return (int64_t)r->addr;
	if (!move && r->old_len != 0 && grow_in_place(s, a, r, dead))
		return (int64_t)r->addr;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	return move_area(s, a, r, dead);
}

static int
check_remap(const struct remap *r)
{
	if (r->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	if (!is_aligned(r->addr, PAGE_SIZE) || r->new_len == 0 || r->new_len > USER_END ||
		r->old_len > USER_END)
		return -EINVAL;
	if (!(r->flags & MREMAP_FIXED))
		return 0;
	if (!is_aligned(r->new_addr, PAGE_SIZE) || r->new_addr > USER_END - r->new_len)
		return -EINVAL;
	bool overlap = r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr;
	return overlap ? -EINVAL : 0;
}

int64_t
sys_mremap(uint64_t addr, uint64_t old_len, uint64_t new_len, uint32_t flags, uint64_t new_addr)
{
	if (new_len > USER_END && new_len <= UINT64_MAX - PAGE_SIZE && !(flags & MREMAP_FIXED))
		return -ENOMEM;
	if (old_len > USER_END || new_len > USER_END || addr > USER_END)
		return -EINVAL;
	struct remap r = {.addr = addr,
		.old_len = round_up(old_len, PAGE_SIZE),
		.new_len = round_up(new_len, PAGE_SIZE),
		.new_addr = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? new_addr : 0,
		.flags = flags};
	int64_t result = check_remap(&r);
	if (result != 0)
		return result;
	struct vm_space *s = arch_current()->space;
	struct list_node dead = LIST_INIT(dead);
	uint64_t had = r.old_len;
	rw_write_lock(&s->lock);
	result = remap_locked(s, &r, &dead);
	const struct vm_area *a = result >= 0 ? area_find(&s->areas, (uint64_t)result) : NULL;
	bool populate = a != NULL && (a->flags & VM_LOCKED) && r.new_len > had;
	rw_write_unlock(&s->lock);
	area_free_list(&dead);
	if (populate)
		(void)space_populate(s, (uint64_t)result + had, (uint64_t)result + r.new_len, 0);
	return result;
}
