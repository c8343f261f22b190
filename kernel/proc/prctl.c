/* SPDX-License-Identifier: MIT */
/* prctl(2), and personality(2) of which there is one. */
#include "abi/linux/prctl.h"

#include <string.h>

#include "arch/uaccess.h"
#include "proc/internal.h"
#include "syscall_protos.h"

static int
set_flag(uint32_t flag, bool on)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	if (on)
		atomic_fetch_or_explicit(&p->flags, flag, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&p->flags, ~flag, memory_order_relaxed);
	spin_unlock_irq_restore(&p->lock, flags);
	return 0;
}

static void
set_death_signal(struct task *t, int sig)
{
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	t->pdeath_signal = sig;
	spin_unlock_irq_restore(&t->process->lock, flags);
}

static int
set_name(uaddr_t from)
{
	char name[sizeof(current_task()->thread.name)] = "";
	ssize_t n = copy_string_from_user(name, from, sizeof(name) - 1);
	if (n < 0)
		return (int)n;
	name[sizeof(name) - 1] = '\0';
	memcpy(arch_current()->name, name, sizeof(name));
	return 0;
}

static int
set_no_new_privs(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	if (a != 1 || b != 0 || c != 0 || d != 0)
		return -EINVAL;
	if (current_cred()->no_new_privs)
		return 0;
	struct cred *cred = cred_copy(current_cred());
	if (cred == NULL)
		return -ENOMEM;
	cred->no_new_privs = true;
	cred_install(cred);
	return 0;
}

int64_t
sys_prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct process *p = current_process();
	struct task *t = current_task();
	uaddr_t user = {a};
	switch (option) {
	case PR_SET_PDEATHSIG:
		if (a > NSIG)
			return -EINVAL;
		set_death_signal(t, (int)a);
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32(user, (uint32_t)t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return (process_flags(p) & PROCESS_NOT_DUMPABLE) ? 0 : 1;
	case PR_SET_DUMPABLE:
		return a > 1 ? -EINVAL : set_flag(PROCESS_NOT_DUMPABLE, a == 0);
	case PR_SET_NAME:
		return set_name(user);
	case PR_GET_NAME:
		return copy_to_user(user, arch_current()->name, sizeof(arch_current()->name));
	case PR_SET_CHILD_SUBREAPER:
		return set_flag(PROCESS_SUBREAPER, a != 0);
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(user, (process_flags(p) & PROCESS_SUBREAPER) ? 1 : 0);
	case PR_SET_NO_NEW_PRIVS:
		return set_no_new_privs(a, b, c, d);
	case PR_GET_NO_NEW_PRIVS:
		return a | b | c | d ? -EINVAL : current_cred()->no_new_privs;
	case PR_GET_KEEPCAPS:
		return current_cred()->keep_caps;
	case PR_SET_KEEPCAPS:
		return linux_caps_set_keep(a);
	case PR_GET_SECUREBITS:
		return 0;
	case PR_SET_SECUREBITS:
		return -EPERM; /* nobody may: Linux's capabilities follow the ids here */
	case PR_CAPBSET_DROP:
		return linux_caps_drop_bounding(a);
	case PR_GET_TIMERSLACK:
		return (int64_t)min(t->timer_slack, (uint64_t)INT64_MAX);
	case PR_SET_TIMERSLACK: /* kept to be told: timers here have no slack, which is within any */
		t->timer_slack = a != 0 ? a : t->default_timer_slack;
		return 0;
	case PR_CAPBSET_READ:
		return linux_caps_read_bounding(a);
	default:
		return -EINVAL;
	}
}

int64_t
sys_personality(uint32_t persona)
{
	return persona == 0 || persona == UINT32_MAX ? 0 : -EINVAL;
}
