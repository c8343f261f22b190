/* SPDX-License-Identifier: MIT */
/* Calls on descriptors themselves: close, dup, fcntl, ioctl. */
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/object.h"
#include "proc/process.h"
#include "syscall_protos.h"
#include "vfs/async.h"
#include "vfs/pipe.h"
#include "vfs/vfs.h"

/* What F_SETFL can change. */
#define SETTABLE_FLAGS (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK)

#define FIONREAD     0x541bu
#define FICLONE      0x40049409u
#define FICLONERANGE 0x4020940du
#define FIONBIO      0x5421u
#define FIONCLEX     0x5450u
#define FIOCLEX      0x5451u
#define FIOASYNC     0x5452u

int64_t
sys_close(int fd)
{
	struct handle_table *t = current_task()->handles;
	struct object *o = handle_remove(t, fd);
	if (unlikely(o == NULL))
		return -EBADF;
	int err = handle_closed(t, o);
	/* The descriptor is gone: doing it again would close another's. */
	return likely(err > -ERESTARTSYS) ? err : -EINTR;
}

/* A second handle to what fd refers to, at the first free number >= from. */
static int64_t
duplicate(int fd, uint32_t from, uint32_t flags)
{
	struct handle_table *t = current_task()->handles;
	handle_ref_t ref;
	rights_t rights;
	int err = handle_borrow(t, fd, RIGHT_DUP, &ref, &rights);
	if (err != 0)
		return err;
	int h = handle_reserve(t, from, handle_limit());
	if (h >= 0) {
		struct object *o = handle_ref_object(ref);
		object_get(o);
		handle_install(t, h, o, rights, flags);
	}
	handle_return(ref);
	return h;
}

int64_t
sys_dup(int fd)
{
	return duplicate(fd, 0, 0);
}

int64_t
sys_dup3(int oldfd, int newfd, uint32_t flags)
{
	if ((flags & ~O_CLOEXEC) != 0 || oldfd == newfd)
		return -EINVAL;
	uint32_t limit = handle_limit();
	if ((uint32_t)newfd >= limit)
		return -EBADF;
	struct handle_table *t = current_task()->handles;
	handle_ref_t ref;
	rights_t rights;
	int err = handle_borrow(t, oldfd, RIGHT_DUP, &ref, &rights);
	if (err != 0)
		return err;
	struct object *o = handle_ref_object(ref);
	object_get(o);
	err = handle_replace(t, newfd, limit, o, rights, (flags & O_CLOEXEC) ? HANDLE_CLOEXEC : 0);
	if (err != 0)
		object_put(o);
	handle_return(ref);
	return err != 0 ? err : newfd;
}

/* Gives the running task a table of its own. */
static int
unshare_handles(void)
{
	struct task *task = current_task();
	struct handle_table *old = task->handles;
	if (atomic_load_explicit(&old->users, memory_order_relaxed) == 1)
		return 0;
	struct handle_table *t = handle_table_copy(old);
	if (t == NULL)
		return -ENOMEM;
	uint64_t irq = spin_lock_irq_save(&task->process->lock);
	task->handles = t;
	spin_unlock_irq_restore(&task->process->lock, irq);
	handle_table_put_user(old);
	return 0;
}

int64_t
sys_close_range(uint32_t first, uint32_t last, uint32_t flags)
{
	if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int err = unshare_handles();
		if (err != 0)
			return err;
	}
	if (first >= HANDLES_MAX)
		return 0;
	struct handle_table *t = current_task()->handles;
	for (int h = handle_next(t, (int)first); h >= 0 && (uint32_t)h <= last;
		h = handle_next(t, h + 1)) {
		if (flags & CLOSE_RANGE_CLOEXEC) {
			(void)handle_set_flags(
				t, h, HANDLE_CLOEXEC); /* gone meanwhile: closed, as asked */
			continue;
		}
		struct object *o = handle_remove(t, h);
		if (o != NULL)
			(void)handle_closed(t, o);
		sched_point();
	}
	return 0;
}

/* Changes what is in mask of a file's status flags. */
static int
change_flags(struct file *f, int fd, uint32_t mask, uint32_t value)
{
	uint32_t old = file_flags(f);
	uint32_t new = (old & ~mask) | (value & mask);
	uint32_t on = new & ~old;
	if ((on & O_NOATIME) && f->inode != NULL && !inode_owner_or_root(f->inode))
		return -EPERM;
	if ((on & O_DIRECT) && !file_is_pipe(f))
		return -EINVAL;
	if (f->ops->set_flags != NULL) {
		int err = f->ops->set_flags(f, new);
		if (err != 0)
			return err;
	}
	if ((old ^ new) & O_ASYNC) {
		int err = file_set_async(f, fd, (new &O_ASYNC) != 0);
		if (err != 0)
			return err;
	}
	while (!atomic_compare_exchange_weak_explicit(&f->flags, &old,
		(old & ~mask) | (value & mask), memory_order_relaxed, memory_order_relaxed))
		;
	return 0;
}

/* The commands that concern the handle, not the file. -EINVAL: it is none of them. */
static int64_t
fcntl_handle(int fd, uint32_t cmd, uint64_t arg)
{
	struct handle_table *t = current_task()->handles;
	uint32_t flags;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC: {
		if ((uint32_t)arg >= handle_limit())
			return handle_get_flags(t, fd, &flags) == 0 ? -EINVAL : -EBADF;
		return duplicate(fd, (uint32_t)arg, cmd == F_DUPFD ? 0 : HANDLE_CLOEXEC);
	}
	case F_GETFD: {
		int err = handle_get_flags(t, fd, &flags);
		if (err != 0)
			return err;
		return (flags & HANDLE_CLOEXEC) ? FD_CLOEXEC : 0;
	}
	case F_SETFD:
		return handle_set_flags(t, fd, (arg & FD_CLOEXEC) ? HANDLE_CLOEXEC : 0);
	default:
		return -EINVAL;
	}
}

/* The rights that a command on the file takes. */
static rights_t
fcntl_rights(uint32_t cmd)
{
	switch (cmd) {
	case F_SETFL:
	case F_ADD_SEALS:
		return RIGHT_SETATTR;
	case F_SETOWN:
	case F_SETOWN_EX:
	case F_SETSIG:
	case F_SETPIPE_SZ:
		return RIGHT_CONTROL;
	default:
		return RIGHT_GETATTR;
	}
}

static int64_t
fcntl_file(struct file *f, int fd, uint32_t cmd, uint64_t arg)
{
	switch (cmd) {
	case F_GETFL:
		return file_flags(f);
	case F_SETFL:
		return change_flags(f, fd, SETTABLE_FLAGS, (uint32_t)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return file_lock_fcntl(f, fd, cmd, (uaddr_t){arg});
	case F_SETOWN:
	case F_GETOWN:
	case F_SETSIG:
	case F_GETSIG:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return file_owner_fcntl(f, cmd, arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return file_seals_fcntl(f, cmd, arg);
	default:
		return -EINVAL;
	}
}

int64_t
sys_fcntl(int fd, uint32_t cmd, uint64_t arg)
{
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_GETFD || cmd == F_SETFD)
		return fcntl_handle(fd, cmd, arg);
	struct file_ref ref;
	/* Where the file is O_PATH, F_GETFL alone may look at it. */
	int err = file_borrow(fd, cmd == F_GETFL ? 0 : fcntl_rights(cmd), &ref);
	if (err != 0)
		return err;
	int64_t result = fcntl_file(ref.file, fd, cmd, arg);
	file_return(&ref);
	return result;
}

/* What is left to read of a regular file. */
static int64_t
bytes_left(const struct file *f, uaddr_t out)
{
	uint64_t size = atomic_load_explicit(&f->inode->object->size, memory_order_relaxed);
	uint64_t left = size > f->pos ? size - f->pos : 0;
	return put_user_u32(out, (uint32_t)min(left, (uint64_t)INT32_MAX));
}

static int64_t
ioctl_flag(struct file *f, int fd, uint32_t flag, uaddr_t arg)
{
	uint32_t on;
	int err = get_user_u32(&on, arg);
	return err != 0 ? err : change_flags(f, fd, flag, on != 0 ? flag : 0);
}

static int64_t
ioctl_file(const struct file_ref *ref, int fd, uint32_t cmd, uint64_t arg)
{
	struct file *f = ref->file;
	switch (cmd) {
	case FIONBIO:
		return ioctl_flag(f, fd, O_NONBLOCK, (uaddr_t){arg});
	case FIOASYNC:
		return f->ops->poll != NULL ? ioctl_flag(f, fd, O_ASYNC, (uaddr_t){arg}) : -ENOTTY;
	case FIONREAD:
		if (f->inode != NULL && (f->inode->mode & S_IFMT) == S_IFREG &&
			f->inode->object != NULL)
			return bytes_left(f, (uaddr_t){arg});
		break;
	case FICLONE:
	case FICLONERANGE:
		if (f->inode != NULL && (f->inode->mode & S_IFMT) == S_IFREG)
			return -EOPNOTSUPP; /* no file system here shares blocks */
		break;
	}
	if (f->ops->ioctl == NULL)
		return -ENOTTY;
	return (ref->rights & RIGHT_CONTROL) ? f->ops->ioctl(f, cmd, arg) : -EPERM;
}

int64_t
sys_ioctl(int fd, uint32_t cmd, uint64_t arg)
{
	struct file_ref ref;
	int err = file_borrow(fd, 0, &ref);
	if (err != 0)
		return err;
	int64_t result;
	if (ref.file->kind & FILE_PATH_ONLY)
		result = -EBADF;
	else if (cmd == FIOCLEX || cmd == FIONCLEX)
		result = handle_set_flags(
			current_task()->handles, fd, cmd == FIOCLEX ? HANDLE_CLOEXEC : 0);
	else
		result = ioctl_file(&ref, fd, cmd, arg);
	file_return(&ref);
	return result;
}
