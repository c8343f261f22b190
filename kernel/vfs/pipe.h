/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs, for the calls that create and adjust them. */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs/file.h"

/*
 * Opens a FIFO node: sets the file's operations, kind and priv. Its flags say how; without O_NONBLOCK it waits for
 * the other side. -ENXIO, -ENOMEM, -ENFILE, -ERESTARTSYS: the file is as it was.
 */
int fifo_open(struct inode *inode, struct file *f) MUST_CHECK;
bool file_is_pipe(const struct file *f);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes, or -EBADF (no pipe), -EINVAL, -EPERM (too large), -EBUSY (holds more), -ENOMEM. */
int64_t pipe_fcntl(struct file *f, uint32_t cmd, uint64_t arg);
extern _Atomic uint32_t pipe_size_max; /* bytes that F_SETPIPE_SZ gives to anybody */
/* Pages that the pipes of one user may hold before new ones get few, and at all; 0: any. Not for root. */
extern _Atomic uint32_t pipe_user_soft, pipe_user_hard;
void pipe_init(void);   /* boot */
void splice_init(void); /* by pipe_init() */

/*
 * Moving pages' content past user memory (splice.c). fn gets a piece of kernel memory and returns how many bytes of it
 * it took or filled, or -errno; less than the piece ends the move. Neither waits: out gives 0 if the pipe is empty now,
 * in -ENOBUFS if it is full.
 * One of the pipe's locks is held while fn runs, so fn must not wait for anybody who might want it: ITER_NOWAIT.
 */
typedef ssize_t pipe_move_fn(void *ctx, void *data, size_t n);
#define PIPE_MOVE_KEEP 1u /* look only: the bytes stay (tee) */
#define PIPE_MOVE_MORE 2u /* more follows at once (FILE_SEND_MORE) */
ssize_t pipe_move_out(struct file *f, size_t n, pipe_move_fn *fn, void *ctx) MUST_CHECK;
ssize_t pipe_move_in(struct file *f, size_t n, pipe_move_fn *fn, void *ctx) MUST_CHECK;
/*
 * As pipe_move_out(), by reference to what has send_pages. -EOPNOTSUPP: it has to be copied. flags: PIPE_MOVE_*.
 */
ssize_t pipe_move_pages(struct file *f, size_t n, uint32_t flags, struct file *out) MUST_CHECK;
bool pipe_has_writers(const struct file *f);
bool pipe_has_readers(const struct file *f);
bool pipe_same(const struct file *a, const struct file *b); /* two ends of one pipe */

#define SPLICE_F_MOVE     1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE     4u
#define SPLICE_F_GIFT     8u
#define SPLICE_F_ALL      15u

#endif
