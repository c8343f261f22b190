/* SPDX-License-Identifier: MIT */
/* The system as a whole: CPUs, time, load, interrupts, version. */
#include <string.h>

#include "arch/cpuinfo.h"
#include "base/fmt.h"
#include "core/irq.h"
#include "core/main.h"
#include "core/sched.h"
#include "core/wallclock.h"
#include "fs/proc/internal.h"
#include "proc/uts.h"

int
proc_show_cpuinfo(struct proc_node *n, struct proc_text *t)
{
	for_each_cpu (i) {
		char text[1024];
		if (!atomic_load_explicit(&cpus[i]->online, memory_order_acquire))
			continue;
		size_t len = arch_cpu_describe(cpus[i], text, sizeof(text));
		proc_write_text(t, text, len);
	}
	return 0;
}

int
proc_show_uptime(struct proc_node *n, struct proc_text *t)
{
	struct sched_load load;
	nsec_t now = time_now();
	sched_get_load(&load);
	proc_printf(t, "%llu.%02llu %llu.%02llu\n", PROC_SECONDS(now), PROC_SECONDS(load.idle_ns));
	return 0;
}

static pid_t
last_pid(struct view *v)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	pid_t next = v->next_pid;
	spin_unlock_irq_restore(&tree_lock, flags);
	return next - 1;
}

int
proc_show_loadavg(struct proc_node *n, struct proc_text *t)
{
	struct sched_load load;
	sched_get_load(&load);
	for (int i = 0; i < 3; i++) {
		/* To the nearest hundredth. */
		uint64_t hundredths = ((uint64_t)load.avg[i] * 100 + (1u << 15)) >> 16;
		proc_printf(t, "%llu.%02llu ", (unsigned long long)(hundredths / 100),
			(unsigned long long)(hundredths % 100));
	}
	proc_printf(t, "%u/%u %d\n", load.nr_running, tasks_count(), last_pid(view_initial()));
	return 0;
}

/* --- stat. --- */

static uint64_t
idle_ns(const struct cpu *c, nsec_t now)
{
	uint64_t idle = relaxed_read(&c->idle_ns);
	nsec_t since = relaxed_read(&c->idle->run_start);
	if (relaxed_read(&c->current) == c->idle)
		idle += now - min(now, since);
	return min(idle, now);
}

struct cpu_time {
	uint64_t user, system, idle; /* ns */
};

/* What a CPU did since it was there: what is not idle is divided by the samples taken at the ends of slices. */
static struct cpu_time
cpu_time(const struct cpu *c, nsec_t now)
{
	uint64_t idle = idle_ns(c, now), busy = now - idle;
	uint64_t in_user = relaxed_read(&c->user_samples);
	uint64_t all = in_user + relaxed_read(&c->system_samples);
	uint64_t user = all == 0 ? busy : busy / all * in_user;
	return (struct cpu_time){user, busy - user, idle};
}

static void
show_cpu(struct proc_text *t, const char *name, const struct cpu_time *c)
{
	proc_printf(t, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name, PROC_TICKS(c->user),
		PROC_TICKS(c->system), PROC_TICKS(c->idle));
}

static void
count_irq(void *ctx, uint32_t intid, const char *name, uint64_t count)
{
	*(uint64_t *)ctx += count;
}

/* Tasks that wait for what no signal ends. */
static uint32_t
count_blocked(void)
{
	uint32_t blocked = 0;
	struct process *p;
	for (pid_t nr = 1; (p = process_next(view_initial(), &nr)) != NULL; nr++) {
		struct task *task;
		uint64_t flags = spin_lock_irq_save(&p->lock);
		list_for_each_entry (task, &p->tasks, process_node)
			blocked += atomic_load_explicit(&task->thread.state,
					   memory_order_relaxed) == THREAD_SLEEPING_UNINT;
		spin_unlock_irq_restore(&p->lock, flags);
		process_put(p);
		sched_point();
	}
	return blocked;
}

int
proc_show_stat(struct proc_node *n, struct proc_text *t)
{
	struct sched_load load;
	nsec_t now = time_now();
	uint64_t irqs = 0;
	struct cpu_time all = {0};
	sched_get_load(&load);
	for_each_cpu (i) {
		struct cpu_time one = cpu_time(cpus[i], now);
		all.user += one.user;
		all.system += one.system;
		all.idle += one.idle;
	}
	show_cpu(t, "cpu ", &all);
	for_each_cpu (i) {
		char name[16];
		struct cpu_time one = cpu_time(cpus[i], now);
		base_snprintf(name, sizeof(name), "cpu%u", i);
		show_cpu(t, name, &one);
	}
	irq_for_each(count_irq, &irqs);
	proc_printf(t, "intr %llu", (unsigned long long)irqs);
	proc_printf(t,
		"\nctxt %llu\nbtime %llu\nprocesses %d\nprocs_running %u\nprocs_blocked %u\n",
		(unsigned long long)load.nr_switches,
		(unsigned long long)(time_realtime_offset() / NSEC_PER_SEC),
		last_pid(view_initial()), load.nr_running, count_blocked());
	return 0;
}

/* --- Texts. --- */

int
proc_show_version(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s version %s (swos) (%s) %s\n", UTS_SYSNAME, UTS_RELEASE, __VERSION__,
		UTS_VERSION);
	return 0;
}

int
proc_show_cmdline(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n", kernel_cmdline());
	return 0;
}

/* Counts are kept per interrupt, not per CPU. */
static void
show_interrupt(void *ctx, uint32_t intid, const char *name, uint64_t count)
{
	proc_printf(ctx, "%4u: %12llu  %s  %s\n", intid, (unsigned long long)count,
		irq_chip()->name, name);
}

int
proc_show_interrupts(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "      %12s\n", "all CPUs");
	irq_for_each(show_interrupt, t);
	return 0;
}
