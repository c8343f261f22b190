/* SPDX-License-Identifier: MIT */
/* Filters of sockets: programs copied from the user, checked, run on packets. */
#include "net/sock/filter.h"

#include <string.h>

#include "arch/uaccess.h"
#include "core/cpu.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/link/netif.h"

static void
free_program(struct epoch_head *head)
{
	kfree(container_of(head, struct sock_filter_program, epoch));
}

static void
put_program(struct sock_filter_program *f)
{
	if (f != NULL && refcount_put(&f->refs))
		epoch_call(&f->epoch, free_program);
}

static struct sock_filter_program *
replace(struct sock *s, struct sock_filter_program *new)
{
	return atomic_exchange_explicit(&s->filter, new, memory_order_acq_rel);
}

static int
attach(struct sock *s, const void *value, uint32_t len)
{
	struct sock_fprog_user prog;
	if (len != sizeof(prog))
		return -EINVAL;
	memcpy(&prog, value, sizeof(prog));
	if (prog.len == 0 || prog.len > BPF_MAX_INSNS)
		return -EINVAL;
	struct sock_filter_program *f = kmalloc(sizeof(*f) + prog.len * sizeof(f->insns[0]), 0);
	if (f == NULL)
		return -ENOMEM;
	refcount_init(&f->refs, 1);
	f->n = prog.len;
	int err = copy_from_user(f->insns, (uaddr_t){prog.filter}, prog.len * sizeof(f->insns[0]));
	if (err == 0)
		err = bpf_check(f->insns, f->n);
	if (err != 0)
		kfree(f);
	else
		put_program(replace(s, f));
	return err;
}

static int
detach(struct sock *s)
{
	struct sock_filter_program *old = replace(s, NULL);
	put_program(old);
	return old != NULL ? 0 : -ENOENT;
}

/* Once locked it stays so. */
static int
lock(struct sock *s, const void *value, uint32_t len, bool locked)
{
	int32_t v;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	if (v == 0)
		return locked ? -EPERM : 0;
	atomic_fetch_or_explicit(&s->opts, SOCK_OPT_FILTER_LOCKED, memory_order_relaxed);
	return 0;
}

int
sock_filter_option(struct sock *s, int name, const void *value, uint32_t len)
{
	uint32_t opts = atomic_load_explicit(&s->opts, memory_order_relaxed);
	bool locked = (opts & SOCK_OPT_FILTER_LOCKED) != 0;
	if (name == SO_LOCK_FILTER)
		return lock(s, value, len, locked);
	if (locked)
		return -EPERM;
	return name == SO_DETACH_FILTER ? detach(s) : attach(s, value, len);
}

/* The socket's program, referenced, if it has one. */
static struct sock_filter_program *
get_program(const struct sock *s)
{
	epoch_enter();
	struct sock_filter_program *f = atomic_load_explicit(
		(struct sock_filter_program * _Atomic *)&s->filter, memory_order_acquire);
	if (f != NULL && !refcount_get_unless_zero(&f->refs))
		f = NULL;
	epoch_exit();
	return f;
}

int64_t
sock_filter_get(const struct sock *s, uaddr_t to, uint32_t room)
{
	struct sock_filter_program *f = get_program(s);
	if (f == NULL)
		return 0;
	int64_t n = f->n;
	if (room != 0 && room < f->n)
		n = -EINVAL;
	else if (room != 0 && copy_to_user(to, f->insns, f->n * sizeof(f->insns[0])) != 0)
		n = -EFAULT;
	put_program(f);
	return n;
}

void
sock_filter_inherit(struct sock *s, const struct sock *from)
{
	struct sock_filter_program *f = sock_has_filter(from) ? get_program(from) : NULL;
	if (f != NULL)
		put_program(replace(s, f));
}

void
sock_filter_drop(struct sock *s)
{
	if (sock_has_filter(s))
		put_program(replace(s, NULL));
}

struct view {
	const struct pkt *p;
	uint32_t start;
};

static bool
load(const void *packet, int64_t offset, uint32_t n, uint8_t *out)
{
	const struct view *v = packet;
	int64_t at = offset + v->start;
	if (offset < 0) {
		int64_t base = offset >= BPF_NET_OFF ? v->p->net_off : v->p->link_off;
		if (offset < BPF_LL_OFF)
			return false;
		at = base - v->p->head_off + offset -
			(offset >= BPF_NET_OFF ? BPF_NET_OFF : BPF_LL_OFF);
		/* Headers that were pulled are still there, before the data. */
		if (at < 0 && at + v->p->head_off >= 0 && at + n <= v->p->head_len) {
			memcpy(out, v->p->head + v->p->head_off + at, n);
			return true;
		}
	}
	if (at < 0 || at + n > v->p->len)
		return false;
	pkt_copy_out(v->p, (uint32_t)at, out, n);
	return true;
}

static uint32_t
number(const void *packet, uint32_t which)
{
	const struct view *v = packet;
	switch (which) {
	case BPF_AD_PROTOCOL:
		return v->p->ethertype;
	case BPF_AD_PKTTYPE:
		if (v->p->flags & PKT_OUTGOING)
			return PACKET_OUTGOING;
		return (v->p->flags & PKT_BROADCAST)    ? PACKET_BROADCAST
			: (v->p->flags & PKT_MULTICAST) ? PACKET_MULTICAST
			: (v->p->flags & PKT_OTHERHOST) ? PACKET_OTHERHOST
							: PACKET_HOST;
	case BPF_AD_IFINDEX:
		return v->p->netif != NULL ? v->p->netif->index : 0;
	case BPF_AD_HATYPE:
		return v->p->netif != NULL ? v->p->netif->type : 0;
	case BPF_AD_RXHASH:
		return v->p->hash;
	case BPF_AD_CPU:
		return this_cpu()->id;
	case BPF_AD_RANDOM:
		return (uint32_t)random_u64();
	default:
		return 0;
	}
}

uint32_t
sock_filter_run_on(struct sock *s, const struct bpf_input *in)
{
	const struct sock_filter_program *f =
		atomic_load_explicit(&s->filter, memory_order_acquire);
	return f == NULL ? UINT32_MAX : bpf_run(f->insns, in);
}

uint32_t
sock_filter_run(struct sock *s, const struct pkt *p, uint32_t start)
{
	struct view v = {p, start};
	struct bpf_input in = {
		.packet = &v,
		.len = p->len - start,
		.load = load,
		.number = number,
	};
	return sock_filter_run_on(s, &in);
}
