/* SPDX-License-Identifier: MIT */
/*
 * Options of SOL_SOCKET, which all families share. What an option's value is and how long it may be is Linux's: an
 * integer at least, or a structure; a longer value's beginning counts. Unknown: -ENOPROTOOPT.
 */
#include "core/softirq.h"
#include "net/net.h"
#include "net/sock/charge.h"
#include "net/sock/cmsg.h"
#include "net/sock/filter.h"
#include "net/sock/sock.h"
#include "net/sock/unix/unix.h"
#include "proc/process.h"
#include "proc/time.h"

#include <string.h>

/* Options that are one bit of sock->opts. */
static uint32_t
option_bit(int name)
{
	switch (name) {
	case SO_REUSEADDR:
		return SOCK_OPT_REUSEADDR;
	case SO_REUSEPORT:
		return SOCK_OPT_REUSEPORT;
	case SO_KEEPALIVE:
		return SOCK_OPT_KEEPALIVE;
	case SO_BROADCAST:
		return SOCK_OPT_BROADCAST;
	case SO_OOBINLINE:
		return SOCK_OPT_OOBINLINE;
	case SO_PASSCRED:
		return SOCK_OPT_PASSCRED;
	case SO_DONTROUTE:
		return SOCK_OPT_DONTROUTE;
	case SO_NO_CHECK:
		return SOCK_OPT_NO_CHECK;
	case SO_TIMESTAMP:
		return SOCK_OPT_TIMESTAMP;
	case SO_TIMESTAMP_NEW:
		return SOCK_OPT_TIMESTAMP_NEW;
	case SO_TIMESTAMPNS:
		return SOCK_OPT_TIMESTAMPNS;
	case SO_TIMESTAMPNS_NEW:
		return SOCK_OPT_TIMESTAMPNS_NEW;
	case SO_RXQ_OVFL:
		return SOCK_OPT_RXQ_OVFL;
	case SO_DEBUG:
		return SOCK_OPT_DEBUG;
	default:
		return 0;
	}
}

static void
set_bits(struct sock *s, uint32_t bits, uint32_t mask)
{
	uint32_t old = atomic_load_explicit(&s->opts, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&s->opts, &old, (old & ~mask) | bits, memory_order_relaxed, memory_order_relaxed))
		;
}

static int
set_flag(struct sock *s, int name, uint32_t bit, bool on)
{
	if (name == SO_PASSCRED && s->family != AF_UNIX)
		return -EOPNOTSUPP;
	if (name == SO_DEBUG && on && !current_has_caps(CAP_NETADMIN))
		return -EACCES;
	uint32_t mask = bit;
	if (bit & SOCK_OPT_TIMESTAMPS)
		mask = SOCK_OPT_TIMESTAMPS; /* the later one wins */
	set_bits(s, on ? bit : 0, mask);
	if (s->ops->option_changed != NULL)
		s->ops->option_changed(s, name);
	return 0;
}

static uint32_t
buffer_limit(const struct sock *s, int name)
{
	if (s->net == NULL)
		return SOCK_BUF_MAX;
	return atomic_load_explicit(
		name == SO_SNDBUF ? &s->net->core.wmem_max : &s->net->core.rmem_max,
		memory_order_relaxed);
}

/* Buffer sizes: doubled, for what descriptors cost, and at least the minimum; negative ones are huge, as on Linux. */
static int
set_buffer(struct sock *s, int name, int32_t value, uint32_t limit)
{
	bool send = name == SO_SNDBUF || name == SO_SNDBUFFORCE;
	uint32_t size = min((uint32_t)value, limit);
	uint32_t least = send ? SOCK_SNDBUF_MIN : SOCK_RCVBUF_MIN;
	size = max(min(size, (uint32_t)INT32_MAX / 2) * 2, least);
	spin_lock_bh(&s->lock);
	if (send)
		s->sndbuf = size;
	else
		s->rcvbuf = size;
	spin_unlock_bh(&s->lock);
	set_bits(s, send ? SOCK_OPT_SNDBUF_LOCKED : SOCK_OPT_RCVBUF_LOCKED,
		send ? SOCK_OPT_SNDBUF_LOCKED : SOCK_OPT_RCVBUF_LOCKED);
	if (s->ops->option_changed != NULL)
		s->ops->option_changed(s, name);
	if (send)
		sock_wake(s, SOCK_WRITE_EVENTS);
	return 0;
}

/* A timeout: none for zero, none waited for below. */
static int
set_timeout(struct sock *s, int name, const void *value, uint32_t len)
{
	struct timeval_user tv;
	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	nsec_t t = DEADLINE_NEVER;
	if (tv.sec < 0) {
		t = 0;
	} else if (tv.sec != 0 || tv.usec != 0) {
		struct timespec_user ts = {.sec = tv.sec, .nsec = tv.usec * 1000};
		t = timespec_to_ns(&ts);
		if (t >= INT64_MAX)
			t = DEADLINE_NEVER;
	}
	spin_lock_bh(&s->lock);
	if (name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW)
		s->rcvtimeo = t;
	else
		s->sndtimeo = t;
	spin_unlock_bh(&s->lock);
	return 0;
}

static int
set_linger(struct sock *s, const void *value, uint32_t len)
{
	struct linger_user l;
	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, value, sizeof(l));
	spin_lock_bh(&s->lock);
	if (l.onoff != 0)
		s->linger_s = (uint32_t)max(l.linger, 0);
	spin_unlock_bh(&s->lock);
	set_bits(s, l.onoff != 0 ? SOCK_OPT_LINGER : 0, SOCK_OPT_LINGER);
	return 0;
}

/*
 * A rate in bytes a second; all ones: none. TCP paces by it; datagrams are remembered to have one, and go at once, as on
 * Linux under any queueing discipline but fq. 0 is remembered too, and paces nothing.
 */
static int
set_pacing(struct sock *s, const void *value, uint32_t len)
{
	uint64_t rate;
	uint32_t narrow;
	if (len >= sizeof(rate)) {
		memcpy(&rate, value, sizeof(rate));
	} else {
		memcpy(&narrow, value, sizeof(narrow));
		rate = narrow == UINT32_MAX ? UINT64_MAX : narrow;
	}
	spin_lock_bh(&s->lock);
	s->pacing_rate = rate;
	spin_unlock_bh(&s->lock);
	if (s->ops->option_changed != NULL)
		s->ops->option_changed(s, SO_MAX_PACING_RATE);
	return 0;
}

/* What has an integer of its own. -ENOPROTOOPT: none of these. */
static int
set_number(struct sock *s, int name, int32_t v)
{
	switch (name) {
	case SO_SNDBUF:
	case SO_RCVBUF:
		return set_buffer(s, name, v, buffer_limit(s, name));
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!current_has_caps(CAP_NETADMIN))
			return -EPERM;
		return set_buffer(s, name, v, INT32_MAX);
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !current_has_caps(CAP_NETADMIN))
			return -EPERM;
		s->priority = (uint8_t)v;
		return 0;
	case SO_RCVLOWAT:
		s->rcvlowat = v < 0 ? INT32_MAX : v == 0 ? 1 : (uint32_t)v;
		if (s->ops->option_changed != NULL)
			s->ops->option_changed(s, name);
		return 0;
	case SO_MARK:
		if (!current_has_caps(CAP_NETADMIN))
			return -EPERM;
		s->mark = (uint32_t)v;
		return 0;
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
	case SO_SNDLOWAT:
		return -ENOPROTOOPT;
	default:
		return -ENOPROTOOPT;
	}
}

/* Options whose value the generic code does not know: the family's, asked before the length is judged. */
static int
set_family_option(struct sock *s, int name, const void *value, uint32_t len)
{
	switch (name) {
	case SO_ATTACH_FILTER:
	case SO_DETACH_FILTER:
	case SO_LOCK_FILTER: /* netlink's sockets run none */
		return s->family != AF_NETLINK ? sock_filter_option(s, name, value, len)
					       : -ENOPROTOOPT;
	case SO_BINDTODEVICE:
	case SO_BINDTOIFINDEX:
	case SO_TIMESTAMPING:
	case SO_INCOMING_CPU:
	case SO_BUSY_POLL:
		return s->ops->setsockopt(s, SOL_SOCKET, name, value, len);
	default:
		return 1;
	}
}

int
sock_set_option(struct sock *s, int name, const void *value, uint32_t len)
{
	int err = set_family_option(s, name, value, len);
	if (err <= 0)
		return err;
	int32_t v;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	uint32_t bit = option_bit(name);
	if (bit != 0)
		return set_flag(s, name, bit, v != 0);
	switch (name) {
	case SO_LINGER:
		return set_linger(s, value, len);
	case SO_MAX_PACING_RATE:
		return set_pacing(s, value, len);
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
		return set_timeout(s, name, value, len);
	default:
		return set_number(s, name, v);
	}
}

static int
get_timeout(void *value, uint32_t *len, nsec_t t)
{
	struct timeval_user tv = {0};
	if (t != DEADLINE_NEVER) {
		tv.sec = (int64_t)(t / NSEC_PER_SEC);
		tv.usec = (int64_t)(t % NSEC_PER_SEC / 1000);
	}
	return sock_answer(value, len, &tv, sizeof(tv));
}

static int
get_pacing(struct sock *s, void *value, uint32_t *len)
{
	spin_lock_bh(&s->lock);
	uint64_t rate = s->pacing_rate;
	spin_unlock_bh(&s->lock);
	if (*len >= sizeof(rate))
		return sock_answer(value, len, &rate, sizeof(rate));
	uint32_t narrow = (uint32_t)min(rate, (uint64_t)UINT32_MAX);
	return sock_answer(value, len, &narrow, sizeof(narrow));
}

/* Options with an integer's answer. -ENOPROTOOPT: none of these. */
static int
get_number(struct sock *s, int name, int32_t *v)
{
	switch (name) {
	case SO_LOCK_FILTER:
		*v = (atomic_load_explicit(&s->opts, memory_order_relaxed) &
			     SOCK_OPT_FILTER_LOCKED) != 0;
		return 0;
	case SO_TYPE:
		*v = s->type;
		return 0;
	case SO_DOMAIN:
		*v = s->family;
		return 0;
	case SO_PROTOCOL:
		*v = s->protocol;
		return 0;
	case SO_ERROR:
		*v = -sock_take_error(s);
		return 0;
	case SO_SNDBUF:
		*v = (int32_t)s->sndbuf;
		return 0;
	case SO_RCVBUF:
		*v = (int32_t)s->rcvbuf;
		return 0;
	case SO_PRIORITY:
		*v = s->priority;
		return 0;
	case SO_RCVLOWAT:
		*v = (int32_t)s->rcvlowat;
		return 0;
	case SO_SNDLOWAT:
		*v = 1;
		return 0;
	case SO_MARK:
		*v = (int32_t)s->mark;
		return 0;
	case SO_ACCEPTCONN:
		*v = s->ops->is_listening != NULL && s->ops->is_listening(s);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

void
sock_put_timestamp(const struct sock *s, nsec_t stamp, struct cmsg_buffer *out)
{
	uint32_t opts = atomic_load_explicit((_Atomic uint32_t *)&s->opts, memory_order_relaxed);
	int64_t t[2] = {(int64_t)(stamp / NSEC_PER_SEC), (int64_t)(stamp % NSEC_PER_SEC)};
	if (stamp == 0 || (opts & SOCK_OPT_TIMESTAMPS) == 0)
		return;
	int name = opts & SOCK_OPT_TIMESTAMP    ? SO_TIMESTAMP
		: opts & SOCK_OPT_TIMESTAMPNS   ? SO_TIMESTAMPNS
		: opts & SOCK_OPT_TIMESTAMP_NEW ? SO_TIMESTAMP_NEW
						: SO_TIMESTAMPNS_NEW;
	if (opts & (SOCK_OPT_TIMESTAMP | SOCK_OPT_TIMESTAMP_NEW))
		t[1] /= 1000;
	cmsg_put(out, SOL_SOCKET, name, t, sizeof(t));
}

void
sock_get_memory(struct sock *s, uint32_t out[SK_MEMINFO_VARS])
{
	memset(out, 0, SK_MEMINFO_VARS * sizeof(out[0]));
	spin_lock_bh(&s->lock);
	out[SK_MEMINFO_RMEM_ALLOC] = s->rcv_used;
	out[SK_MEMINFO_RCVBUF] = s->rcvbuf;
	out[SK_MEMINFO_WMEM_ALLOC] = s->family == AF_UNIX
		? unix_outstanding(container_of(s, struct unix_sock, s))
		: sock_in_flight(s);
	out[SK_MEMINFO_SNDBUF] = s->sndbuf;
	out[SK_MEMINFO_WMEM_QUEUED] = s->snd_used;
	spin_unlock_bh(&s->lock);
}

int
sock_get_option(struct sock *s, int name, void *value, uint32_t *len)
{
	uint32_t bit = option_bit(name);
	int32_t v;
	if (bit != 0) {
		v = (atomic_load_explicit(&s->opts, memory_order_relaxed) & bit) != 0;
		return sock_answer(value, len, &v, sizeof(v));
	}
	switch (name) {
	case SO_LINGER: {
		struct linger_user l = {
			.onoff = (atomic_load_explicit(&s->opts, memory_order_relaxed) &
					 SOCK_OPT_LINGER) != 0,
			.linger = (int32_t)s->linger_s,
		};
		return sock_answer(value, len, &l, sizeof(l));
	}
	case SO_MAX_PACING_RATE:
		return get_pacing(s, value, len);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return get_timeout(value, len, s->rcvtimeo);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return get_timeout(value, len, s->sndtimeo);
	case SO_MEMINFO: {
		uint32_t memory[SK_MEMINFO_VARS];
		sock_get_memory(s, memory);
		return sock_answer(value, len, memory, sizeof(memory));
	}
	case SO_PEERCRED: {
		struct ucred_user none = {.pid = 0, .uid = UINT32_MAX, .gid = UINT32_MAX};
		if (s->family == AF_UNIX)
			unix_get_peercred(s, &none);
		return sock_answer(value, len, &none, sizeof(none));
	}
	case SO_PEERNAME: {
		struct sock_addr a;
		if (s->ops->getname(s, true, &a) != 0)
			return -ENOTCONN;
		if (a.len < *len)
			return -EINVAL;
		return sock_answer(value, len, a.bytes, a.len);
	}
	default:
		break;
	}
	int err = get_number(s, name, &v);
	if (err == 0)
		return sock_answer(value, len, &v, sizeof(v));
	return s->ops->getsockopt(s, SOL_SOCKET, name, value, len);
}
