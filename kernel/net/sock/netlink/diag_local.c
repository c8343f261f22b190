/* SPDX-License-Identifier: MIT */
/* NETLINK_SOCK_DIAG: the sockets of families that no address of the internet names: AF_UNIX, AF_PACKET, AF_NETLINK. */
#include <string.h>

#include "abi/linux/sock_diag.h"
#include "core/sched.h"
#include "net/sock/netlink/diag.h"
#include "net/sock/packet/packet.h"
#include "net/sock/unix/unix.h"
#include "net/tcp/core.h"

/* Who waits to be accepted that is told of one listener; the others are still counted. */
#define WAITING_MAX 256u

/* --- AF_UNIX --- */

/* A socket in TCP's numbers, as the states of all families are asked for. */
static uint8_t
unix_diag_state(const struct unix_sock *u)
{
	uint32_t state = unix_state(u);
	if (state == UNIX_LISTENING)
		return TCP_LISTEN;
	return state == UNIX_CONNECTED || unix_peer(u) != NULL ? TCP_ESTABLISHED : TCP_CLOSE;
}

/*
 * [u's lock] The inode numbers of who waits to be accepted. One that waits keeps its peer until it is taken off the
 * queue, which takes the lock.
 */
static void
put_waiting(struct nl_buf *b, const struct unix_sock *u)
{
	uint32_t n = 0, at = nl_nest(b, UNIX_DIAG_ICONS);
	for (const struct unix_sock *w = u->waiting; w != NULL && n < WAITING_MAX; n++) {
		const struct unix_sock *peer = unix_peer(w);
		uint32_t ino = peer != NULL ? (uint32_t)peer->s.ino : 0;
		nl_put_raw(b, &ino, sizeof(ino));
		w = w->next_waiting;
	}
	nl_nest_end(b, at);
}

static void
put_unix_queues(const struct diag_walk *w, struct unix_sock *u)
{
	struct nl_buf *b = w->b;
	struct unix_diag_rqlen queues = {.udiag_rqueue = unix_readable(u)};
	spin_lock(&u->s.lock);
	const struct unix_sock *peer = unix_peer(u);
	if (diag_shows(w, UDIAG_SHOW_PEER) && peer != NULL)
		nl_put_u32(b, UNIX_DIAG_PEER, (uint32_t)peer->s.ino);
	if (unix_state(u) != UNIX_LISTENING) {
		queues.udiag_wqueue = unix_outstanding(u);
	} else {
		queues = (struct unix_diag_rqlen){u->nr_waiting, u->backlog};
		if (diag_shows(w, UDIAG_SHOW_ICONS) && u->waiting != NULL)
			put_waiting(b, u);
	}
	spin_unlock(&u->s.lock);
	if (diag_shows(w, UDIAG_SHOW_RQLEN))
		nl_put(b, UNIX_DIAG_RQLEN, &queues, sizeof(queues));
}

static bool
encode_unix(const struct diag_walk *w, struct unix_sock *u, uint8_t state)
{
	struct nl_buf *b = w->b;
	struct unix_diag_msg m = {.udiag_family = AF_UNIX,
		.udiag_type = (uint8_t)u->s.type,
		.udiag_state = state,
		.udiag_ino = (uint32_t)u->s.ino,
		.udiag_cookie = {(uint32_t)u->s.ino, (uint32_t)(u->s.ino >> 32)}};
	const struct unix_addr *a =
		atomic_load_explicit((struct unix_addr * _Atomic *)&u->addr, memory_order_acquire);
	uint32_t at = nl_begin(b, &w->d->header, &m, sizeof(m));
	if (diag_shows(w, UDIAG_SHOW_NAME) && a != NULL && a->len > UNIX_ADDR_MIN)
		nl_put(b, UNIX_DIAG_NAME, a->bytes + UNIX_ADDR_MIN, a->len - UNIX_ADDR_MIN);
	put_unix_queues(w, u);
	if (diag_shows(w, UDIAG_SHOW_MEMINFO))
		diag_put_memory(b, UNIX_DIAG_MEMINFO, &u->s);
	if (diag_shows(w, UDIAG_SHOW_UID))
		nl_put_u32(b, UNIX_DIAG_UID, u->s.uid);
	nl_put_u8(b, UNIX_DIAG_SHUTDOWN, unix_shut(u));
	return nl_end(b, at);
}

bool
diag_fill_unix(struct nl_dump *d, struct nl_buf *b)
{
	struct diag_walk w = {.d = d, .b = b};
	struct unix_sock *u = NULL;
	while ((u = unix_next(d->net, u)) != NULL) {
		uint8_t state = unix_diag_state(u);
		if (diag_next(&w, u->s.uid, state))
			diag_told(&w, encode_unix(&w, u, state));
		if (w.full) {
			unix_put(u);
			break;
		}
		sched_point();
	}
	return !w.full;
}

/* --- AF_PACKET --- */

static bool
encode_packet(const struct diag_walk *w, struct packet_sock *ps)
{
	struct nl_buf *b = w->b;
	struct packet_diag_msg m = {.pdiag_family = AF_PACKET,
		.pdiag_type = (uint8_t)ps->s.type,
		.pdiag_num = (uint16_t)atomic_load_explicit(&ps->ethertype, memory_order_relaxed),
		.pdiag_ino = (uint32_t)ps->s.ino,
		.pdiag_cookie = {(uint32_t)ps->s.ino, (uint32_t)(ps->s.ino >> 32)}};
	uint32_t at = nl_begin(b, &w->d->header, &m, sizeof(m));
	if (diag_shows(w, PACKET_SHOW_INFO)) {
		struct packet_diag_info info = {
			.pdi_index = ps->netif != NULL ? ps->netif->index : 0};
		nl_put(b, PACKET_DIAG_INFO, &info, sizeof(info));
		nl_put_u32(b, PACKET_DIAG_UID, ps->s.uid);
	}
	if (diag_shows(w, PACKET_SHOW_MEMINFO))
		diag_put_memory(b, PACKET_DIAG_MEMINFO, &ps->s);
	return nl_end(b, at);
}

/* Under config_lock, as all fills. */
bool
diag_fill_packet(struct nl_dump *d, struct nl_buf *b)
{
	struct diag_walk w = {.d = d, .b = b};
	struct packet_sock *ps;
	list_for_each_entry (ps, &d->net->packet_socks, node) {
		if (diag_next(&w, ps->s.uid, TCP_CLOSE))
			diag_told(&w, encode_packet(&w, ps));
	}
	return !w.full;
}

/* --- AF_NETLINK --- */

static bool
encode_netlink(const struct diag_walk *w, struct netlink_sock *nl)
{
	struct nl_buf *b = w->b;
	uint64_t groups = atomic_load_explicit(&nl->groups, memory_order_relaxed);
	struct netlink_diag_msg m = {.ndiag_family = AF_NETLINK,
		.ndiag_type = (uint8_t)nl->s.type,
		.ndiag_protocol = (uint8_t)nl->s.protocol,
		.ndiag_portid = netlink_portid(nl),
		.ndiag_dst_portid = __atomic_load_n(&nl->dst_portid, __ATOMIC_RELAXED),
		.ndiag_dst_group = __atomic_load_n(&nl->dst_groups, __ATOMIC_RELAXED),
		.ndiag_ino = (uint32_t)nl->s.ino,
		.ndiag_cookie = {(uint32_t)nl->s.ino, (uint32_t)(nl->s.ino >> 32)}};
	uint32_t at = nl_begin(b, &w->d->header, &m, sizeof(m));
	if (diag_shows(w, NDIAG_SHOW_GROUPS) && groups != 0)
		nl_put(b, NETLINK_DIAG_GROUPS, &groups, sizeof(groups));
	if (diag_shows(w, NDIAG_SHOW_MEMINFO)) {
		/* The sockets' list is locked: no socket's lock may be taken here. */
		uint32_t v[SK_MEMINFO_VARS] = {
			[SK_MEMINFO_RMEM_ALLOC] = __atomic_load_n(&nl->used, __ATOMIC_RELAXED),
			[SK_MEMINFO_RCVBUF] = __atomic_load_n(&nl->s.rcvbuf, __ATOMIC_RELAXED),
			[SK_MEMINFO_SNDBUF] = __atomic_load_n(&nl->s.sndbuf, __ATOMIC_RELAXED),
			[SK_MEMINFO_DROPS] =
				atomic_load_explicit(&nl->drops, memory_order_relaxed)};
		nl_put(b, NETLINK_DIAG_MEMINFO, v, sizeof(v));
	}
	return nl_end(b, at);
}

static void
tell_netlink(struct netlink_sock *nl, void *ctx)
{
	struct diag_walk *w = ctx;
	uint64_t protocol = w->d->extra[DIAG_PROTOCOL];
	if (!diag_next(w, nl->s.uid, TCP_CLOSE))
		return;
	bool wanted = protocol == NDIAG_PROTO_ALL || protocol == nl->s.protocol;
	diag_told(w, !wanted || encode_netlink(w, nl));
}

bool
diag_fill_netlink(struct nl_dump *d, struct nl_buf *b)
{
	struct diag_walk w = {.d = d, .b = b};
	netlink_for_each(d->net, tell_netlink, &w);
	return !w.full;
}
