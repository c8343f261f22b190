/* SPDX-License-Identifier: MIT */
/*
 * What waits for a socket's reader. The queue takes messages until their memory exceeds rcvbuf; what comes then is
 * lost, and the reader learns that by one ENOBUFS, unless it said that it does not want to.
 */
#include <string.h>

#include "core/softirq.h"
#include "mm/slab.h"
#include "net/sock/charge.h"
#include "net/sock/netlink/netlink.h"

static uint32_t
true_size(uint32_t size)
{
	return (uint32_t)sizeof(struct nl_message) + size;
}

struct nl_message *
nl_message_alloc(struct net_stack *net, uint32_t size, uint32_t flags)
{
	if (net_memory_is_short(net))
		return NULL;
	struct nl_message *m = kmalloc(true_size(size), flags);
	if (m == NULL)
		return NULL;
	net_memory_add(net, true_size(size));
	m->next = NULL;
	m->len = 0;
	m->size = size;
	m->group = 0;
	return m;
}

void
nl_message_free(struct net_stack *net, struct nl_message *m)
{
	net_memory_add(net, -(int64_t)true_size(m->size));
	kfree(m);
}

void
nl_queue_lost(struct netlink_sock *nl)
{
	atomic_fetch_add_explicit(&nl->drops, 1, memory_order_relaxed);
	spin_lock_bh(&nl->lock);
	bool tell = !nl->overrun;
	nl->overrun = true;
	spin_unlock_bh(&nl->lock);
	if (!tell || netlink_has(nl, NL_OPT_NO_ENOBUFS))
		return;
	bh_disable();
	sock_set_error(&nl->s, ENOBUFS);
	bh_enable();
}

void
nl_queue_add(struct netlink_sock *nl, struct nl_message *m)
{
	spin_lock_bh(&nl->lock);
	bool room = nl->used <= __atomic_load_n(&nl->s.rcvbuf, __ATOMIC_RELAXED);
	if (room) {
		if (nl->first == NULL)
			nl->first = m;
		else
			nl->last->next = m;
		nl->last = m;
		nl->used += true_size(m->size);
	}
	spin_unlock_bh(&nl->lock);
	if (room) {
		sock_wake(&nl->s, POLLIN | POLLRDNORM);
		return;
	}
	nl_message_free(nl->s.net, m);
	nl_queue_lost(nl);
}

struct nl_message *
nl_queue_take(struct netlink_sock *nl, bool peek)
{
	spin_lock_bh(&nl->lock);
	struct nl_message *m = nl->first;
	if (m != NULL && !peek) {
		nl->first = m->next;
		nl->used -= true_size(m->size);
		if (nl->first == NULL)
			nl->overrun = false;
		m->next = NULL;
	}
	spin_unlock_bh(&nl->lock);
	return m;
}

bool
nl_queue_is_empty(struct netlink_sock *nl)
{
	return __atomic_load_n(&nl->first, __ATOMIC_ACQUIRE) == NULL;
}

bool
nl_queue_wants_more(struct netlink_sock *nl)
{
	spin_lock_bh(&nl->lock);
	bool more = nl->used <= __atomic_load_n(&nl->s.rcvbuf, __ATOMIC_RELAXED) / 2;
	spin_unlock_bh(&nl->lock);
	return more;
}

void
nl_queue_purge(struct netlink_sock *nl)
{
	for (struct nl_message *m; (m = nl_queue_take(nl, false)) != NULL;)
		nl_message_free(nl->s.net, m);
}

static void
copy_to(struct netlink_sock *nl, uint32_t group, const struct nl_buf *b)
{
	struct nl_message *m = nl_message_alloc(nl->s.net, b->len, KM_ATOMIC);
	if (m == NULL) {
		nl_queue_lost(nl);
		return;
	}
	memcpy(m->data, b->data, b->len);
	m->len = b->len;
	m->group = group;
	nl_queue_add(nl, m);
}

void
nl_broadcast(struct netlink_stack *st, uint32_t group, const struct nl_buf *b,
	const struct nl_cause *cause)
{
	const struct netlink_sock *asker = cause != NULL && cause->echo ? cause->sock : NULL;
	struct netlink_sock *nl;
	if (!nl_group_is_heard(st, group) && asker == NULL)
		return;
	spin_lock_bh(&st->lock);
	list_for_each_entry (nl, &st->sockets, node) {
		uint64_t groups = atomic_load_explicit(&nl->groups, memory_order_relaxed);
		bool joined = nl->s.protocol == NETLINK_ROUTE && (groups >> (group - 1) & 1) != 0;
		if (joined || nl == asker)
			copy_to(nl, joined ? group : 0, b);
	}
	spin_unlock_bh(&st->lock);
}
