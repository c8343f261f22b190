/* SPDX-License-Identifier: MIT */
/*
 * Load averages, as Unix has them: the number of runnable threads, exponentially decayed over 1, 5 and 15 minutes.
 * Sampled when somebody asks, so that an idle machine need not wake for it: what was missed is taken to have been
 * like the sample.
 */
#include "core/sched.h"
#include "core/spinlock.h"
#include "core/timer.h"

#define FIXED_ONE (1u << 16)
#define PERIOD_NS (5 * NSEC_PER_SEC)

static struct spinlock load_lock = SPINLOCK_INIT("loadavg");
static uint32_t load[3];    /* [load_lock] 16.16 */
static nsec_t load_sampled; /* [load_lock] */

/* e^(-5 s / 1, 5, 15 min) in 16.16. */
static const uint32_t decay[3] = {60296, 64453, 65173};

void
load_average_get(uint32_t avg[3], nsec_t now)
{
	uint32_t runnable = 0;
	for_each_cpu (i)
		runnable += relaxed_read(&cpus[i]->rq.nr_running);
	uint64_t flags = spin_lock_irq_save(&load_lock);
	/* After an hour nothing is left of what was before. */
	uint64_t periods = min((now - load_sampled) / PERIOD_NS, (uint64_t)720);
	if (periods > 0)
		load_sampled = now;
	for (uint64_t p = 0; p < periods; p++)
		for (int i = 0; i < 3; i++)
			load[i] = (uint32_t)(((uint64_t)load[i] * decay[i] +
						     (uint64_t)runnable * FIXED_ONE *
							     (FIXED_ONE - decay[i])) >>
				16);
	for (int i = 0; i < 3; i++)
		avg[i] = load[i];
	spin_unlock_irq_restore(&load_lock, flags);
}
