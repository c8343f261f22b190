/* SPDX-License-Identifier: MIT */
/* /proc/sys: the settings that programs look for, and the few that can be changed. */
#include <string.h>

#include "abi/linux/capability.h"
#include "base/fmt.h"
#include "dev/rng/random.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "proc/uts.h"
#include "vfs/pipe.h"

#define PID_MAX_LOWEST 301 /* numbers below stay with the system's own after the first round */

/* --- kernel. --- */

static int
show_view_name(struct proc_text *t, struct view *v, const char *field)
{
	char name[HOSTNAME_MAX + 1];
	spin_lock(&v->lock);
	memcpy(name, field, sizeof(name));
	spin_unlock(&v->lock);
	proc_printf(t, "%s\n", name);
	return 0;
}

static int
write_view_name(struct view *v, char *field, const char *text)
{
	char name[HOSTNAME_MAX + 1] = "";
	size_t len = strlen(text);
	if (len > HOSTNAME_MAX)
		return -EINVAL;
	memcpy(name, text, len);
	spin_lock(&v->lock);
	memcpy(field, name, sizeof(name));
	spin_unlock(&v->lock);
	return 0;
}

static int
show_hostname(struct proc_node *n, struct proc_text *t)
{
	return show_view_name(t, current_view(), current_view()->hostname);
}

static int
write_hostname(struct proc_node *n, char *text)
{
	return write_view_name(current_view(), current_view()->hostname, text);
}

static int
show_domainname(struct proc_node *n, struct proc_text *t)
{
	return show_view_name(t, current_view(), current_view()->domainname);
}

static int
write_domainname(struct proc_node *n, char *text)
{
	return write_view_name(current_view(), current_view()->domainname, text);
}

static int
show_osrelease(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n", UTS_RELEASE);
	return 0;
}

static int
show_ostype(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n", UTS_SYSNAME);
	return 0;
}

static int
show_uts_version(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n", UTS_VERSION);
	return 0;
}

static int
show_pid_max(struct proc_node *n, struct proc_text *t)
{
	proc_printf(
		t, "%d\n", atomic_load_explicit(&current_view()->pid_max, memory_order_relaxed));
	return 0;
}

static int
write_pid_max(struct proc_node *n, char *text)
{
	int64_t value;
	if (!parse_integer(text, PID_MAX_LOWEST, PID_MAX, &value))
		return -EINVAL;
	atomic_store_explicit(&current_view()->pid_max, (int32_t)value, memory_order_relaxed);
	return 0;
}

static int
show_threads_max(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%u\n", tasks_limit());
	return 0;
}

static int
show_cap_last_cap(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%d\n", LINUX_CAP_LAST);
	return 0;
}

static int
show_ngroups_max(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "65536\n");
	return 0;
}

/* What taints a kernel elsewhere, foreign modules and the like, there is not. */
static int
show_tainted(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "0\n");
	return 0;
}

/* --- kernel/random. --- */

static void
make_uuid(char *out, size_t size)
{
	uint8_t b[16];
	random_fill(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4, variant 1: RFC 9562 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	base_snprintf(out, size,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

void
procfs_boot_id_init(void)
{
	struct view *v = view_initial();
	if (v->boot_id[0] == '\0')
		make_uuid(v->boot_id, sizeof(v->boot_id));
}

static int
show_boot_id(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%s\n", current_view()->boot_id);
	return 0;
}

static int
show_uuid(struct proc_node *n, struct proc_text *t)
{
	char uuid[37];
	make_uuid(uuid, sizeof(uuid));
	proc_printf(t, "%s\n", uuid);
	return 0;
}

/* A generator that was seeded stays good: there is no less of it after use. */
static int
show_entropy_avail(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%d\n", random_ready() ? 256 : 0);
	return 0;
}

static int
show_poolsize(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "256\n");
	return 0;
}

/* --- vm. --- */

/* 1: page cache; 2: names, inodes and slabs; 3: both. For leak checks: what exited tasks left goes too. */
static int
write_drop_caches(struct proc_node *n, char *text)
{
	int64_t what;
	if (!parse_integer(text, 1, 3, &what))
		return -EINVAL;
	tasks_reap();
	if (what & 2)
		while (dentry_shrink(UINT64_MAX) != 0) /* directories follow what was in them */
			;
	if (what & 1)
		vm_drop_caches();
	(void)slab_drain();
	page_drain(true);
	return 0;
}

/* Mappings are refused when they are hopeless by themselves, not by their sum. */
static int
show_overcommit_memory(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "0\n");
	return 0;
}

static int
show_max_map_count(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%u\n", VM_AREAS_MAX);
	return 0;
}

static int
show_mmap_min_addr(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%llu\n", (unsigned long long)VM_MMAP_MIN);
	return 0;
}

/* --- fs. --- */

/* Memory and each process's limit bound open files, nothing else. */
static int
show_file_max(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%lld\n", (long long)INT64_MAX);
	return 0;
}

static void
count_files(
	void *ctx, const char *name, size_t size, uint64_t inuse, uint64_t total, uint64_t pages)
{
	if (strcmp(name, "file") == 0)
		*(uint64_t *)ctx = inuse;
}

static int
show_file_nr(struct proc_node *n, struct proc_text *t)
{
	uint64_t files = 0;
	slab_for_each(count_files, &files);
	proc_printf(t, "%llu\t0\t%lld\n", (unsigned long long)files, (long long)INT64_MAX);
	return 0;
}

static int
show_nr_open(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%u\n", HANDLES_MAX);
	return 0;
}

static int
show_pipe_max_size(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%u\n", atomic_load_explicit(&pipe_size_max, memory_order_relaxed));
	return 0;
}

/* Always on: vfs/permission.c. */
static int
show_protected(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "1\n");
	return 0;
}

static int
write_pipe_max_size(struct proc_node *n, char *text)
{
	int64_t value;
	if (!parse_integer(text, PAGE_SIZE, INT32_MAX, &value))
		return -EINVAL;
	uint32_t size = PAGE_SIZE; /* pipes have a power of two of pages */
	while (size < (uint64_t)value)
		size *= 2;
	atomic_store_explicit(&pipe_size_max, size, memory_order_relaxed);
	return 0;
}

static int
write_pages(_Atomic uint32_t *to, char *text)
{
	int64_t value;
	if (!parse_integer(text, 0, INT32_MAX, &value))
		return -EINVAL;
	atomic_store_explicit(to, (uint32_t)value, memory_order_relaxed);
	return 0;
}

static int
write_pipe_user_soft(struct proc_node *n, char *text)
{
	return write_pages(&pipe_user_soft, text);
}

static int
write_pipe_user_hard(struct proc_node *n, char *text)
{
	return write_pages(&pipe_user_hard, text);
}

static int
show_pipe_user_pages(struct proc_node *n, struct proc_text *t)
{
	bool soft = n->entry->write == write_pipe_user_soft;
	proc_printf(t, "%u\n",
		atomic_load_explicit(
			soft ? &pipe_user_soft : &pipe_user_hard, memory_order_relaxed));
	return 0;
}

/* --- Tables. --- */

static const struct proc_entry random_entries[] = {
	{"boot_id", S_IFREG | 0444, .show = show_boot_id},
	{"entropy_avail", S_IFREG | 0444, .show = show_entropy_avail},
	{"poolsize", S_IFREG | 0444, .show = show_poolsize},
	{"uuid", S_IFREG | 0444, .show = show_uuid},
};
static const struct proc_dir random_dir = {.id = PROC_DIR_SYS_RANDOM, PROC_ENTRIES(random_entries)};

static const struct proc_entry kernel_entries[] = {
	{"cap_last_cap", S_IFREG | 0444, .show = show_cap_last_cap},
	{"domainname", S_IFREG | 0644, .write_caps = CAP_CONSOLE, .show = show_domainname,
		.write = write_domainname},
	{"hostname", S_IFREG | 0644, .write_caps = CAP_CONSOLE, .show = show_hostname,
		.write = write_hostname},
	{"ngroups_max", S_IFREG | 0444, .show = show_ngroups_max},
	{"osrelease", S_IFREG | 0444, .show = show_osrelease},
	{"ostype", S_IFREG | 0444, .show = show_ostype},
	{"pid_max", S_IFREG | 0644, .write_caps = CAP_CONSOLE, .show = show_pid_max,
		.write = write_pid_max},
	{"random", S_IFDIR | 0555, .dir = &random_dir},
	{"tainted", S_IFREG | 0444, .show = show_tainted},
	{"threads-max", S_IFREG | 0444, .show = show_threads_max},
	{"version", S_IFREG | 0444, .show = show_uts_version},
};
static const struct proc_dir kernel_dir = {.id = PROC_DIR_SYS_KERNEL, PROC_ENTRIES(kernel_entries)};

static const struct proc_entry vm_entries[] = {
	{"drop_caches", S_IFREG | 0200, .flags = PROC_SETTING, .write_caps = CAP_CONSOLE,
		.write = write_drop_caches},
	{"max_map_count", S_IFREG | 0444, .show = show_max_map_count},
	{"mmap_min_addr", S_IFREG | 0444, .show = show_mmap_min_addr},
	{"overcommit_memory", S_IFREG | 0444, .show = show_overcommit_memory},
};
static const struct proc_dir vm_dir = {.id = PROC_DIR_SYS_VM, PROC_ENTRIES(vm_entries)};

static const struct proc_entry fs_entries[] = {
	{"file-max", S_IFREG | 0444, .show = show_file_max},
	{"file-nr", S_IFREG | 0444, .show = show_file_nr},
	{"nr_open", S_IFREG | 0444, .show = show_nr_open},
	{"pipe-max-size", S_IFREG | 0644, .write_caps = CAP_CONSOLE, .show = show_pipe_max_size,
		.write = write_pipe_max_size},
	{"pipe-user-pages-hard", S_IFREG | 0644, .write_caps = CAP_CONSOLE,
		.show = show_pipe_user_pages, .write = write_pipe_user_hard},
	{"pipe-user-pages-soft", S_IFREG | 0644, .write_caps = CAP_CONSOLE,
		.show = show_pipe_user_pages, .write = write_pipe_user_soft},
	{"protected_fifos", S_IFREG | 0444, .show = show_protected},
	{"protected_hardlinks", S_IFREG | 0444, .show = show_protected},
	{"protected_regular", S_IFREG | 0444, .show = show_protected},
	{"protected_symlinks", S_IFREG | 0444, .show = show_protected},
};
static const struct proc_dir fs_dir = {.id = PROC_DIR_SYS_FS, PROC_ENTRIES(fs_entries)};

static const struct proc_entry sys_entries[] = {
	{"fs", S_IFDIR | 0555, .dir = &fs_dir},
	{"kernel", S_IFDIR | 0555, .dir = &kernel_dir},
	{"net", S_IFDIR | 0555, .dir = &proc_sys_net_dir},
	{"vm", S_IFDIR | 0555, .dir = &vm_dir},
};
const struct proc_dir proc_sys_dir = {.id = PROC_DIR_SYS, PROC_ENTRIES(sys_entries)};
