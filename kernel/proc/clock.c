/* SPDX-License-Identifier: MIT */
/* Clocks and sleeping: clock_*, gettimeofday, nanosleep and their kin. */
#include "abi/linux/resource.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

int
timespec_from_user(uaddr_t from, struct timespec_user *ts)
{
	if (copy_from_user(ts, from, sizeof(*ts)) != 0)
		return -EFAULT;
	return timespec_valid(ts) ? 0 : -EINVAL;
}

int
timespec_to_user(uaddr_t to, nsec_t ns)
{
	struct timespec_user ts = ns_to_timespec(ns);
	return copy_to_user(to, &ts, sizeof(ts));
}

int
deadline_from_user(uaddr_t timeout, nsec_t *deadline)
{
	struct timespec_user ts;
	*deadline = DEADLINE_NEVER;
	if (uaddr_is_null(timeout))
		return 0;
	int err = timespec_from_user(timeout, &ts);
	if (err == 0)
		*deadline = deadline_after(timespec_to_ns(&ts));
	return err;
}

static nsec_t
pick_cpu_time(int which, uint64_t total, uint64_t user)
{
	return which == CPUCLOCK_VIRT ? user : total;
}

static int
read_thread_clock(pid_t tid, int which, nsec_t *now)
{
	struct task *t = tid == 0 ? current_task() : task_find(tid);
	struct rusage_sum sum;
	if (t == NULL)
		return -EINVAL;
	int err = t->process == current_process() ? 0 : -EINVAL;
	if (err == 0) {
		task_rusage(t, &sum);
		*now = pick_cpu_time(which, sum.utime_ns + sum.stime_ns, sum.utime_ns);
	}
	if (tid != 0)
		task_put(t);
	return err;
}

static int
read_process_clock(pid_t pid, int which, nsec_t *now)
{
	struct process *p = pid == 0 ? current_process() : process_find(pid);
	uint64_t user;
	if (p == NULL)
		return -EINVAL;
	uint64_t total = process_cpu_ns(p, &user);
	*now = pick_cpu_time(which, total, user);
	if (pid != 0)
		process_put(p);
	return 0;
}

/* A clock made from a process's or thread's id: the number's complement, shifted, with kind bits below. */
static int
read_cpu_clock(int clock, nsec_t *now)
{
	pid_t id = ~clock >> 3;
	int which = clock & CPUCLOCK_MASK;
	if (which == CPUCLOCK_MASK || id < 0)
		return -EINVAL;
	return (clock & CPUCLOCK_PER_THREAD) ? read_thread_clock(id, which, now)
					     : read_process_clock(id, which, now);
}

int
clock_read(int clock, nsec_t *now)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*now = time_now();
		return 0;
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: /* no leap seconds are known: as Linux before anybody sets the offset */
		*now = time_realtime();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return read_process_clock(0, CPUCLOCK_SCHED, now);
	case CLOCK_THREAD_CPUTIME_ID:
		*now = sched_runtime(arch_current());
		return 0;
	default:
		return clock < 0 ? read_cpu_clock(clock, now) : -EINVAL;
	}
}

int64_t
sys_clock_gettime(int clock, uaddr_t time)
{
	nsec_t now;
	int err = clock_read(clock, &now);
	return err == 0 ? timespec_to_user(time, now) : err;
}

int64_t
sys_clock_getres(int clock, uaddr_t res)
{
	nsec_t now;
	int err = clock_read(clock, &now);
	if (err != 0 || uaddr_is_null(res))
		return err;
	return timespec_to_user(res, 1); /* coarse clocks are the fine ones here */
}

int64_t
sys_clock_settime(int clock, uaddr_t time)
{
	struct timespec_user ts;
	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	int err = timespec_from_user(time, &ts);
	if (err != 0)
		return err;
	return cred_can(current_cred(), LINUX_CAP_SYS_TIME) ? wall_clock_set(timespec_to_ns(&ts))
							    : -EPERM;
}

int64_t
sys_gettimeofday(uaddr_t tv, uaddr_t tz)
{
	nsec_t now = time_realtime();
	struct timeval_user v = {
		(int64_t)(now / NSEC_PER_SEC), (int64_t)(now % NSEC_PER_SEC / 1000)};
	if (!uaddr_is_null(tv) && copy_to_user(tv, &v, sizeof(v)) != 0)
		return -EFAULT;
	return uaddr_is_null(tz) ? 0 : clear_user(tz, sizeof(struct timezone_user));
}

int64_t
sys_settimeofday(uaddr_t tv, uaddr_t tz)
{
	struct timeval_user v;
	struct timezone_user zone;
	if (!uaddr_is_null(tz)) {
		if (copy_from_user(&zone, tz, sizeof(zone)) != 0)
			return -EFAULT;
		if (zone.minutes_west < -15 * 60 || zone.minutes_west > 15 * 60)
			return -EINVAL; /* otherwise accepted and, as everywhere, meaningless */
	}
	if (uaddr_is_null(tv))
		return 0;
	if (copy_from_user(&v, tv, sizeof(v)) != 0)
		return -EFAULT;
	if (v.usec < 0 || v.usec >= 1000000 || v.sec < 0)
		return -EINVAL;
	struct timespec_user ts = {v.sec, v.usec * 1000};
	return cred_can(current_cred(), LINUX_CAP_SYS_TIME) ? wall_clock_set(timespec_to_ns(&ts))
							    : -EPERM;
}

/* How far ADJ_SETOFFSET moves the clock: its fraction is not negative, in microseconds or nanoseconds. */
static int
timex_step(const struct timex_user *t, int64_t *by)
{
	int64_t unit = (t->modes & ADJ_NANO) ? 1 : 1000;
	if (t->time.usec < 0 || t->time.usec >= (int64_t)NSEC_PER_SEC / unit)
		return -EINVAL;
	if (mul_overflow(t->time.sec, (int64_t)NSEC_PER_SEC, by) ||
		add_overflow(*by, t->time.usec * unit, by))
		return -EINVAL;
	return 0;
}

/* Nothing disciplines the clock here: it can be stepped, and its state read (unsynchronised); it has no rate to change. */
static int64_t
do_adjtimex(uaddr_t buf)
{
	struct timex_user t;
	int64_t by = 0;
	if (copy_from_user(&t, buf, sizeof(t)) != 0)
		return -EFAULT;
	uint32_t nano = t.modes & ADJ_NANO;
	if (t.modes == ADJ_OFFSET_SS_READ)
		t.modes = 0;
	if (t.modes != 0 && !cred_can(current_cred(), LINUX_CAP_SYS_TIME))
		return -EPERM;
	if (t.modes & ~(ADJ_SETOFFSET | ADJ_NANO | ADJ_MICRO))
		return -EOPNOTSUPP;
	int err = (t.modes & ADJ_SETOFFSET) ? timex_step(&t, &by) : 0;
	if (err == 0 && by != 0)
		err = wall_clock_step(by);
	if (err != 0)
		return err;
	nsec_t now = time_realtime();
	t = (struct timex_user){
		.maxerror = 16000000,
		.esterror = 16000000,
		.status = STA_UNSYNC | (nano ? STA_NANO : 0),
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000,
		.tick = 10000,
		.time = {(int64_t)(now / NSEC_PER_SEC),
			(int64_t)(now % NSEC_PER_SEC / (nano ? 1 : 1000))},
	};
	return copy_to_user(buf, &t, sizeof(t)) != 0 ? -EFAULT : TIME_ERROR;
}

int64_t
sys_adjtimex(uaddr_t buf)
{
	return do_adjtimex(buf);
}

int64_t
sys_clock_adjtime(int clock, uaddr_t buf)
{
	nsec_t now;
	if (clock == CLOCK_REALTIME)
		return do_adjtimex(buf);
	return clock_read(clock, &now) != 0 ? -EINVAL : -EOPNOTSUPP;
}

/* Until a point in monotonic time: 0, or -ERESTARTSYS when a signal came first. */
static int
sleep_until(nsec_t deadline)
{
	int err;
	do {
		wait_prepare(WAIT_INTERRUPTIBLE);
		err = wait_sleep(WAIT_INTERRUPTIBLE, deadline);
		wait_finish();
	} while (err == 0);
	return err == -ETIMEDOUT ? 0 : err;
}

/* Until a moment of the wall clock. */
static int
sleep_until_wall(nsec_t moment)
{
	int err;
	do {
		wait_prepare(WAIT_INTERRUPTIBLE);
		err = wait_sleep_wall(WAIT_INTERRUPTIBLE, moment);
		wait_finish();
	} while (err == 0);
	return err == -ETIMEDOUT ? 0 : err;
}

static int
put_remaining(uaddr_t rem, nsec_t deadline)
{
	nsec_t now = time_now();
	if (uaddr_is_null(rem))
		return 0;
	return timespec_to_user(rem, deadline > now ? deadline - now : 0);
}

/* args: deadline, where the remainder goes. */
static int64_t
nanosleep_restart(struct restart_block *r)
{
	int err = sleep_until(r->args[0]);
	if (err == 0)
		return 0;
	return put_remaining((uaddr_t){r->args[1]}, r->args[0]) != 0 ? -EFAULT
								     : -ERESTART_RESTARTBLOCK;
}

static int64_t
sleep_relative(nsec_t length, uaddr_t rem)
{
	nsec_t deadline = deadline_after(length);
	int err = sleep_until(deadline);
	if (err == 0)
		return 0;
	if (put_remaining(rem, deadline) != 0)
		return -EFAULT;
	current_task()->restart =
		(struct restart_block){.fn = nanosleep_restart, .args = {deadline, rem.addr}};
	return -ERESTART_RESTARTBLOCK;
}

int64_t
sys_nanosleep(uaddr_t req, uaddr_t rem)
{
	struct timespec_user ts;
	int err = timespec_from_user(req, &ts);
	return err == 0 ? sleep_relative(timespec_to_ns(&ts), rem) : err;
}

/* CPU time does not pass while the process sleeps: as much real time as is missing must go by before it can be over. */
static int64_t
sleep_cpu_time(int clock, uint32_t flags, nsec_t want, uaddr_t rem)
{
	nsec_t now;
	int err = clock_read(clock, &now);
	if (err != 0)
		return err;
	nsec_t target = (flags & TIMER_ABSTIME) ? want : now + want;
	while (now < target) {
		uint64_t share = min((uint64_t)current_process()->nr_tasks, (uint64_t)cpu_count);
		err = sleep_until(deadline_after(max((target - now) / share, NSEC_PER_MSEC)));
		if (err != 0 && !(flags & TIMER_ABSTIME) && !uaddr_is_null(rem) &&
			timespec_to_user(rem, target - now) != 0)
			return -EFAULT;
		if (err != 0)
			return -EINTR;
		if ((err = clock_read(clock, &now)) != 0)
			return err;
	}
	return 0;
}

int64_t
sys_clock_nanosleep(int clock, uint32_t flags, uaddr_t req, uaddr_t rem)
{
	struct timespec_user ts;
	nsec_t ns;
	if (clock == CLOCK_THREAD_CPUTIME_ID || clock_read(clock, &ns) != 0)
		return -EINVAL;
	if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
		clock == CLOCK_REALTIME_COARSE)
		return -EOPNOTSUPP;
	int err = timespec_from_user(req, &ts);
	if (err != 0)
		return err;
	ns = timespec_to_ns(&ts);
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0)
		return sleep_cpu_time(clock, flags, ns, rem);
	if (!(flags & TIMER_ABSTIME))
		return sleep_relative(ns, rem);
	bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
	err = wall ? sleep_until_wall(ns) : sleep_until(ns);
	return err == 0 ? 0 : -ERESTARTNOHAND;
}
