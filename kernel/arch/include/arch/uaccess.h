/* SPDX-License-Identifier: MIT */
/*
 * The only way to user memory. Every function checks that the whole range lies below the user limit (top-byte tags
 * are refused), survives faults by the exception table, resolves page faults (so it may sleep: no spin locks held),
 * and copies each byte at most once.
 */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H

#include "core/types.h"

/* The first address that is not user space's: 48 bits. */
#define USER_END (1ULL << 48)

static inline bool
user_range_ok(uaddr_t u, size_t n)
{
	return n <= USER_END && u.addr <= USER_END - n;
}

/* Whole transfers: 0 or -EFAULT. A failed copy_from_user() has zeroed what it could not fill. */
int copy_from_user(void *dst, uaddr_t src, size_t n) MUST_CHECK;
int copy_to_user(uaddr_t dst, const void *src, size_t n) MUST_CHECK;
int clear_user(uaddr_t dst, size_t n) MUST_CHECK;
/* Transfers that may be cut short by a fault: the number of bytes NOT transferred (0: all). */
size_t copy_from_user_partial(void *dst, uaddr_t src, size_t n) MUST_CHECK;
size_t copy_to_user_partial(uaddr_t dst, const void *src, size_t n) MUST_CHECK;
size_t clear_user_partial(uaddr_t dst, size_t n) MUST_CHECK;
/*
 * Copies a NUL-terminated string of at most n - 1 bytes. Returns its length without the NUL; n if there was none
 * within n bytes (dst then holds n bytes, unterminated); -EFAULT.
 */
ssize_t copy_string_from_user(char *dst, uaddr_t src, size_t n) MUST_CHECK;

int get_user_u8(uint8_t *out, uaddr_t u) MUST_CHECK;
int get_user_u32(uint32_t *out, uaddr_t u) MUST_CHECK;
int get_user_u64(uint64_t *out, uaddr_t u) MUST_CHECK;
int put_user_u32(uaddr_t u, uint32_t value) MUST_CHECK;
int put_user_u64(uaddr_t u, uint64_t value) MUST_CHECK;

/*
 * Atomic compare-and-exchange on a user word, for futexes. *seen is the value found (the exchange happened iff it
 * equals expected). 0, -EFAULT, or -EAGAIN when a bounded number of tries lost every race.
 */
int user_cmpxchg_u32(uaddr_t u, uint32_t expected, uint32_t desired, uint32_t *seen) MUST_CHECK;

/* As above but never sleeps and takes no page faults: -EFAULT if the page is not there right now. */
int get_user_u32_nofault(uint32_t *out, uaddr_t u) MUST_CHECK;

#endif
