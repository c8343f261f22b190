/* SPDX-License-Identifier: MIT */
/*
 * Job control: controlling terminals, foreground groups, hang-up.
 *
 * session->ctty and tty->session name each other or nobody; each holds a reference on the other. Both change under
 * tree_lock. tty->foreground changes under both locks, so that input can signal from an interrupt.
 */
#include "dev/tty/internal.h"
#include "proc/process.h"
#include "syscall_protos.h"
#include "vfs/poll.h"

struct process_group *
tty_foreground_locked(struct tty *tty)
{
	struct process_group *g = atomic_load_explicit(&tty->foreground, memory_order_relaxed);
	if (g != NULL)
		process_group_get(g);
	return g;
}

/* Under tree_lock. The former one, whose reference is the caller's. */
static struct process_group *
exchange_foreground(struct tty *tty, struct process_group *g)
{
	spin_lock(&tty->lock);
	struct process_group *old =
		atomic_exchange_explicit(&tty->foreground, g, memory_order_relaxed);
	spin_unlock(&tty->lock);
	return old;
}

static struct session *
own_session_locked(void)
{
	return current_process()->group->session;
}

/* The running process's group if it is in the background of tty, with a reference; else NULL. */
static struct process_group *
background_group(struct tty *tty)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = current_process()->group;
	struct process_group *front = atomic_load_explicit(&tty->foreground, memory_order_relaxed);
	if (g->session->ctty != tty || front == NULL || front == g)
		g = NULL;
	else
		process_group_get(g);
	spin_unlock_irq_restore(&tree_lock, flags);
	return g;
}

static int
stop_background(struct process_group *g, int sig)
{
	if (signal_is_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (process_group_is_orphaned(g))
		return -EIO;
	signal_send_group(g, sig, NULL);
	return -ERESTARTSYS;
}

int
tty_check_foreground(struct tty *tty, int sig)
{
	struct process *self = current_process();
	/* A look without locks is enough to see that nothing is to be done: the usual case. */
	if (self == NULL ||
		likely(self->group == atomic_load_explicit(&tty->foreground, memory_order_relaxed)))
		return 0;
	struct process_group *g = background_group(tty);
	if (g == NULL)
		return 0;
	int err = stop_background(g, sig);
	process_group_put(g);
	return err;
}

struct tty *
tty_current(void)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct tty *tty = own_session_locked()->ctty;
	if (tty != NULL)
		tty_get(tty);
	spin_unlock_irq_restore(&tree_lock, flags);
	return tty;
}

/* Whether it is the controlling terminal of the running process. */
static bool
is_own(struct tty *tty)
{
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	bool own = own_session_locked()->ctty == tty;
	spin_unlock_irq_restore(&tree_lock, flags);
	return own;
}

/* Ties tty to s instead of whom it belonged to, who is returned and whose reference becomes the caller's. */
static struct session *
tie_locked(struct tty *tty, struct session *s)
{
	struct session *old = tty->session;
	if (old != NULL)
		old->ctty = NULL; /* its reference on the terminal becomes s's */
	else
		tty_get(tty);
	session_get(s);
	tty->session = s;
	s->ctty = tty;
	return old;
}

int
tty_set_controlling(struct tty *tty, uint32_t flags)
{
	struct session *old = NULL;
	struct process_group *old_group = NULL;
	int err = 0;
	uint64_t irq = spin_lock_irq_save(&tree_lock);
	struct process *self = current_process();
	struct session *s = self->group->session;
	if (s->leader != self || (s->ctty != NULL && s->ctty != tty)) {
		err = -EPERM;
	} else if (tty->session != s) {
		if (tty->session != NULL && !(flags & TTY_CTTY_STEAL)) {
			err = -EPERM;
		} else {
			old = tie_locked(tty, s);
			process_group_get(self->group);
			old_group = exchange_foreground(tty, self->group);
		}
	}
	spin_unlock_irq_restore(&tree_lock, irq);
	if (old_group != NULL)
		process_group_put(old_group);
	if (old != NULL)
		session_put(old);
	return err;
}

/* What a session leaves behind at its terminal; references are the caller's. */
struct parting {
	struct session *session;
	struct process_group *foreground;
};

static struct parting
untie_locked(struct tty *tty)
{
	struct parting p = {tty->session, exchange_foreground(tty, NULL)};
	if (p.session != NULL)
		p.session->ctty = NULL;
	tty->session = NULL;
	return p;
}

/* Tells the foreground group that the terminal is gone. No locks held. */
static void
finish_parting(struct tty *tty, const struct parting *p)
{
	if (p->foreground != NULL) {
		signal_send_group(p->foreground, SIGHUP, NULL);
		signal_send_group(p->foreground, SIGCONT, NULL);
		process_group_put(p->foreground);
	}
	if (p->session != NULL) {
		session_put(p->session);
		tty_put(tty);
	}
}

int
tty_give_up_controlling(struct tty *tty)
{
	struct parting p = {0};
	int err = 0;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct session *s = own_session_locked();
	if (s->ctty != tty)
		err = -ENOTTY;
	else if (s->leader != current_process())
		err = -EPERM;
	else
		p = untie_locked(tty);
	spin_unlock_irq_restore(&tree_lock, flags);
	finish_parting(tty, &p);
	return err;
}

/* Files that were open before are hung up from here on. What was typed or stopped is not for those who come next. */
static void
end_generation(struct tty *tty)
{
	uint64_t flags = tty_begin(tty);
	atomic_fetch_add_explicit(&tty->generation, 1, memory_order_release);
	ldisc_flush_input(&tty->ldisc);
	if (ldisc_flow(&tty->ldisc, TCOOFF) == 0) /* so that TCOON takes back ^S too */
		(void)!ldisc_flow(&tty->ldisc, TCOON);
	tty->ldisc.events |= LDISC_READABLE | LDISC_WRITABLE;
	tty_end(tty, flags);
}

void
tty_hangup(struct tty *tty)
{
	tty_get(tty);
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct parting p = untie_locked(tty);
	struct process *leader = p.session != NULL ? p.session->leader : NULL;
	if (leader != NULL) {
		signal_send_process(leader, SIGHUP, NULL);
		signal_send_process(leader, SIGCONT, NULL);
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	end_generation(tty);
	finish_parting(tty, &p);
	if (tty->ops->hangup != NULL)
		tty->ops->hangup(tty);
	tty_put(tty);
}

/* A session ends with its leader: whoever is left in it has no terminal any more. */
static void
leader_exits(struct session *s)
{
	struct tty *tty = tty_current();
	if (tty != NULL) {
		tty_hangup(tty);
		tty_put(tty);
	}
}

void
tty_job_init(void)
{
	session_leader_exit_hook = leader_exits;
}

int
tty_get_foreground(struct tty *tty, pid_t *id)
{
	int err = -ENOTTY;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct process_group *g = atomic_load_explicit(&tty->foreground, memory_order_relaxed);
	if (own_session_locked()->ctty == tty) {
		*id = g != NULL ? g->id : 0;
		err = 0;
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	return err;
}

int
tty_get_session(struct tty *tty, pid_t *id)
{
	int err = -ENOTTY;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct session *s = own_session_locked();
	if (s->ctty == tty) {
		*id = s->id;
		err = 0;
	}
	spin_unlock_irq_restore(&tree_lock, flags);
	return err;
}

int
tty_set_foreground(struct tty *tty, pid_t id)
{
	int err = tty_check_foreground(tty, SIGTTOU);
	if (err != 0)
		return err == -EIO ? -ENOTTY : err;
	if (id < 0)
		return -EINVAL;
	if (!is_own(tty))
		return -ENOTTY;
	struct process_group *g;
	err = process_group_for_terminal(id, &g);
	if (err != 0)
		return err;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	if (tty->session == NULL || tty->session != own_session_locked())
		err = -ENOTTY;
	else if (g->session != tty->session)
		err = -EPERM;
	else
		g = exchange_foreground(tty, g);
	spin_unlock_irq_restore(&tree_lock, flags);
	if (g != NULL)
		process_group_put(g);
	return err;
}

void
tty_process_info(struct process *p, struct tty_info *out)
{
	*out = (struct tty_info){.rdev = 0, .foreground = -1};
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	struct tty *tty = p->group != NULL ? p->group->session->ctty : NULL;
	if (tty != NULL) {
		struct process_group *g =
			atomic_load_explicit(&tty->foreground, memory_order_relaxed);
		*out = (struct tty_info){tty->rdev, g != NULL ? g->id : -1};
	}
	spin_unlock_irq_restore(&tree_lock, flags);
}

/* The call table asks for CONSOLE. */
int64_t
sys_vhangup(void)
{
	struct tty *tty = tty_current();
	if (tty != NULL) {
		tty_hangup(tty);
		tty_put(tty);
	}
	return 0;
}
