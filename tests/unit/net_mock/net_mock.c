/* SPDX-License-Identifier: MIT */
#include "tests/unit/net_mock/net_mock.h"

#include <stdlib.h>
#include <string.h>

#include "mm/page.h"
#include "mm/slab.h"
#include "net/pkt.h"

uint64_t net_mock_fail_after = NET_MOCK_NEVER;
uint64_t net_mock_allocations;
int64_t net_mock_pages, net_mock_page_refs, net_mock_objects;
uint64_t net_mock_drops;
uint32_t net_mock_last_drop;

struct slab_cache {
	size_t size;
};

void
net_mock_begin(void)
{
	static bool ready;
	if (!ready)
		pkt_init();
	ready = true;
	net_mock_fail_after = NET_MOCK_NEVER;
	net_mock_allocations = net_mock_drops = 0;
	/* What others made to stay is theirs. */
	net_mock_pages = net_mock_page_refs = net_mock_objects = 0;
	net_mock_last_drop = 0;
}

bool
net_mock_end(void)
{
	net_mock_fail_after = NET_MOCK_NEVER;
	return net_mock_pages == 0 && net_mock_page_refs == 0 && net_mock_objects == 0;
}

/* In front of every object, so that net_mock_forget() finds what is alive. */
struct object {
	struct object *next, *prev;
};

static struct object objects = {&objects, &objects};

static void
object_free(const void *p)
{
	if (p == NULL)
		return;
	struct object *o = (struct object *)p - 1;
	o->next->prev =
		o->prev; /* NOLINT(clang-analyzer-unix.Malloc): what is freed has left the list */
	o->prev->next = o->next;
	net_mock_objects--;
	free(o);
}

void
net_mock_forget(void)
{
	while (objects.next != &objects)
		object_free(objects.next + 1);
}

static bool
may_allocate(void)
{
	return net_mock_allocations++ < net_mock_fail_after;
}

/* Filled with what nobody may rely on. */
static void *
allocate(size_t n, uint32_t zero)
{
	if (!may_allocate())
		return NULL;
	struct object *o = malloc(sizeof(*o) + n);
	if (o == NULL)
		abort();
	*o = (struct object){.next = &objects, .prev = objects.prev};
	o->prev->next = o;
	objects.prev = o;
	memset(o + 1, zero ? 0 : 0xa5, n);
	net_mock_objects++;
	return o + 1;
}

struct page *
page_alloc(uint32_t order, uint32_t flags, enum page_kind kind)
{
	if (!may_allocate())
		return NULL;
	struct page *p = malloc(sizeof(*p));
	uint8_t *data = malloc(PAGE_SIZE << order);
	if (p == NULL || data == NULL)
		abort();
	memset(data, (flags & PAGE_ZERO) != 0 ? 0 : 0xa5, PAGE_SIZE << order);
	*p = (struct page){.refs = 1, .order = order, .data = data};
	net_mock_pages++;
	net_mock_page_refs++;
	return p;
}

struct page *
page_get(struct page *p)
{
	if (p->refs == 0)
		abort();
	p->refs++;
	net_mock_page_refs++;
	return p;
}

void
page_put(struct page *p)
{
	if (p->refs == 0)
		abort();
	net_mock_page_refs--;
	if (--p->refs != 0)
		return;
	net_mock_pages--;
	free(p->data);
	free(p);
}

struct slab_cache *
slab_cache_create(const char *name, size_t size, size_t align)
{
	static struct slab_cache caches[64];
	static uint32_t used;
	if (used == sizeof(caches) / sizeof(caches[0]))
		abort();
	caches[used].size = size;
	return &caches[used++];
}

void *
slab_alloc(struct slab_cache *c, uint32_t flags)
{
	return allocate(c->size, flags & KM_ZERO);
}

void
slab_free(struct slab_cache *c, void *p)
{
	object_free(p);
}

void *
kmalloc(size_t n, uint32_t flags)
{
	return allocate(n, flags & KM_ZERO);
}

void *
kzalloc(size_t n)
{
	return allocate(n, KM_ZERO);
}

void *
kcalloc(size_t n, size_t size)
{
	return allocate(n * size, KM_ZERO);
}

void
kfree(const void *p)
{
	object_free(p);
}

void
pkt_drop(struct net_stack *net, struct pkt *p, uint16_t reason)
{
	net_mock_drops++;
	net_mock_last_drop = reason;
	pkt_free(p);
}

/* --- Charges. --- */

int64_t net_mock_charged;

void
pkt_charge_owner(struct pkt *p)
{
	p->charge = p->truesize;
	net_mock_charged += p->charge;
}

void
pkt_uncharge_owner(struct pkt *p)
{
	net_mock_charged -= p->charge;
	p->charge = 0;
	p->owner = NULL;
}
