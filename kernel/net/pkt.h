/* SPDX-License-Identifier: MIT */
/*
 * Packets: a descriptor with room for headers and a little data, followed by references to pieces of pages. Bytes
 * [0, len) of a packet are its linear part (head[head_off ..]), then its fragments in order.
 *
 * A packet has one owner, who passes it on or drops it; it is on at most one queue, linked by next. What may have
 * several holders are the pages: each fragment holds a reference (page_get()). A clone is a new descriptor with a
 * copy of the linear part that shares the fragments; shared pages are never written. Retransmission, taps, multicast
 * and loopback use clones.
 *
 * No locks: the owner's. Any context may allocate (PKT_ATOMIC is implied: never sleeps) and free.
 * Under the host's tests the same files run over a mock of struct page (tests/unit/net_mock).
 */
#ifndef NET_PKT_H
#define NET_PKT_H

#include "core/types.h"

struct net_stack;
struct netif;
struct page;
struct sock;

/* Ethernet, IPv6 with no extension header or IPv4 with options, TCP with options, aligned; virtio's header before it. */
#define PKT_HEADROOM 144u
/* Payload up to this is copied into the linear part, so that a byte does not pin a page. */
#define PKT_COPY_MAX 192u
#define PKT_HEAD     (PKT_HEADROOM + PKT_COPY_MAX)
#define PKT_FRAGS    18u    /* 64 KiB that begins anywhere in a page, and one more */
#define PKT_LEN_MAX  65535u /* IP's own limit: IPv4's header is counted, IPv6's is not */

struct pkt_frag {
	struct page *page; /* referenced */
	uint32_t offset;   /* may exceed a page only within one compound block */
	uint32_t len;
};

enum pkt_csum {
	PKT_CSUM_NONE, /* in: not checked yet. out: complete */
	PKT_CSUM_GOOD, /* in: the device (or loopback) vouches for the transport checksum */
	PKT_CSUM_PARTIAL, /* out: csum_start and csum_offset say what is to be completed; the field holds the pseudo sum */
};

enum pkt_gso {
	PKT_GSO_NONE,
	PKT_GSO_TCP4,
	PKT_GSO_TCP6,
	PKT_GSO_UDP, /* UDP_SEGMENT; either version */
};

#define PKT_BROADCAST 1u   /* link-level: to all */
#define PKT_MULTICAST 2u   /* link-level: to a group */
#define PKT_OTHERHOST 4u   /* link-level: to somebody else (a tap sees it, IP does not) */
#define PKT_LOOPBACK  8u   /* came over the loopback interface */
#define PKT_TSO_ECN   16u  /* TCP segmentation: CWR on the first segment only */
#define PKT_OUTGOING  32u  /* seen by a tap on its way out */
#define PKT_CE        64u  /* the IP header said "congestion experienced" */
#define PKT_FRAGMENT  128u /* IPv6: it had a fragment header, also one that stood alone */

struct pkt {
	struct pkt *next; /* [owner] on its queue */
	struct netif *
		netif; /* in: where it came from; out: where it goes. Valid inside the softirq or epoch */
	uint32_t len;      /* bytes in all */
	uint32_t truesize; /* bytes of memory it holds: descriptor, fragment array, whole pages */
	uint32_t hash;     /* of its flow; 0: none yet */
	uint16_t head_off, head_len; /* the linear part: head[head_off .. head_off + head_len) */
	uint16_t link_off, net_off,
		transport_off; /* in head[]: where each header begins, once known */
	uint16_t csum_start,
		csum_offset; /* PKT_CSUM_PARTIAL: in head[]; from csum_start on, store at + csum_offset */
	uint16_t gso_size,
		gso_segs;   /* payload bytes of each segment; segments (0: to be computed) */
	uint16_t ethertype; /* host byte order */
	uint8_t csum;       /* enum pkt_csum */
	uint8_t gso;        /* enum pkt_gso */
	uint8_t flags;      /* PKT_* */
	uint8_t tos;        /* in: IP TOS or traffic class */
	uint8_t ttl;        /* in: TTL or hop limit */
	uint8_t protocol;   /* in: transport protocol */
	uint8_t nr_frags, max_frags;
	/*
	 * out: the socket that it is sent for, or NULL; it exists while its sender is at it, and once the packet was charged
	 * to it (charge != 0, pkt_hold()) until that is undone.
	 */
	struct sock *owner;
	uint32_t charge; /* bytes that it is charged with */
	nsec_t tstamp; /* in: when it was received, if somebody asked (realtime); out: departure time, 0: now */
	union { /* whoever has it now */
		struct {
			uint32_t seq, end_seq; /* TCP's receive queues */
			uint32_t consumed;     /* bytes of it that were read */
		} tcp;
		struct {
			uint16_t
				remote_port; /* UDP's receive queue; addresses are in the headers */
		} udp;
		uint64_t words[6];
	} cb;
	struct pkt_frag *
		frags; /* inline_frags, or an array of PKT_FRAGS; what follows is not copied as it is */
	struct pkt_frag inline_frags[2];
	uint8_t head[PKT_HEAD];
};

struct pkt_queue {
	struct pkt *first, *last;
	uint32_t count;
	uint32_t truesize; /* sum */
};

void pkt_init(void); /* boot */

/* An empty packet with the linear part at PKT_HEADROOM. NULL: out of memory (counted by the caller). */
struct pkt *pkt_alloc(void) MUST_CHECK;
/* A packet that shares p's pages, without owner. NULL: out of memory. */
struct pkt *pkt_clone(const struct pkt *p) MUST_CHECK;
/* Done with it, it was delivered (not lost). NULL is nothing. */
void pkt_free(struct pkt *p);

/* Charge and discharge of a packet's owner (sock/charge.c). Any context but under locks that waking up takes. */
void pkt_charge_owner(struct pkt *p);
void pkt_uncharge_owner(struct pkt *p);

/* It is going to wait, in a neighbour's or a device's queue: whoever sent it is charged until it is freed. */
static inline void
pkt_hold(struct pkt *p)
{
	if (p->owner != NULL && p->charge == 0)
		pkt_charge_owner(p);
}

/* It is nobody's any more: it has arrived. */
static inline void
pkt_orphan(struct pkt *p)
{
	if (unlikely(p->charge != 0))
		pkt_uncharge_owner(p);
	p->owner = NULL;
}

/* The linear part. */
static inline uint8_t *
pkt_data(struct pkt *p)
{
	return p->head + p->head_off;
}

/* n more bytes in front of it; n must fit the headroom that is left. */
static inline uint8_t *
pkt_push(struct pkt *p, uint32_t n)
{
	p->head_off = (uint16_t)(p->head_off - n);
	p->head_len = (uint16_t)(p->head_len + n);
	p->len += n;
	return p->head + p->head_off;
}

/* n bytes fewer in front; n <= head_len. */
static inline void
pkt_pull(struct pkt *p, uint32_t n)
{
	p->head_off = (uint16_t)(p->head_off + n);
	p->head_len = (uint16_t)(p->head_len - n);
	p->len -= n;
}

static inline uint32_t
pkt_tailroom(const struct pkt *p)
{
	return p->nr_frags != 0 ? 0 : PKT_HEAD - p->head_off - p->head_len;
}

/* n more bytes at the linear part's end; only without fragments, n <= pkt_tailroom(). */
static inline uint8_t *
pkt_put(struct pkt *p, uint32_t n)
{
	uint8_t *at = p->head + p->head_off + p->head_len;
	p->head_len = (uint16_t)(p->head_len + n);
	p->len += n;
	return at;
}

/* Makes the first n bytes linear by copying them from fragments. false: it has fewer, or they do not fit head[]. */
bool pkt_pull_up(struct pkt *p, uint32_t n) MUST_CHECK;
/* Adds a piece of a page (takes over the caller's reference); false: PKT_FRAGS are there, or out of memory (not taken). */
bool pkt_add_frag(struct pkt *p, struct page *page, uint32_t offset, uint32_t len) MUST_CHECK;
/* Moves all bytes of from behind those of to (coalescing); false: no room, nothing was changed. from is then the caller's still. */
bool pkt_append(struct pkt *to, struct pkt *from) MUST_CHECK;
/* Cuts bytes off the end, or off the front beyond the linear part. */
void pkt_trim(struct pkt *p, uint32_t new_len);
void pkt_trim_front(struct pkt *p, uint32_t n);
/* Copies [offset, offset + n) of p to memory; the range must lie in the packet. */
void pkt_copy_out(const struct pkt *p, uint32_t offset, void *dst, uint32_t n);
/* The one's-complement sum (RFC 1071) of [offset, offset + n), folded to 16 bits, seeded with sum. */
uint16_t pkt_checksum(const struct pkt *p, uint32_t offset, uint32_t n, uint32_t sum);

/* The only way to lose a packet: counts the reason (enum net_counter, net/net.h) and frees it. */
void pkt_drop(struct net_stack *net, struct pkt *p, uint16_t reason);

static inline void
pkt_queue_init(struct pkt_queue *q)
{
	*q = (struct pkt_queue){0};
}

static inline void
pkt_queue_add(struct pkt_queue *q, struct pkt *p)
{
	p->next = NULL;
	if (q->last == NULL)
		q->first = p;
	else
		q->last->next = p;
	q->last = p;
	q->count++;
	q->truesize += p->truesize;
}

static inline struct pkt *
pkt_queue_take(struct pkt_queue *q)
{
	struct pkt *p = q->first;
	if (p != NULL) {
		q->first = p->next;
		if (q->first == NULL)
			q->last = NULL;
		q->count--;
		q->truesize -= p->truesize;
		p->next = NULL;
	}
	return p;
}

void pkt_queue_purge(struct pkt_queue *q);

#endif
