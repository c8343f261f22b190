/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs, for the calls that create and adjust them. */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs/file.h"

/*
 * Opens a FIFO node: sets the file's operations, kind and priv. Its flags say how; without O_NONBLOCK it waits for
 * the other side. -ENXIO, -ENOMEM, -ERESTARTSYS: the file is as it was.
 */
int fifo_open(struct inode *inode, struct file *f) MUST_CHECK;
bool file_is_pipe(const struct file *f);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes, or -EBADF (no pipe), -EINVAL, -EPERM (too large), -EBUSY (holds more), -ENOMEM. */
int64_t pipe_fcntl(struct file *f, uint32_t cmd, uint64_t arg);
void pipe_init(void); /* boot */

#endif
