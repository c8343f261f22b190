/* SPDX-License-Identifier: MIT */
/*
 * read, write and their kin, lseek: what happens before and after a file's own operation.
 *
 * The shared offset: whoever uses it holds pos_lock, but for a file with a single reference, which is the running
 * task's handle (a borrowed reference would be a second one): then nobody else can be at it.
 */
#include "abi/linux/signal.h"
#include "arch/uaccess.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "syscall_protos.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#define TRANSFER_MAX ITER_TRANSFER_MAX

static inline bool
pos_is_shared(const struct file *f)
{
	return refcount_read(&f->obj.refs) > 1;
}

static inline bool
pos_begin(struct file *f) NO_LOCK_ANALYSIS
{
	if (likely(!pos_is_shared(f)))
		return false;
	mutex_lock(&f->pos_lock);
	return true;
}

static inline void
pos_end(struct file *f, bool locked) NO_LOCK_ANALYSIS
{
	if (unlikely(locked))
		mutex_unlock(&f->pos_lock);
}

static ssize_t
read_missing(const struct file *f)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	return (f->kind & FILE_DIRECTORY) ? -EISDIR : -EINVAL;
}

static inline __attribute__((always_inline)) ssize_t
read_at(struct file *f, struct iter *to, uint64_t *pos)
{
	if (unlikely(f->ops->read == NULL))
		return read_missing(f);
	return f->ops->read(f, to, pos);
}

static inline __attribute__((always_inline)) ssize_t
read_here(struct file *f, struct iter *to)
{
	if (f->kind & FILE_STREAM)
		return read_at(f, to, NULL);
	bool locked = pos_begin(f);
	ssize_t n = read_at(f, to, &f->pos);
	pos_end(f, locked);
	return n;
}

/* RLIMIT_FSIZE: cuts the write at the limit; -EFBIG and SIGXFSZ beyond it. */
static int __attribute__((noinline))
limit_file_size(struct file *f, struct iter *from, uint64_t pos, uint64_t limit)
{
	const struct inode *i = f->inode;
	if (i == NULL || (i->mode & S_IFMT) != S_IFREG)
		return 0;
	if (i->object != NULL && file_appends(f, from))
		pos = atomic_load_explicit(&i->object->size, memory_order_relaxed);
	if (pos >= limit) {
		signal_send_self(SIGXFSZ);
		return -EFBIG;
	}
	if (from->count > limit - pos) {
		from->count = limit - pos;
		from->len = min(from->len, from->count);
	}
	return 0;
}

static inline bool
wants_sync(const struct file *f, uint32_t rwf)
{
	return unlikely(((file_flags(f) & O_SYNC) | (rwf & (RWF_DSYNC | RWF_SYNC))) != 0);
}

static ssize_t __attribute__((noinline))
sync_after_write(struct file *f, uint32_t rwf, ssize_t n)
{
	if (n <= 0 || f->ops->sync == NULL)
		return n;
	bool all = (file_flags(f) & O_SYNC) == O_SYNC || (rwf & RWF_SYNC) != 0;
	int err = f->ops->sync(f, !all);
	return err != 0 ? err : n;
}

static inline __attribute__((always_inline)) ssize_t
write_at(struct file *f, struct iter *from, uint64_t *pos, uint32_t rwf)
{
	if (unlikely(f->ops->write == NULL))
		return (f->kind & (FILE_PATH_ONLY | FILE_DIRECTORY)) ? -EBADF : -EINVAL;
	if (pos != NULL) {
		uint64_t limit = current_process()->limits[RLIMIT_FSIZE].cur;
		if (unlikely(limit != RLIM_INFINITY)) {
			int err = limit_file_size(f, from, *pos, limit);
			if (err != 0)
				return err;
		}
	}
	ssize_t n = f->ops->write(f, from, pos);
	if (wants_sync(f, rwf))
		n = sync_after_write(f, rwf, n);
	return n;
}

static inline __attribute__((always_inline)) ssize_t
write_here(struct file *f, struct iter *from, uint32_t rwf)
{
	if (f->kind & FILE_STREAM)
		return write_at(f, from, NULL, rwf);
	bool locked = pos_begin(f);
	ssize_t n = write_at(f, from, &f->pos, rwf);
	pos_end(f, locked);
	return n;
}

/* The two hottest calls have no buffer on their stack, only an iterator's scalars: a canary would guard nothing. */
#define NO_BUFFERS __attribute__((no_stack_protector))

int64_t NO_BUFFERS
sys_read(struct file *f, uaddr_t buf, size_t count)
{
	if (unlikely(!user_range_ok(buf, count)))
		return -EFAULT;
	struct iter to = iter_user(buf, min(count, TRANSFER_MAX));
	return read_here(f, &to);
}

int64_t NO_BUFFERS
sys_write(struct file *f, uaddr_t buf, size_t count)
{
	if (unlikely(!user_range_ok(buf, count)))
		return -EFAULT;
	struct iter from = iter_user(buf, min(count, TRANSFER_MAX));
	return write_here(f, &from, 0);
}

/* What a call with an offset needs of its file. */
static int
check_offset(const struct file *f, int64_t offset)
{
	if (offset < 0)
		return -EINVAL;
	return likely((f->kind & FILE_SEEKABLE) != 0) ? 0 : -ESPIPE;
}

int64_t
sys_pread64(struct file *f, uaddr_t buf, size_t count, int64_t offset)
{
	int err = check_offset(f, offset);
	if (unlikely(err != 0))
		return err;
	if (unlikely(!user_range_ok(buf, count)))
		return -EFAULT;
	struct iter to = iter_user(buf, min(count, TRANSFER_MAX));
	uint64_t pos = (uint64_t)offset;
	return read_at(f, &to, &pos);
}

int64_t
sys_pwrite64(struct file *f, uaddr_t buf, size_t count, int64_t offset)
{
	int err = check_offset(f, offset);
	if (unlikely(err != 0))
		return err;
	if (unlikely(!user_range_ok(buf, count)))
		return -EFAULT;
	struct iter from = iter_user(buf, min(count, TRANSFER_MAX));
	uint64_t pos = (uint64_t)offset;
	return write_at(f, &from, &pos, 0);
}

/* offset -1: the file's own. */
static int64_t
read_vector(struct file *f, uaddr_t iov, uint64_t n, int64_t offset, uint8_t iter_flags)
{
	ITER_VECTOR_ON_STACK(v);
	struct iter to;
	int err = iter_vector_get(&v, iov, n, &to);
	if (err != 0)
		return err;
	to.flags = iter_flags;
	int64_t result;
	if (offset == -1) {
		result = read_here(f, &to);
	} else {
		uint64_t pos = (uint64_t)offset;
		result = read_at(f, &to, &pos);
	}
	iter_vector_put(&v);
	return result;
}

static int64_t
write_vector(
	struct file *f, uaddr_t iov, uint64_t n, int64_t offset, uint8_t iter_flags, uint32_t rwf)
{
	ITER_VECTOR_ON_STACK(v);
	struct iter from;
	int err = iter_vector_get(&v, iov, n, &from);
	if (err != 0)
		return err;
	from.flags = iter_flags;
	int64_t result;
	if (offset == -1) {
		result = write_here(f, &from, rwf);
	} else {
		uint64_t pos = (uint64_t)offset;
		result = write_at(f, &from, &pos, rwf);
	}
	iter_vector_put(&v);
	return result;
}

ssize_t
file_read_iter(struct file *f, struct iter *to, uint64_t *pos)
{
	return read_at(f, to, (f->kind & FILE_STREAM) ? NULL : pos);
}

ssize_t
file_write_iter(struct file *f, struct iter *from, uint64_t *pos)
{
	return write_at(f, from, (f->kind & FILE_STREAM) ? NULL : pos, 0);
}

ssize_t
file_read_here(struct file *f, struct iter *to)
{
	return read_here(f, to);
}

ssize_t
file_write_here(struct file *f, struct iter *from)
{
	return write_here(f, from, 0);
}

/* What fits now; waits only while that is nothing. */
static int64_t
vmsplice_in(struct file *f, uaddr_t iov, uint64_t count, uint32_t flags)
{
	for (;;) {
		int64_t n = write_vector(f, iov, count, -1, ITER_NOWAIT, 0);
		if (n != -EAGAIN || (flags & SPLICE_F_NONBLOCK) || file_nonblock(f))
			return n;
		int err = file_wait_events(f, POLLOUT);
		if (err != 0)
			return err;
	}
}

/*
 * vmsplice(2): pages are copied, never shared, so that it is readv of a pipe, and nearly writev.
 */
int64_t
sys_vmsplice(int fd, uaddr_t iov, uint64_t count, uint32_t flags)
{
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	struct file_ref ref;
	int err = file_borrow(fd, 0, &ref);
	if (err != 0)
		return err;
	int64_t result = -EBADF;
	if (file_is_pipe(ref.file) && (ref.rights & RIGHT_WRITE))
		result = vmsplice_in(ref.file, iov, count, flags);
	else if (file_is_pipe(ref.file) && (ref.rights & RIGHT_READ))
		result = read_vector(
			ref.file, iov, count, -1, (flags & SPLICE_F_NONBLOCK) ? ITER_NOWAIT : 0);
	file_return(&ref);
	return result;
}

int64_t
sys_readv(struct file *f, uaddr_t iov, uint64_t count)
{
	return read_vector(f, iov, count, -1, 0);
}

int64_t
sys_writev(struct file *f, uaddr_t iov, uint64_t count)
{
	return write_vector(f, iov, count, -1, 0, 0);
}

int64_t
sys_preadv(struct file *f, uaddr_t iov, uint64_t count, int64_t offset)
{
	int err = check_offset(f, offset);
	return err != 0 ? err : read_vector(f, iov, count, offset, 0);
}

int64_t
sys_pwritev(struct file *f, uaddr_t iov, uint64_t count, int64_t offset)
{
	int err = check_offset(f, offset);
	return err != 0 ? err : write_vector(f, iov, count, offset, 0, 0);
}

/* RWF_NOWAIT is for files that can tell in advance whether they would wait: streams do as if they were O_NONBLOCK. */
static int
check_rwf(const struct file *f, uint32_t flags, uint32_t allowed)
{
	if (flags & ~allowed)
		return -EOPNOTSUPP;
	if ((flags & RWF_NOWAIT) && !(f->kind & FILE_STREAM))
		return -EOPNOTSUPP;
	return 0;
}

int64_t
sys_preadv2(struct file *f, uaddr_t iov, uint64_t count, int64_t offset, uint64_t unused,
	uint32_t flags)
{
	int err = offset == -1 ? 0 : check_offset(f, offset);
	if (err == 0)
		err = check_rwf(f, flags, RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC);
	if (err != 0)
		return err;
	return read_vector(f, iov, count, offset, (flags & RWF_NOWAIT) ? ITER_NOWAIT : 0);
}

int64_t
sys_pwritev2(struct file *f, uaddr_t iov, uint64_t count, int64_t offset, uint64_t unused,
	uint32_t flags)
{
	int err = offset == -1 ? 0 : check_offset(f, offset);
	if (err == 0)
		err = check_rwf(
			f, flags, RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC | RWF_APPEND);
	if (err != 0)
		return err;
	uint8_t iter_flags =
		((flags & RWF_NOWAIT) ? ITER_NOWAIT : 0) | ((flags & RWF_APPEND) ? ITER_APPEND : 0);
	return write_vector(f, iov, count, offset, iter_flags, flags);
}

int64_t
sys_lseek(struct file *f, int64_t offset, int whence)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	if (whence < SEEK_SET || whence > SEEK_HOLE)
		return -EINVAL;
	if (f->ops->seek == NULL)
		return -ESPIPE;
	bool locked = pos_begin(f);
	int64_t pos = f->ops->seek(f, offset, whence);
	pos_end(f, locked);
	return pos;
}

ssize_t
file_read_at(struct file *f, void *buf, size_t n, uint64_t offset)
{
	if (n > TRANSFER_MAX)
		return -EINVAL;
	struct iter to = iter_kernel(buf, n);
	ssize_t done = 0;
	while (to.count != 0) {
		ssize_t part = read_at(f, &to, &offset);
		if (part < 0)
			return part;
		if (part == 0)
			break;
		done += part;
	}
	return done;
}
