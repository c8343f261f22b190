/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: picks who runs, when, where.
 *
 * Each CPU's run queue is a tree of runnable threads by virtual run time: run time scaled by weight, so that equal
 * virtual times are fair shares. A thread that slept is placed a little behind the queue's minimum, no further. The
 * lock of a run queue is held from schedule() until the next thread has taken over (sched_finish_switch()).
 *
 * A CPU that runs a thread has its slice timer armed, which ends slices and samples CPU time; an idle one has no tick.
 */
#include "core/sched.h"

#include "abi/linux/sched.h"
#include "arch/mmu.h"
#include "arch/smp.h"
#include "core/epoch.h"
#include "core/lockdep.h"
#include "core/panic.h"
#include "core/timer.h"

#define SLICE_NS      (3 * NSEC_PER_MSEC)
#define WAKE_GRAIN_NS NSEC_PER_MSEC /* how far ahead the running thread may be of one that wakes */
#define SLEEPER_CREDIT \
	(3 * NSEC_PER_MSEC) /* how far behind the queue's minimum a sleeper may come back */
#define WEIGHT_NICE_0 1024u
#define WEIGHT_IDLE   3u

static struct cpumask idle_cpus;           /* bits set and cleared atomically by their own CPU */
static struct timer slice_timer[CPUS_MAX]; /* [own CPU] */

/* 1024 * 1.25^-nice: each step of nice is 10 % of a CPU against one competitor. */
static const uint32_t nice_weight[40] = {
	88761,
	71755,
	56483,
	46273,
	36291,
	29154,
	23254,
	18705,
	14949,
	11916,
	9548,
	7620,
	6100,
	4904,
	3906,
	3121,
	2501,
	1991,
	1586,
	1277,
	1024,
	820,
	655,
	526,
	423,
	335,
	272,
	215,
	172,
	137,
	110,
	87,
	70,
	56,
	45,
	36,
	29,
	23,
	18,
	15,
};

void sched_finish_switch(void) NO_LOCK_ANALYSIS;

static void
idle_mask_update(uint32_t cpu, bool idle)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)&idle_cpus.w[cpu / 64];
	uint64_t bit = 1ULL << (cpu % 64);
	if (idle)
		atomic_fetch_or_explicit(word, bit, memory_order_seq_cst);
	else
		atomic_fetch_and_explicit(word, ~bit, memory_order_seq_cst);
}

static bool
cpu_is_idle(uint32_t cpu)
{
	uint64_t w = atomic_load_explicit(
		(_Atomic uint64_t *)&idle_cpus.w[cpu / 64], memory_order_relaxed);
	return w >> (cpu % 64) & 1;
}

static inline struct thread *
thread_of_node(struct rb_node *n)
{
	return container_of(n, struct thread, rq_node);
}

/* Whether virtual time a is before b; times wrap. */
static inline bool
before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static void
tree_insert(struct run_queue *rq, struct thread *t)
{
	struct rb_node **link = &rq->tree.node, *parent = NULL;
	bool leftmost = true;
	while (*link != NULL) {
		parent = *link;
		if (before(t->vruntime, thread_of_node(parent)->vruntime)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	rb_link(&t->rq_node, parent, link);
	rb_insert(&rq->tree, &t->rq_node, NULL);
	if (leftmost)
		rq->leftmost = t;
}

static void
tree_remove(struct run_queue *rq, struct thread *t)
{
	if (rq->leftmost == t) {
		struct rb_node *next = rb_next(&t->rq_node);
		rq->leftmost = next == NULL ? NULL : thread_of_node(next);
	}
	rb_erase(&rq->tree, &t->rq_node, NULL);
}

/* Charges the running thread for its time since it was last charged, and moves the queue's minimum on. */
static void
account(struct run_queue *rq, struct thread *t, nsec_t now)
{
	uint64_t ran = now - relaxed_read(&t->run_start);
	relaxed_write(&t->run_start, now);
	t->run_total += ran;
	t->vruntime += likely(t->weight == WEIGHT_NICE_0) ? ran : ran * WEIGHT_NICE_0 / t->weight;
	uint64_t least = t->vruntime;
	if (rq->leftmost != NULL && before(rq->leftmost->vruntime, least))
		least = rq->leftmost->vruntime;
	if (before(relaxed_read(&rq->min_vruntime), least))
		relaxed_write(&rq->min_vruntime, least);
}

/*
 * Asks this CPU to be interrupted at the end of the slice. Slices end on a grid of SLICE_NS, each CPU's a little after
 * its neighbour's: so that CPUs do not all want their locks, or an emulator's attention, at the same moment.
 */
static void
arm_slice(struct cpu *cpu, nsec_t now)
{
	struct timer *t = &slice_timer[cpu->id];
	if (atomic_load_explicit(&t->cpu, memory_order_relaxed) != NULL)
		return;
	nsec_t skew = SLICE_NS * cpu->id / cpu_count;
	timer_start(t, now - (now + SLICE_NS - skew) % SLICE_NS + SLICE_NS);
}

/* Interrupts another CPU, now or when nobody holds it back any more. One is kept for later. */
static void
kick_cpu(struct cpu *cpu)
{
	struct cpu *self = this_cpu(), *now = cpu;
	if (self->kicks_held != 0) {
		now = self->kick != cpu ? self->kick : NULL;
		self->kick = cpu;
	}
	if (now != NULL)
		cpu_send_ipi(now, IPI_RESCHEDULE);
}

void
sched_hold_kicks(void)
{
	this_cpu()->kicks_held++;
}

void
sched_release_kicks(void)
{
	struct cpu *self = this_cpu();
	if (--self->kicks_held != 0 || likely(self->kick == NULL))
		return;
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = self->kick;
	self->kick = NULL;
	arch_irq_restore(flags);
	if (cpu != NULL)
		cpu_send_ipi(cpu, IPI_RESCHEDULE);
}

/* Tells a CPU to look at its run queue. Its lock is held, or it is this CPU with interrupts masked. */
static void
request_resched(struct cpu *cpu)
{
	thread_set_flags(relaxed_read(&cpu->current), TF_RESCHED);
	if (cpu != this_cpu())
		kick_cpu(cpu);
}

static void
enqueue(struct cpu *cpu, struct thread *t, bool woken)
{
	struct run_queue *rq = &cpu->rq;
	uint64_t earliest = relaxed_read(&rq->min_vruntime) - SLEEPER_CREDIT;
	if (woken && before(t->vruntime, earliest))
		t->vruntime = earliest;
	relaxed_write(&t->cpu, cpu);
	t->on_rq = true;
	relaxed_write(&rq->nr_running, relaxed_read(&rq->nr_running) + 1);
	rq->load += t->weight;
	tree_insert(rq, t);
	struct thread *running = relaxed_read(&cpu->current);
	if (running == cpu->idle) {
		request_resched(cpu);
	} else if (before(t->vruntime + WAKE_GRAIN_NS, running->vruntime)) {
		request_resched(cpu);
	} else if (cpu == this_cpu()) {
		arm_slice(cpu, relaxed_read(&running->run_start));
	} else if (relaxed_read(&rq->nr_running) == 2) {
		kick_cpu(cpu); /* it arms its own timer */
	}
}

static void
dequeue(struct run_queue *rq, struct thread *t)
{
	t->on_rq = false;
	relaxed_write(&rq->nr_running, relaxed_read(&rq->nr_running) - 1);
	rq->load -= t->weight;
}

static bool
allowed(const struct thread *t, uint32_t cpu)
{
	return cpumask_test(&t->affinity, cpu) &&
		atomic_load_explicit(&cpus[cpu]->online, memory_order_relaxed);
}

/* t, which is off every queue, keeps its place among others: as far behind the one's minimum as behind the other's. */
static void
translate(struct thread *t, const struct cpu *from, const struct cpu *to)
{
	t->vruntime += relaxed_read(&to->rq.min_vruntime) - relaxed_read(&from->rq.min_vruntime);
}

static uint32_t
running_on(uint32_t cpu)
{
	return relaxed_read(&cpus[cpu]->rq.nr_running);
}

/* Where a thread that wakes or starts should run: where it was if that is idle, any idle CPU, the least loaded one. */
static struct cpu *
place(const struct thread *t)
{
	if (cpu_count == 1)
		return cpus[0];
	uint32_t last = relaxed_read(&t->cpu)->id, best = last;
	if (allowed(t, last) && cpu_is_idle(last))
		return cpus[last];
	uint32_t least = UINT32_MAX;
	for (uint32_t i = 0; i < cpu_count; i++) {
		uint32_t id = (last + i) % cpu_count;
		if (!allowed(t, id))
			continue;
		if (cpu_is_idle(id))
			return cpus[id];
		uint32_t waiting = running_on(id);
		if (waiting < least) {
			least = waiting;
			best = id;
		}
	}
	return cpus[best];
}

static void
lock_two(struct run_queue *a, struct run_queue *b) NO_LOCK_ANALYSIS
{
	if (a == b) {
		spin_lock(&a->lock);
	} else if (a < b) {
		spin_lock(&a->lock);
		spin_lock(&b->lock);
	} else {
		spin_lock(&b->lock);
		spin_lock(&a->lock);
	}
}

/* Locks the run queue of the CPU that t belongs to, which may change until the lock is held. Interrupts masked. */
static struct cpu *
lock_thread_cpu(struct thread *t) NO_LOCK_ANALYSIS
{
	for (;;) {
		struct cpu *cpu = relaxed_read(&t->cpu);
		spin_lock(&cpu->rq.lock);
		if (likely(cpu == atomic_load_explicit(&t->cpu, memory_order_acquire)))
			return cpu;
		spin_unlock(&cpu->rq.lock);
	}
}

/*
 * Makes t the other CPU's, whose lock is to be taken next; until then it is off every queue and RUNNING, so that nobody
 * else wakes or runs it. Pairs with lock_thread_cpu(): who finds it there sees what was done under the former lock.
 */
static void
leave_for(struct thread *t, struct cpu *to)
{
	atomic_store_explicit(&t->cpu, to, memory_order_release);
}

/* After t was put on the queue that it left for: its affinity may have changed when no lock was held. */
static void
recheck(struct cpu *cpu, const struct thread *t)
{
	if (unlikely(!allowed(t, cpu->id))) {
		cpu->rq.misplaced = true;
		request_resched(cpu);
	}
}

bool
sched_wake_states(struct thread *t, uint32_t states) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	sched_hold_kicks();
	struct cpu *cpu = lock_thread_cpu(t), *former = cpu;
	bool woken = (states >> atomic_load_explicit(&t->state, memory_order_relaxed)) & 1;
	if (woken) {
		atomic_store_explicit(&t->state, THREAD_RUNNING, memory_order_relaxed);
		if (!t->on_rq) {
			struct cpu *target = place(t);
			if (target != cpu) {
				leave_for(t, target);
				spin_unlock(&cpu->rq.lock);
				spin_lock(&target->rq.lock);
				translate(t, cpu, target);
				cpu = target;
			}
			enqueue(cpu, t, true);
			if (cpu != former)
				recheck(cpu, t);
		}
	}
	spin_unlock(&cpu->rq.lock);
	sched_release_kicks();
	arch_irq_restore(flags);
	return woken;
}

void
sched_start(struct thread *t) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	sched_hold_kicks();
	struct cpu *cpu = lock_thread_cpu(t); /* others may have found it already */
	struct cpu *target = place(t);
	if (target != cpu) {
		leave_for(t, target);
		spin_unlock(&cpu->rq.lock);
		spin_lock(&target->rq.lock);
	}
	t->vruntime = relaxed_read(&target->rq.min_vruntime);
	enqueue(target, t, false);
	if (target != cpu)
		recheck(target, t);
	spin_unlock(&target->rq.lock);
	sched_release_kicks();
	arch_irq_restore(flags);
}

/*
 * Moves one waiting thread between CPUs if that evens them out. Takes both locks; interrupts masked. Whether there is
 * nothing more to be done about these two; false: no thread that waits may be moved.
 */
static bool
even_out(struct cpu *from, struct cpu *to) NO_LOCK_ANALYSIS
{
	bool done = true;
	lock_two(&from->rq, &to->rq);
	if (running_on(from->id) > running_on(to->id) + 1) {
		struct rb_node *n = rb_last(&from->rq.tree);
		while (n != NULL && !allowed(thread_of_node(n), to->id))
			n = rb_prev(n);
		if (n != NULL) {
			struct thread *t = thread_of_node(n);
			tree_remove(&from->rq, t);
			dequeue(&from->rq, t);
			translate(t, from, to);
			enqueue(to, t, false);
		}
		done = n != NULL;
	}
	spin_unlock(&to->rq.lock);
	spin_unlock(&from->rq.lock);
	return done;
}

/* An idle CPU takes a waiting thread from the busiest other one that has any which it may run. */
static void
steal(struct cpu *self)
{
	struct cpumask tried = {0};
	for (;;) {
		struct cpu *busiest = self;
		for_each_cpu (i)
			if (!cpumask_test(&tried, i) && running_on(i) > running_on(busiest->id))
				busiest = cpus[i];
		if (running_on(busiest->id) <= running_on(self->id) + 1 || even_out(busiest, self))
			return;
		cpumask_set(&tried, busiest->id);
	}
}

/* A busy CPU gives a waiting thread to the least busy other one that may run any of them. */
static void
push(struct cpu *self)
{
	struct cpumask tried = {0};
	for (;;) {
		struct cpu *least = self;
		for_each_cpu (i)
			if (!cpumask_test(&tried, i) &&
				atomic_load_explicit(&cpus[i]->online, memory_order_relaxed) &&
				running_on(i) < running_on(least->id))
				least = cpus[i];
		if (running_on(self->id) <= running_on(least->id) + 1 || even_out(self, least))
			return;
		cpumask_set(&tried, least->id);
	}
}

/* Whether prev, marked asleep, must stay runnable because what it sleeps for (a signal) is already here. */
static bool
sleep_ends_at_once(const struct thread *prev, uint32_t state)
{
	if (state == THREAD_SLEEPING)
		return thread_test_flags(prev, TF_SIGNAL | TF_EXIT | TF_KILLED);
	if (state == THREAD_SLEEPING_KILL || state == THREAD_STOPPED)
		return thread_test_flags(prev, TF_KILLED | TF_EXIT);
	return false;
}

/* The next thread to run: the leftmost, unless some may not be on this CPU any more. */
static struct thread *
pick(struct cpu *cpu)
{
	struct run_queue *rq = &cpu->rq;
	struct thread *next = rq->leftmost;
	if (unlikely(rq->misplaced)) {
		struct rb_node *n = rb_first(&rq->tree);
		while (n != NULL && !allowed(thread_of_node(n), cpu->id))
			n = rb_next(n);
		next = n == NULL ? NULL : thread_of_node(n);
	}
	if (next == NULL)
		return cpu->idle;
	tree_remove(rq, next);
	return next;
}

/*
 * Moves the waiting threads that may not be on this CPU to where they may be. Its lock is held, and released while
 * another's is; interrupts are masked.
 */
static void
evict_misplaced(struct cpu *cpu) NO_LOCK_ANALYSIS
{
	struct run_queue *rq = &cpu->rq;
	struct rb_node *n = rb_first(&rq->tree);
	rq->misplaced = false;
	while (n != NULL) {
		struct thread *t = thread_of_node(n);
		n = rb_next(n);
		if (allowed(t, cpu->id))
			continue;
		tree_remove(rq, t);
		dequeue(rq, t);
		struct cpu *to = place(t);
		translate(t, cpu, to);
		leave_for(t, to);
		spin_unlock(&rq->lock);
		spin_lock(&to->rq.lock);
		enqueue(to, t, false);
		recheck(to, t);
		spin_unlock(&to->rq.lock);
		spin_lock(&rq->lock);
		n = rb_first(&rq->tree);
	}
}

void
schedule(void) NO_LOCK_ANALYSIS
{
	lockdep_check_sleep();
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = &cpu->rq;
	struct thread *prev = arch_current();

	epoch_quiescent(cpu);
	spin_lock(&rq->lock);
	thread_clear_flags(prev, TF_RESCHED);
	nsec_t now = time_now();
	if (prev != cpu->idle) {
		account(rq, prev, now);
		uint32_t state = atomic_load_explicit(&prev->state, memory_order_relaxed);
		if (state != THREAD_RUNNING && sleep_ends_at_once(prev, state)) {
			atomic_store_explicit(&prev->state, THREAD_RUNNING, memory_order_relaxed);
			state = THREAD_RUNNING;
		}
		if (state == THREAD_RUNNING) {
			rq->misplaced |= !cpumask_test(&prev->affinity, cpu->id);
			tree_insert(rq, prev);
			relaxed_add(&prev->nr_involuntary, 1);
		} else {
			dequeue(rq, prev);
			relaxed_add(&prev->nr_voluntary, 1);
		}
	} else {
		relaxed_add(&cpu->idle_ns, now - relaxed_read(&prev->run_start));
	}
	struct thread *next = pick(cpu);
	relaxed_write(&next->run_start, now);
	if (next != cpu->idle)
		arm_slice(cpu, now);
	if (next == prev) {
		if (unlikely(rq->misplaced))
			evict_misplaced(cpu);
		spin_unlock(&rq->lock);
		arch_irq_restore(flags);
		return;
	}
	relaxed_add(&cpu->nr_switches, 1);
	relaxed_write(&cpu->current, next);
	if (next->space != prev->space)
		arch_space_switch(next->space);
	arch_switch(prev, next);
	sched_finish_switch();
	arch_irq_restore(flags);
}

/* The second half of a switch, on the stack of the thread that now runs: lets go of its CPU's run queue. */
void
sched_finish_switch(void)
{
	struct cpu *cpu = this_cpu();
	if (unlikely(cpu->rq.misplaced))
		evict_misplaced(cpu);
	spin_unlock(&cpu->rq.lock);
}

void
sched_exit(void)
{
	arch_irq_disable();
	atomic_store_explicit(&arch_current()->state, THREAD_DEAD, memory_order_relaxed);
	schedule();
	panic("a dead thread runs");
}

void
thread_wait_off_cpu(struct thread *t) NO_LOCK_ANALYSIS
{
	for (;;) {
		uint64_t flags = arch_irq_save();
		struct cpu *cpu = lock_thread_cpu(t);
		bool off = !t->on_rq && relaxed_read(&cpu->current) != t &&
			atomic_load_explicit(&t->state, memory_order_relaxed) == THREAD_DEAD;
		spin_unlock(&cpu->rq.lock);
		arch_irq_restore(flags);
		if (off)
			return;
		sched_yield_thread();
		arch_relax();
	}
}

void
sched_yield_thread(void)
{
	struct thread *self = arch_current();
	uint64_t flags = arch_irq_save();
	struct run_queue *rq = &this_cpu()->rq;
	spin_lock(&rq->lock);
	if (rq->leftmost != NULL) {
		/* Behind everyone who waits now; what it gives up is not lost to it for long. */
		struct rb_node *last = rb_last(&rq->tree);
		uint64_t v = thread_of_node(last)->vruntime;
		if (before(self->vruntime, v))
			self->vruntime = v;
	}
	spin_unlock(&rq->lock);
	arch_irq_restore(flags);
	schedule();
}

static uint32_t
weight_of(uint8_t policy, int nice)
{
	return (policy & ~THREAD_POLICY_RESETS) == SCHED_IDLE ? WEIGHT_IDLE
							      : nice_weight[nice + 20];
}

/* With the lock of t's run queue, cpu's. */
static void
set_class_locked(struct thread *t, struct cpu *cpu, uint8_t policy, int nice)
{
	uint32_t weight = weight_of(policy, nice);
	if (t->on_rq)
		cpu->rq.load += (uint64_t)weight - t->weight;
	t->policy = policy;
	t->nice = (int8_t)nice;
	t->weight = weight;
}

void
sched_set_nice(struct thread *t, int nice) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_thread_cpu(t);
	set_class_locked(t, cpu, t->policy, nice);
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
}

void
sched_set_policy(struct thread *t, uint8_t policy) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_thread_cpu(t);
	set_class_locked(t, cpu, policy, t->nice);
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
}

void
sched_inherit(struct thread *t)
{
	const struct thread *self = arch_current();
	t->policy = self->policy;
	t->nice = self->nice;
	t->weight = self->weight;
	if (unlikely(self->policy & THREAD_POLICY_RESETS)) {
		t->policy = SCHED_OTHER;
		t->nice = self->nice < 0 ? 0 : self->nice;
		t->weight = weight_of(t->policy, t->nice);
	}
}

void
sched_get_affinity(struct thread *t, struct cpumask *mask) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_thread_cpu(t);
	*mask = t->affinity;
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
}

int
sched_set_affinity(struct thread *t, const struct cpumask *mask) NO_LOCK_ANALYSIS
{
	bool usable = false;
	for_each_cpu (i)
		usable |= cpumask_test(mask, i) && atomic_load(&cpus[i]->online);
	if (!usable)
		return -EINVAL;
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_thread_cpu(t);
	t->affinity = *mask;
	bool leaves = t->on_rq && !cpumask_test(mask, cpu->id);
	bool is_self = t == arch_current();
	if (leaves && !is_self) {
		cpu->rq.misplaced = true;
		request_resched(cpu);
	}
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
	if (leaves && is_self)
		schedule();
	return 0;
}

uint64_t
sched_runtime(struct thread *t) NO_LOCK_ANALYSIS
{
	uint64_t flags = arch_irq_save();
	struct cpu *cpu = lock_thread_cpu(t);
	uint64_t total = t->run_total;
	if (relaxed_read(&cpu->current) == t)
		total += time_now() - relaxed_read(&t->run_start);
	spin_unlock(&cpu->rq.lock);
	arch_irq_restore(flags);
	return total;
}

/* Charges a sample of CPU time to whom the slice's end interrupted, for the division into user and system time. */
static void
sample(struct cpu *cpu)
{
	struct thread *t = arch_current();
	if (cpu->irq_from_user) {
		relaxed_add(&cpu->user_samples, 1);
		relaxed_add(&t->user_samples, 1);
	} else {
		relaxed_add(&cpu->system_samples, 1);
		relaxed_add(&t->system_samples, 1);
	}
}

/* The slice timer, in interrupt context on its CPU: time for somebody else, or for a look at the other CPUs. */
static void
slice_over(struct timer *timer) NO_LOCK_ANALYSIS
{
	struct cpu *cpu = this_cpu();
	if (arch_current() == cpu->idle)
		return;
	sample(cpu);
	push(cpu);
	if (running_on(cpu->id) > 1 || epoch_is_due(cpu))
		thread_set_flags(arch_current(), TF_RESCHED);
	arm_slice(cpu, time_now());
}

/* IPI_RESCHEDULE: somebody put a second thread on this CPU's queue, or wants the running one to look. */
void
sched_ipi(void)
{
	struct cpu *cpu = this_cpu();
	if (running_on(cpu->id) > 1)
		arm_slice(cpu, time_now());
}

/* An idle CPU: looks for work elsewhere, then sleeps until an interrupt. */
static void
idle_loop(void *arg)
{
	struct cpu *cpu = this_cpu();
	for (;;) {
		arch_irq_disable();
		idle_mask_update(cpu->id, true);
		while (!thread_test_flags(cpu->idle, TF_RESCHED)) {
			steal(cpu);
			if (thread_test_flags(cpu->idle, TF_RESCHED))
				break;
			epoch_sleep(cpu);
			arch_idle();
			epoch_awake(cpu);
			arch_irq_enable(); /* the interrupt is taken here */
			arch_irq_disable();
		}
		idle_mask_update(cpu->id, false);
		arch_irq_enable();
		schedule();
	}
}

void
sched_idle(void)
{
	idle_loop(NULL);
	__builtin_unreachable();
}

void
sched_init_cpu(struct cpu *cpu)
{
	spin_init(&cpu->rq.lock, "run_queue");
	cpu->rq.tree.node = NULL;
	cpu->rq.leftmost = NULL;
	timer_init(&slice_timer[cpu->id], slice_over);
}

void
sched_thread_init(struct thread *t)
{
	t->weight = WEIGHT_NICE_0;
	for (int i = 0; i < CPUMASK_WORDS; i++)
		t->affinity.w[i] = UINT64_MAX;
}

void
sched_get_load(struct sched_load *out)
{
	*out = (struct sched_load){0};
	nsec_t now = time_now();
	for_each_cpu (i) {
		struct cpu *c = cpus[i];
		nsec_t since = relaxed_read(&c->idle->run_start);
		out->idle_ns += relaxed_read(&c->idle_ns);
		if (relaxed_read(&c->current) == c->idle)
			out->idle_ns += now - min(now, since);
		out->nr_switches += relaxed_read(&c->nr_switches);
		out->nr_running += running_on(i);
	}
	load_average_get(out->avg, now);
}
