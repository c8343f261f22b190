/* SPDX-License-Identifier: MIT */
/*
 * Portable memcpy, memmove, memset, memcmp. An architecture with its own leaves this file out.
 *
 * Copies go by words where both sides agree on alignment. Words are accessed through a may_alias type, since any
 * object may lie there. The compiler must not turn these loops back into calls of themselves.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SWOS_KERNEL__
/* The functions themselves: the kernel's string.h has macros of these names. */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#endif

typedef uint64_t __attribute__((may_alias)) word_t;

#define WORD         sizeof(word_t)
#define NO_RECURSION __attribute__((no_builtin("memcpy", "memmove", "memset", "memcmp")))

static bool
aligned(const void *p)
{
	return (uintptr_t)p % WORD == 0;
}

static bool
congruent(const void *a, const void *b)
{
	return ((uintptr_t)a ^ (uintptr_t)b) % WORD == 0;
}

NO_RECURSION static void
copy_up(uint8_t *to, const uint8_t *from, size_t len)
{
	if (congruent(to, from)) {
		for (; len > 0 && !aligned(to); len--)
			*to++ = *from++;
		for (; len >= WORD; len -= WORD, to += WORD, from += WORD)
			*(word_t *)(void *)to = *(const word_t *)(const void *)from;
	}
	for (; len > 0; len--)
		*to++ = *from++;
}

NO_RECURSION static void
copy_down(uint8_t *to, const uint8_t *from, size_t len)
{
	if (congruent(to, from)) {
		for (; len > 0 && !aligned(to + len); len--)
			to[len - 1] = from[len - 1];
		for (; len >= WORD; len -= WORD) {
			*(word_t *)(void *)(to + len - WORD) =
				*(const word_t *)(const void *)(from + len - WORD);
		}
	}
	for (; len > 0; len--)
		to[len - 1] = from[len - 1];
}

NO_RECURSION void *
memcpy(void *restrict to, const void *restrict from, size_t len)
{
	copy_up(to, from, len);
	return to;
}

NO_RECURSION void *
memmove(void *to, const void *from, size_t len)
{
	/* Unsigned distance: below len only if to lies inside the source, after its start. */
	if ((uintptr_t)to - (uintptr_t)from >= len)
		copy_up(to, from, len);
	else
		copy_down(to, from, len);
	return to;
}

NO_RECURSION void *
memset(void *to, int byte, size_t len)
{
	uint8_t *p = to;
	word_t pattern = (uint8_t)byte * UINT64_C(0x0101010101010101);

	for (; len > 0 && !aligned(p); len--)
		*p++ = (uint8_t)byte;
	for (; len >= WORD; len -= WORD, p += WORD)
		*(word_t *)(void *)p = pattern;
	for (; len > 0; len--)
		*p++ = (uint8_t)byte;
	return to;
}

NO_RECURSION int
memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *p = a, *q = b;

	if (congruent(p, q)) {
		for (; len > 0 && !aligned(p) && *p == *q; len--, p++, q++)
			;
		while (len >= WORD && aligned(p) &&
			*(const word_t *)(const void *)p == *(const word_t *)(const void *)q) {
			len -= WORD;
			p += WORD;
			q += WORD;
		}
	}
	for (; len > 0; len--, p++, q++) {
		if (*p != *q)
			return *p < *q ? -1 : 1;
	}
	return 0;
}
