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

/*
 * Any size; above KMALLOC_MAX it takes whole pages, physically contiguous. A power of two is aligned to its size.
 * kfree(NULL) is nothing.
 */
#define KMALLOC_MAX     4096u
#define KMALLOC_CLASSES 17u
extern struct slab_cache *kmalloc_caches[KMALLOC_CLASSES]; /* [I after boot] */
void *kmalloc_any(size_t n, uint32_t flags) MUST_CHECK;

/* The class of n bytes (at most KMALLOC_MAX): two per doubling, from 16 on. Folds to a constant for a constant n. */
static inline uint32_t
kmalloc_class(size_t n)
{
	uint64_t m = n > 16 ? n - 1 : 15;
	uint32_t top = 63 - (uint32_t)__builtin_clzll(m);
	return 2 * top + (uint32_t)((m >> (top - 1)) & 1) - 7;
}

MUST_CHECK static inline __attribute__((always_inline)) void *
kmalloc(size_t n, uint32_t flags)
{
	if (__builtin_constant_p(n) && n <= KMALLOC_MAX)
		return slab_alloc(kmalloc_caches[kmalloc_class(n)], flags);
	return kmalloc_any(n, flags);
}

void *kzalloc(size_t n) MUST_CHECK;
void *kcalloc(size_t n, size_t size) MUST_CHECK; /* zeroed; NULL on overflow too */
void kfree(const void *p);
char *kstrdup(const char *s) MUST_CHECK;
/* Large, zeroed, only virtually contiguous (tables that grow big): mm/kmap.c */
void *kvmalloc(size_t n) MUST_CHECK;
void kvfree(void *p);

/* For leak checks and /proc/slabinfo: calls fn for each cache. */
typedef void slab_visit_fn(
	void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages);
void slab_for_each(slab_visit_fn *fn, void *ctx);
void slab_init(void);
/* Gives all CPUs' magazines and empty slabs back; returns how many pages that freed. May sleep. */
uint64_t slab_drain(void);

#endif
