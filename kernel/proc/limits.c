/* SPDX-License-Identifier: MIT */
/*
 * Resource limits: getrlimit, setrlimit, prlimit64. What enforces each: CPU itimer.c; FSIZE, NOFILE the VFS; DATA,
 * STACK, AS, MEMLOCK the address space, which has copies; NPROC clone.c, exec.c; SIGPENDING signal_send.c; NICE, RTPRIO
 * sched_calls.c; CORE by there being no cores: any limit is kept.
 */
#include "arch/uaccess.h"
#include "mm/space.h"
#include "obj/handle.h"
#include "proc/internal.h"
#include "syscall_protos.h"

static void
pass_to_space(struct process *p, uint32_t resource, uint64_t value)
{
	struct vm_space *s = process_space(p);
	if (s == NULL)
		return;
	rw_write_lock(&s->lock);
	switch (resource) {
	case RLIMIT_AS:
		s->limit_as = value;
		break;
	case RLIMIT_DATA:
		s->limit_data = value;
		break;
	case RLIMIT_STACK:
		s->limit_stack = value;
		break;
	default:
		s->limit_memlock = value;
	}
	rw_write_unlock(&s->lock);
	vm_space_put(s);
}

static void
apply(struct process *p, uint32_t resource, uint64_t value)
{
	switch (resource) {
	case RLIMIT_AS:
	case RLIMIT_DATA:
	case RLIMIT_STACK:
	case RLIMIT_MEMLOCK:
		pass_to_space(p, resource, value);
		break;
	case RLIMIT_CPU:
		cpu_timer_rearm(p);
		break;
	default:
		break;
	}
}

static int
check_new(uint32_t resource, const struct rlimit_user *new, const struct rlimit_user *old)
{
	if (new->cur > new->max)
		return -EINVAL;
	if (new->max > old->max && !cred_can(current_cred(), LINUX_CAP_SYS_RESOURCE))
		return -EPERM;
	if (resource == RLIMIT_NOFILE && new->max > HANDLES_MAX)
		return -EPERM;
	return 0;
}

/* new or old may be NULL. */
static int
exchange_limit(
	struct process *p, uint32_t resource, struct rlimit_user *new, struct rlimit_user *old)
{
	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	struct rlimit_user *limit = &p->limits[resource];
	if (old != NULL)
		*old = *limit;
	int err = new != NULL ? check_new(resource, new, limit) : 0;
	if (err == 0 && new != NULL)
		*limit = *new;
	spin_unlock_irq_restore(&p->lock, flags);
	if (err == 0 && new != NULL)
		apply(p, resource, new->cur);
	return err;
}

int64_t
sys_getrlimit(uint32_t resource, uaddr_t limit)
{
	struct rlimit_user old;
	int err = exchange_limit(current_process(), resource, NULL, &old);
	return err != 0 ? err : copy_to_user(limit, &old, sizeof(old));
}

int64_t
sys_setrlimit(uint32_t resource, uaddr_t limit)
{
	struct rlimit_user new;
	if (copy_from_user(&new, limit, sizeof(new)) != 0)
		return -EFAULT;
	return exchange_limit(current_process(), resource, &new, NULL);
}

/* Another process's limits are for its own user and root. */
static bool
may_touch(struct process *p)
{
	const struct cred *c = current_cred();
	if (p == current_process() || cred_can(c, LINUX_CAP_SYS_RESOURCE))
		return true;
	const struct cred *o = process_cred(p);
	if (o == NULL)
		return false;
	bool may = c->uid == o->uid && c->uid == o->euid && c->uid == o->suid && c->gid == o->gid &&
		c->gid == o->egid && c->gid == o->sgid;
	cred_put(o);
	return may;
}

int64_t
sys_prlimit64(int pid, uint32_t resource, uaddr_t new, uaddr_t old)
{
	struct rlimit_user n, o;
	bool change = !uaddr_is_null(new);
	if (change && copy_from_user(&n, new, sizeof(n)) != 0)
		return -EFAULT;
	struct process *p = pid == 0 ? process_get(current_process()) : process_find(pid);
	if (p == NULL)
		return -ESRCH;
	int err = may_touch(p) ? exchange_limit(p, resource, change ? &n : NULL, &o) : -EPERM;
	process_put(p);
	if (err != 0 || uaddr_is_null(old))
		return err;
	return copy_to_user(old, &o, sizeof(o));
}
