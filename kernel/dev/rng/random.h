/* SPDX-License-Identifier: MIT */
/*
 * The kernel's random number generator: ChaCha20 with fast key erasure (what was handed out cannot be computed again
 * from what is in memory), seeded by the device tree, the processor, devices and the timing of interrupts.
 *
 * Inputs go into a hash (the pool); 256 credited bits of it make a new base key. A few generators, chosen by CPU,
 * each with its own key and a little output in store, take their keys from the base key and come back for another
 * when that was renewed. Output exists from the first instruction on, but only when random_ready() is it
 * unpredictable to somebody who knows the machine.
 *
 * Locks: a generator's, then the pool's; both irq-safe. Nothing is allocated.
 */
#ifndef DEV_RNG_RANDOM_H
#define DEV_RNG_RANDOM_H

#include "core/types.h"

struct iter;
struct wait_queue;

/*
 * Boot: takes the firmware's seed (credited in full; may be empty) and the processor's generator. Needs no allocator,
 * no time and no interrupts, so it may come first; what needs a secret at boot (the stack guard) takes it afterwards.
 */
void random_init(const void *seed, size_t n);
/* After devices were looked for: says once what getrandom() will do when nothing gives a seed. */
void random_report(void);

/* Fills [out, out + n). Any context, never waits. */
void random_fill(void *out, size_t n);
uint64_t random_u64(void);

/* Whether the generator was seeded with 256 bits. Never becomes false again. */
bool random_ready(void);
/* Sleeps until random_ready(). mode: WAIT_*. 0 or -ERESTARTSYS. */
int random_wait(uint32_t mode) MUST_CHECK;

/* For poll(): what is woken when random_ready() becomes true, which being asked for brings about. Any context. */
struct wait_queue *random_waiters(void);

/* Stirs n bytes in, credit_bits of which nobody can guess (0: the bytes may be known). Any context. */
void random_add_seed(const void *data, size_t n, uint32_t credit_bits);
/* From the dispatch of each interrupt, in interrupt context: collects its time. */
void random_add_interrupt(uint32_t intid);

/*
 * A device that gives seeds when it is asked. request() may come in any context, interrupts masked, without the
 * generator's locks, and must not wait: it makes the device call random_add_seed() some time later. It is asked when
 * the generator is used and its last seed is five minutes old. The struct stays for good.
 */
struct random_source {
	const char *name;
	void (*request)(struct random_source *source);
	struct random_source *next;
};
void random_add_source(struct random_source *source);

/*
 * Fills the iterator's memory: getrandom(), /dev/random, /dev/urandom. Never waits for a seed, may fault and be
 * preempted; a signal ends it early after the first page. Bytes written, or -EFAULT.
 */
ssize_t random_read(struct iter *it) MUST_CHECK;

#endif
