/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/stat, statm and status: a snapshot of what others may know of a process or thread, and its formats.
 * The snapshot is taken under the locks (tree, process, dispositions); text is written afterwards.
 */
#include <string.h>

#include "core/sched.h"
#include "dev/tty/tty.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "mm/space.h"

/* Linux's bits of the ninth field that mean something here. */
#define PF_EXITING    0x4u
#define PF_FORKNOEXEC 0x40u

struct snapshot {
	char name[16];
	char state; /* R S D T Z X */
	pid_t id, ppid, pgrp, session;
	uint32_t flags, nr_tasks, umask, fd_size;
	bool has_fs;
	int exit_status, exit_signal;
	sigmask_t pending, shared, blocked, ignored, caught;
	uint32_t nr_signals;
	uint64_t max_signals, rss_limit;
	int nice, policy;
	uint32_t cpu;
	struct cpumask affinity;
	struct rusage_sum used, children;
};

static char
state_letter(uint32_t state)
{
	static const char letters[] = {
		[THREAD_RUNNING] = 'R',
		[THREAD_SLEEPING] = 'S',
		[THREAD_SLEEPING_KILL] = 'D',
		[THREAD_SLEEPING_UNINT] = 'D',
		[THREAD_STOPPED] = 'T',
		[THREAD_DEAD] = 'X',
	};
	return state < sizeof(letters) ? letters[state] : '?';
}

static const char *
state_name(char letter)
{
	switch (letter) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 'Z':
		return "zombie";
	default:
		return "dead";
	}
}

/* tree_lock is held. */
static void
take_place_locked(struct process *p, struct snapshot *s)
{
	s->ppid = p->parent != NULL ? p->parent->pid : 0;
	s->pgrp = p->group != NULL ? p->group->id : 0;
	s->session = p->group != NULL ? p->group->session->id : 0;
	s->exit_signal = p->exit_signal;
	s->children = p->children_sum;
	if (p->state != PROCESS_LIVE) {
		s->state = 'Z';
		s->exit_status = p->exit_status;
	}
}

static void
take_dispositions(struct signal_actions *a, struct snapshot *s)
{
	spin_lock(&a->lock);
	for (int sig = 1; sig <= NSIG; sig++) {
		uint64_t handler = a->action[sig - 1].handler;
		if (handler == SIG_IGN)
			s->ignored |= SIGMASK(sig);
		else if (handler != SIG_DFL)
			s->caught |= SIGMASK(sig);
	}
	spin_unlock(&a->lock);
}

/* p->lock is held. */
static void
take_process_locked(struct process *p, struct snapshot *s)
{
	uint32_t flags = process_flags(p);
	s->flags = ((flags & PROCESS_EXITING) ? PF_EXITING : 0) |
		((flags & PROCESS_HAS_EXECED) ? 0 : PF_FORKNOEXEC);
	s->nr_tasks = p->nr_tasks;
	s->shared = p->pending.set;
	s->max_signals = p->limits[RLIMIT_SIGPENDING].cur;
	s->rss_limit = p->limits[RLIMIT_RSS].cur;
	memcpy(s->name, p->name, sizeof(s->name));
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_acquire);
	if (a != NULL)
		take_dispositions(a, s);
}

/* p->lock is held, so t keeps its references. */
static void
take_task_locked(struct task *t, struct snapshot *s)
{
	memcpy(s->name, t->thread.name, sizeof(s->name));
	s->pending = t->sig.pending.set;
	s->blocked = t->sig.blocked;
	s->nice = t->thread.nice;
	s->policy = t->thread.policy & ~THREAD_POLICY_RESETS;
	struct cpu *cpu = relaxed_read(&t->thread.cpu);
	s->cpu = cpu != NULL ? cpu->id : 0;
	if (s->state == '\0')
		s->state =
			state_letter(atomic_load_explicit(&t->thread.state, memory_order_relaxed));
	s->has_fs = t->fs != NULL;
	if (s->has_fs)
		s->umask = PROC_READ(t->fs->umask);
	if (t->handles != NULL)
		s->fd_size = PROC_READ(t->handles->size);
	if (t->cred != NULL)
		s->nr_signals =
			atomic_load_explicit(&t->cred->account->nr_signals, memory_order_relaxed);
}

static void
take_snapshot(const struct proc_node *n, struct snapshot *s)
{
	struct process *p = n->key.process;
	struct task *t = proc_node_task(n);
	*s = (struct snapshot){.id = proc_node_id(n)};
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	take_place_locked(p, s);
	spin_lock(&p->lock);
	take_process_locked(p, s);
	if (t != NULL)
		take_task_locked(t, s);
	spin_unlock(&p->lock);
	spin_unlock_irq_restore(&tree_lock, flags);
	if (s->state == '\0')
		s->state = 'X'; /* on its way out: no task any more, not yet a zombie */
	if (n->key.task != NULL && t != NULL)
		task_rusage(t, &s->used);
	else
		process_rusage(p, &s->used);
	if (t != NULL) {
		sched_get_affinity(&t->thread, &s->affinity);
		task_put(t);
	}
	s->name[sizeof(s->name) - 1] = '\0';
}

/* --- Memory. --- */

struct memory {
	uint64_t size, resident, anon, file, shmem, peak; /* pages */
	uint64_t locked, data, stack;
	bool any;
};

static uint64_t
pages_of(_Atomic int64_t *counter)
{
	return (uint64_t)max(atomic_load_explicit(counter, memory_order_relaxed), (int64_t)0);
}

static void
take_memory(struct vm_space *s, struct memory *m)
{
	*m = (struct memory){0};
	if (s == NULL)
		return;
	m->any = true;
	m->size = PROC_READ(s->total_vm);
	m->locked = PROC_READ(s->locked_vm);
	m->data = PROC_READ(s->data_vm);
	m->stack = PROC_READ(s->stack_vm);
	m->anon = pages_of(&s->rss_anon);
	m->file = pages_of(&s->rss_file);
	m->shmem = pages_of(&s->rss_shmem);
	m->resident = m->anon + m->file + m->shmem;
	m->peak = vm_space_max_rss(s);
}

/* --- stat. --- */

static void
show_stat_process(struct proc_text *t, const struct snapshot *s, const struct tty_info *tty)
{
	proc_printf(t, "%d (%s) %c %d %d %d %d %d %u %llu %llu %llu %llu %llu %llu %llu %llu",
		s->id, s->name, s->state, s->ppid, s->pgrp, s->session, (int)tty->rdev,
		tty->foreground, s->flags, (unsigned long long)s->used.min_flt,
		(unsigned long long)s->children.min_flt, (unsigned long long)s->used.maj_flt,
		(unsigned long long)s->children.maj_flt, PROC_TICKS(s->used.utime_ns),
		PROC_TICKS(s->used.stime_ns), PROC_TICKS(s->children.utime_ns),
		PROC_TICKS(s->children.stime_ns));
}

/* Where things are in memory is for those alone who may look into it; others learn that there is something. */
static void
show_stat_addresses(struct proc_text *t, struct vm_space *s, bool may)
{
	struct proc_program program = {.code_start = 1, .code_end = 1};
	if (s == NULL)
		program = (struct proc_program){0};
	else if (may)
		proc_find_program(s, &program);
	proc_printf(t, " %llu %llu %llu 0 0", (unsigned long long)program.code_start,
		(unsigned long long)program.code_end,
		(unsigned long long)(s != NULL && may ? s->stack_top : 0));
}

static void
show_stat_layout(struct proc_text *t, struct vm_space *s, bool may)
{
	struct proc_program program = {0};
	if (s == NULL || !may) {
		proc_printf(t, " 0 0 0 0 0 0 0");
		return;
	}
	proc_find_program(s, &program);
	proc_printf(t, " %llu %llu %llu %llu %llu %llu %llu",
		(unsigned long long)program.data_start, (unsigned long long)program.data_end,
		(unsigned long long)PROC_READ(s->brk_start), (unsigned long long)s->arg_start,
		(unsigned long long)s->arg_end, (unsigned long long)s->env_start,
		(unsigned long long)s->env_end);
}

int
proc_show_pid_stat(struct proc_node *n, struct proc_text *t)
{
	struct snapshot s;
	struct memory m;
	struct tty_info tty;
	take_snapshot(n, &s);
	tty_process_info(n->key.process, &tty);
	struct vm_space *space = proc_node_space(n);
	bool may = proc_check_access(n) == 0; /* afterwards: exec may have hidden what this is */
	take_memory(space, &m);
	show_stat_process(t, &s, &tty);
	/* priority nice threads itrealvalue starttime vsize rss rsslim */
	proc_printf(t, " %d %d %u 0 %llu %llu %llu %llu", 20 + s.nice, s.nice, s.nr_tasks,
		PROC_TICKS(n->key.process->start_time), (unsigned long long)m.size * PAGE_SIZE,
		(unsigned long long)m.resident, (unsigned long long)s.rss_limit);
	show_stat_addresses(t, space, may);
	/* signal blocked sigignore sigcatch (the first 31), wchan nswap cnswap exit_signal processor */
	proc_printf(t, " %llu %llu %llu %llu 0 0 0 %d %u",
		(unsigned long long)s.pending & INT32_MAX,
		(unsigned long long)s.blocked & INT32_MAX,
		(unsigned long long)s.ignored & INT32_MAX, (unsigned long long)s.caught & INT32_MAX,
		s.exit_signal, s.cpu);
	/* rt_priority policy delayacct_blkio_ticks guest_time cguest_time */
	proc_printf(t, " 0 %d 0 0 0", s.policy);
	show_stat_layout(t, space, may);
	proc_printf(t, " %d\n", may ? s.exit_status : 0);
	if (space != NULL)
		vm_space_put(space);
	return 0;
}

int
proc_show_pid_statm(struct proc_node *n, struct proc_text *t)
{
	struct memory m;
	struct proc_program program = {0};
	struct vm_space *s = proc_node_space(n);
	take_memory(s, &m);
	if (s != NULL) {
		proc_find_program(s, &program);
		vm_space_put(s);
	}
	proc_printf(t, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)m.size,
		(unsigned long long)m.resident, (unsigned long long)m.file + m.shmem,
		(unsigned long long)program.code_pages, (unsigned long long)m.data + m.stack);
	return 0;
}

/* --- status. --- */

static void
show_ids(struct proc_text *t, const struct cred *c)
{
	proc_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
}

static void
show_groups(struct proc_text *t, const struct cred *c)
{
	proc_printf(t, "Groups:\t");
	for (uint32_t i = 0; c->groups != NULL && i < c->groups->n; i++)
		proc_printf(t, "%u ", c->groups->gid[i]);
	proc_printf(t, "\n");
}

static void
show_kib(struct proc_text *t, const char *name, uint64_t pages)
{
	proc_printf(t, "%s:\t%8llu kB\n", name, (unsigned long long)pages * (PAGE_SIZE / 1024));
}

static void
show_memory(struct proc_text *t, struct vm_space *s)
{
	struct memory m;
	struct proc_program program;
	take_memory(s, &m);
	proc_find_program(s, &program);
	show_kib(t, "VmSize", m.size);
	show_kib(t, "VmLck", m.locked);
	show_kib(t, "VmHWM", max(m.peak, m.resident));
	show_kib(t, "VmRSS", m.resident);
	show_kib(t, "RssAnon", m.anon);
	show_kib(t, "RssFile", m.file);
	show_kib(t, "RssShmem", m.shmem);
	show_kib(t, "VmData", m.data);
	show_kib(t, "VmStk", m.stack);
	show_kib(t, "VmExe", program.code_pages);
	show_kib(t, "VmLib", program.library_pages);
	show_kib(t, "VmSwap", 0);
}

static void
show_signals(struct proc_text *t, const struct snapshot *s)
{
	proc_printf(t, "SigQ:\t%u/%llu\n", s->nr_signals, (unsigned long long)s->max_signals);
	proc_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\n", (unsigned long long)s->pending,
		(unsigned long long)s->shared);
	proc_printf(t, "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		(unsigned long long)s->blocked, (unsigned long long)s->ignored,
		(unsigned long long)s->caught);
}

/* Linux's capabilities, as capget(2) tells them. */
static void
show_capabilities(struct proc_text *t, const struct cred *c)
{
	proc_printf(t,
		"CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		"CapAmb:\t%016llx\nNoNewPrivs:\t%d\n",
		(unsigned long long)c->lcaps.inheritable, (unsigned long long)c->lcaps.permitted,
		(unsigned long long)c->lcaps.effective, (unsigned long long)c->lcaps.bounding, 0ULL,
		c->no_new_privs);
}

static void
show_cpus(struct proc_text *t, const struct snapshot *s)
{
	char text[CPUS_MAX * 4];
	format_bit_mask(text, sizeof(text), s->affinity.w, cpu_count);
	proc_printf(t, "Cpus_allowed:\t%s\n", text);
	format_bit_list(text, sizeof(text), s->affinity.w, cpu_count);
	proc_printf(t, "Cpus_allowed_list:\t%s\n", text);
}

int
proc_show_pid_status(struct proc_node *n, struct proc_text *t)
{
	struct snapshot s;
	const struct cred *c = proc_node_cred(n);
	if (c == NULL)
		return -ESRCH;
	take_snapshot(n, &s);
	proc_printf(t, "Name:\t");
	proc_write_escaped(t, s.name, "");
	proc_printf(t, "\n");
	if (s.has_fs)
		proc_printf(t, "Umask:\t%04o\n", s.umask);
	proc_printf(t, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		s.state, state_name(s.state), n->key.process->pid, s.id, s.ppid);
	show_ids(t, c);
	proc_printf(t, "FDSize:\t%u\n", s.fd_size);
	show_groups(t, c);
	proc_printf(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", n->key.process->pid,
		s.id, s.pgrp, s.session);
	struct vm_space *space = proc_node_space(n);
	if (space != NULL) {
		show_memory(t, space);
		vm_space_put(space);
	}
	proc_printf(t, "CoreDumping:\t0\nThreads:\t%u\n", s.nr_tasks);
	show_signals(t, &s);
	show_capabilities(t, c);
	show_cpus(t, &s);
	proc_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		(unsigned long long)s.used.nr_voluntary, (unsigned long long)s.used.nr_involuntary);
	cred_put(c);
	return 0;
}
