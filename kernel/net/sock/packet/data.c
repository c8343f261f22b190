/* SPDX-License-Identifier: MIT */
/* AF_PACKET: frames in and out. */
#include <string.h>

#include "core/wallclock.h"
#include "net/net.h"
#include "net/sock/cmsg.h"
#include "net/sock/packet/packet.h"
#include "net/sock/pktio.h"
#include "wire/ether.h"

#define TP_STATUS_USER         1u
#define TP_STATUS_CSUMNOTREADY 8u
#define TP_STATUS_CSUM_VALID   128u

/* What is kept about a frame in its cb while it is queued: the interface may have gone when it is read. */
struct frame_info {
	uint32_t unused, ifindex;
	uint32_t len; /* before it was cut */
	uint16_t hatype, ethertype;
	uint8_t pkttype, halen;
	uint8_t source[6];
	uint16_t net; /* where the network header is */
};
_Static_assert(sizeof(struct frame_info) <= sizeof(((struct pkt *)0)->cb), "fits the packet");

static uint8_t
pkttype_of(const struct pkt *p)
{
	if (p->flags & PKT_OUTGOING)
		return PACKET_OUTGOING;
	if (p->flags & PKT_OTHERHOST)
		return PACKET_OTHERHOST;
	if (p->flags & PKT_BROADCAST)
		return PACKET_BROADCAST;
	return (p->flags & PKT_MULTICAST) ? PACKET_MULTICAST : PACKET_HOST;
}

/* The copy that the socket keeps: from start on, cut to n bytes. NULL: out of memory. */
static struct pkt *
copy_for(const struct pkt *p, const struct netif *nif, uint32_t start, uint32_t n)
{
	struct pkt *c = pkt_clone(p);
	if (c == NULL)
		return NULL;
	struct frame_info info = {
		.ifindex = nif->index,
		.len = p->len - start,
		.hatype = nif->type,
		.ethertype = p->ethertype,
		.pkttype = pkttype_of(p),
		.halen = 6,
		.net = (uint16_t)(ETHER_HEADER - start),
	};
	memcpy(info.source, pkt_data(c) + 6, sizeof(info.source));
	memcpy(&c->cb, &info, sizeof(info));
	pkt_pull(c, start);
	if (n < c->len)
		pkt_trim(c, n);
	return c;
}

void
packet_see(struct netif_tap *tap, struct netif *nif, const struct pkt *p)
{
	struct packet_sock *ps = container_of(tap, struct packet_sock, tap);
	struct sock *s = &ps->s;
	uint32_t type = atomic_load_explicit(&ps->ethertype, memory_order_relaxed);
	bool out = (p->flags & PKT_OUTGOING) != 0;
	if ((type != ETH_P_ALL && (out || type != p->ethertype)) || p->head_len < ETHER_HEADER ||
		(out && atomic_load_explicit(&ps->ignore_outgoing, memory_order_relaxed)))
		return;
	uint32_t start = s->type == SOCK_DGRAM ? ETHER_HEADER : 0;
	uint32_t wanted = sock_filter_run(s, p, start);
	if (wanted == 0)
		return;
	bool kept = false;
	spin_lock_bh(&s->lock);
	struct pkt *c = NULL;
	if (!ps->closed && sock_refuses_rcv(s, p->truesize) == 0)
		c = copy_for(p, nif, start, wanted);
	ps->seen++;
	if (c != NULL) {
		if (c->tstamp == 0)
			c->tstamp = time_realtime();
		kept = sock_rxqueue_add(s, &ps->rx, c) == 0;
	}
	if (!kept)
		ps->lost++;
	spin_unlock_bh(&s->lock);
	if (kept)
		sock_wake(s, POLLIN | POLLRDNORM);
	else
		pkt_free(c); /* a copy: the frame itself goes on */
}

static void
put_cmsgs(struct packet_sock *ps, const struct pkt *p, const struct frame_info *info,
	struct cmsg_buffer *out)
{
	sock_put_timestamp(&ps->s, p->tstamp, out);
	if (!atomic_load_explicit(&ps->auxdata, memory_order_relaxed))
		return;
	struct tpacket_auxdata_user aux = {
		.status = TP_STATUS_USER |
			(p->csum == PKT_CSUM_PARTIAL               ? TP_STATUS_CSUMNOTREADY
					: p->csum == PKT_CSUM_GOOD ? TP_STATUS_CSUM_VALID
								   : 0),
		.len = info->len,
		.snaplen = p->len,
		.net = info->net,
	};
	cmsg_put(out, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
}

static void
describe(struct sock *s, const struct pkt *p, struct sock_msg *msg)
{
	struct frame_info info;
	memcpy(&info, &p->cb, sizeof(info));
	if (msg->addr != NULL) {
		struct sockaddr_ll ll = {
			.sll_family = AF_PACKET,
			.sll_protocol = __builtin_bswap16(info.ethertype),
			.sll_ifindex = (int32_t)info.ifindex,
			.sll_hatype = info.hatype,
			.sll_pkttype = info.pkttype,
			.sll_halen = info.halen,
		};
		memcpy(ll.sll_addr, info.source, sizeof(info.source));
		msg->addr->len = sizeof(ll);
		memcpy(msg->addr->bytes, &ll, sizeof(ll));
	}
	if (msg->cmsg != NULL)
		put_cmsgs(packet_of(s), p, &info, msg->cmsg);
}

ssize_t
packet_recv(struct sock *s, struct sock_msg *msg)
{
	if (msg->flags & (MSG_OOB | MSG_ERRQUEUE))
		return (msg->flags & MSG_OOB) ? -EINVAL : -EAGAIN;
	return sock_rxqueue_recv(s, &packet_of(s)->rx, msg, describe);
}

/* Where a frame goes: what the address says, else what the socket is bound to. */
struct target {
	uint32_t ifindex;
	uint16_t ethertype; /* host order */
	uint8_t mac[6];
};

static int
find_target(struct packet_sock *ps, const struct sock_msg *msg, struct target *t)
{
	struct net_stack *net = ps->s.net;
	*t = (struct target){
		.ethertype = (uint16_t)atomic_load_explicit(&ps->ethertype, memory_order_relaxed)};
	if (msg->addr != NULL && msg->addr->len != 0) {
		struct sockaddr_ll ll = {0};
		if (msg->addr->len < offsetof(struct sockaddr_ll, sll_addr) + 6)
			return -EINVAL;
		memcpy(&ll, msg->addr->bytes, min((size_t)msg->addr->len, sizeof(ll)));
		if (ll.sll_family != AF_PACKET && ll.sll_family != 0)
			return -EINVAL;
		t->ifindex = (uint32_t)ll.sll_ifindex;
		if (ll.sll_protocol != 0)
			t->ethertype = __builtin_bswap16(ll.sll_protocol);
		memcpy(t->mac, ll.sll_addr, sizeof(t->mac));
		return 0;
	}
	mutex_lock(&net->config_lock);
	t->ifindex = ps->netif != NULL ? ps->netif->index : 0;
	mutex_unlock(&net->config_lock);
	return 0;
}

/* Gives p its link header (SOCK_DGRAM) or finds it there, and sends it. p is taken. Bottom halves off. */
static int
transmit(struct packet_sock *ps, struct pkt *p, const struct target *t)
{
	struct netif *nif = netif_by_index(ps->s.net, t->ifindex);
	uint32_t header = ps->s.type == SOCK_RAW ? ETHER_HEADER : 0;
	int err = nif == NULL ? -ENXIO : 0;
	if (err == 0 && !(atomic_load_explicit(&nif->flags, memory_order_relaxed) & IFF_UP))
		err = -ENETDOWN;
	if (err == 0 && p->len > nif->mtu + header)
		err = -EMSGSIZE;
	if (err == 0 && header != 0 && p->head_len < header &&
		(p->len < header || !pkt_pull_up(p, header)))
		err = -EINVAL;
	if (err != 0) {
		pkt_free(p); /* never sent: an error is all that the sender gets */
		return err;
	}
	if (header == 0) {
		uint8_t *h = pkt_push(p, ETHER_HEADER);
		memcpy(h, t->mac, 6);
		memcpy(h + 6, nif->mac, 6);
		h[12] = (uint8_t)(t->ethertype >> 8);
		h[13] = (uint8_t)t->ethertype;
	}
	p->netif = nif;
	p->ethertype = ether_type(pkt_data(p));
	p->link_off = p->head_off;
	p->net_off = (uint16_t)(p->head_off + ETHER_HEADER);
	netif_transmit(nif, p);
	return 0;
}

ssize_t
packet_send(struct sock *s, struct sock_msg *msg)
{
	struct packet_sock *ps = packet_of(s);
	size_t n = msg->iter->count;
	struct target t;
	if (msg->flags & MSG_OOB)
		return -EINVAL;
	if (n > PKT_LEN_MAX)
		return -EMSGSIZE;
	int err = find_target(ps, msg, &t);
	if (err == 0)
		err = sock_take_error(s);
	if (err == 0)
		err = sock_wait_to_send(s, msg->flags);
	struct pkt *p;
	if (err == 0)
		err = pktio_make(msg->iter, (uint32_t)n, &p);
	if (err != 0)
		return err;
	p->owner = s;
	bh_disable();
	err = transmit(ps, p, &t);
	bh_enable();
	return err != 0 ? err : (ssize_t)n;
}
