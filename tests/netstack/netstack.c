/* SPDX-License-Identifier: MIT */
/* What the network needs of the rest of the kernel, and sockets for tests: netstack.h. */
#include "tests/netstack/netstack.h"

#include <string.h>

#include "core/panic.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/sock/netlink/netlink.h"
#include "net/sock/packet/packet.h"
#include "net/sock/unix/unix.h"
#include "net/tcp/tcp.h"
#include "proc/view.h"
#include "vfs/async.h"
#include "vfs/vfs.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/* --- Pages --- */

uint8_t netstack_ram[NETSTACK_RAM_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
uint8_t netstack_pages[NETSTACK_RAM_PAGES * sizeof(struct page)] __attribute__((aligned(64)));

static struct spinlock pages_lock = SPINLOCK_INIT("pages");
static uint32_t free_pages[NETSTACK_RAM_PAGES / 2], nr_free; /* [pages_lock] page numbers */
static bool pages_ready;                                     /* [pages_lock] */
static _Atomic int64_t live_pages;

static void
prepare_pages(void)
{
	if (pages_ready)
		return;
	pages_ready = true;
	for (uint32_t i = 0; i < NETSTACK_RAM_PAGES; i += 2)
		free_pages[nr_free++] = i;
	ASAN_POISON_MEMORY_REGION(netstack_ram, sizeof(netstack_ram));
}

struct page *
page_alloc(uint32_t order, uint32_t flags, enum page_kind kind)
{
	if (order != 0)
		panic("the network wants single pages");
	if (!netstack_may_allocate())
		return NULL;
	spin_lock(&pages_lock);
	prepare_pages();
	struct page *p = nr_free == 0 ? NULL : pfn_to_page(free_pages[--nr_free]);
	spin_unlock(&pages_lock);
	if (p == NULL)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(page_to_virt(p), PAGE_SIZE);
	memset(page_to_virt(p), (flags & PAGE_ZERO) ? 0 : 0xa5, PAGE_SIZE);
	refcount_init(&p->refs, 1);
	atomic_store_explicit(&p->flags, 0, memory_order_relaxed);
	atomic_store_explicit(&p->kind, (uint8_t)kind, memory_order_relaxed);
	atomic_fetch_add(&live_pages, 1);
	return p;
}

/* The last reference is gone. */
void
page_destroy(struct page *p)
{
	atomic_fetch_sub(&live_pages, 1);
	ASAN_POISON_MEMORY_REGION(page_to_virt(p), PAGE_SIZE);
	spin_lock(&pages_lock);
	free_pages[nr_free++] = (uint32_t)page_to_pfn(p);
	spin_unlock(&pages_lock);
}

void
page_free(struct page *p, uint32_t order)
{
	page_put(p);
}

void
page_get_stats(struct page_stats *out)
{
	*out = (struct page_stats){.total = NETSTACK_RAM_PAGES / 2};
}

int64_t
netstack_live_pages(void)
{
	return atomic_load(&live_pages);
}

/* --- Objects --- */

struct slab_cache {
	const char *name;
	size_t size;
	_Atomic int64_t live;
};

static struct slab_cache caches[64];
static uint32_t nr_caches;

struct slab_cache *
slab_cache_create(const char *name, size_t size, size_t align)
{
	if (nr_caches == sizeof(caches) / sizeof(caches[0]))
		panic("too many caches");
	caches[nr_caches].name = name;
	caches[nr_caches].size = size;
	return &caches[nr_caches++];
}

void *
slab_alloc(struct slab_cache *c, uint32_t flags)
{
	void *p = netstack_alloc(c->size);
	if (p == NULL)
		return NULL;
	memset(p, (flags & KM_ZERO) ? 0 : 0xa5, c->size);
	atomic_fetch_add_explicit(&c->live, 1, memory_order_relaxed);
	return p;
}

void
slab_free(struct slab_cache *c, void *p)
{
	atomic_fetch_sub_explicit(&c->live, 1, memory_order_relaxed);
	netstack_free(p);
}

/* kmalloc() of a constant size goes to these, and kfree() does not know of them: they are not counted. */
static struct slab_cache kmalloc_sizes[KMALLOC_CLASSES];
struct slab_cache *kmalloc_caches[KMALLOC_CLASSES];

static void
prepare_kmalloc(void)
{
	for (uint32_t i = 0; i < KMALLOC_CLASSES; i++) {
		/* Classes are 16, 24, 32, 48, … */
		kmalloc_sizes[i].size = ((size_t)2 + (i & 1)) << (3 + i / 2);
		kmalloc_caches[i] = &kmalloc_sizes[i];
	}
}

int64_t
netstack_objects(const char *name)
{
	for (uint32_t i = 0; i < nr_caches; i++)
		if (strcmp(caches[i].name, name) == 0)
			return atomic_load(&caches[i].live);
	panic("there is no cache %s", name);
}

void
netstack_forget(void)
{
	for (uint32_t i = 0; i < nr_caches; i++)
		atomic_store(&caches[i].live, 0);
	atomic_store(&live_pages, 0);
	pages_ready = false;
	nr_free = 0;
}

const char *
netstack_leak(void)
{
	static const char *const watched[] = {"pkt", "pkt_frags", "tcp_sock", "tcp_half", "tcp_tw",
		"tcp_port", "tcp_chunk_small", "tcp_chunk_page"};
	for (uint32_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (netstack_objects(watched[i]) != 0)
			return watched[i];
	return netstack_live_pages() != 0 ? "page" : NULL;
}

/* --- Futexes, processes, files, and families that are not here --- */

int
user_cmpxchg_u32(uaddr_t u, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	panic("the network has no futexes");
}

static struct view only_view;
const struct cred vfs_kernel_cred;

struct view *
view_initial(void)
{
	return &only_view;
}

struct view *
current_view(void)
{
	return &only_view;
}

void
signal_send_self(int sig)
{
}

void
file_owner_urgent(struct file *f)
{
}

/* A test that has handles has files too. */
__attribute__((weak)) struct file *
file_create(const struct file_ops *ops, void *priv, uint32_t flags, uint32_t kind)
{
	return NULL;
}

int
file_install(struct file *f, rights_t rights, uint32_t open_flags)
{
	panic("there are no handles");
}

int64_t
sock_file_ioctl(struct file *f, uint32_t cmd, uint64_t arg)
{
	return -ENOTTY;
}

struct unix_stack *
unix_stack_create(void)
{
	return kzalloc(1);
}

void
unix_boot(void)
{
}

void
unix_handle_closed(struct sock *s, const struct file *f)
{
}

void
unix_get_peercred(struct sock *s, struct ucred_user *out)
{
}

uint32_t
unix_outstanding(const struct unix_sock *u)
{
	return 0;
}

void
packet_boot(void)
{
}

int
netlink_stack_init(struct net_stack *net)
{
	return 0;
}

/* --- The network --- */

struct net_stack *
netstack_create(void)
{
	static bool booted;
	if (!booted) {
		prepare_kmalloc();
		sock_boot();
		net_init();
	} else {
		only_view.net = net_stack_create();
		if (only_view.net == NULL)
			panic("no memory for a stack");
	}
	booted = true;
	return only_view.net;
}

static int64_t
sum_of(struct net_stack *net, const enum net_counter *c, uint32_t n)
{
	int64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += (int64_t)net_counter_sum(net, c[i]);
	return sum;
}

int64_t
netstack_lost_frames(struct net_stack *net)
{
	static const enum net_counter ends[] = {NET_LINK_DELIVERED, NET_LINK_COALESCED,
		NET_DROP_ETHERTYPE, NET_DROP_OTHER_HOST, NET_DROP_BACKLOG_FULL};
	/* What upper layers and the way out drop under the same name. */
	static const enum net_counter shared[] = {NET_DROP_TOO_SHORT, NET_DROP_INTERFACE_DOWN};
	int64_t left = (int64_t)net_counter_sum(net, NET_LINK_IN) - sum_of(net, ends, 5);
	int64_t most = sum_of(net, shared, 2);
	return left < 0 ? left : left > most ? left - most : 0;
}

/* --- Sockets --- */

struct sock *
netstack_socket(struct net_stack *net, uint16_t family, int type)
{
	struct sock *s;
	return sock_find_family(family)->create(net, type, 0, &s) == 0 ? s : NULL;
}

void
netstack_close(struct sock *s)
{
	s->ops->close(s);
	sock_put(s);
}

struct sock_addr
netstack_loopback(uint16_t family, uint16_t port)
{
	struct sock_addr a = {0};
	if (family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET,
			.sin_port = net_swap16(port),
			.sin_addr = net_swap32(0x7f000001)};
		memcpy(a.bytes, &in, a.len = sizeof(in));
	} else {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = net_swap16(port)};
		in6.sin6_addr[15] = 1;
		memcpy(a.bytes, &in6, a.len = sizeof(in6));
	}
	return a;
}

uint16_t
netstack_port(struct sock *s, bool peer)
{
	struct sock_addr a;
	uint16_t port;
	if (s->ops->getname(s, peer, &a) != 0)
		return 0;
	memcpy(&port, a.bytes + 2, sizeof(port));
	return net_swap16(port);
}

ssize_t
netstack_send(struct sock *s, const void *bytes, size_t n, uint32_t flags)
{
	struct iter it = iter_kernel(bytes, n);
	struct sock_msg msg = {.iter = &it, .flags = flags | MSG_NOSIGNAL};
	return s->ops->send(s, &msg);
}

ssize_t
netstack_recv(struct sock *s, void *bytes, size_t n, uint32_t flags)
{
	struct iter it = iter_kernel(bytes, n);
	struct sock_msg msg = {.iter = &it, .flags = flags};
	return s->ops->recv(s, &msg);
}
