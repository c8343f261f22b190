/* SPDX-License-Identifier: MIT */
/* TCP_INFO: a connection in figures. */
#include "abi/linux/tcp.h"
#include "net/tcp/tcp_impl.h"

static uint32_t
segments(const struct tcp_conn *c, uint32_t bytes)
{
	return c->mss == 0 ? 0 : (bytes + c->mss - 1) / c->mss;
}

static uint8_t
options_of(const struct tcp_conn *c)
{
	return (uint8_t)((c->flags & TCPF_TS ? TCPI_OPT_TIMESTAMPS : 0) |
		(c->flags & TCPF_SACK ? TCPI_OPT_SACK : 0) |
		(c->flags & TCPF_WSCALE ? TCPI_OPT_WSCALE : 0) |
		(c->flags & TCPF_ECN ? TCPI_OPT_ECN : 0) |
		(c->stats.delivered_ce != 0 ? TCPI_OPT_ECN_SEEN : 0));
}

static void
fill_sending(const struct tcp_conn *c, struct tcp_info_user *out)
{
	out->snd_mss = c->mss;
	out->unacked = segments(c, c->snd_nxt - c->snd_una);
	out->sacked = segments(c, c->sacked);
	out->lost = segments(c, c->lost);
	out->retrans = segments(c, c->retrans);
	out->snd_ssthresh = c->ssthresh >= UINT32_MAX / 2 ? INT32_MAX : segments(c, c->ssthresh);
	out->snd_cwnd = segments(c, c->cwnd);
	out->total_retrans = c->stats.retrans;
	out->pacing_rate = out->max_pacing_rate = c->pacing_rate != 0 ? c->pacing_rate : UINT64_MAX;
	out->bytes_acked = c->stats.bytes_acked;
	out->bytes_sent = c->stats.bytes_sent;
	out->bytes_retrans = c->stats.bytes_retrans;
	out->segs_out = c->stats.segs_out;
	out->data_segs_out = c->stats.data_segs_out;
	out->notsent_bytes = tcp_send_end(c) - c->snd_nxt;
	out->delivered_ce = c->stats.delivered_ce;
	out->snd_wnd = c->snd_wnd;
	out->reord_seen = (c->flags & TCPF_REORDERING) != 0;
}

static void
fill_times(const struct tcp_conn *c, struct tcp_info_user *out)
{
	uint32_t now_ms = (uint32_t)(time_now() / 1000000);
	out->rto = c->rto_us;
	out->ato = c->ato_ms * 1000u;
	out->rtt = c->srtt_us;
	out->rttvar = c->rttvar_us;
	out->min_rtt = c->min_rtt_us;
	out->last_data_sent = c->last_snd_ms != 0 ? now_ms - c->last_snd_ms : 0;
	out->last_data_recv = out->last_ack_recv =
		c->last_rcv_ms != 0 ? now_ms - c->last_rcv_ms : 0;
}

uint32_t
tcp_cc_of(const struct sock *s)
{
	return tcp_of((struct sock *)s)->c.cc;
}

void
tcp_get_info(struct sock *s, struct tcp_info_user *out)
{
	struct tcp_sock *t = tcp_of(s);
	const struct tcp_conn *c = &t->c;
	*out = (struct tcp_info_user){0};
	spin_lock_bh(&s->lock);
	out->state = c->state;
	if (c->state == TCP_LISTEN) {
		/* As Linux: how many wait, and how many may. */
		spin_unlock_bh(&s->lock);
		out->unacked = tcp_listener_ready(t);
		out->sacked = tcp_listener_backlog(t);
		return;
	}
	out->ca_state = c->ca_state;
	out->retransmits = out->backoff = c->backoff;
	out->probes = c->probes;
	out->options = options_of(c);
	out->wscales = (uint8_t)(c->snd_wscale | c->rcv_wscale << 4);
	out->rcv_mss = c->rcv_mss;
	out->pmtu = t->i.ref.generation != 0 ? t->i.ref.mtu : 0;
	out->rcv_ssthresh = c->rcv_wnd;
	out->advmss = c->adv_mss;
	out->reordering = 3;
	out->rcv_space = c->rcv_buffer;
	out->bytes_received = c->stats.bytes_received;
	out->segs_in = c->stats.segs_in;
	out->data_segs_in = c->stats.data_segs_in;
	fill_sending(c, out);
	fill_times(c, out);
	spin_unlock_bh(&s->lock);
}
