/* SPDX-License-Identifier: MIT */
/*
 * The slab allocator.
 *
 * A slab is a block of 2^order pages cut into equal objects, all of it for objects: what is known about it stands in
 * its first page's descriptor, and every page's descriptor names the cache. Free objects are linked through
 * themselves; links are stored XORed with a secret of the cache and their own address, and checked when followed.
 *
 * In front of the slabs each CPU has a magazine of free objects per cache, touched with interrupts masked. An empty
 * one is half filled from the slabs, a full one gives its older half back. Objects in magazines count as in use in
 * their slabs. CPUs and caches get their magazines when they first need them.
 *
 * Locks: cache->lock, irq-safe, taken with no other lock of this file but caches_lock before it.
 */
#define LOG_SOURCE "mm"
#include "mm/slab.h"

#include <string.h>

#include "base/list.h"
#include "core/cpu.h"
#include "core/faultinject.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "mm/page.h"

#define CACHES_MAX      256u /* caches are made by kernel code at boot, not by users */
#define SLAB_ORDER_MAX  3u
#define EMPTY_SLABS_MAX 2u /* a cache keeps so many for itself */

struct magazine {
	uint32_t count;
	uint32_t capacity;
	void *objects[];
};

struct slab_cpu {
	struct magazine *magazines[CACHES_MAX]; /* by cache->index; no_magazine at first */
};

struct slab_cache {
	uint32_t index;          /* [I] */
	uint32_t size;           /* [I] what callers may use */
	uint32_t stride;         /* [I] distance of objects */
	uint32_t link_offset;    /* [I] where a free object keeps its link */
	uint32_t order;          /* [I] */
	uint32_t per_slab;       /* [I] */
	uint32_t capacity;       /* [I] of its magazines */
	uint64_t secret;         /* [I] */
	const char *name;        /* [I] */
	struct slab_cache *next; /* [I] */
	struct spinlock lock;
	struct list_node partial; /* [lock] slabs with free and used objects */
	struct list_node empty;   /* [lock] slabs without used objects */
	uint32_t nr_empty;        /* [lock] */
	uint32_t start;           /* [lock] where the next new slab's first object is */
	uint64_t nr_slabs;        /* [lock] */
	uint64_t inuse;           /* [lock] objects with users or in magazines */
	_Atomic uint64_t nr_own;  /* of them, those that are magazines and tables of them */
};

struct slab_cache *kmalloc_caches[KMALLOC_CLASSES];

static struct slab_cache *caches; /* [caches_lock to change] only grows: read without it */
static uint32_t nr_caches;        /* [caches_lock] */
static struct spinlock caches_lock = SPINLOCK_INIT("slab caches");
static struct slab_cache cache_of_caches;
/* Stands for magazines that do not exist yet: empty and full at once, so that both paths leave the fast one. */
static struct magazine no_magazine;

/* --- The debug build's object checks: [object][redzone][state, link], poison in what is free. --- */

#define POISON_FREE 0x6b
#define POISON_NEW  0xa5
#define REDZONE     0xbbbbbbbbbbbbbbbbULL
#define STATE_USED  0x75736564ULL
#define STATE_FREE  0x66726565ULL
#define DEBUG_EXTRA 24u

#ifdef SWOS_DEBUG

static uint64_t *
debug_words(const struct slab_cache *c, void *obj)
{
	return (uint64_t *)((uint8_t *)obj + round_up(c->size, 8u));
}

static void
debug_on_create(const struct slab_cache *c, void *obj)
{
	memset(obj, POISON_FREE, c->size);
	debug_words(c, obj)[0] = REDZONE;
	debug_words(c, obj)[1] = STATE_FREE;
}

static void
debug_on_alloc(const struct slab_cache *c, void *obj)
{
	const uint8_t *bytes = obj;
	for (uint32_t i = 0; i < c->size; i++)
		if (bytes[i] != POISON_FREE)
			panic("slab %s: %p was written at +%u while free", c->name, obj, i);
	if (debug_words(c, obj)[1] != STATE_FREE)
		panic("slab %s: %p is handed out twice", c->name, obj);
	debug_words(c, obj)[1] = STATE_USED;
	memset(obj, POISON_NEW, c->size);
}

static void
debug_on_free(const struct slab_cache *c, void *obj)
{
	uint64_t offset = (uint64_t)obj & ((PAGE_SIZE << c->order) - 1);
	if (virt_to_page(obj)->cache != c || offset % c->stride != 0)
		panic("slab %s: %p is not an object of it", c->name, obj);
	if (debug_words(c, obj)[1] != STATE_USED)
		panic("slab %s: %p is freed twice", c->name, obj);
	if (debug_words(c, obj)[0] != REDZONE)
		panic("slab %s: %p was written past its end", c->name, obj);
	debug_words(c, obj)[1] = STATE_FREE;
	memset(obj, POISON_FREE, c->size);
}

#else

static inline void
debug_on_create(const struct slab_cache *c, void *obj)
{
}

static inline void
debug_on_alloc(const struct slab_cache *c, void *obj)
{
}

static inline void
debug_on_free(const struct slab_cache *c, void *obj)
{
}

#endif

/* --- Slabs; with cache->lock held unless said otherwise. --- */

static uint64_t *
link_of(const struct slab_cache *c, void *obj)
{
	return (uint64_t *)((uint8_t *)obj + c->link_offset);
}

static uint64_t
link_mask(const struct slab_cache *c, const void *obj)
{
	return c->secret ^ __builtin_bswap64((uint64_t)obj);
}

static struct page *
slab_of(const struct slab_cache *c, const void *obj)
{
	return virt_to_page((const void *)round_down((uint64_t)obj, PAGE_SIZE << c->order));
}

static void
slab_push(struct slab_cache *c, struct page *slab, void *obj)
{
	*link_of(c, obj) = (uint64_t)slab->slab_free ^ link_mask(c, obj);
	slab->slab_free = obj;
}

static void *
slab_pop(struct slab_cache *c, struct page *slab)
{
	void *obj = slab->slab_free;
	uint64_t next = *link_of(c, obj) ^ link_mask(c, obj);
	if (unlikely(next != 0 && round_down(next ^ (uint64_t)obj, PAGE_SIZE << c->order) != 0))
		panic("slab %s: %p was written while free", c->name, obj);
	slab->slab_free = (void *)next;
	return obj;
}

/* Links the objects of a new slab, from a start that moves on with each slab. Not under the lock: it is ours yet. */
static void
slab_fill(struct slab_cache *c, struct page *slab, uint32_t start)
{
	uint8_t *base = page_to_virt(slab);
	for (uint32_t i = 0; i < 1u << c->order; i++) {
		atomic_store_explicit(&slab[i].kind, PAGE_SLAB, memory_order_relaxed);
		slab[i].cache = c;
	}
	slab->slab_free = NULL;
	slab->slab_inuse = 0;
	slab->slab_total = (uint16_t)c->per_slab;
	for (uint32_t i = 0; i < c->per_slab; i++) {
		void *obj = base + (size_t)((start + i) % c->per_slab) * c->stride;
		debug_on_create(c, obj);
		slab_push(c, slab, obj);
	}
}

/* Not under the lock. */
static void
slab_release(struct slab_cache *c, struct page *slab)
{
	for (uint32_t i = 1; i < 1u << c->order; i++)
		atomic_store_explicit(&slab[i].kind, PAGE_RESERVED, memory_order_relaxed);
	page_free(slab, c->order);
}

/* Up to n objects of slabs that exist; returns how many. */
static uint32_t
take_objects(struct slab_cache *c, void **out, uint32_t n)
{
	uint32_t got = 0;
	while (got < n) {
		struct page *slab;
		if (!list_empty(&c->partial)) {
			slab = list_first_entry(&c->partial, struct page, slab_node);
		} else if (!list_empty(&c->empty)) {
			slab = list_first_entry(&c->empty, struct page, slab_node);
			list_del(&slab->slab_node);
			list_add(&c->partial, &slab->slab_node);
			c->nr_empty--;
		} else {
			break;
		}
		while (got < n && slab->slab_free != NULL) {
			out[got++] = slab_pop(c, slab);
			slab->slab_inuse++;
		}
		if (slab->slab_free == NULL)
			list_del_init(&slab->slab_node);
	}
	c->inuse += got;
	return got;
}

/* Puts an object back. Returns its slab if that is to be released now. */
static struct page *
put_object(struct slab_cache *c, void *obj)
{
	struct page *slab = slab_of(c, obj);
	if (slab->slab_free == NULL)
		list_add(&c->partial, &slab->slab_node);
	slab_push(c, slab, obj);
	c->inuse--;
	if (--slab->slab_inuse != 0)
		return NULL;
	list_del(&slab->slab_node);
	if (c->nr_empty >= EMPTY_SLABS_MAX) {
		c->nr_slabs--;
		return slab;
	}
	list_add(&c->empty, &slab->slab_node);
	c->nr_empty++;
	return NULL;
}

/* Takes and releases the lock for each object: slabs are given back outside of it. */
static void
put_objects(struct slab_cache *c, void **objects, uint32_t n)
{
	uint64_t irq = spin_lock_irq_save(&c->lock);
	for (uint32_t i = 0; i < n; i++) {
		struct page *slab = put_object(c, objects[i]);
		if (unlikely(slab != NULL)) {
			spin_unlock(&c->lock);
			slab_release(c, slab);
			spin_lock(&c->lock);
		}
	}
	spin_unlock_irq_restore(&c->lock, irq);
}

/* Gets the cache a new slab, from which others may take before the caller does. Interrupts as the caller has them. */
static bool
grow(struct slab_cache *c, uint32_t flags)
{
	uint32_t page_flags = flags & KM_ATOMIC ? PAGE_ATOMIC : 0;
	struct page *slab = page_alloc(c->order, page_flags, PAGE_SLAB);
	if (slab == NULL)
		return false;
	slab_fill(c, slab, c->start);
	uint64_t irq = spin_lock_irq_save(&c->lock);
	c->start = (c->start * 5 + 7) % c->per_slab;
	list_add(&c->empty, &slab->slab_node);
	c->nr_empty++;
	c->nr_slabs++;
	spin_unlock_irq_restore(&c->lock, irq);
	return true;
}

/* One object without a magazine. */
static void *
alloc_direct(struct slab_cache *c, uint32_t flags)
{
	void *obj;
	do {
		uint64_t irq = spin_lock_irq_save(&c->lock);
		uint32_t got = take_objects(c, &obj, 1);
		spin_unlock_irq_restore(&c->lock, irq);
		if (got != 0)
			return obj;
	} while (grow(c, flags));
	return NULL;
}

/* --- Magazines; with interrupts masked. --- */

static struct magazine *
magazine_of(const struct slab_cache *c)
{
	struct slab_cpu *sc = this_cpu()->slab;
	return likely(sc != NULL) ? sc->magazines[c->index % CACHES_MAX] : &no_magazine;
}

static size_t
magazine_bytes(uint32_t capacity)
{
	return sizeof(struct magazine) + capacity * sizeof(void *);
}

/* Memory of this file's own, from kmalloc's slabs directly: so that it never needs a magazine itself. */
static void *
alloc_own(size_t bytes)
{
	struct slab_cache *from = kmalloc_caches[kmalloc_class(bytes)];
	void *p = alloc_direct(from, KM_ATOMIC);
	if (p == NULL)
		return NULL;
	debug_on_alloc(from, p);
	atomic_fetch_add_explicit(&from->nr_own, 1, memory_order_relaxed);
	return p;
}

/* Gives this CPU its table, and the cache its magazine on it, if there is memory. */
static void
magazine_create(struct slab_cache *c)
{
	struct cpu *cpu = this_cpu();
	if (cpu->slab == NULL) {
		struct slab_cpu *sc = alloc_own(sizeof(*sc));
		if (sc == NULL)
			return;
		for (uint32_t i = 0; i < CACHES_MAX; i++)
			sc->magazines[i] = &no_magazine;
		cpu->slab = sc;
	}
	struct magazine *m = alloc_own(magazine_bytes(c->capacity));
	if (m == NULL)
		return;
	m->count = 0;
	m->capacity = c->capacity;
	((struct slab_cpu *)cpu->slab)->magazines[c->index] = m;
}

/* With interrupts as the caller of slab_alloc() has them. */
static void *
refill_and_alloc(struct slab_cache *c, uint32_t flags)
{
	if (unlikely(kmalloc_caches[0] == NULL))
		return alloc_direct(c, flags); /* slab_init() is at work */
	for (;;) {
		uint64_t irq = arch_irq_save();
		struct magazine *m = magazine_of(c);
		if (m == &no_magazine) {
			magazine_create(c);
			m = magazine_of(c);
		}
		if (m->count == 0 && m->capacity != 0) {
			spin_lock(&c->lock);
			m->count = take_objects(c, m->objects, m->capacity / 2 + 1);
			spin_unlock(&c->lock);
		}
		void *obj = m->count != 0 ? m->objects[--m->count] : NULL;
		bool have_magazine = m->capacity != 0;
		arch_irq_restore(irq);
		if (obj != NULL)
			return obj;
		if (!have_magazine)
			return alloc_direct(c, flags);
		if (!grow(c, flags))
			return NULL;
	}
}

static __attribute__((noinline)) void
slab_free_slow(struct slab_cache *c, void *obj)
{
	uint64_t irq = arch_irq_save();
	struct magazine *m = magazine_of(c);
	if (m == &no_magazine && kmalloc_caches[0] != NULL) {
		magazine_create(c);
		m = magazine_of(c);
	}
	if (m->capacity == 0) {
		put_objects(c, &obj, 1);
	} else {
		if (m->count == m->capacity) {
			uint32_t half = m->capacity / 2;
			put_objects(c, m->objects, half);
			m->count -= half;
			memmove(m->objects, m->objects + half, m->count * sizeof(m->objects[0]));
		}
		m->objects[m->count++] = obj;
	}
	arch_irq_restore(irq);
}

/* What every new object gets; memset() returns it, so that this is a tail call. */
static inline void *
finish(struct slab_cache *c, void *obj, uint32_t flags)
{
	debug_on_alloc(c, obj);
	return flags & KM_ZERO ? memset(obj, 0, c->size) : obj;
}

static __attribute__((noinline)) void *
slab_alloc_slow(struct slab_cache *c, uint32_t flags)
{
	void *obj = refill_and_alloc(c, flags);
	return obj != NULL ? finish(c, obj, flags) : NULL;
}

static inline __attribute__((always_inline)) void *
alloc_fast(struct slab_cache *c, uint32_t flags)
{
	if (unlikely(fault_inject("slab")))
		return NULL;
	uint64_t irq = arch_irq_save();
	struct magazine *m = magazine_of(c);
	uint32_t n = m->count;
	if (unlikely(n == 0)) {
		arch_irq_restore(irq);
		return slab_alloc_slow(c, flags);
	}
	m->count = --n;
	void *obj = m->objects[n];
	arch_irq_restore(irq);
	return finish(c, obj, flags);
}

static inline __attribute__((always_inline)) void
free_fast(struct slab_cache *c, void *obj)
{
	debug_on_free(c, obj);
	uint64_t irq = arch_irq_save();
	struct magazine *m = magazine_of(c);
	uint32_t n = m->count;
	if (likely(n < m->capacity)) {
		m->count = n + 1;
		m->objects[n] = obj;
		arch_irq_restore(irq);
		return;
	}
	arch_irq_restore(irq);
	slab_free_slow(c, obj);
}

void *
slab_alloc(struct slab_cache *c, uint32_t flags)
{
	return alloc_fast(c, flags);
}

void
slab_free(struct slab_cache *c, void *p)
{
	free_fast(c, p);
}

/* --- kmalloc. --- */

static uint32_t
order_for(size_t n)
{
	uint32_t order = 0;
	while ((PAGE_SIZE << order) < n)
		order++;
	return order;
}

static __attribute__((noinline)) void *
kmalloc_pages(size_t n, uint32_t flags)
{
	if (n > PAGE_SIZE << PAGE_ORDER_MAX)
		return NULL;
	uint32_t order = order_for(n);
	uint32_t page_flags =
		(flags & KM_ATOMIC ? PAGE_ATOMIC : 0) | (flags & KM_ZERO ? PAGE_ZERO : 0);
	struct page *p = page_alloc(order, page_flags, PAGE_KERNEL);
	return p != NULL ? page_to_virt(p) : NULL;
}

void *
kmalloc_any(size_t n, uint32_t flags)
{
	if (unlikely(n > KMALLOC_MAX))
		return kmalloc_pages(n, flags);
	return alloc_fast(kmalloc_caches[kmalloc_class(n) % KMALLOC_CLASSES], flags);
}

void *
kzalloc(size_t n)
{
	return kmalloc_any(n, KM_ZERO);
}

void *
kcalloc(size_t n, size_t size)
{
	size_t bytes;
	if (mul_overflow(n, size, &bytes))
		return NULL;
	return kmalloc_any(bytes, KM_ZERO);
}

void
kfree(const void *p)
{
	if (p == NULL)
		return;
	struct page *page = virt_to_page(p);
	uint8_t kind = atomic_load_explicit(&page->kind, memory_order_relaxed);
	if (likely(kind == PAGE_SLAB)) {
		free_fast(page->cache, (void *)p);
		return;
	}
	ASSERT(kind == PAGE_KERNEL && is_aligned((uint64_t)p, PAGE_SIZE));
	page_free(page, page->order);
}

char *
kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n, 0);
	if (copy != NULL)
		memcpy(copy, s, n);
	return copy;
}

/* --- Caches. --- */

/* The smallest order that wastes at most an eighth of a slab. */
static uint32_t
choose_order(uint32_t stride)
{
	uint32_t order = order_for(stride);
	while (order < SLAB_ORDER_MAX && (PAGE_SIZE << order) % stride > (PAGE_SIZE << order) / 8)
		order++;
	return order;
}

static uint32_t
choose_capacity(uint32_t size)
{
	if (size <= 256)
		return 31; /* magazines of 256 and 128 bytes */
	return size <= 1024 ? 15 : 7;
}

static uint64_t
make_secret(const struct slab_cache *c)
{
	uint64_t x = __stack_chk_guard ^ (uint64_t)c ^ (uint64_t)c->index << 48;
	for (int i = 0; i < 3; i++) {
		x *= 0x9e3779b97f4a7c15ULL;
		x ^= x >> 29;
	}
	return x;
}

static void
cache_init(struct slab_cache *c, const char *name, size_t size, size_t align)
{
	align = max(align, (size_t)8);
	ASSERT(size != 0 && size <= PAGE_SIZE << SLAB_ORDER_MAX && (align & (align - 1)) == 0);
	*c = (struct slab_cache){.name = name, .size = (uint32_t)size};
	spin_init(&c->lock, "slab cache");
	list_init(&c->partial);
	list_init(&c->empty);
#ifdef SWOS_DEBUG
	c->link_offset = round_up(c->size, 8u) + 16;
	c->stride = (uint32_t)round_up(round_up(size, 8) + DEBUG_EXTRA, align);
#else
	c->stride = (uint32_t)round_up(size, align);
	c->link_offset =
		round_down(c->stride / 2, 8u); /* off the ends, which overruns of neighbours hit */
#endif
	c->order = choose_order(c->stride);
	c->per_slab = (uint32_t)((PAGE_SIZE << c->order) / c->stride);
	c->capacity = choose_capacity(c->stride);

	uint64_t irq = spin_lock_irq_save(&caches_lock);
	ASSERT(nr_caches < CACHES_MAX);
	c->index = nr_caches++;
	c->secret = make_secret(c);
	c->start = (uint32_t)(c->secret % c->per_slab);
	c->next = caches;
	atomic_thread_fence(memory_order_release);
	caches = c;
	spin_unlock_irq_restore(&caches_lock, irq);
}

struct slab_cache *
slab_cache_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = slab_alloc(&cache_of_caches, 0);
	if (c == NULL)
		panic("no memory for the slab cache %s", name);
	cache_init(c, name, size, align);
	return c;
}

void
slab_init(void)
{
	static const struct {
		const char *name;
		uint32_t size;
	} classes[] = {
		{"kmalloc-16", 16},
		{"kmalloc-32", 32},
		{"kmalloc-48", 48},
		{"kmalloc-64", 64},
		{"kmalloc-96", 96},
		{"kmalloc-128", 128},
		{"kmalloc-192", 192},
		{"kmalloc-256", 256},
		{"kmalloc-384", 384},
		{"kmalloc-512", 512},
		{"kmalloc-768", 768},
		{"kmalloc-1024", 1024},
		{"kmalloc-1536", 1536},
		{"kmalloc-2048", 2048},
		{"kmalloc-4096", 4096},
	};
	struct slab_cache *made[ARRAY_SIZE(classes)];
	cache_init(&cache_of_caches, "slab_cache", sizeof(struct slab_cache), 64);
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		uint32_t size = classes[i].size;
		made[i] = slab_cache_create(classes[i].name, size, size & -size);
	}
	/* Classes without a cache of their own use the next larger one. The first comes last: it says "ready". */
	for (size_t i = ARRAY_SIZE(classes); i-- > 0;)
		for (uint32_t k = kmalloc_class(classes[i].size) + 1; k-- > 0;)
			if (i == 0 || k > kmalloc_class(classes[i - 1].size))
				kmalloc_caches[k] = made[i];
}

/* --- Giving back, and looking. --- */

static void
drain_magazines(void *unused)
{
	uint64_t irq = arch_irq_save();
	for (struct slab_cache *c = caches; c != NULL; c = c->next) {
		struct magazine *m = magazine_of(c);
		put_objects(c, m->objects, m->count);
		if (m != &no_magazine)
			m->count = 0;
	}
	arch_irq_restore(irq);
}

static uint64_t
release_empty(struct slab_cache *c)
{
	uint64_t released = 0;
	for (;;) {
		uint64_t irq = spin_lock_irq_save(&c->lock);
		struct page *slab = NULL;
		if (!list_empty(&c->empty)) {
			slab = list_first_entry(&c->empty, struct page, slab_node);
			list_del(&slab->slab_node);
			c->nr_empty--;
			c->nr_slabs--;
		}
		spin_unlock_irq_restore(&c->lock, irq);
		if (slab == NULL)
			return released;
		slab_release(c, slab);
		released += 1ULL << c->order;
	}
}

static uint64_t
slab_pages(void)
{
	uint64_t n = 0;
	for (struct slab_cache *c = caches; c != NULL; c = c->next)
		n += *(volatile uint64_t *)&c->nr_slabs << c->order;
	return n;
}

uint64_t
slab_drain(void)
{
	uint64_t before = slab_pages();
	drain_magazines(NULL);
	cpu_call_others(drain_magazines, NULL);
	for (struct slab_cache *c = caches; c != NULL; c = c->next)
		release_empty(c);
	uint64_t after = slab_pages();
	return before > after ? before - after : 0;
}

/* Objects of c that nobody outside this file uses. Approximate while other CPUs work. */
static uint64_t
without_users(const struct slab_cache *c)
{
	uint64_t n = atomic_load_explicit(&c->nr_own, memory_order_relaxed);
	for_each_cpu (i) {
		struct slab_cpu *sc = cpus[i]->slab;
		if (sc != NULL)
			n += *(volatile uint32_t *)&sc->magazines[c->index]->count;
	}
	return n;
}

void
slab_for_each(slab_visit_fn *fn, void *ctx)
{
	for (struct slab_cache *c = caches; c != NULL; c = c->next) {
		uint64_t irq = spin_lock_irq_save(&c->lock);
		uint64_t held = without_users(c), slabs = c->nr_slabs;
		uint64_t inuse = c->inuse > held ? c->inuse - held : 0;
		spin_unlock_irq_restore(&c->lock, irq);
		fn(ctx, c->name, c->size, inuse, slabs * c->per_slab, slabs << c->order);
	}
}
