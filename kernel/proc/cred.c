/* SPDX-License-Identifier: MIT */
/*
 * Credentials: immutable objects that tasks share, and what each user has in use.
 *
 * A change copies, edits the private copy and installs it. Others read a task's credentials under its process's lock,
 * where they are replaced. Accounts are found by uid in a small hash table, as long as somebody refers to them.
 */
#include "proc/cred.h"

#include <string.h>

#include "core/panic.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/principals.h"

#define ACCOUNT_BUCKETS 64

static struct slab_cache *cred_cache;
static struct spinlock accounts_lock = SPINLOCK_INIT("user_accounts"); /* irq-safe, a leaf */
static struct user_account *accounts[ACCOUNT_BUCKETS];                 /* [accounts_lock] */

static struct user_account **
account_find(uid_t uid)
{
	struct user_account **link = &accounts[uid % ACCOUNT_BUCKETS];
	while (*link != NULL && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

struct user_account *
user_account_get(uid_t uid)
{
	struct user_account *fresh = NULL;
	for (;;) {
		uint64_t flags = spin_lock_irq_save(&accounts_lock);
		struct user_account **link = account_find(uid), *a = *link;
		if (a != NULL)
			refcount_get(&a->refs);
		else if (fresh != NULL)
			*link = a = fresh;
		spin_unlock_irq_restore(&accounts_lock, flags);
		if (a != NULL) {
			if (a != fresh)
				kfree(fresh);
			return a;
		}
		fresh = kzalloc(sizeof(*fresh));
		if (fresh == NULL)
			return NULL;
		refcount_init(&fresh->refs, 1);
		fresh->uid = uid;
	}
}

/* The last reference goes under the lock, so that nobody finds an account that is being freed. */
void
user_account_put(struct user_account *a)
{
	if (refcount_read(&a->refs) > 1) {
		uint32_t n = refcount_read(&a->refs);
		while (n > 1)
			if (atomic_compare_exchange_weak_explicit(&a->refs.count, &n, n - 1,
				    memory_order_release, memory_order_relaxed))
				return;
	}
	uint64_t flags = spin_lock_irq_save(&accounts_lock);
	bool last = refcount_put(&a->refs);
	if (last) {
		struct user_account **link = account_find(a->uid);
		*link = a->next;
	}
	spin_unlock_irq_restore(&accounts_lock, flags);
	if (last)
		kfree(a);
}

void
cred_get(const struct cred *c)
{
	refcount_get((refcount_t *)&c->refs);
}

static void
groups_put(struct group_list *g)
{
	if (g != NULL && refcount_put(&g->refs))
		kfree(g);
}

static void
cred_destroy(struct cred *c)
{
	groups_put(c->groups);
	user_account_put(c->account);
	slab_free(cred_cache, c);
}

void
cred_put(const struct cred *c)
{
	if (refcount_put((refcount_t *)&c->refs))
		cred_destroy((struct cred *)c);
}

struct cred *
cred_copy(const struct cred *from)
{
	struct cred *c = slab_alloc(cred_cache, 0);
	if (c == NULL)
		return NULL;
	*c = *from;
	refcount_init(&c->refs, 1);
	refcount_get(&c->account->refs);
	if (c->groups != NULL)
		refcount_get(&c->groups->refs);
	return c;
}

const struct cred *
cred_install_locked(struct cred *c)
{
	struct task *t = current_task();
	const struct cred *old = t->cred;
	if (c->account != old->account) {
		atomic_fetch_add_explicit(&c->account->nr_tasks, 1, memory_order_relaxed);
		atomic_fetch_sub_explicit(&old->account->nr_tasks, 1, memory_order_relaxed);
	}
	t->cred = c;
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
		c->fsgid != old->fsgid) {
		/* As somebody else it is not the parent's to look into, nor to be signalled by its death. */
		atomic_fetch_or_explicit(
			&t->process->flags, PROCESS_NOT_DUMPABLE, memory_order_relaxed);
		t->pdeath_signal = 0;
	}
	return old;
}

void
cred_install(struct cred *c)
{
	struct process *p = current_process();
	uint64_t flags = spin_lock_irq_save(&p->lock);
	const struct cred *old = cred_install_locked(c);
	spin_unlock_irq_restore(&p->lock, flags);
	cred_put(old);
}

bool
cred_in_group(const struct cred *c, gid_t gid)
{
	const struct group_list *g = c->groups;
	uint32_t low = 0, high = g != NULL ? g->n : 0;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (g->gid[mid] == gid)
			return true;
		if (g->gid[mid] < gid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool
cred_may_exceed_memlock(void)
{
	return cred_can(current_cred(), LINUX_CAP_IPC_LOCK);
}

bool
cred_tasks_over_limit(const struct cred *c)
{
	return atomic_load_explicit(&c->account->nr_tasks, memory_order_relaxed) >
		current_rlimit(RLIMIT_NPROC);
}

bool
cred_may_signal(const struct cred *target)
{
	const struct cred *c = current_cred();
	return cred_can(c, LINUX_CAP_KILL) || c->euid == target->suid || c->euid == target->uid ||
		c->uid == target->suid || c->uid == target->uid;
}

/*
 * Whom the ids now stand for decides about capabilities: as the process's own principal it has what it itself had
 * (caps_saved); as anybody else, only what that one may have too. When no id leads back, the loss is for good.
 */
void
cred_changed_ids(struct cred *c, const struct cred *old)
{
	if (c->euid == old->euid && c->uid == old->uid && c->suid == old->suid)
		return;
	if (c->euid == c->principal)
		c->caps = c->caps_saved;
	else
		c->caps = c->caps_saved & principal_caps(c->euid);
	if (c->uid == c->principal || c->euid == c->principal || c->suid == c->principal)
		return;
	c->caps_saved = c->caps;
	if (principal_known(c->euid))
		c->principal = c->euid;
}

/* The first credentials: uid 0 with every capability. */
struct cred *
cred_create_initial(void)
{
	struct cred *c = slab_alloc(cred_cache, KM_ZERO);
	if (c == NULL)
		return NULL;
	refcount_init(&c->refs, 1);
	c->account = user_account_get(0);
	if (c->account == NULL) {
		slab_free(cred_cache, c);
		return NULL;
	}
	c->caps = c->caps_saved = CAP_ALL;
	linux_caps_of_uid(&c->lcaps, 0);
	return c;
}

void
cred_init(void)
{
	cred_cache = slab_cache_create("cred", sizeof(struct cred), 0);
}
