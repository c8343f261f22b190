/* SPDX-License-Identifier: MIT */
/* The count of panics: kept over a warm reset, and 0 where its page holds anything but what was stored whole. */
#include "core/panic_count.c"

#include <string.h>

#include "test.h"

static struct panic_page memory;
static unsigned cleaned; /* times that the page was written back */

void
arch_cache_clean(const void *p, size_t n)
{
	CHECK(p == (const void *)&memory && n == sizeof(memory));
	cleaned++;
}

TEST(panic_count_is_kept_over_a_reset)
{
	memset(&memory, 0x5a, sizeof(memory)); /* what RAM holds when power comes on */
	panic_count_init(&memory);
	CHECK_EQ(panic_count(), 0);
	for (uint32_t n = 1; n <= 3; n++) {
		cleaned = 0;
		CHECK_EQ(panic_count_increment(), n);
		CHECK_EQ(cleaned, 1);
		panic_count_init(&memory); /* the next boot */
		CHECK_EQ(panic_count(), n);
	}
	panic_counter_clear();
	panic_count_init(&memory);
	CHECK_EQ(panic_count(), 0);
}

TEST(panic_count_with_any_flipped_bit_is_none)
{
	for (size_t bit = 0; bit < sizeof(memory) * 8; bit++) {
		memset(&memory, 0, sizeof(memory));
		panic_count_init(&memory);
		CHECK_EQ(panic_count_increment(), 1);
		((uint8_t *)&memory)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		panic_count_init(&memory);
		CHECK_EQ(panic_count(), 0);
		CHECK_EQ(panic_count_increment(), 1);
	}
}

TEST(panic_count_without_a_page_counts_nothing)
{
	panic_count_init(NULL);
	CHECK_EQ(panic_count(), 0);
	CHECK_EQ(panic_count_increment(), 1);
	panic_counter_clear();
	panic_count_init(&memory);
}
