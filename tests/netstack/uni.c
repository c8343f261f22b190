/* SPDX-License-Identifier: MIT */
/* The machine of uni.h: what lies below the kernel's softirqs, epochs, timers and wait queues. */
#include "tests/netstack/uni.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/time.h"
#include "arch/vdso.h"
#include "core/epoch.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "core/wait.h"
#include "dev/rng/random.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip/ip.h"
#include "net/worker.h"
#include "proc/process.h"
#include "tests/netstack/netstack.h"

uint64_t uni_fail_after = UINT64_MAX;
void (*uni_sent)(const uint8_t *frame, size_t n);
const uint8_t uni_mac[6] = {2, 0, 0, 0, 0, 1};

static nsec_t now, alarm_at; /* alarm_at: the CPU's timer; UINT64_MAX: stopped */
static uint64_t seed;
static bool masked;

/* --- Memory: a list of what is alive, so that it can be forgotten --- */

struct block {
	_Alignas(64) struct block *next;
	struct block *prev;
};
static struct block blocks = {&blocks, &blocks};

bool
netstack_may_allocate(void)
{
	if (uni_fail_after == UINT64_MAX)
		return true;
	if (uni_fail_after == 0)
		return false;
	uni_fail_after--;
	return true;
}

void *
netstack_alloc(size_t n)
{
	if (!netstack_may_allocate())
		return NULL;
	void *at = NULL;
	if (posix_memalign(&at, _Alignof(struct block), sizeof(struct block) + n) != 0)
		abort();
	struct block *b = at;
	*b = (struct block){.next = &blocks, .prev = blocks.prev};
	b->prev->next = b;
	blocks.prev = b;
	return b + 1;
}

void
netstack_free(void *p)
{
	struct block *b = (struct block *)p - 1;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is freed has left the list */
	struct block *next = b->next, *prev = b->prev;
	next->prev = prev;
	prev->next = next;
	free(b);
}

void *
kmalloc_any(size_t n, uint32_t flags)
{
	void *p = netstack_alloc(n);
	if (p != NULL)
		memset(p, (flags & KM_ZERO) ? 0 : 0xa5, n);
	return p;
}

void *
kzalloc(size_t n)
{
	return kmalloc_any(n, KM_ZERO);
}

void *
kcalloc(size_t n, size_t size)
{
	return kmalloc_any(n * size, KM_ZERO);
}

void
kfree(const void *p)
{
	if (p != NULL)
		netstack_free((void *)p);
}

void *
kstack_alloc(void)
{
	static uint8_t stack[KSTACK_SIZE];
	return stack;
}

/* --- The CPU, and the one thread --- */

struct cpu *cpus[CPUS_MAX];
uint32_t cpu_count = 1;
static struct cpu cpu;
static struct process process;
static struct cred cred = {.caps = ~(caps_t)0};
static struct task task = {.cred = &cred, .process = &process, .thread = {.process = &process}};

struct thread *
arch_current(void)
{
	return &task.thread;
}

void
arch_irq_enable(void)
{
	masked = false;
}

void
arch_irq_disable(void)
{
	masked = true;
}

uint64_t
arch_irq_save(void)
{
	bool was = masked;
	masked = true;
	return was;
}

void
arch_irq_restore(uint64_t flags)
{
	masked = flags != 0;
}

bool
arch_irq_disabled(void)
{
	return masked;
}

void
arch_relax(void)
{
	panic("nobody else could do what is waited for");
}

void
spin_lock_contended(struct spinlock *l)
{
	panic("a lock is taken twice");
}

void
arch_run_softirqs(void *top)
{
	softirq_run();
}

/* To itself, where a grace period ends with interrupts masked: settle() looks next. */
void
cpu_send_ipi(struct cpu *to, uint32_t what)
{
}

nsec_t
time_now(void)
{
	return now;
}

struct time_scale time_scale;

void
vdso_update(const struct time_scale *scale, uint64_t realtime_offset)
{
}

void
arch_timer_set(nsec_t deadline)
{
	alarm_at = deadline;
}

void
arch_timer_stop(void)
{
	alarm_at = UINT64_MAX;
}

uint64_t
random_u64(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed ^ seed >> 29;
}

void
random_fill(void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = (uint8_t)(random_u64() >> 24);
}

/* --- The worker, and threads that nobody needs --- */

static struct net_work *works;

void
net_work_raise(struct net_work *w)
{
	if (w->queued)
		return;
	w->queued = true;
	w->next = works;
	works = w;
}

void
net_worker_init(void)
{
}

struct thread *
kthread_start(const char *name, void (*entry)(void *), void *arg)
{
	return &task.thread; /* who tells of carriers that come and go: none does */
}

int
sched_set_affinity(struct thread *t, const struct cpumask *mask)
{
	return 0;
}

/* --- Time passes --- */

static void
interrupt(void)
{
	masked = true;
	cpu.irq_depth++;
	timer_interrupt();
	cpu.irq_depth--;
	if (atomic_load(&cpu.softirq_pending) != 0)
		softirq_irq_exit(&cpu);
	masked = false;
}

/* Grace periods end, and the worker has its turn. */
static void
settle(void)
{
	for (uint32_t i = 0; i < 4; i++) {
		for (struct net_work *w; (w = works) != NULL;) {
			works = w->next;
			w->queued = false;
			w->fn(w);
		}
		masked = true;
		epoch_quiescent(&cpu);
		masked = false;
		bh_disable();
		bh_enable();
	}
}

/* The next timer, if it is due by then, or nothing but the time. */
static void
step(nsec_t end)
{
	settle();
	if (alarm_at > end) {
		now = max(now, end);
		return;
	}
	now = max(now, alarm_at);
	interrupt();
	settle();
}

void
uni_pass(nsec_t time)
{
	nsec_t end = now + time;
	do
		step(end);
	while (now < end || alarm_at <= now);
}

/* The thread sleeps: until something wakes it. */
void
schedule(void)
{
	while (atomic_load(&task.thread.state) != THREAD_RUNNING) {
		if (alarm_at == UINT64_MAX && works == NULL && !epoch_is_due(&cpu))
			panic("a thread waits for what never comes");
		step(alarm_at == UINT64_MAX ? now : alarm_at);
	}
}

bool
sched_wake_states(struct thread *t, uint32_t states)
{
	bool asleep = atomic_load(&t->state) != THREAD_RUNNING;
	atomic_store(&t->state, THREAD_RUNNING);
	return asleep;
}

void
sched_hold_kicks(void)
{
}

void
sched_release_kicks(void)
{
}

/* --- Everything anew --- */

static void
boot(void)
{
	cpus[0] = &cpu;
	task.thread.cpu = &cpu;
	atomic_store(&cpu.online, true);
	alarm_at = UINT64_MAX;
	timer_init_cpu(&cpu);
	epoch_init_cpu(&cpu);
	epoch_init();
	wheel_init();
	if (softirq_init_cpu(&cpu) != 0 || wheel_init_cpu(&cpu) != 0)
		panic("no memory");
	/* With a stack that nobody uses: what is made now stays. */
	(void)netstack_create();
	uni_pass(NSEC_PER_SEC);
	blocks.next = blocks.prev = &blocks;
}

struct net_stack *
uni_begin(void)
{
	uni_fail_after = UINT64_MAX;
	uni_sent = NULL;
	if (cpus[0] == NULL)
		boot();
	/* Callbacks have run by now; timers go with what they are in. */
	uni_pass(NSEC_PER_SEC);
	works = NULL;
	while (blocks.next != &blocks)
		netstack_free(blocks.next + 1);
	netstack_forget();
	now = 1000 * NSEC_PER_SEC;
	seed = 1;
	alarm_at = UINT64_MAX;
	timer_init_cpu(&cpu);
	if (wheel_init_cpu(&cpu) != 0)
		panic("no memory");
	return netstack_create();
}

/* --- An interface --- */

static void
transmit(struct netif *nif, struct pkt *p)
{
	static uint8_t frame[PKT_LEN_MAX + 64];
	if (p->len > sizeof(frame))
		panic("a frame is too long");
	pkt_copy_out(p, 0, frame, p->len);
	size_t n = p->len;
	pkt_free(p);
	if (uni_sent != NULL)
		uni_sent(frame, n);
}

static const struct netif_ops ethernet = {.transmit = transmit};

struct netif *
uni_ethernet(uint32_t address)
{
	struct net_stack *net = current_net();
	struct netif *nif = netif_alloc();
	struct ip_addr_config conf = {.addr = net_addr_v4(net_swap32(address)), .prefix = 24};
	if (nif == NULL)
		panic("no memory");
	nif->ops = &ethernet;
	nif->type = 1;
	memcpy(nif->mac, uni_mac, sizeof(uni_mac));
	nif->min_mtu = 68;
	nif->max_mtu = 9000;
	atomic_init(&nif->mtu, 1500);
	atomic_init(&nif->flags, IFF_BROADCAST | IFF_MULTICAST);
	atomic_init(&nif->carrier, true);
	int err = netif_register(net, nif, "eth%d");
	mutex_lock(&net->config_lock);
	if (err == 0)
		err = netif_set_flags(nif, IFF_UP, IFF_UP);
	if (err == 0)
		err = ip_addr_add(nif, &conf, false);
	mutex_unlock(&net->config_lock);
	if (err != 0)
		panic("no interface: %d", err);
	uni_pass(3 * NSEC_PER_SEC); /* nobody else has its IPv6 address */
	return nif;
}

bool
uni_receive(struct netif *nif, const void *frame, size_t n)
{
	const uint8_t *from = frame;
	struct pkt *p = pkt_alloc();
	if (p == NULL)
		return false;
	uint32_t linear = n < PKT_COPY_MAX ? (uint32_t)n : 60;
	memcpy(pkt_put(p, linear), from, linear);
	for (size_t at = linear, part; at < n; at += part) {
		struct page *page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
		part = min(n - at, (size_t)PAGE_SIZE);
		if (page == NULL || !pkt_add_frag(p, page, 0, (uint32_t)part)) {
			if (page != NULL)
				page_put(page);
			pkt_free(p);
			return false;
		}
		memcpy(page_to_virt(page), from + at, part);
	}
	bh_disable();
	gro_receive(nif, p);
	gro_flush();
	bh_enable();
	settle();
	return true;
}
