/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: who has to go.
 *
 * A fault that finds no memory, after reclaim gave what it could, ends the process that uses the most memory which
 * comes back with its end, moved by its oom_score_adj; not the one that happens to ask. Init is never chosen. While a
 * chosen process is on its way out, whoever lacks memory waits for that before another is chosen; one that does not
 * get out in time (it waits for somebody who waits for memory) is passed over.
 */
#define LOG_SOURCE "mm"
#include "core/log.h"
#include "core/wait.h"
#include "mm/space.h"
#include "proc/internal.h"

#define NEVER      (-1000) /* an oom_score_adj: not to be chosen */
#define LOOK_AGAIN (100 * NSEC_PER_MSEC)
#define TOO_LONG   (2 * NSEC_PER_SEC)
#define RETRY      NSEC_PER_MSEC

static struct mutex oom_lock;
static struct wait_queue nobody; /* nothing wakes it */
static struct process *victim;   /* [oom_lock] referenced: on its way out; or NULL */
static nsec_t since;             /* [oom_lock] when it was chosen */

void
oom_init(void)
{
	mutex_init(&oom_lock, "out of memory");
	wait_queue_init(&nobody, "out of memory");
}

static bool
has_ended(const struct process *p)
{
	return *(volatile const enum process_state *)&p->state != PROCESS_LIVE;
}

/* Pages that come back when p ends, moved by its wish; 0: not to be chosen. */
static uint64_t
badness(struct process *p, uint64_t total)
{
	int64_t adj = atomic_load_explicit(&p->oom_score_adj, memory_order_relaxed);
	if ((process_flags(p) & (PROCESS_UNKILLABLE | PROCESS_EXITING)) || adj <= NEVER)
		return 0;
	struct vm_space *s = process_space(p);
	if (s == NULL)
		return 0;
	int64_t pages = atomic_load_explicit(&s->rss_anon, memory_order_relaxed) +
		atomic_load_explicit(&s->rss_shmem, memory_order_relaxed);
	vm_space_put(s);
	pages += adj * (int64_t)(total / 1000);
	return (uint64_t)max(pages, (int64_t)1);
}

/* The worst of all, with a reference; NULL: there is none that may be killed. */
static struct process *
choose(uint64_t *pages)
{
	struct process *worst = NULL, *p;
	struct page_stats stats;
	page_get_stats(&stats);
	*pages = 0;
	for (pid_t nr = 1; (p = process_next(current_process()->view, &nr)) != NULL; nr++) {
		uint64_t bad = badness(p, stats.total);
		if (bad > *pages) {
			*pages = bad;
			struct process *former = worst;
			worst = p;
			p = former;
		}
		if (p != NULL)
			process_put(p);
	}
	return worst;
}

/* Makes victim a process that is on its way out. -ENOMEM: it is the caller's own that has to go, or there is none. */
static int
find_victim(void) REQUIRES(oom_lock)
{
	if (victim != NULL && !has_ended(victim) && time_now() - since < TOO_LONG)
		return 0;
	if (victim != NULL)
		process_put(victim);
	uint64_t pages;
	victim = choose(&pages);
	if (victim == NULL)
		return -ENOMEM;
	since = time_now();
	bool own = victim == current_process();
	log_warn("out of memory: killing process %d, which has %llu KiB", victim->pid,
		(unsigned long long)(pages * (PAGE_SIZE / 1024)));
	if (own) {
		process_put(victim);
		victim = NULL;
		return -ENOMEM;
	}
	process_kill(victim);
	return 0;
}

bool
process_out_of_memory(void)
{
	if (thread_test_flags(arch_current(), TF_KILLED))
		return false;
	/* It came back meanwhile, or an allocation failed for another reason: nobody has to die for that. */
	if (!page_is_short()) {
		(void)!wait_event(&nobody, WAIT_KILLABLE, time_now() + RETRY, false);
		return true;
	}
	mutex_lock(&oom_lock);
	int err = find_victim();
	struct process *p = err == 0 ? process_get(victim) : NULL;
	mutex_unlock(&oom_lock);
	if (p == NULL)
		return false;
	/* In short steps: memory may come back by other ways too. */
	(void)!wait_event(&p->exit_wait, WAIT_KILLABLE, time_now() + LOOK_AGAIN, has_ended(p));
	process_put(p);
	return true;
}
