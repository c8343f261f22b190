/* SPDX-License-Identifier: MIT */
/* Small macros and checked arithmetic that every part uses. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)

/* Rounds up or down to a power of two. round_up() may wrap: check the operand first. */
#define round_down(x, pow2) ((x) & ~((__typeof__(x))(pow2) - 1))
#define round_up(x, pow2)   round_down((x) + ((__typeof__(x))(pow2) - 1), pow2)
#define is_aligned(x, pow2) (((x) & ((__typeof__(x))(pow2) - 1)) == 0)

#define min(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* True when the result does not fit *out's type; *out then holds the wrapped value. */
#define add_overflow(a, b, out) __builtin_add_overflow(a, b, out)
#define sub_overflow(a, b, out) __builtin_sub_overflow(a, b, out)
#define mul_overflow(a, b, out) __builtin_mul_overflow(a, b, out)

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

/* Lock annotations, checked by clang's -Wthread-safety. */
#if defined(__clang__)
#define CAPABILITY(name) __attribute__((capability(name)))
#define REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define GUARDED_BY(x)    __attribute__((guarded_by(x)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(name)
#define REQUIRES(...)
#define ACQUIRES(...)
#define RELEASES(...)
#define GUARDED_BY(x)
#define NO_LOCK_ANALYSIS
#endif

#endif
