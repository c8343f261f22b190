/* SPDX-License-Identifier: MIT */
/*
 * Caches of equal objects in pages, with per-CPU magazines, and kmalloc() over power-of-two-ish caches.
 * Any context may allocate and free (KM_ATOMIC where sleeping is not allowed). Failure returns NULL, always handled.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "core/types.h"

struct slab_cache;

#define KM_ZERO   1u
#define KM_ATOMIC 2u

/* align: a power of two, 0 for 8. Never destroyed. Panics at boot when there is no memory for it. */
struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align);
void *slab_alloc(struct slab_cache *c, uint32_t flags) MUST_CHECK;
void slab_free(struct slab_cache *c, void *p);

/* Any size; above one page it takes whole pages, physically contiguous. kfree(NULL) is nothing. */
void *kmalloc(size_t n, uint32_t flags) MUST_CHECK;
void *kzalloc(size_t n) MUST_CHECK;
void *kcalloc(size_t n, size_t size) MUST_CHECK; /* zeroed; NULL on overflow too */
void kfree(const void *p);
char *kstrdup(const char *s) MUST_CHECK;
/* Large, zeroed, only virtually contiguous (tables that grow big): mm/kmap.c */
void *kvmalloc(size_t n) MUST_CHECK;
void kvfree(void *p);

/* For leak checks and /proc/slabinfo: calls fn for each cache. */
typedef void slab_visit_fn(void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages);
void slab_for_each(slab_visit_fn *fn, void *ctx);
void slab_init(void);
void slab_drain(void); /* gives empty slabs and this CPU's magazines back */

#endif
