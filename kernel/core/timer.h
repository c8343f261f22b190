/* SPDX-License-Identifier: MIT */
/*
 * Time and timers. Monotonic time is nanoseconds since boot, from the generic timer's virtual counter. Each CPU
 * has a tree of one-shot timers and programs the hardware for the first; an idle CPU has no other interrupt.
 * A timer's function runs in interrupt context, without locks held, on the CPU that the timer was started on; never on
 * two at once: a timer that is started while its function runs stays with the CPU that runs it.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "base/rbtree.h"
#include "core/types.h"

struct cpu;
struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
	struct rb_node node;     /* [cpu->timer_lock] */
	nsec_t deadline;         /* [cpu->timer_lock] */
	timer_fn *fn;            /* [I] */
	struct cpu *_Atomic cpu; /* where it is queued; NULL: not queued */
	struct cpu
		*_Atomic runs_on; /* [its timer_lock to change] where its function runs; NULL: nowhere */
};

static inline void
timer_init(struct timer *t, timer_fn *fn)
{
	*t = (struct timer){.fn = fn};
}

/*
 * (Re)starts t for a deadline in monotonic time, on this CPU or the one that runs its function. Any context; two starts
 * of one timer must not race with each other (its owner's lock sees to that), a start and a cancel may.
 */
void timer_start(struct timer *t, nsec_t deadline);
/* Stops t; returns whether it was queued. Its function may still be running elsewhere. Any context. */
bool timer_cancel(struct timer *t);
/*
 * As timer_cancel(), and waits until the function has returned; what that starts is cancelled too. Not from t's own
 * function, not under its locks. The timer's memory may be freed then, not by its function.
 */
bool timer_cancel_sync(struct timer *t);
void timer_interrupt(void); /* from the timer's interrupt: runs what is due */
void timer_init_cpu(struct cpu *cpu);

nsec_t time_now(void); /* monotonic, nanoseconds since boot */
/*
 * time_now(), but in a softirq the moment at which its round began, some milliseconds ago at most: the packets of a
 * burst do not each read the counter, which may be slow (a virtual machine's may leave the machine for it). For
 * deadlines of seconds and for marks; two CPUs' may be out of order by as much.
 */
nsec_t time_recent(void);
uint64_t time_ticks_to_ns(uint64_t ticks);
/* nanoseconds = (ticks * mult) >> 32, the product in 128 bits; ticks of the virtual counter since boot. */
struct time_scale {
	uint64_t mult;
	uint64_t base_ticks; /* the counter at monotonic time 0 */
	uint64_t frequency;  /* Hz */
};
extern struct time_scale time_scale; /* [I] after boot */

#endif
