/* SPDX-License-Identifier: MIT */
/* mm/slab.h for the network's cores on the host: the host's heap, with failures as net_mock_fail_after has them. */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include "core/types.h"

/* The kernel's own are in the same program (mm_test.c). */
#define slab_cache_create net_mock_slab_cache_create
#define slab_alloc        net_mock_slab_alloc
#define slab_free         net_mock_slab_free
#define kmalloc           net_mock_kmalloc
#define kzalloc           net_mock_kzalloc
#define kcalloc           net_mock_kcalloc
#define kfree             net_mock_kfree

#define KM_ZERO   1u
#define KM_ATOMIC 2u

struct slab_cache;

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align);
void *slab_alloc(struct slab_cache *c, uint32_t flags) MUST_CHECK;
void slab_free(struct slab_cache *c, void *p);
void *kmalloc(size_t n, uint32_t flags) MUST_CHECK;
void *kzalloc(size_t n) MUST_CHECK;
void *kcalloc(size_t n, size_t size) MUST_CHECK;
void kfree(const void *p);

#endif
