/* SPDX-License-Identifier: MIT */
/* Locks on files that programs ask for (fcntl's record locks and flock), for those who show them. More in file.h. */
#ifndef VFS_LOCK_H
#define VFS_LOCK_H

#include "core/types.h"

/* For /proc/locks. */
typedef void file_lock_visit_fn(void *ctx, const char *kind, bool write, pid_t pid, uint64_t dev,
	uint64_t ino, uint64_t start, uint64_t end);
void file_locks_for_each(file_lock_visit_fn *fn, void *ctx);
void file_locks_init(void);

#endif
