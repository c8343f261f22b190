/* SPDX-License-Identifier: MIT */
/*
 * Supers (mounted instances of file systems) and the file system types.
 * super_list_lock (mutex) guards the list of live supers; a super leaves it before it is torn down.
 */
#include "abi/linux/stat.h"
#include "core/mutex.h"
#include "mm/slab.h"
#include "vfs/walk.h"

static struct mutex super_list_lock;
static struct list_node supers = LIST_INIT(supers);
static uint32_t next_minor; /* [super_list_lock] */
static struct fs_type *_Atomic fs_types;

void
super_init(void)
{
	mutex_init(&super_list_lock, "super list");
}

void
fs_register(struct fs_type *type)
{
	struct fs_type *head = atomic_load_explicit(&fs_types, memory_order_relaxed);
	do {
		type->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&fs_types, &head, type, memory_order_release, memory_order_relaxed));
}

const struct fs_type *
fs_type_next(const struct fs_type *type)
{
	return type != NULL ? type->next : atomic_load_explicit(&fs_types, memory_order_acquire);
}

struct super *
super_create(const struct fs_type *type, const struct super_ops *ops, uint32_t flags, void *priv)
{
	struct super *s = kzalloc(sizeof(*s));
	if (s == NULL)
		return NULL;
	refcount_init(&s->refs, 1);
	s->ops = ops;
	s->type = type;
	atomic_store_explicit(&s->flags, flags, memory_order_relaxed);
	s->priv = priv;
	mutex_init(&s->rename_lock, "rename");
	mutex_lock(&super_list_lock);
	next_minor++; /* device numbers of dead supers are not used again while 2^20 last */
	s->dev = DEV_MAKE(0, next_minor);
	list_add_tail(&supers, &s->node);
	mutex_unlock(&super_list_lock);
	return s;
}

void
super_get(struct super *s)
{
	refcount_get(&s->refs);
}

void
super_put(struct super *s)
{
	if (!refcount_put(&s->refs))
		return;
	mutex_lock(&super_list_lock);
	list_del_init(&s->node);
	mutex_unlock(&super_list_lock);
	if (s->ops->sync != NULL && !(s->flags & SUPER_READONLY))
		(void)s->ops->sync(s); /* nobody is left to tell */
	dentry_evict_super(s);
	if (s->root != NULL)
		dentry_put(s->root);
	if (s->ops->kill != NULL)
		s->ops->kill(s);
	kfree(s);
}

int
super_sync(struct super *s)
{
	if (s->ops->sync == NULL || (s->flags & SUPER_READONLY))
		return 0;
	return s->ops->sync(s);
}

/* The super after *at (NULL begins) with a reference, which the next call drops. */
static struct super *
super_next(struct super *at)
{
	mutex_lock(&super_list_lock);
	struct list_node *n = at != NULL ? at->node.next : supers.next;
	struct super *next = NULL;
	/* What is being torn down has no references left and is about to leave the list. */
	for (; n != &supers; n = n->next) {
		next = list_entry(n, struct super, node);
		if (refcount_get_unless_zero(&next->refs))
			break;
		next = NULL;
	}
	mutex_unlock(&super_list_lock);
	if (at != NULL)
		super_put(at);
	return next;
}

int
vfs_sync_all(void)
{
	int first = 0;
	for (struct super *s = super_next(NULL); s != NULL; s = super_next(s)) {
		int err = super_sync(s);
		if (first == 0)
			first = err;
	}
	return first;
}
