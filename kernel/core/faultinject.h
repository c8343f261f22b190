/* SPDX-License-Identifier: MIT */
/*
 * Fault injection, in the debug build: makes allocations fail on request, so that tests see what callers do then. Only
 * what a user thread does fails, never what an interrupt or a kernel thread does.
 *
 * Settings, as text (/proc/swos/fault), words in any order:
 *   every=N   each N-th candidate fails (1: all; 0: none, the initial state)
 *   after=N   the first N candidates succeed
 *   times=N   after N failures no more (0: without end)
 *   pid=N     only those of that process (0: of all)
 *   site=NAME only those of that place ("page", "slab")
 * Setting begins anew: what is not named gets its default, counts become 0.
 */
#ifndef CORE_FAULTINJECT_H
#define CORE_FAULTINJECT_H

#include "core/types.h"

#ifdef SWOS_DEBUG

/* Whether the candidate at this place is to fail. Any context. */
bool fault_inject(const char *site);
/* n bytes of settings. 0, -EINVAL (nothing changes). */
int fault_inject_set(const char *text, size_t n) MUST_CHECK;
#define FAULT_INJECT_TEXT_MAX 256
/* The settings and counts as text, at most n bytes with a NUL; its length. */
size_t fault_inject_show(char *buf, size_t n);

#else

static inline bool
fault_inject(const char *site)
{
	return false;
}

#endif
#endif
