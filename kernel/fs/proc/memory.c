/* SPDX-License-Identifier: MIT */
/* Memory: meminfo, vmstat, slabinfo, swaps. */
#include <string.h>

#include "core/cpu.h"
#include "fs/proc/internal.h"
#include "mm/object.h"
#include "mm/page.h"
#include "mm/slab.h"

/* Caches of what is only remembered: reclaim empties them. */
static void
add_reclaimable(
	void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages)
{
	static const char *const names[] = {"dentry", "base_inode", "proc_node"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			*(uint64_t *)ctx += pages;
}

uint64_t
proc_reclaimable_slab_pages(void)
{
	uint64_t pages = 0;
	slab_for_each(add_reclaimable, &pages);
	return pages;
}

static void
show_kib(struct proc_text *t, const char *name, uint64_t pages)
{
	size_t line = t->len;
	proc_printf(t, "%s:", name);
	proc_pad_to(t, line, 16);
	proc_printf(t, "%8llu kB\n", (unsigned long long)pages * (PAGE_SIZE / 1024));
}

int
proc_show_meminfo(struct proc_node *n, struct proc_text *t)
{
	struct page_stats s;
	page_get_stats(&s);
	uint64_t reclaimable = min(proc_reclaimable_slab_pages(), s.slab);
	/* Pages of files that can be read again; the rest of the cache is tmpfs and shared memory. */
	uint64_t clean = min(vm_lru_pages(), s.cached), shmem = s.cached - clean;
	show_kib(t, "MemTotal", s.total);
	show_kib(t, "MemFree", s.free);
	show_kib(t, "MemAvailable", s.free + clean + reclaimable / 2);
	show_kib(t, "Buffers", 0);
	show_kib(t, "Cached", s.cached);
	show_kib(t, "SwapCached", 0);
	show_kib(t, "Active", s.anon + shmem);
	show_kib(t, "Inactive", clean);
	show_kib(t, "Active(anon)", s.anon + shmem);
	show_kib(t, "Inactive(anon)", 0);
	show_kib(t, "Active(file)", 0);
	show_kib(t, "Inactive(file)", clean);
	show_kib(t, "SwapTotal", 0);
	show_kib(t, "SwapFree", 0);
	show_kib(t, "AnonPages", s.anon);
	show_kib(t, "Shmem", shmem);
	show_kib(t, "KReclaimable", reclaimable);
	show_kib(t, "Slab", s.slab);
	show_kib(t, "SReclaimable", reclaimable);
	show_kib(t, "SUnreclaim", s.slab - reclaimable);
	show_kib(t, "KernelStack", s.stacks);
	show_kib(t, "PageTables", s.tables);
	return 0;
}

int
proc_show_vmstat(struct proc_node *n, struct proc_text *t)
{
	struct page_stats s;
	page_get_stats(&s);
	uint64_t clean = min(vm_lru_pages(), s.cached);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"nr_free_pages", s.free},
		{"nr_inactive_file", clean},
		{"nr_anon_pages", s.anon},
		{"nr_file_pages", s.cached},
		{"nr_shmem", s.cached - clean},
		{"nr_slab_reclaimable", min(proc_reclaimable_slab_pages(), s.slab)},
		{"nr_kernel_stack", s.stacks * (PAGE_SIZE / 1024)},
		{"nr_page_table_pages", s.tables},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		proc_printf(t, "%s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
	return 0;
}

/* A slab's size is not told apart: it is taken to be one page, or as many as one object needs. */
static void
show_slab(void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages)
{
	uint64_t per_slab = pages != 0 && total >= pages ? total / pages : 1;
	uint64_t pages_per_slab = total != 0 && pages > total ? pages / total : 1;
	proc_printf(ctx, "%-17s %6llu %6llu %6zu %4llu %4llu : tunables %4d %4d %4d", name,
		(unsigned long long)inuse, (unsigned long long)total, size,
		(unsigned long long)per_slab, (unsigned long long)pages_per_slab, 0, 0, 0);
	proc_printf(ctx, " : slabdata %6llu %6llu %6d\n",
		(unsigned long long)(pages / pages_per_slab),
		(unsigned long long)(pages / pages_per_slab), 0);
}

int
proc_show_slabinfo(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> "
		"<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
		"<active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each(show_slab, t);
	return 0;
}

int
proc_show_swaps(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}
