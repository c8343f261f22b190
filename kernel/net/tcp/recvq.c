/* SPDX-License-Identifier: MIT */
/*
 * What was received and not read: packets in order, and a tree of what came out of order. Memory is counted by the
 * packets' true sizes (sock.rcv_used); the window that is offered counts payload, at the rate at which memory turned
 * out to hold payload lately.
 */
#include <string.h>

#include "core/wallclock.h"
#include "net/tcp/tcp_impl.h"

#define RATIO_ONE  256u
#define RATIO_LOW  8u /* no frame is as wasteful for long; the window must not vanish */
#define SLACK_PART 4u /* over the buffer's limit by so much of it: nothing more is kept */

/* A received packet's cb. */
struct piece {
	uint32_t seq;      /* of its first byte that counts */
	uint32_t len;      /* bytes */
	uint32_t consumed; /* bytes of these that were read */
	uint32_t charge;
	struct rb_node node;
};
_Static_assert(sizeof(struct piece) <= sizeof(((struct pkt *)0)->cb), "it fits the control block");

static struct piece *
piece_of(struct pkt *p)
{
	return (struct piece *)&p->cb;
}

static struct pkt *
pkt_of(struct rb_node *n)
{
	struct piece *x = rb_entry(n, struct piece, node);
	return container_of((void *)x, struct pkt, cb);
}

static void
discard(struct pkt *p, struct tcp_after *after)
{
	p->next = after->free;
	after->free = p;
}

/* Says when p came, if the user wants to know. */
static void
stamp(const struct tcp_sock *t, struct pkt *p)
{
	uint32_t opts =
		atomic_load_explicit((_Atomic uint32_t *)&t->i.s.opts, memory_order_relaxed);
	if (unlikely(opts & SOCK_OPT_TIMESTAMPS) && p->tstamp == 0)
		p->tstamp = time_realtime();
}

/* A few bytes behind few others: copied there, so that byte after byte does not take a packet each. */
static bool
join_last(struct tcp_sock *t, struct pkt *p, uint32_t len, struct tcp_after *after)
{
	struct pkt *last = t->rcv_last;
	if (last == NULL || len > pkt_tailroom(last) || p->nr_frags != 0)
		return false;
	memcpy(last->head + last->head_off + last->head_len, pkt_data(p), len);
	__atomic_store_n(&last->head_len, (uint16_t)(last->head_len + len), __ATOMIC_RELAXED);
	__atomic_store_n(&last->len, last->len + len, __ATOMIC_RELAXED);
	if (unlikely(p->tstamp !=
		    0)) /* the bytes that came first are said to have come as late, as on Linux */
		__atomic_store_n(&last->tstamp, p->tstamp, __ATOMIC_RELAXED);
	discard(p, after);
	return true;
}

/* Behind the queue; readers see it once rcv_avail says so. */
static void
append(struct tcp_sock *t, struct pkt *p)
{
	p->next = NULL;
	if (t->rcv_last == NULL)
		__atomic_store_n(&t->rcv_first, p, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&t->rcv_last->next, p, __ATOMIC_RELAXED);
	t->rcv_last = p;
}

static void
more_available(struct tcp_sock *t, uint32_t n)
{
	atomic_store_explicit(&t->rcv_avail,
		atomic_load_explicit(&t->rcv_avail, memory_order_relaxed) + n,
		memory_order_release);
}

/* The payload of p that counts, and nothing else, becomes its data. */
static void
cut(struct pkt *p, uint32_t offset, uint32_t len)
{
	if (offset != 0)
		pkt_trim_front(p, offset);
	if (p->len != len)
		pkt_trim(p, len);
}

void
tcp_recvq_add(
	struct tcp_sock *t, struct pkt *p, uint32_t offset, uint32_t len, struct tcp_after *after)
{
	cut(p, offset, len);
	stamp(t, p);
	if (len > PKT_COPY_MAX || !join_last(t, p, len, after)) {
		piece_of(p)->consumed = 0;
		piece_of(p)->charge = p->truesize;
		t->i.s.rcv_used += p->truesize;
		append(t, p);
	}
	more_available(t, len);
}

void
tcp_recvq_keep(struct tcp_sock *t, struct pkt *p, uint32_t seq, uint32_t offset, uint32_t len,
	struct tcp_after *after)
{
	struct rb_node **link = &t->ooo.node, *parent = NULL;
	cut(p, offset, len);
	while (*link != NULL) {
		struct pkt *other = pkt_of(*link);
		struct piece *o = piece_of(other);
		if (seq == o->seq && len <= o->len) {
			discard(p, after); /* nothing that was not there */
			return;
		}
		parent = *link;
		link = tcp_seq_before(seq, o->seq) ? &parent->left : &parent->right;
	}
	stamp(t, p);
	*piece_of(p) = (struct piece){.seq = seq, .len = len, .charge = p->truesize};
	t->i.s.rcv_used += p->truesize;
	t->ooo_used += p->truesize;
	rb_link(&piece_of(p)->node, parent, link);
	rb_insert(&t->ooo, &piece_of(p)->node, NULL);
}

static void
remove_kept(struct tcp_sock *t, struct pkt *p)
{
	rb_erase(&t->ooo, &piece_of(p)->node, NULL);
	t->i.s.rcv_used -= piece_of(p)->charge;
	t->ooo_used -= piece_of(p)->charge;
}

void
tcp_recvq_advance(struct tcp_sock *t, uint32_t at, uint32_t end, struct tcp_after *after)
{
	struct rb_node *n;
	while ((n = rb_first(&t->ooo)) != NULL) {
		struct pkt *p = pkt_of(n);
		uint32_t seq = piece_of(p)->seq, last = seq + piece_of(p)->len;
		if (tcp_seq_before(at, seq))
			break;
		remove_kept(t, p);
		if (!tcp_seq_before(at, last)) {
			discard(p, after); /* came twice */
			continue;
		}
		uint32_t stop = tcp_seq_before(end, last) ? end : last;
		if (stop == at) {
			discard(p, after);
			continue;
		}
		tcp_recvq_add(t, p, at - seq, stop - at, after);
		at = stop;
	}
}

void
tcp_recvq_purge(struct tcp_sock *t)
{
	struct rb_node *n;
	while ((n = rb_first(&t->ooo)) != NULL) {
		struct pkt *p = pkt_of(n);
		remove_kept(t, p);
		pkt_free(p);
	}
	struct pkt *p = t->rcv_first;
	t->rcv_first = t->rcv_last = NULL;
	atomic_store_explicit(&t->rcv_avail, 0, memory_order_relaxed);
	while (p != NULL) {
		struct pkt *next = p->next;
		t->i.s.rcv_used -= piece_of(p)->charge;
		pkt_free(p);
		p = next;
	}
}

/* --- Room --- */

static uint32_t
payload_of(const struct tcp_sock *t, uint32_t memory)
{
	return (uint32_t)((uint64_t)memory * t->rcv_ratio / RATIO_ONE);
}

void
tcp_recvq_learn_ratio(struct tcp_sock *t, const struct pkt *p)
{
	uint32_t ratio = p->len * RATIO_ONE / p->truesize;
	/* Full segments tell; small ones are copied together. */
	if (p->len >= t->c.rcv_mss)
		t->rcv_ratio = (uint8_t)max(min(ratio, RATIO_ONE - 1), RATIO_LOW);
}

/* Memory that payload takes, at the rate at which it did lately. */
static uint64_t
memory_of(const struct tcp_sock *t, uint32_t payload)
{
	return (uint64_t)payload * RATIO_ONE / t->rcv_ratio;
}

static bool
was_chosen(const struct sock *s)
{
	return (atomic_load_explicit(&s->opts, memory_order_relaxed) & SOCK_OPT_RCVBUF_LOCKED) != 0;
}

/* The buffer shrinks as far as it may: what was offered stays so (RFC 9293, SHLD-14), and has its room. */
static void
shrink(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	if (was_chosen(s)) {
		t->rcv_goal = 0;
		return;
	}
	int32_t offered = (int32_t)(t->c.rcv_wup + t->c.rcv_wnd - t->c.rcv_nxt);
	uint64_t need = s->rcv_used + memory_of(t, (uint32_t)max(offered, 0));
	s->rcvbuf = (uint32_t)min((uint64_t)s->rcvbuf, max(need, (uint64_t)t->rcv_goal));
	if (s->rcvbuf <= t->rcv_goal)
		t->rcv_goal = 0;
}

void
tcp_recvq_update_space(struct tcp_sock *t)
{
	const struct sock *s = &t->i.s;
	if (unlikely(t->rcv_goal != 0))
		shrink(t);
	uint32_t room = likely(t->rcv_goal == 0) ? s->rcvbuf : t->rcv_goal;
	uint32_t used = s->rcv_used, buffer = payload_of(t, room);
	uint32_t space = used < room ? payload_of(t, room - used) : 0;
	if (unlikely(t->window_clamp != 0)) {
		buffer = min(buffer, t->window_clamp);
		space = min(space, t->window_clamp);
	}
	tcp_set_rcv_space(&t->c, space, buffer);
}

void
tcp_recvq_fit(struct tcp_sock *t, uint32_t payload)
{
	struct sock *s = &t->i.s;
	if (was_chosen(s))
		return;
	uint32_t most = atomic_load_explicit(&tcp_sysctl(s->net)->rmem[2], memory_order_relaxed);
	uint32_t usual = atomic_load_explicit(&tcp_sysctl(s->net)->rmem[1], memory_order_relaxed);
	uint32_t want = (uint32_t)min(memory_of(t, payload), (uint64_t)most);
	uint32_t now = t->rcv_goal != 0 ? t->rcv_goal : s->rcvbuf;
	if (want < now / 4 && usual < now)
		t->rcv_goal = max(2 * want, usual);
	else if (want > now)
		t->rcv_goal = want < s->rcvbuf ? want : 0;
	if (want > s->rcvbuf)
		s->rcvbuf = want;
}

/* Throws away what is out of order, from the far end on. */
static void
prune(struct tcp_sock *t, const struct tcp_env *env)
{
	struct rb_node *n;
	uint32_t goal = t->ooo_used / 2;
	while (t->ooo_used > goal && (n = rb_last(&t->ooo)) != NULL) {
		struct pkt *p = pkt_of(n);
		uint32_t seq = piece_of(p)->seq;
		remove_kept(t, p);
		tcp_prune_ooo(&t->c, env, seq);
		pkt_drop(t->i.s.net, p, NET_DROP_SOCKET_FULL);
	}
	net_count(t->i.s.net, NET_TCP_OFO_PRUNED);
}

bool
tcp_recvq_admit(struct tcp_sock *t, const struct tcp_env *env, const struct pkt *p)
{
	const struct sock *s = &t->i.s;
	uint32_t limit = s->rcvbuf + s->rcvbuf / SLACK_PART;
	bool is_short = net_memory_is_short(s->net);
	if (likely(s->rcv_used + p->truesize <= limit && !is_short) || s->rcv_used == 0)
		return true;
	if (t->ooo_used != 0)
		prune(t, env);
	return s->rcv_used + p->truesize <= limit && !is_short;
}

/* --- Reading: recv.c walks the queue; this takes what was read off it. --- */

void
tcp_recvq_consume(struct tcp_sock *t, uint32_t n, struct tcp_after *after)
{
	atomic_store_explicit(&t->rcv_avail,
		atomic_load_explicit(&t->rcv_avail, memory_order_relaxed) - n,
		memory_order_relaxed);
	while (n != 0) {
		struct pkt *p = t->rcv_first;
		struct piece *x = piece_of(p);
		uint32_t part = min(n, p->len - x->consumed);
		x->consumed += part;
		n -= part;
		if (x->consumed < p->len)
			break;
		__atomic_store_n(&t->rcv_first, p->next, __ATOMIC_RELAXED);
		if (p->next == NULL)
			t->rcv_last = NULL;
		t->i.s.rcv_used -= x->charge;
		discard(p, after);
	}
}

uint32_t
tcp_recvq_consumed(struct pkt *p)
{
	return piece_of(p)->consumed;
}
