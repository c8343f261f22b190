/* SPDX-License-Identifier: MIT */
/*
 * epoll: sets of (file, descriptor) pairs whose readiness is collected as it changes.
 *
 * An entry hooks onto the queues that its file's poll operation names. A wake-up there puts it on its set's ready list
 * (interrupt context); epoll_pwait() asks each entry on that list what is true now and reports it. Level-triggered
 * entries go back on the list, edge-triggered ones wait for the next wake-up, one-shot ones for epoll_ctl(). An entry
 * belongs to its set and dies with its file, whichever end comes first.
 *
 * Locks, outer to inner: epoll_lock (mutex: links between sets and files, so also who contains whom); a set's lock
 * (mutex; a set's before those of sets inside it); the locks of the files asked; wait queues; ready_lock (irq-safe).
 * Nothing is copied to user memory under any of them.
 */
#include "arch/uaccess.h"
#include "base/rbtree.h"
#include "core/lockdep.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/time.h"
#include "syscall_protos.h"
#include "vfs/epoll.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)
#define EPOLL_PRIVATE  (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define EPOLL_EXCLUSIVE_ALLOWED                                                                   \
	(POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | \
		EPOLLEXCLUSIVE)

#define NESTING_MAX 5u

struct epoll_event_user { /* struct epoll_event; not packed on arm64 */
	uint32_t events;
	uint32_t pad;
	uint64_t data;
};
_Static_assert(sizeof(struct epoll_event_user) == 16, "epoll_event");

struct epoll {
	struct mutex lock;
	/* [epoll_lock and lock to change; either to read] by file and descriptor */
	struct rb_root entries;
	struct spinlock ready_lock; /* irq-safe */
	struct list_node ready;     /* [ready_lock] struct epoll_entry.ready_node */
	bool asking; /* [ready_lock] entries of the list are with a call that asks them */
	struct wait_queue waiters; /* epoll_pwait() */
	struct wait_queue pollers; /* who polls the set itself */
	struct file *file;         /* [I] */
	uint64_t visit;            /* [epoll_lock] the last nesting check that came here */
	uint32_t depth;            /* [epoll_lock] what it found: levels of sets from here down */
};

/* Beyond the one that an entry has room for: few files announce changes on more than one queue. */
struct epoll_hook {
	struct poll_hook hook;
	struct epoll_entry *entry;
	struct epoll_hook *more;
};

struct epoll_entry {
	struct rb_node node; /* [as epoll.entries] */
	struct epoll *ep;    /* [I] */
	struct file *file;   /* [I] no reference: see epoll_file_gone() */
	int fd;              /* [I] */
	/* what is waited for, EPOLL_PRIVATE bits too; none but these: off until epoll_ctl() */
	_Atomic uint32_t events;
	uint64_t data; /* [ep->lock] */
	/* [ready_lock] on the ready list, on one of a call's own, or empty */
	struct list_node ready_node;
	struct epoll_entry *next_watcher, *prev_watcher; /* [epoll_lock] of the same file */
	struct poll_hook first;                          /* [ep->lock] queue NULL: not in use */
	struct epoll_hook *more;                         /* [ep->lock] */
};
_Static_assert(sizeof(struct epoll_entry) <= 144, "servers watch many files");

static struct mutex epoll_lock;
static struct slab_cache *epoll_cache, *entry_cache;
static uint64_t visits; /* [epoll_lock] */
static const struct file_ops epoll_ops;

void
epoll_init(void)
{
	mutex_init(&epoll_lock, "epoll");
	epoll_cache = slab_cache_create("epoll", sizeof(struct epoll), 0);
	entry_cache = slab_cache_create("epoll_entry", sizeof(struct epoll_entry), 0);
}

static inline uint32_t
entry_events(const struct epoll_entry *e)
{
	return atomic_load_explicit((_Atomic uint32_t *)&e->events, memory_order_relaxed);
}

/* Puts e on its set's ready list and wakes who waits for that. Any context. Whether anybody was there. */
static bool
entry_ready(struct epoll_entry *e)
{
	struct epoll *ep = e->ep;
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	bool new = list_empty(&e->ready_node);
	if (new)
		list_add_tail(&ep->ready, &e->ready_node);
	spin_unlock_irq_restore(&ep->ready_lock, irq);
	if (!new)
		return false;
	bool waited = wait_queue_active(&ep->waiters);
	if (waited)
		wake_one(&ep->waiters, POLLIN | POLLRDNORM);
	wake_all(&ep->pollers, POLLIN | POLLRDNORM);
	return waited;
}

static bool
entry_wake(struct epoll_entry *e, uint32_t events)
{
	uint32_t wanted = entry_events(e) & ~EPOLL_PRIVATE;
	if (wanted == 0 || (events != 0 && (events & wanted) == 0))
		return false;
	return entry_ready(e);
}

static bool
wake_by_first(struct waiter *w, uint32_t events)
{
	return entry_wake(container_of(w, struct epoll_entry, first.waiter), events);
}

static bool
wake_by_more(struct waiter *w, uint32_t events)
{
	return entry_wake(container_of(w, struct epoll_hook, hook.waiter)->entry, events);
}

/* The poll table of an entry that is being added. */
struct entry_table {
	struct poll_table table;
	struct epoll_entry *entry;
	int err;
};

/* An unused hook of e's, and the function that it wakes by; NULL: out of memory. */
static struct poll_hook *
hook_alloc(struct epoll_entry *e, wait_wake_fn **wake)
{
	*wake = wake_by_first;
	if (e->first.queue == NULL)
		return &e->first;
	struct epoll_hook *h = kmalloc(sizeof(*h), 0);
	if (h == NULL)
		return NULL;
	h->entry = e;
	h->more = e->more;
	e->more = h;
	*wake = wake_by_more;
	return &h->hook;
}

static void
entry_add_hook(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct entry_table *t = container_of(pt, struct entry_table, table);
	wait_wake_fn *wake;
	struct poll_hook *h = hook_alloc(t->entry, &wake);
	if (h == NULL) {
		t->err = -ENOMEM;
		return;
	}
	uint32_t flags = (entry_events(t->entry) & EPOLLEXCLUSIVE) ? WAITER_EXCLUSIVE : 0;
	waiter_init(&h->waiter, NULL, flags);
	h->waiter.wake = wake;
	h->queue = q;
	wait_queue_add(q, &h->waiter);
}

static void
entry_remove_hooks(struct epoll_entry *e)
{
	if (e->first.queue != NULL)
		poll_hook_remove(&e->first);
	e->first.queue = NULL;
	for (struct epoll_hook *h = e->more, *next; h != NULL; h = next) {
		next = h->more;
		poll_hook_remove(&h->hook);
		kfree(h);
	}
	e->more = NULL;
}

static int
entry_compare(const struct epoll_entry *e, const struct file *f, int fd)
{
	if (e->file != f)
		return (uintptr_t)f < (uintptr_t)e->file ? -1 : 1;
	return fd < e->fd ? -1 : fd > e->fd;
}

/* The entry, or NULL and where it would be linked. */
static struct epoll_entry *
entry_find(struct epoll *ep, const struct file *f, int fd, struct rb_node **parent,
	struct rb_node ***link)
{
	struct rb_node **at = &ep->entries.node;
	*parent = NULL;
	while (*at != NULL) {
		struct epoll_entry *e = rb_entry(*at, struct epoll_entry, node);
		int order = entry_compare(e, f, fd);
		if (order == 0)
			return e;
		*parent = *at;
		at = order < 0 ? &(*at)->left : &(*at)->right;
	}
	*link = at;
	return NULL;
}

/* epoll_lock is held. */
static void
watch(struct file *f, struct epoll_entry *e)
{
	struct epoll_entry *first = atomic_load_explicit(&f->watchers, memory_order_relaxed);
	e->next_watcher = first;
	e->prev_watcher = NULL;
	if (first != NULL)
		first->prev_watcher = e;
	atomic_store_explicit(&f->watchers, e, memory_order_release);
}

static void
unwatch(struct epoll_entry *e)
{
	if (e->next_watcher != NULL)
		e->next_watcher->prev_watcher = e->prev_watcher;
	if (e->prev_watcher != NULL)
		e->prev_watcher->next_watcher = e->next_watcher;
	else
		atomic_store_explicit(&e->file->watchers, e->next_watcher, memory_order_release);
}

/* Takes e out of everything and frees it; epoll_lock and its set's lock are held. */
static void
entry_remove(struct epoll_entry *e)
{
	struct epoll *ep = e->ep;
	entry_remove_hooks(e);
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	list_del_init(&e->ready_node);
	spin_unlock_irq_restore(&ep->ready_lock, irq);
	rb_erase(&ep->entries, &e->node, NULL);
	unwatch(e);
	slab_free(entry_cache, e);
}

void
epoll_file_gone(struct file *f)
{
	mutex_lock(&epoll_lock);
	struct epoll_entry *e;
	while ((e = atomic_load_explicit(&f->watchers, memory_order_relaxed)) != NULL) {
		struct epoll *ep = e->ep;
		mutex_lock(&ep->lock);
		entry_remove(e);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_lock);
}

static struct epoll *
epoll_of(const struct file *f)
{
	return f->ops == &epoll_ops ? f->priv : NULL;
}

/* Levels of sets from ep down, itself included; more than NESTING_MAX if `self` is among them. epoll_lock is held. */
static uint32_t
depth_below(struct epoll *ep, const struct epoll *self, uint32_t level)
{
	if (ep == self || level > NESTING_MAX)
		return NESTING_MAX + 1;
	if (ep->visit == visits)
		return ep->depth;
	uint32_t deepest = 0;
	for (struct rb_node *n = rb_first(&ep->entries); n != NULL; n = rb_next(n)) {
		struct epoll *inner = epoll_of(rb_entry(n, struct epoll_entry, node)->file);
		if (inner != NULL)
			deepest = max(deepest, depth_below(inner, self, level + 1));
	}
	ep->visit = visits;
	ep->depth = min(deepest, NESTING_MAX) + 1;
	return ep->depth;
}

/* Levels of sets that contain ep, itself included. */
static uint32_t
depth_above(struct epoll *ep, uint32_t level)
{
	if (level > NESTING_MAX)
		return NESTING_MAX + 1;
	if (ep->visit == visits)
		return ep->depth;
	uint32_t highest = 0;
	for (struct epoll_entry *e = ep->file->watchers; e != NULL; e = e->next_watcher)
		highest = max(highest, depth_above(e->ep, level + 1));
	ep->visit = visits;
	ep->depth = min(highest, NESTING_MAX) + 1;
	return ep->depth;
}

/* Whether set `inner` may go into ep. -ELOOP. epoll_lock is held. */
static int
check_nesting(struct epoll *ep, struct epoll *inner)
{
	visits++;
	uint32_t below = depth_below(inner, ep, 1);
	visits++;
	uint32_t above = depth_above(ep, 1);
	return below + above > NESTING_MAX ? -ELOOP : 0;
}

static uint32_t
ask(struct file *f, struct poll_table *pt)
{
	return f->ops->poll(f, pt);
}

static struct epoll_entry *
entry_create(struct epoll *ep, struct file *f, int fd, const struct epoll_event_user *event)
{
	struct epoll_entry *e = slab_alloc(entry_cache, KM_ZERO);
	if (e == NULL)
		return NULL;
	e->ep = ep;
	e->file = f;
	e->fd = fd;
	atomic_store_explicit(&e->events, event->events | POLLERR | POLLHUP, memory_order_relaxed);
	e->data = event->data;
	list_init(&e->ready_node);
	return e;
}

/* epoll_lock and ep->lock are held. */
static int
add_locked(struct epoll *ep, struct file *f, int fd, struct epoll_entry *e)
{
	struct rb_node *parent, **link;
	if (entry_find(ep, f, fd, &parent, &link) != NULL)
		return -EEXIST;
	rb_link(&e->node, parent, link);
	rb_insert(&ep->entries, &e->node, NULL);
	watch(f, e);
	struct entry_table t = {.table.add = entry_add_hook, .entry = e};
	uint32_t now = ask(f, &t.table);
	if (t.err == 0 && (now & entry_events(e)) != 0)
		(void)entry_ready(e);
	return t.err;
}

static int
epoll_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event_user *event)
{
	struct epoll *inner = epoll_of(f);
	if ((event->events & EPOLLEXCLUSIVE) &&
		(inner != NULL || (event->events & ~EPOLL_EXCLUSIVE_ALLOWED) != 0))
		return -EINVAL;
	struct epoll_entry *e = entry_create(ep, f, fd, event);
	if (e == NULL)
		return -ENOMEM;
	mutex_lock(&epoll_lock);
	int err = inner != NULL ? check_nesting(ep, inner) : 0;
	if (err != 0) {
		slab_free(entry_cache, e);
	} else {
		mutex_lock(&ep->lock);
		err = add_locked(ep, f, fd, e);
		if (err == -EEXIST)
			slab_free(entry_cache, e);
		else if (err != 0)
			entry_remove(e);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_lock);
	return err;
}

static int
epoll_delete(struct epoll *ep, struct file *f, int fd)
{
	struct rb_node *parent, **link;
	mutex_lock(&epoll_lock);
	mutex_lock(&ep->lock);
	struct epoll_entry *e = entry_find(ep, f, fd, &parent, &link);
	if (e != NULL)
		entry_remove(e);
	mutex_unlock(&ep->lock);
	mutex_unlock(&epoll_lock);
	return e != NULL ? 0 : -ENOENT;
}

static int
modify_locked(struct epoll_entry *e, const struct epoll_event_user *event)
{
	if (((entry_events(e) | event->events) & EPOLLEXCLUSIVE) != 0)
		return -EINVAL;
	e->data = event->data;
	atomic_store_explicit(&e->events, event->events | POLLERR | POLLHUP, memory_order_relaxed);
	arch_mb(); /* wake-ups from here on see the new events; what was before is asked now */
	if (ask(e->file, NULL) & entry_events(e))
		(void)entry_ready(e);
	return 0;
}

static int
epoll_modify(struct epoll *ep, struct file *f, int fd, const struct epoll_event_user *event)
{
	struct rb_node *parent, **link;
	mutex_lock(&ep->lock);
	struct epoll_entry *e = entry_find(ep, f, fd, &parent, &link);
	int err = e != NULL ? modify_locked(e, event) : -ENOENT;
	mutex_unlock(&ep->lock);
	return err;
}

/* With both files borrowed. */
static int
epoll_control(
	struct file *epf, int op, struct file *f, int fd, const struct epoll_event_user *event)
{
	if (f->kind & FILE_PATH_ONLY)
		return -EBADF;
	if (f->ops->poll == NULL)
		return -EPERM;
	struct epoll *ep = epoll_of(epf);
	if (ep == NULL || epf == f)
		return -EINVAL;
	switch (op) {
	case EPOLL_CTL_ADD:
		return epoll_add(ep, f, fd, event);
	case EPOLL_CTL_DEL:
		return epoll_delete(ep, f, fd);
	case EPOLL_CTL_MOD:
		return epoll_modify(ep, f, fd, event);
	default:
		return -EINVAL;
	}
}

int64_t
sys_epoll_ctl(int epfd, int op, int fd, uaddr_t event)
{
	struct epoll_event_user copy = {0};
	if (op != EPOLL_CTL_DEL) {
		int err = copy_from_user(&copy, event, sizeof(copy));
		if (err != 0)
			return err;
	}
	struct file_ref epf, f;
	int err = file_borrow(epfd, 0, &epf);
	if (err != 0)
		return err;
	err = file_borrow(fd, 0, &f);
	if (err == 0) {
		err = epoll_control(epf.file, op, f.file, fd, &copy);
		file_return(&f);
	}
	file_return(&epf);
	return err;
}

/*
 * Whether no entry is ready. While another call asks the entries, some may be, though the list is empty then: who is
 * told so asks too, after that call, and misses nothing that it puts back.
 */
static bool
nothing_ready(struct epoll *ep)
{
	if (!list_empty(&ep->ready))
		return false;
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	bool nothing = list_empty(&ep->ready) && !ep->asking;
	spin_unlock_irq_restore(&ep->ready_lock, irq);
	return nothing;
}

/* Moves the ready list to a list of the caller's, until ready_return(); ep->lock is held. */
static void
ready_take(struct epoll *ep, struct list_node *mine)
{
	list_init(mine);
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	list_splice_tail(mine, &ep->ready);
	ep->asking = true;
	spin_unlock_irq_restore(&ep->ready_lock, irq);
}

/* The first entry of the caller's list, now on none; or NULL. */
static struct epoll_entry *
ready_next(struct epoll *ep, struct list_node *mine)
{
	if (list_empty(mine))
		return NULL;
	struct epoll_entry *e = list_first_entry(mine, struct epoll_entry, ready_node);
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	list_del_init(&e->ready_node);
	spin_unlock_irq_restore(&ep->ready_lock, irq);
	return e;
}

/* Puts e back at the end, unless a wake-up did. */
static void
ready_again(struct epoll *ep, struct epoll_entry *e)
{
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	if (list_empty(&e->ready_node))
		list_add_tail(&ep->ready, &e->ready_node);
	spin_unlock_irq_restore(&ep->ready_lock, irq);
}

/* Puts the rest of the caller's list back, to the front. */
static void
ready_return(struct epoll *ep, struct list_node *mine)
{
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	list_splice_tail(mine, &ep->ready);
	list_splice_tail(&ep->ready, mine);
	ep->asking = false;
	spin_unlock_irq_restore(&ep->ready_lock, irq);
}

/* Asks the ready entries and reports up to max of them; how many. */
static uint32_t
collect(struct epoll *ep, struct epoll_event_user *out, uint32_t max)
{
	struct list_node mine;
	uint32_t n = 0;
	mutex_lock(&ep->lock);
	ready_take(ep, &mine);
	while (n < max) {
		struct epoll_entry *e = ready_next(ep, &mine);
		if (e == NULL)
			break;
		uint32_t events = entry_events(e);
		uint32_t now = ask(e->file, NULL) & events & ~EPOLL_PRIVATE;
		if (now == 0)
			continue;
		out[n++] = (struct epoll_event_user){.events = now, .data = e->data};
		if (events & EPOLLONESHOT)
			atomic_store_explicit(
				&e->events, events & EPOLL_PRIVATE, memory_order_relaxed);
		else if (!(events & EPOLLET))
			ready_again(ep, e);
	}
	ready_return(ep, &mine);
	mutex_unlock(&ep->lock);
	return n;
}

#define BATCH     16u   /* events on the stack */
#define BATCH_MAX 1024u /* events in one call at most: asking has to end some time */

/* How many entries the ready list has, at most max. */
static uint32_t
count_ready(struct epoll *ep, uint32_t max)
{
	uint32_t n = 0;
	uint64_t irq = spin_lock_irq_save(&ep->ready_lock);
	for (struct list_node *at = ep->ready.next; at != &ep->ready && n < max; at = at->next)
		n++;
	spin_unlock_irq_restore(&ep->ready_lock, irq);
	return n;
}

/* Collects once into user memory, without a lock held while it copies. Events, or -EFAULT. */
static int64_t
collect_to_user(struct epoll *ep, uaddr_t out, uint32_t max)
{
	struct epoll_event_user fast[BATCH]
		__attribute__((uninitialized)); /* collect() says how many are valid */
	struct epoll_event_user *events = fast;
	uint32_t room = min(max, BATCH);
	if (max > BATCH) {
		uint32_t ready = count_ready(ep, min(max, BATCH_MAX));
		if (ready > BATCH)
			events = kmalloc(ready * sizeof(*events), 0);
		if (events == NULL)
			events = fast; /* the rest stays on the list for the next call */
		else if (events != fast)
			room = ready;
	}
	uint32_t n = collect(ep, events, room);
	int err = n != 0 ? copy_to_user(out, events, n * sizeof(*events)) : 0;
	if (events != fast)
		kfree(events);
	return err != 0 ? err : (int64_t)n;
}

/* deadline 0: do not wait. */
static int64_t
epoll_wait(struct epoll *ep, uaddr_t events, uint32_t max, nsec_t deadline)
{
	for (;;) {
		int64_t n = nothing_ready(ep) ? 0 : collect_to_user(ep, events, max);
		if (n != 0) {
			/* What is left, or level-triggered, is for the next thread. */
			if (!list_empty(&ep->waiters.waiters) && !nothing_ready(ep))
				wake_one(&ep->waiters, POLLIN | POLLRDNORM);
			return n;
		}
		if (deadline == 0)
			return 0;
		int err = wait_event_exclusive(
			&ep->waiters, WAIT_INTERRUPTIBLE, deadline, !nothing_ready(ep));
		if (err != 0)
			return err == -ETIMEDOUT ? 0 : -EINTR;
	}
}

static int64_t
epoll_wait_fd(int epfd, uaddr_t events, int max, nsec_t deadline)
{
	if (max <= 0 || max > (int)(INT32_MAX / sizeof(struct epoll_event_user)))
		return -EINVAL;
	if (!user_range_ok(events, (size_t)max * sizeof(struct epoll_event_user)))
		return -EFAULT;
	struct file_ref ref;
	int err = file_borrow(epfd, 0, &ref);
	if (err != 0)
		return err;
	struct epoll *ep = epoll_of(ref.file);
	int64_t result = ep != NULL ? epoll_wait(ep, events, (uint32_t)max, deadline) : -EINVAL;
	file_return(&ref);
	return result;
}

static int64_t
epoll_wait_masked(int epfd, uaddr_t events, int max, nsec_t deadline, uaddr_t sigmask, size_t size)
{
	int err = signal_begin_mask_user(sigmask, size);
	if (err != 0)
		return err;
	int64_t result = epoll_wait_fd(epfd, events, max, deadline);
	signal_end_mask(result == -EINTR);
	return result;
}

int64_t
sys_epoll_pwait(
	int epfd, uaddr_t events, int maxevents, int timeout, uaddr_t sigmask, size_t sigsetsize)
{
	nsec_t deadline = DEADLINE_NEVER;
	if (timeout >= 0)
		deadline = timeout == 0 ? 0 : deadline_after((nsec_t)timeout * NSEC_PER_MSEC);
	return epoll_wait_masked(epfd, events, maxevents, deadline, sigmask, sigsetsize);
}

int64_t
sys_epoll_pwait2(int epfd, uaddr_t events, int maxevents, uaddr_t timeout, uaddr_t sigmask,
	size_t sigsetsize)
{
	nsec_t deadline = DEADLINE_NEVER;
	if (!uaddr_is_null(timeout)) {
		struct timespec_user ts;
		int err = timespec_from_user(timeout, &ts);
		if (err != 0)
			return err;
		nsec_t length = timespec_to_ns(&ts);
		deadline = length == 0 ? 0 : deadline_after(length);
	}
	return epoll_wait_masked(epfd, events, maxevents, deadline, sigmask, sigsetsize);
}

/* A set is readable when one of its entries is ready. Drops entries from the list that are not, up to that one. */
static uint32_t
epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	poll_wait(pt, f, &ep->pollers);
	if (nothing_ready(ep))
		return 0;
	struct list_node mine;
	uint32_t result = 0;
	mutex_lock(&ep->lock);
	ready_take(ep, &mine);
	struct epoll_entry *e;
	while (result == 0 && (e = ready_next(ep, &mine)) != NULL) {
		if (ask(e->file, NULL) & entry_events(e) & ~EPOLL_PRIVATE) {
			ready_again(ep, e);
			result = POLLIN | POLLRDNORM;
		}
	}
	ready_return(ep, &mine);
	mutex_unlock(&ep->lock);
	return result;
}

static void
epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;
	struct rb_node *n;
	do {
		mutex_lock(&epoll_lock);
		mutex_lock(&ep->lock);
		n = ep->entries.node;
		if (n != NULL)
			entry_remove(rb_entry(n, struct epoll_entry, node));
		mutex_unlock(&ep->lock);
		mutex_unlock(&epoll_lock);
	} while (n != NULL);
	slab_free(epoll_cache, ep);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.anon_name = "anon_inode:[eventpoll]",
};

int64_t
sys_epoll_create1(uint32_t flags)
{
	if (flags & ~O_CLOEXEC)
		return -EINVAL;
	struct epoll *ep = slab_alloc(epoll_cache, KM_ZERO);
	if (ep == NULL)
		return -ENOMEM;
	mutex_init(&ep->lock, "epoll.set");
	spin_init(&ep->ready_lock, "epoll.ready");
	list_init(&ep->ready);
	wait_queue_init(&ep->waiters, "epoll.waiters");
	/* Who polls a set may be another set, whose own are told under this lock: from inner to outer ones. */
	wait_queue_init(&ep->pollers, "epoll.pollers" LOCKDEP_NESTED);
	ep->file = file_create(&epoll_ops, ep, O_RDWR, FILE_STREAM);
	if (ep->file == NULL) {
		slab_free(epoll_cache, ep);
		return -ENOMEM;
	}
	return file_install(ep->file, file_rights_for(O_RDWR), flags);
}
