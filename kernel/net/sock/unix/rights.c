/* SPDX-License-Identifier: MIT */
/* Handles in flight: from a table into a message, from a message into a table, and what becomes of the undelivered. */
#include "net/sock/unix/rights.h"

#include "abi/linux/resource.h"
#include "mm/slab.h"
#include "net/sock/cmsg.h"
#include "net/sock/unix/unix.h"
#include "proc/internal.h"
#include "proc/process.h"

_Static_assert(ARRAY_SIZE(((struct rights_delivery *)0)->fds) == SCM_MAX_FD, "as many as can come");

struct scm_rights *
rights_alloc(uint32_t n)
{
	struct scm_rights *r = kmalloc(sizeof(*r) + n * sizeof(r->h[0]), 0);
	if (r != NULL) {
		r->next = NULL;
		r->account = NULL;
		r->n = 0;
	}
	return r;
}

int
rights_add(struct scm_rights *r, int fd)
{
	handle_ref_t ref;
	rights_t rights;
	int err = handle_borrow(current_task()->handles, fd, 0, &ref, &rights);
	if (err != 0)
		return err;
	if (rights & RIGHT_TRANSFER) {
		struct object *o = handle_ref_object(ref);
		object_get(o);
		r->h[r->n++] = (struct scm_handle){o, rights};
	} else {
		err = -EPERM;
	}
	handle_return(ref);
	return err;
}

int
rights_depart(struct scm_rights *r)
{
	struct user_account *a = current_cred()->account;
	uint64_t limit = current_rlimit(RLIMIT_NOFILE);
	uint32_t old = atomic_fetch_add_explicit(&a->nr_in_flight, r->n, memory_order_relaxed);
	if ((uint64_t)old + r->n > limit) {
		atomic_fetch_sub_explicit(&a->nr_in_flight, r->n, memory_order_relaxed);
		return -ETOOMANYREFS;
	}
	refcount_get(&a->refs);
	r->account = a;
	unix_gc_depart(r);
	return 0;
}

void
rights_arrive(struct scm_rights *r)
{
	if (r->account == NULL)
		return;
	unix_gc_arrive(r);
	atomic_fetch_sub_explicit(&r->account->nr_in_flight, r->n, memory_order_relaxed);
	user_account_put(r->account);
	r->account = NULL;
}

struct scm_rights *
rights_copy(const struct scm_rights *from)
{
	struct scm_rights *r = rights_alloc(from->n);
	if (r == NULL)
		return NULL;
	/* The collector must see these references or none: it compares them with what is in flight. */
	unix_gc_lock();
	for (uint32_t i = 0; i < from->n; i++) {
		object_get(from->h[i].object);
		r->h[i] = from->h[i];
	}
	r->n = from->n;
	unix_gc_unlock();
	return r;
}

/*
 * Putting an object may close a socket, which drops what lies in its queue, and so on as deep as somebody likes. So a
 * thread that is dropping already only takes note of what comes up meanwhile.
 */
struct dropper {
	struct thread *thread;
	struct scm_rights *list; /* [own thread] */
	struct dropper *next;    /* [droppers_lock] */
};
static struct spinlock droppers_lock = SPINLOCK_INIT("unix.droppers");
static struct dropper *droppers; /* [droppers_lock] those at work */

static struct dropper *
dropper_find(const struct thread *t)
{
	spin_lock(&droppers_lock);
	struct dropper *d = droppers;
	while (d != NULL && d->thread != t)
		d = d->next;
	spin_unlock(&droppers_lock);
	return d;
}

static void
dropper_remove(const struct dropper *d)
{
	spin_lock(&droppers_lock);
	struct dropper **link = &droppers;
	while (*link != d)
		link = &(*link)->next;
	*link = d->next;
	spin_unlock(&droppers_lock);
}

static void
drop(struct scm_rights *r)
{
	rights_arrive(r);
	for (uint32_t i = 0; i < r->n; i++)
		object_put(r->h[i].object);
	kfree(r);
}

void
rights_free(struct scm_rights *r)
{
	if (r == NULL)
		return;
	struct dropper *above = dropper_find(arch_current());
	if (above != NULL) {
		r->next = above->list;
		above->list = r;
		return;
	}
	struct dropper d = {.thread = arch_current()};
	spin_lock(&droppers_lock);
	d.next = droppers;
	droppers = &d;
	spin_unlock(&droppers_lock);
	while (r != NULL) {
		drop(r);
		r = d.list;
		if (r != NULL)
			d.list = r->next;
		sched_point();
	}
	dropper_remove(&d);
}

struct unix_sock *
rights_socket(const struct object *o)
{
	if (o->type != &file_object_type)
		return NULL;
	const struct file *f = container_of(o, struct file, obj);
	if (f->ops != &sock_file_ops)
		return NULL;
	struct sock *s = f->priv;
	return s->family == AF_UNIX ? unix_of(s) : NULL;
}

void
rights_begin(struct rights_delivery *d, struct scm_rights *r, struct cmsg_buffer *out)
{
	d->rights = r;
	d->n = 0;
	if (r == NULL)
		return;
	rights_arrive(r);
	struct handle_table *t = current_task()->handles;
	uint32_t room = min(r->n, cmsg_room(out) / (uint32_t)sizeof(int));
	while (d->n < room) {
		int fd = handle_reserve(t, 0, handle_limit());
		if (fd < 0)
			break;
		d->fds[d->n++] = fd;
	}
	if (d->n != 0)
		cmsg_put(out, SOL_SOCKET, SCM_RIGHTS, d->fds, d->n * (uint32_t)sizeof(int));
	if (d->n < r->n)
		out->truncated = true;
}

void
rights_end(struct rights_delivery *d, bool install, bool cloexec)
{
	struct scm_rights *r = d->rights;
	if (r == NULL)
		return;
	struct handle_table *t = current_task()->handles;
	for (uint32_t i = 0; i < d->n; i++) {
		if (!install) {
			handle_unreserve(t, d->fds[i]);
			continue;
		}
		object_get(r->h[i].object); /* the handle's; the set's own goes below */
		handle_install(
			t, d->fds[i], r->h[i].object, r->h[i].rights, cloexec ? HANDLE_CLOEXEC : 0);
	}
	rights_free(r);
}
