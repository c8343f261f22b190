/* SPDX-License-Identifier: MIT */
/*
 * What tasks, processes and their children have used, and the calls that tell.
 *
 * CPU time is exact in sum. It is split into user and system time by the samples that the scheduler takes at the end
 * of slices.
 */
#include "abi/linux/time.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/space.h"
#include "proc/internal.h"
#include "syscall_protos.h"

int64_t
ns_to_ticks(uint64_t ns)
{
	return (int64_t)(ns / (NSEC_PER_SEC / 100));
}

/* Divides a task's run time. Without samples it is all the program's. */
static uint64_t
user_part(const struct task *t, uint64_t total)
{
	uint64_t user = relaxed_read(&t->thread.user_samples);
	uint64_t all = user + relaxed_read(&t->thread.system_samples);
	if (all == user)
		return total;
	/* The proportion in 32 bits, so that no product overflows. */
	for (; all > UINT32_MAX; all >>= 1)
		user >>= 1;
	return total / all * user + total % all * user / all;
}

void
task_rusage(struct task *t, struct rusage_sum *out)
{
	uint64_t total = sched_runtime(&t->thread);
	uint64_t user = user_part(t, total);
	*out = (struct rusage_sum){
		.utime_ns = user,
		.stime_ns = total - user,
		.min_flt = t->min_flt,
		.maj_flt = t->maj_flt,
		.nr_voluntary = relaxed_read(&t->thread.nr_voluntary),
		.nr_involuntary = relaxed_read(&t->thread.nr_involuntary),
	};
}

void
rusage_add(struct rusage_sum *to, const struct rusage_sum *r)
{
	to->utime_ns += r->utime_ns;
	to->stime_ns += r->stime_ns;
	to->min_flt += r->min_flt;
	to->maj_flt += r->maj_flt;
	to->nr_voluntary += r->nr_voluntary;
	to->nr_involuntary += r->nr_involuntary;
	if (r->max_rss > to->max_rss)
		to->max_rss = r->max_rss;
}

static void
sum_tasks_locked(struct process *p, struct rusage_sum *out)
{
	struct task *t;
	*out = p->dead;
	list_for_each_entry (t, &p->tasks, process_node) {
		struct rusage_sum one;
		task_rusage(t, &one);
		rusage_add(out, &one);
	}
}

void
process_rusage(struct process *p, struct rusage_sum *out)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	sum_tasks_locked(p, out);
	spin_unlock_irq_restore(&p->lock, flags);
	struct vm_space *s = process_space(p);
	if (s != NULL) {
		uint64_t rss = vm_space_max_rss(s) * (PAGE_SIZE / 1024);
		out->max_rss = max(out->max_rss, rss);
		vm_space_put(s);
	}
}

uint64_t
process_cpu_ns_locked(struct process *p, uint64_t *user_ns)
{
	struct rusage_sum sum;
	sum_tasks_locked(p, &sum);
	*user_ns = sum.utime_ns;
	return sum.utime_ns + sum.stime_ns;
}

uint64_t
process_cpu_ns(struct process *p, uint64_t *user_ns)
{
	uint64_t flags = spin_lock_irq_save(&p->lock);
	uint64_t total = process_cpu_ns_locked(p, user_ns);
	spin_unlock_irq_restore(&p->lock, flags);
	return total;
}

static void
children_rusage(struct process *p, struct rusage_sum *out)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	*out = p->children_sum;
	spin_unlock_irq_restore(&tree_lock, flags);
}

static struct timeval_user
ns_to_timeval(uint64_t ns)
{
	return (struct timeval_user){
		(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC / 1000)};
}

void
rusage_to_user_format(const struct rusage_sum *r, struct rusage_user *out)
{
	*out = (struct rusage_user){
		.utime = ns_to_timeval(r->utime_ns),
		.stime = ns_to_timeval(r->stime_ns),
		.maxrss = (int64_t)r->max_rss,
		.minflt = (int64_t)r->min_flt,
		.majflt = (int64_t)r->maj_flt,
		.nvcsw = (int64_t)r->nr_voluntary,
		.nivcsw = (int64_t)r->nr_involuntary,
	};
}

int64_t
sys_getrusage(int who, uaddr_t usage)
{
	struct rusage_sum sum;
	struct rusage_user u;
	switch (who) {
	case RUSAGE_SELF:
		process_rusage(current_process(), &sum);
		break;
	case RUSAGE_CHILDREN:
		children_rusage(current_process(), &sum);
		break;
	case RUSAGE_THREAD:
		task_rusage(current_task(), &sum);
		break;
	default:
		return -EINVAL;
	}
	rusage_to_user_format(&sum, &u);
	return copy_to_user(usage, &u, sizeof(u));
}

int64_t
sys_times(uaddr_t buf)
{
	struct rusage_sum self, children;
	if (!uaddr_is_null(buf)) {
		process_rusage(current_process(), &self);
		children_rusage(current_process(), &children);
		struct tms_user t = {ns_to_ticks(self.utime_ns), ns_to_ticks(self.stime_ns),
			ns_to_ticks(children.utime_ns), ns_to_ticks(children.stime_ns)};
		if (copy_to_user(buf, &t, sizeof(t)) != 0)
			return -EFAULT;
	}
	return ns_to_ticks(time_now());
}
