/* SPDX-License-Identifier: MIT */
/* What all sockets have in common: life and death, their file, errors and wake-ups, families. */
#include "net/sock/sock.h"

#include "core/panic.h"
#include "core/timer.h"
#include "net/net.h"
#include "net/sock/charge.h"
#include "net/sock/filter.h"
#include "net/sock/inet.h"
#include "net/sock/packet/packet.h"
#include "net/sock/unix/unix.h"
#include "proc/process.h"
#include "proc/view.h"
#include "vfs/vfs.h"

#define SOCK_DEVICE 0x8u /* st_dev */

static struct sock_family *families; /* [boot] */
static _Atomic uint64_t next_ino = 1;

void
sock_register_family(struct sock_family *f)
{
	f->next = families;
	families = f;
}

const struct sock_family *
sock_find_family(int family)
{
	const struct sock_family *f = families;
	while (f != NULL && f->family != family)
		f = f->next;
	return f;
}

struct net_stack *
sock_current_net(void)
{
	return current_view()->net;
}

void
sock_init(struct sock *s, const struct sock_ops *ops, struct net_stack *net, int type, int protocol)
{
	s->ops = ops;
	refcount_init(&s->refs, 1);
	spin_init(&s->lock, "sock");
	wait_queue_init(&s->wait, "sock");
	s->net = net;
	atomic_store_explicit(&s->file, NULL, memory_order_relaxed);
	s->family = ops->family;
	s->type = (uint16_t)type;
	s->protocol = (uint16_t)protocol;
	s->shut = 0;
	s->priority = 0;
	atomic_store_explicit(&s->opts, 0, memory_order_relaxed);
	atomic_store_explicit(&s->filter, NULL, memory_order_relaxed);
	atomic_store_explicit(&s->error, 0, memory_order_relaxed);
	s->rcvbuf = s->sndbuf = SOCK_BUF_DEFAULT;
	if (net != NULL) {
		s->rcvbuf = atomic_load_explicit(&net->core.rmem_default, memory_order_relaxed);
		s->sndbuf = atomic_load_explicit(&net->core.wmem_default, memory_order_relaxed);
	}
	s->rcv_used = s->snd_used = s->accounted = 0;
	atomic_store_explicit(&s->in_flight, 0, memory_order_relaxed);
	s->rcvlowat = 1;
	s->linger_s = 0;
	s->bound_if = 0;
	s->mark = 0;
	s->rcvtimeo = s->sndtimeo = DEADLINE_NEVER;
	s->pacing_rate = UINT64_MAX;
	s->uid = vfs_cred()->fsuid;
	s->ino = atomic_fetch_add_explicit(&next_ino, 1, memory_order_relaxed);
	mutex_init(&s->read_lock, "sock.read");
}

void
sock_put(struct sock *s)
{
	if (!refcount_put(&s->refs))
		return;
	DEBUG_ASSERT(s->rcv_used == 0 && s->snd_used == 0 && s->accounted == 0 &&
		sock_in_flight(s) == 0);
	sock_filter_drop(s);
	s->ops->destroy(s);
}

void
sock_wake(struct sock *s, uint32_t events)
{
	wake_all(&s->wait, events);
}

bool
sock_waiter_wake(struct waiter *w, uint32_t events)
{
	const struct sock_waiter *sw = container_of(w, struct sock_waiter, waiter);
	if (events != 0 && (events & sw->wanted) == 0)
		return false;
	return waiter_wake_thread(w, events);
}

void
sock_set_error(struct sock *s, int error)
{
	atomic_store_explicit(&s->error, error, memory_order_release);
	sock_wake(s, SOCK_ALL_EVENTS);
}

int
sock_take_error(struct sock *s)
{
	if (likely(atomic_load_explicit(&s->error, memory_order_relaxed) == 0))
		return 0;
	return -atomic_exchange_explicit(&s->error, 0, memory_order_acq_rel);
}

nsec_t
sock_deadline(nsec_t timeo, uint32_t msg_flags)
{
	if (msg_flags & MSG_DONTWAIT)
		return 0;
	if (likely(timeo == DEADLINE_NEVER))
		return DEADLINE_NEVER;
	nsec_t end;
	return add_overflow(time_now(), timeo, &end) ? DEADLINE_NEVER : end;
}

static ssize_t
sock_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct sock *s = f->priv;
	if (unlikely(to->count == 0))
		return 0;
	struct sock_msg msg = {.iter = to};
	if (file_nonblock(f) || (to->flags & ITER_NOWAIT))
		msg.flags = MSG_DONTWAIT;
	return s->ops->recv(s, &msg);
}

static ssize_t
sock_write(struct file *f, struct iter *from, uint64_t *pos)
{
	struct sock *s = f->priv;
	struct sock_msg msg = {.iter = from};
	if (file_nonblock(f) || (from->flags & ITER_NOWAIT))
		msg.flags = MSG_DONTWAIT;
	return s->ops->send(s, &msg);
}

static ssize_t
sock_send_pages(struct file *f, struct page **pages, uint32_t offset, size_t n, uint32_t flags)
{
	struct sock *s = f->priv;
	if (s->ops->send_pages == NULL)
		return -EOPNOTSUPP;
	uint32_t msg_flags = (flags & FILE_SEND_MORE) ? MSG_MORE : 0;
	if (file_nonblock(f) || (flags & FILE_SEND_NOWAIT))
		msg_flags |= MSG_DONTWAIT;
	return s->ops->send_pages(s, pages, offset, n, msg_flags);
}

static uint32_t
sock_poll(struct file *f, struct poll_table *pt)
{
	struct sock *s = f->priv;
	poll_wait(pt, f, &s->wait);
	return s->ops->poll(s, pt);
}

static int
sock_getattr(struct file *f, struct kstat *st)
{
	const struct sock *s = f->priv;
	*st = (struct kstat){
		.dev = SOCK_DEVICE,
		.ino = s->ino,
		.mode = S_IFSOCK | 0777,
		.nlink = 1,
		.uid = s->uid,
		.blksize = PAGE_SIZE,
	};
	return 0;
}

/* A handle is being closed; others may be left. */
static int
sock_flush(struct file *f)
{
	struct sock *s = f->priv;
	if (s->family == AF_UNIX)
		unix_handle_closed(s, f);
	return 0;
}

static void
sock_release(struct file *f)
{
	struct sock *s = f->priv;
	atomic_store_explicit(&s->file, NULL, memory_order_relaxed);
	s->ops->close(s);
	sock_put(s);
}

const struct file_ops sock_file_ops = {
	.read = sock_read,
	.write = sock_write,
	.send_pages = sock_send_pages,
	.poll = sock_poll,
	.ioctl = sock_file_ioctl,
	.getattr = sock_getattr,
	.flush = sock_flush,
	.release = sock_release,
	.anon_name = "socket",
};

int
sock_of_file(struct file *f, struct sock **out)
{
	if (unlikely(f->ops != &sock_file_ops)) {
		*out = NULL;
		return -ENOTSOCK;
	}
	*out = f->priv;
	return 0;
}

int
sock_make_file(struct sock *s, uint32_t flags, struct file **out)
{
	struct file *f = file_create(&sock_file_ops, s, O_RDWR | (flags & SOCK_NONBLOCK),
		FILE_STREAM | FILE_SIGIO | FILE_NO_REOPEN);
	*out = f;
	if (f == NULL) {
		s->ops->close(s);
		sock_put(s);
		return -ENOMEM;
	}
	atomic_store_explicit(&s->file, f, memory_order_release);
	return 0;
}

int
sock_install(struct sock *s, uint32_t flags, rights_t rights)
{
	struct file *f;
	int err = sock_make_file(s, flags, &f);
	return err != 0 ? err : file_install(f, rights, flags & SOCK_CLOEXEC);
}

void
sock_boot(void)
{
	unix_boot();
	inet_boot();
	packet_boot();
}
