/* SPDX-License-Identifier: MIT */
/* SYN cookies, for listeners that have no room for another half-open connection: tcp_cookie_seal() in core.h. */
#include "crypto/siphash.h"
#include "net/tcp/listen_impl.h"

#define COOKIE_MINUTE   (60 * NSEC_PER_SEC)
#define COOKIE_LIFETIME (2 * COOKIE_MINUTE) /* after the last one was sent, none is looked for */

/* A hash of the flow and the client's sequence number, by the key of a generation of cookies. */
static uint64_t
cookie_hash(struct net_stack *net, const struct net_flow *f, uint32_t irs, uint32_t generation)
{
	uint64_t words[6] = {f->local.d[0], f->local.d[1], f->remote.d[0], f->remote.d[1],
		(uint64_t)f->local_port << 48 | (uint64_t)f->remote_port << 32 | irs, generation};
	return siphash_words(net->secrets.cookie, words, 6);
}

static uint32_t
cookie_generation(nsec_t now)
{
	return (uint32_t)(now / COOKIE_MINUTE);
}

void
tcp_cookie_send(struct tcp_sock *t, const struct net_flow *flow, const struct tcp_segment *seg,
	const struct tcp_request_config *config, uint8_t tos)
{
	struct net_stack *net = t->i.s.net;
	struct tcp_env env = {.now = time_recent(), .mss = config->adv_mss};
	struct tcp_request r;
	struct tcp_segment out;
	uint32_t generation = cookie_generation(env.now);
	tcp_request_init(&r, &env, seg, config);
	tcp_cookie_seal(&r, &env, cookie_hash(net, flow, seg->seq, generation), generation);
	tcp_request_synack(&r, &env, &out);
	atomic_store_explicit(&net->tcp->cookie_sent, env.now, memory_order_relaxed);
	net_count(net, NET_TCP_SYNCOOKIES_SENT);
	tcp_tx_reply(net, flow, &out, tos);
}

/* An ACK that nobody waits for: one of our cookies, perhaps. Whether p was taken over. */
bool
tcp_cookie_input(struct tcp_sock *t, struct tcp_listener *l, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p)
{
	struct net_stack *net = t->i.s.net;
	/* The stack's: it may have been another listener of the group that sent it. */
	nsec_t sent = atomic_load_explicit(&net->tcp->cookie_sent, memory_order_relaxed);
	nsec_t now = time_recent();
	/* Another CPU's round may have begun later. */
	if (sent == 0 || (now > sent && now - sent > COOKIE_LIFETIME))
		return false;
	uint32_t generation = cookie_generation(now);
	uint64_t hash = cookie_hash(net, flow, seg->seq - 1, generation);
	if (!tcp_cookie_fits(seg, hash, generation))
		hash = cookie_hash(net, flow, seg->seq - 1, --generation);
	/* Forged ones come in floods: what a connection needs is made for one that fits. */
	if (!tcp_cookie_fits(seg, hash, generation)) {
		net_count(net, NET_TCP_SYNCOOKIES_FAILED);
		return false;
	}
	struct tcp_env env = {.now = time_now(), .memory = &tcp_kernel_memory};
	struct tcp_request_config config = tcp_request_config_of(t, flow, p);
	struct tcp_request r;
	env.mss = config.adv_mss;
	if (!tcp_cookie_open(&r, &env, seg, &config, hash, generation))
		return false;
	net_count(net, NET_TCP_SYNCOOKIES_RECV);
	spin_lock(&l->lock);
	/* One that has stopped leaves it to another of its group. */
	struct tcp_sock *child =
		l->closed || tcp_listener_has_room(l) ? tcp_child_make(t, NULL, flow, &r) : NULL;
	if (child != NULL)
		tcp_listener_count(&l->pending, 1);
	spin_unlock(&l->lock);
	if (child != NULL) {
		tcp_child_start(t, child, seg, p);
		return true;
	}
	net_count(net, NET_TCP_LISTEN_OVERFLOWS);
	pkt_drop(net, p, NET_DROP_TCP_HALF_OPEN);
	return true;
}
