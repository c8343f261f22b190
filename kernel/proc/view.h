/* SPDX-License-Identifier: MIT */
/*
 * A view: what a process sees of the system as a whole: root directory, pid numbers, host name, network stack.
 * There is one, view_initial(); nothing reads such state from a global.
 */
#ifndef PROC_VIEW_H
#define PROC_VIEW_H

#include "base/radix.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/types.h"
#include "vfs/path.h"

#define HOSTNAME_MAX 64
#define PID_MAX      4194304 /* the first number that is never used */

struct net_stack;
struct process;

struct view {
	refcount_t refs;
	struct radix pids;       /* [tree_lock] number -> struct pid */
	pid_t next_pid;          /* [tree_lock] where the search for a free number begins */
	_Atomic int32_t pid_max; /* kernel.pid_max */
	struct process *init;    /* [tree_lock] pid 1: adopts orphans */
	struct spinlock lock;
	char hostname[HOSTNAME_MAX + 1];   /* [lock] */
	char domainname[HOSTNAME_MAX + 1]; /* [lock] */
	struct path root;                  /* [I after boot] */
	struct net_stack *net;             /* [I after boot] */
	char boot_id[37];                  /* [I after boot] */
};

struct view *view_initial(void);

static inline struct view *
view_get(struct view *v)
{
	refcount_get(&v->refs);
	return v;
}

void view_put(struct view *v);
/* The running process's. */
struct view *current_view(void);

#endif
