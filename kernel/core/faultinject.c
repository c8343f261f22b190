/* SPDX-License-Identifier: MIT */
/* Fault injection: settings and counting. */
#include "core/faultinject.h"

#ifdef SWOS_DEBUG

#include <string.h>

#include "base/fmt.h"
#include "core/cpu.h"
#include "core/spinlock.h"
#include "proc/process.h"
#include "text/span.h"

#define SITE_MAX 16

struct settings {
	uint64_t every, after, times, pid;
	char site[SITE_MAX]; /* empty: any */
};

static struct spinlock fault_lock = SPINLOCK_INIT("fault_inject");
static _Atomic bool enabled;          /* a look without the lock */
static struct settings settings;      /* [fault_lock] */
static uint64_t candidates, failures; /* [fault_lock] since they were set */

static bool
is_candidate(const struct process *p, const char *site)
{
	if (settings.pid != 0 && (uint64_t)p->pid != settings.pid)
		return false;
	return settings.site[0] == '\0' || strcmp(settings.site, site) == 0;
}

static bool
decide_locked(const struct process *p, const char *site)
{
	if (settings.every == 0 || !is_candidate(p, site))
		return false;
	uint64_t n = candidates++;
	if (n < settings.after || (n - settings.after) % settings.every != settings.every - 1)
		return false;
	if (settings.times != 0 && failures == settings.times)
		return false;
	failures++;
	return true;
}

bool
fault_inject(const char *site)
{
	if (likely(!atomic_load_explicit(&enabled, memory_order_relaxed)))
		return false;
	const struct process *p = arch_current()->process;
	if (p == NULL || this_cpu()->irq_depth > 0 || this_cpu()->in_softirq)
		return false;
	uint64_t flags = spin_lock_irq_save(&fault_lock);
	bool fails = decide_locked(p, site);
	spin_unlock_irq_restore(&fault_lock, flags);
	return fails;
}

/* One word, KEY=VALUE. */
static int
parse_word(struct span word, struct settings *s)
{
	struct span key;
	if (!span_cut(&word, '=', &key))
		return -EINVAL;
	if (span_equal(key, "site"))
		return span_copy(word, s->site, sizeof(s->site)) == 0 ? 0 : -EINVAL;
	const struct {
		const char *key;
		uint64_t *value;
	} numbers[] = {
		{"every", &s->every},
		{"after", &s->after},
		{"times", &s->times},
		{"pid", &s->pid},
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (span_equal(key, numbers[i].key))
			return span_number(word, INT64_MAX, numbers[i].value) == 0 ? 0 : -EINVAL;
	return -EINVAL;
}

int
fault_inject_set(const char *text, size_t n)
{
	struct settings s = {0};
	struct span rest = {text, n}, line, word;
	while (span_cut(&rest, '\n', &line))
		while (span_word(&line, &word)) {
			int err = parse_word(word, &s);
			if (err != 0)
				return err;
		}
	uint64_t flags = spin_lock_irq_save(&fault_lock);
	settings = s;
	candidates = failures = 0;
	atomic_store_explicit(&enabled, s.every != 0, memory_order_relaxed);
	spin_unlock_irq_restore(&fault_lock, flags);
	return 0;
}

size_t
fault_inject_show(char *buf, size_t n)
{
	uint64_t flags = spin_lock_irq_save(&fault_lock);
	int len = base_scnprintf(buf, n,
		"every=%llu after=%llu times=%llu pid=%llu site=%s\ncandidates %llu\nfailures "
		"%llu\n",
		(unsigned long long)settings.every, (unsigned long long)settings.after,
		(unsigned long long)settings.times, (unsigned long long)settings.pid, settings.site,
		(unsigned long long)candidates, (unsigned long long)failures);
	spin_unlock_irq_restore(&fault_lock, flags);
	return (size_t)len;
}

#endif
