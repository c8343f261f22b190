/* SPDX-License-Identifier: MIT */
/* The panic count's page. Written by one CPU at a time: by init's call, or by the CPU that panics. */
#include "core/panic_count.h"

#include "arch/cache.h"

#define PANIC_MAGIC 0x73776f7370616e63ULL /* "swospanc" */

struct panic_page {
	uint64_t magic;
	uint32_t count;
	uint32_t check; /* ~count ^ low half of magic */
};

static volatile struct panic_page *page;

static uint32_t
check_of(uint32_t count)
{
	return ~count ^ (uint32_t)PANIC_MAGIC;
}

static void
store(uint32_t count)
{
	page->magic = PANIC_MAGIC;
	page->count = count;
	page->check = check_of(count);
	arch_cache_clean((const void *)page, sizeof(*page));
}

void
panic_count_init(void *p)
{
	page = p;
	if (page != NULL && (page->magic != PANIC_MAGIC || page->check != check_of(page->count)))
		store(0);
}

uint32_t
panic_count(void)
{
	return page == NULL ? 0 : page->count;
}

uint32_t
panic_count_increment(void)
{
	if (page == NULL)
		return 1;
	store(page->count + 1);
	return page->count;
}

void
panic_counter_clear(void)
{
	if (page != NULL)
		store(0);
}
