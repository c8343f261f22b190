/* SPDX-License-Identifier: MIT */
/*
 * syslog(2): the kernel log for dmesg and syslogd. Each record is a line "<level>[seconds] source[pid/principal]: text".
 * The call's row in the table asks for LOGREAD.
 *
 * There is one reading position for SYSLOG_ACTION_READ, and one mark that SYSLOG_ACTION_CLEAR sets, as on Linux.
 */
#include "arch/uaccess.h"
#include "base/fmt.h"
#include "core/log_ring.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/wait.h"
#include "syscall_protos.h"

enum syslog_action {
	ACTION_CLOSE,
	ACTION_OPEN,
	ACTION_READ,
	ACTION_READ_ALL,
	ACTION_READ_CLEAR,
	ACTION_CLEAR,
	ACTION_CONSOLE_OFF,
	ACTION_CONSOLE_ON,
	ACTION_CONSOLE_LEVEL,
	ACTION_SIZE_UNREAD,
	ACTION_SIZE_BUFFER,
};

#define LINE_MAX_BYTES 640

static struct spinlock syslog_lock = SPINLOCK_INIT("syslog");
static uint64_t read_seq;  /* [syslog_lock] where ACTION_READ goes on */
static uint64_t clear_seq; /* [syslog_lock] ACTION_READ_ALL begins here */

/* Formats the first record at or after *seq; its length, or -EAGAIN. */
static ssize_t
next_line(uint64_t *seq, char *line, size_t size)
{
	struct log_record r;
	char text[512];
	ssize_t n = log_read(seq, &r, text, sizeof(text));
	if (n < 0)
		return n;
	int mark = base_snprintf(line, size, "<%u>", r.level);
	int len = mark + log_format(line + mark, size - (size_t)mark, &r, text, (size_t)n);
	return min((ssize_t)len, (ssize_t)size - 1);
}

/* The bytes of all records from seq on. */
static size_t
size_from(uint64_t seq)
{
	char line[LINE_MAX_BYTES];
	size_t total = 0;
	ssize_t n;
	while ((n = next_line(&seq, line, sizeof(line))) > 0)
		total += (size_t)n;
	return total;
}

/* Copies whole lines from *seq on while they fit. */
static int64_t
copy_lines(uint64_t *seq, uaddr_t buf, size_t size)
{
	char line[LINE_MAX_BYTES];
	size_t done = 0;
	for (;;) {
		uint64_t next = *seq;
		ssize_t n = next_line(&next, line, sizeof(line));
		if (n < 0 || done + (size_t)n > size)
			return (int64_t)done;
		if (copy_to_user(uaddr_offset(buf, done), line, (size_t)n) != 0)
			return done != 0 ? (int64_t)done : -EFAULT;
		done += (size_t)n;
		*seq = next;
		sched_point();
	}
}

static uint64_t
load(const uint64_t *position)
{
	spin_lock(&syslog_lock);
	uint64_t seq = *position;
	spin_unlock(&syslog_lock);
	return seq;
}

static void
store(uint64_t *position, uint64_t seq)
{
	spin_lock(&syslog_lock);
	*position = seq;
	spin_unlock(&syslog_lock);
}

static int64_t
read_next(uaddr_t buf, size_t size)
{
	int err = wait_event(log_readers(), WAIT_INTERRUPTIBLE, DEADLINE_NEVER,
		log_next_seq() > load(&read_seq));
	if (err != 0)
		return err;
	uint64_t seq = load(&read_seq);
	int64_t n = copy_lines(&seq, buf, size);
	store(&read_seq, seq);
	return n;
}

/* The newest lines that fit, oldest of them first. */
static int64_t
read_all(uaddr_t buf, size_t size)
{
	char line[LINE_MAX_BYTES];
	uint64_t seq = load(&clear_seq);
	size_t total = size_from(seq);
	ssize_t n;
	while (total > size && (n = next_line(&seq, line, sizeof(line))) > 0)
		total -= (size_t)n;
	return copy_lines(&seq, buf, size);
}

int64_t
sys_syslog(int type, uaddr_t buf, int len)
{
	bool reads = type == ACTION_READ || type == ACTION_READ_ALL || type == ACTION_READ_CLEAR;
	if (reads && (len < 0 || uaddr_is_null(buf)))
		return -EINVAL;
	if (reads && len == 0)
		return 0;
	int64_t n;
	switch (type) {
	case ACTION_CLOSE:
	case ACTION_OPEN:
		return 0;
	case ACTION_READ:
		return read_next(buf, (size_t)len);
	case ACTION_READ_ALL:
		return read_all(buf, (size_t)len);
	case ACTION_READ_CLEAR:
		n = read_all(buf, (size_t)len);
		if (n >= 0)
			store(&clear_seq, log_next_seq());
		return n;
	case ACTION_CLEAR:
		store(&clear_seq, log_next_seq());
		return 0;
	case ACTION_CONSOLE_OFF:
		log_set_console_level(LOG_ALERT);
		return 0;
	case ACTION_CONSOLE_ON:
		log_set_console_level(LOG_INFO);
		return 0;
	case ACTION_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		log_set_console_level((uint32_t)len - 1);
		return 0;
	case ACTION_SIZE_UNREAD:
		return (int64_t)size_from(load(&read_seq));
	case ACTION_SIZE_BUFFER:
		return LOG_RING_SIZE;
	default:
		return -EINVAL;
	}
}
