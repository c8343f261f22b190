/* SPDX-License-Identifier: MIT */
/* See tests/script/core/endpoint.h: the calls. */
#include <errno.h>
#include <string.h>

#include "tests/script/core/internal.h"

#define RCV_MAX (1u << 20)

int
endpoint_connect(struct endpoint *p)
{
	struct tcp_env env;
	uint32_t min_iss;
	if (p->has_conn)
		return p->c.state == TCP_SYN_SENT ? -EALREADY : -EISCONN;
	env = endpoint_env(p);
	if (p->in_timewait) {
		if (!tcp_timewait_reusable(&p->tw, &env, &min_iss))
			return -EADDRNOTAVAIL;
		p->iss = min_iss + 1000;
		p->in_timewait = false;
	}
	endpoint_configure(p);
	p->accepted = true;
	tcp_connect(&p->c, &env, p->iss, 5, RCV_MAX);
	endpoint_flush(p);
	return -EINPROGRESS;
}

int
endpoint_accept(struct endpoint *p)
{
	if (p->accepted || (!p->has_conn && p->delivered == 0 && p->error == 0))
		return -EAGAIN;
	if (p->has_conn && p->c.state == TCP_SYN_RECV)
		return -EAGAIN;
	p->accepted = true;
	return 0;
}

int
endpoint_error(struct endpoint *p)
{
	int error = p->error;
	p->error = 0;
	return error;
}

static bool
opening(const struct endpoint *p)
{
	return p->has_conn && (p->c.state == TCP_SYN_SENT || p->c.state == TCP_SYN_RECV);
}

int
endpoint_write(struct endpoint *p, uint32_t n, uint32_t write_flags)
{
	struct tcp_env env = endpoint_env(p);
	if (p->error != 0)
		return -endpoint_error(p);
	if (p->shut || !p->has_conn)
		return -EPIPE;
	uint32_t room = p->send_buffer - (p->written - p->acked);
	if (opening(p) || room == 0)
		return -EAGAIN;
	n = min(n, room);
	p->written += n;
	tcp_write(&p->c, &env, n, write_flags);
	endpoint_flush(p);
	return (int)n;
}

/* n bytes leave the receive queue. */
static void
take(struct endpoint *p, uint32_t n)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_actions act = {0};
	p->read += n;
	if (p->has_conn) {
		endpoint_space(p);
		tcp_read(&p->c, &env, n, &act);
		endpoint_after(p, &act);
	}
}

/* The urgent byte is not in the stream; a read ends before it, and the next begins behind. */
int
endpoint_read(struct endpoint *p, uint32_t n)
{
	if (p->urgent_here && p->read == p->urgent_at) {
		p->urgent_here = false;
		take(p, 1);
	}
	n = min(n, p->delivered - p->read);
	if (p->urgent_here)
		n = min(n, p->urgent_at - p->read);
	if (n > 0) {
		take(p, n);
		return (int)n;
	}
	if (p->error != 0)
		return -endpoint_error(p);
	if (p->rdhup || !p->has_conn)
		return 0;
	return -EAGAIN;
}

/* The urgent byte, once: MSG_OOB's errors. */
int
endpoint_readoob(struct endpoint *p)
{
	if (p->urgent_here && !p->urgent_taken) {
		p->urgent_taken = true;
		return 1;
	}
	return p->has_conn && (p->c.flags & TCPF_URG_IN) && !p->urgent_here ? -EAGAIN : -EINVAL;
}

int
endpoint_shutdown(struct endpoint *p)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_actions act;
	if (!p->has_conn)
		return -ENOTCONN;
	p->shut = true;
	tcp_shutdown(&p->c, &env, &act);
	endpoint_after(p, &act);
	return 0;
}

int
endpoint_close(struct endpoint *p)
{
	struct tcp_env env = endpoint_env(p);
	struct tcp_actions act;
	uint32_t how = p->linger0 ? TCP_CLOSE_ABORT : 0;
	p->shut = true;
	if (!p->has_conn)
		return 0;
	if (p->delivered > p->read)
		how |= TCP_CLOSE_UNREAD;
	tcp_close(&p->c, &env, how, &act);
	endpoint_after(p, &act);
	return 0;
}

/* A bit of the connection that is, and of those to be. */
static void
set_flag(struct endpoint *p, uint32_t flag, uint32_t value)
{
	if (value != 0) {
		p->conn_flags |= flag;
		p->c.flags |= flag;
	} else {
		p->conn_flags &= ~flag;
		p->c.flags &= ~flag;
	}
}

static int
set_keep(struct endpoint *p, const char *name, uint32_t value)
{
	if (strcmp(name, "keepalive") == 0)
		set_flag(p, TCPF_KEEPALIVE, value);
	else if (strcmp(name, "keepidle") == 0)
		p->c.keep_idle_s = (uint16_t)value;
	else if (strcmp(name, "keepintvl") == 0)
		p->c.keep_interval_s = (uint16_t)value;
	else if (strcmp(name, "keepcnt") == 0)
		p->c.keep_count = (uint8_t)value;
	else
		return -ENOPROTOOPT;
	struct tcp_env env = endpoint_env(p);
	tcp_keepalive_changed(&p->c, &env);
	return 0;
}

int
endpoint_set(struct endpoint *p, const char *name, uint32_t value)
{
	struct tcp_env env = endpoint_env(p);
	if (strncmp(name, "keep", 4) == 0)
		return set_keep(p, name, value);
	if (strcmp(name, "nodelay") == 0)
		set_flag(p, TCPF_NODELAY, value);
	else if (strcmp(name, "cork") == 0)
		set_flag(p, TCPF_CORK, value);
	else if (strcmp(name, "linger0") == 0)
		p->linger0 = value != 0;
	else if (strcmp(name, "user_timeout") == 0)
		p->c.user_timeout_ms = value;
	else if (strcmp(name, "maxseg") == 0)
		p->c.user_mss = (uint16_t)value;
	else if (strcmp(name, "syncnt") == 0)
		p->syn_count = (uint8_t)value;
	else if (strcmp(name, "quickack") == 0)
		p->c.quick = value != 0 ? 16 : 0;
	else
		return -ENOPROTOOPT;
	if (p->has_conn) {
		tcp_options_changed(&p->c, &env);
		endpoint_flush(p);
	}
	return 0;
}

int64_t
endpoint_info(const struct endpoint *p, const char *name)
{
	const struct tcp_conn *c = &p->c;
	if (strcmp(name, "state") == 0)
		return p->has_conn ? c->state : p->has_request ? TCP_SYN_RECV : TCP_CLOSE;
	if (strcmp(name, "ca_state") == 0)
		return c->ca_state;
	if (strcmp(name, "snd_cwnd") == 0)
		return c->cwnd / c->mss;
	if (strcmp(name, "snd_ssthresh") == 0)
		return c->ssthresh / c->mss;
	if (strcmp(name, "snd_mss") == 0)
		return c->mss;
	if (strcmp(name, "retransmits") == 0 || strcmp(name, "backoff") == 0)
		return c->backoff;
	if (strcmp(name, "dupacks") == 0)
		return c->dupacks;
	if (strcmp(name, "probes") == 0)
		return c->probes;
	if (strcmp(name, "rto") == 0)
		return c->rto_us;
	if (strcmp(name, "rtt") == 0)
		return c->srtt_us;
	if (strcmp(name, "unread") == 0)
		return p->delivered - p->read;
	return -EINVAL;
}
