/* SPDX-License-Identifier: MIT */
/*
 * Handle tables. Small ones live in one slab object; larger ones have their entries and bitmap in one allocation.
 *
 * Nothing sleeps or allocates under a table's lock: growing allocates first, and looks again under the lock.
 */
#include "core/panic.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "obj/handle.h"

#include <string.h>

#define NO_HANDLE UINT32_MAX

static struct slab_cache *table_cache;

void
handle_init(void)
{
	table_cache = slab_cache_create("handle_table", sizeof(struct handle_table), 0);
}

/* Entries, then the bitmap, zeroed. Up to a few pages from the slabs, beyond that virtually contiguous. */
#define ENTRY_COST(n) ((size_t)(n) * sizeof(struct handle_entry) + (size_t)(n) / 8)

static struct handle_entry *
entries_alloc(uint32_t n)
{
	return ENTRY_COST(n) <= 2 * PAGE_SIZE ? kzalloc(ENTRY_COST(n)) : kvmalloc(ENTRY_COST(n));
}

static void
entries_free(struct handle_entry *e, uint32_t n)
{
	if (ENTRY_COST(n) <= 2 * PAGE_SIZE)
		kfree(e);
	else
		kvfree(e);
}

static uint64_t *
entries_bitmap(struct handle_entry *e, uint32_t n)
{
	return (uint64_t *)(e + n);
}

/* A table with room for n handles, a power of two; one reference, one user. */
static struct handle_table *
table_alloc(uint32_t n)
{
	struct handle_table *t = slab_alloc(table_cache, KM_ZERO);
	if (t == NULL)
		return NULL;
	refcount_init(&t->refs, 1);
	atomic_store_explicit(&t->users, 1, memory_order_relaxed);
	spin_init(&t->lock, "handle_table");
	if (n <= HANDLES_INLINE) {
		t->size = HANDLES_INLINE;
		t->entries = t->inline_entries;
		t->used = &t->inline_used;
		return t;
	}
	t->entries = entries_alloc(n);
	if (t->entries == NULL) {
		slab_free(table_cache, t);
		return NULL;
	}
	t->size = n;
	t->used = entries_bitmap(t->entries, n);
	return t;
}

struct handle_table *
handle_table_create(void)
{
	return table_alloc(0);
}

static void
table_free(struct handle_table *t)
{
	if (t->entries != t->inline_entries)
		entries_free(t->entries, t->size);
	slab_free(table_cache, t);
}

/* How large a copy must be to hold every open handle. */
static uint32_t
size_for_copy(const struct handle_table *t)
{
	uint32_t words = (t->size + 63) / 64, n = HANDLES_INLINE;
	while (words > 0 && t->used[words - 1] == 0)
		words--;
	if (words == 0)
		return n;
	uint32_t top = words * 64 - (uint32_t)__builtin_clzll(t->used[words - 1]);
	while (n < top)
		n *= 2;
	return n;
}

/* Copies what is open; to has room for it, from is locked (or the caller's alone). */
static void
copy_entries(struct handle_table *to, const struct handle_table *from)
{
	uint32_t words = (min(to->size, from->size) + 63) / 64;
	for (uint32_t w = 0; w < words; w++) {
		uint64_t open = 0;
		for (uint64_t left = from->used[w]; left != 0; left &= left - 1) {
			uint32_t h = w * 64 + (uint32_t)__builtin_ctzll(left);
			struct handle_entry *e = &from->entries[h];
			if (e->object == NULL)
				continue; /* another thread is about to install something: not part of this moment */
			object_get(e->object);
			to->entries[h] = *e;
			to->count++;
			open |= left & -left;
		}
		to->used[w] = open;
	}
}

struct handle_table *
handle_table_copy(struct handle_table *from)
{
	spin_lock(&from->lock);
	for (;;) {
		uint32_t size = size_for_copy(from);
		spin_unlock(&from->lock);
		struct handle_table *t = table_alloc(size);
		if (t == NULL)
			return NULL;
		spin_lock(&from->lock);
		if (likely(size_for_copy(from) <= t->size)) {
			copy_entries(t, from);
			spin_unlock(&from->lock);
			return t;
		}
		spin_unlock(&from->lock);
		table_free(t);
		spin_lock(&from->lock);
	}
}

void
handle_table_get_user(struct handle_table *t)
{
	refcount_get(&t->refs);
	atomic_fetch_add_explicit(&t->users, 1, memory_order_relaxed);
}

void
handle_table_get(struct handle_table *t)
{
	refcount_get(&t->refs);
}

void
handle_table_put(struct handle_table *t)
{
	if (refcount_put(&t->refs))
		table_free(t);
}

/* Takes h out; the lock is held. NULL: not open. */
static struct object *
take_out(struct handle_table *t, uint32_t h)
{
	if (h >= t->size)
		return NULL;
	struct handle_entry *e = &t->entries[h];
	struct object *o = e->object;
	if (o == NULL)
		return NULL;
	*e = (struct handle_entry){0};
	t->used[h / 64] &= ~(1ULL << (h % 64));
	if (h < t->first_free)
		t->first_free = h;
	t->count--;
	return o;
}

struct object *
handle_remove(struct handle_table *t, int h)
{
	spin_lock(&t->lock);
	struct object *o = take_out(t, (uint32_t)h);
	spin_unlock(&t->lock);
	return o;
}

/* Closes everything. The caller was the last user; foreign lookers find each handle either open or gone. */
static void
close_all(struct handle_table *t)
{
	uint32_t words = (t->size + 63) / 64;
	for (uint32_t w = 0; w < words; w++) {
		while (t->used[w] != 0) {
			int h = (int)(w * 64 + (uint32_t)__builtin_ctzll(t->used[w]));
			struct object *o = handle_remove(t, h);
			ASSERT(o != NULL); /* nobody is left who could have reserved it */
			(void)handle_closed(t, o);
		}
		sched_point();
	}
}

void
handle_table_put_user(struct handle_table *t)
{
	if (atomic_fetch_sub_explicit(&t->users, 1, memory_order_acq_rel) == 1)
		close_all(t);
	handle_table_put(t);
}

void
handle_table_close_cloexec(struct handle_table *t)
{
	uint32_t words = (t->size + 63) / 64;
	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t left = t->used[w]; left != 0; left &= left - 1) {
			uint32_t h = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (!(t->entries[h].flags & HANDLE_CLOEXEC))
				continue;
			struct object *o = handle_remove(t, (int)h);
			if (o != NULL)
				(void)handle_closed(t, o);
		}
	}
}

int
handle_borrow(struct handle_table *t, int h, rights_t need, handle_ref_t *out, rights_t *rights)
{
	struct handle_entry copy = {0};
	uintptr_t referenced = 0;
	if (handle_table_is_private(t)) {
		if ((uint32_t)h < t->size)
			copy = t->entries[(uint32_t)h];
	} else {
		spin_lock(&t->lock);
		if ((uint32_t)h < t->size)
			copy = t->entries[(uint32_t)h];
		if (copy.object != NULL) {
			object_get(copy.object);
			referenced = 1;
		}
		spin_unlock(&t->lock);
	}
	*out = (handle_ref_t){0};
	if (copy.object == NULL)
		return -EBADF;
	handle_ref_t ref = {(uintptr_t)copy.object | referenced};
	rights_t missing = need & ~copy.rights;
	if (unlikely(missing != 0)) {
		handle_return(ref);
		return handle_missing_error(missing);
	}
	*out = ref;
	if (rights != NULL)
		*rights = copy.rights;
	return 0;
}

int
handle_get_foreign(struct handle_table *t, int h, struct object **out, rights_t *rights)
{
	*out = NULL;
	spin_lock(&t->lock);
	if ((uint32_t)h < t->size && t->entries[(uint32_t)h].object != NULL) {
		const struct handle_entry *e = &t->entries[(uint32_t)h];
		object_get(e->object);
		*out = e->object;
		if (rights != NULL)
			*rights = e->rights;
	}
	spin_unlock(&t->lock);
	return *out != NULL ? 0 : -EBADF;
}

/* The first free entry >= from within the table, or NO_HANDLE; the lock is held. */
static uint32_t
find_free(const struct handle_table *t, uint32_t from)
{
	uint32_t h = max(from, t->first_free);
	while (h < t->size) {
		uint64_t free = ~t->used[h / 64] & (~0ULL << (h % 64));
		if (free != 0) {
			h = (h & ~63u) + (uint32_t)__builtin_ctzll(free);
			return h < t->size ? h : NO_HANDLE;
		}
		h = (h & ~63u) + 64;
	}
	return NO_HANDLE;
}

/* Makes room for handle h. The lock is held, and held again at the end, but dropped in between. -ENOMEM. */
static int
grow(struct handle_table *t, uint32_t h) NO_LOCK_ANALYSIS
{
	while (t->size <= h) {
		uint32_t old = t->size, n = max(old, 32u);
		while (n <= h)
			n *= 2;
		spin_unlock(&t->lock);
		struct handle_entry *e = entries_alloc(n);
		spin_lock(&t->lock);
		if (e == NULL)
			return -ENOMEM;
		struct handle_entry *unused = e;
		uint32_t unused_size = n;
		if (t->size == old) {
			memcpy(e, t->entries, old * sizeof(*e));
			memcpy(entries_bitmap(e, n), t->used, (old + 63) / 64 * sizeof(uint64_t));
			unused = t->entries == t->inline_entries ? NULL : t->entries;
			unused_size = old;
			t->entries = e;
			t->used = entries_bitmap(e, n);
			t->size = n;
		}
		if (unused != NULL) {
			spin_unlock(&t->lock);
			entries_free(unused, unused_size);
			spin_lock(&t->lock);
		}
	}
	return 0;
}

int
handle_reserve(struct handle_table *t, uint32_t from, uint32_t limit)
{
	limit = min(limit, HANDLES_MAX);
	int result = -EMFILE;
	spin_lock(&t->lock);
	uint32_t h;
	while ((h = find_free(t, from)) == NO_HANDLE) {
		uint32_t next = max(from, t->size);
		if (next >= limit)
			goto out;
		int err = grow(t, next);
		if (err != 0) {
			result = err;
			goto out;
		}
	}
	if (h < limit) {
		t->used[h / 64] |= 1ULL << (h % 64);
		if (from <= t->first_free)
			t->first_free = h + 1;
		result = (int)h;
	}
out:
	spin_unlock(&t->lock);
	return result;
}

void
handle_install(struct handle_table *t, int h, struct object *o, rights_t rights, uint32_t flags)
{
	spin_lock(&t->lock);
	t->entries[h] = (struct handle_entry){o, rights, flags | o->handle_flags};
	t->count++;
	spin_unlock(&t->lock);
}

void
handle_unreserve(struct handle_table *t, int h)
{
	spin_lock(&t->lock);
	t->used[h / 64] &= ~(1ULL << (h % 64));
	if ((uint32_t)h < t->first_free)
		t->first_free = (uint32_t)h;
	spin_unlock(&t->lock);
}

int
handle_replace(struct handle_table *t, int h, uint32_t limit, struct object *o, rights_t rights,
	uint32_t flags)
{
	uint32_t at = (uint32_t)h;
	if (at >= min(limit, HANDLES_MAX))
		return -EBADF;
	spin_lock(&t->lock);
	int err = grow(t, at);
	struct object *old = NULL;
	if (err == 0) {
		old = t->entries[at].object;
		if (old == NULL && ((t->used[at / 64] >> (at % 64)) & 1))
			err = -EBUSY;
	}
	if (err == 0) {
		t->entries[at] = (struct handle_entry){o, rights, flags | o->handle_flags};
		t->used[at / 64] |= 1ULL << (at % 64);
		t->count += old == NULL;
	}
	spin_unlock(&t->lock);
	if (old != NULL && err == 0)
		(void)handle_closed(
			t, old); /* as dup2 has it: what closing the old one says is lost */
	return err;
}

int
handle_get_flags(struct handle_table *t, int h, uint32_t *flags)
{
	int err = -EBADF;
	spin_lock(&t->lock);
	if ((uint32_t)h < t->size && t->entries[(uint32_t)h].object != NULL) {
		*flags = t->entries[(uint32_t)h].flags & HANDLE_CLOEXEC;
		err = 0;
	}
	spin_unlock(&t->lock);
	return err;
}

int
handle_set_flags(struct handle_table *t, int h, uint32_t flags)
{
	int err = -EBADF;
	spin_lock(&t->lock);
	if ((uint32_t)h < t->size && t->entries[(uint32_t)h].object != NULL) {
		struct handle_entry *e = &t->entries[(uint32_t)h];
		e->flags = (e->flags & ~HANDLE_CLOEXEC) | (flags & HANDLE_CLOEXEC);
		err = 0;
	}
	spin_unlock(&t->lock);
	return err;
}

int
handle_next(struct handle_table *t, int h)
{
	int found = -1;
	spin_lock(&t->lock);
	for (uint32_t at = (uint32_t)max(h, 0); at < t->size && found < 0;) {
		uint64_t left = t->used[at / 64] & (~0ULL << (at % 64));
		if (left == 0) {
			at = (at & ~63u) + 64;
			continue;
		}
		at = (at & ~63u) + (uint32_t)__builtin_ctzll(left);
		if (at < t->size && t->entries[at].object != NULL)
			found = (int)at;
		at++;
	}
	spin_unlock(&t->lock);
	return found;
}
