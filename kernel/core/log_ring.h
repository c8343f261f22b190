/* SPDX-License-Identifier: MIT */
/* Reading the kernel log: for syslog(2), /dev/kmsg and the panic's tail. */
#ifndef CORE_LOG_RING_H
#define CORE_LOG_RING_H

#include "core/log.h"

struct wait_queue;

#define LOG_RING_SIZE 65536u /* bytes */

struct log_record {
	uint64_t seq;
	nsec_t time;
	uint32_t pid, principal; /* of the thread that wrote it; 0: the kernel's own */
	uint16_t length;         /* of the text */
	uint8_t level;
	char source[13];
};

/* Who writes: set by the process code; called in any context. */
struct log_identity {
	uint32_t pid, principal;
};
void log_set_identity(struct log_identity (*fn)(void));

/*
 * The first record with a number >= *seq into *r, its text (cut to n bytes, not terminated) into text; *seq becomes
 * the number after it. The text's length, or -EAGAIN when there is none yet. Any context.
 */
ssize_t log_read(uint64_t *seq, struct log_record *r, char *text, size_t n);
/* A record as a line with its newline: "[seconds] source[pid/principal]: text". Returns its length, as snprintf. */
int log_format(char *line, size_t size, const struct log_record *r, const char *text, size_t n);
uint64_t log_next_seq(void);
uint64_t log_next_seq_unlocked(void); /* for panics */
struct wait_queue *log_readers(void); /* woken by each record */

/* What is recorded: globally (source NULL) or for one source. -EINVAL, -ENOSPC. */
int log_set_level(const char *source, uint32_t level);
/* Levels from the command line: SOURCE:LEVEL or LEVEL, separated by commas. What is malformed is logged and skipped. */
void log_configure(const char *text, size_t n);
/* What is also printed on the console. */
void log_set_console_level(uint32_t level);
/* The machine is up: from now on the console shows warnings and worse, unless somebody chose otherwise. */
void log_boot_done(void);

#endif
