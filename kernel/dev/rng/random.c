/* SPDX-License-Identifier: MIT */
/* The random number generator: random.h says what it is made of. */
#define LOG_SOURCE "random"
#include "dev/rng/random.h"

#include <string.h>

#include "arch/random.h"
#include "arch/time.h"
#include "core/cpu.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/wait.h"
#include "crypto/chacha20.h"
#include "crypto/sha256.h"

#define KEY_SIZE        32
#define READY_BITS      256
#define RESEED_AFTER    (300 * NSEC_PER_SEC)
#define GENERATORS      8
#define STORE_SIZE      256 /* four blocks of key stream: the next key, then output */
#define DIRECT_SIZE     128 /* a larger request gets a key of its own */
#define IRREGULAR_TICKS 8   /* an interrupt this far off the pattern of those before it counts */
#define IRQS_PER_BIT    4   /* so many that count are worth one bit */
#define IRQS_PER_FLUSH  16
#define WAIT_STEP       NSEC_PER_MSEC
#define SGI_END         16

/* Who has given credited bits, for the log. */
#define SEED_FIRMWARE 1u
#define SEED_CPU      2u
#define SEED_DEVICE   4u
#define SEED_TIMING   8u

/* One for CPUs 0, 8, …, one for 1, 9, …, so that CPUs seldom meet here. Each in cache lines of its own. */
struct generator {
	struct spinlock lock;
	uint32_t used;             /* [lock] bytes of store that were handed out, or hold the key */
	uint64_t generation;       /* [lock] of the base key that key comes from; 0: none yet */
	uint32_t key[8];           /* [lock] makes the next store */
	uint8_t store[STORE_SIZE]; /* [lock] output from used on, zeroes before */
} __attribute__((aligned(64)));

/* The timing of the interrupts of the same CPUs. Racing CPUs may lose an update, never more. */
struct timing {
	_Atomic uint64_t words[4];
	_Atomic uint64_t last, last_delta, last_delta2;
	_Atomic uint32_t count, irregular;
} __attribute__((aligned(64)));

static struct generator generators[GENERATORS];
static struct timing timings[GENERATORS];

static struct spinlock pool_lock = SPINLOCK_INIT("random pool");
static struct sha256 pool; /* [pool_lock] */
static bool pool_open;     /* [pool_lock] pool was initialised */
static uint32_t
	pool_bits; /* [pool_lock] credited since the base key was made; once ready, of 256 */
static uint32_t base_key[8];        /* [pool_lock] */
static uint32_t seeds;              /* [pool_lock] SEED_* */
static _Atomic uint64_t generation; /* [pool_lock to change] of base_key */
static _Atomic uint64_t reseed_at;  /* monotonic time from which sources are asked again */
static _Atomic bool ready;          /* [pool_lock to change] */
static _Atomic bool reported;
static struct random_source *_Atomic sources;

static struct wait_queue ready_waiters = {
	.lock = SPINLOCK_INIT("random ready"),
	.waiters = LIST_INIT(ready_waiters.waiters),
};

static void
wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile(""
		:
		: "r"(p)
		: "memory"); /* the zeroes are wanted although nobody reads them */
}

/* One step of key erasure: 64 bytes of key stream are the next key and 32 bytes of output. */
static void
key_step(uint32_t key[8], void *out)
{
	static const uint8_t nonce[CHACHA20_NONCE_SIZE];
	uint8_t block[CHACHA20_BLOCK_SIZE];
	chacha20_block(key, 0, nonce, block);
	memcpy(key, block, KEY_SIZE);
	memcpy(out, block + KEY_SIZE, KEY_SIZE);
	wipe(block, sizeof(block));
}

static void
pool_add_locked(const void *data, size_t n) REQUIRES(pool_lock)
{
	if (!pool_open) {
		sha256_init(&pool);
		pool_open = true;
	}
	sha256_update(&pool, &n, sizeof(n)); /* so that two inputs are not the same as one */
	sha256_update(&pool, data, n);
}

/* What costs nothing to add whenever a key is made. Returns how many bits the processor gave. */
static uint32_t
pool_add_surroundings_locked(void) REQUIRES(pool_lock)
{
	uint64_t now = arch_counter_read(), word;
	uint32_t bits = 0;
	pool_add_locked(&now, sizeof(now));
	for (int i = 0; i < READY_BITS / 64; i++) {
		if (arch_random_u64(&word)) {
			pool_add_locked(&word, sizeof(word));
			bits += 64;
		}
	}
	for (int i = 0; i < GENERATORS; i++)
		for (int k = 0; k < 4; k++) {
			word = atomic_load_explicit(&timings[i].words[k], memory_order_relaxed);
			pool_add_locked(&word, sizeof(word));
		}
	wipe(&word, sizeof(word));
	return bits;
}

/*
 * A new base key out of the old one and the pool. Generators notice by the generation. Returns how many bits the
 * processor gave.
 */
static uint32_t
base_renew_locked(void) REQUIRES(pool_lock)
{
	uint32_t cpu_bits = pool_add_surroundings_locked();
	if (cpu_bits != 0)
		seeds |= SEED_CPU;
	pool_add_locked(base_key, sizeof(base_key));
	sha256_final(&pool, (uint8_t *)base_key);
	pool_open = false;
	atomic_fetch_add_explicit(&generation, 1, memory_order_release);
	atomic_store_explicit(&reseed_at, time_now() + RESEED_AFTER, memory_order_relaxed);
	return cpu_bits;
}

/* Makes a base key of what the pool has if that is enough. Returns whether the generator became ready by it. */
static bool
pool_settle_locked(void) REQUIRES(pool_lock)
{
	bool was_ready = random_ready();
	if (pool_bits < READY_BITS)
		return false;
	base_renew_locked();
	pool_bits = 0;
	atomic_store_explicit(&ready, true, memory_order_release);
	return !was_ready;
}

static void
announce_ready(uint32_t from)
{
	log_info("ready, seeded by%s%s%s%s", (from & SEED_FIRMWARE) != 0 ? " firmware" : "",
		(from & SEED_CPU) != 0 ? " cpu" : "", (from & SEED_DEVICE) != 0 ? " device" : "",
		(from & SEED_TIMING) != 0 ? " interrupt timing" : "");
	wake_all(&ready_waiters, 0);
}

static void
add_credited(const void *data, size_t n, uint32_t credit_bits, uint32_t seed)
{
	uint64_t flags = spin_lock_irq_save(&pool_lock);
	pool_add_locked(data, n);
	pool_bits += min(credit_bits, (uint32_t)READY_BITS);
	if (credit_bits != 0)
		seeds |= seed;
	bool became_ready = pool_settle_locked();
	uint32_t from = seeds;
	spin_unlock_irq_restore(&pool_lock, flags);
	if (became_ready)
		announce_ready(from);
}

void
random_add_seed(const void *data, size_t n, uint32_t credit_bits)
{
	add_credited(data, n, (uint32_t)min((uint64_t)credit_bits, (uint64_t)n * 8), SEED_DEVICE);
}

void
random_init(const void *seed, size_t n)
{
	uint32_t bits = (uint32_t)min((uint64_t)n, (uint64_t)READY_BITS / 8) * 8;
	add_credited(seed, n, bits, SEED_FIRMWARE);
	if (random_ready())
		return;
	/* Too little, but the best there is for what boot needs now: its bits stay credited. */
	uint64_t flags = spin_lock_irq_save(&pool_lock);
	pool_bits += base_renew_locked();
	bool became_ready = pool_settle_locked();
	uint32_t from = seeds;
	spin_unlock_irq_restore(&pool_lock, flags);
	if (became_ready)
		announce_ready(from);
}

static void
report_once(void)
{
	if (!atomic_exchange_explicit(&reported, true, memory_order_relaxed))
		log_warn("no source of randomness: getrandom() blocks until the timing of "
			 "interrupts has given %d bits",
			READY_BITS);
}

void
random_report(void)
{
	if (!random_ready() && atomic_load_explicit(&sources, memory_order_acquire) == NULL)
		report_once();
}

/* --- Output --- */

static struct generator *
this_generator(void)
{
	return &generators[this_cpu()->id % GENERATORS];
}

/* A fresh key when the base key was renewed, then a full store. Returns whether sources should be asked again. */
static __attribute__((noinline)) bool
generator_refill_locked(struct generator *g) REQUIRES(g->lock)
{
	static const uint8_t nonce[CHACHA20_NONCE_SIZE];
	uint64_t newest = atomic_load_explicit(&generation, memory_order_acquire);
	if (g->generation != newest || newest == 0) {
		spin_lock(&pool_lock);
		key_step(base_key, g->key);
		g->generation = newest;
		spin_unlock(&pool_lock);
	}
	chacha20_stream(g->key, 0, nonce, g->store, STORE_SIZE);
	memcpy(g->key, g->store, KEY_SIZE);
	memset(g->store, 0, KEY_SIZE);
	g->used = KEY_SIZE;
	return time_now() >= atomic_load_explicit(&reseed_at, memory_order_relaxed);
}

/* Asks each source for a seed; without any, the processor and the interrupts since the last time must do. */
static __attribute__((noinline)) void
ask_sources(void)
{
	struct random_source *s = atomic_load_explicit(&sources, memory_order_acquire);
	uint64_t flags = spin_lock_irq_save(&pool_lock);
	atomic_store_explicit(&reseed_at, time_now() + RESEED_AFTER, memory_order_relaxed);
	if (s == NULL && random_ready())
		base_renew_locked();
	spin_unlock_irq_restore(&pool_lock, flags);
	for (; s != NULL; s = s->next)
		s->request(s);
}

static bool
generator_current(const struct generator *g) REQUIRES(g->lock)
{
	return g->used != 0 &&
		g->generation == atomic_load_explicit(&generation, memory_order_acquire);
}

/* Hands out n bytes. Returns whether sources should be asked again. */
static bool
generator_take_locked(struct generator *g, uint8_t *out, size_t n) REQUIRES(g->lock)
{
	bool ask = false;
	if (unlikely(!generator_current(g)))
		ask = generator_refill_locked(g);
	for (;;) {
		size_t part = min(n, (size_t)(STORE_SIZE - g->used));
		memcpy(out, g->store + g->used, part);
		memset(g->store + g->used, 0, part);
		g->used += (uint32_t)part;
		n -= part;
		if (likely(n == 0))
			return ask;
		out += part;
		ask |= generator_refill_locked(g);
	}
}

static void
fill_small(void *out, size_t n)
{
	uint64_t flags = arch_irq_save();
	struct generator *g = this_generator();
	spin_lock(&g->lock);
	bool ask = generator_take_locked(g, out, n);
	spin_unlock(&g->lock);
	arch_irq_restore(flags);
	if (unlikely(ask))
		ask_sources();
}

void
random_fill(void *out, size_t n)
{
	static const uint8_t nonce[CHACHA20_NONCE_SIZE];
	if (likely(n <= DIRECT_SIZE)) {
		fill_small(out, n);
		return;
	}
	uint32_t key[8];
	fill_small(key, sizeof(key));
	chacha20_stream(key, 0, nonce, out, n);
	wipe(key, sizeof(key));
}

uint64_t
random_u64(void)
{
	uint64_t value;
	fill_small(&value, sizeof(value));
	return value;
}

/* --- Readiness and sources --- */

bool
random_ready(void)
{
	return atomic_load_explicit(&ready, memory_order_acquire);
}

/* An idle machine has no interrupts: each turn's time-out is one, at a moment nobody planned exactly. */
static nsec_t
next_turn(nsec_t now)
{
	return now + WAIT_STEP + (random_u64() & (WAIT_STEP / 4 - 1));
}

static void
turn_over(struct timer *t)
{
	if (!random_ready())
		timer_start(t, next_turn(time_now()));
}

struct wait_queue *
random_waiters(void)
{
	static struct timer turns = {.fn = turn_over};
	static _Atomic bool turning;
	if (!random_ready() && !atomic_exchange_explicit(&turning, true, memory_order_relaxed)) {
		ask_sources();
		timer_start(&turns, next_turn(time_now()));
	}
	return &ready_waiters;
}

int
random_wait(uint32_t mode)
{
	if (likely(random_ready()))
		return 0;
	nsec_t said_at = time_now() + NSEC_PER_SEC;
	ask_sources();
	while (!random_ready()) {
		nsec_t now = time_now();
		int err = wait_event(&ready_waiters, mode, next_turn(now), random_ready());
		if (err == -ERESTARTSYS)
			return err;
		if (now > said_at)
			report_once();
	}
	return 0;
}

void
random_add_source(struct random_source *source)
{
	struct random_source *first = atomic_load_explicit(&sources, memory_order_relaxed);
	do {
		source->next = first;
	} while (!atomic_compare_exchange_weak_explicit(
		&sources, &first, source, memory_order_release, memory_order_relaxed));
	source->request(source);
}

/* --- The timing of interrupts --- */

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* How far now lies off what the last three interrupts led to expect, in ticks. */
static uint64_t
timing_surprise(struct timing *t, uint64_t now)
{
	uint64_t delta = now - atomic_load_explicit(&t->last, memory_order_relaxed);
	uint64_t delta2 =
		distance(delta, atomic_load_explicit(&t->last_delta, memory_order_relaxed));
	uint64_t delta3 =
		distance(delta2, atomic_load_explicit(&t->last_delta2, memory_order_relaxed));
	atomic_store_explicit(&t->last, now, memory_order_relaxed);
	atomic_store_explicit(&t->last_delta, delta, memory_order_relaxed);
	atomic_store_explicit(&t->last_delta2, delta2, memory_order_relaxed);
	uint64_t least = min(delta, delta2);
	return min(least, delta3);
}

static __attribute__((noinline)) void
timing_credit(struct timing *t, uint32_t intid, uint64_t now, uint32_t count)
{
	uint32_t irregular = atomic_load_explicit(&t->irregular, memory_order_relaxed);
	/* A software interrupt's time is that of what another CPU did. */
	if (timing_surprise(t, now) >= IRREGULAR_TICKS && intid >= SGI_END)
		irregular++;
	if (count % IRQS_PER_FLUSH == 0) {
		uint64_t words[4];
		for (int i = 0; i < 4; i++)
			words[i] = atomic_load_explicit(&t->words[i], memory_order_relaxed);
		add_credited(words, sizeof(words), irregular / IRQS_PER_BIT, SEED_TIMING);
		irregular %= IRQS_PER_BIT;
	}
	atomic_store_explicit(&t->irregular, irregular, memory_order_relaxed);
}

void
random_add_interrupt(uint32_t intid)
{
	struct timing *t = &timings[this_cpu()->id % GENERATORS];
	uint64_t now = arch_counter_read();
	uint32_t count = atomic_load_explicit(&t->count, memory_order_relaxed) + 1;
	_Atomic uint64_t *word = &t->words[count % 4];
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
	atomic_store_explicit(
		word, (old << 19 | old >> 45) ^ now ^ (uint64_t)intid << 48, memory_order_relaxed);
	atomic_store_explicit(&t->count, count, memory_order_relaxed);
	if (unlikely(!random_ready()))
		timing_credit(t, intid, now, count);
}
