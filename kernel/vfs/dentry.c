/* SPDX-License-Identifier: MIT */
/*
 * Names: the table of (parent, name), its dentries' life, and their reclaim.
 *
 * Being in the table is a reference; only look-ups, under the bucket's lock, can make new references of it alone, so a dentry found
 * there with no other reference may be taken out and dropped.
 * What is not SUPER_PINNED is on the LRU list while it is in the table; the list holds no reference, and a dentry
 * leaves it under lru_lock before its memory goes.
 */
#include <string.h>

#include "core/panic.h"
#include "dev/rng/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "vfs/walk.h"

struct dentry_table dentry_table;
static struct slab_cache *dentry_cache;

struct spinlock dentry_name_lock = SPINLOCK_INIT("dentry names");
_Atomic uint64_t dentry_moves;
static struct spinlock lru_lock = SPINLOCK_INIT("dentry lru");
static struct list_node lru = LIST_INIT(lru); /* [lru_lock] least recently used first */
static uint64_t lru_count;                    /* [lru_lock] */

void
dentry_init(void)
{
	dentry_cache = slab_cache_create("dentry", sizeof(struct dentry), 0);
	struct page_stats stats;
	page_get_stats(&stats);
	uint32_t bits = 10; /* a bucket for each 16 pages: a name takes more memory than that */
	while (bits < 20 && ((uint64_t)1 << bits) < stats.total / 16)
		bits++;
	struct dentry_bucket *table = kvmalloc(sizeof(*table) << bits);
	if (table == NULL)
		panic("no memory for the name table");
	for (size_t i = 0; i < (size_t)1 << bits; i++)
		spin_init(&table[i].lock, "dentry bucket");
	dentry_table = (struct dentry_table){table, random_u64() | 1, 64 - bits};
}

uint32_t
dentry_hash_bytes(const char *name, size_t len)
{
	uint64_t h = 0;
	for (size_t i = 0; i < len; i++)
		h = (h + (uint8_t)name[i]) * dentry_table.key;
	return (uint32_t)(h >> 32);
}

static inline uint32_t
flags_of(const struct dentry *d)
{
	return atomic_load_explicit((_Atomic uint32_t *)&d->flags, memory_order_relaxed);
}

/* Negative, in no table, with a reference on parent (NULL: its own parent) and one for the caller. */
static struct dentry *
dentry_alloc(struct super *s, struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d = slab_alloc(dentry_cache, 0);
	if (unlikely(d == NULL))
		return NULL;
	d->name = d->inline_name;
	if (unlikely(len >= sizeof(d->inline_name))) {
		d->name = kmalloc(len + 1, 0);
		if (d->name == NULL) {
			slab_free(dentry_cache, d);
			return NULL;
		}
	}
	for (size_t i = 0; i < len; i++)
		d->name[i] = name[i];
	d->name[len] = '\0';
	d->name_len = (uint8_t)len;
	d->hash = hash;
	d->hash_next = NULL;
	refcount_init(&d->refs, 1);
	atomic_store_explicit(&d->inode, NULL, memory_order_relaxed);
	atomic_store_explicit(&d->flags, 0, memory_order_relaxed);
	atomic_store_explicit(&d->mounted, NULL, memory_order_relaxed);
	d->super = s;
	list_init(&d->children);
	list_init(&d->sibling);
	d->cookie = 0;
	d->last_cookie = 2;
	d->parent = parent != NULL ? parent : d;
	if (parent != NULL)
		dentry_get(parent);
	return d;
}

struct dentry *
dentry_create_root(struct super *s, struct inode *i)
{
	struct dentry *d = dentry_alloc(s, NULL, "/", 1, 0);
	if (d == NULL) {
		inode_put(i);
		return NULL;
	}
	dentry_bind(d, i);
	return d;
}

struct dentry *
dentry_create_anon(struct super *s, const char *name, struct inode *i)
{
	size_t len = strnlen(name, 255);
	struct dentry *d = dentry_alloc(s, NULL, name, len, 0);
	if (d == NULL) {
		inode_put(i);
		return NULL;
	}
	atomic_store_explicit(&d->flags, DENTRY_ANON | DENTRY_DELETED, memory_order_relaxed);
	dentry_bind(d, i);
	return d;
}

struct dentry *
dentry_create_nameless(struct dentry *dir)
{
	struct dentry *d = dentry_alloc(dir->super, dir, "#", 1, 0);
	if (d != NULL)
		atomic_store_explicit(
			&d->flags, DENTRY_ANON | DENTRY_DELETED, memory_order_relaxed);
	return d;
}

void
dentry_bind(struct dentry *d, struct inode *i)
{
	DEBUG_ASSERT(dentry_inode(d) == NULL);
	atomic_store_explicit(&d->inode, i, memory_order_release);
}

static void
lru_add(struct dentry *d)
{
	spin_lock(&lru_lock);
	atomic_fetch_or_explicit(&d->flags, DENTRY_LRU, memory_order_relaxed);
	list_add_tail(&lru, &d->lru);
	lru_count++;
	spin_unlock(&lru_lock);
}

static void
lru_remove(struct dentry *d)
{
	spin_lock(&lru_lock);
	if (flags_of(d) & DENTRY_LRU) {
		atomic_fetch_and_explicit(&d->flags, ~DENTRY_LRU, memory_order_relaxed);
		list_del_init(&d->lru);
		lru_count--;
	}
	spin_unlock(&lru_lock);
}

/* The last reference is gone: so are those on the inode and the parent, and so on upwards. */
void
dentry_destroy(struct dentry *d)
{
	for (;;) {
		if (flags_of(d) & DENTRY_LRU)
			lru_remove(d);
		struct inode *i = dentry_inode(d);
		if (i != NULL)
			inode_put(i);
		struct dentry *parent = d->parent;
		bool root = parent == d;
		if (d->name != d->inline_name)
			kfree(d->name);
		slab_free(dentry_cache, d);
		if (root || !refcount_put(&parent->refs))
			return;
		d = parent;
	}
}

static void
chain_insert(struct dentry_bucket *b, struct dentry *d)
{
	d->hash_next = b->head;
	b->head = d;
}

static void
chain_remove(struct dentry_bucket *b, struct dentry *d)
{
	struct dentry **link = &b->head;
	while (*link != d)
		link = &(*link)->hash_next;
	*link = d->hash_next;
	d->hash_next = NULL;
}

static void
children_add(struct dentry *d)
{
	d->cookie = ++d->parent->last_cookie;
	list_add_tail(&d->parent->children, &d->sibling);
}

void
dentry_add(struct dentry *d)
{
	if (flags_of(d) & (DENTRY_HASHED | DENTRY_NOCACHE))
		return;
	bool pinned = (d->super->flags & SUPER_PINNED) != 0;
	if (pinned)
		children_add(d);
	dentry_get(d);
	struct dentry_bucket *b = dentry_bucket_of(d->parent, d->hash);
	spin_lock(&b->lock);
	atomic_fetch_or_explicit(
		&d->flags, DENTRY_HASHED | DENTRY_REFERENCED, memory_order_relaxed);
	chain_insert(b, d);
	spin_unlock(&b->lock);
	if (!pinned)
		lru_add(d);
}

void
dentry_delete(struct dentry *d)
{
	struct dentry_bucket *b = dentry_bucket_of(d->parent, d->hash);
	spin_lock(&b->lock);
	bool hashed = (flags_of(d) & DENTRY_HASHED) != 0; /* reclaim may have taken it out */
	if (hashed)
		chain_remove(b, d);
	atomic_fetch_and_explicit(&d->flags, ~DENTRY_HASHED, memory_order_relaxed);
	atomic_fetch_or_explicit(&d->flags, DENTRY_DELETED, memory_order_relaxed);
	spin_unlock(&b->lock);
	if (d->super->flags & SUPER_PINNED)
		list_del_init(&d->sibling);
	if (hashed)
		dentry_put(d);
}

int
dentry_find_hashed(
	struct dentry *dir, const char *name, uint32_t len, uint32_t hash, struct dentry **out)
{
	struct dentry *d = dentry_lookup(dir, name, len, hash);
	if (d == NULL) {
		if (dentry_is_deleted(dir))
			return -ENOENT;
		d = dentry_alloc(dir->super, dir, name, len, hash);
		if (d == NULL)
			return -ENOMEM;
		struct inode *i = dentry_inode(dir);
		if (i->ops->lookup != NULL) {
			int err = i->ops->lookup(i, d);
			if (err != 0) {
				dentry_put(d);
				return err;
			}
			dentry_add(d);
		}
	}
	*out = d;
	return 0;
}

int
dentry_find(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
	if (len == 0 || len > 255)
		return len == 0 ? -ENOENT : -ENAMETOOLONG;
	return dentry_find_hashed(dir, name, (uint32_t)len, dentry_hash_bytes(name, len), out);
}

static void
swap_names(struct dentry *a, struct dentry *b)
{
	bool a_inline = a->name == a->inline_name, b_inline = b->name == b->inline_name;
	char *name = a->name;
	a->name = b->name;
	b->name = name;
	for (size_t i = 0; i < sizeof(a->inline_name); i++) {
		char c = a->inline_name[i];
		a->inline_name[i] = b->inline_name[i];
		b->inline_name[i] = c;
	}
	if (a_inline)
		b->name = b->inline_name;
	if (b_inline)
		a->name = a->inline_name;
	uint8_t len = a->name_len;
	a->name_len = b->name_len;
	b->name_len = len;
	uint32_t hash = a->hash;
	a->hash = b->hash;
	b->hash = hash;
	struct dentry *parent = a->parent;
	a->parent = b->parent;
	b->parent = parent;
}

static void
lock_buckets(struct dentry_bucket *a, struct dentry_bucket *b) NO_LOCK_ANALYSIS
{
	if (a > b) {
		struct dentry_bucket *t = a;
		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void
unlock_buckets(struct dentry_bucket *a, struct dentry_bucket *b) NO_LOCK_ANALYSIS
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* One step for look-ups: they find the old thing under the new name, or the new one, never nothing. */
void
dentry_move(struct dentry *d, struct dentry *target, bool exchange)
{
	struct dentry_bucket *from = dentry_bucket_of(d->parent, d->hash);
	struct dentry_bucket *to = dentry_bucket_of(target->parent, target->hash);
	lock_buckets(from, to);
	spin_lock(&dentry_name_lock);
	if (d->parent != target->parent)
		atomic_fetch_add_explicit(&dentry_moves, 1, memory_order_release);
	bool target_hashed = (flags_of(target) & DENTRY_HASHED) != 0;
	bool d_hashed = (flags_of(d) & DENTRY_HASHED) != 0; /* reclaim may have taken it out */
	if (d_hashed)
		chain_remove(from, d);
	if (target_hashed)
		chain_remove(to, target);
	swap_names(d, target);
	chain_insert(to, d);
	atomic_fetch_or_explicit(&d->flags, DENTRY_HASHED, memory_order_relaxed);
	if (exchange) {
		chain_insert(from, target);
		atomic_fetch_or_explicit(&target->flags, DENTRY_HASHED, memory_order_relaxed);
	} else {
		atomic_fetch_and_explicit(&target->flags, ~DENTRY_HASHED, memory_order_relaxed);
		atomic_fetch_or_explicit(&target->flags, DENTRY_DELETED, memory_order_relaxed);
	}
	spin_unlock(&dentry_name_lock);
	unlock_buckets(from, to);
	if (d->super->flags & SUPER_PINNED) {
		list_del_init(&d->sibling);
		list_del_init(&target->sibling);
		children_add(d);
		if (exchange)
			children_add(target);
	}
	if (!d_hashed)
		dentry_get(d);
	if (exchange && !target_hashed)
		dentry_get(target);
	if (!exchange && target_hashed)
		dentry_put(target); /* the caller has a reference as well */
}

struct dentry *
dentry_parent(struct dentry *d)
{
	spin_lock(&dentry_name_lock);
	struct dentry *p = d->parent;
	dentry_get(p);
	spin_unlock(&dentry_name_lock);
	return p;
}

bool
dentry_is_ancestor(const struct dentry *a, const struct dentry *b)
{
	while (b != a) {
		if (b->parent == b)
			return false;
		b = b->parent;
	}
	return true;
}

/* Takes d, on which the caller has one reference, out of the table if nobody else has one; then puts it. */
static bool
try_evict(struct dentry *d)
{
	struct dentry_bucket *b;
	for (;;) { /* a rename may move it meanwhile */
		b = dentry_bucket_of(d->parent, d->hash);
		spin_lock(&b->lock);
		if (b == dentry_bucket_of(d->parent, d->hash))
			break;
		spin_unlock(&b->lock);
	}
	bool evict = refcount_read(&d->refs) == 2 && (flags_of(d) & DENTRY_HASHED);
	if (evict) {
		chain_remove(b, d);
		atomic_fetch_and_explicit(&d->flags, ~DENTRY_HASHED, memory_order_relaxed);
	}
	spin_unlock(&b->lock);
	if (evict)
		dentry_put(d);
	dentry_put(d);
	return evict;
}

/* The first of the list that was not used since the last look and has no users, referenced; NULL: none in max looks. */
static struct dentry *
lru_victim(uint64_t *max)
{
	struct dentry *victim = NULL;
	spin_lock(&lru_lock);
	while (victim == NULL && *max > 0 && !list_empty(&lru)) {
		(*max)--;
		struct dentry *d = list_first_entry(&lru, struct dentry, lru);
		list_del(&d->lru);
		list_add_tail(&lru, &d->lru);
		if (flags_of(d) & DENTRY_REFERENCED)
			atomic_fetch_and_explicit(
				&d->flags, ~DENTRY_REFERENCED, memory_order_relaxed);
		else if (refcount_read(&d->refs) == 1 && refcount_get_unless_zero(&d->refs))
			victim = d;
	}
	spin_unlock(&lru_lock);
	return victim;
}

/* Twice round the list: once to clear the marks, once to take. */
static uint64_t
shrink_pass(uint64_t n)
{
	spin_lock(&lru_lock);
	uint64_t freed = 0, looks = 2 * lru_count;
	spin_unlock(&lru_lock);
	while (freed < n) {
		struct dentry *d = lru_victim(&looks);
		if (d == NULL)
			break;
		freed += try_evict(d);
	}
	return freed;
}

/* What a pass frees are leaves: the next finds their parents. */
uint64_t
dentry_shrink(uint64_t n)
{
	uint64_t freed = 0, pass;
	do {
		pass = shrink_pass(n - freed);
		freed += pass;
	} while (pass != 0 && freed < n);
	return freed;
}

static void
evict_pinned(struct super *s)
{
	struct dentry *d = s->root;
	while (d != NULL) {
		if (!list_empty(&d->children)) {
			d = list_first_entry(&d->children, struct dentry, sibling);
			continue;
		}
		struct dentry *parent = d->parent;
		if (parent == d)
			return;
		dentry_delete(d);
		d = parent;
	}
}

/* Moves the LRU's dentries of s to a list, referenced. */
static void
lru_take_super(struct super *s, struct list_node *out)
{
	struct dentry *d, *next;
	spin_lock(&lru_lock);
	list_for_each_entry_safe (d, next, &lru, lru) {
		if (d->super != s || !refcount_get_unless_zero(&d->refs))
			continue;
		atomic_fetch_and_explicit(&d->flags, ~DENTRY_LRU, memory_order_relaxed);
		list_del(&d->lru);
		list_add_tail(out, &d->lru);
		lru_count--;
	}
	spin_unlock(&lru_lock);
}

/* Nobody uses the super any more: all its dentries but the root are unused but for their children. */
void
dentry_evict_super(struct super *s)
{
	if (s->flags & SUPER_PINNED) {
		if (s->root != NULL)
			evict_pinned(s);
		return;
	}
	bool progress;
	do { /* a pass takes the leaves, the next their parents */
		struct list_node list = LIST_INIT(list);
		progress = false;
		lru_take_super(s, &list);
		while (!list_empty(&list)) {
			struct dentry *d = list_first_entry(&list, struct dentry, lru);
			list_del_init(&d->lru);
			lru_add(d);
			progress |= try_evict(d);
		}
	} while (progress);
}
