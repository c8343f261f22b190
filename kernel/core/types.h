/* SPDX-License-Identifier: MIT */
/* Scalar types and constants that the whole kernel shares. */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

typedef uint64_t paddr_t; /* a physical address */
typedef int64_t ssize_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef uint32_t rights_t; /* a set of RIGHT_* (build/gen/rights.h) */
typedef uint64_t caps_t;   /* a set of CAP_* (build/gen/caps.h) */
typedef uint64_t nsec_t;   /* nanoseconds since boot, or a length of time */

#define NSEC_PER_SEC   1000000000ULL
#define NSEC_PER_MSEC  1000000ULL
#define DEADLINE_NEVER UINT64_MAX

/*
 * An address in the calling process's memory. A type of its own, so that it is never dereferenced by accident:
 * everything goes through arch/uaccess.h.
 */
typedef struct {
	uint64_t addr;
} uaddr_t;

static inline uaddr_t
uaddr_offset(uaddr_t u, uint64_t bytes)
{
	return (uaddr_t){u.addr + bytes};
}

static inline bool
uaddr_is_null(uaddr_t u)
{
	return u.addr == 0;
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

/* Errors that never reach user space: the exit path restarts the call, or turns them into EINTR (proc/signal.c). */
#define ERESTARTSYS           512 /* restart if the handler has SA_RESTART, or if no handler ran */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* as NOHAND, through restart_syscall with the remaining time */

#define MUST_CHECK   __attribute__((warn_unused_result))
#define NORETURN     __attribute__((noreturn))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

#endif
