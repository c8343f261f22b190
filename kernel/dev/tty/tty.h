/* SPDX-License-Identifier: MIT */
/*
 * Terminals: a line discipline (lib/tty/ldisc.h) between a device (a serial port, a pseudo-terminal's master) and the
 * files that programs open, with a session whose controlling terminal it may be and a foreground group.
 *
 * Owns: struct tty. The device is reached through struct tty_ops and calls tty_begin()/tty_end(), tty_input() or
 * tty_output_ready(), also from interrupts. Settings belong to the terminal, not to the files: a program that is killed
 * in raw mode leaves it raw (login resets it).
 *
 * Hang-up: the terminal's generation moves on, and every file opened before behaves as closed: reads find the end of
 * file, writes and ioctls fail with EIO. Files of /dev/console are exempt: that is where init speaks from.
 *
 * Locks, outer to inner: tree_lock (proc/process.h), tty->lock (irq-safe), the device's own, wait queues. Signals are
 * sent with none of the last three held.
 *
 * Known difference from Linux: a controlling terminal belongs to the session, so TIOCNOTTY by a process that does
 * not lead it is refused (EPERM) instead of taking effect for that process alone.
 */
#ifndef DEV_TTY_TTY_H
#define DEV_TTY_TTY_H

#include "core/mutex.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/types.h"
#include "core/wait.h"
#include "tty/ldisc.h"

struct file;
struct process;
struct process_group;
struct session;
struct thread;
struct tty;

/* A device below a terminal. Members after `line` may be NULL. */
struct tty_ops {
	struct ldisc_ops line;

	/* Under tty->lock; may not sleep. Send nothing (but what send_now brings) from now on, or go on. */
	void (*hold_output)(void *device, bool hold);
	/* Under tty->lock. Nobody has read for long: take nothing more from the line, or go on; then it may call ldisc_input(). */
	void (*throttle)(void *device, bool throttle);
	/* Under tty->lock: new line settings (speed, size); changes in *t what it cannot do. */
	void (*set_line)(void *device, struct linux_termios2 *t);
	/* Any context: bytes that wait to be given to the hardware. tty_output_ready() says when there are fewer. */
	size_t (*pending)(void *device);
	/* Any context, nothing is pending: how long at most the hardware, which does not tell, still sends; 0: it is done. */
	nsec_t (*settling)(void *device);
	/* Begins or ends a break condition. */
	void (*send_break)(void *device, bool on);

	/* The rest may sleep; no locks held. First open: -errno refuses. */
	int (*open)(struct tty *tty);
	void (*close)(struct tty *tty); /* the last file was closed */
	void (*hangup)(struct tty *tty);
	/* What the terminal itself does not know; -ENOTTY. */
	int64_t (*ioctl)(struct tty *tty, struct file *f, uint32_t cmd, uint64_t arg);
	void (*release)(struct tty *tty); /* the last reference is gone */
};

#define TTY_NAME_MAX 16

struct tty {
	refcount_t refs;           /* files, the session that it controls, its device */
	const struct tty_ops *ops; /* [I] */
	void *device;              /* [I] */
	void *memory;              /* [I] the line discipline's */
	char name[TTY_NAME_MAX];   /* [I] below /dev */
	uint32_t rdev;             /* [I] */
	struct spinlock lock;      /* irq-safe */
	struct ldisc ldisc;        /* [lock] */
	uint32_t ispeed, ospeed;   /* [lock] bit/s */
	struct linux_winsize size; /* [lock] */
	bool exclusive;            /* [lock] TIOCEXCL */
	/* [lock to change] in the middle of a write: others wait; NULL: nobody */
	const struct thread *_Atomic writer;
	_Atomic uint32_t generation; /* [lock to change] of files that are not hung up */
	/* [tree_lock and lock to change] referenced; NULL: none */
	struct process_group *_Atomic foreground;
	/* [tree_lock] whose controlling terminal it is, referenced; NULL: none */
	struct session *session;
	struct wait_queue readers, writers;
	struct mutex open_mutex;
	uint32_t open_count; /* [open_mutex] */
};

/* An open file's share: its priv. */
struct tty_file {
	struct tty *tty;     /* [I] referenced */
	uint32_t generation; /* [I] the terminal's when this was opened */
	bool console;        /* [I] opened as /dev/console: is not hung up */
};

/*
 * A new terminal with one reference, the device's. settings of c_cflag and speed are the device's to choose. NULL: out
 * of memory. May sleep.
 */
struct tty *tty_create(
	const struct tty_ops *ops, void *device, const char *name, uint32_t rdev) MUST_CHECK;
/* Sets control flags and speed while nobody uses the terminal yet. */
void tty_preset_line(struct tty *tty, uint32_t cflag);
void tty_put(struct tty *tty); /* may sleep */
static inline void
tty_get(struct tty *tty)
{
	refcount_get(&tty->refs);
}

/* Makes it openable as /dev/NAME; makes it what /dev/console is. */
int tty_register(struct tty *tty, uint32_t mode) MUST_CHECK;
void tty_set_console(struct tty *tty);
/* Boot, once devices can be registered: /dev/tty and /dev/console, what happens when a session leader exits. */
void tty_init(void);

/*
 * Opens tty as f, a file without operations yet: sets ops, priv and kind; becomes the opener's controlling terminal as
 * Linux does unless TTY_OPEN_NOCTTY. -EBUSY: TIOCEXCL; -ENOMEM; what the device says.
 */
#define TTY_OPEN_NOCTTY  1u
#define TTY_OPEN_CONSOLE 2u
int tty_open(struct tty *tty, struct file *f, uint32_t flags) MUST_CHECK;

/*
 * Brackets around calls of the line discipline. tty_end() does what the events ask for: tells the device, wakes,
 * signals the foreground group. Any context.
 */
uint64_t tty_begin(struct tty *tty) NO_LOCK_ANALYSIS;
void tty_end(struct tty *tty, uint64_t flags) NO_LOCK_ANALYSIS;
/* Bytes from the line: how many were taken. Any context. */
size_t tty_input(struct tty *tty, const uint8_t *bytes, size_t n);
/* The device has room again, or has sent everything. Any context, not from within struct tty_ops. */
void tty_output_ready(struct tty *tty);
/* Sets the window's size; tells the foreground group if it changed (SIGWINCH). */
void tty_resize(struct tty *tty, const struct linux_winsize *size);
/* The line is gone: the session loses its terminal and is told (SIGHUP, SIGCONT). Thread context, no locks. */
void tty_hangup(struct tty *tty);

/* What /proc shows of a process's terminal: 0 and -1 where it has none. */
struct tty_info {
	uint32_t rdev;
	pid_t foreground;
};
void tty_process_info(struct process *p, struct tty_info *out);

#endif
