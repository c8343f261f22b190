/* SPDX-License-Identifier: MIT */
/* Loading a program and its interpreter into a new address space. */
#ifndef PROC_EXEC_ELF_H
#define PROC_EXEC_ELF_H

#include "elf/elf.h"
#include "proc/exec_args.h"

struct cred;
struct file;
struct vm_space;

#define EXEC_HEAD_SIZE \
	1024 /* of a file's first bytes: header and, nearly always, the program headers */

/* [own] of the task that execs. */
struct exec_image {
	struct vm_space *space; /* complete, not yet anybody's */
	uint64_t entry;
	struct exec_layout layout;
};

/*
 * Builds the address space of the program in file, whose first n bytes are in head; cred: what it will run with;
 * secure: AT_SECURE. The space's exe is file. Nothing is left on failure. -ENOEXEC -ENOMEM -EACCES -EIO, the
 * interpreter's errors.
 */
int exec_load(struct exec_image *out, struct file *file, const uint8_t *head, size_t n,
	struct exec_args *args, const char *filename, const struct cred *cred,
	bool secure) MUST_CHECK;
/* Opens a program by a kernel name, as execve does. */
int exec_open(int dirfd, const char *name, uint32_t lookup, struct file **out) MUST_CHECK;

#endif
