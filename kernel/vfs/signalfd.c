/* SPDX-License-Identifier: MIT */
/*
 * Signals as a file (signalfd4): reading takes pending signals of the reading process from a set.
 *
 * The file may be shared by processes: each that polls it gets a link, which passes wake-ups of its signal queue on to
 * the file's own queue. So nobody outside hooks onto a process that may be gone first; links live until the file goes or
 * their process has been reaped.
 */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#include <string.h>

struct signal_link {
	struct waiter waiter;
	struct signal_file *file;
	struct process *process; /* referenced: keeps its memory and queue */
	struct signal_link *next;
};

struct signal_file {
	_Atomic sigmask_t wanted;
	struct wait_queue queue;
	struct mutex lock;
	struct signal_link *links; /* [lock] */
};

struct signalfd_siginfo_user {
	uint32_t signo;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, value_int;
	uint64_t value_ptr, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t syscall;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};
_Static_assert(offsetof(struct signalfd_siginfo_user, value_ptr) == 48, "ssi_ptr");
_Static_assert(offsetof(struct signalfd_siginfo_user, addr_lsb) == 80, "ssi_addr_lsb");
_Static_assert(sizeof(struct signalfd_siginfo_user) == 128, "signalfd_siginfo");

static const struct file_ops signal_ops;

static inline sigmask_t
wanted(const struct signal_file *s)
{
	return atomic_load_explicit((_Atomic sigmask_t *)&s->wanted, memory_order_relaxed);
}

static bool
link_wake(struct waiter *w, uint32_t events)
{
	wake_all(&container_of(w, struct signal_link, waiter)->file->queue, POLLIN);
	return false;
}

static void
link_free(struct signal_link *l)
{
	wait_queue_remove(&l->process->signal_wait, &l->waiter);
	process_put(l->process);
	kfree(l);
}

/* Sees to it that the running process has a link. Without memory for one, readers of others are woken all the same. */
static void
link_process(struct signal_file *s)
{
	struct process *self = current_process();
	bool linked = false;
	mutex_lock(&s->lock);
	for (struct signal_link **at = &s->links, *l; (l = *at) != NULL;) {
		linked = linked || l->process == self;
		if (l->process->state == PROCESS_REAPED) {
			*at = l->next;
			link_free(l);
		} else {
			at = &l->next;
		}
	}
	struct signal_link *l = linked ? NULL : kmalloc(sizeof(*l), 0);
	if (l != NULL) {
		waiter_init(&l->waiter, NULL, 0);
		l->waiter.wake = link_wake;
		l->file = s;
		l->process = process_get(self);
		l->next = s->links;
		s->links = l;
		wait_queue_add(&self->signal_wait, &l->waiter);
	}
	mutex_unlock(&s->lock);
}

static void
fill_by_sender(struct signalfd_siginfo_user *out, const struct siginfo *info)
{
	out->pid = (uint32_t)info->pid;
	out->uid = info->uid;
	out->value_ptr = info->value;
	out->value_int = (int32_t)info->value;
}

static bool
is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP;
}

/* As signalfd(2) lays out what sigaction(2) would get. */
static void
fill(struct signalfd_siginfo_user *out, const struct siginfo *info)
{
	memset(out, 0, sizeof(*out));
	out->signo = (uint32_t)info->signo;
	out->error = info->error;
	out->code = info->code;
	if (info->code == SI_TIMER) {
		out->tid = (uint32_t)info->pid;
		out->overrun = info->uid;
		out->value_ptr = info->value;
		out->value_int = (int32_t)info->value;
	} else if (info->code <= 0) {
		fill_by_sender(out, info);
	} else if (info->signo == SIGCHLD) {
		out->pid = (uint32_t)info->pid;
		out->uid = info->uid;
		out->status = info->status;
		out->utime = (uint64_t)info->utime;
		out->stime = (uint64_t)info->stime;
	} else if (is_fault(info->signo)) {
		out->addr = info->addr;
		out->addr_lsb = info->addr_lsb;
	} else if (info->signo == SIGSYS) {
		out->call_addr = info->call_addr;
		out->syscall = info->syscall;
		out->arch = info->arch;
	} else if (info->code < SI_KERNEL) {
		out->band = (uint32_t)info->band;
		out->fd = info->fd;
	}
}

/* Waits for a signal of the set. 0 and *info, or -EAGAIN, -ERESTARTSYS. */
static int
take_signal(struct signal_file *s, bool wait, struct siginfo *info)
{
	if (signal_dequeue(wanted(s), info) != 0)
		return 0;
	if (!wait)
		return -EAGAIN;
	return wait_event(&current_process()->signal_wait, WAIT_INTERRUPTIBLE, DEADLINE_NEVER,
		signal_dequeue(wanted(s), info) != 0);
}

static ssize_t
signal_file_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct signal_file *s = f->priv;
	struct signalfd_siginfo_user out;
	if (to->count < sizeof(out))
		return -EINVAL;
	bool wait = !file_nonblock(f) && !(to->flags & ITER_NOWAIT);
	ssize_t done = 0;
	while (to->count >= sizeof(out)) {
		struct siginfo info;
		int err = take_signal(s, wait && done == 0, &info);
		if (err != 0)
			return done != 0 ? done : err;
		fill(&out, &info);
		if (iter_copy_to(to, &out, sizeof(out)) != sizeof(out))
			return done != 0 ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done;
}

static uint32_t
signal_file_poll(struct file *f, struct poll_table *pt)
{
	struct signal_file *s = f->priv;
	if (pt != NULL)
		link_process(s);
	poll_wait(pt, f, &s->queue);
	return (signal_pending_set() & wanted(s)) != 0 ? POLLIN : 0;
}

static void
signal_file_release(struct file *f)
{
	struct signal_file *s = f->priv;
	for (struct signal_link *l = s->links, *next; l != NULL; l = next) {
		next = l->next;
		link_free(l);
	}
	kfree(s);
}

static const struct file_ops signal_ops = {
	.read = signal_file_read,
	.poll = signal_file_poll,
	.release = signal_file_release,
	.anon_name = "anon_inode:[signalfd]",
};

static int64_t
signal_file_create(sigmask_t mask, uint32_t flags)
{
	struct signal_file *s = kmalloc(sizeof(*s), 0);
	if (s == NULL)
		return -ENOMEM;
	atomic_store_explicit(&s->wanted, mask, memory_order_relaxed);
	wait_queue_init(&s->queue, "signalfd");
	mutex_init(&s->lock, "signalfd");
	s->links = NULL;
	struct file *f = file_create(&signal_ops, s, O_RDWR | (flags & O_NONBLOCK), FILE_STREAM);
	if (f == NULL) {
		kfree(s);
		return -ENOMEM;
	}
	return file_install(f, file_rights_for(O_RDWR), flags);
}

static int64_t
signal_file_change(int fd, sigmask_t mask)
{
	struct file_ref ref;
	int err = file_borrow(fd, 0, &ref);
	if (err != 0)
		return err;
	int64_t result = -EINVAL;
	if (ref.file->ops == &signal_ops) {
		struct signal_file *s = ref.file->priv;
		atomic_store_explicit(&s->wanted, mask, memory_order_relaxed);
		wake_all(&s->queue, POLLIN);
		wake_all(&current_process()->signal_wait, 0);
		result = fd;
	}
	file_return(&ref);
	return result;
}

int64_t
sys_signalfd4(int fd, uaddr_t mask, size_t sigsetsize, uint32_t flags)
{
	if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0 || sigsetsize != sizeof(sigmask_t))
		return -EINVAL;
	sigmask_t set;
	int err = get_user_u64(&set, mask);
	if (err != 0)
		return err;
	set &= ~(SIGMASK(SIGKILL) | SIGMASK(SIGSTOP));
	return fd == -1 ? signal_file_create(set, flags) : signal_file_change(fd, set);
}
