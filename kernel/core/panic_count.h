/* SPDX-License-Identifier: MIT */
/*
 * How many panics there were since the last healthy boot: a checksummed count in a page of RAM outside image and
 * allocator, which a warm reset leaves alone. After a cold start its checksum is wrong: the count is then 0.
 */
#ifndef CORE_PANIC_COUNT_H
#define CORE_PANIC_COUNT_H

#include "core/types.h"

#define PANIC_COUNT_MAX 3

/* Where the page is (reserved by boot code); NULL: no such page, the count is not kept. */
void panic_count_init(void *page);
uint32_t panic_count(void);
uint32_t panic_count_increment(void); /* the new count, cleaned to memory */
void panic_counter_clear(void);       /* a healthy boot */

#endif
