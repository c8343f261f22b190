/* SPDX-License-Identifier: MIT */
/* Kernel virtual memory outside the linear map: guarded stacks, device windows, large tables. May sleep. */
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include "core/types.h"

/* A KSTACK_SIZE stack with unmapped pages on both sides; returns its lowest address or NULL. Stacks are cached. */
void *kstack_alloc(void) MUST_CHECK;
void kstack_free(void *stack);
/* Whether va lies in a stack's guard page. Any context. */
bool kstack_is_guard(uint64_t va);
/* Frees the cached stacks; returns how many pages that gave. May sleep. */
uint64_t kstack_drain(void);
uint64_t kstack_pages(void); /* pages in stacks, cached ones included */

/*
 * Maps device registers, of any alignment; kmap_unmap() takes what this returned. NULL when out of memory, and where they
 * cannot be: a device tree that has them in RAM would have a driver write into what is somebody's.
 */
void *kmap_device(paddr_t pa, size_t size) MUST_CHECK;
void kmap_unmap(void *va, size_t size);
void kmap_init(void);

#endif
