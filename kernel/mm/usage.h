/* SPDX-License-Identifier: MIT */
/* What of an area is in memory, and whose it is besides. */
#ifndef MM_USAGE_H
#define MM_USAGE_H

#include "mm/space.h"

/* Numbers of mapped pages. The shared zero page and devices' windows count nowhere. */
struct vm_usage {
	uint64_t shared_clean, shared_dirty;   /* mapped elsewhere too */
	uint64_t private_clean, private_dirty; /* mapped here only */
	uint64_t anon;                         /* of these, no object's */
	uint64_t referenced;                   /* of these, used since reclaim last looked */
	uint64_t share; /* bytes: each page's size divided by the number of its mappings */
};

static inline uint64_t
vm_usage_pages(const struct vm_usage *u)
{
	return u->shared_clean + u->shared_dirty + u->private_clean + u->private_dirty;
}

/*
 * Adds a's to *sum. Its space is locked, for reading at least. May sleep. Others map and unmap meanwhile: it is what each
 * page was.
 */
void vm_area_usage(const struct vm_area *a, struct vm_usage *sum);

#endif
