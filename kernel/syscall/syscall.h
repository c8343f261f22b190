/* SPDX-License-Identifier: MIT */
/*
 * System calls: dispatch by the generated table (abi/syscalls.tbl). Capabilities are checked here and nowhere else;
 * rights of a file argument by the generated wrapper.
 */
#ifndef SYSCALL_SYSCALL_H
#define SYSCALL_SYSCALL_H

#include "core/types.h"

struct trap_frame;

struct syscall_entry {
	int64_t (*call)(const uint64_t *x); /* x: argument registers; NULL: unimplemented */
	caps_t caps;                        /* what the security context must have */
};

enum syscall_arg_kind {
	SYSCALL_ARG_INT,
	SYSCALL_ARG_U32,
	SYSCALL_ARG_U64,
	SYSCALL_ARG_I64,
	SYSCALL_ARG_SIZE,
	SYSCALL_ARG_MODE,
	SYSCALL_ARG_FLAGS,
	SYSCALL_ARG_FD,
	SYSCALL_ARG_DIRFD,
	SYSCALL_ARG_UADDR,
	SYSCALL_ARG_PATH,
	SYSCALL_ARG_FILE,
};

/* For the trace decoder and /proc/swos/unimplemented. */
struct syscall_info {
	const char *name; /* NULL: no such number */
	uint32_t nargs;
	struct {
		enum syscall_arg_kind kind;
		const char *name;
	} args[6];
};

#define SYSCALL_SWOS_BASE 4096
extern const struct syscall_entry syscall_linux[], syscall_swos[];
extern const struct syscall_info syscall_linux_info[], syscall_swos_info[];
extern const uint32_t syscall_linux_count, syscall_swos_count;

/* Calls the handler for the frame's call and puts the result into x0. Interrupts on. */
void syscall_dispatch(struct trap_frame *frame);
/* The name of a number, or NULL. */
const char *syscall_name(uint64_t number);
/* Calls fn for each unimplemented call that was tried. */
typedef void syscall_count_fn(void *ctx, const char *name, uint64_t number, uint64_t count);
void syscall_for_each_unimplemented(syscall_count_fn *fn, void *ctx);

#endif
