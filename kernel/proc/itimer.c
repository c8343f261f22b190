/* SPDX-License-Identifier: MIT */
/*
 * setitimer's three timers, and the watch over CPU time: ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU and POSIX timers on
 * CPU clocks.
 *
 * There is no tick to look at CPU time with. A process that has any such limit has one kernel timer, set to the
 * earliest moment at which the nearest of them could be reached if all its tasks ran; when it fires, the CPU time is
 * looked at and the timer set anew.
 */
#include "abi/linux/time.h"
#include "arch/uaccess.h"
#include "core/cpu.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

#define CPU_LOOK_MIN NSEC_PER_MSEC /* between two looks */

/* Moves a periodic timer past now, or turns a one-shot one off. */
static void
advance(struct interval_timer *it, nsec_t now)
{
	if (it->interval == 0) {
		it->expires = 0;
		return;
	}
	nsec_t missed = now > it->expires ? (now - it->expires) / it->interval : 0;
	it->expires += (missed + 1) * it->interval;
}

static void
real_timer_fired(struct timer *timer)
{
	struct interval_timer *it = container_of(timer, struct interval_timer, timer);
	struct process *p = container_of(it, struct process, itimers[ITIMER_REAL]);
	uint64_t flags = spin_lock_irq_save(&p->lock);
	nsec_t now = time_now();
	if (it->expires != 0 && it->expires <= now) {
		advance(it, now);
		if (it->expires != 0)
			timer_start(timer, max(it->expires, now + NSEC_PER_MSEC / 100));
		signal_send_locked(p, NULL, SIGALRM, NULL, SIG_FROM_KERNEL);
	}
	spin_unlock_irq_restore(&p->lock, flags);
}

/* One of the CPU-time timers; *next gets what is left until the nearest. */
static void
check_cpu_itimer(struct process *p, int which, int sig, uint64_t used, uint64_t *next)
{
	struct interval_timer *it = &p->itimers[which];
	if (it->expires == 0)
		return;
	if (it->expires <= used) {
		advance(it, used);
		signal_send_locked(p, NULL, sig, NULL, SIG_FROM_KERNEL);
	}
	if (it->expires != 0)
		*next = min(*next, it->expires - used);
}

static uint64_t
seconds_to_ns(uint64_t s)
{
	uint64_t ns;
	return mul_overflow(s, NSEC_PER_SEC, &ns) ? UINT64_MAX : ns;
}

/* SIGXCPU at the soft limit and each second from then on; SIGKILL at the hard one. */
static void
check_cpu_limit(struct process *p, uint64_t used, uint64_t *next)
{
	uint64_t hard = seconds_to_ns(p->limits[RLIMIT_CPU].max),
		 soft = seconds_to_ns(p->limits[RLIMIT_CPU].cur);
	if (used >= hard) {
		signal_send_locked(p, NULL, SIGKILL, NULL, SIG_FROM_KERNEL);
		return;
	}
	uint64_t warn = max(soft, p->cpu_warn_ns);
	if (soft != UINT64_MAX && used >= warn) {
		signal_send_locked(p, NULL, SIGXCPU, NULL, SIG_FROM_KERNEL);
		warn = p->cpu_warn_ns = used + NSEC_PER_SEC;
	}
	if (soft != UINT64_MAX)
		*next = min(*next, warn - used);
	if (hard != UINT64_MAX)
		*next = min(*next, hard - used);
}

/* p->lock held. */
static void
look_at_cpu_time(struct process *p)
{
	uint64_t user, next = UINT64_MAX;
	uint64_t total = process_cpu_ns_locked(p, &user);
	check_cpu_itimer(p, ITIMER_VIRTUAL, SIGVTALRM, user, &next);
	check_cpu_itimer(p, ITIMER_PROF, SIGPROF, total, &next);
	check_cpu_limit(p, total, &next);
	posix_timers_check_cpu_locked(p, total, user, &next);
	if (next == UINT64_MAX || p->nr_exiting == p->nr_tasks ||
		(process_flags(p) & PROCESS_EXITING)) {
		timer_cancel(&p->cpu_timer);
		return;
	}
	atomic_fetch_or_explicit(&p->flags, PROCESS_TIMERS_ON, memory_order_relaxed);
	uint64_t running = min((uint64_t)p->nr_tasks, (uint64_t)cpu_count);
	timer_start(&p->cpu_timer, deadline_after(max(next / running, CPU_LOOK_MIN)));
}

static void
cpu_timer_fired(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, cpu_timer);
	uint64_t flags = spin_lock_irq_save(&p->lock);
	look_at_cpu_time(p);
	spin_unlock_irq_restore(&p->lock, flags);
}

void
cpu_timer_rearm(struct process *p)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	look_at_cpu_time(p);
	spin_unlock_irq_restore(&p->lock, flags);
}

void
itimers_init(struct process *p)
{
	timer_init(&p->itimers[ITIMER_REAL].timer, real_timer_fired);
	timer_init(&p->cpu_timer, cpu_timer_fired);
}

void
itimers_stop(struct process *p)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	for (int i = 0; i < ITIMERS; i++)
		p->itimers[i].expires = 0;
	bool cpu = (process_flags(p) & PROCESS_TIMERS_ON) != 0;
	spin_unlock_irq_restore(&p->lock, flags);
	timer_cancel_sync(&p->itimers[ITIMER_REAL].timer);
	if (cpu)
		timer_cancel_sync(&p->cpu_timer);
}

/* What the clock of a timer shows. p->lock held. */
static nsec_t
itimer_now(struct process *p, int which)
{
	uint64_t user, total;
	if (which == ITIMER_REAL)
		return time_now();
	total = process_cpu_ns_locked(p, &user);
	return which == ITIMER_VIRTUAL ? user : total;
}

static void
describe(const struct interval_timer *it, nsec_t now, struct itimerval_user *out)
{
	/* One that is about to fire must not look as if it were off. */
	nsec_t left = it->expires == 0 ? 0 : it->expires > now + 1000 ? it->expires - now : 1000;
	out->value.sec = (int64_t)(left / NSEC_PER_SEC);
	out->value.usec = (int64_t)(left % NSEC_PER_SEC / 1000);
	out->interval.sec = (int64_t)(it->interval / NSEC_PER_SEC);
	out->interval.usec = (int64_t)(it->interval % NSEC_PER_SEC / 1000);
}

static bool
decode(int64_t sec, int64_t usec, nsec_t *out)
{
	struct timespec_user ts = {sec, usec * 1000};
	if (sec < 0 || usec < 0 || usec >= 1000000)
		return false;
	*out = timespec_to_ns(&ts);
	return true;
}

int64_t
sys_getitimer(int which, uaddr_t value)
{
	struct process *p = current_process();
	struct itimerval_user out;
	if (which < 0 || which >= ITIMERS)
		return -EINVAL;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	describe(&p->itimers[which], itimer_now(p, which), &out);
	spin_unlock_irq_restore(&p->lock, flags);
	return copy_to_user(value, &out, sizeof(out));
}

static void
set_locked(struct process *p, int which, nsec_t value, nsec_t interval)
{
	struct interval_timer *it = &p->itimers[which];
	nsec_t now = itimer_now(p, which);
	it->interval = interval;
	if (value == 0 || add_overflow(now, value, &it->expires))
		it->expires = 0;
	if (which != ITIMER_REAL)
		look_at_cpu_time(p);
	else if (it->expires != 0)
		timer_start(&it->timer, it->expires);
	else
		timer_cancel(&it->timer);
}

int64_t
sys_setitimer(int which, uaddr_t new, uaddr_t old)
{
	struct process *p = current_process();
	struct itimerval_user in = {0}, out;
	nsec_t value, interval;
	if (which < 0 || which >= ITIMERS)
		return -EINVAL;
	if (!uaddr_is_null(new) && copy_from_user(&in, new, sizeof(in)) != 0)
		return -EFAULT;
	if (!decode(in.value.sec, in.value.usec, &value) ||
		!decode(in.interval.sec, in.interval.usec, &interval))
		return -EINVAL;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	describe(&p->itimers[which], itimer_now(p, which), &out);
	set_locked(p, which, value, interval);
	spin_unlock_irq_restore(&p->lock, flags);
	return uaddr_is_null(old) ? 0 : copy_to_user(old, &out, sizeof(out));
}
