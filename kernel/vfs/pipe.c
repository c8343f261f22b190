/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs: reading and writing, opening and closing, their size. The ring is pipe_impl.h's.
 */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/signal.h"
#include "syscall_protos.h"
#include "vfs/pipe_impl.h"

#include <string.h>

#define SLOTS_SCARCE  2u /* of whom has had too many */
#define SIZE_MAX_ROOT (1u << 28)
#define FIONREAD      0x541bu
#define PIPE_DEVICE   0xau /* st_dev of pipes without a name */

static const struct file_ops pipe_ops;
static struct slab_cache *pipe_cache;
_Atomic uint32_t pipe_size_max = 1u << 20, pipe_user_soft = 16384, pipe_user_hard;
static _Atomic uint64_t next_ino = 1;

/* FIFOs that are open, by inode. */
#define FIFO_BUCKETS 64u
static struct mutex fifo_lock;
static struct list_node fifos[FIFO_BUCKETS]; /* [fifo_lock] */

void
pipe_init(void)
{
	pipe_cache = slab_cache_create("pipe", sizeof(struct pipe), 0);
	mutex_init(&fifo_lock, "fifo");
	splice_init();
	for (uint32_t i = 0; i < FIFO_BUCKETS; i++)
		list_init(&fifos[i]);
}

void
pipe_realign(struct pipe *p)
{
	mutex_lock(&p->read_lock);
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	if (head == atomic_load_explicit(&p->tail, memory_order_relaxed) && head % PAGE_SIZE != 0) {
		slot_leave(p, slot_at(p, head));
		head = round_up(head, PAGE_SIZE);
		atomic_store_explicit(&p->tail, head, memory_order_release);
		atomic_store_explicit(&p->head, head, memory_order_release);
	}
	mutex_unlock(&p->read_lock);
}

/*
 * Moves what fits, up to want bytes, and publishes it; write_lock is held. Bytes moved, or -EFAULT, -ENOMEM if none
 * were.
 */
static ssize_t
fill(struct pipe *p, struct iter *from, uint64_t want)
{
	const uint64_t start = atomic_load_explicit(&p->head, memory_order_relaxed);
	uint64_t head = start;
	int err = 0;
	while (want != 0) {
		struct pipe_slot *s = slot_at(p, head);
		uint32_t offset = head % PAGE_SIZE;
		if (offset == 0) {
			err = slot_enter(p, s);
			if (unlikely(err != 0))
				break;
		}
		size_t part = min(want, (uint64_t)(PAGE_SIZE - offset));
		size_t copied = iter_copy_from(from, s->data + offset, part);
		head += copied;
		want -= copied;
		if (unlikely(copied != part)) {
			err = -EFAULT;
			break;
		}
	}
	if (unlikely(head == start))
		return err;
	atomic_store_explicit(&p->head, head, memory_order_release);
	return (ssize_t)(head - start);
}

/* As fill(), one packet of n bytes on a page of its own: 0 if there is no room. */
static ssize_t
fill_packet(struct pipe *p, struct iter *from, size_t n)
{
	(void)room_for(p, PIPE_BUF + 1); /* realign if that helps */
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	uint64_t start = round_up(head, PAGE_SIZE);
	if (room(p, start, pipe_tail(p)) < (int64_t)PAGE_SIZE)
		return 0;
	struct pipe_slot *s = slot_at(p, start);
	int err = slot_enter(p, s);
	if (err != 0)
		return err;
	size_t copied = iter_copy_from(from, s->data, n);
	if (copied != n)
		return -EFAULT; /* the head has not moved: nobody saw it */
	if (head != start)
		slot_at(p, head)->end = head % PAGE_SIZE;
	s->end = (uint32_t)n;
	s->flags = SLOT_PACKET;
	atomic_store_explicit(&p->head, start + PAGE_SIZE, memory_order_release);
	return (ssize_t)n;
}

/* One round of a write: bytes moved, 0 if it must wait, or -errno. whole: all of it or nothing. */
static ssize_t
write_some(struct pipe *p, struct file *f, struct iter *from, bool whole)
{
	if (unlikely((file_flags(f) & O_DIRECT) != 0))
		return fill_packet(p, from, min(from->count, (size_t)PIPE_BUF));
	uint64_t free = room_for(p, from->count);
	if (whole && free < from->count)
		return 0;
	return free == 0 ? 0 : fill(p, from, min(free, (uint64_t)from->count));
}

ssize_t
pipe_wait_for_room(struct pipe *p, struct file *f, bool nowait)
{
	if (file_nonblock(f) || nowait)
		return -EAGAIN;
	return wait_event_exclusive(
		&p->wr_wait, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, is_writable(p) || !has_readers(p));
}

/* The next reader, if a writer left enough for both. As pass_room_on(). */
static inline void
pass_data_on(struct pipe *p)
{
	if (unlikely(!list_empty(&p->rd_wait.waiters)) && has_data(p))
		wake_readers(p);
}

static ssize_t __attribute__((noinline))
write_slowly(struct pipe *p, struct file *f, struct iter *from)
{
	const bool whole = from->count <= PIPE_BUF;
	bool waited = false;
	ssize_t done = 0, err = 0;
	while (from->count != 0 && err == 0) {
		mutex_lock(&p->write_lock);
		ssize_t n = likely(has_readers(p)) ? write_some(p, f, from, whole) : -EPIPE;
		mutex_unlock(&p->write_lock);
		if (likely(n > 0)) {
			done += n;
			wake_readers(p);
		} else {
			waited |= n == 0;
			err = n == 0 ? pipe_wait_for_room(p, f, (from->flags & ITER_NOWAIT) != 0)
				     : n;
		}
	}
	if (waited)
		pass_room_on(p);
	if (unlikely(err == -EPIPE))
		signal_send_self(SIGPIPE);
	return done != 0 ? done : err;
}

/*
 * What small writes nearly always are: behind others in a page that has room for it. Bytes, or 0: not so, nothing was
 * done. write_lock is held.
 */
static inline ssize_t
append_to_page(struct pipe *p, const struct file *f, struct iter *from)
{
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	size_t offset = head % PAGE_SIZE, n = from->count;
	if (offset == 0 || n > PAGE_SIZE - offset || (file_flags(f) & O_DIRECT) || !has_readers(p))
		return 0;
	n = iter_copy_from(from, slot_at(p, head)->data + offset, n);
	atomic_store_explicit(&p->head, head + n, memory_order_release);
	return n != 0 ? (ssize_t)n : -EFAULT;
}

static ssize_t
pipe_write(struct file *f, struct iter *from, uint64_t *pos) NO_LOCK_ANALYSIS
{
	struct pipe *p = f->priv;
	if (unlikely(from->count == 0))
		return 0;
	if (unlikely(!mutex_trylock(&p->write_lock)))
		return write_slowly(p, f, from);
	ssize_t n = append_to_page(p, f, from);
	mutex_unlock(&p->write_lock);
	if (n == 0)
		return write_slowly(p, f, from);
	wake_readers(p);
	return n;
}

/* What a read has done so far; page by page. */
struct drain {
	uint64_t head, tail;
	size_t done;
	bool stop; /* a packet's end, or a fault */
};

/* Takes what the page at d->tail has; read_lock is held. */
static inline void
drain_page(struct pipe *p, struct iter *to, struct drain *d)
{
	struct pipe_slot *s = slot_at(p, d->tail);
	uint64_t base = round_down(d->tail, PAGE_SIZE);
	uint32_t offset = (uint32_t)(d->tail - base);
	bool past = d->head - base >= PAGE_SIZE; /* the writer is done with this page */
	uint32_t end = past ? s->end : (uint32_t)(d->head - base);
	size_t part = min((size_t)(end - offset), to->count);
	size_t copied = 0;
	if (likely(part != 0))
		copied = iter_copy_to(to, s->data + offset, part);
	d->done += copied;
	d->tail += copied;
	if (unlikely(copied != part)) {
		d->stop = true;
		return;
	}
	if (past && (offset + copied == end || (s->flags & SLOT_PACKET))) {
		d->stop = (s->flags & SLOT_PACKET) != 0;
		slot_leave(p, s);
		d->tail = base + PAGE_SIZE;
	}
}

/* Moves what is there into the iterator; bytes, or 0 (nothing was there), or -EFAULT. */
static ssize_t
drain(struct pipe *p, struct iter *to)
{
	mutex_lock(&p->read_lock);
	const uint64_t start = atomic_load_explicit(&p->tail, memory_order_relaxed);
	struct drain d = {.head = pipe_head(p), .tail = start};
	while (d.tail != d.head && to->count != 0 && !d.stop)
		drain_page(p, to, &d);
	if (d.tail != start)
		atomic_store_explicit(&p->tail, d.tail, memory_order_release);
	mutex_unlock(&p->read_lock);
	tell_writers(p, start);
	return d.done != 0 ? (ssize_t)d.done : d.stop ? -EFAULT : 0;
}

/* Waits until there is data or no writer. 0: look again; or -errno. */
static ssize_t
wait_for_data(struct pipe *p, struct file *f, const struct iter *to)
{
	if (file_nonblock(f) || (to->flags & ITER_NOWAIT))
		return -EAGAIN;
	return wait_event_exclusive(
		&p->rd_wait, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, has_data(p) || !has_writers(p));
}

static ssize_t __attribute__((noinline))
read_slowly(struct pipe *p, struct file *f, struct iter *to)
{
	ssize_t n = 0;
	bool waited = false;
	do {
		if (has_data(p)) {
			n = drain(p, to);
		} else if (has_writers(p)) {
			waited = true;
			n = wait_for_data(p, f, to);
		} else if (!has_data(p)) { /* looked at after the last writer went */
			break;
		}
	} while (n == 0);
	if (waited)
		pass_data_on(p);
	return n;
}

/*
 * What small reads nearly always are: from a page that the writer still stands in. Bytes, or 0: not so, nothing was
 * done. read_lock is held.
 */
static inline ssize_t
take_from_page(struct pipe *p, struct iter *to)
{
	uint64_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
	uint64_t head = pipe_head(p);
	size_t offset = tail % PAGE_SIZE;
	if (head == tail || head - (tail - offset) >= PAGE_SIZE)
		return 0;
	size_t n = min((size_t)(head - tail), to->count);
	n = iter_copy_to(to, slot_at(p, tail)->data + offset, n);
	atomic_store_explicit(&p->tail, tail + n, memory_order_release);
	return n != 0 ? (ssize_t)n : -EFAULT;
}

static ssize_t
pipe_read(struct file *f, struct iter *to, uint64_t *pos) NO_LOCK_ANALYSIS
{
	struct pipe *p = f->priv;
	if (unlikely(to->count == 0))
		return 0;
	if (!has_data(p) || unlikely(!mutex_trylock(&p->read_lock)))
		return read_slowly(p, f, to);
	uint64_t before = atomic_load_explicit(&p->tail, memory_order_relaxed);
	ssize_t n = take_from_page(p, to);
	mutex_unlock(&p->read_lock);
	if (n == 0)
		return read_slowly(p, f, to);
	tell_writers(p, before);
	return n;
}

bool
pipe_has_writers(const struct file *f)
{
	return has_writers(f->priv);
}

bool
pipe_has_readers(const struct file *f)
{
	return has_readers(f->priv);
}

bool
pipe_same(const struct file *a, const struct file *b)
{
	return a->priv == b->priv;
}

static uint32_t
pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->priv;
	uint32_t mode = file_flags(f) & O_ACCMODE, ready = 0;
	if (mode != O_WRONLY)
		poll_wait(pt, f, &p->rd_wait);
	if (mode != O_RDONLY)
		poll_wait(pt, f, &p->wr_wait);
	if (mode != O_WRONLY) {
		bool open = has_writers(p);
		if (has_data(p))
			ready |= POLLIN | POLLRDNORM;
		/* A FIFO's reader that came first has seen no writer go yet: pos is w_opened as it found it. */
		if (!open && f->pos != atomic_load_explicit(&p->w_opened, memory_order_relaxed))
			ready |= POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (is_writable(p))
			ready |= POLLOUT | POLLWRNORM;
		if (!has_readers(p))
			ready |= POLLERR;
	}
	return ready;
}

/* Bytes that reads would give. */
static uint64_t
bytes_inside(struct pipe *p)
{
	mutex_lock(&p->write_lock);
	mutex_lock(&p->read_lock);
	uint64_t head = p->head, tail = p->tail, n = 0;
	while (tail != head) {
		uint64_t base = round_down(tail, PAGE_SIZE);
		if (head - base < PAGE_SIZE) {
			n += head - tail;
			break;
		}
		n += slot_at(p, tail)->end - (tail - base);
		tail = base + PAGE_SIZE;
	}
	mutex_unlock(&p->read_lock);
	mutex_unlock(&p->write_lock);
	return n;
}

static int64_t
pipe_ioctl(struct file *f, uint32_t cmd, uint64_t arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user_u32((uaddr_t){arg}, (uint32_t)bytes_inside(f->priv));
}

static int
pipe_getattr(struct file *f, struct kstat *st)
{
	const struct pipe *p = f->priv;
	*st = (struct kstat){
		.dev = PIPE_DEVICE,
		.ino = p->ino,
		.mode = S_IFIFO | 0600,
		.nlink = 1,
		.uid = p->uid,
		.gid = p->gid,
		.blksize = PAGE_SIZE,
		.atime = p->created,
		.mtime = p->created,
		.ctime = p->created,
		.btime = p->created,
	};
	return 0;
}

/* Counts pages of pipes for or against a user; how many there are then. */
static uint32_t
account_pages(struct user_account *a, int32_t n)
{
	return atomic_fetch_add_explicit(&a->nr_pipe_pages, (uint32_t)n, memory_order_relaxed) +
		(uint32_t)n;
}

/* Whether so many pages of pipes are too many for the running task's user by this limit (0: none). */
static bool
exceeds(uint32_t pages, const _Atomic uint32_t *limit)
{
	uint32_t max = atomic_load_explicit((_Atomic uint32_t *)limit, memory_order_relaxed);
	return max != 0 && pages > max && !cred_can(current_cred(), LINUX_CAP_SYS_RESOURCE);
}

static void
pipe_destroy(struct pipe *p)
{
	uint32_t n = pipe_slots(p);
	for (uint32_t i = 0; i < n; i++) {
		if (p->slots[i].data != NULL)
			page_put(virt_to_page(p->slots[i].data));
	}
	if (p->spare != NULL)
		page_put(virt_to_page(p->spare));
	if (p->slots != p->inline_slots)
		kvfree(p->slots);
	account_pages(p->account, -(int32_t)n);
	user_account_put(p->account);
	slab_free(pipe_cache, p);
}

static void
pipe_put(struct pipe *p)
{
	if (p->fifo == NULL) {
		if (refcount_put(&p->files))
			pipe_destroy(p);
		return;
	}
	mutex_lock(&fifo_lock);
	bool last = refcount_put(&p->files);
	if (last)
		list_del(&p->fifo_node);
	mutex_unlock(&fifo_lock);
	if (last)
		pipe_destroy(p);
}

/* One opening less of the ends that mode names. The last of a kind is news for the other side. */
static void
close_ends(struct pipe *p, uint32_t mode)
{
	const uint32_t all = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	if (mode != O_WRONLY &&
		atomic_fetch_sub_explicit(&p->readers, 1, memory_order_acq_rel) == 1)
		wake_all(&p->wr_wait, all);
	if (mode != O_RDONLY &&
		atomic_fetch_sub_explicit(&p->writers, 1, memory_order_acq_rel) == 1)
		wake_all(&p->rd_wait, all);
}

static void
pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	close_ends(p, file_flags(f) & O_ACCMODE);
	pipe_put(p);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.send_pages = pipe_send_pages,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.getattr = pipe_getattr,
	.release = pipe_release,
	.anon_name = "pipe",
};

/* FIFOs have an inode, which says what they are. */
static const struct file_ops fifo_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.send_pages = pipe_send_pages,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

bool
file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_ops || f->ops == &fifo_ops;
}

/* How many slots a new pipe of the running task's gets, counted; 0: its user has had all it may. */
static uint32_t
first_slots(struct user_account *a)
{
	uint32_t n = SLOTS_DEFAULT;
	if (!cred_can(current_cred(), LINUX_CAP_SYS_RESOURCE))
		n = min(n,
			atomic_load_explicit(&pipe_size_max, memory_order_relaxed) /
				(uint32_t)PAGE_SIZE);
	uint32_t total = account_pages(a, (int32_t)n);
	if (n > SLOTS_SCARCE && exceeds(total, &pipe_user_soft)) {
		total = account_pages(a, (int32_t)SLOTS_SCARCE - (int32_t)n);
		n = SLOTS_SCARCE;
	}
	if (!exceeds(total, &pipe_user_hard))
		return n;
	account_pages(a, -(int32_t)n);
	return 0;
}

/* -ENOMEM, -ENFILE: the user's pipes hold too much already. */
static int
pipe_create(const struct inode *fifo, struct pipe **out)
{
	struct pipe *p = slab_alloc(pipe_cache, KM_ZERO);
	if (p == NULL)
		return -ENOMEM;
	struct user_account *a = current_cred()->account;
	uint32_t n = first_slots(a);
	if (n == 0) {
		slab_free(pipe_cache, p);
		return -ENFILE;
	}
	refcount_get(&a->refs);
	p->account = a;
	atomic_store_explicit(&p->nr_slots, n, memory_order_relaxed);
	p->slots = p->inline_slots;
	mutex_init(&p->read_lock, "pipe.read");
	mutex_init(&p->write_lock, "pipe.write");
	wait_queue_init(&p->rd_wait, "pipe.readers");
	wait_queue_init(&p->wr_wait, "pipe.writers");
	wait_queue_init(&p->open_wait, "pipe.open");
	refcount_init(&p->files, 1);
	p->fifo = fifo;
	p->ino = atomic_fetch_add_explicit(&next_ino, 1, memory_order_relaxed);
	const struct cred *c = vfs_cred();
	p->uid = c->fsuid;
	p->gid = c->fsgid;
	ktime_now(&p->created);
	*out = p;
	return 0;
}

/* A pipe's two ends, one reference each. */
static int
pipe_open_pair(uint32_t flags, struct file *ends[2])
{
	struct pipe *p;
	int err = pipe_create(NULL, &p);
	if (err != 0)
		return err;
	uint32_t status = flags & (O_NONBLOCK | O_DIRECT);
	ends[0] = file_create(&pipe_ops, p, O_RDONLY | status, FILE_STREAM | FILE_SIGIO);
	ends[1] = file_create(&pipe_ops, p, O_WRONLY | status, FILE_STREAM | FILE_SIGIO);
	if (ends[0] == NULL || ends[1] == NULL) {
		for (int i = 0; i < 2; i++) {
			if (ends[i] != NULL)
				file_free(ends[i]);
		}
		pipe_destroy(p);
		return -ENOMEM;
	}
	refcount_init(&p->files, 2);
	p->readers = p->writers = p->r_opened = p->w_opened = 1;
	return 0;
}

int64_t
sys_pipe2(uaddr_t fds, uint32_t flags)
{
	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	struct file *ends[2];
	int err = pipe_open_pair(flags, ends);
	if (err != 0)
		return err;
	struct handle_table *t = current_task()->handles;
	uint32_t limit = handle_limit();
	int fd[2] = {handle_reserve(t, 0, limit), -1};
	err = fd[0];
	if (fd[0] < 0)
		goto put;
	fd[1] = handle_reserve(t, 0, limit);
	err = fd[1];
	if (fd[1] < 0)
		goto unreserve_0;
	err = copy_to_user(fds, fd, sizeof(fd));
	if (err != 0)
		goto unreserve_1;
	uint32_t handle_flags = (flags & O_CLOEXEC) ? HANDLE_CLOEXEC : 0;
	handle_install(t, fd[0], &ends[0]->obj, file_rights_for(O_RDONLY), handle_flags);
	handle_install(t, fd[1], &ends[1]->obj, file_rights_for(O_WRONLY), handle_flags);
	return 0;

unreserve_1:
	handle_unreserve(t, fd[1]);
unreserve_0:
	handle_unreserve(t, fd[0]);
put:
	file_put(ends[0]);
	file_put(ends[1]);
	return err;
}

/* The pipe behind a FIFO's inode, with a reference for a file; fifo_lock is held. As pipe_create(). */
static int
fifo_get(const struct inode *inode, struct pipe **out)
{
	struct list_node *bucket = &fifos[((uintptr_t)inode / sizeof(*inode)) % FIFO_BUCKETS];
	struct pipe *p;
	list_for_each_entry (p, bucket, fifo_node) {
		if (p->fifo == inode) {
			refcount_get(&p->files);
			*out = p;
			return 0;
		}
	}
	int err = pipe_create(inode, out);
	if (err == 0)
		list_add(bucket, &(*out)->fifo_node);
	return err;
}

/*
 * Counts the ends that mode opens; fifo_lock is held. *other is how often the side that it may wait for had been
 * opened. 0; 1: there is nobody on that side; -ENXIO: that, to a writer that does not wait.
 */
static int
fifo_join(struct pipe *p, uint32_t mode, bool nonblock, uint32_t *other)
{
	*other = mode == O_RDONLY ? p->w_opened : p->r_opened;
	if (mode == O_WRONLY && nonblock && p->readers == 0)
		return -ENXIO;
	if (mode != O_WRONLY) {
		p->readers++;
		p->r_opened++;
	}
	if (mode != O_RDONLY) {
		p->writers++;
		p->w_opened++;
	}
	return mode == O_RDONLY ? p->writers == 0 : p->readers == 0;
}

/* Waits until the other side has been opened once more than `other`. */
static int
fifo_wait(struct pipe *p, uint32_t mode, uint32_t other)
{
	const _Atomic uint32_t *opened = mode == O_RDONLY ? &p->w_opened : &p->r_opened;
	return wait_event(&p->open_wait, WAIT_INTERRUPTIBLE, DEADLINE_NEVER,
		atomic_load_explicit((_Atomic uint32_t *)opened, memory_order_acquire) != other);
}

int
fifo_open(struct inode *inode, struct file *f)
{
	uint32_t mode = file_flags(f) & O_ACCMODE, other;
	if (mode == O_ACCMODE)
		return -EINVAL;
	bool nonblock = file_nonblock(f);
	mutex_lock(&fifo_lock);
	struct pipe *p;
	int alone = 0, none = fifo_get(inode, &p);
	if (none == 0)
		alone = fifo_join(p, mode, nonblock, &other);
	mutex_unlock(&fifo_lock);
	if (none != 0)
		return none;
	if (alone < 0) {
		pipe_put(p);
		return alone;
	}
	wake_all(&p->open_wait, 0);
	uint64_t seen = 0;
	if (alone && mode == O_RDONLY && nonblock)
		seen = other;
	else if (alone) {
		int err = fifo_wait(p, mode, other);
		if (err != 0) {
			close_ends(p, mode);
			pipe_put(p);
			return err;
		}
	}
	f->ops = &fifo_ops;
	f->priv = p;
	f->kind = (f->kind & ~FILE_SEEKABLE) | FILE_STREAM | FILE_SIGIO;
	f->pos = seen;
	return 0;
}

/* Slots for a size in bytes, or 0 if it is none. */
static uint32_t
slots_for(uint64_t size)
{
	if (size > 1u << 31)
		return 0;
	uint32_t n = 1;
	while (n * PAGE_SIZE < size)
		n *= 2;
	return n;
}

/* Puts the pages in use into new slots and frees the rest; both locks are held. Returns the old slots. */
static struct pipe_slot *
move_slots(struct pipe *p, struct pipe_slot *slots, uint32_t n)
{
	uint64_t first = p->tail / PAGE_SIZE, end = (p->head + PAGE_SIZE - 1) / PAGE_SIZE;
	for (uint64_t at = first; at < end; at++) {
		struct pipe_slot *old = slot_at(p, at * PAGE_SIZE);
		slots[at & (n - 1)] = *old;
		old->data = NULL;
	}
	for (uint32_t i = 0; i < pipe_slots(p); i++) {
		if (p->slots[i].data != NULL)
			page_put(virt_to_page(p->slots[i].data));
	}
	struct pipe_slot *old = p->slots;
	p->slots = slots;
	atomic_store_explicit(&p->nr_slots, n, memory_order_relaxed);
	return old;
}

/* Counts what a pipe of n slots holds instead; both locks are held. -EPERM: too much; -EBUSY: it does not fit. */
static int
charge_resize(struct pipe *p, uint32_t n)
{
	uint64_t used = (p->head + PAGE_SIZE - 1) / PAGE_SIZE - p->tail / PAGE_SIZE;
	int32_t more = (int32_t)(n - pipe_slots(p));
	if (used > n)
		return -EBUSY;
	uint32_t total = account_pages(p->account, more);
	if (more <= 0 || (!exceeds(total, &pipe_user_soft) && !exceeds(total, &pipe_user_hard)))
		return 0;
	account_pages(p->account, -more);
	return -EPERM;
}

static int64_t
pipe_resize(struct pipe *p, uint64_t size)
{
	uint32_t n = slots_for(size);
	if (n == 0)
		return -EINVAL;
	uint64_t bytes = (uint64_t)n * PAGE_SIZE;
	uint32_t max = atomic_load_explicit(&pipe_size_max, memory_order_relaxed);
	if (n > pipe_slots(p) && bytes > max &&
		(!cred_can(current_cred(), LINUX_CAP_SYS_RESOURCE) || bytes > SIZE_MAX_ROOT))
		return -EPERM;
	struct pipe_slot *slots = kvmalloc(n * sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	mutex_lock(&p->write_lock);
	mutex_lock(&p->read_lock);
	int err = charge_resize(p, n);
	if (err == 0)
		slots = move_slots(p, slots, n);
	mutex_unlock(&p->read_lock);
	mutex_unlock(&p->write_lock);
	if (slots != p->inline_slots)
		kvfree(slots);
	if (err != 0)
		return err;
	wake_all(&p->wr_wait, POLLOUT | POLLWRNORM);
	return (int64_t)bytes;
}

int64_t
pipe_fcntl(struct file *f, uint32_t cmd, uint64_t arg)
{
	if (!file_is_pipe(f))
		return -EBADF;
	struct pipe *p = f->priv;
	if (cmd == F_GETPIPE_SZ)
		return (int64_t)pipe_slots(p) * (int64_t)PAGE_SIZE;
	return pipe_resize(p, arg);
}
