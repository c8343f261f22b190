/* SPDX-License-Identifier: MIT */
/*
 * Timers as files (timerfd_*): reading takes how often one has expired since it was read or set.
 *
 * The hardware timer runs for the next expiry only; what an interval adds while nobody reads is computed when
 * somebody looks, so that a short interval costs nothing. Absolute times on the wall clock stay that when it is set;
 * with TFD_TIMER_CANCEL_ON_SET, reading then fails with ECANCELED, once each time that the clock was set.
 */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/cred.h"
#include "proc/task.h"
#include "proc/time.h"
#include "syscall_protos.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define TFD_TIMER_ABSTIME       1u
#define TFD_TIMER_CANCEL_ON_SET 2u

struct timer_file {
	struct spinlock lock; /* irq-safe */
	struct wall_timer timer;
	enum time_base
		base; /* [lock] what deadline is counted on: the wall clock only if it is absolute */
	uint32_t clock; /* [I] */
	bool cancels;   /* [lock] TFD_TIMER_CANCEL_ON_SET holds */
	bool watched;   /* [lock] watch is in use, until the file goes */
	struct wall_watch watch;
	uint64_t sets; /* [lock] wall_clock_sets(), as far as it has been told */
	bool expired; /* [lock] deadline has passed and is not yet counted in ticks beyond the first */
	uint64_t ticks;  /* [lock] expiries to be read */
	nsec_t deadline; /* [lock] of the next expiry, or the last if expired; 0: off */
	nsec_t interval; /* [lock] 0: once */
	struct wait_queue queue;
};

static const struct file_ops timer_ops;

static void
timer_fired(struct wall_timer *timer)
{
	struct timer_file *t = container_of(timer, struct timer_file, timer);
	uint64_t irq = spin_lock_irq_save(&t->lock);
	/* It may have been set anew while this waited for the lock. */
	bool due = t->deadline != 0 && !t->expired && time_on(t->base) >= t->deadline;
	if (due) {
		t->ticks++;
		t->expired = true;
	}
	spin_unlock_irq_restore(&t->lock, irq);
	if (due)
		wake_all(&t->queue, POLLIN);
}

/* Counts the intervals that have passed since an expiry and starts the timer for the next; the lock is held. */
static void
go_on_locked(struct timer_file *t)
{
	if (!t->expired)
		return;
	t->expired = false;
	if (t->interval == 0) {
		t->deadline = 0;
		return;
	}
	nsec_t now = time_on(t->base);
	uint64_t missed = now > t->deadline ? (now - t->deadline) / t->interval : 0;
	t->ticks += missed;
	if (add_overflow(t->deadline, (missed + 1) * t->interval, &t->deadline))
		t->deadline = DEADLINE_NEVER;
	wall_timer_start(&t->timer, t->base, t->deadline);
}

/* The wall clock was set: who reads or polls may have to be told. */
static void
clock_was_set(struct wall_watch *w)
{
	wake_all(&container_of(w, struct timer_file, watch)->queue, POLLIN);
}

static bool
is_cancelled_locked(const struct timer_file *t)
{
	return t->cancels && t->sets != wall_clock_sets();
}

/* Whether a read has something to return: *ticks, or *err for a clock that was set. An expired timer then stays off. */
static bool
take_ticks(struct timer_file *t, uint64_t *ticks, int *err)
{
	uint64_t irq = spin_lock_irq_save(&t->lock);
	*err = is_cancelled_locked(t) ? -ECANCELED : 0;
	if (*err != 0) {
		t->sets = wall_clock_sets();
		t->ticks = 0;
		if (t->expired)
			t->deadline = 0;
		t->expired = false;
	}
	if (t->ticks != 0)
		go_on_locked(t);
	*ticks = t->ticks;
	t->ticks = 0;
	spin_unlock_irq_restore(&t->lock, irq);
	return *ticks != 0 || *err != 0;
}

static ssize_t
timer_file_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct timer_file *t = f->priv;
	uint64_t ticks;
	int cancelled;
	if (to->count < sizeof(ticks))
		return -EINVAL;
	if (!take_ticks(t, &ticks, &cancelled)) {
		if (file_nonblock(f) || (to->flags & ITER_NOWAIT))
			return -EAGAIN;
		int err = wait_event_exclusive(&t->queue, WAIT_INTERRUPTIBLE, DEADLINE_NEVER,
			take_ticks(t, &ticks, &cancelled));
		if (err != 0)
			return err;
	}
	if (cancelled != 0)
		return cancelled;
	return iter_copy_to(to, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks)
									: -EFAULT;
}

static uint32_t
timer_file_poll(struct file *f, struct poll_table *pt)
{
	struct timer_file *t = f->priv;
	poll_wait(pt, f, &t->queue);
	uint64_t irq = spin_lock_irq_save(&t->lock);
	bool readable = t->ticks != 0 || is_cancelled_locked(t);
	spin_unlock_irq_restore(&t->lock, irq);
	return readable ? POLLIN : 0;
}

static void
timer_file_release(struct file *f)
{
	struct timer_file *t = f->priv;
	if (t->watched)
		wall_watch_remove(&t->watch);
	wall_timer_cancel_sync(&t->timer);
	kfree(t);
}

static const struct file_ops timer_ops = {
	.read = timer_file_read,
	.poll = timer_file_poll,
	.release = timer_file_release,
	.anon_name = "anon_inode:[timerfd]",
};

static int
check_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return cred_can(current_cred(), LINUX_CAP_WAKE_ALARM) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

int64_t
sys_timerfd_create(int clock, uint32_t flags)
{
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	int err = check_clock(clock);
	if (err != 0)
		return err;
	struct timer_file *t = kmalloc(sizeof(*t), KM_ZERO);
	if (t == NULL)
		return -ENOMEM;
	spin_init(&t->lock, "timerfd");
	wall_timer_init(&t->timer, timer_fired);
	t->sets = wall_clock_sets();
	t->clock = (uint32_t)clock;
	wait_queue_init(&t->queue, "timerfd_queue");
	struct file *f = file_create(&timer_ops, t, O_RDWR | (flags & O_NONBLOCK), FILE_STREAM);
	if (f == NULL) {
		kfree(t);
		return -ENOMEM;
	}
	return file_install(f, file_rights_for(O_RDWR), flags);
}

/* Takes over the value of settime, but for starting the timer; the lock is held. */
static void
set_value_locked(struct timer_file *t, const struct timespec_user *value, uint32_t flags)
{
	bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
	bool wall = t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
	nsec_t ns = timespec_to_ns(value);
	t->base = absolute && wall ? TIME_WALL : TIME_MONOTONIC;
	t->cancels = absolute && wall && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
	t->deadline = ns == 0 || absolute ? ns : deadline_after(ns);
	t->ticks = 0;
	t->expired = false;
	if (t->cancels && !t->watched) {
		t->watched = true;
		wall_watch_add(&t->watch, clock_was_set);
	}
}

static struct itimerspec_user
current_value_locked(struct timer_file *t)
{
	go_on_locked(t);
	nsec_t now = time_on(t->base), left = 0;
	if (t->deadline != 0)
		left = t->deadline > now ? t->deadline - now : 1;
	return (struct itimerspec_user){
		.interval = ns_to_timespec(t->interval), .value = ns_to_timespec(left)};
}

static struct timer_file *
timer_file_of(const struct file *f)
{
	return f->ops == &timer_ops ? f->priv : NULL;
}

int64_t
sys_timerfd_settime(struct file *f, uint32_t flags, uaddr_t new, uaddr_t old)
{
	struct itimerspec_user set, was;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	int err = copy_from_user(&set, new, sizeof(set));
	if (err != 0)
		return err;
	struct timer_file *t = timer_file_of(f);
	if (t == NULL || !timespec_valid(&set.interval) || !timespec_valid(&set.value))
		return -EINVAL;
	uint64_t irq = spin_lock_irq_save(&t->lock);
	was = current_value_locked(t);
	wall_timer_cancel(&t->timer);
	set_value_locked(t, &set.value, flags);
	t->interval = timespec_to_ns(&set.interval);
	if (t->deadline != 0) {
		wall_timer_start(&t->timer, t->base, t->deadline);
		if (is_cancelled_locked(t)) {
			t->sets = wall_clock_sets(); /* set since the file or its last ECANCELED */
			err = -ECANCELED;
		}
	}
	spin_unlock_irq_restore(&t->lock, irq);
	if (err != 0)
		return err;
	return uaddr_is_null(old) ? 0 : copy_to_user(old, &was, sizeof(was));
}

int64_t
sys_timerfd_gettime(struct file *f, uaddr_t value)
{
	struct timer_file *t = timer_file_of(f);
	if (t == NULL)
		return -EINVAL;
	uint64_t irq = spin_lock_irq_save(&t->lock);
	struct itimerspec_user now = current_value_locked(t);
	spin_unlock_irq_restore(&t->lock, irq);
	return copy_to_user(value, &now, sizeof(now));
}
