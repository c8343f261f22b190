/* SPDX-License-Identifier: MIT */
/*
 * The log's ring: records of variable length in LOG_RING_SIZE bytes; the oldest give way. Positions count bytes for
 * ever; position modulo the size is the place in the ring.
 *
 * log_lock is an irq-safe leaf. A panic takes it only if it is free.
 */
#include "core/log_ring.h"

#include <string.h>

#include "base/fmt.h"
#include "core/console.h"
#include "core/cpu.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/wait.h"

#define LOG_TEXT_MAX 512

struct spinlock log_lock = SPINLOCK_INIT("log");
static char ring[LOG_RING_SIZE] __attribute__((aligned(8)));
static uint64_t first_pos, next_pos; /* [log_lock] of the oldest record and past the newest */
static uint64_t first_seq, next_seq; /* [log_lock] */
static uint8_t console_level = LOG_INFO;
static bool console_level_chosen; /* by the command line or an administrator */
static struct wait_queue readers = {SPINLOCK_INIT("log_readers"), LIST_INIT(readers.waiters)};

#define LEVELS_MAX 32
static struct {
	char source[16];
	uint8_t level;
} source_levels[LEVELS_MAX]; /* [log_lock] set at boot or by an administrator */
static uint32_t source_level_count;
static uint8_t record_level = LOG_INFO; /* [log_lock] the global one */

static size_t
record_size(size_t text_len)
{
	return round_up(sizeof(struct log_record) + text_len, sizeof(uint64_t));
}

static void
ring_copy_in(uint64_t pos, const void *src, size_t n)
{
	size_t at = pos % LOG_RING_SIZE, first = min(n, (size_t)LOG_RING_SIZE - at);
	memcpy(ring + at, src, first);
	memcpy(ring, (const char *)src + first, n - first);
}

static void
ring_copy_out(uint64_t pos, void *dst, size_t n)
{
	size_t at = pos % LOG_RING_SIZE, first = min(n, (size_t)LOG_RING_SIZE - at);
	memcpy(dst, ring + at, first);
	memcpy((char *)dst + first, ring, n - first);
}

static void
append(const struct log_record *r, const char *text)
{
	size_t size = record_size(r->length);
	while (next_pos + size - first_pos > LOG_RING_SIZE) {
		struct log_record oldest;
		ring_copy_out(first_pos, &oldest, sizeof(oldest));
		first_pos += record_size(oldest.length);
		first_seq++;
	}
	ring_copy_in(next_pos, r, sizeof(*r));
	ring_copy_in(next_pos + sizeof(*r), text, r->length);
	next_pos += size;
	next_seq++;
}

static bool
wanted(enum log_level level, const char *source)
{
	for (uint32_t i = 0; i < source_level_count; i++)
		if (strcmp(source_levels[i].source, source) == 0)
			return level <= source_levels[i].level;
	return level <= record_level;
}

int
log_set_level(const char *source, uint32_t level)
{
	int err = 0;
	if (level > LOG_DEBUG)
		return -EINVAL;
	uint64_t flags = spin_lock_irq_save(&log_lock);
	uint32_t i = 0;
	while (source != NULL && i < source_level_count &&
		strcmp(source_levels[i].source, source) != 0)
		i++;
	if (source == NULL) {
		record_level = (uint8_t)level;
	} else if (i == LEVELS_MAX || strlen(source) >= sizeof(source_levels[i].source)) {
		err = -ENOSPC;
	} else {
		memcpy(source_levels[i].source, source, strlen(source) + 1);
		source_levels[i].level = (uint8_t)level;
		source_level_count = max(source_level_count, i + 1);
	}
	spin_unlock_irq_restore(&log_lock, flags);
	return err;
}

/* One item of log_configure(). */
static bool
configure_item(const char *item, size_t n)
{
	char source[16] = "";
	const char *colon = memchr(item, ':', n);
	size_t name = colon == NULL ? 0 : (size_t)(colon - item);
	const char *digit = colon == NULL ? item : colon + 1;
	if (name >= sizeof(source) || digit + 1 != item + n || *digit < '0' || *digit > '7')
		return false;
	memcpy(source, item, name);
	return log_set_level(name == 0 ? NULL : source, (uint32_t)(*digit - '0')) == 0;
}

void
log_configure(const char *text, size_t n)
{
	while (n > 0) {
		const char *comma = memchr(text, ',', n);
		size_t len = comma == NULL ? n : (size_t)(comma - text);
		if (!configure_item(text, len))
			log_write(LOG_WARNING, "log",
				"log=: wants SOURCE:LEVEL with a level of 0 to 7, not '%.*s'",
				(int)len, text);
		size_t used = comma == NULL ? n : len + 1;
		text += used;
		n -= used;
	}
}

static struct log_identity (*identify)(void);

void log_set_identity(struct log_identity (*fn)(void))
{
	identify = fn;
}

void
log_boot_done(void)
{
	if (!console_level_chosen)
		console_level = LOG_WARNING;
}

void
log_set_console_level(uint32_t level)
{
	console_level_chosen = true;
	console_level = (uint8_t)min(level, (uint32_t)LOG_DEBUG);
}

int
log_format(char *line, size_t size, const struct log_record *r, const char *text, size_t n)
{
	char who[24] = "";
	if (r->pid != 0)
		base_snprintf(who, sizeof(who), "[%u/%u]", r->pid, r->principal);
	return base_snprintf(line, size, "[%5llu.%06llu] %s%s: %.*s\n",
		(unsigned long long)(r->time / NSEC_PER_SEC),
		(unsigned long long)(r->time % NSEC_PER_SEC / 1000), r->source, who, (int)n, text);
}

static void
print_to_console(const struct log_record *r, const char *text)
{
	char line[LOG_TEXT_MAX + 64];
	int n = base_snprintf(line, sizeof(line), "[%5llu.%06llu] %s: %.*s\n",
		(unsigned long long)(r->time / NSEC_PER_SEC),
		(unsigned long long)(r->time % NSEC_PER_SEC / 1000), r->source, (int)r->length,
		text);
	console_write(line, min((size_t)n, sizeof(line) - 1));
}

void
log_vwrite(enum log_level level, const char *source, const char *fmt, va_list ap) NO_LOCK_ANALYSIS
{
	char text[LOG_TEXT_MAX];
	if (!wanted(level, source))
		return;
	int n = base_vsnprintf(text, sizeof(text), fmt, ap);
	struct log_identity who = identify != NULL ? identify() : (struct log_identity){0, 0};
	struct log_record r = {
		.time = time_now(),
		.level = (uint8_t)level,
		.pid = who.pid,
		.principal = who.principal,
		.length = (uint16_t)min((size_t)max(n, 0), sizeof(text) - 1),
	};
	memcpy(r.source, source, min(strlen(source), sizeof(r.source) - 1));
	uint64_t flags = arch_irq_save();
	if (!panicking)
		spin_lock(&log_lock);
	else if (!spin_trylock(&log_lock))
		goto print; /* its holder was stopped: the ring may be half written */
	r.seq = next_seq;
	append(&r, text);
	spin_unlock(&log_lock);
print:
	arch_irq_restore(flags);
	if (level <= console_level)
		print_to_console(&r, text);
	if (!panicking)
		wake_all(&readers, 1);
}

void
log_write(enum log_level level, const char *source, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vwrite(level, source, fmt, ap);
	va_end(ap);
}

ssize_t
log_read(uint64_t *seq, struct log_record *r, char *text, size_t n) NO_LOCK_ANALYSIS
{
	ssize_t result = -EAGAIN;
	uint64_t flags = arch_irq_save();
	if (panicking) {
		if (!spin_trylock(&log_lock))
			goto out;
	} else {
		spin_lock(&log_lock);
	}
	uint64_t pos = first_pos;
	for (uint64_t s = first_seq; s < next_seq; s++) {
		ring_copy_out(pos, r, sizeof(*r));
		if (s >= *seq) {
			size_t len = min((size_t)r->length, n);
			ring_copy_out(pos + sizeof(*r), text, len);
			*seq = s + 1;
			result = (ssize_t)len;
			break;
		}
		pos += record_size(r->length);
	}
	spin_unlock(&log_lock);
out:
	arch_irq_restore(flags);
	return result;
}

uint64_t
log_next_seq(void)
{
	uint64_t flags = spin_lock_irq_save(&log_lock);
	uint64_t seq = next_seq;
	spin_unlock_irq_restore(&log_lock, flags);
	return seq;
}

uint64_t
log_next_seq_unlocked(void)
{
	return next_seq;
}

struct wait_queue *
log_readers(void)
{
	return &readers;
}
