/* SPDX-License-Identifier: MIT */
/*
 * POSIX timers: timer_create and its kin.
 *
 * A timer that has fired and queued its signal is not set again before that signal is taken (posix_timer_requeue()):
 * the periods that went by meanwhile are its overrun count. So no period is too short to be harmless.
 * A timer counts against its maker's RLIMIT_SIGPENDING as long as it lives, and its signal does not.
 * A queued signal refers to its timer, which thus outlives its deletion. Fields are under the process's lock.
 */
#include "abi/linux/time.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

struct posix_timer {
	refcount_t refs;              /* the process's list, queued signals, a call in progress */
	struct list_node node;        /* [lock] process->posix_timers */
	struct process *process;      /* [I] plain: it deletes its timers before it goes */
	struct user_account *account; /* [I] referenced: who is charged for it */
	int32_t id;                   /* [I] */
	int clock;                    /* [I] */
	int notify, signo;            /* [I] SIGEV_* */
	uint64_t value;               /* [I] sigev_value */
	struct task *task; /* [I] SIGEV_THREAD_ID, or whose CPU time it is; referenced; or NULL */
	struct wall_timer timer; /* for clocks that go by themselves */
	enum time_base
		base; /* [lock] what its setting is counted on: the wall clock only if it is absolute */
	nsec_t expires;  /* [lock] on its CPU clock or base; 0: off */
	nsec_t interval; /* [lock] */
	int32_t overrun; /* [lock] of the last signal taken */
	bool queued;     /* [lock] a signal is on its way */
	bool deleted;    /* [lock] */
};

static struct slab_cache *timer_cache;

void
posix_timer_get(struct posix_timer *t)
{
	refcount_get(&t->refs);
}

/* Any context but for the last reference's task, which is dropped when the timer is deleted. */
void
posix_timer_put(struct posix_timer *t)
{
	if (!refcount_put(&t->refs))
		return;
	signal_uncharge(t->account);
	slab_free(timer_cache, t);
}

static bool
is_cpu_clock(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static bool
is_thread_clock(int clock)
{
	return clock == CLOCK_THREAD_CPUTIME_ID || (clock < 0 && (clock & CPUCLOCK_PER_THREAD));
}

static bool
is_real_clock(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

/* The moment on the timer's clock. p->lock held. */
static nsec_t
timer_now(const struct posix_timer *t)
{
	uint64_t user;
	if (!is_cpu_clock(t->clock))
		return time_on(t->base);
	if (is_thread_clock(t->clock))
		return t->task != NULL ? sched_runtime(&t->task->thread) : 0;
	return process_cpu_ns_locked(t->process, &user);
}

/* Moves a period past now; returns how many others went by. */
static uint64_t
move_on(struct posix_timer *t, nsec_t now)
{
	if (t->interval == 0) {
		t->expires = 0;
		return 0;
	}
	uint64_t missed = now > t->expires ? (now - t->expires) / t->interval : 0;
	t->expires += (missed + 1) * t->interval;
	return missed;
}

static void
arm(struct posix_timer *t)
{
	if (!is_cpu_clock(t->clock) && t->expires != 0)
		wall_timer_start(&t->timer, t->base, t->expires);
}

/* It is due; p->lock held. */
static void
expire(struct posix_timer *t, nsec_t now)
{
	struct process *p = t->process;
	if (t->notify == SIGEV_NONE) {
		move_on(t, now);
		arm(t);
		return;
	}
	if (t->queued)
		return;
	struct siginfo info = {
		.signo = t->signo, .code = SI_TIMER, .pid = t->id, .value = t->value};
	struct task *to = t->notify == SIGEV_THREAD_ID ? t->task : NULL;
	t->queued = signal_send_timer_locked(p, to, t, &info);
	if (t->queued)
		return;
	/* Nobody wants it now: look again a period later, but not all the time. */
	move_on(t, now);
	if (t->expires != 0) {
		t->expires = max(t->expires, now + NSEC_PER_MSEC);
		arm(t);
	}
}

static void
timer_fired(struct wall_timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, timer);
	struct process *p = t->process;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	nsec_t now = timer_now(t);
	if (!t->deleted && t->expires != 0 && t->expires <= now)
		expire(t, now);
	spin_unlock_irq_restore(&p->lock, flags);
}

/* The timer's signal is being taken; p->lock held. */
void
posix_timer_requeue(struct posix_timer *t, struct siginfo *info)
{
	t->queued = false;
	if (t->deleted || t->expires == 0)
		return;
	uint64_t missed = move_on(t, timer_now(t));
	t->overrun = (int32_t)min(missed, (uint64_t)INT32_MAX);
	info->uid = (uint32_t)t->overrun;
	arm(t);
}

bool
posix_timers_check_cpu_locked(struct process *p, uint64_t total, uint64_t user, uint64_t *next)
{
	struct posix_timer *t;
	bool any = false;
	list_for_each_entry (t, &p->posix_timers, node) {
		if (!is_cpu_clock(t->clock) || t->expires == 0)
			continue;
		any = true;
		nsec_t now = timer_now(t);
		if (t->expires <= now)
			expire(t, now);
		if (t->expires != 0)
			*next = min(*next, t->expires > now ? t->expires - now : NSEC_PER_MSEC);
	}
	return any;
}

static struct posix_timer *
find_locked(struct process *p, int id)
{
	struct posix_timer *t;
	list_for_each_entry (t, &p->posix_timers, node)
		if (t->id == id)
			return t;
	return NULL;
}

/* Off the list already. */
static void
dispose(struct posix_timer *t)
{
	wall_timer_cancel_sync(&t->timer);
	if (t->task != NULL)
		task_put(t->task);
	t->task = NULL;
	posix_timer_put(t);
}

void
posix_timers_delete_all(struct process *p)
{
	while (!list_empty(&p->posix_timers)) {
		uint64_t flags = spin_lock_irq_save(&p->lock);
		struct posix_timer *t =
			list_first_entry(&p->posix_timers, struct posix_timer, node);
		list_del(&t->node);
		t->deleted = true;
		t->expires = 0;
		spin_unlock_irq_restore(&p->lock, flags);
		dispose(t);
	}
}

/* The task that a timer is about: SIGEV_THREAD_ID's, or the caller for its CPU clock. Referenced; -EINVAL. */
static int
timer_task(int clock, const struct sigevent_user *ev, struct task **out)
{
	*out = NULL;
	if (ev->notify == SIGEV_THREAD_ID) {
		*out = task_find(ev->tid);
		if (*out == NULL || (*out)->process != current_process()) {
			if (*out != NULL)
				task_put(*out);
			return -EINVAL;
		}
	} else if (is_thread_clock(clock)) {
		*out = current_task();
		task_get(*out);
	}
	return 0;
}

static int
check_event(const struct sigevent_user *ev)
{
	if (ev->notify != SIGEV_SIGNAL && ev->notify != SIGEV_NONE && ev->notify != SIGEV_THREAD &&
		ev->notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (ev->notify != SIGEV_NONE && (ev->signo < 1 || ev->signo > NSIG))
		return -EINVAL;
	return 0;
}

/* A timer that is on no list yet. -EINVAL; -EAGAIN: no memory, or the caller's limit is reached. */
static int
timer_alloc(int clock, const struct sigevent_user *ev, struct posix_timer **out)
{
	struct posix_timer *t = slab_alloc(timer_cache, KM_ZERO);
	if (t == NULL)
		return -EAGAIN;
	int err = timer_task(clock, ev, &t->task);
	t->account = current_cred()->account;
	if (err == 0 && !signal_charge(t->account, current_rlimit(RLIMIT_SIGPENDING)))
		err = -EAGAIN;
	if (err != 0) {
		if (t->task != NULL)
			task_put(t->task);
		slab_free(timer_cache, t);
		return err;
	}
	refcount_init(&t->refs, 1);
	wall_timer_init(&t->timer, timer_fired);
	t->process = current_process();
	t->clock = clock;
	t->notify = ev->notify;
	t->signo = ev->signo;
	*out = t;
	return 0;
}

int64_t
sys_timer_create(int clock, uaddr_t event, uaddr_t id)
{
	struct sigevent_user ev = {.notify = SIGEV_SIGNAL, .signo = SIGALRM};
	struct process *p = current_process();
	struct posix_timer *t;
	nsec_t now;
	bool given = !uaddr_is_null(event);
	if (given && copy_from_user(&ev, event, sizeof(ev)) != 0)
		return -EFAULT;
	int err = check_event(&ev);
	if (err == 0 &&
		(clock_read(clock, &now) != 0 || clock == CLOCK_MONOTONIC_RAW ||
			clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE))
		err = -EINVAL;
	if (err == 0)
		err = timer_alloc(clock, &ev, &t);
	if (err != 0)
		return err;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	do
		t->id = p->next_timer_id++ & INT32_MAX;
	while (find_locked(p, t->id) != NULL);
	t->value = given ? ev.value : (uint64_t)t->id;
	list_add_tail(&p->posix_timers, &t->node);
	int32_t number = t->id;
	spin_unlock_irq_restore(&p->lock, flags);
	if (put_user_u32(id, (uint32_t)number) != 0) {
		sys_timer_delete(number);
		return -EFAULT;
	}
	return 0;
}

int64_t
sys_timer_delete(int id)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct posix_timer *t = find_locked(p, id);
	if (t != NULL) {
		list_del(&t->node);
		t->deleted = true;
		t->expires = 0;
	}
	spin_unlock_irq_restore(&p->lock, flags);
	if (t == NULL)
		return -EINVAL;
	dispose(t);
	return 0;
}

static void
describe(const struct posix_timer *t, struct itimerspec_user *out)
{
	nsec_t now = timer_now(t), expires = t->expires;
	if (expires != 0 && expires <= now && t->interval != 0)
		expires += ((now - expires) / t->interval + 1) * t->interval;
	nsec_t left = expires == 0        ? 0
		: expires > now           ? expires - now
		: t->notify == SIGEV_NONE ? 0
					  : 1;
	out->interval = ns_to_timespec(t->interval);
	out->value = ns_to_timespec(left);
}

int64_t
sys_timer_gettime(int id, uaddr_t value)
{
	struct process *p = current_process();
	struct itimerspec_user out = {0};
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct posix_timer *t = find_locked(p, id);
	if (t != NULL)
		describe(t, &out);
	spin_unlock_irq_restore(&p->lock, flags);
	return t == NULL ? -EINVAL : copy_to_user(value, &out, sizeof(out));
}

int64_t
sys_timer_getoverrun(int id)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct posix_timer *t = find_locked(p, id);
	int64_t r = t != NULL ? t->overrun : -EINVAL;
	spin_unlock_irq_restore(&p->lock, flags);
	return r;
}

/* Decides on what a setting is counted, and returns when it becomes due there. */
static nsec_t
expiry(struct posix_timer *t, nsec_t value, uint32_t flags)
{
	nsec_t at;
	bool absolute = (flags & TIMER_ABSTIME) != 0;
	t->base = absolute && is_real_clock(t->clock) ? TIME_WALL : TIME_MONOTONIC;
	if (absolute)
		return value;
	return add_overflow(timer_now(t), value, &at) ? INT64_MAX : at;
}

int64_t
sys_timer_settime(int id, uint32_t flags, uaddr_t new, uaddr_t old)
{
	struct process *p = current_process();
	struct itimerspec_user in, out = {0};
	if (new.addr == 0)
		return -EINVAL;
	if (copy_from_user(&in, new, sizeof(in)) != 0)
		return -EFAULT;
	if (!timespec_valid(&in.value) || !timespec_valid(&in.interval))
		return -EINVAL;
	nsec_t value = timespec_to_ns(&in.value);
	uint64_t irq_flags = spin_lock_irq_save(&p->lock);
	struct posix_timer *t = find_locked(p, id);
	bool cpu = false;
	if (t != NULL) {
		describe(t, &out);
		wall_timer_cancel(&t->timer);
		t->interval = timespec_to_ns(&in.interval);
		t->expires = value != 0 ? expiry(t, value, flags) : 0;
		t->overrun = 0;
		arm(t);
		cpu = is_cpu_clock(t->clock);
	}
	spin_unlock_irq_restore(&p->lock, irq_flags);
	if (t == NULL)
		return -EINVAL;
	if (cpu)
		cpu_timer_rearm(p);
	return uaddr_is_null(old) ? 0 : copy_to_user(old, &out, sizeof(out));
}

void
posix_timers_init(void)
{
	timer_cache = slab_cache_create("posix_timer", sizeof(struct posix_timer), 0);
}
