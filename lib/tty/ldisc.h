/* SPDX-License-Identifier: MIT */
/*
 * The terminal line discipline: between the bytes of a line (a serial port, a pseudo-terminal's master) and those that
 * programs read and write. Behaves as Linux's N_TTY does (termios(3)), which the tests compare it with.
 *
 * Owns: typed input until it is read, echo until the device takes it, the column of the cursor, whether output is
 * stopped. Not here: who waits, who is in the foreground, the window's size, the device's own buffers.
 *
 * Pure: no allocation, no globals; never sleeps, so that it may be called from interrupts. The caller has one
 * lock per terminal around every call. Output and discarding of output happen through struct ldisc_ops, during a call;
 * everything else that the caller has to do (signals, wake-ups, throttling) is collected in events, which the caller
 * takes by ldisc_take_events() before it drops the lock and acts upon afterwards.
 *
 * Where it departs from Linux: the input queue is larger, so that 8 KiB of typed-ahead lines fit (one line still holds
 * at most LDISC_LINE_MAX bytes); what does not fit into a line is not echoed, and rings the bell if IMAXBEL is set;
 * EXTPROC, FLUSHO and PENDIN do nothing.
 */
#ifndef TTY_LDISC_H
#define TTY_LDISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/linux/termios.h"

enum {
	LDISC_LINE_MAX = 4096, /* bytes of a line, with what ends it */
	LDISC_INPUT_SIZE = 8192,
	LDISC_ECHO_SIZE = 3072,
	LDISC_MEMORY = LDISC_INPUT_SIZE + LDISC_INPUT_SIZE / 8 + LDISC_ECHO_SIZE,
	LDISC_EXPANSION_MAX = 8, /* bytes that one byte of output may become: a tab's spaces */
};

/* What the caller has to do after a call. */
enum ldisc_event {
	LDISC_SIGINT = 1 << 0, /* to the foreground group */
	LDISC_SIGQUIT = 1 << 1,
	LDISC_SIGTSTP = 1 << 2,
	LDISC_READABLE = 1 << 3, /* readers and pollers may look again */
	LDISC_WRITABLE = 1 << 4, /* writers may go on */
	LDISC_STOPPED = 1 << 5,  /* the device is to send nothing until LDISC_STARTED */
	LDISC_STARTED = 1 << 6,
	LDISC_THROTTLE = 1
		<< 7, /* the device should keep its sender from sending more, until LDISC_UNTHROTTLE */
	LDISC_UNTHROTTLE = 1 << 8,
};

/* The device. Called with the caller's lock held; none of these may sleep or call back. */
struct ldisc_ops {
	/* How many bytes write() takes now. Must be able to become LDISC_EXPANSION_MAX at least. */
	size_t (*room)(void *device);
	void (*write)(void *device, const uint8_t *bytes, size_t n);
	/* Forgets the output that it has not sent. */
	void (*discard)(void *device);
	/* Sends a flow control character before anything else, even while output is stopped. */
	void (*send_now)(void *device, uint8_t c);
};

struct ldisc {
	const struct ldisc_ops *ops;
	void *device;
	struct linux_termios termios; /* changed by ldisc_set_termios() only */
	uint32_t events;

	/* Input: a ring with positions that run freely. Lines end at canon_head; marks say at which byte each does. */
	uint8_t *input, *marks;
	uint32_t head, canon_head, tail;
	uint32_t special[8]; /* which characters mean more than themselves */
	bool plain;          /* nothing does, and nothing is changed or echoed */
	bool literal_next;   /* after LNEXT */
	bool erasing;        /* between the marks of ECHOPRT */
	bool throttled;

	/* Output. */
	uint8_t *echo;
	uint32_t echo_at, echo_len;
	uint32_t column, canon_column; /* of the cursor; where the line that is typed began */
	uint32_t shown_column;         /* of the cursor, before what waits in echo */
	bool stopped;                  /* by the STOP character */
	bool held;                     /* by ldisc_flow(TCOOFF) */
};

/* memory: LDISC_MEMORY bytes. Settings begin as those of a Linux terminal. */
void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops, void *device, void *memory);

/* Takes what the caller has to do; nothing is left. */
static inline uint32_t
ldisc_take_events(struct ldisc *ld)
{
	uint32_t events = ld->events;
	ld->events = 0;
	return events;
}

/*
 * Takes bytes from the line. Returns how many: fewer only if the queue is full of what nobody read, so that a sender
 * that can wait should, and a device that cannot drops the rest.
 */
size_t ldisc_input(struct ldisc *ld, const uint8_t *bytes, size_t n);
/* A break condition came from the line. */
void ldisc_input_break(struct ldisc *ld);
/* A byte with a parity or framing error came from the line. */
void ldisc_input_error(struct ldisc *ld, uint8_t c);

/*
 * Whether a read has something to return: a line, or a byte. With LDISC_POLL, in raw mode without VTIME, whether there
 * are VMIN bytes: what poll() waits for.
 */
enum { LDISC_POLL = 1 };
bool ldisc_readable(const struct ldisc *ld, uint32_t flags);

/* Bytes that could be read without waiting: in canonical mode those of all lines (FIONREAD). */
size_t ldisc_available(const struct ldisc *ld);

/*
 * Moves at most n > 0 bytes to buf. In canonical mode, of one line; *ended then tells that the line has been read to its
 * end, so that a caller with a small buffer of its own may go on while it has not. Returns the count; 0: end of file;
 * -EAGAIN: there is nothing. Waiting, and with it VMIN and VTIME, is the caller's.
 */
[[nodiscard]] long ldisc_read(struct ldisc *ld, uint8_t *buf, size_t n, bool *ended);

/* Writes a program's output. Returns how many bytes were taken: fewer, or none, if output is stopped or the device full. */
[[nodiscard]] size_t ldisc_write(struct ldisc *ld, const uint8_t *bytes, size_t n);
/* The device has room again. */
void ldisc_output_ready(struct ldisc *ld);
/* Whether a write would take something. */
bool ldisc_writable(const struct ldisc *ld);

/* TCSETS. What TCSETSW and TCSETSF wait for and discard comes before: draining is the caller's, ldisc_flush_input(). */
void ldisc_set_termios(struct ldisc *ld, const struct linux_termios *termios);
/* Discards input: TCIFLUSH. */
void ldisc_flush_input(struct ldisc *ld);
/* Discards what the device has not sent: TCOFLUSH. Echo that waits still comes. */
void ldisc_flush_output(struct ldisc *ld);
/* TCXONC: TCOOFF, TCOON, TCIOFF, TCION. Returns 0 or -EINVAL. */
[[nodiscard]] int ldisc_flow(struct ldisc *ld, int action);

#endif
