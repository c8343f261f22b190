/* SPDX-License-Identifier: MIT */
/* ioctl on terminals: settings, window size, flow, job control. What it does not know is -ENOTTY. */
#include <string.h>

#include "arch/uaccess.h"
#include "core/timer.h"
#include "dev/tty/internal.h"
#include "proc/process.h"

#define NSEC_PER_DECISECOND (NSEC_PER_SEC / 10)
#define BREAK_NS            (250 * NSEC_PER_MSEC)

/* What few programs ask for and abi/linux/termios.h leaves out. */
#define TIOCGSOFTCAR 0x5419u
#define TIOCSSOFTCAR 0x541au
#define TIOCSETD     0x5423u
#define TIOCSBRK     0x5427u
#define TIOCCBRK     0x5428u
#define TIOCGDEV     0x80045432u
#define TIOCGEXCL    0x80045440u
#define BOTHER       0010000u /* the speed is in c_ospeed */
#define CBAUDEX      0010000u
#define CIBAUD_SHIFT 16

/* System V's settings: the low halves, and eight characters. */
struct linux_termio {
	uint16_t c_iflag, c_oflag, c_cflag, c_lflag;
	uint8_t c_line;
	uint8_t c_cc[8];
};
_Static_assert(sizeof(struct linux_termio) == 18, "struct termio");

uint32_t
tty_speed_of(uint32_t cflag)
{
	static const uint32_t slow[16] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400,
		4800, 9600, 19200, 38400};
	static const uint32_t fast[16] = {0, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
		1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};
	return (cflag & CBAUDEX) ? fast[cflag & 15] : slow[cflag & 15];
}

static bool
is_drained(const struct tty_file *tf)
{
	const struct tty_ops *ops = tf->tty->ops;
	return tty_file_is_hung_up(tf) || ops->pending == NULL ||
		ops->pending(tf->tty->device) == 0;
}

/* Sleeps, unless a signal comes or the terminal is hung up. */
static int
pause_for(const struct tty_file *tf, nsec_t length)
{
	int err = wait_event(&tf->tty->writers, WAIT_INTERRUPTIBLE, time_now() + length,
		tty_file_is_hung_up(tf));
	return err == -ETIMEDOUT ? 0 : err;
}

/*
 * Waits until the device has sent everything: interrupts tell of its ring, time of what the hardware still has.
 * -ERESTARTSYS, -EIO.
 */
static int
drain(const struct tty_file *tf)
{
	struct tty *tty = tf->tty;
	for (;;) {
		int err = wait_event(
			&tty->writers, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, is_drained(tf));
		if (err == 0 && tty_file_is_hung_up(tf))
			err = -EIO;
		nsec_t left = err == 0 && tty->ops->settling != NULL
			? tty->ops->settling(tty->device)
			: 0;
		if (left == 0)
			return err;
		err = pause_for(tf, left);
		if (err != 0)
			return err;
	}
}

#define SET_DRAIN 1u
#define SET_FLUSH 2u

static void
get_settings(struct tty *tty, struct linux_termios2 *out)
{
	uint64_t flags = tty_begin(tty);
	memcpy(out, &tty->ldisc.termios, sizeof(tty->ldisc.termios));
	out->c_ispeed = tty->ispeed;
	out->c_ospeed = tty->ospeed;
	tty_end(tty, flags);
}

/* The two structures begin alike. */
_Static_assert(offsetof(struct linux_termios2, c_ispeed) == sizeof(struct linux_termios),
	"struct termios2");

/* The speeds that c_cflag means, where the caller has not named them. */
static void
resolve_speeds(struct linux_termios2 *t)
{
	uint32_t input = t->c_cflag >> CIBAUD_SHIFT & CBAUD;
	if ((t->c_cflag & CBAUD) != BOTHER)
		t->c_ospeed = tty_speed_of(t->c_cflag);
	if (input == 0)
		t->c_ispeed = t->c_ospeed;
	else if (input != BOTHER)
		t->c_ispeed = tty_speed_of(input);
}

static int
set_settings(const struct tty_file *tf, struct linux_termios2 *t, uint32_t how)
{
	struct tty *tty = tf->tty;
	int err = tty_check_foreground(tty, SIGTTOU);
	if (err == 0 && (how & SET_DRAIN))
		err = drain(tf);
	if (err != 0)
		return err;
	resolve_speeds(t);
	t->c_line = 0;
	uint64_t flags = tty_begin(tty);
	if (how & SET_FLUSH)
		ldisc_flush_input(&tty->ldisc);
	bool line = t->c_cflag != tty->ldisc.termios.c_cflag || t->c_ospeed != tty->ospeed;
	if (line && tty->ops->set_line != NULL)
		tty->ops->set_line(tty->device, t);
	tty->ispeed = t->c_ispeed;
	tty->ospeed = t->c_ospeed;
	struct linux_termios settings;
	memcpy(&settings, t, sizeof(settings));
	ldisc_set_termios(&tty->ldisc, &settings);
	tty_end(tty, flags);
	return 0;
}

static int
get_termios(struct tty *tty, uaddr_t to, size_t size)
{
	struct linux_termios2 t;
	get_settings(tty, &t);
	return copy_to_user(to, &t, size);
}

static int
set_termios(const struct tty_file *tf, uaddr_t from, size_t size, uint32_t how)
{
	struct linux_termios2 t;
	get_settings(tf->tty, &t); /* the speeds, where the caller's structure has none */
	int err = copy_from_user(&t, from, size);
	return err != 0 ? err : set_settings(tf, &t, how);
}

static int
get_termio(struct tty *tty, uaddr_t to)
{
	struct linux_termios2 t;
	get_settings(tty, &t);
	struct linux_termio out = {
		.c_iflag = (uint16_t)t.c_iflag,
		.c_oflag = (uint16_t)t.c_oflag,
		.c_cflag = (uint16_t)t.c_cflag,
		.c_lflag = (uint16_t)t.c_lflag,
	};
	memcpy(out.c_cc, t.c_cc, sizeof(out.c_cc));
	return copy_to_user(to, &out, sizeof(out));
}

static void
set_low_half(uint32_t *flags, uint16_t low)
{
	*flags = (*flags & 0xffff0000u) | low;
}

static int
set_termio(const struct tty_file *tf, uaddr_t from, uint32_t how)
{
	struct linux_termio in;
	struct linux_termios2 t;
	get_settings(tf->tty, &t);
	int err = copy_from_user(&in, from, sizeof(in));
	if (err != 0)
		return err;
	set_low_half(&t.c_iflag, in.c_iflag);
	set_low_half(&t.c_oflag, in.c_oflag);
	set_low_half(&t.c_cflag, in.c_cflag);
	set_low_half(&t.c_lflag, in.c_lflag);
	memcpy(t.c_cc, in.c_cc, sizeof(in.c_cc));
	return set_settings(tf, &t, how);
}

static int64_t
ioctl_settings(const struct tty_file *tf, uint32_t cmd, uaddr_t arg)
{
	const size_t size = sizeof(struct linux_termios), size2 = sizeof(struct linux_termios2);
	switch (cmd) {
	case TCGETS:
		return get_termios(tf->tty, arg, size);
	case TCSETS:
		return set_termios(tf, arg, size, 0);
	case TCSETSW:
		return set_termios(tf, arg, size, SET_DRAIN);
	case TCSETSF:
		return set_termios(tf, arg, size, SET_DRAIN | SET_FLUSH);
	case TCGETS2:
		return get_termios(tf->tty, arg, size2);
	case TCSETS2:
		return set_termios(tf, arg, size2, 0);
	case TCSETSW2:
		return set_termios(tf, arg, size2, SET_DRAIN);
	case TCSETSF2:
		return set_termios(tf, arg, size2, SET_DRAIN | SET_FLUSH);
	case TCGETA:
		return get_termio(tf->tty, arg);
	case TCSETA:
		return set_termio(tf, arg, 0);
	case TCSETAW:
		return set_termio(tf, arg, SET_DRAIN);
	case TCSETAF:
		return set_termio(tf, arg, SET_DRAIN | SET_FLUSH);
	default:
		return -ENOTTY;
	}
}

static int
set_break(struct tty *tty, bool on)
{
	int err = tty_check_foreground(tty, SIGTTOU);
	if (err == 0 && tty->ops->send_break != NULL)
		tty->ops->send_break(tty->device, on);
	return err;
}

static int
send_break(const struct tty_file *tf, nsec_t length)
{
	int err = tty_check_foreground(tf->tty, SIGTTOU);
	if (err == 0)
		err = drain(tf);
	if (err != 0 || length == 0 || tf->tty->ops->send_break == NULL)
		return err;
	tf->tty->ops->send_break(tf->tty->device, true);
	err = pause_for(tf, length);
	tf->tty->ops->send_break(tf->tty->device, false);
	return err == 0 ? 0 : -EINTR;
}

static int
flush(struct tty *tty, uint64_t what)
{
	int err = tty_check_foreground(tty, SIGTTOU);
	if (err != 0)
		return err;
	if (what != TCIFLUSH && what != TCOFLUSH && what != TCIOFLUSH)
		return -EINVAL;
	uint64_t flags = tty_begin(tty);
	if (what != TCOFLUSH)
		ldisc_flush_input(&tty->ldisc);
	if (what != TCIFLUSH)
		ldisc_flush_output(&tty->ldisc);
	tty_end(tty, flags);
	return 0;
}

static int
control_flow(struct tty *tty, uint64_t action)
{
	int err = tty_check_foreground(tty, SIGTTOU);
	if (err != 0)
		return err;
	uint64_t flags = tty_begin(tty);
	err = ldisc_flow(&tty->ldisc, (int)min(action, (uint64_t)INT32_MAX));
	tty_end(tty, flags);
	return err;
}

static int64_t
ioctl_line(const struct tty_file *tf, uint32_t cmd, uint64_t arg)
{
	switch (cmd) {
	case TCSBRK: /* anything but 0 is tcdrain() */
		return send_break(tf, arg == 0 ? BREAK_NS : 0);
	case TCSBRKP:
		return send_break(
			tf, arg == 0 ? BREAK_NS : min(arg, (uint64_t)600) * NSEC_PER_DECISECOND);
	case TIOCSBRK:
		return set_break(tf->tty, true);
	case TIOCCBRK:
		return set_break(tf->tty, false);
	case TCFLSH:
		return flush(tf->tty, arg);
	case TCXONC:
		return control_flow(tf->tty, arg);
	default:
		return -ENOTTY;
	}
}

static uint32_t
input_waiting(struct tty *tty)
{
	uint64_t flags = tty_begin(tty);
	size_t n = ldisc_available(&tty->ldisc);
	tty_end(tty, flags);
	return (uint32_t)n;
}

static int
get_size(struct tty *tty, uaddr_t to)
{
	uint64_t flags = tty_begin(tty);
	struct linux_winsize size = tty->size;
	tty_end(tty, flags);
	return copy_to_user(to, &size, sizeof(size));
}

static int
set_size(struct tty *tty, uaddr_t from)
{
	struct linux_winsize size;
	int err = copy_from_user(&size, from, sizeof(size));
	if (err == 0)
		tty_resize(tty, &size);
	return err;
}

static int
set_exclusive(struct tty *tty, bool on)
{
	uint64_t flags = tty_begin(tty);
	tty->exclusive = on;
	tty_end(tty, flags);
	return 0;
}

static int
set_soft_carrier(const struct tty_file *tf, uaddr_t from)
{
	uint32_t on;
	struct linux_termios2 t;
	int err = get_user_u32(&on, from);
	if (err != 0)
		return err;
	get_settings(tf->tty, &t);
	t.c_cflag = (t.c_cflag & ~CLOCAL) | (on != 0 ? CLOCAL : 0);
	return set_settings(tf, &t, 0);
}

/* N_TTY is the only line discipline. */
static int
set_discipline(uaddr_t from)
{
	uint32_t which;
	int err = get_user_u32(&which, from);
	return err != 0 ? err : which == 0 ? 0 : -EINVAL;
}

static int64_t
ioctl_state(const struct tty_file *tf, uint32_t cmd, uaddr_t arg)
{
	struct tty *tty = tf->tty;
	switch (cmd) {
	case TIOCGWINSZ:
		return get_size(tty, arg);
	case TIOCSWINSZ:
		return set_size(tty, arg);
	case FIONREAD:
		return put_user_u32(arg, input_waiting(tty));
	case TIOCOUTQ:
		return put_user_u32(arg,
			tty->ops->pending != NULL ? (uint32_t)tty->ops->pending(tty->device) : 0);
	case TIOCEXCL:
		return set_exclusive(tty, true);
	case TIOCNXCL:
		return set_exclusive(tty, false);
	case TIOCGEXCL:
		return put_user_u32(arg, tty->exclusive);
	case TIOCGSOFTCAR:
		return put_user_u32(arg, (tty->ldisc.termios.c_cflag & CLOCAL) != 0);
	case TIOCSSOFTCAR:
		return set_soft_carrier(tf, arg);
	case TIOCGETD:
		return put_user_u32(arg, 0);
	case TIOCSETD:
		return set_discipline(arg);
	case TIOCGDEV:
		return put_user_u32(arg, tty->rdev);
	case TIOCSTI: /* putting words into the mouth of whoever reads next */
		return -EIO;
	default:
		return -ENOTTY;
	}
}

static int64_t
acquire(const struct file *f, struct tty *tty, uint64_t arg)
{
	bool mighty = current_has_caps(CAP_CONSOLE);
	if ((file_flags(f) & O_ACCMODE) == O_WRONLY && !mighty)
		return -EPERM;
	return tty_set_controlling(tty, arg == 1 && mighty ? TTY_CTTY_STEAL : 0);
}

static int64_t
put_id(int err, pid_t id, uaddr_t to)
{
	return err != 0 ? err : put_user_u32(to, (uint32_t)id);
}

static int64_t
ioctl_job(const struct file *f, struct tty *tty, uint32_t cmd, uint64_t value)
{
	uaddr_t arg = {value};
	pid_t id = 0;
	uint32_t wanted;
	int err;
	switch (cmd) {
	case TIOCGPGRP:
		err = tty_get_foreground(tty, &id);
		return put_id(err, id, arg);
	case TIOCGSID:
		err = tty_get_session(tty, &id);
		return put_id(err, id, arg);
	case TIOCSPGRP:
		err = get_user_u32(&wanted, arg);
		return err != 0 ? err : tty_set_foreground(tty, (pid_t)wanted);
	case TIOCSCTTY:
		return acquire(f, tty, value);
	case TIOCNOTTY:
		return tty_give_up_controlling(tty);
	case TIOCVHANGUP:
		if (!current_has_caps(CAP_CONSOLE))
			return -EPERM;
		tty_hangup(tty);
		return 0;
	default:
		return -ENOTTY;
	}
}

int64_t
tty_ioctl(struct file *f, uint32_t cmd, uint64_t arg)
{
	const struct tty_file *tf = f->priv;
	if (tty_file_is_hung_up(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	int64_t result = ioctl_settings(tf, cmd, (uaddr_t){arg});
	if (result == -ENOTTY)
		result = ioctl_state(tf, cmd, (uaddr_t){arg});
	if (result == -ENOTTY)
		result = ioctl_line(tf, cmd, arg);
	if (result == -ENOTTY)
		result = ioctl_job(f, tf->tty, cmd, arg);
	if (result == -ENOTTY && tf->tty->ops->ioctl != NULL)
		result = tf->tty->ops->ioctl(tf->tty, f, cmd, arg);
	return result;
}
