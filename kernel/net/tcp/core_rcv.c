/* SPDX-License-Identifier: MIT */
/*
 * The receiving side: what is in order, what is kept out of order, what is told to the peer and when.
 *
 * Ranges out of order are bounded in number, SACKed the latest first (RFC 2018, 4), and what came twice is named by a
 * DSACK (2883). ACKs are delayed (RFC 1122, 4.2.3.2; 5681, 4.2) once the exchange looks interactive, or for every
 * second segment. The window never shrinks and opens by whole segments or half a buffer (RFC 9293, 3.8.6.2.2).
 */
#include <string.h>

#include "kernel/net/tcp/core_internal.h"

#define OOO_FIRST  8u
#define QUICK_ACKS 16u

uint8_t
tcp_rcv_wscale(uint32_t buffer)
{
	uint8_t scale = 0;
	while (scale < TCP_WSCALE_MAX && buffer >> scale > 65535)
		scale++;
	return scale;
}

/* The window for the next segment; from then on the peer holds us to it. */
uint32_t
tcp_rcv_select_window(struct tcp_conn *c)
{
	uint32_t now = tcp_rcv_window(c), unit = 1u << c->rcv_wscale;
	uint32_t room = min(c->rcv_space, 65535u << c->rcv_wscale);
	uint32_t step = min((uint32_t)c->rcv_mss, c->rcv_buffer / 2);
	room &= ~(unit - 1);
	if (room < now + step)
		room = (now + unit - 1) & ~(unit - 1); /* not shrunk, and not worth telling */
	c->rcv_wup = c->rcv_nxt;
	c->rcv_wnd = min(room, 65535u << c->rcv_wscale);
	return c->rcv_wnd;
}

static void
quick_mode(struct tcp_conn *c)
{
	uint32_t n = c->rcv_wnd / (2u * c->rcv_mss);
	c->quick = (uint8_t)(n < 2 ? 2 : min(n, QUICK_ACKS));
}

/* The size of the peer's segments, for counting them; from what came as one. */
static void
learn_mss(struct tcp_conn *c, const struct tcp_segment *seg)
{
	uint32_t n = seg->gso_size != 0 ? seg->gso_size : seg->len;
	if (unlikely(n > c->rcv_mss))
		c->rcv_mss = (uint16_t)min(n, (uint32_t)max(c->adv_mss, (uint16_t)TCP_MSS_DEFAULT));
}

static void
schedule_ack(struct tcp_conn *c, const struct tcp_env *env)
{
	if (c->rcv_nxt - c->rcv_wup > c->rcv_mss ||
		(c->quick > 0 && !(c->flags & TCPF_PUSH_SENT)) || c->ooo_count > 0) {
		c->todo |= TCPT_ACK_NOW;
	} else if (!(c->todo & TCPT_ACK_LATER)) {
		c->todo |= TCPT_ACK_LATER;
		c->delack_at = env->now + (uint64_t)c->ato_ms * 1000000;
	}
}

static void
take_ecn(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (seg->flags & TCP_CWR)
		c->flags &= ~TCPF_ECN_ECHO;
	if (seg->ip & TCP_IP_CE) {
		c->flags |= TCPF_ECN_ECHO;
		c->todo |= TCPT_ACK_NOW;
	}
}

static void
deliver(struct tcp_conn *c, uint32_t offset, uint32_t n, struct tcp_actions *act)
{
	act->deliver_off = offset;
	act->deliver_len = n;
	act->what |= TCP_DO_READABLE;
	c->rcv_nxt += n;
	c->rcv_space -= min(c->rcv_space, n);
	c->stats.bytes_received += n;
}

void
tcp_rcv_in_order(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	learn_mss(c, seg);
	deliver(c, 0, seg->len, act);
	schedule_ack(c, env);
}

/* --- out of order --- */

void
tcp_ooo_free(struct tcp_conn *c, const struct tcp_memory *memory)
{
	if (c->ooo != NULL)
		memory->free(memory->ctx, c->ooo, tcp_ooo_bytes(c->ooo_cap));
	c->ooo = NULL;
	c->ooo_count = c->ooo_cap = 0;
}

static bool
ooo_reserve(struct tcp_conn *c, const struct tcp_memory *memory)
{
	if (c->ooo_count < c->ooo_cap)
		return true;
	uint32_t cap = c->ooo == NULL ? OOO_FIRST : min(c->ooo_cap * 2u, TCP_OOO_MAX);
	if (cap <= c->ooo_count)
		return false;
	struct tcp_range *bigger = memory->alloc(memory->ctx, tcp_ooo_bytes(cap));
	if (bigger == NULL)
		return false;
	memset(bigger + cap, 0, TCP_SACK_MAX * sizeof(*bigger));
	if (c->ooo != NULL) {
		memcpy(bigger, c->ooo, c->ooo_count * sizeof(*bigger));
		memcpy(bigger + cap, c->ooo + c->ooo_cap, TCP_SACK_MAX * sizeof(*bigger));
		memory->free(memory->ctx, c->ooo, tcp_ooo_bytes(c->ooo_cap));
	}
	c->ooo = bigger;
	c->ooo_cap = (uint8_t)cap;
	return true;
}

static void
ooo_remove(struct tcp_conn *c, uint32_t i, uint32_t n)
{
	memmove(c->ooo + i, c->ooo + i + n, (c->ooo_count - i - n) * sizeof(*c->ooo));
	c->ooo_count = (uint16_t)(c->ooo_count - n);
}

/* The range that holds seq, or NULL. */
const struct tcp_range *
tcp_ooo_find(const struct tcp_conn *c, uint32_t seq)
{
	uint32_t low = 0, high = c->ooo_count;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (!tcp_seq_before(seq, c->ooo[mid].end))
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->ooo_count && !tcp_seq_before(seq, c->ooo[low].start) ? &c->ooo[low] : NULL;
}

/* Range i is the one that grew last. */
static void
ooo_grew(struct tcp_conn *c, uint32_t i)
{
	struct tcp_range recent[TCP_SACK_MAX] = {c->ooo[i]}, *old = c->ooo + c->ooo_cap;
	uint32_t kept = 1;
	for (uint32_t k = 0; k < TCP_SACK_MAX && kept < TCP_SACK_MAX; k++)
		if (tcp_ooo_find(c, old[k].start) != &c->ooo[i])
			recent[kept++] = old[k];
	memcpy(old, recent, sizeof(recent));
}

/* [start, end) was received beyond rcv_nxt. false: known already, or no room. */
static bool
ooo_add(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t start, uint32_t end,
	struct tcp_actions *act)
{
	uint32_t i = c->ooo_count;
	while (i > 0 && !tcp_seq_before(c->ooo[i - 1].end, start))
		i--;
	/* Ranges i to last - 1 touch it. */
	uint32_t last = i;
	while (last < c->ooo_count && !tcp_seq_after(c->ooo[last].start, end))
		last++;
	if (last == i) {
		if (!ooo_reserve(c, memory)) {
			act->drop = TCP_DROP_OOO_FULL;
			return false;
		}
		memmove(c->ooo + i + 1, c->ooo + i, (c->ooo_count - i) * sizeof(*c->ooo));
		c->ooo[i] = (struct tcp_range){start, end};
		c->ooo_count++;
	} else {
		struct tcp_range *r = &c->ooo[i];
		if (!tcp_seq_before(start, r->start) && !tcp_seq_after(end, r->end)) {
			tcp_rcv_dsack(c, start, end);
			ooo_grew(c, i);
			act->drop = TCP_DROP_WINDOW;
			return false;
		}
		if (tcp_seq_before(start, r->start))
			r->start = start;
		r->end = tcp_seq_max(end, c->ooo[last - 1].end);
		ooo_remove(c, i + 1, last - i - 1);
	}
	ooo_grew(c, i);
	return true;
}

/* What was out of order and no longer is. */
static void
ooo_advance(struct tcp_conn *c, const struct tcp_memory *memory)
{
	uint32_t n = 0;
	for (; n < c->ooo_count && tcp_seq_before_eq(c->ooo[n].start, c->rcv_nxt); n++) {
		if (tcp_seq_after(c->ooo[n].end, c->rcv_nxt)) {
			c->stats.bytes_received += c->ooo[n].end - c->rcv_nxt;
			c->rcv_space -= min(c->rcv_space, c->ooo[n].end - c->rcv_nxt);
			c->rcv_nxt = c->ooo[n].end;
		}
	}
	ooo_remove(c, 0, n);
	if (c->ooo_count == 0)
		tcp_ooo_free(c, memory);
}

void
tcp_prune_ooo(struct tcp_conn *c, const struct tcp_env *env, uint32_t seq)
{
	while (c->ooo_count > 0 && !tcp_seq_before(c->ooo[c->ooo_count - 1].start, seq))
		c->ooo_count--;
	if (c->ooo_count > 0 && tcp_seq_after(c->ooo[c->ooo_count - 1].end, seq))
		c->ooo[c->ooo_count - 1].end = seq;
	if (c->ooo_count == 0)
		tcp_ooo_free(c, env->memory);
	/* A FIN beyond the hole comes again with what is before it. */
	if (!(c->flags & TCPF_FIN_RCVD))
		c->flags &= ~TCPF_FIN_SEEN;
}

void
tcp_rcv_dsack(struct tcp_conn *c, uint32_t start, uint32_t end)
{
	if (!(c->flags & TCPF_SACK) || start == end)
		return;
	c->dsack = (struct tcp_range){start, end};
	c->flags |= TCPF_DSACK;
}

/* --- a segment's payload --- */

void
tcp_rcv_fin(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	c->rcv_nxt++;
	c->flags |= TCPF_FIN_RCVD;
	c->todo |= TCPT_ACK_NOW;
	act->what |= TCP_DO_RDHUP;
	tcp_ooo_free(c, env->memory);
	if (c->state == TCP_ESTABLISHED)
		tcp_set_state(c, TCP_CLOSE_WAIT);
	else if (c->state == TCP_FIN_WAIT1)
		tcp_set_state(c, TCP_CLOSING);
	else if (c->state == TCP_FIN_WAIT2)
		tcp_set_state(c, TCP_TIME_WAIT);
}

static void
beyond(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg, uint32_t start,
	uint32_t end, struct tcp_actions *act)
{
	c->todo |= TCPT_ACK_NOW;
	quick_mode(c);
	if (start == end || !ooo_add(c, env->memory, start, end, act))
		return;
	act->keep_off = start - seg->seq;
	act->keep_len = end - start;
}

/*
 * The payload and FIN of an acceptable segment (RFC 9293, 3.10.7.4, seventh and eighth). A FIN that is ahead of its
 * turn is remembered, and taken when what is before it has come.
 */
void
tcp_rcv_data(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act)
{
	uint32_t start = seg->seq, end = seg->seq + seg->len;
	uint32_t edge = c->rcv_nxt + tcp_rcv_window(c);
	take_ecn(c, seg);
	learn_mss(c, seg);
	if ((seg->flags & TCP_FIN) && !tcp_seq_after(end, edge) && !(c->flags & TCPF_FIN_SEEN)) {
		c->flags |= TCPF_FIN_SEEN;
		c->rcv_fin = end;
	}
	if (tcp_seq_before(start, c->rcv_nxt)) {
		uint32_t twice = tcp_seq_before(end, c->rcv_nxt) ? end : c->rcv_nxt;
		tcp_rcv_dsack(c, start, twice);
		c->todo |= TCPT_ACK_NOW;
		start = twice;
	}
	if (tcp_seq_after(end, edge)) {
		end = tcp_seq_before(edge, start) ? start : edge;
		c->todo |= TCPT_ACK_NOW;
		act->drop = TCP_DROP_WINDOW;
	}
	if ((c->flags & TCPF_FIN_SEEN) && tcp_seq_after(end, c->rcv_fin))
		end = tcp_seq_before(c->rcv_fin, start) ? start : c->rcv_fin;
	if (tcp_seq_after(start, c->rcv_nxt)) {
		beyond(c, env, seg, start, end, act);
		return;
	}
	if (start != end) {
		uint32_t holes = c->ooo_count;
		deliver(c, start - seg->seq, end - start, act);
		if (holes > 0) {
			ooo_advance(c, env->memory);
			c->todo |= TCPT_ACK_NOW;
		}
		schedule_ack(c, env);
	}
	if ((c->flags & TCPF_FIN_SEEN) && !(c->flags & TCPF_FIN_RCVD) && c->rcv_nxt == c->rcv_fin)
		tcp_rcv_fin(c, env, act);
}

/* The urgent pointer as BSD and Linux read it: it points behind the urgent byte (RFC 6093, 3). */
void
tcp_rcv_urgent(struct tcp_conn *c, const struct tcp_segment *seg, struct tcp_actions *act)
{
	if (seg->flags & TCP_URG) {
		uint32_t at = seg->seq + seg->urgent - (seg->urgent != 0 ? 1 : 0);
		bool newer = !(c->flags & TCPF_URG_IN) || tcp_seq_after(at, c->rcv_up);
		if (newer && !tcp_seq_before(at, c->rcv_nxt)) {
			c->rcv_up = at;
			c->flags = (c->flags | TCPF_URG_IN) & ~TCPF_URG_HERE;
			act->what |= TCP_DO_URGENT;
		}
	}
	uint32_t offset = c->rcv_up - seg->seq;
	if ((c->flags & (TCPF_URG_IN | TCPF_URG_HERE)) == TCPF_URG_IN && offset < seg->len) {
		c->flags |= TCPF_URG_HERE;
		act->urg_off = offset;
		act->what |= TCP_DO_URG_BYTE;
	}
}

/* --- what was read --- */

#define FORGET_US 10000000u

/*
 * Has the user taken more in a round trip than ever? Then the buffer is to hold twice that, and room to grow. Not a
 * quarter in ten seconds? Then what it takes from now on counts.
 */
static void
tune_buffer(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act)
{
	uint32_t now = tcp_us(env), passed = now - c->drs_us, copied = c->read_seq - c->drs_seq;
	bool is_little = copied < c->drs_bytes / 4;
	if (c->srtt_us == 0 || passed < c->srtt_us || (is_little && passed < FORGET_US))
		return;
	uint64_t want = 0;
	if (is_little) {
		c->drs_bytes = max(copied, (uint32_t)TCP_INIT_SEGMENTS * c->rcv_mss);
		want = 2ull * c->drs_bytes;
	} else if (copied > c->drs_bytes) {
		want = 2ull * copied + 16ull * c->rcv_mss;
		if (c->drs_bytes > 0)
			want += 2 * want * (copied - c->drs_bytes) / c->drs_bytes;
		c->drs_bytes = copied;
	}
	if (want > c->rcv_buffer || (is_little && want < c->rcv_buffer / 4)) {
		act->what |= TCP_DO_FIT;
		act->fit_to = (uint32_t)min(want, (uint64_t)1 << 30);
	}
	c->drs_seq = c->read_seq;
	c->drs_us = now;
}

void
tcp_read(struct tcp_conn *c, const struct tcp_env *env, uint32_t n, struct tcp_actions *act)
{
	c->read_seq += n;
	if ((c->flags & TCPF_URG_IN) && tcp_seq_after(c->read_seq, c->rcv_up))
		c->flags &= ~(TCPF_URG_IN | TCPF_URG_HERE);
	tune_buffer(c, env, act);
	if (c->state == TCP_CLOSE || (c->flags & TCPF_FIN_RCVD))
		return;
	uint32_t now = tcp_rcv_window(c), unit = 1u << c->rcv_wscale;
	uint32_t room = min(c->rcv_space, 65535u << c->rcv_wscale) & ~(unit - 1);
	uint32_t step = min((uint32_t)c->rcv_mss, c->rcv_buffer / 2);
	if ((now <= c->rcv_buffer / 2 && room >= 2 * now && room >= now + step && room > 0) ||
		((c->todo & TCPT_ACK_LATER) && c->rcv_nxt - c->rcv_wup > c->rcv_mss))
		c->todo |= TCPT_ACK_NOW;
	if (c->todo & TCPT_ACK_NOW)
		act->what |= TCP_DO_OUTPUT;
}
