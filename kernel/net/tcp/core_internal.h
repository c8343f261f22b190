/* SPDX-License-Identifier: MIT */
/* What the files of TCP's core share among themselves. */
#ifndef NET_TCP_CORE_INTERNAL_H
#define NET_TCP_CORE_INTERNAL_H

#include "base/macros.h"
#include "kernel/net/tcp/core.h"

static inline uint32_t
tcp_us(const struct tcp_env *env)
{
	return (uint32_t)(env->now / 1000);
}

static inline uint32_t
tcp_ms(const struct tcp_env *env)
{
	return (uint32_t)(env->now / 1000000);
}

/* Our timestamp clock: milliseconds from an offset of the connection's own. */
static inline uint32_t
tcp_tsval(const struct tcp_env *env, uint32_t offset)
{
	return tcp_ms(env) + offset;
}

/* The one field of a connection that others look at without its lock: by __atomic_load_n(). */
static inline void
tcp_set_state(struct tcp_conn *c, enum tcp_state state)
{
	__atomic_store_n(&c->state, (uint8_t)state, __ATOMIC_RELEASE);
}

static inline bool
tcp_seq_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline uint32_t
tcp_seq_max(uint32_t a, uint32_t b)
{
	return tcp_seq_after(a, b) ? a : b;
}

/* What an ACK did, gathered while it is processed. */
#define TCP_ACK_ADVANCED    1u  /* snd_una moved */
#define TCP_ACK_ORIG        2u  /* something that was never retransmitted was delivered */
#define TCP_ACK_RTX         4u  /* something that was retransmitted was */
#define TCP_ACK_SACKED      8u  /* new SACK information */
#define TCP_ACK_DSACK       16u /* the peer got something twice */
#define TCP_ACK_WINDOW      32u /* the window changed */
#define TCP_ACK_ECE         64u
#define TCP_ACK_DUP         128u /* acknowledges nothing, carries nothing, changes nothing */
#define TCP_ACK_LOST        256u /* something was marked lost */
#define TCP_ACK_RACK        512u /* RACK's clock moved */
#define TCP_ACK_HAS_RTT     1024u
#define TCP_ACK_WAS_LIMITED 2048u /* the congestion window limited what was in flight */
#define TCP_ACK_WAITS       4096u /* the reordering timer was armed: nothing else may be */

struct tcp_ack {
	uint32_t flags;
	uint32_t now_us;
	uint32_t acked;     /* snd_una moved so far */
	uint32_t delivered; /* bytes acknowledged or SACKed for the first time */
	uint32_t rtt_us;    /* with TCP_ACK_HAS_RTT */
	uint32_t tsecr;     /* 0: none */
	uint32_t fack;      /* tcp_conn.fack before it came; snd_una where nothing was SACKed */
};

/* Of an ACK that nothing was taken of yet. */
static inline struct tcp_ack
tcp_ack_begin(const struct tcp_conn *c, const struct tcp_env *env)
{
	bool known = c->sacked > 0 && (c->flags & TCPF_SACK);
	return (struct tcp_ack){.now_us = tcp_us(env), .fack = known ? c->fack : c->snd_una};
}

/* core_sent.c */
static inline struct tcp_sent *
tcp_sent_at(struct tcp_conn *c, uint32_t i)
{
	return c->sent == NULL ? &c->one : &c->sent[c->sent_first + i];
}
bool tcp_sent_reserve(struct tcp_conn *c, const struct tcp_memory *memory);
bool tcp_sent_room(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t end);
void tcp_sent_add(struct tcp_conn *c, const struct tcp_env *env, uint32_t start, uint32_t end,
	uint32_t sent_flags);
bool tcp_sent_split(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t i, uint32_t seq);
void tcp_sent_remove(struct tcp_conn *c, uint32_t i);
void tcp_sent_drop_front(struct tcp_conn *c, const struct tcp_memory *memory, uint32_t n);
uint32_t tcp_sent_find(struct tcp_conn *c, uint32_t seq);
void tcp_sent_mark_lost(struct tcp_conn *c, uint32_t i);
void tcp_sent_free(struct tcp_conn *c, const struct tcp_memory *memory);

/* core_rtt.c */
void tcp_rtt_sample(struct tcp_conn *c, const struct tcp_env *env, uint32_t rtt_us);
uint32_t tcp_rto_us(const struct tcp_conn *c); /* backed off */

/* core_sack.c */
void tcp_sack_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_ack *a);

/* core_rack.c */
void tcp_rack_sample(struct tcp_conn *c, struct tcp_ack *a, const struct tcp_sent *s);
/*
 * s was delivered: was it overtaken (RFC 8985, 6.2, step 3)? What one ACK tells came in any order: it
 * is what was told before that counts.
 */
static inline void
tcp_rack_order(struct tcp_conn *c, const struct tcp_ack *a, const struct tcp_sent *s)
{
	if (tcp_seq_before(s->end, a->fack) && !(s->flags & TCP_SENT_EVER))
		c->flags |= TCPF_REORDERING;
}
/* Marks what is lost by time; the microseconds until more will be, 0: nothing is awaited. */
uint32_t tcp_rack_detect(struct tcp_conn *c, uint32_t now_us, uint32_t *ack_flags);
void tcp_rack_dsack(struct tcp_conn *c);
void tcp_rack_left_recovery(struct tcp_conn *c);
bool tcp_tlp_arm(struct tcp_conn *c, const struct tcp_env *env);
void tcp_tlp_ack(struct tcp_conn *c, uint32_t ack, const struct tcp_ack *a);

/* core_recovery.c */
void tcp_recovery_ack(struct tcp_conn *c, const struct tcp_env *env, struct tcp_ack *a);
void tcp_enter_loss(struct tcp_conn *c, const struct tcp_env *env);
void tcp_enter_recovery(struct tcp_conn *c);
void tcp_enter_cwr(struct tcp_conn *c);

/* core_cc.c */
uint32_t tcp_cc_ssthresh(struct tcp_conn *c);
void tcp_cc_acked(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_ack *a);
void tcp_cc_start(struct tcp_conn *c);
void tcp_cc_idle(struct tcp_conn *c, uint32_t idle_ms);
uint32_t tcp_cc_initial_window(uint32_t mss);

/* core_ack.c */
/* Of an acceptable ACK, snd_una <= ack <= snd_nxt. */
void tcp_ack_input(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act);

/* core_rcv.c */
void tcp_rcv_data(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act);
/* In order, inside of the window, nothing out of order: the fast path's. */
void tcp_rcv_in_order(struct tcp_conn *c, const struct tcp_env *env, const struct tcp_segment *seg,
	struct tcp_actions *act);
void tcp_rcv_urgent(struct tcp_conn *c, const struct tcp_segment *seg, struct tcp_actions *act);
void tcp_rcv_fin(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act);
void tcp_rcv_dsack(struct tcp_conn *c, uint32_t start, uint32_t end);
uint32_t tcp_rcv_select_window(struct tcp_conn *c);
uint8_t tcp_rcv_wscale(uint32_t buffer);
static inline size_t
tcp_ooo_bytes(uint32_t cap)
{
	return (cap + TCP_SACK_MAX) * sizeof(struct tcp_range);
}
const struct tcp_range *tcp_ooo_find(const struct tcp_conn *c, uint32_t seq);
void tcp_ooo_free(struct tcp_conn *c, const struct tcp_memory *memory);

static inline void
tcp_ack_now(struct tcp_conn *c)
{
	c->todo |= TCPT_ACK_NOW;
}

/* The window that the peer may fill now. */
static inline uint32_t
tcp_rcv_window(const struct tcp_conn *c)
{
	int32_t left = (int32_t)(c->rcv_wup + c->rcv_wnd - c->rcv_nxt);
	return left > 0 ? (uint32_t)left : 0;
}

/* core_timer.c */
void tcp_arm(struct tcp_conn *c, const struct tcp_env *env, enum tcp_timer_kind kind, uint32_t us);
/* What is in flight has a timer: a loss probe or the retransmission timeout; nothing in flight: none. */
void tcp_arm_xmit(struct tcp_conn *c, const struct tcp_env *env);
void tcp_done(struct tcp_conn *c, uint16_t error, struct tcp_actions *act);

/* core_conn.c */
void tcp_set_mss(struct tcp_conn *c, const struct tcp_env *env);
void tcp_take_syn_options(struct tcp_conn *c, const struct tcp_segment *seg, uint32_t offered);
void tcp_established(struct tcp_conn *c, const struct tcp_env *env, struct tcp_actions *act);

/* FIN was sent (and maybe acknowledged). */
static inline bool
tcp_fin_sent(const struct tcp_conn *c)
{
	return (c->flags & TCPF_FIN_QUEUED) && c->snd_nxt == c->write_seq + 1;
}

static inline bool
tcp_fin_acked(const struct tcp_conn *c)
{
	return (c->flags & TCPF_FIN_QUEUED) && c->snd_una == c->write_seq + 1;
}

/* Data or a FIN were queued and not sent. */
static inline bool
tcp_unsent(const struct tcp_conn *c)
{
	return c->snd_nxt != tcp_send_end(c);
}

#endif
