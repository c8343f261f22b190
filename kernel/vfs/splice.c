/* SPDX-License-Identifier: MIT */
/*
 * Moving data between files without the caller's memory: sendfile, copy_file_range, splice, tee.
 *
 * Files are copied through a buffer, or sent by reference (sendpages.c). Pages go into pipes and out of them by
 * reference where both sides can, else they are filled and read in place. Nothing is taken from a pipe that the other
 * side has not accepted. While a pipe's lock is held nothing here waits for a peer: it asks without waiting, then lets
 * go and waits. A move from pipe to pipe holds one pipe's lock inside another's, so there is one at a time.
 */
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "proc/signal.h"
#include "syscall_protos.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#define TRANSFER_MAX 0x7ffff000ULL
#define BUFFER_SIZE  (8 * PAGE_SIZE)

static struct mutex pipe_to_pipe;

void
splice_init(void)
{
	mutex_init(&pipe_to_pipe, "pipe to pipe");
}

static bool
is_type(const struct file *f, uint32_t type)
{
	return f->inode != NULL && (f->inode->mode & S_IFMT) == type;
}

/* A place to read from or write to: the user's offset, or (null) the file's own. */
struct place {
	struct file *file;
	uaddr_t user;
	uint64_t pos;
};

static int
place_begin(struct place *p, struct file *f, uaddr_t user)
{
	*p = (struct place){.file = f, .user = user, .pos = f->pos};
	if (uaddr_is_null(user))
		return 0;
	int err = get_user_u64(&p->pos, user);
	if (err == 0 && (int64_t)p->pos < 0)
		err = -EINVAL;
	return err;
}

static int
places_begin(struct place *in, struct file *in_file, uaddr_t in_user, struct place *out,
	struct file *out_file, uaddr_t out_user)
{
	int err = place_begin(in, in_file, in_user);
	return err == 0 ? place_begin(out, out_file, out_user) : err;
}

/* Leaves the place where it has got to. */
static int
place_end(const struct place *p)
{
	if (!uaddr_is_null(p->user))
		return put_user_u64(p->user, p->pos);
	if (!(p->file->kind & FILE_STREAM)) {
		mutex_lock(&p->file->pos_lock);
		p->file->pos = p->pos;
		mutex_unlock(&p->file->pos_lock);
	}
	return 0;
}

/* Writes all of a buffer. What was written; *err says why if that is not all. */
static size_t
write_all(struct place *out, const char *buf, size_t n, ssize_t *err)
{
	size_t done = 0;
	while (done < n) {
		struct iter from = iter_kernel(buf + done, n - done);
		*err = file_write_iter(out->file, &from, &out->pos);
		if (*err <= 0)
			break;
		done += (size_t)*err;
	}
	return done;
}

/* Copies up to n bytes, until the end of the one or the other. Bytes, or -errno if there were none. */
static int64_t
copy(struct place *in, struct place *out, size_t n)
{
	char *buf = kmalloc(BUFFER_SIZE, 0);
	if (buf == NULL)
		return -ENOMEM;
	size_t done = 0;
	ssize_t err = 0;
	while (done < n) {
		struct iter to = iter_kernel(buf, min(n - done, BUFFER_SIZE));
		uint64_t start = in->pos;
		err = file_read_iter(in->file, &to, &in->pos);
		if (err <= 0)
			break;
		size_t got = (size_t)err, put = write_all(out, buf, got, &err);
		done += put;
		in->pos = start + put;
		if (put < got)
			break;
		if (signal_pending())
			break;
		sched_point();
	}
	kfree(buf);
	return done != 0 ? (int64_t)done : min(err, (ssize_t)0);
}

static int64_t
finish(const struct place *in, const struct place *out, int64_t result)
{
	if (result < 0)
		return result;
	int err = place_end(in);
	if (err == 0)
		err = place_end(out);
	return err != 0 ? err : result;
}

static int64_t
send(struct file *out, struct file *in, uaddr_t offset, size_t count)
{
	if (!is_type(in, S_IFREG) && !is_type(in, S_IFBLK))
		return -EINVAL;
	if (file_flags(out) & O_APPEND)
		return -EINVAL;
	struct place from, to;
	int err = places_begin(&from, in, offset, &to, out, (uaddr_t){0});
	if (err != 0)
		return err;
	count = min(count, TRANSFER_MAX);
	int64_t result = file_send_pages(in, &from.pos, out, count, 0);
	if (result == -EOPNOTSUPP)
		result = copy(&from, &to, count);
	return finish(&from, &to, result);
}

int64_t
sys_sendfile(struct file *out, int in, uaddr_t offset, size_t count)
{
	struct file_ref ref;
	int err = file_borrow(in, RIGHT_READ, &ref);
	if (err != 0)
		return err;
	int64_t result = send(out, ref.file, offset, count);
	file_return(&ref);
	return result;
}

/* The bytes of [pos, pos + n) that lie in a range which no signed offset leaves. */
static bool
range_ok(uint64_t pos, size_t n)
{
	uint64_t end;
	return !add_overflow(pos, n, &end) && end <= INT64_MAX;
}

static int64_t
copy_range(struct file *in, uaddr_t in_offset, struct file *out, uaddr_t out_offset, size_t count)
{
	if ((in->kind | out->kind) & FILE_DIRECTORY)
		return -EISDIR;
	if (!is_type(in, S_IFREG) || !is_type(out, S_IFREG))
		return -EINVAL;
	if (file_flags(out) & O_APPEND)
		return -EBADF;
	struct place from, to;
	int err = places_begin(&from, in, in_offset, &to, out, out_offset);
	if (err != 0)
		return err;
	count = min(count, TRANSFER_MAX);
	if (!range_ok(from.pos, count) || !range_ok(to.pos, count))
		return -EOVERFLOW;
	uint64_t apart = from.pos > to.pos ? from.pos - to.pos : to.pos - from.pos;
	if (in->inode == out->inode && apart < count)
		return -EINVAL;
	int64_t result = copy(&from, &to, count);
	return result > 0 ? finish(&from, &to, result) : result;
}

int64_t
sys_copy_file_range(struct file *in, uaddr_t in_offset, int out, uaddr_t out_offset, size_t count,
	uint32_t flags)
{
	if (flags != 0)
		return -EINVAL;
	struct file_ref ref;
	int err = file_borrow(out, RIGHT_WRITE, &ref);
	if (err != 0)
		return err;
	int64_t result = copy_range(in, in_offset, ref.file, out_offset, count);
	file_return(&ref);
	return result;
}

/* What a pipe's pieces go to or come from. */
static ssize_t
piece_write(void *ctx, void *data, size_t n)
{
	struct place *out = ctx;
	struct iter from = iter_kernel(data, n);
	from.flags = ITER_NOWAIT;
	return file_write_iter(out->file, &from, &out->pos);
}

static ssize_t
piece_read(void *ctx, void *data, size_t n)
{
	struct place *in = ctx;
	struct iter to = iter_kernel(data, n);
	to.flags = ITER_NOWAIT;
	return file_read_iter(in->file, &to, &in->pos);
}

/* From a pipe: one round without waiting. */
static ssize_t
round_out(struct file *pipe, struct place *out, size_t n, uint32_t move_flags)
{
	if (!file_is_pipe(out->file)) {
		ssize_t result = pipe_move_pages(pipe, n, move_flags, out->file);
		if (result != -EOPNOTSUPP)
			return result;
		return pipe_move_out(pipe, n, piece_write, out);
	}
	mutex_lock(&pipe_to_pipe);
	ssize_t result = pipe_move_pages(pipe, n, move_flags, out->file);
	mutex_unlock(&pipe_to_pipe);
	return result;
}

/* Waits for what kept a round from a pipe from moving anything. 0: try again; 1: the pipe has ended; -errno. */
static int
wait_out(struct file *pipe, struct file *out, ssize_t moved, bool nonblock)
{
	if (moved == 0) {
		bool ended = !pipe_has_writers(pipe);
		if (pipe->ops->poll(pipe, NULL) & POLLIN)
			return 0;
		if (ended)
			return 1;
		return nonblock || file_nonblock(pipe) ? -EAGAIN : file_wait_events(pipe, POLLIN);
	}
	if (moved != -EAGAIN)
		return (int)moved;
	return nonblock || file_nonblock(out) ? -EAGAIN : file_wait_events(out, POLLOUT);
}

static int64_t
from_pipe(struct file *pipe, struct place *out, size_t n, uint32_t flags, uint32_t move_flags)
{
	for (;;) {
		ssize_t moved = round_out(pipe, out, n, move_flags);
		if (moved > 0)
			return moved;
		int err = wait_out(pipe, out->file, moved, (flags & SPLICE_F_NONBLOCK) != 0);
		if (err != 0)
			return err == 1 ? 0 : err;
	}
}

/* Waits for what kept a round to a pipe from moving anything. 0: try again; -errno. */
static int
wait_in(struct file *in, struct file *pipe, ssize_t moved, bool nonblock)
{
	if (moved == -ENOBUFS)
		return nonblock || file_nonblock(pipe) ? -EAGAIN : file_wait_events(pipe, POLLOUT);
	if (moved == -EAGAIN)
		return nonblock || file_nonblock(in) ? -EAGAIN : file_wait_events(in, POLLIN);
	return (int)moved;
}

/* To a pipe: one round without waiting. */
static ssize_t
round_in(struct place *in, struct file *pipe, size_t n)
{
	ssize_t moved = file_send_pages(in->file, &in->pos, pipe, n, FILE_SEND_NOWAIT);
	if (moved == -EOPNOTSUPP)
		return pipe_move_in(pipe, n, piece_read, in);
	return moved == -EAGAIN ? -ENOBUFS : moved; /* files do not make wait: the pipe is full */
}

static int64_t
to_pipe(struct place *in, struct file *pipe, size_t n, uint32_t flags)
{
	for (;;) {
		ssize_t moved = round_in(in, pipe, n);
		if (moved >= 0)
			return moved; /* 0: what is read has ended */
		int err = wait_in(in->file, pipe, moved, (flags & SPLICE_F_NONBLOCK) != 0);
		if (err != 0)
			return err;
	}
}

/* Whether bytes may be spliced to or from f: directories, and what is nothing but a way to wait, have none. */
static bool
has_bytes(const struct file *f)
{
	return f->inode != NULL ? !(f->kind & FILE_DIRECTORY) : f->ops->send_pages != NULL;
}

static int64_t
splice(struct file *in, uaddr_t in_offset, struct file *out, uaddr_t out_offset, size_t n,
	uint32_t flags)
{
	bool from = file_is_pipe(in), to = file_is_pipe(out);
	if ((!from && !to) || !has_bytes(in) || !has_bytes(out))
		return -EINVAL;
	if ((from && !uaddr_is_null(in_offset)) || (to && !uaddr_is_null(out_offset)))
		return -ESPIPE;
	if ((!uaddr_is_null(in_offset) && !(in->kind & FILE_SEEKABLE)) ||
		(!uaddr_is_null(out_offset) && !(out->kind & FILE_SEEKABLE)))
		return -EINVAL;
	if ((from && to && pipe_same(in, out)) || (file_flags(out) & O_APPEND))
		return -EINVAL;
	struct place in_place, out_place;
	int err = places_begin(&in_place, in, in_offset, &out_place, out, out_offset);
	if (err != 0)
		return err;
	n = min(n, TRANSFER_MAX);
	uint32_t move_flags = (flags & SPLICE_F_MORE) ? PIPE_MOVE_MORE : 0;
	int64_t result = from ? from_pipe(in, &out_place, n, flags, move_flags)
			      : to_pipe(&in_place, out, n, flags);
	return finish(&in_place, &out_place, result);
}

int64_t
sys_splice(struct file *in, uaddr_t in_offset, int out, uaddr_t out_offset, size_t count,
	uint32_t flags)
{
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (count == 0)
		return 0;
	struct file_ref ref;
	int err = file_borrow(out, RIGHT_WRITE, &ref);
	if (err != 0)
		return err;
	int64_t result = splice(in, in_offset, ref.file, out_offset, count, flags);
	file_return(&ref);
	return result;
}

int64_t
sys_tee(struct file *in, int out, size_t count, uint32_t flags)
{
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (count == 0)
		return 0;
	struct file_ref ref;
	int err = file_borrow(out, RIGHT_WRITE, &ref);
	if (err != 0)
		return err;
	int64_t result = -EINVAL;
	if (file_is_pipe(in) && file_is_pipe(ref.file) && !pipe_same(in, ref.file)) {
		struct place place = {.file = ref.file};
		result = from_pipe(in, &place, min(count, TRANSFER_MAX), flags, PIPE_MOVE_KEEP);
	}
	file_return(&ref);
	return result;
}
