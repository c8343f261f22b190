/* SPDX-License-Identifier: MIT */
/* Futexes as Linux programs see them. */
#ifndef ABI_LINUX_FUTEX_H
#define ABI_LINUX_FUTEX_H

#include <stdint.h>

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD_MASK       (~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))

#define FUTEX_OP_SET         0u
#define FUTEX_OP_ADD         1u
#define FUTEX_OP_OR          2u
#define FUTEX_OP_ANDN        3u
#define FUTEX_OP_XOR         4u
#define FUTEX_OP_OPARG_SHIFT 8u
#define FUTEX_OP_CMP_EQ      0u
#define FUTEX_OP_CMP_NE      1u
#define FUTEX_OP_CMP_LT      2u
#define FUTEX_OP_CMP_LE      3u
#define FUTEX_OP_CMP_GT      4u
#define FUTEX_OP_CMP_GE      5u

#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

struct robust_list_head_user {
	uint64_t next;
	int64_t futex_offset;
	uint64_t pending;
};
#define ROBUST_LIST_MAX 2048

#endif
