/* SPDX-License-Identifier: MIT */
/*
 * AF_NETLINK: how programs configure and watch the network (NETLINK_ROUTE), and list its sockets (NETLINK_SOCK_DIAG).
 *
 * The other end is always the kernel: a send runs the requests that it carries, in the sender's context, and puts the
 * answers on the socket's own queue. Long answers (dumps) are made a piece at a time, as the reader reads. What is
 * changed, by whomever, is told to the sockets that joined the group.
 *
 * Locks: struct sock's read_lock, then netlink_sock.dump_lock (sleeping), then net_stack.config_lock; then
 * netlink_stack.lock, then netlink_sock.lock, both spin locks with bottom halves off: neighbours change in softirq.
 */
#ifndef NET_SOCK_NETLINK_NETLINK_H
#define NET_SOCK_NETLINK_NETLINK_H

#include "abi/linux/rtnetlink.h"
#include "net/ip/ip.h"
#include "net/link/netif.h"
#include "net/sock/netlink/message.h"
#include "net/sock/sock.h"

#define NL_GROUPS    64u    /* that a socket may join; those that nobody sends to are silent */
#define NL_PIECE_MIN 3776u  /* of a dump: what readers with a page as their buffer take */
#define NL_PIECE_MAX 32768u /* what Linux sends at most */

/* Kinds of things whose changes make a dump of them inconsistent. */
enum nl_thing { NL_LINKS, NL_ADDRS, NL_ROUTES, NL_NEIGHS, NL_SOCKETS, NL_THINGS };

/* The request that is being run, so that what it changes is told in its name. */
struct nl_cause {
	struct netlink_sock *sock; /* NULL: nobody's */
	uint32_t seq, pid;
	bool echo; /* NLM_F_ECHO */
};

struct netlink_stack {
	struct net_stack *net; /* [I] */
	struct spinlock lock;
	struct list_node sockets;            /* [lock] */
	_Atomic uint64_t groups;             /* those that somebody joined; written under lock */
	_Atomic uint32_t changes[NL_THINGS]; /* counts them */
	struct nl_cause cause;               /* [config_lock] */
	struct netif_listener netif_listener;
	struct ip_listener ip_listener;
};

/* Options. */
#define NL_OPT_CAP_ACK    1u
#define NL_OPT_EXT_ACK    2u
#define NL_OPT_STRICT     4u
#define NL_OPT_NO_ENOBUFS 8u
#define NL_OPT_PKTINFO    16u

struct nl_message { /* on a queue */
	struct nl_message *next;
	uint32_t len, size; /* bytes of data used, allocated */
	uint32_t group;     /* 0: an answer */
	_Alignas(8) uint8_t data[];
};

struct netlink_sock {
	struct sock s;
	struct netlink_stack *stack; /* [I] */
	struct list_node node;       /* [stack lock] */
	_Atomic uint32_t
		portid; /* 0: not bound yet; then it stays. Written under the stack's lock */
	_Atomic uint64_t groups;  /* bit n - 1; written under the stack's lock */
	_Atomic uint32_t options; /* NL_OPT_* */
	struct spinlock lock;
	struct nl_message *first, *last; /* [lock] */
	uint32_t used;                   /* [lock] bytes of the queue's memory */
	_Atomic uint32_t drops;          /* messages that were lost for want of room or memory */
	bool overrun;          /* [lock] something was lost since the queue was last empty */
	_Atomic uint32_t room; /* the largest buffer that a reader came with */
	uint32_t dst_portid, dst_groups; /* [dump_lock] of connect() */
	struct mutex dump_lock;
	struct nl_dump *dump; /* [dump_lock] NULL: none is under way */
};

static inline struct netlink_sock *
netlink_of(struct sock *s)
{
	return container_of(s, struct netlink_sock, s);
}

static inline uint32_t
netlink_portid(struct netlink_sock *nl)
{
	return atomic_load_explicit(&nl->portid, memory_order_relaxed);
}

static inline bool
netlink_has(struct netlink_sock *nl, uint32_t option)
{
	return (atomic_load_explicit(&nl->options, memory_order_relaxed) & option) != 0;
}

/* --- queue.c --- */

/* A message with room for size bytes of data; NULL: out of memory. Any context (flags: KM_*). */
struct nl_message *nl_message_alloc(
	struct net_stack *net, uint32_t size, uint32_t flags) MUST_CHECK;
void nl_message_free(struct net_stack *net, struct nl_message *m);
/* Takes over m; or loses it, because the queue is full, and says so to the reader. */
void nl_queue_add(struct netlink_sock *nl, struct nl_message *m);
/* Something for the reader could not even be made. */
void nl_queue_lost(struct netlink_sock *nl);
struct nl_message *nl_queue_take(struct netlink_sock *nl, bool peek); /* NULL: empty */
bool nl_queue_is_empty(struct netlink_sock *nl);
void nl_queue_purge(struct netlink_sock *nl);
/* Whether the queue has room for a further piece of a dump. */
bool nl_queue_wants_more(struct netlink_sock *nl);

static inline bool
nl_group_is_heard(struct netlink_stack *st, uint32_t group)
{
	return (atomic_load_explicit(&st->groups, memory_order_relaxed) >> (group - 1) & 1) != 0;
}
/* Copies a message to all who joined the group, and (cause with echo) to who asked. Any context. cause may be NULL. */
void nl_broadcast(struct netlink_stack *st, uint32_t group, const struct nl_buf *message,
	const struct nl_cause *cause);

/* --- request.c --- */

/* What a handler gets: the request, and how to answer it. */
struct nl_call {
	struct netlink_sock *nl;
	struct net_stack *net;
	const struct nl_request *request;
	struct nl_extack extack;
};

/* Runs the messages of n bytes. May sleep. */
void nl_run(struct netlink_sock *nl, const uint8_t *bytes, uint32_t n);
/* The header of an answer to a call. */
struct nlmsghdr nl_answer_header(const struct nl_call *c, uint16_t type);
/* Queues what b holds as an answer; -ENOBUFS: out of memory. */
int nl_answer(const struct nl_call *c, const struct nl_buf *b) MUST_CHECK;
#define NL_ANSWER_MAX 2048u /* one message of any kind but an acknowledgement */

/* Handlers of route requests: 0 or -errno; what changes things runs under config_lock. */
int nl_link_get(struct nl_call *c);
int nl_link_set(struct nl_call *c);
int nl_addr_new(struct nl_call *c);
int nl_addr_del(struct nl_call *c);
int nl_route_get(struct nl_call *c);
int nl_route_new(struct nl_call *c);
int nl_route_del(struct nl_call *c);
int nl_neigh_get(struct nl_call *c);
int nl_neigh_new(struct nl_call *c);
int nl_neigh_del(struct nl_call *c);

/* --- dump.c --- */

struct nl_dump {
	struct nlmsghdr header; /* of each message; type and flags are set */
	struct nl_dump_request want;
	/* Fills b from the cursor on, under config_lock; true: that was all. */
	bool (*fill)(struct nl_dump *d, struct nl_buf *b);
	struct net_stack *net;
	enum nl_thing thing;
	uint32_t changes; /* of thing, when the piece before was made */
	bool interrupted, filled;
	/* Where to go on. */
	uint32_t family_index, ifindex, index;
	struct fib_cursor route;
	uint64_t extra[6]; /* NETLINK_SOCK_DIAG's */
};

/* Begins a dump; -EBUSY while another is under way. Takes over d on success. */
int nl_dump_start(struct netlink_sock *nl, struct nl_dump *d) MUST_CHECK;
int nl_route_dump(struct nl_call *c);
/* Makes the next piece, if there is a dump and room for it. 0 or -ENOBUFS. May sleep. */
int nl_dump_continue(struct netlink_sock *nl);
void nl_dump_end(struct netlink_sock *nl);
/* Whether a dump has more to say. */
bool nl_dump_is_running(struct netlink_sock *nl);

bool nl_fill_links(struct nl_dump *d, struct nl_buf *b);
bool nl_fill_links6(struct nl_dump *d, struct nl_buf *b);
bool nl_fill_addrs(struct nl_dump *d, struct nl_buf *b);
bool nl_fill_routes(struct nl_dump *d, struct nl_buf *b);
bool nl_fill_neighs(struct nl_dump *d, struct nl_buf *b);

/* Which of the families a dump asks for is next: NL_AF_INET, NL_AF_INET6, 0: none. */
uint8_t nl_dump_family(const struct nl_dump *d);

/* --- Things as messages: link.c, addr.c, route.c, neigh.c. Under config_lock (neighbours: any context). --- */

void nl_describe_link(struct netif *nif, bool stats, struct nl_link_info *out);
void nl_describe_addr(const struct ip_addr *a, struct nl_addr_info *out);
void nl_describe_route(const struct fib_spec *s, struct nl_route_info *out);
struct neigh_info;
void nl_describe_neigh(const struct neigh_info *info, struct nl_neigh_entry *out);

/* The interface that a request means by number; NULL and -ENODEV. Under config_lock. */
int nl_find_netif(struct nl_call *c, uint32_t ifindex, struct netif **out) MUST_CHECK;

/* --- notify.c --- */
void nl_notify_init(struct netlink_stack *st);

/* --- diag.c --- */
int nl_diag_request(struct nl_call *c);

/* --- socket.c --- */

/* A stack's part; from net_stack_create(), before its first interface. */
int netlink_stack_init(struct net_stack *net) MUST_CHECK;
void netlink_boot(void);
/* For /proc/net/netlink: fn for every socket, under the stack's lock; fn may not sleep. */
void netlink_for_each(
	struct net_stack *net, void (*fn)(struct netlink_sock *nl, void *ctx), void *ctx);

#endif
