/* SPDX-License-Identifier: MIT */
/*
 * Reading, writing and polling terminals: who waits, for what, how long.
 *
 * Data passes through a small buffer on the stack, since user memory may fault and the line discipline is under a
 * spin lock. A write that is longer than that, or does not fit, makes its thread the terminal's writer until it is done:
 * what two programs write at once is not mixed within one call.
 */
#include "core/sched.h"
#include "core/timer.h"
#include "dev/tty/internal.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "vfs/poll.h"

#define CHUNK 512

/* Filled before they are used: zeroing them on each call would be most of a short call's work. */
#define UNINITIALIZED __attribute__((uninitialized))

#define NO_LIMIT UINT64_MAX

/* How a read goes on: termios(3), "Canonical and noncanonical mode". */
struct read_rules {
	size_t minimum; /* bytes to wait for */
	nsec_t first;   /* how long to wait for the first byte */
	nsec_t between; /* and for each further one */
};

static struct read_rules
rules_of(struct tty *tty)
{
	uint64_t flags = tty_begin(tty);
	const struct linux_termios *t = &tty->ldisc.termios;
	size_t min_bytes = (t->c_lflag & ICANON) ? 1 : t->c_cc[VMIN];
	nsec_t time = (t->c_lflag & ICANON) ? 0 : t->c_cc[VTIME] * (NSEC_PER_SEC / 10);
	tty_end(tty, flags);
	if (min_bytes == 0)
		return (struct read_rules){1, time, 0};
	return (struct read_rules){min_bytes, NO_LIMIT, time == 0 ? NO_LIMIT : time};
}

/* Moves what is there, at most a chunk. Bytes; 0 at the end of file; -EAGAIN: nothing is there; -EFAULT. */
static ssize_t
read_chunk(const struct tty_file *tf, struct iter *to, bool *ended)
{
	uint8_t buf[CHUNK] UNINITIALIZED;
	struct tty *tty = tf->tty;
	ssize_t n = 0;
	*ended = false;
	uint64_t flags = tty_begin(tty);
	if (likely(!tty_file_is_hung_up(tf)))
		n = ldisc_read(&tty->ldisc, buf, min(to->count, sizeof(buf)), ended);
	tty_end(tty, flags);
	if (n <= 0)
		return n;
	size_t copied = iter_copy_to(to, buf, (size_t)n);
	return copied == 0 ? -EFAULT : (ssize_t)copied;
}

static bool
read_ready(const struct tty_file *tf)
{
	uint64_t flags = tty_begin(tf->tty);
	bool ready = tty_file_is_hung_up(tf) || ldisc_readable(&tf->tty->ldisc, 0);
	tty_end(tf->tty, flags);
	return ready;
}

/* 0: look again; -ETIMEDOUT: the time that VTIME gives is over; -EAGAIN, -ERESTARTSYS. */
static int
wait_for_input(struct file *f, nsec_t limit)
{
	const struct tty_file *tf = f->priv;
	if (limit == 0)
		return -ETIMEDOUT;
	if (file_nonblock(f))
		return -EAGAIN;
	nsec_t deadline = limit == NO_LIMIT ? DEADLINE_NEVER : time_now() + limit;
	return wait_event(&tf->tty->readers, WAIT_INTERRUPTIBLE, deadline, read_ready(tf));
}

static ssize_t
tty_read(struct file *f, struct iter *to, uint64_t *pos)
{
	const struct tty_file *tf = f->priv;
	ssize_t n = tty_check_foreground(tf->tty, SIGTTIN);
	if (n != 0)
		return n;
	struct read_rules rules = rules_of(tf->tty);
	nsec_t limit = rules.first;
	size_t done = 0;
	while (to->count > 0) {
		bool ended;
		size_t asked = min(to->count, (size_t)CHUNK);
		n = read_chunk(tf, to, &ended);
		if (n > 0) {
			done += (size_t)n;
			limit = rules.between;
			if (ended || ((size_t)n < asked && done >= rules.minimum))
				break;
			continue;
		}
		if (n != -EAGAIN || done >= rules.minimum)
			break;
		n = wait_for_input(f, limit);
		if (n != 0)
			break;
	}
	if (done > 0)
		return (ssize_t)done;
	return n == -ETIMEDOUT ? 0 : n;
}

static bool
may_write_locked(struct tty *tty)
{
	const struct thread *writer = atomic_load_explicit(&tty->writer, memory_order_relaxed);
	return writer == NULL || writer == arch_current();
}

/* Writes some of n bytes; *put says how many. more: the call has further ones. -EIO: hung up. */
static int
write_some(const struct tty_file *tf, const uint8_t *bytes, size_t n, bool more, size_t *put)
{
	struct tty *tty = tf->tty;
	int err = 0;
	*put = 0;
	uint64_t flags = tty_begin(tty);
	if (unlikely(tty_file_is_hung_up(tf))) {
		err = -EIO;
	} else if (likely(may_write_locked(tty))) {
		*put = ldisc_write(&tty->ldisc, bytes, n);
		if (*put < n || more)
			atomic_store_explicit(&tty->writer, arch_current(), memory_order_relaxed);
	}
	tty_end(tty, flags);
	return err;
}

static bool
write_ready(const struct tty_file *tf)
{
	struct tty *tty = tf->tty;
	uint64_t flags = tty_begin(tty);
	bool ready =
		tty_file_is_hung_up(tf) || (may_write_locked(tty) && ldisc_writable(&tty->ldisc));
	tty_end(tty, flags);
	return ready;
}

/* Writes n bytes; *done says how many it came to. */
static int
write_chunk(struct file *f, const uint8_t *bytes, size_t n, bool more, size_t *done)
{
	const struct tty_file *tf = f->priv;
	*done = 0;
	for (;;) {
		size_t put;
		int err = write_some(tf, bytes + *done, n - *done, more, &put);
		*done += put;
		if (err != 0 || *done == n)
			return err;
		if (file_nonblock(f))
			return -EAGAIN;
		err = wait_event(
			&tf->tty->writers, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, write_ready(tf));
		if (err != 0)
			return err;
	}
}

/* Only the running thread makes itself the writer, so that it may look without the lock. */
static void
end_writing(struct tty *tty)
{
	if (likely(atomic_load_explicit(&tty->writer, memory_order_relaxed) != arch_current()))
		return;
	uint64_t flags = tty_begin(tty);
	atomic_store_explicit(&tty->writer, NULL, memory_order_relaxed);
	tty_end(tty, flags);
	wake_all(&tty->writers, POLLOUT | POLLWRNORM);
}

/* Writes all of from. Bytes, or why it came to none. */
static ssize_t
write_all(struct file *f, struct iter *from)
{
	uint8_t buf[CHUNK] UNINITIALIZED;
	size_t total = 0, done;
	int err = 0;
	while (from->count > 0 && err == 0) {
		struct iter start = *from;
		size_t n = iter_copy_from(from, buf, min(from->count, sizeof(buf)));
		if (n == 0) {
			err = -EFAULT;
			break;
		}
		bool more = from->count > 0;
		err = write_chunk(f, buf, n, more, &done);
		total += done;
		if (err != 0) {
			*from = start;
			iter_advance(from, done);
		} else if (more) {
			sched_point();
		}
	}
	return total > 0 ? (ssize_t)total : err;
}

static ssize_t
tty_write(struct file *f, struct iter *from, uint64_t *pos)
{
	const struct tty_file *tf = f->priv;
	/* One word, without the lock: a change that comes at the same time comes before or after. */
	if (unlikely(tf->tty->ldisc.termios.c_lflag & TOSTOP)) {
		int err = tty_check_foreground(tf->tty, SIGTTOU);
		if (err != 0)
			return err;
	}
	ssize_t n = write_all(f, from);
	end_writing(tf->tty);
	return n;
}

static uint32_t
tty_poll(struct file *f, struct poll_table *pt)
{
	const struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	uint32_t ready = 0;
	poll_wait(pt, f, &tty->readers);
	poll_wait(pt, f, &tty->writers);
	uint64_t flags = tty_begin(tty);
	if (tty_file_is_hung_up(tf)) {
		ready = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	} else {
		if (ldisc_readable(&tty->ldisc, LDISC_POLL))
			ready |= POLLIN | POLLRDNORM;
		if (may_write_locked(tty) && ldisc_writable(&tty->ldisc))
			ready |= POLLOUT | POLLWRNORM;
	}
	tty_end(tty, flags);
	return ready;
}

static void
tty_release(struct file *f)
{
	struct tty_file *tf = f->priv;
	struct tty *tty = tf->tty;
	mutex_lock(&tty->open_mutex);
	if (--tty->open_count == 0) {
		tty->exclusive = false;
		if (tty->ops->close != NULL)
			tty->ops->close(tty);
	}
	mutex_unlock(&tty->open_mutex);
	tty_put(tty);
	kfree(tf);
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};
