/* SPDX-License-Identifier: MIT */
/* kernel/mm/area.c: order, gaps and merging, by hand and against a plain list of ranges. */
#include <stdlib.h>
#include <string.h>

#include "kernel/mm/area.h"
#include "tests/unit/test.h"

#define PAGE 4096ULL
#define TOP  (1ULL << 48)

static struct vm_area
area(uint64_t start, uint64_t end, uint32_t flags)
{
	return (struct vm_area){.start = start, .end = end, .flags = flags};
}

TEST(area_find_gives_the_area_or_the_one_above)
{
	struct rb_root root = {0};
	struct vm_area a = area(0x10000, 0x20000, VM_READ), b = area(0x30000, 0x31000, VM_READ);
	CHECK(area_find(&root, 0) == NULL);
	area_insert(&root, &b);
	area_insert(&root, &a);
	CHECK(area_find(&root, 0) == &a);
	CHECK(area_find(&root, 0x1ffff) == &a);
	CHECK(area_find(&root, 0x20000) == &b);
	CHECK(area_find(&root, 0x31000) == NULL);
	CHECK(area_next(&a) == &b && area_prev(&b) == &a && area_next(&b) == NULL);
}

TEST(area_gap_is_found_from_the_top)
{
	struct rb_root root = {0};
	CHECK_EQ(area_find_gap(&root, PAGE, 0x10000, 0x100000), 0x100000 - PAGE);
	CHECK_EQ(area_find_gap(&root, 0x100000, 0x10000, 0x100000), AREA_NO_GAP);
	CHECK_EQ(area_find_gap(&root, 0xf0000, 0x10000, 0x100000), 0x10000);
	struct vm_area top = area(0xf0000, 0x100000, 0), mid = area(0x80000, 0xe0000, 0);
	area_insert(&root, &top);
	area_insert(&root, &mid);
	CHECK_EQ(area_find_gap(&root, 0x10000, 0x10000, 0x100000), 0xe0000);
	CHECK_EQ(area_find_gap(&root, 0x11000, 0x10000, 0x100000), 0x80000 - 0x11000);
	CHECK_EQ(area_find_gap(&root, 0x71000, 0x10000, 0x100000), AREA_NO_GAP);
	/* high in the middle of an area, and in the middle of a gap */
	CHECK_EQ(area_find_gap(&root, PAGE, 0x10000, 0x90000), 0x80000 - PAGE);
	CHECK_EQ(area_find_gap(&root, PAGE, 0x10000, 0xe8000), 0xe8000 - PAGE);
	CHECK_EQ(area_find_gap(&root, 0x9000, 0x10000, 0xe8000), 0x80000 - 0x9000);
}

TEST(area_gap_keeps_a_stack_guard)
{
	struct rb_root root = {0};
	struct vm_area stack = area(0x7000000, 0x8000000, VM_GROWSDOWN),
		       low = area(0x10000, 0x6000000, 0);
	area_insert(&root, &stack);
	CHECK_EQ(area_find_gap(&root, PAGE, 0, 0x8000000), 0x7000000 - AREA_STACK_GUARD - PAGE);
	area_insert(&root, &low);
	CHECK_EQ(stack.gap, 0x1000000 - AREA_STACK_GUARD);
	CHECK_EQ(area_find_gap(&root, 0x1000000 - AREA_STACK_GUARD, 0x10000, 0x8000000), 0x6000000);
	CHECK_EQ(area_find_gap(&root, 0x1000000, 0x10000, 0x8000000), AREA_NO_GAP);
	CHECK_EQ(area_find_gap(&root, PAGE, 0x10000, 0x7800000),
		0x7000000 - AREA_STACK_GUARD - PAGE);
	area_resize(&root, &low, 0x10000, 0x6f80000);
	CHECK_EQ(stack.gap, 0);
	CHECK_EQ(area_find_gap(&root, PAGE, 0x10000, 0x8000000), AREA_NO_GAP);
}

TEST(area_merge_needs_everything_to_continue)
{
	struct vm_object *o = (struct vm_object *)0x1000;
	struct vm_area a = area(0x10000, 0x20000, VM_READ), b = area(0x20000, 0x30000, VM_READ);
	CHECK(area_mergeable(&a, &b));
	b.flags |= VM_WRITE;
	CHECK(!area_mergeable(&a, &b));
	b.flags = VM_READ;
	b.start += PAGE;
	CHECK(!area_mergeable(&a, &b));
	b.start -= PAGE;
	b.object = o;
	CHECK(!area_mergeable(&a, &b));
	a.object = o;
	CHECK(!area_mergeable(&a, &b));
	b.offset = 0x10000;
	CHECK(area_mergeable(&a, &b));
	b.file = (struct file *)0x2000;
	CHECK(!area_mergeable(&a, &b));
	a.flags = b.flags = VM_READ | VM_GROWSDOWN;
	a.file = b.file;
	CHECK(!area_mergeable(&a, &b));
}

/* --- Against a model: every page of a small address space, mapped or not. --- */

#define MODEL_PAGES 256
#define MODEL_LOW   16

struct model {
	struct rb_root root;
	struct vm_area *at[MODEL_PAGES];
};

static uint64_t
model_gap(const struct model *m, uint64_t n, uint64_t low, uint64_t high)
{
	uint64_t run = 0;
	for (uint64_t page = high; page-- > low;) {
		run = m->at[page] == NULL ? run + 1 : 0;
		if (run == n)
			return page * PAGE;
	}
	return AREA_NO_GAP;
}

static void
model_check(const struct model *m)
{
	const struct vm_area *prev = NULL;
	for (struct vm_area *a = area_first(&m->root); a != NULL; prev = a, a = area_next(a)) {
		uint64_t bottom = prev != NULL ? prev->end : 0, largest = a->gap;
		CHECK(a->start >= bottom && a->start < a->end);
		CHECK_EQ(a->gap, a->start - bottom);
		if (a->node.left != NULL && area_of(a->node.left)->max_gap > largest)
			largest = area_of(a->node.left)->max_gap;
		if (a->node.right != NULL && area_of(a->node.right)->max_gap > largest)
			largest = area_of(a->node.right)->max_gap;
		CHECK_EQ(a->max_gap, largest);
	}
	for (uint64_t n = 1; n < 40; n += 3) {
		uint64_t high = MODEL_LOW + (uint64_t)rand() % (MODEL_PAGES - MODEL_LOW) + 1;
		CHECK_EQ(area_find_gap(&m->root, n * PAGE, MODEL_LOW * PAGE, high * PAGE),
			model_gap(m, n, MODEL_LOW, high));
	}
}

static void
model_set(struct model *m, uint64_t start, uint64_t end, struct vm_area *a)
{
	for (uint64_t p = start / PAGE; p < end / PAGE; p++)
		m->at[p] = a;
}

static void
model_add(struct model *m)
{
	uint64_t n = 1 + (uint64_t)rand() % 8,
		 at = area_find_gap(&m->root, n * PAGE, MODEL_LOW * PAGE, MODEL_PAGES * PAGE);
	if (rand() % 2) {
		at = (MODEL_LOW + (uint64_t)rand() % (MODEL_PAGES - MODEL_LOW - n)) * PAGE;
		const struct vm_area *next = area_find(&m->root, at);
		if (next != NULL && next->start < at + n * PAGE)
			return;
	}
	if (at == AREA_NO_GAP)
		return;
	struct vm_area *a = calloc(1, sizeof(*a));
	a->start = at;
	a->end = at + n * PAGE;
	area_insert(&m->root, a);
	model_set(m, a->start, a->end, a);
}

static void
model_change(struct model *m)
{
	struct vm_area *a = area_find(&m->root, (uint64_t)rand() % MODEL_PAGES * PAGE);
	if (a == NULL)
		return;
	model_set(m, a->start, a->end, NULL);
	if (rand() % 2 && a->end - a->start > PAGE) {
		uint64_t start = a->start + (rand() % 2 ? PAGE : 0);
		area_resize(&m->root, a, start, start == a->start ? a->end - PAGE : a->end);
		model_set(m, a->start, a->end, a);
	} else {
		area_remove(&m->root, a);
		free(a);
	}
}

TEST(area_tree_agrees_with_a_model)
{
	struct model m = {0};
	srand(1);
	for (int i = 0; i < 20000; i++) {
		if (rand() % 5 < 3)
			model_add(&m);
		else
			model_change(&m);
		model_check(&m);
	}
	struct vm_area *a;
	while ((a = area_first(&m.root)) != NULL) {
		area_remove(&m.root, a);
		free(a);
	}
}
