/* SPDX-License-Identifier: MIT */
/*
 * The wall clock and its timers. A wall timer that runs for a moment is on a list, and its timer in some CPU's tree for
 * the monotonic time at which the clock will show that moment. Setting the clock goes over the list and starts each
 * timer anew. That it is on the list is what counts: a timer that fires looks, under the lock, whether it is still
 * wanted and whether the clock shows its moment.
 */
#include "core/wallclock.h"

#include "arch/vdso.h"
#include "core/spinlock.h"

/* The clock must not run over its numbers' end while the machine is up. */
#define UPTIME_MAX ((int64_t)(30 * 365 * 86400 * NSEC_PER_SEC))

static struct spinlock wall_lock = SPINLOCK_INIT("wall_clock");
static _Atomic uint64_t realtime_offset; /* [wall_lock to change] realtime at monotonic time 0 */
static _Atomic uint64_t sets;            /* [wall_lock to change] */
static struct list_node timers = LIST_INIT(timers);   /* [wall_lock] struct wall_timer */
static struct list_node watches = LIST_INIT(watches); /* [wall_lock] struct wall_watch */

uint64_t
time_realtime_offset(void)
{
	return atomic_load_explicit(&realtime_offset, memory_order_relaxed);
}

nsec_t
time_realtime(void)
{
	return time_now() + time_realtime_offset();
}

uint64_t
wall_clock_sets(void)
{
	return atomic_load_explicit(&sets, memory_order_acquire);
}

/* When, in monotonic time, the clock shows a moment if nobody sets it. */
static nsec_t
monotonic_of(nsec_t moment)
{
	uint64_t offset = time_realtime_offset();
	return moment > offset ? moment - offset : 0;
}

/* The lock is held. The offset is not negative: the clock does not show a time before 1970, nor did it at boot. */
static int
set_offset_locked(int64_t offset)
{
	struct wall_timer *t;
	struct wall_watch *w;
	if (offset < 0 || offset > INT64_MAX - UPTIME_MAX)
		return -EINVAL;
	atomic_store_explicit(&realtime_offset, (uint64_t)offset, memory_order_relaxed);
	atomic_fetch_add_explicit(&sets, 1, memory_order_release);
	vdso_update(&time_scale, (uint64_t)offset);
	list_for_each_entry (t, &timers, node)
		timer_start(&t->timer, monotonic_of(t->moment));
	list_for_each_entry (w, &watches, node)
		w->fn(w);
	return 0;
}

int
wall_clock_set(nsec_t now)
{
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	int64_t offset;
	bool over = sub_overflow((int64_t)now, (int64_t)time_now(), &offset);
	int err = over || now > INT64_MAX ? -EINVAL : set_offset_locked(offset);
	spin_unlock_irq_restore(&wall_lock, flags);
	return err;
}

int
wall_clock_step(int64_t by)
{
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	int64_t offset;
	bool over = add_overflow((int64_t)time_realtime_offset(), by, &offset);
	int err = over ? -EINVAL : set_offset_locked(offset);
	spin_unlock_irq_restore(&wall_lock, flags);
	return err;
}

/* Whether a timer that fired is to be told. The clock may have been set back meanwhile, or the timer cancelled. */
static bool
is_due(struct wall_timer *t)
{
	if (!atomic_load_explicit(&t->wall, memory_order_relaxed))
		return true;
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	bool due = !list_empty(&t->node) && time_realtime() >= t->moment;
	if (due) {
		list_del_init(&t->node);
		timer_cancel(&t->timer); /* the clock was set just now */
	} else if (!list_empty(&t->node)) {
		timer_start(&t->timer, monotonic_of(t->moment));
	}
	spin_unlock_irq_restore(&wall_lock, flags);
	return due;
}

static void
fired(struct timer *timer)
{
	struct wall_timer *t = container_of(timer, struct wall_timer, timer);
	if (is_due(t))
		t->fn(t);
}

void
wall_timer_init(struct wall_timer *t, wall_timer_fn *fn)
{
	timer_init(&t->timer, fired);
	list_init(&t->node);
	t->fn = fn;
	t->moment = 0;
	t->wall = false;
}

/* Takes t off the list: from then on setting the clock does not start it. */
static void
forget(struct wall_timer *t)
{
	if (!atomic_load_explicit(&t->wall, memory_order_relaxed))
		return;
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	list_del_init(&t->node);
	spin_unlock_irq_restore(&wall_lock, flags);
}

void
wall_timer_start(struct wall_timer *t, enum time_base base, nsec_t at)
{
	forget(t);
	atomic_store_explicit(&t->wall, base == TIME_WALL, memory_order_relaxed);
	if (base == TIME_MONOTONIC) {
		timer_start(&t->timer, at);
		return;
	}
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	t->moment = at;
	list_add(&timers, &t->node);
	timer_start(&t->timer, monotonic_of(at));
	spin_unlock_irq_restore(&wall_lock, flags);
}

void
wall_timer_cancel(struct wall_timer *t)
{
	forget(t);
	timer_cancel(&t->timer);
}

void
wall_timer_cancel_sync(struct wall_timer *t)
{
	forget(t);
	timer_cancel_sync(&t->timer);
}

void
wall_watch_add(struct wall_watch *w, wall_watch_fn *fn)
{
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	w->fn = fn;
	list_add(&watches, &w->node);
	spin_unlock_irq_restore(&wall_lock, flags);
}

void
wall_watch_remove(struct wall_watch *w)
{
	uint64_t flags = spin_lock_irq_save(&wall_lock);
	list_del(&w->node);
	spin_unlock_irq_restore(&wall_lock, flags);
}
