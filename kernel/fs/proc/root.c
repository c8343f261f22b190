/* SPDX-License-Identifier: MIT */
/* /proc itself: the table of its names. */
#include "base/fmt.h"
#include "fs/proc/internal.h"

static ssize_t
readlink_self(struct proc_node *n, char *buf, size_t size)
{
	if (arch_current()->process == NULL)
		return -ENOENT;
	return base_scnprintf(buf, size, "%d", current_process()->pid);
}

static ssize_t
readlink_thread_self(struct proc_node *n, char *buf, size_t size)
{
	if (arch_current()->process == NULL)
		return -ENOENT;
	return base_scnprintf(buf, size, "%d/task/%d", current_process()->pid, current_task()->tid);
}

static ssize_t
readlink_mounts(struct proc_node *n, char *buf, size_t size)
{
	return base_scnprintf(buf, size, "self/mounts");
}

static ssize_t
readlink_net(struct proc_node *n, char *buf, size_t size)
{
	return base_scnprintf(buf, size, "self/net");
}

static const struct proc_entry root_entries[] = {
	{"self", S_IFLNK | 0777, .readlink = readlink_self},
	{"thread-self", S_IFLNK | 0777, .readlink = readlink_thread_self},
	{"net", S_IFLNK | 0777, .readlink = readlink_net},
	{"mounts", S_IFLNK | 0777, .readlink = readlink_mounts},
	{"cmdline", S_IFREG | 0444, .show = proc_show_cmdline},
	{"cpuinfo", S_IFREG | 0444, .show = proc_show_cpuinfo},
	{"devices", S_IFREG | 0444, .show = proc_show_devices},
	{"filesystems", S_IFREG | 0444, .show = proc_show_filesystems},
	{"interrupts", S_IFREG | 0444, .show = proc_show_interrupts},
	{"loadavg", S_IFREG | 0444, .show = proc_show_loadavg},
	{"meminfo", S_IFREG | 0444, .show = proc_show_meminfo},
	{"partitions", S_IFREG | 0444, .show = proc_show_partitions},
	{"slabinfo", S_IFREG | 0400, .show = proc_show_slabinfo},
	{"stat", S_IFREG | 0444, .show = proc_show_stat},
	{"swaps", S_IFREG | 0444, .show = proc_show_swaps},
	{"uptime", S_IFREG | 0444, .show = proc_show_uptime},
	{"version", S_IFREG | 0444, .show = proc_show_version},
	{"vmstat", S_IFREG | 0444, .show = proc_show_vmstat},
	{"swos", S_IFDIR | 0555, .dir = &proc_swos_dir},
	{"sys", S_IFDIR | 0555, .dir = &proc_sys_dir},
	{"tty", S_IFDIR | 0555, .dir = &proc_tty_dir},
};

static const struct proc_dir root_dir = {
	.id = PROC_DIR_ROOT, PROC_ENTRIES(root_entries), .numbers = &proc_processes};

const struct proc_entry proc_root_entry = {"/", S_IFDIR | 0555, .dir = &root_dir};
