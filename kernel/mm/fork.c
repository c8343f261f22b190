/* SPDX-License-Identifier: MIT */
/*
 * Copy-on-write copies of address spaces.
 *
 * Copied are areas, and the page-table entries of private pages: read-only in both, so that whoever writes first
 * copies or, once it is the only owner, takes the page. Objects' pages are not: the child faults them in from their
 * object. The parent's TLB entries are flushed once, at the end, before its threads can run on with the lock free.
 */
#include "core/sched.h"
#include "mm/slab.h"
#include "mm/space_impl.h"
#include "vfs/file.h"

struct copy {
	struct vm_space *from, *to;
	bool protected; /* an entry of from lost its write permission */
	int64_t pages;
};

/* The entries of one leaf table, n from slot on, into the child's slots. The parent's table is locked. */
static uint32_t
copy_entries(struct copy *c, pte_t *slot, pte_t *to, uint64_t n)
{
	uint32_t copied = 0;
	for (; n > 0; n--, slot++, to++) {
		pte_t pte = pte_read(slot);
		if (!pte_present(pte))
			continue;
		struct page *p = phys_to_page(pte_paddr(pte));
		if (page_kind_of(p) != PAGE_ANON)
			continue;
		refcount_get(&p->refs);
		if (pte_writable(pte)) {
			pte = pte_wrprotect(pte);
			pte_set_lazy(slot, pte);
			c->protected = true;
		}
		pte_set_lazy(to, pte);
		copied++;
	}
	return copied;
}

/* The child's tables need no lock: nobody knows them, but by the object's areas, whose lock is held if there is one. */
static int
copy_pages(struct copy *c, const struct vm_area *a)
{
	for (uint64_t va = a->start; va < a->end;) {
		struct page *table, *child_table;
		uint64_t next, stop = leaf_end(va, a->end);
		pte_t *slot = arch_pt_find(c->from, va, &table, &next);
		if (slot == NULL) {
			va = next;
			continue;
		}
		if (table->table_used != 0) {
			pte_t *to = arch_pt_alloc(c->to, va, &child_table);
			if (to == NULL)
				return -ENOMEM;
			spin_lock(&table->table_lock);
			uint32_t n = copy_entries(c, slot, to, (stop - va) >> PAGE_SHIFT);
			spin_unlock(&table->table_lock);
			child_table->table_used += (uint16_t)n;
			c->pages += n;
		}
		va = stop;
		sched_point();
	}
	return 0;
}

static bool
has_pages_to_copy(const struct vm_area *a)
{
	return atomic_load_explicit(&a->has_anon, memory_order_relaxed) &&
		!(a->flags & (VM_WIPEONFORK | VM_DONTFORK));
}

/* Makes the copy of an area known to its object, and copies its pages in the same step for the reverse map. */
static int
copy_contents(struct copy *c, const struct vm_area *from, struct vm_area *to) NO_LOCK_ANALYSIS
{
	struct vm_object *o = from->object;
	if (o == NULL)
		return has_pages_to_copy(from) ? copy_pages(c, from) : 0;
	rw_write_lock(&o->map_lock);
	area_link_locked(to);
	int err = has_pages_to_copy(from) ? copy_pages(c, from) : 0;
	rw_write_unlock(&o->map_lock);
	return err;
}

/* A copy of a tree node's area, with the same shape and sums, linked to nothing. */
static struct vm_area *
copy_area(struct copy *c, const struct rb_node *n)
{
	struct vm_area *a = area_create(area_of(n));
	if (a == NULL)
		return NULL;
	a->space = c->to;
	a->flags &= ~VM_LOCKED; /* locks are not inherited */
	if (!has_pages_to_copy(area_of(n)))
		atomic_init(&a->has_anon, false);
	a->node = (struct rb_node){.parent_color = n->parent_color & 1};
	list_init(&a->object_node);
	return a;
}

/*
 * Copies the tree node by node, in the parent's shape: no comparison, no balancing. A copy that was not finished is
 * a tree that can be walked, and each area in it is whole, so space_destroy() undoes it.
 */
static int
copy_areas(struct copy *c)
{
	const struct rb_node *from = c->from->areas.node;
	struct rb_node *parent = NULL, **link = &c->to->areas.node;
	while (from != NULL) {
		struct rb_node *to = *link;
		if (to == NULL) {
			struct vm_area *a = copy_area(c, from);
			if (a == NULL)
				return -ENOMEM;
			to = *link = &a->node;
			to->parent_color |= (uintptr_t)parent;
			c->to->nr_areas++;
			int err = copy_contents(c, area_of(from), a);
			if (err != 0)
				return err;
			sched_point();
		}
		if (from->left != NULL && to->left == NULL) {
			from = from->left;
			parent = to;
			link = &to->left;
		} else if (from->right != NULL && to->right == NULL) {
			from = from->right;
			parent = to;
			link = &to->right;
		} else {
			from = rb_parent(from);
			to = rb_parent(to);
			parent = to != NULL ? rb_parent(to) : NULL;
			link = parent == NULL        ? &c->to->areas.node
				: parent->left == to ? &parent->left
						     : &parent->right;
		}
	}
	return 0;
}

/* What the parent does not pass on. */
static void
drop_unwanted(struct vm_space *s, struct list_node *dead)
{
	struct vm_area *next;
	for (struct vm_area *a = area_first(&s->areas); a != NULL; a = next) {
		next = area_next(a);
		if (a->flags & VM_DONTFORK)
			space_remove(s, a, dead);
	}
}

static void
copy_fields(struct vm_space *to, const struct vm_space *from)
{
	to->total_vm = from->total_vm;
	to->data_vm = from->data_vm;
	to->stack_vm = from->stack_vm;
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->mmap_base = from->mmap_base;
	to->stack_top = from->stack_top;
	to->vdso = from->vdso;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	__builtin_memcpy(to->auxv, from->auxv, sizeof(to->auxv));
	to->limit_as = from->limit_as;
	to->limit_data = from->limit_data;
	to->limit_stack = from->limit_stack;
	to->limit_memlock = from->limit_memlock;
	to->wx_allowed = from->wx_allowed;
	to->exe = from->exe;
	if (to->exe != NULL)
		file_get(to->exe);
}

int
vm_space_fork(struct vm_space *from, struct vm_space **out)
{
	*out = NULL;
	struct vm_space *to = vm_space_create();
	if (to == NULL)
		return -ENOMEM;
	struct copy c = {.from = from, .to = to};
	struct list_node dead = LIST_INIT(dead);
	rw_write_lock(&from->lock);
	copy_fields(to, from);
	int err = copy_areas(&c);
	if (c.protected)
		arch_tlb_flush_space(from);
	if (err == 0)
		drop_unwanted(to, &dead);
	rw_write_unlock(&from->lock);
	atomic_store_explicit(&to->rss_anon, c.pages, memory_order_relaxed);
	area_free_list(&dead);
	if (err != 0) {
		space_destroy(to);
		return err;
	}
	pte_barrier(); /* the child's entries before it runs */
	vm_space_check(from);
	vm_space_check(to);
	*out = to;
	return 0;
}
