/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: their life, and the areas in them: insertion, removal, splitting, merging, accounting.
 */
#include "mm/space.h"

#include "core/panic.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "mm/space_impl.h"
#include "vfs/file.h"

_Static_assert(VM_READ == PROT_BIT_READ && VM_WRITE == PROT_BIT_WRITE && VM_EXEC == PROT_BIT_EXEC,
	"area flags are protection bits");
_Static_assert(VM_MAYREAD == VM_READ << VM_MAY_SHIFT && VM_MAYWRITE == VM_WRITE << VM_MAY_SHIFT &&
		VM_MAYEXEC == VM_EXEC << VM_MAY_SHIFT,
	"what may be granted lies beside what is");

struct page *vm_zero_page;
static struct slab_cache *space_cache, *area_cache;

void
vm_space_init(void)
{
	space_cache = slab_cache_create("vm_space", sizeof(struct vm_space), 0);
	area_cache = slab_cache_create("vm_area", sizeof(struct vm_area), 0);
	vm_object_system_init();
	vm_reclaim_init();
	vm_zero_page = page_alloc(0, PAGE_ZERO, PAGE_KERNEL);
	ASSERT(vm_zero_page != NULL);
}

struct vm_space *
vm_space_create(void)
{
	struct vm_space *s = slab_alloc(space_cache, KM_ZERO);
	if (s == NULL)
		return NULL;
	if (arch_pt_create(&s->arch) != 0) {
		slab_free(space_cache, s);
		return NULL;
	}
	refcount_init(&s->users, 1);
	rwmutex_init(&s->lock, "vm_space");
	spin_init(&s->table_lock, "page_tables");
	s->mmap_base = USER_END - GIB(1);
	s->limit_as = s->limit_data = s->limit_stack = s->limit_memlock = UINT64_MAX;
	return s;
}

void
vm_space_get(struct vm_space *s)
{
	refcount_get(&s->users);
}

/* The tree is taken apart from its leaves: nobody looks anything up in it any more. */
static void
free_areas(struct vm_space *s)
{
	struct rb_node *n = s->areas.node;
	while (n != NULL) {
		if (n->left != NULL || n->right != NULL) {
			n = n->left != NULL ? n->left : n->right;
			continue;
		}
		struct rb_node *parent = rb_parent(n);
		if (parent != NULL && parent->left == n)
			parent->left = NULL;
		else if (parent != NULL)
			parent->right = NULL;
		area_free(area_of(n));
		n = parent;
	}
	s->areas.node = NULL;
}

void
space_destroy(struct vm_space *s)
{
	for (struct vm_area *a = area_first(&s->areas); a != NULL; a = area_next(a)) {
		area_unlink(a);
		zap_dead_area(a);
	}
	free_areas(s);
	if (s->exe != NULL)
		file_put(s->exe);
	arch_pt_destroy(&s->arch);
	slab_free(space_cache, s);
}

void
vm_space_put(struct vm_space *s)
{
	if (!refcount_put(&s->users))
		return;
	vm_space_check(s);
	space_destroy(s);
}

uint64_t
vm_space_max_rss(struct vm_space *s)
{
	int64_t now = atomic_load_explicit(&s->rss_anon, memory_order_relaxed) +
		atomic_load_explicit(&s->rss_file, memory_order_relaxed) +
		atomic_load_explicit(&s->rss_shmem, memory_order_relaxed);
	uint64_t max_rss = atomic_load_explicit(&s->max_rss, memory_order_relaxed);
	while (now > 0 && (uint64_t)now > max_rss &&
		!atomic_compare_exchange_weak_explicit(&s->max_rss, &max_rss, (uint64_t)now,
			memory_order_relaxed, memory_order_relaxed))
		;
	return atomic_load_explicit(&s->max_rss, memory_order_relaxed);
}

/* --- Areas alone. --- */

struct vm_area *
area_create(const struct vm_area *like)
{
	struct vm_area *a = slab_alloc(area_cache, 0);
	if (unlikely(a == NULL))
		return NULL;
	*a = *like;
	if (a->object != NULL)
		vm_object_get(a->object);
	if (a->file != NULL)
		file_get(a->file);
	return a;
}

void
area_free(struct vm_area *a)
{
	if (a->file != NULL)
		file_put(a->file);
	if (a->object != NULL)
		vm_object_put(a->object);
	slab_free(area_cache, a);
}

void
area_free_list(struct list_node *dead)
{
	while (!list_empty(dead)) {
		struct vm_area *a = list_first_entry(dead, struct vm_area, object_node);
		list_del(&a->object_node);
		area_free(a);
	}
}

/* Shared mappings that are or may become writable: an object counts them for those who must know of writers. */
static bool
counts_as_writable(const struct vm_area *a)
{
	return (a->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}

void
area_link_locked(struct vm_area *a)
{
	list_add_tail(&a->object->areas, &a->object_node);
	if (counts_as_writable(a))
		atomic_fetch_add_explicit(&a->object->writable_maps, 1, memory_order_relaxed);
}

static void
unlink_locked(struct vm_area *a)
{
	list_del(&a->object_node);
	if (counts_as_writable(a))
		atomic_fetch_sub_explicit(&a->object->writable_maps, 1, memory_order_relaxed);
}

void
area_unlink(struct vm_area *a)
{
	if (a->object == NULL)
		return;
	rw_write_lock(&a->object->map_lock);
	unlink_locked(a);
	rw_write_unlock(&a->object->map_lock);
}

static void
lock_maps(const struct vm_area *a) NO_LOCK_ANALYSIS
{
	if (a->object != NULL)
		rw_write_lock(&a->object->map_lock);
}

static void
unlock_maps(const struct vm_area *a) NO_LOCK_ANALYSIS
{
	if (a->object != NULL)
		rw_write_unlock(&a->object->map_lock);
}

/* --- Areas in a space. --- */

void
space_account(struct vm_space *s, uint32_t flags, int64_t pages)
{
	s->total_vm += (uint64_t)pages;
	if (flags & VM_GROWSDOWN)
		s->stack_vm += (uint64_t)pages;
	else if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		s->data_vm += (uint64_t)pages;
	if (flags & VM_LOCKED)
		s->locked_vm += (uint64_t)pages;
}

static int64_t
area_pages(const struct vm_area *a)
{
	return (int64_t)((a->end - a->start) >> PAGE_SHIFT);
}

/* Whoever faults next finds its area by itself. */
static void
forget_hint(struct vm_space *s, const struct vm_area *a)
{
	if (atomic_load_explicit(&s->hint, memory_order_relaxed) == a)
		atomic_store_explicit(&s->hint, NULL, memory_order_relaxed);
}

void
space_insert(struct vm_space *s, struct vm_area *a)
{
	area_insert(&s->areas, a);
	s->nr_areas++;
	space_account(s, a->flags, area_pages(a));
	lock_maps(a);
	if (a->object != NULL)
		area_link_locked(a);
	unlock_maps(a);
}

void
space_remove(struct vm_space *s, struct vm_area *a, struct list_node *dead)
{
	forget_hint(s, a);
	area_unlink(a);
	area_remove(&s->areas, a);
	s->nr_areas--;
	space_account(s, a->flags, -area_pages(a));
	list_add_tail(dead, &a->object_node);
}

static void
resize_locked(struct vm_space *s, struct vm_area *a, uint64_t start, uint64_t end)
{
	if (a->object != NULL)
		a->offset += start - a->start; /* modulo 2^64: start may go down */
	area_resize(&s->areas, a, start, end);
}

void
space_resize(struct vm_space *s, struct vm_area *a, uint64_t start, uint64_t end)
{
	space_account(s, a->flags, -area_pages(a));
	lock_maps(a);
	resize_locked(s, a, start, end);
	unlock_maps(a);
	space_account(s, a->flags, area_pages(a));
}

int
space_split(struct vm_space *s, struct vm_area *a, uint64_t addr, struct vm_area **result)
{
	if (s->nr_areas >= VM_AREAS_MAX)
		return -ENOMEM;
	struct vm_area *upper = area_create(a);
	if (upper == NULL)
		return -ENOMEM;
	upper->start = addr;
	if (a->object != NULL)
		upper->offset = area_offset_at(a, addr);
	/* In one step for those who look for the object's mappings: no part may be missing in between. */
	lock_maps(a);
	area_resize(&s->areas, a, a->start, addr);
	area_insert(&s->areas, upper);
	if (a->object != NULL)
		area_link_locked(upper);
	unlock_maps(a);
	s->nr_areas++;
	if (result != NULL)
		*result = upper;
	return 0;
}

int
space_isolate(struct vm_space *s, struct vm_area **area, uint64_t start, uint64_t end)
{
	struct vm_area *a = *area;
	if (a->start < start) {
		int err = space_split(s, a, start, &a);
		if (err != 0)
			return err;
		*area = a;
	}
	return a->end > end ? space_split(s, a, end, NULL) : 0;
}

struct vm_area *
space_merge_below(struct vm_space *s, struct vm_area *a, struct list_node *dead)
{
	struct vm_area *lower = area_prev(a);
	if (lower == NULL || !area_mergeable(lower, a))
		return a;
	if (atomic_load_explicit(&a->has_anon, memory_order_relaxed))
		atomic_store_explicit(&lower->has_anon, true, memory_order_relaxed);
	forget_hint(s, a);
	lock_maps(a);
	if (a->object != NULL)
		unlink_locked(a);
	uint64_t end = a->end;
	area_remove(&s->areas, a);
	area_resize(&s->areas, lower, lower->start, end);
	unlock_maps(lower);
	s->nr_areas--;
	list_add_tail(dead, &a->object_node);
	return lower;
}

void
space_set_flags(struct vm_space *s, struct vm_area *a, uint32_t flags)
{
	space_account(s, a->flags, -area_pages(a));
	a->flags = flags;
	space_account(s, flags, area_pages(a));
}

int
space_change_flags(struct vm_space *s, struct vm_area **a, uint64_t start, uint64_t end,
	uint32_t flags, struct list_node *dead)
{
	if (flags == (*a)->flags)
		return 0;
	int err = space_isolate(s, a, start, end);
	if (err != 0)
		return err;
	space_set_flags(s, *a, flags);
	*a = space_merge_below(s, *a, dead);
	return 0;
}

void
space_merge_at(struct vm_space *s, uint64_t addr, struct list_node *dead)
{
	struct vm_area *a = area_find(&s->areas, addr);
	if (a != NULL && a->start == addr)
		(void)space_merge_below(s, a, dead);
}

/* --- Limits. --- */

int
space_check_limits(const struct vm_space *s, uint32_t flags, uint64_t pages)
{
	if (s->total_vm + pages > s->limit_as >> PAGE_SHIFT)
		return -ENOMEM;
	bool data = (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
	if (data && s->data_vm + pages > s->limit_data >> PAGE_SHIFT)
		return -ENOMEM;
	return 0;
}

bool (*vm_may_exceed_memlock)(void);

static bool
exceeds_memlock(void)
{
	return vm_may_exceed_memlock != NULL && vm_may_exceed_memlock();
}

bool
space_may_lock(const struct vm_space *s)
{
	return s->limit_memlock != 0 || exceeds_memlock();
}

uint64_t
space_lock_limit(const struct vm_space *s)
{
	return exceeds_memlock() ? UINT64_MAX : s->limit_memlock >> PAGE_SHIFT;
}

int
space_check_commit(uint32_t flags, const struct vm_object *o, uint64_t len)
{
	if (likely(len < MIB(64)) || (flags & VM_NORESERVE))
		return 0;
	bool private_writable = (flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	bool shared_anon = o != NULL && (o->flags & OBJ_SHARED_ANON) && (flags & VM_SHARED);
	if (!private_writable && !shared_anon)
		return 0;
	struct page_stats stats;
	page_get_stats(&stats);
	return len >> PAGE_SHIFT > stats.total ? -ENOMEM : 0;
}
