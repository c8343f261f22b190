/* SPDX-License-Identifier: MIT */
/*
 * procfs: what the system and its processes are, as files, in the formats that Linux programs expect.
 *
 * Nothing in it is stored: names are looked up when they are used, contents are made when they are read. Own
 * additions live in /proc/swos alone.
 *
 * Who sees what: a process of another principal does not exist for readers without CAP_INSPECT. What a process holds
 * (memory, environment, open files, directories) is for itself, and for those whose ids are all the process's own or
 * root, as proc_check_access() (fs/proc/internal.h) decides.
 */
#ifndef FS_PROC_PROCFS_H
#define FS_PROC_PROCFS_H

/* Boot, after vfs_init() and random_init(): makes "proc" known to mount(2). */
void procfs_init(void);

#endif
