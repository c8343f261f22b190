/* SPDX-License-Identifier: MIT */
#include "net/ip/frag.h"

#include <string.h>

#include "core/softirq.h"
#include "core/timer.h"
#include "crypto/siphash.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip/frag_core.h"
#include "net/ip/internal.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define FRAG_TIME4       (30 * NSEC_PER_SEC)
#define FRAG_TIME6       (60 * NSEC_PER_SEC) /* RFC 8200, 4.5 */
#define FRAG_SOURCES     256u
#define FRAG_SOURCE_PART 4u /* a source may hold this part of the stack's bound */
#define FRAG_QUEUES_MAX  4096u

struct frag_key {
	struct net_addr src, dst;
	uint32_t id;
	uint32_t ifindex; /* link-local sources mean an interface's */
	uint8_t protocol; /* IPv4; of IPv6 the first fragment decides (RFC 8200) */
};

struct frag_queue {
	struct net_hash_node node;
	struct list_node age; /* by version, oldest first */
	struct frag_key key;
	struct frag_list list;
	struct pkt *
		first; /* the fragment at offset 0, whose headers the whole gets; it is on the list too */
	struct netif *netif; /* where that came from, referenced */
	uint32_t source;     /* slot of frag_table.sources */
	uint32_t bytes;      /* true sizes */
	nsec_t expires;
	uint8_t ecn; /* bits 1 << (tos & 3) that were seen */
	bool v4;
};

struct frag_table {
	struct net_stack *net;
	struct spinlock lock; /* all below */
	struct net_hash hash; /* no reader without the lock */
	struct list_node age[2];
	uint64_t bytes;
	uint32_t sources[FRAG_SOURCES]; /* bytes held, by keyed hash of the source */
	struct wheel_timer sweep;
};

/* A fragment's place is kept in its packet. */
struct frag_piece {
	struct frag_range range;
	struct pkt *pkt;
};
_Static_assert(sizeof(struct frag_piece) <= sizeof(((struct pkt *)0)->cb), "pkt.cb");

static struct frag_piece *
piece_of(struct pkt *p)
{
	return (struct frag_piece *)&p->cb;
}

static struct pkt *
pkt_of(struct frag_range *r)
{
	return container_of(r, struct frag_piece, range)->pkt;
}

/* --- Queues --- */

/* Takes a queue out of the table; its packets are the caller's then. */
static void
unlink_queue(struct frag_table *t, struct frag_queue *q)
{
	net_hash_remove(&t->hash, &q->node);
	list_del(&q->age);
	t->bytes -= q->bytes;
	t->sources[q->source] -= q->bytes;
}

static void
queue_free(struct frag_queue *q)
{
	if (q->netif != NULL)
		netif_put(q->netif);
	kfree(q);
}

static void
drop_pieces(struct net_stack *net, struct frag_queue *q, uint16_t reason)
{
	for (struct frag_range *r = q->list.first, *next; r != NULL; r = next) {
		next = r->next;
		pkt_drop(net, pkt_of(r), reason);
	}
	net_count(net, NET_IP_REASM_FAILS);
	queue_free(q);
}

/* Drops q and its packets. */
static void
void_queue(struct frag_table *t, struct frag_queue *q, uint16_t reason)
{
	unlink_queue(t, q);
	drop_pieces(t->net, q, reason);
}

static void
start_sweep(struct frag_table *t)
{
	nsec_t first = DEADLINE_NEVER;
	for (uint32_t i = 0; i < 2; i++) {
		if (!list_empty(&t->age[i])) {
			struct frag_queue *q = list_first_entry(&t->age[i], struct frag_queue, age);
			first = min(first, q->expires);
		}
	}
	if (first != DEADLINE_NEVER)
		wheel_start(&t->sweep, first);
}

/* The oldest queue whose time is up, off the table; NULL: none. */
static struct frag_queue *
take_expired(struct frag_table *t, nsec_t now)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (list_empty(&t->age[i]))
			continue;
		struct frag_queue *q = list_first_entry(&t->age[i], struct frag_queue, age);
		if (q->expires > now)
			continue;
		unlink_queue(t, q);
		return q;
	}
	return NULL;
}

static void
tell_timeout(const struct frag_queue *q)
{
	if (q->first == NULL)
		return;
	if (q->v4)
		icmp4_send_error(q->first, ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_TIME, 0);
	else
		icmp6_send_error(q->first, ICMP6_TIME_EXCEEDED, ICMP_REASSEMBLY_TIME, 0);
}

static void
sweep(struct wheel_timer *timer)
{
	struct frag_table *t = container_of(timer, struct frag_table, sweep);
	nsec_t now = time_now();
	for (;;) {
		spin_lock_bh(&t->lock);
		struct frag_queue *q = take_expired(t, now);
		if (q == NULL)
			start_sweep(t);
		spin_unlock_bh(&t->lock);
		if (q == NULL)
			return;
		tell_timeout(q);
		drop_pieces(t->net, q, NET_DROP_FRAG_TIMEOUT);
	}
}

static uint32_t
hash_of(struct net_stack *net, const struct frag_key *k)
{
	uint64_t words[6] = {k->src.d[0], k->src.d[1], k->dst.d[0], k->dst.d[1],
		(uint64_t)k->id << 32 | k->ifindex, k->protocol};
	return (uint32_t)siphash_words(net->secrets.hash, words, 6);
}

static bool
key_equal(const struct frag_key *a, const struct frag_key *b)
{
	return net_addr_equal(&a->src, &b->src) && net_addr_equal(&a->dst, &b->dst) &&
		a->id == b->id && a->ifindex == b->ifindex && a->protocol == b->protocol;
}

static struct frag_queue *
find_queue(struct frag_table *t, const struct frag_key *k, uint32_t hash)
{
	const struct net_hash_buckets *b = net_hash_read(&t->hash);
	net_hash_for_chain(b, n, hash)
	{
		struct frag_queue *q = container_of(n, struct frag_queue, node);
		if (key_equal(&q->key, k))
			return q;
	}
	return NULL;
}

static struct frag_queue *
make_queue(struct frag_table *t, const struct frag_key *k, uint32_t hash, bool v4)
{
	struct frag_queue *q = kmalloc(sizeof(*q), KM_ATOMIC | KM_ZERO);
	if (q == NULL)
		return NULL;
	q->key = *k;
	q->v4 = v4;
	q->source = (uint32_t)siphash_words(t->net->secrets.hash, k->src.d, 2) % FRAG_SOURCES;
	q->expires = time_now() + (v4 ? FRAG_TIME4 : FRAG_TIME6);
	net_hash_add(&t->hash, &q->node, hash);
	list_add_tail(&t->age[v4], &q->age);
	if (!wheel_is_queued(&t->sweep))
		start_sweep(t);
	return q;
}

/* Makes room for a packet of truesize by voiding old datagrams; false: its source has its share already. */
static bool
make_room(struct frag_table *t, const struct frag_queue *keep, uint32_t truesize)
{
	uint64_t high = atomic_load_explicit(&t->net->ip4->sysctl.frag_high, memory_order_relaxed);
	if (t->sources[keep->source] + (uint64_t)truesize > high / FRAG_SOURCE_PART)
		return false;
	while (t->bytes + truesize > high || t->hash.count > FRAG_QUEUES_MAX) {
		struct frag_queue *oldest = NULL;
		for (uint32_t i = 0; i < 2; i++) {
			if (list_empty(&t->age[i]))
				continue;
			struct frag_queue *q = list_first_entry(&t->age[i], struct frag_queue, age);
			if (q != keep && (oldest == NULL || q->expires < oldest->expires))
				oldest = q;
		}
		if (oldest == NULL)
			return false;
		void_queue(t, oldest, NET_DROP_FRAG_MEMORY);
	}
	return true;
}

/* --- Putting together --- */

/* Pages for what lies in the packets that follow on, by copying: there are more pieces than a packet takes. */
static bool
append_copies(struct pkt *to, struct frag_range *rest)
{
	struct page *page = NULL;
	uint32_t used = PAGE_SIZE;
	for (struct frag_range *r = rest; r != NULL; r = r->next) {
		const struct pkt *p = pkt_of(r);
		for (uint32_t at = 0, n; at < p->len; at += n) {
			if (used == PAGE_SIZE) {
				page = page_alloc(0, PAGE_ATOMIC, PAGE_KERNEL);
				used = 0;
			}
			if (page == NULL)
				return false;
			n = min((uint32_t)PAGE_SIZE - used, p->len - at);
			pkt_copy_out(p, at, (uint8_t *)page_to_virt(page) + used, n);
			if (used != 0)
				page_get(page);
			if (!pkt_add_frag(to, page, used, n)) {
				page_put(page);
				return false;
			}
			used += n;
		}
	}
	return true;
}

static uint32_t
count_frags(const struct frag_range *r)
{
	uint32_t n = 0;
	for (; r != NULL; r = r->next) {
		const struct pkt *p = pkt_of((struct frag_range *)r);
		n += p->nr_frags + (p->head_len != 0);
	}
	return n;
}

/* Joins the pieces to the first. NULL: out of memory, and they are gone. */
static struct pkt *
join(struct net_stack *net, struct frag_queue *q)
{
	struct pkt *whole = pkt_of(q->list.first);
	struct frag_range *rest = q->list.first->next, *next;
	bool by_copy = whole->nr_frags + count_frags(rest) > PKT_FRAGS, good = true;
	if (by_copy)
		good = append_copies(whole, rest);
	for (; rest != NULL; rest = next) {
		struct pkt *p = pkt_of(rest);
		next = rest->next;
		if (by_copy || !good || !pkt_append(whole, p)) {
			good = good && by_copy;
			pkt_free(p);
		}
	}
	if (!good) {
		net_count(net, NET_IP_REASM_FAILS);
		pkt_drop(net, whole, NET_DROP_NO_MEMORY);
		return NULL;
	}
	whole->csum = PKT_CSUM_NONE;
	net_count(net, NET_IP_REASM_OKS);
	return whole;
}

/* ECN of the whole (RFC 3168, 5.3): CE wins; a mix of ECT and not-ECT is no datagram. */
static bool
merge_ecn(const struct frag_queue *q, uint8_t *ecn)
{
	bool not_ect = (q->ecn & 1) != 0;
	if (not_ect && (q->ecn & ~1u) != 0)
		return false;
	*ecn = (q->ecn & 8) != 0 ? 3 : (q->ecn & 4) != 0 ? 2 : (q->ecn & 2) != 0 ? 1 : 0;
	return true;
}

/* What one fragment says. */
struct fragment {
	struct frag_key key;
	uint32_t start; /* of the payload */
	uint32_t
		header_len; /* bytes in front of the payload: IP header, and of IPv6 up to the fragment header's end */
	bool more, v4;
};

/* Under the lock: adds p (data at the payload). The finished queue, off the table; or NULL, p dropped or kept. */
static struct frag_queue *
add(struct frag_table *t, struct pkt *p, const struct fragment *f)
{
	struct net_stack *net = t->net;
	uint32_t hash = hash_of(net, &f->key);
	struct frag_queue *q = find_queue(t, &f->key, hash);
	if (q == NULL)
		q = make_queue(t, &f->key, hash, f->v4);
	if (q == NULL || !make_room(t, q, p->truesize)) {
		if (q != NULL && q->list.count == 0)
			void_queue(t, q, NET_DROP_FRAG_MEMORY);
		pkt_drop(net, p, q == NULL ? NET_DROP_NO_MEMORY : NET_DROP_FRAG_MEMORY);
		return NULL;
	}
	struct frag_piece *piece = piece_of(p);
	piece->range = (struct frag_range){.start = f->start, .end = f->start + p->len};
	piece->pkt = p;
	uint8_t tos = p->tos;
	enum frag_verdict v = frag_add(&q->list, &piece->range, f->more);
	if (v == FRAG_DUPLICATE || v == FRAG_VOID) {
		pkt_drop(net, p, v == FRAG_VOID ? NET_DROP_FRAG_OVERLAP : NET_DROP_FRAG_DUPLICATE);
		if (v == FRAG_VOID)
			void_queue(t, q, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	q->bytes += p->truesize;
	t->bytes += p->truesize;
	t->sources[q->source] += p->truesize;
	q->ecn |= (uint8_t)(1u << (tos & 3));
	if (f->start == 0) {
		q->first = p;
		q->netif = netif_get(p->netif);
	}
	if (v != FRAG_COMPLETE)
		return NULL;
	unlink_queue(t, q);
	return q;
}

/* *ecn: of the whole. */
static struct pkt *
reassemble(struct netif *nif, struct pkt *p, const struct fragment *f, uint8_t *ecn)
{
	struct frag_table *t = nif->net->frags;
	net_count(nif->net, NET_IP_REASM_REQDS);
	pkt_pull(p, f->header_len);
	uint32_t uncounted = f->v4 ? 0 : IP6_HEADER + IP6_FRAGMENT_HEADER;
	if (f->start + p->len + f->header_len - uncounted > PKT_LEN_MAX) {
		pkt_drop(nif->net, p, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	spin_lock_bh(&t->lock);
	struct frag_queue *q = add(t, p, f);
	spin_unlock_bh(&t->lock);
	if (q == NULL)
		return NULL;
	if (!merge_ecn(q, ecn)) {
		drop_pieces(nif->net, q, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	struct pkt *whole = join(nif->net, q);
	queue_free(q);
	if (whole != NULL)
		whole->netif = nif; /* that of the first may be gone by now */
	return whole;
}

/* --- IPv4 --- */

struct pkt *
ip4_reassemble(struct netif *nif, struct pkt *p, const struct ip4_header *h)
{
	/* RFC 1858: TCP's flags in a second fragment of the first eight bytes are nobody's honest work. */
	if (h->protocol == IPPROTO_TCP && h->offset == 8) {
		pkt_drop(nif->net, p, NET_DROP_FRAG_TINY);
		return NULL;
	}
	struct fragment f = {.key = {.src = net_addr_v4(h->src),
				     .dst = net_addr_v4(h->dst),
				     .id = h->id,
				     .protocol = h->protocol},
		.start = h->offset,
		.header_len = h->header_len,
		.more = h->more,
		.v4 = true};
	uint8_t ecn;
	p = reassemble(nif, p, &f, &ecn);
	if (p == NULL)
		return NULL;
	uint32_t header_len = (p->head[p->net_off] & 15u) * 4;
	uint8_t *at = pkt_push(p, (uint32_t)p->head_off - p->net_off);
	if (p->len > PKT_LEN_MAX) {
		pkt_drop(nif->net, p, NET_DROP_FRAG_OVERLAP);
		return NULL;
	}
	at[1] = (uint8_t)((at[1] & ~3) | ecn);
	at[IP4_AT_TOTAL_LEN] = (uint8_t)(p->len >> 8);
	at[IP4_AT_TOTAL_LEN + 1] = (uint8_t)p->len;
	at[IP4_AT_FRAGMENT] = at[IP4_AT_FRAGMENT + 1] = 0;
	uint16_t sum = ip4_checksum(at, header_len);
	memcpy(at + IP4_AT_CHECKSUM, &sum, 2);
	p->tos = at[1];
	p->flags = (uint8_t)((p->flags & ~PKT_CE) | (ecn == 3 ? PKT_CE : 0));
	return p;
}

/* --- IPv6 --- */

/* The first fragment has all headers (RFC 7112): the transport's own included, of those that are known here. */
static bool
has_header_chain(const struct pkt *p, const struct ip6_walk *w)
{
	uint8_t copy[256], protocol;
	uint32_t n = min(p->len, (uint32_t)sizeof(copy));
	pkt_copy_out(p, 0, copy, n);
	size_t transport = ip6_find_transport(copy, n, &protocol);
	uint32_t least = protocol == IPPROTO_TCP                        ? 20
		: protocol == IPPROTO_UDP || protocol == IPPROTO_ICMPV6 ? 8
									: 0;
	(void)w;
	return transport != 0 && transport + least <= p->len;
}

static uint16_t
check_fragment6(const struct pkt *p, const struct ip6_walk *w)
{
	uint32_t payload = p->len - w->transport;
	if (payload == 0 || (w->fragment.more && payload % 8 != 0))
		return NET_DROP_IP_HEADER;
	return w->fragment.offset == 0 && !has_header_chain(p, w) ? NET_DROP_FRAG_TINY : 0;
}

struct pkt *
ip6_reassemble(struct netif *nif, struct pkt *p, const struct ip6_walk *w)
{
	uint16_t reason = check_fragment6(p, w);
	if (reason != 0) {
		if (reason == NET_DROP_IP_HEADER) /* RFC 8200, 4.5: at the payload length field */
			icmp6_send_error(p, ICMP6_PARAMETER, ICMP6_BAD_FIELD, IP6_AT_PAYLOAD_LEN);
		pkt_drop(nif->net, p, reason);
		return NULL;
	}
	struct fragment f = {.start = w->fragment.offset,
		.header_len = w->transport,
		.more = w->fragment.more,
		.key = {.id = w->fragment.id}};
	memcpy(&f.key.src, pkt_data(p) + IP6_AT_SOURCE, 16);
	memcpy(&f.key.dst, pkt_data(p) + IP6_AT_DEST, 16);
	if (net_addr_is_link_local(&f.key.src))
		f.key.ifindex = nif->index;
	uint8_t ecn;
	p = reassemble(nif, p, &f, &ecn);
	if (p == NULL)
		return NULL;
	/* The first fragment's headers, without the fragment header (RFC 8200, 4.5). */
	struct ip6_walk first;
	uint32_t headers = (uint32_t)p->head_off - p->net_off;
	uint8_t *at = pkt_push(p, headers);
	if (ip6_walk(at, headers, &first) != IP6_OK || first.fragment_at == 0 ||
		p->len - IP6_FRAGMENT_HEADER - IP6_HEADER > PKT_LEN_MAX) {
		pkt_drop(nif->net, p, NET_DROP_IP_HEADER);
		return NULL;
	}
	at[first.fragment_next_at] = at[first.fragment_at];
	memmove(at + IP6_FRAGMENT_HEADER, at, first.fragment_at);
	pkt_pull(p, IP6_FRAGMENT_HEADER);
	at = pkt_data(p);
	p->net_off = p->head_off;
	at[1] = (uint8_t)((at[1] & ~0x30) | ecn << 4);
	at[IP6_AT_PAYLOAD_LEN] = (uint8_t)((p->len - IP6_HEADER) >> 8);
	at[IP6_AT_PAYLOAD_LEN + 1] = (uint8_t)(p->len - IP6_HEADER);
	p->tos = (uint8_t)((p->tos & ~3) | ecn);
	return p;
}

void
frag_get_usage(struct net_stack *net, uint64_t *bytes, uint32_t *datagrams)
{
	spin_lock_bh(&net->frags->lock);
	*bytes = net->frags->bytes;
	*datagrams = net->frags->hash.count;
	spin_unlock_bh(&net->frags->lock);
}

int
frag_stack_init(struct net_stack *net)
{
	struct frag_table *t = kzalloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->net = net;
	net->frags = t;
	spin_init(&t->lock, "frag_table");
	list_init(&t->age[0]);
	list_init(&t->age[1]);
	wheel_timer_init(&t->sweep, sweep);
	return net_hash_init(&t->hash, 16, FRAG_QUEUES_MAX);
}
