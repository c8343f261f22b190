/* SPDX-License-Identifier: MIT */
/* Devices and file systems: devices, partitions, filesystems, tty/. */
#include "dev/block/block.h"
#include "fs/proc/internal.h"

#define BLOCK_MAJOR  254 /* virtio disks, as Linux numbers them on this machine */
#define BLOCK_MINORS 16  /* of each disk: itself and its partitions */

int
proc_show_devices(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t,
		"Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n204 ttyAMA\n"
		"\nBlock devices:\n");
	if (block_next(NULL) != NULL)
		proc_printf(t, "%3d virtblk\n", BLOCK_MAJOR);
	return 0;
}

int
proc_show_partitions(struct proc_node *n, struct proc_text *t)
{
	struct block_device *dev = NULL;
	proc_printf(t, "major minor  #blocks  name\n\n");
	for (uint32_t i = 0; (dev = block_next(dev)) != NULL; i++)
		proc_printf(t, "%4d  %7u %10llu %s\n", BLOCK_MAJOR, i * BLOCK_MINORS,
			(unsigned long long)(block_capacity(dev) / 1024), dev->name);
	return 0;
}

int
proc_show_filesystems(struct proc_node *n, struct proc_text *t)
{
	for (const struct fs_type *type = fs_type_next(NULL); type != NULL;
		type = fs_type_next(type))
		proc_printf(t, "%s\t%s\n", type->nodev ? "nodev" : "", type->name);
	return 0;
}

static int
show_tty_drivers(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t,
		"/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
		"/dev/console         /dev/console    5       1 system:console\n"
		"ttyAMA               /dev/ttyAMA   204 64-77 serial\n");
	return 0;
}

static const struct proc_entry tty_entries[] = {
	{"drivers", S_IFREG | 0444, .show = show_tty_drivers},
};
const struct proc_dir proc_tty_dir = {.id = PROC_DIR_TTY, PROC_ENTRIES(tty_entries)};
