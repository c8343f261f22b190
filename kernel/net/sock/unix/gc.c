/* SPDX-License-Identifier: MIT */
/*
 * Sockets in flight that nobody can reach: each lies in a queue of another, or its own, and no process has a handle to
 * any of them. Reference counts alone never free such a ring.
 *
 * Mark and sweep over the sockets in flight. Candidates are those with no reference but those in flight. From each
 * candidate's count the references that lie in candidates' queues are taken off; what is left over comes from outside,
 * so it and all that its queue leads to lives. The rest is garbage: emptying its queues ends it.
 *
 * gc_lock (mutex) holds still what is compared: a handle enters flight (after its reference was taken) and leaves it
 * (before it gets into a table) only under it, and so is copied by MSG_PEEK. A candidate therefore cannot become
 * reachable while the collector looks: whoever could take it out of a queue waits here first.
 */
#include "mm/slab.h"
#include "net/sock/unix/rights.h"
#include "net/sock/unix/unix.h"

#define CLOSES_PER_SOCKET \
	4u /* a collection is due when that part of what is in flight was closed since the last */

static struct mutex gc_lock;
static struct list_node in_flight =
	LIST_INIT(in_flight);         /* [gc_lock] sockets with in_flight != 0 */
static _Atomic uint32_t nr_in_flight; /* [gc_lock to change] of them */
static _Atomic uint32_t closes;       /* of AF_UNIX sockets, since the last collection */

void
unix_gc_init(void)
{
	mutex_init(&gc_lock, "unix.gc");
}

void
unix_gc_lock(void) NO_LOCK_ANALYSIS
{
	mutex_lock(&gc_lock);
}

void
unix_gc_unlock(void) NO_LOCK_ANALYSIS
{
	mutex_unlock(&gc_lock);
}

static bool
has_sockets(const struct scm_rights *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (rights_socket(r->h[i].object) != NULL)
			return true;
	}
	return false;
}

void
unix_gc_depart(struct scm_rights *r)
{
	if (!has_sockets(r))
		return;
	mutex_lock(&gc_lock);
	for (uint32_t i = 0; i < r->n; i++) {
		struct unix_sock *u = rights_socket(r->h[i].object);
		if (u != NULL && u->in_flight++ == 0) {
			list_add_tail(&in_flight, &u->gc_node);
			nr_in_flight++;
		}
	}
	mutex_unlock(&gc_lock);
}

void
unix_gc_arrive(struct scm_rights *r)
{
	if (!has_sockets(r))
		return;
	mutex_lock(&gc_lock);
	for (uint32_t i = 0; i < r->n; i++) {
		struct unix_sock *u = rights_socket(r->h[i].object);
		if (u != NULL && --u->in_flight == 0) {
			list_del_init(&u->gc_node);
			nr_in_flight--;
		}
	}
	mutex_unlock(&gc_lock);
}

/* What is done with each socket whose handle lies in a queue. */
typedef void visit_fn(struct unix_sock *u, struct list_node *list);

static void
visit_queue(struct unix_sock *u, visit_fn *fn, struct list_node *list)
{
	spin_lock(&u->s.lock);
	for (struct unix_msg *m = u->first; m != NULL; m = m->next) {
		for (uint32_t i = 0; m->rights != NULL && i < m->rights->n; i++) {
			struct unix_sock *child = rights_socket(m->rights->h[i].object);
			if (child != NULL && child->gc_candidate)
				fn(child, list);
		}
	}
	spin_unlock(&u->s.lock);
}

/*
 * The next connection that waits in u's queue. Nobody accepts from a candidate, so the ones seen stay; more may be
 * added.
 */
static struct unix_sock *
next_waiting(struct unix_sock *u, const struct unix_sock *after)
{
	spin_lock(&u->s.lock);
	struct unix_sock *next = after == NULL ? u->waiting : after->next_waiting;
	spin_unlock(&u->s.lock);
	return next;
}

/* All queues that u keeps from being freed: its own, and those of connections that nobody has accepted. */
static void
visit_children(struct unix_sock *u, visit_fn *fn, struct list_node *list)
{
	visit_queue(u, fn, list);
	if (unix_state(u) != UNIX_LISTENING)
		return;
	for (struct unix_sock *w = next_waiting(u, NULL); w != NULL; w = next_waiting(u, w))
		visit_queue(w, fn, list);
}

static void
explain_one(struct unix_sock *u, struct list_node *unused)
{
	u->gc_left--;
}

/* u is reachable: it is looked at itself later. */
static void
mark_live(struct unix_sock *u, struct list_node *live)
{
	u->gc_candidate = false;
	list_del(&u->gc_node);
	list_add_tail(live, &u->gc_node);
}

static void
take_rights(struct unix_sock *u, struct scm_rights **garbage)
{
	spin_lock(&u->s.lock);
	for (struct unix_msg *m = u->first; m != NULL; m = m->next) {
		if (m->rights != NULL) {
			m->rights->next = *garbage;
			*garbage = m->rights;
			m->rights = NULL;
		}
	}
	spin_unlock(&u->s.lock);
}

static void
find_candidates(struct list_node *candidates, const struct file *closing)
{
	struct unix_sock *u, *next;
	list_for_each_entry_safe (u, next, &in_flight, gc_node) {
		const struct file *f = atomic_load_explicit(&u->s.file, memory_order_acquire);
		if (f == NULL || refcount_read(&f->obj.refs) != u->in_flight + (f == closing))
			continue;
		u->gc_candidate = true;
		u->gc_left = u->in_flight;
		list_del(&u->gc_node);
		list_add_tail(candidates, &u->gc_node);
	}
}

/* Leaves in candidates what cannot be reached; the others return to in_flight. */
static void
spare_reachable(struct list_node *candidates)
{
	struct list_node live = LIST_INIT(live);
	struct unix_sock *u, *next;
	list_for_each_entry (u, candidates, gc_node) {
		visit_children(u, explain_one, NULL);
	}
	list_for_each_entry_safe (u, next, candidates, gc_node) {
		if (u->gc_left != 0)
			mark_live(u, &live);
	}
	list_for_each_entry (u, &live, gc_node) {
		visit_children(u, mark_live, &live);
	}
	list_splice_tail(&in_flight, &live);
}

static void
collect(struct scm_rights **garbage, const struct file *closing)
{
	struct list_node candidates = LIST_INIT(candidates);
	struct unix_sock *u;
	find_candidates(&candidates, closing);
	if (list_empty(&candidates))
		return;
	spare_reachable(&candidates);
	list_for_each_entry (u, &candidates, gc_node) {
		u->gc_candidate = false;
		take_rights(u, garbage);
		for (struct unix_sock *w = unix_state(u) == UNIX_LISTENING ? next_waiting(u, NULL)
									   : NULL;
			w != NULL; w = next_waiting(u, w))
			take_rights(w, garbage);
	}
	list_splice_tail(&in_flight, &candidates);
}

void
unix_gc(bool now, const struct file *closing)
{
	uint32_t flying = atomic_load_explicit(&nr_in_flight, memory_order_relaxed);
	if (flying == 0)
		return;
	uint32_t since = atomic_fetch_add_explicit(&closes, 1, memory_order_relaxed);
	if (!now && (since + 1) * CLOSES_PER_SOCKET < flying)
		return;
	struct scm_rights *garbage = NULL, *next;
	mutex_lock(&gc_lock);
	atomic_store_explicit(&closes, 0, memory_order_relaxed);
	collect(&garbage, closing);
	mutex_unlock(&gc_lock);
	for (; garbage != NULL; garbage = next) {
		next = garbage->next;
		rights_free(garbage);
	}
}
