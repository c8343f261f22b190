/* SPDX-License-Identifier: MIT */
/* Kernel virtual memory outside the linear map: guarded stacks, device windows, large tables. May sleep. */
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include "core/types.h"

/* A KSTACK_SIZE stack with unmapped pages on both sides; returns its lowest address or NULL. Stacks are cached. */
void *kstack_alloc(void) MUST_CHECK;
void kstack_free(void *stack);
/* Whether va lies in a stack's guard page. */
bool kstack_is_guard(uint64_t va);

/* Maps device registers (PROT_BIT_DEVICE) or memory that is not in the linear map. NULL when out of memory. */
void *kmap_device(paddr_t pa, size_t size);
void kmap_unmap(void *va, size_t size);
void kmap_init(void);

#endif
