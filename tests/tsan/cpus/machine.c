/* SPDX-License-Identifier: MIT */
/* The machine of machine.h: what lies below the kernel's core, on host threads. */
#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#undef TIMER_ABSTIME /* the kernel has its own */
#include "arch/mmu.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/vdso.h"
#include "core/epoch.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "core/wait.h"
#include "dev/rng/random.h"
#include "mm/kmap.h"
#include "mm/slab.h"

#define DEADLINE_SECONDS 240
#define INTID_TIMER      27u
#define LINES            32u

/*
 * What the kernel reads without a lock on purpose: a barrier pairs with the other side (core/wait.h), or it is a guess at
 * what only its lock's holder changes, and who sleeps or acts on it looks again under the lock (net/tcp). What these
 * functions read is atomic, what changes it is not.
 */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:wait_queue_active\nrace:list_empty\n"
	       "race_top:tcp_state\nrace_top:read_some\nrace_top:has_memory\nrace_top:tcp_send\n"
	       "race_top:send_short\nrace_top:input_syn\n";
}

/* The host's side of a CPU. */
struct host_cpu {
	pthread_mutex_t mutex;
	pthread_cond_t wakes;   /* a line was raised */
	_Atomic uint32_t lines; /* pending interrupts */
	_Atomic uint64_t timer; /* deadline; UINT64_MAX: stopped. Set by its own CPU */
	struct cpu cpu;
	struct thread idle;
};

/* The host's side of a kernel thread: its kernel stack's place. Never freed: who handed over a CPU may touch it yet. */
struct host_thread {
	pthread_mutex_t mutex;
	pthread_cond_t runs;
	bool has_cpu; /* [mutex] */
	struct thread *thread;
	void (*entry)(void *);
	void *arg;
};

static struct host_cpu host_cpus[MACHINE_CPUS];
static _Thread_local struct thread *self;
static _Thread_local bool masked;
static _Thread_local uint32_t seed;

void sched_finish_switch(void);

/* ---- memory */

void *
kmalloc_any(size_t n, uint32_t flags)
{
	return calloc(1, n);
}

void *
kzalloc(size_t n)
{
	return calloc(1, n);
}

void *
kcalloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void
kfree(const void *p)
{
	free((void *)p);
}

void *
kstack_alloc(void)
{
	_Static_assert(sizeof(struct host_thread) <= KSTACK_SIZE, "it lies in the stack's place");
	return calloc(1, KSTACK_SIZE);
}

void
kstack_free(void *stack)
{
}

/* ---- locks: the host may take a lock's holder off its core */

void
spin_lock_contended(struct spinlock *l)
{
	uint32_t expected;
	do {
		sched_yield();
		expected = 0;
	} while (!atomic_compare_exchange_weak_explicit(
		&l->locked, &expected, 1, memory_order_acquire, memory_order_relaxed));
}

void
arch_relax(void)
{
	sched_yield();
}

/* ---- time and interrupts */

nsec_t
time_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nsec_t)t.tv_sec * NSEC_PER_SEC + (nsec_t)t.tv_nsec;
}

struct time_scale time_scale;

void
vdso_update(const struct time_scale *scale, uint64_t realtime_offset)
{
}

void
random_add_interrupt(uint32_t intid)
{
}

static struct host_cpu *
host_cpu(void)
{
	return &host_cpus[this_cpu()->id];
}

void
arch_timer_set(nsec_t deadline)
{
	atomic_store_explicit(&host_cpu()->timer, deadline, memory_order_relaxed);
}

void
arch_timer_stop(void)
{
	arch_timer_set(UINT64_MAX);
}

static bool
timer_is_due(struct host_cpu *h)
{
	uint64_t deadline = atomic_load_explicit(&h->timer, memory_order_relaxed);
	return deadline != UINT64_MAX && time_now() >= deadline;
}

static bool
interrupt_is_pending(struct host_cpu *h)
{
	return atomic_load_explicit(&h->lines, memory_order_relaxed) != 0 || timer_is_due(h);
}

static void
take_interrupts(bool from_user)
{
	while (interrupt_is_pending(host_cpu())) {
		masked = true;
		this_cpu()->irq_from_user = from_user;
		irq_handle();
		masked = false;
	}
}

static uint32_t
chip_acknowledge(void)
{
	struct host_cpu *h = host_cpu();
	if (timer_is_due(h)) {
		arch_timer_stop();
		return INTID_TIMER;
	}
	uint32_t lines = atomic_load_explicit(&h->lines, memory_order_acquire);
	if (lines == 0)
		return IRQ_NONE;
	uint32_t intid = (uint32_t)__builtin_ctz(lines);
	atomic_fetch_and_explicit(&h->lines, ~(1u << intid), memory_order_acq_rel);
	return intid;
}

static void
chip_send_sgi(uint32_t cpu, uint32_t sgi)
{
	struct host_cpu *h = &host_cpus[cpu];
	pthread_mutex_lock(&h->mutex);
	atomic_fetch_or_explicit(&h->lines, 1u << sgi, memory_order_release);
	pthread_cond_signal(&h->wakes);
	pthread_mutex_unlock(&h->mutex);
}

static void
chip_ignore(uint32_t intid)
{
}

static void
chip_enable(uint32_t intid, bool edge)
{
}

static void
chip_init_cpu(void)
{
}

static const struct irq_chip chip = {.name = "host",
	.count = LINES,
	.init_cpu = chip_init_cpu,
	.enable = chip_enable,
	.disable = chip_ignore,
	.acknowledge = chip_acknowledge,
	.end = chip_ignore,
	.send_sgi = chip_send_sgi};

static void
timer_line(void *arg)
{
	timer_interrupt();
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
	if (!masked)
		take_interrupts(false);
}

void
arch_irq_enable(void)
{
	arch_irq_restore(0);
}

void
arch_irq_disable(void)
{
	masked = true;
}

bool
arch_irq_disabled(void)
{
	return masked;
}

static struct timespec
host_time(nsec_t t)
{
	return (struct timespec){(time_t)(t / NSEC_PER_SEC), (long)(t % NSEC_PER_SEC)};
}

void
arch_idle(void)
{
	struct host_cpu *h = host_cpu();
	pthread_mutex_lock(&h->mutex);
	while (!interrupt_is_pending(h)) {
		struct timespec until =
			host_time(min(atomic_load_explicit(&h->timer, memory_order_relaxed),
				time_now() + NSEC_PER_SEC));
		pthread_cond_timedwait(&h->wakes, &h->mutex, &until);
	}
	pthread_mutex_unlock(&h->mutex);
}

void
arch_run_softirqs(void *top)
{
	softirq_run();
}

void
arch_cpu_stop(void)
{
	panic("a CPU was told to stop");
}

/* ---- threads */

struct thread *
arch_current(void)
{
	return self;
}

void
arch_space_switch(struct vm_space *space)
{
	panic("there are no address spaces");
}

static void
init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void
wait_for_cpu(struct host_thread *h)
{
	pthread_mutex_lock(&h->mutex);
	while (!h->has_cpu)
		pthread_cond_wait(&h->runs, &h->mutex);
	h->has_cpu = false;
	pthread_mutex_unlock(&h->mutex);
}

void
arch_switch(struct thread *from, struct thread *to)
{
	struct host_thread *next = to->kstack, *mine = from->kstack;
	bool dead = atomic_load_explicit(&from->state, memory_order_relaxed) == THREAD_DEAD;
	pthread_mutex_lock(&next->mutex);
	next->has_cpu = true;
	pthread_cond_signal(&next->runs);
	pthread_mutex_unlock(&next->mutex);
	if (dead)
		pthread_exit(NULL); /* the thread may be freed already */
	wait_for_cpu(mine);
}

static void *
host_main(void *arg)
{
	struct host_thread *h = arg;
	self = h->thread;
	masked = true;
	wait_for_cpu(h);
	sched_finish_switch();
	arch_irq_enable();
	h->entry(h->arg);
	panic("a kernel thread returned");
}

static struct host_thread *
host_thread_init(struct thread *t, void (*entry)(void *), void *arg)
{
	struct host_thread *h = t->kstack;
	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->runs, NULL);
	h->thread = t;
	h->entry = entry;
	h->arg = arg;
	return h;
}

void
arch_thread_setup_kernel(struct thread *t, void (*entry)(void *), void *arg)
{
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	if (pthread_create(&thread, &attr, host_main, host_thread_init(t, entry, arg)) != 0)
		panic("the host has no thread");
	pthread_attr_destroy(&attr);
}

/* ---- boot */

static pthread_barrier_t all_run;

static void
prepare_cpu(uint32_t id)
{
	struct host_cpu *h = &host_cpus[id];
	struct cpu *cpu = &h->cpu;
	pthread_mutex_init(&h->mutex, NULL);
	init_monotonic(&h->wakes);
	h->timer = UINT64_MAX;
	cpu->id = id;
	cpu->idle = cpu->current = &h->idle;
	h->idle.cpu = cpu;
	h->idle.kstack = kstack_alloc();
	sched_thread_init(&h->idle);
	sched_init_cpu(cpu);
	timer_init_cpu(cpu);
	epoch_init_cpu(cpu);
	cpus[id] = cpu;
	if (softirq_init_cpu(cpu) != 0 || wheel_init_cpu(cpu) != 0)
		panic("no memory");
}

static void
idle_entry(void *arg)
{
	sched_idle();
}

/* CPUs but the first begin with their idle threads. */
static void *
cpu_main(void *arg)
{
	struct cpu *cpu = arg;
	self = cpu->idle;
	masked = true;
	host_thread_init(self, NULL, NULL);
	atomic_store(&cpu->online, true);
	pthread_barrier_wait(&all_run);
	arch_irq_enable();
	sched_idle();
}

/* The host thread that boots runs on the first CPU, as a kernel thread of its own. */
static void
become_first_thread(void)
{
	static struct thread first;
	struct cpu *cpu = cpus[0];
	self = &first;
	first.cpu = cpu;
	first.kstack = kstack_alloc();
	host_thread_init(&first, NULL, NULL);
	sched_thread_init(&first);
	first.on_rq = true;
	first.run_start = time_now();
	cpu->current = &first;
	cpu->rq.nr_running = 1;
	cpu->rq.load = first.weight;
	atomic_store(&cpu->online, true);
	arch_thread_setup_kernel(cpu->idle, idle_entry, NULL);
}

/* Each says on its own CPU that it is there. */
static void
wait_for_softirqd(void)
{
	struct cpumask any = self->affinity;
	for_each_cpu (i) {
		struct cpumask mask = {0};
		cpumask_set(&mask, i);
		if (sched_set_affinity(self, &mask) != 0)
			panic("CPU %u is not online", i);
		while (this_cpu()->softirqd == NULL)
			sched_yield_thread();
	}
	if (sched_set_affinity(self, &any) != 0)
		panic("no CPU is online");
}

void
machine_boot(void)
{
	static bool booted;
	alarm(DEADLINE_SECONDS);
	if (booted)
		return;
	booted = true;
	masked = true;
	cpu_count = MACHINE_CPUS;
	for (uint32_t id = 0; id < MACHINE_CPUS; id++)
		prepare_cpu(id);
	become_first_thread();
	epoch_init();
	wheel_init();
	irq_init(&chip);
	ipi_init();
	if (irq_request(INTID_TIMER, timer_line, NULL, 0, "timer") != 0)
		panic("no timer");
	pthread_barrier_init(&all_run, NULL, MACHINE_CPUS);
	for (uint32_t id = 1; id < MACHINE_CPUS; id++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, cpu_main, cpus[id]) != 0)
			panic("the host has no thread");
		pthread_detach(thread);
	}
	pthread_barrier_wait(&all_run);
	arch_irq_enable();
	softirq_start_threads();
	wait_for_softirqd();
}

/* ---- for the tests */

uint32_t
machine_random(uint32_t bound)
{
	if (seed == 0)
		seed = (uint32_t)((uintptr_t)self >> 4) | 1;
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

void
machine_user(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		take_interrupts(true);
		if (thread_test_flags(self, TF_RESCHED))
			schedule();
	}
}

struct job {
	void (*fn)(void *);
	void *arg;
};

static _Atomic uint32_t jobs_left;
static struct wait_queue jobs_done = {SPINLOCK_INIT("jobs"), LIST_INIT(jobs_done.waiters)};

static void
job_main(void *arg)
{
	struct job job = *(struct job *)arg;
	free(arg);
	job.fn(job.arg);
	atomic_fetch_sub(&jobs_left, 1);
	wake_all(&jobs_done, 0);
}

void
machine_start(void (*fn)(void *), void *arg)
{
	struct job *job = malloc(sizeof(*job));
	*job = (struct job){fn, arg};
	atomic_fetch_add(&jobs_left, 1);
	if (kthread_start("job", job_main, job) == NULL)
		panic("no memory");
}

void
machine_join(void)
{
	(void)!wait_event(
		&jobs_done, WAIT_UNINTERRUPTIBLE, DEADLINE_NEVER, atomic_load(&jobs_left) == 0);
}
