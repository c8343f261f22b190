/* SPDX-License-Identifier: MIT */
/*
 * Segments on their way in: decoded, checked, given to whoever has their flow. Look-up takes no lock; an entry that
 * left the table before it could be locked sends the segment back to look again.
 */
#include "wire/tcp.h"

#include "net/link/netif.h"
#include "net/sock/filter.h"
#include "net/tcp/listen_impl.h"

#define LOOKS 4u /* at the table, before a flow that changes all the time is given up */

static const uint16_t drop_reason[TCP_DROPS] = {
	[TCP_DROP_NONE] = NET_DROP_TCP_WINDOW,
	[TCP_DROP_PAWS] = NET_DROP_TCP_PAWS,
	[TCP_DROP_WINDOW] = NET_DROP_TCP_WINDOW,
	[TCP_DROP_ACK] = NET_DROP_TCP_ACK,
	[TCP_DROP_RESET] = NET_DROP_TCP_RESET,
	[TCP_DROP_SYN] = NET_DROP_TCP_SYN,
	[TCP_DROP_CLOSED] = NET_DROP_TCP_CLOSED,
	[TCP_DROP_OOO_FULL] = NET_DROP_TCP_OOO_FULL,
};

/* --- A connection --- */

/* Puts the payload where the core said, or loses it. */
static void
place(struct tcp_sock *t, const struct tcp_segment *seg, const struct tcp_actions *act,
	struct pkt *p, uint32_t text_seq, struct tcp_after *after)
{
	struct tcp_conn *c = &t->c;
	if (act->deliver_len != 0) {
		uint32_t end = text_seq + act->deliver_off + act->deliver_len;
		tcp_recvq_add(t, p, act->deliver_off, act->deliver_len, after);
		after->wake |= POLLIN | POLLRDNORM;
		if (unlikely(t->ooo.node != NULL)) {
			uint32_t fin = (c->flags & TCPF_FIN_RCVD) ? 1 : 0;
			tcp_recvq_advance(t, end, c->rcv_nxt - fin, after);
		}
	} else if (act->keep_len != 0) {
		tcp_recvq_keep(t, p, text_seq + act->keep_off, act->keep_off, act->keep_len, after);
	} else if (unlikely(seg->len != 0 || act->drop != TCP_DROP_NONE)) {
		pkt_drop(t->i.s.net, p, drop_reason[act->drop]);
	} else {
		pkt_free(p);
	}
}

static void
take_urgent_byte(struct tcp_sock *t, const struct tcp_actions *act, const struct pkt *p)
{
	pkt_copy_out(p, act->urg_off, &t->urgent_byte, 1);
	t->urgent_valid = true;
}

bool
tcp_rx_sock(struct tcp_sock *t, const struct tcp_segment *in, struct pkt *p)
{
	struct tcp_after after = {0};
	struct tcp_actions act;
	const struct tcp_segment *seg = in;
	struct tcp_segment bare;
	spin_lock(&t->i.s.lock);
	if (unlikely(!t->e.hashed)) {
		spin_unlock(&t->i.s.lock);
		return false;
	}
	struct tcp_env env = tcp_env_of(t);
	uint32_t len = seg->len;
	if (len != 0) {
		tcp_recvq_learn_ratio(t, p);
		if (unlikely(!tcp_recvq_admit(t, &env, p))) {
			/* What it carries is lost, what it acknowledges is not. */
			net_count(t->i.s.net, NET_TCP_RCVQ_DROP);
			bare = *seg;
			bare.len = 0;
			bare.flags &= (uint16_t)~(TCP_FIN | TCP_URG);
			seg = &bare;
		}
	}
	uint32_t text_seq = seg->seq + ((seg->flags & TCP_SYN) ? 1 : 0);
	tcp_input(&t->c, &env, seg, &act);
	if (unlikely(act.what & TCP_DO_URG_BYTE))
		take_urgent_byte(t, &act, p);
	if (unlikely(act.what & TCP_DO_RESET))
		tcp_tx_reset(t->i.s.net, &t->e.flow, seg);
	if (unlikely(seg == &bare))
		pkt_drop(t->i.s.net, p, NET_DROP_SOCKET_FULL);
	else
		place(t, seg, &act, p, text_seq, &after);
	if (len != 0)
		tcp_recvq_update_space(t);
	tcp_act(t, &env, &act, &after);
	sock_account(&t->i.s);
	spin_unlock(&t->i.s.lock);
	tcp_finish(t, &after);
	return true;
}

/* --- Everything --- */

static bool
checksum_is_good(const struct pkt *p, const struct net_flow *flow)
{
	if (likely(p->csum == PKT_CSUM_GOOD))
		return true;
	return pkt_checksum(p, 0, p->len, ip_pseudo_sum(flow, p->len, IPPROTO_TCP)) == 0xffff;
}

/* Decodes the header and takes it off p. 0, or why p is to be dropped. */
static uint16_t
read_header(struct pkt *p, struct net_flow *flow, struct tcp_segment *seg)
{
	if (unlikely(p->head_len < TCP_HEADER_MIN) &&
		(p->len < TCP_HEADER_MIN || !pkt_pull_up(p, TCP_HEADER_MIN)))
		return NET_DROP_TOO_SHORT;
	uint32_t header = (uint32_t)(pkt_data(p)[12] >> 4) * 4;
	if (unlikely(header < TCP_HEADER_MIN || header > p->len) || !pkt_pull_up(p, header) ||
		!tcp_decode(pkt_data(p), header, seg))
		return NET_DROP_TCP_HEADER;
	ip_flow_of(p, flow);
	flow->local_port = seg->dst_port;
	flow->remote_port = seg->src_port;
	if (unlikely(!checksum_is_good(p, flow)))
		return NET_DROP_TCP_CHECKSUM;
	seg->len = p->len - header;
	if (p->gso_size != 0 && seg->len > p->gso_size)
		seg->gso_size = p->gso_size;
	if (p->tos & 3)
		seg->ip = (p->tos & 3) == 3 ? TCP_IP_CE | TCP_IP_ECT : TCP_IP_ECT;
	pkt_pull(p, header);
	return 0;
}

static bool __attribute__((noinline))
filter(struct sock *s, struct tcp_segment *seg, struct pkt *p)
{
	uint32_t header = (uint32_t)(p->head_off - p->transport_off);
	pkt_push(p, header);
	uint32_t wanted = sock_filter_run(s, p, 0);
	pkt_pull(p, header);
	uint32_t text = max(wanted, header) - header;
	if (wanted == 0) {
		pkt_drop(s->net, p, NET_DROP_SOCKET_FILTER);
	} else if (text < p->len) {
		pkt_trim(p, text);
		seg->len = text;
		if (seg->gso_size >= text)
			seg->gso_size = 0;
	}
	return wanted != 0;
}

/*
 * SO_ATTACH_FILTER, which sees the header: a segment that it does not want is lost, as if the network had lost it; of
 * others it may cut off the end. A connection that is not made yet has its listener's. false: p was dropped.
 */
static inline bool
passes(struct sock *s, struct tcp_segment *seg, struct pkt *p)
{
	return !sock_has_filter(s) || filter(s, seg, p);
}

/* A segment of a flow that nobody has. */
static void
input_nobody(struct net_stack *net, const struct net_flow *flow, struct tcp_segment *seg,
	struct pkt *p, uint32_t min_iss)
{
	struct tcp_sock *l;
	/* One that stops meanwhile is not found again; another one of its group may be. */
	while ((l = tcp_find_listener(net, flow)) != NULL) {
		if (!passes(&l->i.s, seg, p))
			return;
		if (likely(tcp_rx_listener(l, flow, seg, p, min_iss)))
			return;
	}
	tcp_tx_refuse(net, flow, seg);
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
}

static void
input(struct net_stack *net, const struct net_flow *flow, struct tcp_segment *seg, struct pkt *p)
{
	uint32_t min_iss = 0;
	for (uint32_t i = 0; i < LOOKS; i++) {
		struct tcp_entry *e = tcp_find(net, flow);
		struct tcp_sock *l;
		enum tcp_tw_result r = TCP_TW_DONE;
		if (e == NULL || min_iss != 0) {
			input_nobody(net, flow, seg, p, min_iss);
			return;
		}
		switch (e->kind) {
		case TCP_ENTRY_SOCK:
			if (!passes(&container_of(e, struct tcp_sock, e)->i.s, seg, p))
				return;
			if (likely(tcp_rx_sock(container_of(e, struct tcp_sock, e), seg, p)))
				return;
			break;
		case TCP_ENTRY_HALF:
			l = atomic_load_explicit(
				&((struct tcp_half *)e)->listener, memory_order_acquire);
			if (l != NULL && !passes(&l->i.s, seg, p))
				return;
			if (tcp_rx_half((struct tcp_half *)e, seg, p))
				return;
			break;
		default:
			r = tcp_rx_tw(e, flow, seg, p, &min_iss);
			if (r == TCP_TW_DONE)
				return;
			break;
		}
	}
	pkt_drop(net, p, NET_DROP_NO_SOCKET);
}

void
tcp_rx(struct netif *nif, struct pkt *p)
{
	struct net_stack *net = nif->net;
	struct net_flow flow;
	struct tcp_segment seg;
	net_count(net, NET_TCP_IN_SEGS);
	uint16_t reason = read_header(p, &flow, &seg);
	/* No connection is made with a group, or with all (RFC 9293, 3.9.2.3). */
	if (likely(reason == 0) &&
		unlikely(net_addr_is_multicast(&flow.local) ||
			(p->flags & (PKT_BROADCAST | PKT_MULTICAST)) != 0))
		reason = NET_DROP_MARTIAN;
	if (unlikely(reason != 0)) {
		net_count(net, NET_TCP_IN_ERRS);
		if (reason == NET_DROP_TCP_CHECKSUM)
			net_count(net, NET_TCP_IN_CSUM_ERRORS);
		pkt_drop(net, p, reason);
		return;
	}
	input(net, &flow, &seg, p);
}

/* --- Errors --- */

static void
error_for_sock(struct tcp_sock *t, const struct ip_error *e, uint32_t seq)
{
	struct tcp_after after = {0};
	struct tcp_actions act = {0};
	struct inet_sock *i = &t->i;
	spin_lock_bh(&i->s.lock);
	bool ours = t->e.hashed && seq - t->c.snd_una <= t->c.snd_nxt - t->c.snd_una;
	struct tcp_env env = tcp_env_of(t);
	if (ours && e->error == EMSGSIZE && e->mtu != 0) {
		if (i->pmtudisc != IP_PMTUDISC_INTERFACE && i->pmtudisc != IP_PMTUDISC_OMIT)
			route_update_pmtu(i->s.net, &e->flow.remote, e->mtu);
		if (tcp_tx_route(t) == 0) {
			env.mss = t->path_mss;
			(void)tcp_path_mss(&t->c, &env, seq);
			act.what = TCP_DO_OUTPUT;
		}
	} else if (ours) {
		bool recverr = inet_has(i, e->v4 ? INET_RECVERR : INET_RECVERR6);
		if (e->hard || e->error == EHOSTUNREACH || e->error == ENETUNREACH)
			tcp_icmp_error(&t->c, seq, (uint16_t)e->error, &act);
		if (recverr && !(act.what & TCP_DO_ERROR)) {
			inet_queue_error(i, e);
			atomic_store_explicit(&i->s.error, e->error, memory_order_release);
			after.wake |= POLLERR;
		}
	}
	if (act.what != 0)
		tcp_act(t, &env, &act, &after);
	tcp_unlock(&i->s);
	tcp_finish(t, &after);
}

void
tcp_rx_error(struct net_stack *net, const struct ip_error *e)
{
	uint32_t seq;
	memcpy(&seq, e->transport + 4, sizeof(seq));
	seq = net_swap32(seq);
	epoch_enter();
	struct tcp_entry *entry = tcp_find(net, &e->flow);
	if (entry != NULL && entry->kind == TCP_ENTRY_SOCK)
		error_for_sock(container_of(entry, struct tcp_sock, e), e, seq);
	else if (entry != NULL && entry->kind == TCP_ENTRY_HALF && e->error != EMSGSIZE)
		tcp_half_error((struct tcp_half *)entry, seq);
	epoch_exit();
}
