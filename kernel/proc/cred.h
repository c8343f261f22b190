/* SPDX-License-Identifier: MIT */
/*
 * Credentials and the security context of a task: immutable once published, shared by reference, replaced as a whole.
 */
#ifndef PROC_CRED_H
#define PROC_CRED_H

#include "abi/linux/capability.h"
#include "caps.h" /* generated from abi/caps.tbl: CAP_CONSOLE … */
#include "core/refcount.h"
#include "core/types.h"

/* [I] but for refs. */
struct group_list {
	refcount_t refs;
	uint32_t n;
	gid_t gid[]; /* sorted */
};

/* What one real uid uses, against RLIMIT_NPROC, RLIMIT_SIGPENDING, RLIMIT_NOFILE and the limits on pipes. */
struct user_account {
	refcount_t refs;
	uid_t uid; /* [I] */
	_Atomic uint32_t nr_tasks;
	_Atomic uint32_t nr_signals;    /* queued siginfos, timers */
	_Atomic uint32_t nr_pipe_pages; /* what its pipes may hold (vfs/pipe.c) */
	_Atomic uint32_t nr_in_flight;  /* handles that it has sent and nobody has received */
	struct user_account *next;      /* [accounts_lock] */
};

/* Linux's capabilities of a task, a bit per LINUX_CAP_* (proc/linux_caps.c). */
struct linux_caps {
	uint64_t effective, permitted, inheritable, bounding;
};

/* [I] but for refs, once others may see it. */
struct cred {
	refcount_t refs;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	struct group_list *groups;    /* referenced; NULL: none */
	struct user_account *account; /* referenced: uid's */
	uint32_t principal;           /* a uid with an entry in the identity store */
	uint32_t session;
	caps_t caps;       /* what it may do now */
	caps_t caps_saved; /* what restoring the saved uid may bring back */
	struct linux_caps lcaps;
	bool no_new_privs;
	bool keep_caps; /* PR_SET_KEEPCAPS: giving up uid 0 leaves what is permitted */
};

void cred_get(const struct cred *c);
void cred_put(const struct cred *c);
struct cred *cred_copy(
	const struct cred *from) MUST_CHECK; /* one reference, still private; NULL: out of memory */
void cred_install(struct cred *c); /* replaces the running task's; takes over the reference */
/* The same under process->lock; returns the former ones, for cred_put() after it. */
const struct cred *cred_install_locked(struct cred *c) MUST_CHECK;
void user_account_put(struct user_account *a);
bool cred_in_group(const struct cred *c, gid_t gid);

/* Whether c's Linux capabilities let it do what LINUX_CAP_* cap stands for. */
static inline bool
cred_can(const struct cred *c, uint32_t cap)
{
	return (c->lcaps.effective >> cap & 1) != 0;
}

#endif
