/* SPDX-License-Identifier: MIT */
/*
 * /proc/swos: what only swos has. Lines of a name and values, separated by blanks:
 * image (the base image that runs), net (GROUP NAME COUNT of the network's counters), net_drops (REASON COUNT of lost packets),
 * unimplemented (NAME NUMBER COUNT of calls that were tried in vain), objects (NAME
 * COUNT of everything that is allocated, for leak checks), fault and disk (debug build: core/faultinject.h,
 * dev/block/exercise.h).
 */
#include <string.h>

#include "core/faultinject.h"
#include "core/sched.h"
#include "dev/block/exercise.h"
#include "fs/base/basefs.h"
#include "fs/proc/format.h"
#include "fs/proc/net.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/sock/charge.h"
#include "syscall/syscall.h"

static int
show_image(struct proc_node *n, struct proc_text *t)
{
	const struct image_info *i = basefs_info();
	if (i == NULL)
		return 0;
	proc_printf(t, "kind %s\nname %s\ngeneration %llu\ndevelopment %s\n", i->kind, i->name,
		(unsigned long long)i->generation, i->development ? "yes" : "no");
	return 0;
}

static void
show_call(void *ctx, const char *name, uint64_t number, uint64_t count)
{
	proc_printf(
		ctx, "%s %llu %llu\n", name, (unsigned long long)number, (unsigned long long)count);
}

static int
show_unimplemented(struct proc_node *n, struct proc_text *t)
{
	syscall_for_each_unimplemented(show_call, t);
	return 0;
}

/* --- objects. --- */

static void
show_count(struct proc_text *t, const char *name, uint64_t value)
{
	proc_printf(t, "%s %llu\n", name, (unsigned long long)value);
}

static void
show_slab(void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages)
{
	proc_printf(ctx, "slab_%s %llu\n", name, (unsigned long long)inuse);
}

/* Handles of a process; tables that processes share count for each. */
static uint64_t
count_handles(struct process *p)
{
	uint64_t count = 0;
	struct task *t = process_any_task(p);
	if (t == NULL)
		return 0;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	if (t->handles != NULL)
		count = PROC_READ(t->handles->count);
	spin_unlock_irq_restore(&p->lock, flags);
	task_put(t);
	return count;
}

static void
show_processes(struct proc_text *t)
{
	uint64_t processes = 0, handles = 0;
	struct process *p;
	for (pid_t nr = 1; (p = process_next(view_initial(), &nr)) != NULL; nr++) {
		processes++;
		handles += count_handles(p);
		process_put(p);
		sched_point();
	}
	show_count(t, "processes", processes);
	show_count(t, "tasks", tasks_count());
	show_count(t, "handles", handles);
}

static int
show_objects(struct proc_node *n, struct proc_text *t)
{
	struct page_stats s;
	tasks_reap();
	page_get_stats(&s);
	show_count(t, "pages_total", s.total);
	show_count(t, "pages_free", s.free);
	show_count(t, "pages_cached", s.cached);
	show_count(t, "pages_anon", s.anon);
	show_count(t, "pages_slab", s.slab);
	show_count(t, "pages_tables", s.tables);
	show_count(t, "pages_stacks", s.stacks);
	show_count(t, "pages_reserved", s.reserved);
	show_count(t, "socket_memory", (uint64_t)net_memory_held(current_net()));
	show_processes(t);
	slab_for_each(show_slab, t);
	return 0;
}

/* --- fault. --- */

#ifdef SWOS_DEBUG
static int
show_fault(struct proc_node *n, struct proc_text *t)
{
	char text[FAULT_INJECT_TEXT_MAX];
	fault_inject_show(text, sizeof(text));
	proc_printf(t, "%s", text);
	return 0;
}

static int
write_fault(struct proc_node *n, char *text)
{
	return fault_inject_set(text, strlen(text));
}

static int
write_disk(struct proc_node *n, char *text)
{
	return block_exercise(text);
}
#endif

static const struct proc_entry swos_entries[] = {
	{"image", S_IFREG | 0444, .show = show_image},
	{"net", S_IFREG | 0444, .show = proc_show_net_counters},
	{"net_drops", S_IFREG | 0444, .show = proc_show_net_drops},
	{"unimplemented", S_IFREG | 0444, .show = show_unimplemented},
	{"objects", S_IFREG | 0400, .show = show_objects},
#ifdef SWOS_DEBUG
	{"fault", S_IFREG | 0600, .write_caps = CAP_CONSOLE, .show = show_fault,
		.write = write_fault},
	{"disk", S_IFREG | 0200, .write_caps = CAP_CONSOLE, .write = write_disk},
#endif
};
const struct proc_dir proc_swos_dir = {.id = PROC_DIR_SWOS, PROC_ENTRIES(swos_entries)};
