/* SPDX-License-Identifier: MIT */
/*
 * The system calls on scheduling. Policies are Linux's names for what there is: SCHED_OTHER, BATCH, which is the same,
 * and IDLE, which is the least weight; there are no real-time policies, so asking for one is refused as an unprivileged Linux process is.
 */
#include "abi/linux/sched.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

#define NICE_MIN (-20)
#define NICE_MAX 19

int64_t
sys_sched_yield(void)
{
	sched_yield_thread();
	return 0;
}

/* The task with that tid (0: the caller), referenced; -ESRCH. */
static int
find_target(int tid, struct task **out)
{
	if (tid < 0)
		return -EINVAL;
	if (tid == 0) {
		*out = current_task();
		task_get(*out);
		return 0;
	}
	*out = task_find(tid);
	return *out != NULL ? 0 : -ESRCH;
}

/* t's process's lock is held: its credentials stay. */
static bool
may_schedule_locked(const struct task *t)
{
	const struct cred *c = current_cred(), *o = t->cred;
	return t->process == current_process() || cred_can(c, LINUX_CAP_SYS_NICE) ||
		c->euid == o->uid || c->euid == o->euid;
}

static bool
may_schedule(struct task *t)
{
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	bool may = may_schedule_locked(t);
	spin_unlock_irq_restore(&t->process->lock, flags);
	return may;
}

int64_t
sys_sched_setaffinity(int pid, uint32_t len, uaddr_t user)
{
	struct cpumask mask = {0};
	struct task *t;
	if (copy_from_user(&mask, user, min((size_t)len, sizeof(mask))) != 0)
		return -EFAULT;
	int err = find_target(pid, &t);
	if (err != 0)
		return err;
	err = may_schedule(t) ? sched_set_affinity(&t->thread, &mask) : -EPERM;
	task_put(t);
	return err;
}

int64_t
sys_sched_getaffinity(int pid, uint32_t len, uaddr_t user)
{
	struct cpumask mask, online = {0};
	struct task *t;
	size_t need = round_up((size_t)(cpu_count + 7) / 8, sizeof(uint64_t));
	if (len % sizeof(uint64_t) != 0 || len < need)
		return -EINVAL;
	int err = find_target(pid, &t);
	if (err != 0)
		return err;
	sched_get_affinity(&t->thread, &mask);
	task_put(t);
	for_each_cpu (i)
		if (cpus[i]->online)
			cpumask_set(&online, i);
	for (int i = 0; i < CPUMASK_WORDS; i++)
		mask.w[i] &= online.w[i];
	size_t n = min((size_t)len, sizeof(mask));
	return copy_to_user(user, &mask, n) != 0 ? -EFAULT : (int64_t)n;
}

static bool
is_fair_policy(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool
may_have_nice(struct task *t, int nice)
{
	return cred_can(current_cred(), LINUX_CAP_SYS_NICE) ||
		(uint64_t)(20 - nice) <= t->process->limits[RLIMIT_NICE].cur;
}

/* Whoever is reset on fork stays so; who is idle is below nice 19, and gets up as from there. */
static int
set_policy(struct task *t, uint8_t policy)
{
	uint8_t old = t->thread.policy;
	if (!may_schedule(t))
		return -EPERM;
	if ((old & ~policy & THREAD_POLICY_RESETS) && !cred_can(current_cred(), LINUX_CAP_SYS_NICE))
		return -EPERM;
	if ((old & ~THREAD_POLICY_RESETS) == SCHED_IDLE &&
		(policy & ~THREAD_POLICY_RESETS) != SCHED_IDLE && !may_have_nice(t, t->thread.nice))
		return -EPERM;
	sched_set_policy(&t->thread, policy);
	return 0;
}

int64_t
sys_sched_setscheduler(int pid, int policy, uaddr_t param)
{
	struct sched_param_user sp;
	struct task *t;
	if (pid < 0 || uaddr_is_null(param))
		return -EINVAL;
	if (copy_from_user(&sp, param, sizeof(sp)) != 0)
		return -EFAULT;
	uint8_t resets = (policy & SCHED_RESET_ON_FORK) ? THREAD_POLICY_RESETS : 0;
	policy &= ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return sp.priority < 1 || sp.priority > 99 ? -EINVAL : -EPERM;
	if (!is_fair_policy(policy) || sp.priority != 0)
		return -EINVAL;
	int err = find_target(pid, &t);
	if (err != 0)
		return err;
	err = set_policy(t, (uint8_t)policy | resets);
	task_put(t);
	return err;
}

int64_t
sys_sched_getscheduler(int pid)
{
	struct task *t;
	int err = find_target(pid, &t);
	if (err != 0)
		return err;
	uint8_t policy = t->thread.policy;
	task_put(t);
	return (policy & ~THREAD_POLICY_RESETS) |
		((policy & THREAD_POLICY_RESETS) ? SCHED_RESET_ON_FORK : 0);
}

int64_t
sys_sched_setparam(int pid, uaddr_t param)
{
	if (uaddr_is_null(param))
		return -EINVAL;
	int64_t policy = sys_sched_getscheduler(pid);
	return policy < 0 ? policy : sys_sched_setscheduler(pid, (int)policy, param);
}

int64_t
sys_sched_getparam(int pid, uaddr_t param)
{
	struct sched_param_user sp = {0};
	if (uaddr_is_null(param))
		return -EINVAL;
	int64_t policy = sys_sched_getscheduler(pid);
	return policy < 0 ? policy : copy_to_user(param, &sp, sizeof(sp));
}

int64_t
sys_sched_get_priority_max(int policy)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return 99;
	return is_fair_policy(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

int64_t
sys_sched_get_priority_min(int policy)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return 1;
	return is_fair_policy(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

int64_t
sys_sched_rr_get_interval(int pid, uaddr_t interval)
{
	int64_t policy = sys_sched_getscheduler(pid);
	return policy < 0 ? policy : timespec_to_user(interval, 3 * NSEC_PER_MSEC);
}

/* getpriority and setpriority: every task of those who are meant, found and visited under one hold of tree_lock. */
struct priority_job {
	int which, who;
	bool set;
	int nice;   /* to set */
	int lowest; /* found: the lowest nice value */
	int err;
};

static void
set_nice_locked(struct task *t, struct priority_job *job)
{
	if (!may_schedule_locked(t))
		job->err = -EPERM;
	else if (job->nice < t->thread.nice && !may_have_nice(t, job->nice))
		job->err = -EACCES;
	else {
		sched_set_nice(&t->thread, job->nice);
		if (job->err == -ESRCH)
			job->err = 0;
	}
}

/* Of PRIO_USER each task is asked for its own user. The process's lock is held. */
static void
visit_task_locked(struct task *t, struct priority_job *job)
{
	if (job->which == PRIO_USER && t->cred->uid != (uid_t)job->who)
		return;
	if (job->set) {
		set_nice_locked(t, job);
		return;
	}
	job->err = 0;
	job->lowest = min(job->lowest, (int)t->thread.nice);
}

static void
visit_process_locked(struct process *p, struct priority_job *job)
{
	struct task *t;
	spin_lock(&p->lock);
	list_for_each_entry (t, &p->tasks, process_node)
		visit_task_locked(t, job);
	spin_unlock(&p->lock);
}

static void
visit_one_locked(struct view *v, struct priority_job *job)
{
	struct pid *pid = pid_lookup_locked(v, job->who);
	struct task *t = job->who == 0 ? current_task() : pid != NULL ? pid->task : NULL;
	if (t == NULL)
		return;
	spin_lock(&t->process->lock);
	visit_task_locked(t, job);
	spin_unlock(&t->process->lock);
}

static void
visit_group_locked(struct view *v, struct priority_job *job)
{
	struct pid *pid = pid_lookup_locked(v, job->who);
	struct process_group *g = job->who == 0 ? current_process()->group
		: pid != NULL                   ? pid->group
						: NULL;
	struct process *p;
	if (g != NULL)
		list_for_each_entry (p, &g->members, group_node)
			visit_process_locked(p, job);
}

static void
visit_all_locked(struct view *v, struct priority_job *job)
{
	uint64_t index = 0;
	for (struct pid *pid; (pid = radix_next(&v->pids, &index)) != NULL; index++)
		if (pid->process != NULL)
			visit_process_locked(pid->process, job);
}

static int
run_job(struct priority_job *job)
{
	static void (*const visit[])(struct view *, struct priority_job *) = {
		[PRIO_PROCESS] = visit_one_locked,
		[PRIO_PGRP] = visit_group_locked,
		[PRIO_USER] = visit_all_locked,
	};
	job->err = -ESRCH;
	job->lowest = NICE_MAX + 1;
	if (job->which == PRIO_USER && job->who == 0)
		job->who = (int)current_cred()->uid;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	visit[job->which](current_view(), job);
	spin_unlock_irq_restore(&tree_lock, flags);
	return job->err;
}

int64_t
sys_setpriority(int which, int who, int nice)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	struct priority_job job = {.which = which,
		.who = who,
		.set = true,
		.nice = max(NICE_MIN, min(nice, NICE_MAX))};
	return run_job(&job);
}

int64_t
sys_getpriority(int which, int who)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	struct priority_job job = {.which = which, .who = who};
	int err = run_job(&job);
	return err != 0 ? err : 20 - job.lowest; /* so that it is never negative */
}

int64_t
sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t unused)
{
	if (!uaddr_is_null(cpu) && put_user_u32(cpu, this_cpu()->id) != 0)
		return -EFAULT;
	return uaddr_is_null(node) ? 0 : put_user_u32(node, 0);
}

static void
barrier_here(void *arg)
{
	arch_mb();
}

int64_t
sys_membarrier(int cmd, uint32_t flags, int cpu)
{
	struct process *p = current_process();
	if (flags != 0)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
			MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: {
		uint64_t irq_flags = spin_lock_irq_save(&p->lock);
		atomic_fetch_or_explicit(&p->flags, PROCESS_MEMBARRIER, memory_order_relaxed);
		spin_unlock_irq_restore(&p->lock, irq_flags);
		return 0;
	}
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		if (!(process_flags(p) & PROCESS_MEMBARRIER))
			return -EPERM;
		[[fallthrough]];
	case MEMBARRIER_CMD_GLOBAL:
		arch_mb();
		if (cpu_count > 1)
			cpu_call_others(barrier_here, NULL);
		arch_mb();
		return 0;
	default:
		return -EINVAL;
	}
}
