/* SPDX-License-Identifier: MIT */
/*
 * A new program's argument and environment strings on their way from the old address space to the new one.
 *
 * They are copied once into pages in the order in which they will stand on the new stack: arguments, environment.
 * What an interpreter line puts in front of them, and the first argument that it replaces, is kept apart.
 */
#ifndef PROC_EXEC_ARGS_H
#define PROC_EXEC_ARGS_H

#include "core/types.h"
#include "mm/page.h"

#define EXEC_STRING_MAX  (32 * PAGE_SIZE) /* with its NUL, as on Linux */
#define EXEC_SCRIPTS_MAX 5
#define EXEC_PREFIX_MAX  (3 * EXEC_SCRIPTS_MAX)

/* [own] of the task that execs. */
struct exec_args {
	struct list_node pages; /* struct page.lru, PAGE_KERNEL */
	size_t bytes;           /* of strings in pages */
	size_t limit;           /* of bytes and pointers together */
	size_t skip;            /* bytes of the first argument that a script's name replaced */
	uint32_t argc, envc;    /* without the prefix; the skipped one not counted */
	size_t arg_bytes;       /* of the arguments in pages */
	char *prefix[EXEC_PREFIX_MAX]; /* strings in front, the last one first */
	uint32_t nr_prefix;
	size_t prefix_bytes;
};

void exec_args_init(struct exec_args *a, uint64_t stack_limit);
void exec_args_free(struct exec_args *a);
/* From the running program's memory: both are arrays of pointers that a null pointer ends. -E2BIG -EFAULT -ENOMEM -EINTR. */
int exec_args_from_user(struct exec_args *a, uaddr_t argv, uaddr_t envp) MUST_CHECK;
int exec_args_from_kernel(
	struct exec_args *a, const char *const *argv, const char *const *envp) MUST_CHECK;
/* The script takes argument 0's place, and interpreter with its option (NULL: none) stand before it. */
int exec_args_push_script(struct exec_args *a, const char *interpreter, const char *option,
	const char *script) MUST_CHECK;

struct vm_space;
struct exec_layout {
	uint64_t sp; /* points to argc */
	uint64_t arg_start, arg_end, env_start, env_end;
};
/*
 * Writes strings, the vectors and the auxiliary vector (pairs, AT_NULL included; AT_EXECFN, AT_PLATFORM and AT_RANDOM
 * are filled in here) below top in space. filename: AT_EXECFN's. -EFAULT -ENOMEM -E2BIG.
 */
int exec_args_place(struct exec_args *a, struct vm_space *space, uint64_t top, const char *filename,
	uint64_t *auxv, size_t nr_auxv, const uint8_t random[16],
	struct exec_layout *out) MUST_CHECK;

#endif
