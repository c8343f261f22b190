/* SPDX-License-Identifier: MIT */
/* TCP's options: SOL_TCP, and what of SOL_SOCKET TCP acts on. Values and errors are Linux's. */
#include <string.h>

#include "abi/linux/tcp.h"
#include "net/tcp/tcp_impl.h"

#define MSS_LEAST      88
#define MSS_MOST       32767
#define KEEP_IDLE_MAX  32767
#define KEEP_COUNT_MAX 127
#define SYN_COUNT_MAX  127
#define CC_NAME_MAX    16u

/* Something that decides what may be sent was changed: what waited for it goes. lock held. */
static void
apply(struct tcp_sock *t)
{
	if (!t->e.hashed)
		return;
	struct tcp_env env = tcp_env_of(t);
	tcp_options_changed(&t->c, &env);
	if (t->c.state != TCP_SYN_SENT)
		tcp_push(t, &env);
	tcp_timer_update(t);
}

static void
set_flag(struct tcp_sock *t, uint32_t flag, bool on)
{
	t->c.flags = on ? t->c.flags | flag : t->c.flags & ~flag;
	apply(t);
}

static int
set_keepalive(struct tcp_sock *t, int name, int32_t v)
{
	struct tcp_env env = tcp_env_of(t);
	if (v < 1 || v > (name == TCP_KEEPCNT ? KEEP_COUNT_MAX : KEEP_IDLE_MAX))
		return -EINVAL;
	if (name == TCP_KEEPIDLE)
		t->c.keep_idle_s = (uint16_t)v;
	else if (name == TCP_KEEPINTVL)
		t->c.keep_interval_s = (uint16_t)v;
	else
		t->c.keep_count = (uint8_t)v;
	if (name == TCP_KEEPIDLE && (t->c.flags & TCPF_KEEPALIVE)) {
		tcp_keepalive_changed(&t->c, &env);
		tcp_timer_update(t);
	}
	return 0;
}

static int
set_clamp(struct tcp_sock *t, int32_t v)
{
	if (v == 0) {
		if (t->c.state != TCP_CLOSE)
			return -EINVAL;
		t->window_clamp = 0;
	} else {
		t->window_clamp = (uint32_t)max(v, (int32_t)SOCK_RCVBUF_MIN / 2);
	}
	tcp_recvq_update_space(t);
	return 0;
}

/* lock held. */
static int
set_number(struct tcp_sock *t, int name, int32_t v)
{
	switch (name) {
	case TCP_NODELAY:
		set_flag(t, TCPF_NODELAY, v != 0);
		return 0;
	case TCP_CORK:
		set_flag(t, TCPF_CORK, v != 0);
		return 0;
	case TCP_MAXSEG:
		if (v != 0 && (v < MSS_LEAST || v > MSS_MOST))
			return -EINVAL;
		t->c.user_mss = (uint16_t)v;
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keepalive(t, name, v);
	case TCP_SYNCNT:
		if (v < 1 || v > SYN_COUNT_MAX)
			return -EINVAL;
		t->c.syn_count = (uint8_t)v;
		return 0;
	case TCP_LINGER2:
		t->linger2_s = v < 0 ? -1 : min(v, 120);
		return 0;
	case TCP_DEFER_ACCEPT:
		t->defer_accept_s = (uint16_t)min(max(v, 0), (int32_t)UINT16_MAX);
		return 0;
	case TCP_WINDOW_CLAMP:
		return set_clamp(t, v);
	case TCP_QUICKACK:
		t->c.quick = v != 0 ? 16 : 0;
		if (v == 0)
			t->c.flags |= TCPF_PUSH_SENT;
		else
			t->c.flags &= ~TCPF_PUSH_SENT;
		apply(t);
		return 0;
	case TCP_USER_TIMEOUT:
		if (v < 0)
			return -EINVAL;
		t->c.user_timeout_ms = (uint32_t)v;
		return 0;
	case TCP_NOTSENT_LOWAT:
		t->notsent_lowat = v == 0 ? UINT32_MAX : (uint32_t)v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int
set_congestion(struct tcp_sock *t, const char *name, uint32_t len)
{
	size_t n = 0;
	while (n < min(len, CC_NAME_MAX - 1) && name[n] != '\0')
		n++;
	int cc = tcp_cc_find(name, n);
	if (cc < 0)
		return -ENOENT;
	spin_lock_bh(&t->i.s.lock);
	t->c.cc = (uint8_t)cc;
	spin_unlock_bh(&t->i.s.lock);
	return 0;
}

int
tcp_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len)
{
	struct tcp_sock *t = tcp_of(s);
	int32_t v;
	/* Which versions it takes is settled with its port. */
	if (level == SOL_IPV6 && name == IPV6_V6ONLY && t->e.flow.local_port != 0)
		return -EINVAL;
	int err = inet_setsockopt(&t->i, level, name, value, len);
	if (err == 0) {
		/* The way to the peer may depend on it, and what may be bound beside it. */
		spin_lock_bh(&s->lock);
		t->i.ref.generation = 0;
		spin_unlock_bh(&s->lock);
		tcp_port_set_flags(s->net, &t->owner, tcp_owner_flags(t));
	}
	if (err != 1)
		return err;
	if (level != SOL_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_CONGESTION)
		return len < 1 ? -EINVAL : set_congestion(t, value, len);
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	spin_lock_bh(&s->lock);
	err = set_number(t, name, v);
	tcp_unlock(s);
	return err;
}

/* lock held. */
static int
get_number(const struct tcp_sock *t, int name, int32_t *v)
{
	const struct tcp_conn *c = &t->c;
	bool closed = c->state == TCP_CLOSE || c->state == TCP_LISTEN;
	switch (name) {
	case TCP_NODELAY:
		*v = (c->flags & TCPF_NODELAY) != 0;
		return 0;
	case TCP_CORK:
		*v = (c->flags & TCPF_CORK) != 0;
		return 0;
	case TCP_MAXSEG:
		*v = closed && c->user_mss != 0 ? c->user_mss : c->mss;
		return 0;
	case TCP_KEEPIDLE:
		*v = c->keep_idle_s;
		return 0;
	case TCP_KEEPINTVL:
		*v = c->keep_interval_s;
		return 0;
	case TCP_KEEPCNT:
		*v = c->keep_count;
		return 0;
	case TCP_SYNCNT:
		*v = c->syn_count;
		return 0;
	case TCP_LINGER2:
		*v = t->linger2_s != 0 ? t->linger2_s
				       : (int32_t)tcp_sysctl(t->i.s.net)->fin_timeout;
		return 0;
	case TCP_DEFER_ACCEPT:
		*v = t->defer_accept_s;
		return 0;
	case TCP_WINDOW_CLAMP:
		*v = (int32_t)t->window_clamp;
		return 0;
	case TCP_QUICKACK:
		*v = (c->flags & TCPF_PUSH_SENT) == 0;
		return 0;
	case TCP_USER_TIMEOUT:
		*v = (int32_t)c->user_timeout_ms;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*v = t->notsent_lowat == UINT32_MAX ? 0 : (int32_t)t->notsent_lowat;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int
tcp_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len)
{
	struct tcp_sock *t = tcp_of(s);
	int32_t v;
	int err = inet_getsockopt(&t->i, level, name, value, len);
	if (err != 1)
		return err;
	if (level != SOL_TCP)
		return inet_has_no_level(&t->i, level);
	if (name == TCP_INFO) {
		struct tcp_info_user info;
		tcp_get_info(s, &info);
		return sock_answer(value, len, &info, sizeof(info));
	}
	if (name == TCP_CONGESTION) {
		char cc[CC_NAME_MAX] = "";
		const char *from = tcp_cc_name(t->c.cc);
		memcpy(cc, from, strlen(from));
		return sock_answer(value, len, cc, sizeof(cc));
	}
	spin_lock_bh(&s->lock);
	err = get_number(t, name, &v);
	spin_unlock_bh(&s->lock);
	return err != 0 ? err : sock_answer(value, len, &v, sizeof(v));
}

/* SO_RCVLOWAT: no more than half of what the buffer may be, which grows so far unless the user chose. lock held. */
static void
fit_low_water(struct tcp_sock *t)
{
	struct sock *s = &t->i.s;
	bool chosen = (atomic_load_explicit(&s->opts, memory_order_relaxed) &
			      SOCK_OPT_RCVBUF_LOCKED) != 0;
	uint32_t most = chosen ? s->rcvbuf : tcp_sysctl(s->net)->rmem[2];
	s->rcvlowat = min(s->rcvlowat, most / 2);
	if (!chosen && s->rcvbuf < 2 * s->rcvlowat)
		s->rcvbuf = 2 * s->rcvlowat;
}

void
tcp_option_changed(struct sock *s, int name)
{
	struct tcp_sock *t = tcp_of(s);
	uint32_t opts = atomic_load_explicit(&s->opts, memory_order_relaxed);
	switch (name) {
	case SO_KEEPALIVE:
		spin_lock_bh(&s->lock);
		t->c.flags = (opts & SOCK_OPT_KEEPALIVE) ? t->c.flags | TCPF_KEEPALIVE
							 : t->c.flags & ~TCPF_KEEPALIVE;
		if (t->e.hashed) {
			struct tcp_env env = tcp_env_of(t);
			tcp_keepalive_changed(&t->c, &env);
			tcp_timer_update(t);
		}
		spin_unlock_bh(&s->lock);
		break;
	case SO_MAX_PACING_RATE:
		spin_lock_bh(&s->lock);
		t->c.pacing_rate = s->pacing_rate == UINT64_MAX ? 0 : s->pacing_rate;
		apply(t);
		spin_unlock_bh(&s->lock);
		break;
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		tcp_port_set_flags(s->net, &t->owner, tcp_owner_flags(t));
		break;
	case SO_RCVLOWAT:
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		spin_lock_bh(&s->lock);
		if (name == SO_RCVLOWAT)
			fit_low_water(t);
		tcp_recvq_update_space(t);
		spin_unlock_bh(&s->lock);
		break;
	default:
		break;
	}
}

void
tcp_options_copy(struct tcp_conn *to, const struct tcp_conn *from)
{
	const uint32_t chosen = TCPF_NODELAY | TCPF_CORK | TCPF_KEEPALIVE | TCPF_ECN_ASK;
	to->flags = from->flags & chosen;
	to->cc = from->cc;
	to->user_mss = from->user_mss;
	to->user_timeout_ms = from->user_timeout_ms;
	to->keep_idle_s = from->keep_idle_s;
	to->keep_interval_s = from->keep_interval_s;
	to->keep_count = from->keep_count;
	to->syn_count = from->syn_count;
	to->pacing_rate = from->pacing_rate;
}

void
tcp_options_inherit(struct tcp_sock *child, const struct tcp_sock *l)
{
	struct sock *s = &child->i.s;
	const struct sock *ls = &l->i.s;
	s->mark = ls->mark;
	s->bound_if = ls->bound_if;
	s->rcvbuf = ls->rcvbuf;
	s->sndbuf = ls->sndbuf;
	s->rcvlowat = ls->rcvlowat;
	s->linger_s = ls->linger_s;
	s->rcvtimeo = ls->rcvtimeo;
	s->sndtimeo = ls->sndtimeo;
	s->pacing_rate = ls->pacing_rate;
	s->opts = ls->opts;
	child->i.flags = l->i.flags;
	child->i.tos = l->i.tos;
	child->i.ttl = l->i.ttl;
	child->i.tclass = l->i.tclass;
	child->i.hops = l->i.hops;
	child->i.pmtudisc = l->i.pmtudisc;
	child->owner.flags = tcp_owner_flags(child);
	child->notsent_lowat = l->notsent_lowat;
	child->window_clamp = l->window_clamp;
	child->linger2_s = l->linger2_s;
	tcp_conn_init(&child->c);
	tcp_options_copy(&child->c, &l->c);
}
