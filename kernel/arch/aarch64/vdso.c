/* SPDX-License-Identifier: MIT */
/* AArch64: arch/vdso.h. Two pages in an object of their own: the time data, then the image. */
#include "arch/vdso.h"

#include <string.h>

#include "core/panic.h"
#include "core/wallclock.h"
#include "mm/space.h"
#include "vdso/data.h"
#include "vdso_offsets.h"

#define DATA_PAGE  0
#define IMAGE_PAGE 1
#define PAGES      2

extern const char vdso_image[], vdso_image_end[];

static const struct vm_object_ops vdso_ops; /* pages begin as zeroes, are the only copy, and stay */
static struct vm_object vdso_object;
static struct vdso_data *data; /* NULL before vdso_init() */

static void *
create_page(uint64_t index)
{
	struct page *p; /* its reference is never given back */
	if (vm_object_get_page(&vdso_object, index, OBJ_GET_CREATE, &p) != 0)
		panic("no memory for the vDSO");
	return page_to_virt(p);
}

void
vdso_init(void)
{
	size_t n = (size_t)(vdso_image_end - vdso_image);
	ASSERT(n <= PAGE_SIZE);
	vm_object_init(&vdso_object, &vdso_ops, 0, NULL);
	atomic_store_explicit(&vdso_object.size, PAGES * PAGE_SIZE, memory_order_relaxed);
	memcpy(create_page(IMAGE_PAGE), vdso_image, n);
	data = create_page(DATA_PAGE);
	vdso_update(&time_scale, time_realtime_offset());
}

void
vdso_update(const struct time_scale *scale, uint64_t realtime_offset)
{
	volatile struct vdso_data *d = data;
	if (d == NULL)
		return; /* vdso_init() will ask */
	d->seq++;
	arch_wmb();
	d->base_ticks = scale->base_ticks;
	d->mult = scale->mult;
	d->realtime_offset = realtime_offset;
	arch_wmb();
	d->seq++;
}

int
vdso_map(struct vm_space *s)
{
	int64_t at = vm_map(s, 0, PAGES * PAGE_SIZE, VM_READ | VM_MAYREAD | VM_DONTDUMP | VM_VDSO,
		0, &vdso_object, 0, NULL);
	if (at < 0)
		return (int)at;
	s->vdso = (uint64_t)at + IMAGE_PAGE * PAGE_SIZE;
	at = vm_map(s, s->vdso, PAGE_SIZE, VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYEXEC | VM_VDSO,
		VM_MAP_FIXED, &vdso_object, IMAGE_PAGE * PAGE_SIZE, NULL);
	return at < 0 ? (int)at : 0;
}

uint64_t
vdso_sigreturn_address(uint64_t vdso)
{
	return vdso + VDSO_SIGRETURN;
}
