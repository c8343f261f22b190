/* SPDX-License-Identifier: MIT */
/* Who is told by a signal that a file has become ready: F_SETOWN, F_SETSIG, O_ASYNC. */
#ifndef VFS_ASYNC_H
#define VFS_ASYNC_H

#include "vfs/file.h"

/* fcntl's F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG. */
int64_t file_owner_fcntl(struct file *f, uint32_t cmd, uint64_t arg);
/* Turns O_ASYNC on or off, for FILE_SIGIO files; fd is what the signal's siginfo shows. -ENOMEM. */
int file_set_async(struct file *f, int fd, bool on) MUST_CHECK;
/* Tells the owner of urgent data by SIGURG, with O_ASYNC or without. Any context; f cannot go away meanwhile. */
void file_owner_urgent(struct file *f);
void file_owner_free(struct file *f); /* the file is going */

#endif
