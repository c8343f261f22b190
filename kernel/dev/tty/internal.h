/* SPDX-License-Identifier: MIT */
/* What the files of the terminal code share. */
#ifndef DEV_TTY_INTERNAL_H
#define DEV_TTY_INTERNAL_H

#include "dev/tty/tty.h"
#include "vfs/file.h"

/* tty_io.c */
extern const struct file_ops tty_file_ops;

/* tty_ioctl.c */
int64_t tty_ioctl(struct file *f, uint32_t cmd, uint64_t arg);
/* The speed that c_cflag names, in bit/s. */
uint32_t tty_speed_of(uint32_t cflag);

/* job.c */
/*
 * Whether the running process may do what sig would stop it for if it were in the background of this terminal: 0;
 * -ERESTARTSYS: the signal was sent; -EIO: it would not help.
 */
int tty_check_foreground(struct tty *tty, int sig) MUST_CHECK;
/* The running process's controlling terminal, with a reference; NULL: none. */
struct tty *tty_current(void) MUST_CHECK;
/* Makes it the controlling terminal of the session that the running process leads. -EPERM. */
#define TTY_CTTY_STEAL 1u /* although another session has it */
int tty_set_controlling(struct tty *tty, uint32_t flags) MUST_CHECK;
int tty_give_up_controlling(struct tty *tty) MUST_CHECK;
int tty_set_foreground(struct tty *tty, pid_t id) MUST_CHECK;
int tty_get_foreground(struct tty *tty, pid_t *id) MUST_CHECK;
int tty_get_session(struct tty *tty, pid_t *id) MUST_CHECK;
/* The foreground group, with a reference; NULL: none. Under tty->lock. */
struct process_group *tty_foreground_locked(struct tty *tty) MUST_CHECK;
void tty_job_init(void);

static inline bool
tty_file_is_hung_up(const struct tty_file *tf)
{
	uint32_t now = atomic_load_explicit(&tf->tty->generation, memory_order_acquire);
	return unlikely(now != tf->generation) && !tf->console;
}

#endif
