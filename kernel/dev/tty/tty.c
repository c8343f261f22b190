/* SPDX-License-Identifier: MIT */
/* Terminals as objects: making, opening, input from the device, the device nodes. tty.h has the contract. */
#define LOG_SOURCE "tty"
#include "dev/tty/tty.h"

#include <string.h>

#include "abi/linux/stat.h"
#include "core/log.h"
#include "core/panic.h"
#include "dev/tty/internal.h"
#include "fs/dev/devfs.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#define RDEV_TTY     DEV_MAKE(5, 0)
#define RDEV_CONSOLE DEV_MAKE(5, 1)

#define SIGNAL_EVENTS (LDISC_SIGINT | LDISC_SIGQUIT | LDISC_SIGTSTP)

static struct tty *console_tty; /* [I after boot] */

struct tty *
tty_create(const struct tty_ops *ops, void *device, const char *name, uint32_t rdev)
{
	struct tty *tty = kzalloc(sizeof(*tty));
	void *memory = kvmalloc(LDISC_MEMORY);
	if (tty == NULL || memory == NULL) {
		kfree(tty);
		kvfree(memory);
		return NULL;
	}
	refcount_init(&tty->refs, 1);
	tty->ops = ops;
	tty->device = device;
	tty->memory = memory;
	memcpy(tty->name, name, min(strlen(name), sizeof(tty->name) - 1));
	tty->rdev = rdev;
	spin_init(&tty->lock, "tty");
	wait_queue_init(&tty->readers, "tty_readers");
	wait_queue_init(&tty->writers, "tty_writers");
	mutex_init(&tty->open_mutex, "tty_open");
	ldisc_init(&tty->ldisc, &ops->line, device, memory);
	tty->ispeed = tty->ospeed = tty_speed_of(tty->ldisc.termios.c_cflag);
	return tty;
}

void
tty_preset_line(struct tty *tty, uint32_t cflag)
{
	uint64_t flags = tty_begin(tty);
	tty->ldisc.termios.c_cflag = cflag;
	tty->ispeed = tty->ospeed = tty_speed_of(cflag);
	tty_end(tty, flags);
}

void
tty_put(struct tty *tty)
{
	if (!refcount_put(&tty->refs))
		return;
	if (tty->ops->release != NULL)
		tty->ops->release(tty);
	kvfree(tty->memory);
	kfree(tty);
}

uint64_t
tty_begin(struct tty *tty) NO_LOCK_ANALYSIS
{
	return spin_lock_irq_save(&tty->lock);
}

/* Tells the device what the line discipline wants of it, until it wants nothing more. All events that came up. */
static uint32_t
settle_device_locked(struct tty *tty)
{
	const struct tty_ops *ops = tty->ops;
	uint32_t all = 0, events;
	while ((events = ldisc_take_events(&tty->ldisc)) != 0) {
		all |= events;
		if ((events & (LDISC_STOPPED | LDISC_STARTED)) && ops->hold_output != NULL)
			ops->hold_output(tty->device, (events & LDISC_STOPPED) != 0);
		if ((events & (LDISC_THROTTLE | LDISC_UNTHROTTLE)) && ops->throttle != NULL)
			ops->throttle(tty->device, (events & LDISC_THROTTLE) != 0);
	}
	return all;
}

static void
signal_foreground(struct process_group *g, uint32_t events)
{
	if (events & LDISC_SIGINT)
		signal_send_group(g, SIGINT, NULL);
	if (events & LDISC_SIGQUIT)
		signal_send_group(g, SIGQUIT, NULL);
	if (events & LDISC_SIGTSTP)
		signal_send_group(g, SIGTSTP, NULL);
	process_group_put(g);
}

void
tty_end(struct tty *tty, uint64_t flags) NO_LOCK_ANALYSIS
{
	struct process_group *g = NULL;
	uint32_t events = 0;
	if (tty->ldisc.events != 0) {
		events = settle_device_locked(tty);
		if (events & SIGNAL_EVENTS)
			g = tty_foreground_locked(tty);
	}
	spin_unlock_irq_restore(&tty->lock, flags);
	if (events & LDISC_READABLE)
		wake_all(&tty->readers, POLLIN | POLLRDNORM);
	if (events & LDISC_WRITABLE)
		wake_all(&tty->writers, POLLOUT | POLLWRNORM);
	if (g != NULL)
		signal_foreground(g, events);
}

size_t
tty_input(struct tty *tty, const uint8_t *bytes, size_t n)
{
	uint64_t flags = tty_begin(tty);
	size_t taken = ldisc_input(&tty->ldisc, bytes, n);
	tty_end(tty, flags);
	return taken;
}

void
tty_output_ready(struct tty *tty)
{
	uint64_t flags = tty_begin(tty);
	ldisc_output_ready(&tty->ldisc);
	/* Those who drain wait for the end, which is not always news to writers. */
	tty->ldisc.events |= LDISC_WRITABLE;
	tty_end(tty, flags);
}

void
tty_resize(struct tty *tty, const struct linux_winsize *size)
{
	struct process_group *g = NULL;
	uint64_t flags = tty_begin(tty);
	if (memcmp(&tty->size, size, sizeof(*size)) != 0) {
		tty->size = *size;
		g = tty_foreground_locked(tty);
	}
	tty_end(tty, flags);
	if (g != NULL) {
		signal_send_group(g, SIGWINCH, NULL);
		process_group_put(g);
	}
}

/* Counts an opened file in; the first one opens the device. */
static int
count_open(struct tty *tty)
{
	int err = 0;
	mutex_lock(&tty->open_mutex);
	if (tty->exclusive && tty->open_count > 0 && !current_has_caps(CAP_CONSOLE))
		err = -EBUSY;
	else if (tty->open_count == 0 && tty->ops->open != NULL)
		err = tty->ops->open(tty);
	if (err == 0)
		tty->open_count++;
	mutex_unlock(&tty->open_mutex);
	return err;
}

/* A session leader without a terminal gets the first one that it opens and that is nobody's. */
static void
adopt(struct tty *tty, const struct file *f)
{
	if (current_process() == NULL || (file_flags(f) & O_ACCMODE) == O_WRONLY)
		return;
	int err = tty_set_controlling(tty, 0);
	(void)err; /* it leads no session, or has a terminal, or another session has this one */
}

int
tty_open(struct tty *tty, struct file *f, uint32_t flags)
{
	struct tty_file *tf = kmalloc(sizeof(*tf), 0);
	if (tf == NULL)
		return -ENOMEM;
	int err = count_open(tty);
	if (err != 0) {
		kfree(tf);
		return err;
	}
	tty_get(tty);
	*tf = (struct tty_file){
		.tty = tty,
		.generation = atomic_load_explicit(&tty->generation, memory_order_acquire),
		.console = (flags & TTY_OPEN_CONSOLE) != 0,
	};
	f->ops = &tty_file_ops;
	f->priv = tf;
	f->kind |= FILE_STREAM | FILE_TTY;
	if (!(flags & TTY_OPEN_NOCTTY))
		adopt(tty, f);
	return 0;
}

static uint32_t
open_flags(const struct file *f)
{
	return (file_flags(f) & O_NOCTTY) ? TTY_OPEN_NOCTTY : 0;
}

static int
open_terminal(struct inode *inode, struct file *f)
{
	return tty_open(f->priv, f, open_flags(f));
}

static int
open_console(struct inode *inode, struct file *f)
{
	if (console_tty == NULL)
		return -ENODEV;
	return tty_open(console_tty, f, TTY_OPEN_NOCTTY | TTY_OPEN_CONSOLE);
}

/* /dev/tty: whatever the caller's session has. */
static int
open_current(struct inode *inode, struct file *f)
{
	struct tty *tty = tty_current();
	if (tty == NULL)
		return -ENXIO;
	int err = tty_open(tty, f, TTY_OPEN_NOCTTY);
	tty_put(tty);
	return err;
}

static const struct file_ops terminal_ops = {.open = open_terminal};
static const struct file_ops console_ops = {.open = open_console};
static const struct file_ops current_ops = {.open = open_current};

int
tty_register(struct tty *tty, uint32_t mode)
{
	return devfs_register(tty->name, S_IFCHR | mode, tty->rdev, &terminal_ops, tty);
}

void
tty_set_console(struct tty *tty)
{
	tty_get(tty);
	console_tty = tty;
}

void
tty_init(void)
{
	tty_job_init();
	if (devfs_register("tty", S_IFCHR | 0666, RDEV_TTY, &current_ops, NULL) != 0 ||
		devfs_register("console", S_IFCHR | 0600, RDEV_CONSOLE, &console_ops, NULL) != 0)
		panic("no memory for the terminals' device nodes");
}
