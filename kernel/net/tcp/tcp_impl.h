/* SPDX-License-Identifier: MIT */
/*
 * What the files of TCP's glue share. The core (core.h) decides; the glue finds the connection of a segment, locks it,
 * keeps the bytes, sends what the core says, starts timers and wakes threads.
 *
 * A flow has one entry at a time in the table of connections: a half-open connection (struct tcp_half), a socket's
 * (struct tcp_sock), or what outlives it (struct tcp_tw). Look-up takes no lock: it happens inside an epoch, and
 * entries are freed a grace period after they have left the table. Who has found one locks it and looks again whether
 * it is still there (tcp_entry.hashed).
 *
 * Locks, outer to inner: tcp_sock.user_lock (sleeping; bind, connect, listen, send take turns), sock.lock, a listener's
 * lock, tcp_stack.port_lock, tcp_tw.lock, tcp_stack.table_lock. A child's sock.lock is not taken under its listener's lock.
 *
 * References of a tcp_sock: its file, the table of connections, a timer that is started, the queue of a listener.
 */
#ifndef NET_TCP_TCP_IMPL_H
#define NET_TCP_TCP_IMPL_H

#include "base/list.h"
#include "base/rbtree.h"
#include "core/epoch.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/timerwheel.h"
#include "kernel/net/tcp/core.h"
#include "net/hash.h"
#include "net/ip/ip.h"
#include "net/ip/reply_gate.h"
#include "net/net.h"
#include "net/pkt.h"
#include "net/sock/charge.h"
#include "net/sock/inet.h"
#include "net/tcp/tcp.h"

struct tcp_listener;

/* --- Tables: hash.c, port.c --- */

enum tcp_entry_kind { TCP_ENTRY_SOCK, TCP_ENTRY_HALF, TCP_ENTRY_TW };

struct tcp_entry {
	struct net_hash_node node; /* [table_lock, epoch] */
	struct net_flow flow;      /* [I while hashed] */
	uint8_t kind;              /* [I] enum tcp_entry_kind */
	bool hashed; /* [table_lock; whoever holds the entry's own lock may read it] */
};

/* tcp_owner.flags */
#define TCP_OWNER_REUSEADDR 1u
#define TCP_OWNER_REUSEPORT 2u
#define TCP_OWNER_IPV6      4u /* an AF_INET6 socket */
#define TCP_OWNER_V6ONLY    8u
#define TCP_OWNER_LISTENS   16u
#define TCP_OWNER_CHOSEN    32u /* connect() chose the port: others may have it too, to other peers */

/* A claim on a local port: what binding looks at. */
struct tcp_owner {
	struct list_node node;       /* [port_lock] tcp_port.owners */
	struct tcp_port *port;       /* [port_lock] NULL: it has none */
	const struct net_flow *flow; /* [I] its owner's: local address, port, interface */
	uint32_t uid;                /* [I] */
	uint32_t flags;              /* [port_lock] TCP_OWNER_* */
};

struct tcp_port {
	struct net_hash_node node; /* [port_lock] */
	struct epoch_head epoch;
	struct list_node owners; /* [port_lock] */
	uint32_t claimed;        /* [port_lock] owners without TCP_OWNER_CHOSEN */
	uint16_t number;         /* [I] network order */
};

struct tcp_stack {
	struct tcp_sysctl sysctl;
	struct spinlock table_lock;
	struct net_hash entries; /* [table_lock, epoch] by flow */
	struct spinlock port_lock;
	struct net_hash ports;         /* [port_lock] struct tcp_port by number */
	struct net_hash listeners;     /* [port_lock, epoch] struct tcp_sock by port */
	_Atomic uint32_t port_counter; /* RFC 6056, algorithm 3 */
	_Atomic uint32_t sockets, orphans, timewaits, halves;
	struct reply_gate reset_gate; /* resets for what no connection has */
	_Atomic nsec_t cookie_sent;   /* when a SYN cookie was sent last; 0: never */
};

/* Hashes a flow with the stack's key. */
uint32_t tcp_hash_flow(struct net_stack *net, const struct net_flow *flow);
/* The entry of a packet's flow, or NULL. Epoch. */
struct tcp_entry *tcp_find(struct net_stack *net, const struct net_flow *flow);
/* Puts e, whose flow is set, into the table. false: the flow has an entry. */
bool tcp_table_add(struct net_stack *net, struct tcp_entry *e) MUST_CHECK;
/* The same in the place of old, whose flow it has. false: old is no longer in the table. */
bool tcp_table_replace(
	struct net_stack *net, struct tcp_entry *old, struct tcp_entry *e) MUST_CHECK;
/* Takes e out; false: it was not in. */
bool tcp_table_remove(struct net_stack *net, struct tcp_entry *e);

void tcp_port_init_cache(void); /* boot */

/*
 * Claims a port (network order; 0: any free one, from a random place on) for o, as Linux decides about address reuse;
 * *flow (o's) gets local, local_port and ifindex. 0, -EADDRINUSE, -ENOMEM.
 */
int tcp_port_claim(struct net_stack *net, struct tcp_owner *o, struct net_flow *flow,
	const struct net_addr *local, uint16_t port, uint32_t ifindex) MUST_CHECK;
/* Whether an owner of a port may listen now; it does from then on. 0 or -EADDRINUSE. */
int tcp_port_listen(struct net_stack *net, struct tcp_owner *o) MUST_CHECK;
void tcp_port_unlisten(struct net_stack *net, struct tcp_owner *o);
/* o shares from's port: a child with its listener. Never fails: the port exists. */
void tcp_port_share(struct net_stack *net, struct tcp_owner *o, const struct tcp_owner *from);
/* o claims what from does, as from does: TIME_WAIT after a connection, whose socket may keep what bind() gave it. */
void tcp_port_inherit(struct net_stack *net, struct tcp_owner *o, const struct tcp_owner *from);
void tcp_port_release(struct net_stack *net, struct tcp_owner *o);
/* The same under port_lock, of an owner whose port is about to be claimed by somebody else. */
void tcp_port_unlink(struct tcp_owner *o);
/* Options that count for conflicts have changed. */
void tcp_port_set_flags(struct net_stack *net, struct tcp_owner *o, uint32_t flags);
/*
 * A local port for a connection to flow->remote, and e's place in the table, in one step: such that no two entries
 * have one flow. If o has a port already that one is used. A TIME_WAIT entry that may be reused gives way: *min_iss is
 * then what the ISN must be above, otherwise 0. 0, -EADDRNOTAVAIL (all are taken), -ENOMEM.
 */
int tcp_port_connect(struct net_stack *net, struct tcp_owner *o, struct tcp_entry *e,
	uint32_t *min_iss) MUST_CHECK;

/* --- Bytes to be sent: sendq.c --- */

#define TCP_CHUNK_SMALL 208u /* bytes that need no page */

/* A run of the stream. Bytes in small[] are copied into packets, pages are referenced. */
struct tcp_chunk {
	struct tcp_chunk *next;
	struct page *page; /* referenced; NULL: small */
	uint32_t seq;      /* of its first byte */
	uint32_t offset;   /* of that in the page, or in small */
	uint32_t len;
	uint32_t room;   /* bytes behind it that are ours to fill: the next ones written go there */
	uint32_t charge; /* bytes of memory */
	uint8_t small[]; /* TCP_CHUNK_SMALL, if page is NULL */
};

struct tcp_sendq {
	struct tcp_chunk *first, *last;
	struct tcp_chunk *hint; /* where new data was taken from last; NULL: start at first */
};

/* --- Sockets --- */

/* tcp_sock.connecting: what connect() is up to, apart from what the core's state says. */
enum tcp_call { TCP_CALL_NONE, TCP_CALL_CONNECTING, TCP_CALL_CONNECTED };

struct tcp_sock {
	struct inet_sock i;       /* first */
	struct tcp_entry e;       /* its flow is the socket's name too */
	struct tcp_owner owner;   /* its claim on e.flow.local_port */
	struct tcp_conn c;        /* [lock] */
	struct wheel_timer timer; /* [lock] started: it has a reference */
	nsec_t timer_at;          /* [lock] */
	struct epoch_head epoch;
	struct mutex user_lock;
	struct net_addr bound_local; /* [user_lock] what bind() said, or the unspecified address */
	struct tcp_sendq sendq;      /* [lock] */
	/* Received, in order. Readers, who hold read_lock, walk rcv_avail bytes of it without sock.lock. */
	struct pkt *rcv_first, *rcv_last; /* [lock to add; read_lock and lock to take] */
	_Atomic uint32_t rcv_avail; /* [lock to change] bytes from the first on that may be read */
	struct rb_root ooo;         /* [lock] out of order, by sequence number */
	struct tcp_listener *listener;    /* [lock] in TCP_LISTEN */
	struct net_hash_node listen_node; /* [port_lock, epoch] tcp_stack.listeners */
	struct tcp_sock *accept_next;     /* [listener's lock] */
	uint32_t path_mss;                /* [lock] tcp_env.mss */
	uint32_t ooo_used;                /* [lock] bytes of memory of what is in ooo */
	uint32_t notsent_lowat;           /* [lock] UINT32_MAX: the stack's */
	uint32_t window_clamp;            /* [lock] 0: none */
	uint32_t rcv_goal;                /* [lock] what rcvbuf is to shrink to; 0: it is not */
	int32_t linger2_s; /* [lock] FIN_WAIT2 for so long, 0: the stack's, below: not at all */
	uint16_t defer_accept_s; /* [lock] */
	uint8_t rcv_ratio;   /* [lock] payload of 256 bytes of memory that was received lately */
	uint8_t call;        /* [user_lock, lock to change] enum tcp_call */
	uint8_t urgent_byte; /* [lock] with TCPF_URG_HERE */
	bool urgent_valid;   /* [lock] it was not read yet */
	bool timer_started;  /* [lock] */
	bool bound_by_user;  /* [user_lock, lock] bind() chose the port: close() gives it back */
	/*
	 * [user_lock] It was in the table of connections or listeners since the last grace period: tcp_wait_for_readers()
	 * before it has another name or comes there anew, so that nobody reads the name meanwhile, has found it by its
	 * former one, or walks from one chain into another.
	 */
	bool was_found;
	bool no_space;       /* [lock] somebody waits for room to write */
	bool closed;         /* [lock] the file is gone */
	bool orphan_counted; /* [lock] */
};

static inline struct tcp_sock *
tcp_of(struct sock *s)
{
	return container_of(s, struct tcp_sock, i.s);
}

static inline uint8_t
tcp_state(const struct tcp_sock *t)
{
	return __atomic_load_n(&t->c.state, __ATOMIC_ACQUIRE);
}

extern const struct tcp_memory tcp_kernel_memory;

static inline struct tcp_env
tcp_env_of(const struct tcp_sock *t)
{
	return (struct tcp_env){
		.now = time_now(), .mss = t->path_mss, .memory = &tcp_kernel_memory};
}

/* Lets the lock go, once the stack's books say what the socket holds now. */
static inline void
tcp_unlock(struct sock *s) RELEASES(s->lock) NO_LOCK_ANALYSIS
{
	sock_account(s);
	spin_unlock_bh(&s->lock);
}

/* What is to be done once the lock is released: tcp_finish(). */
struct tcp_after {
	uint32_t wake;    /* POLL* */
	uint32_t puts;    /* references to be given back */
	struct pkt *free; /* packets, by next */
};

/* sock.c */
void tcp_sock_init(void);
int tcp_sock_create(struct net_stack *net, uint16_t family, struct sock **out);
/* A socket for a connection that a listener was asked for, with its options. NULL: out of memory. Softirq. */
struct tcp_sock *tcp_sock_for(struct tcp_sock *listener, const struct net_flow *flow);
/* The last reference: freed after a grace period. Any context. */
void tcp_sock_destroy(struct sock *s);
/* The core's defaults, as the stack's tunables say. lock held, or nobody else has it. */
void tcp_sock_init_conn(struct tcp_sock *t);

/* connect.c */
int tcp_sock_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags);

/* close.c */
int tcp_sock_shutdown(struct sock *s, int how);
void tcp_sock_close(struct sock *s);
/* Ends a connection without a file, in disorder: nobody will accept it. Its reference is given back. Softirq. */
void tcp_abandon(struct tcp_sock *t);

/* act.c: the core's actions, the timer. lock held. */
void tcp_act(struct tcp_sock *t, const struct tcp_env *env, const struct tcp_actions *act,
	struct tcp_after *after);
/* Sends what the core has for the network. lock held. */
void tcp_push(struct tcp_sock *t, const struct tcp_env *env);
/* Starts the timer if the core's deadline is before the one that it is started for. lock held. */
void tcp_timer_update(struct tcp_sock *t);
void tcp_timer_fn(struct wheel_timer *w);
/* Without the lock. */
void tcp_finish(struct tcp_sock *t, struct tcp_after *after);
/* What the socket ends with when its connection does: out of the table, port given back. lock held. */
void tcp_sock_end(struct tcp_sock *t, struct tcp_after *after);

/* sendq.c. lock held unless said otherwise. */
void tcp_sendq_init_cache(void);
struct tcp_chunk *tcp_chunk_alloc_small(uint32_t flags) MUST_CHECK;
/* Takes over a reference to the page. NULL: out of memory (not taken over). */
struct tcp_chunk *tcp_chunk_alloc_page(
	struct page *page, uint32_t offset, uint32_t len, uint32_t charge) MUST_CHECK;
void tcp_chunk_free(struct tcp_chunk *ch);
/* Adds ch at seq; the charge is the caller's. */
void tcp_sendq_add(struct tcp_sendq *q, struct tcp_chunk *ch, uint32_t seq);
/* Frees n bytes at the front; returns the memory that was given back. */
uint32_t tcp_sendq_ack(struct tcp_sendq *q, uint32_t n);
uint32_t tcp_sendq_purge(struct tcp_sendq *q);
/* Adds [seq, seq + n) of the queue to p. false: out of memory. */
bool tcp_sendq_fill(struct tcp_sendq *q, struct pkt *p, uint32_t seq, uint32_t n) MUST_CHECK;

/* send.c */
ssize_t tcp_send(struct sock *s, struct sock_msg *msg);
ssize_t tcp_send_pages(
	struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags);
bool tcp_is_writable(const struct tcp_sock *t);
/* The send buffer follows the congestion window, down only where that became far smaller. lock held. */
void tcp_fit_sndbuf(struct tcp_sock *t);

/* recvq.c: what was received. lock held. */
/* Puts [offset, offset + len) of p's payload at the end of the queue. p is taken over. */
void tcp_recvq_add(
	struct tcp_sock *t, struct pkt *p, uint32_t offset, uint32_t len, struct tcp_after *after);
/* Keeps it out of order; its first byte's sequence number is seq. p is taken over. */
void tcp_recvq_keep(struct tcp_sock *t, struct pkt *p, uint32_t seq, uint32_t offset, uint32_t len,
	struct tcp_after *after);
/* Moves what is no longer out of order, up to end, behind the queue, which ends at *at. */
void tcp_recvq_advance(struct tcp_sock *t, uint32_t at, uint32_t end, struct tcp_after *after);
/* Whether a segment of so much memory may be kept; makes room if need be. */
bool tcp_recvq_admit(struct tcp_sock *t, const struct tcp_env *env, const struct pkt *p);
/* Tells the core of the room that there is. */
void tcp_recvq_update_space(struct tcp_sock *t);
void tcp_recvq_purge(struct tcp_sock *t);
/* The buffer should hold so much payload: it grows at once, and shrinks as the window that was offered is used up. */
void tcp_recvq_fit(struct tcp_sock *t, uint32_t payload);
/* Takes n bytes that were read off the front. read_lock held too. */
void tcp_recvq_consume(struct tcp_sock *t, uint32_t n, struct tcp_after *after);
/* Bytes of a queued packet that were read. read_lock held, not the lock. */
uint32_t tcp_recvq_consumed(struct pkt *p);
/* What memory holds in payload, from a segment that came. */
void tcp_recvq_learn_ratio(struct tcp_sock *t, const struct pkt *p);

/* recv.c */
ssize_t tcp_recv(struct sock *s, struct sock_msg *msg);

/* rx.c */
void tcp_rx(struct netif *nif, struct pkt *p);
void tcp_rx_error(struct net_stack *net, const struct ip_error *e);
/* A segment for a connection, its payload in p (taken over). Softirq, no lock held. false: t left the table. */
bool tcp_rx_sock(struct tcp_sock *t, const struct tcp_segment *seg, struct pkt *p);

/* tx.c */
/* A segment of t's connection. lock held. */
void tcp_tx(struct tcp_sock *t, const struct tcp_segment *seg);
/* One without a connection: to flow->remote. */
void tcp_tx_reply(
	struct net_stack *net, const struct net_flow *flow, struct tcp_segment *seg, uint8_t tos);
/* The answer to a segment that does not fit what it is for. */
void tcp_tx_reset(
	struct net_stack *net, const struct net_flow *flow, const struct tcp_segment *seg);
/*
 * The answer to a segment that belongs to no connection. A connection that is refused, which begins with a SYN, always
 * hears of it. Else resets are limited, such that forged segments do not have the machine work for nothing: a peer whose
 * connection is gone sends again what was not answered. (RFC 9293, 3.10.7.1 wants one each time; OpenBSD and FreeBSD
 * bound them, too.)
 */
void tcp_tx_refuse(
	struct net_stack *net, const struct net_flow *flow, const struct tcp_segment *seg);
/* The largest segment's payload and options on a path. */
uint32_t tcp_path_mss_of(uint32_t mtu, bool v4);
/* Resolves t's way to its peer, and takes its MTU. 0 or -errno of route_resolve(). lock held. */
int tcp_tx_route(struct tcp_sock *t);

/* secret.c: what nobody can guess. */
uint32_t tcp_secret_isn(struct net_stack *net, const struct net_flow *flow);
uint32_t tcp_secret_ts_offset(struct net_stack *net, const struct net_flow *flow);
uint32_t tcp_secret_port(struct net_stack *net, const struct net_flow *flow);

/*
 * connect.c: a grace period, if readers of the tables may know of t, which is in none any more. user_lock held, no spin
 * lock; sleeps.
 */
void tcp_wait_for_readers(struct tcp_sock *t);

/* listen.c */
struct tcp_half;
int tcp_listen(struct sock *s, int backlog);
int tcp_accept(struct sock *s, uint32_t flags, struct sock **out);
/* The listener for a packet's flow. Epoch. NULL: none. */
struct tcp_sock *tcp_find_listener(struct net_stack *net, const struct net_flow *flow);
/* Connections that wait to be accepted; racy. */
uint32_t tcp_listener_ready(const struct tcp_sock *t);
uint32_t tcp_listener_backlog(const struct tcp_sock *t);
/* Stops listening: pending connections go to another listener of the same group, or end. user_lock held. */
void tcp_listener_stop(struct tcp_sock *t);
/*
 * Segments for a listener, and for a half-open connection. p is taken over, unless they return false: it has stopped
 * listening, or has left the table. min_iss 0: any ISN. Softirq.
 */
bool tcp_rx_listener(struct tcp_sock *t, const struct net_flow *flow, const struct tcp_segment *seg,
	struct pkt *p, uint32_t min_iss) MUST_CHECK;
bool tcp_rx_half(struct tcp_half *h, const struct tcp_segment *seg, struct pkt *p) MUST_CHECK;
/* An ICMP error about its SYN-ACK ends it. */
void tcp_half_error(struct tcp_half *h, uint32_t seq);
void tcp_half_row(const struct tcp_entry *e, struct tcp_row *row);

/* timewait.c */
struct tcp_tw;
void tcp_tw_init_cache(void);
/* Replaces t's entry by one in TIME_WAIT (or FIN_WAIT2). false: there is no room, the entry stays. lock held. */
bool tcp_tw_begin(struct tcp_sock *t, const struct tcp_env *env);
enum tcp_tw_result { TCP_TW_DONE, TCP_TW_GONE, TCP_TW_NEW_SYN };
/* p is taken over but for GONE and NEW_SYN (then the entry has left the table). */
enum tcp_tw_result tcp_rx_tw(struct tcp_entry *e, const struct net_flow *flow,
	const struct tcp_segment *seg, struct pkt *p, uint32_t *min_iss);
/* Takes a TIME_WAIT entry out for a new connection of ours, if that may be (RFC 6191). Under port_lock. */
bool tcp_tw_reuse(struct net_stack *net, struct tcp_entry *e, uint32_t *min_iss);
void tcp_tw_row(const struct tcp_entry *e, struct tcp_row *row);

/* options.c, info.c */
int tcp_setsockopt(struct sock *s, int level, int name, const void *value, uint32_t len);
int tcp_getsockopt(struct sock *s, int level, int name, void *value, uint32_t *len);
void tcp_option_changed(struct sock *s, int name);
/* What a user chose for a connection, for another that is initialised and closed. */
void tcp_options_copy(struct tcp_conn *to, const struct tcp_conn *from);
/* What a child has of its listener. */
void tcp_options_inherit(struct tcp_sock *child, const struct tcp_sock *listener);
/* TCP_OWNER_* as the socket's options say. */
uint32_t tcp_owner_flags(const struct tcp_sock *t);

#endif
