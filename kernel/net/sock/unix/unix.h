/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX: sockets between processes of one machine; streams, datagrams, sequenced packets.
 *
 * A socket has a queue of messages that were sent to it. A sender finds its peer, copies the user's bytes into a
 * message of its own, and appends that under the peer's lock; readers take messages out one at a time under read_lock,
 * so that copying to user memory holds up nobody but other readers.
 *
 * Connected streams and sequenced packets have one sender, the peer: what lies in the queue is the charge on the
 * peer's sndbuf. Datagrams have many: each message charges its sender's snd_used and holds a reference on it.
 *
 * Life: the file holds a reference on the socket, a peer pointer one on the peer, a listener's queue one on each
 * connection that waits there. close() takes the peer pointer away, so that two that point to each other go.
 * Locks, outer to inner: read_lock (also of bind); gc.c's gc_lock; socket.lock (two: in address order); the names'
 * locks; wait queues. No softirq comes here, so bottom halves stay on.
 */
#ifndef NET_SOCK_UNIX_UNIX_H
#define NET_SOCK_UNIX_UNIX_H

#include "base/list.h"
#include "net/sock/sock.h"
#include "vfs/path.h"

struct cmsg_buffer;
struct scm_rights;
struct unix_stack;

#define UNIX_MSG_SIZE 256u
#define UNIX_BUF_SIZE 4096u
#define UNIX_CHUNK    32768u /* bytes of a stream that go into one message */
#define UNIX_COALESCE_MAX \
	128u /* bytes that are rather copied twice than given a message of their own */
#define UNIX_DGRAM_QUEUE 10u /* net.unix.max_dgram_qlen */
#define UNIX_ADDR_MIN    ((uint32_t)offsetof(struct sockaddr_un, sun_path))

/* Who a socket is to others: bound once, then fixed. */
struct unix_addr {
	refcount_t refs;
	uint32_t len;       /* of bytes: family and path */
	uint8_t bytes[112]; /* struct sockaddr_un; a path has its NUL */
};

struct unix_buf {
	struct unix_buf *next;
	uint8_t data[UNIX_BUF_SIZE - sizeof(struct unix_buf *)];
};
#define UNIX_BUF_DATA ((uint32_t)(UNIX_BUF_SIZE - sizeof(struct unix_buf *)))

/*
 * A message: the first bytes in itself, the rest in buffers; or all of them in pages that it refers to. Its maker's, then
 * [lock] of the socket that it is queued on.
 */
struct unix_msg {
	struct unix_msg *next;
	struct net_stack *net;     /* charged with it; NULL: there is none */
	struct unix_sock *sender;  /* datagrams: referenced, charged; else NULL */
	struct scm_rights *rights; /* handles in flight, or NULL */
	struct unix_buf *bufs;
	struct ucred_user creds; /* the sender's, or what it claimed and may */
	uint32_t len;            /* bytes in all */
	uint32_t pos;            /* bytes that were read (streams) */
	uint32_t truesize;
	uint32_t nr_pages;    /* 0: the bytes are in data[] and bufs */
	uint32_t page_offset; /* where the bytes begin in the first of the pages */
	nsec_t stamp; /* datagrams: when it was sent, if the receiver asked to be told; or 0 */
	union {
		uint8_t data[0];
		struct page *pages[0]; /* referenced */
	};
};
#define UNIX_MSG_DATA ((uint32_t)(UNIX_MSG_SIZE - sizeof(struct unix_msg)))
_Static_assert(UNIX_MSG_DATA >= FILE_SEND_PAGES * sizeof(struct page *), "pages fit a message");

enum unix_state {
	UNIX_UNCONNECTED,
	UNIX_LISTENING,
	UNIX_CONNECTED, /* stays so when the peer has closed */
	UNIX_CLOSED,
};

struct unix_sock {
	struct sock s;                  /* first */
	_Atomic uint32_t state;         /* [lock to change] enum unix_state */
	_Atomic uint32_t used;          /* [lock to change] truesize of the queue */
	struct unix_msg *_Atomic first; /* [lock] queue of messages */
	struct unix_msg *last;          /* [lock] */
	uint32_t queued;                /* [lock] messages */
	_Atomic uint32_t sent; /* datagrams: truesize of what it sent and nobody has read */
	struct unix_sock *_Atomic peer; /* [lock to change] referenced */
	struct unix_addr *_Atomic addr; /* [read_lock to set, once] referenced */
	struct ucred_user peercred;     /* [lock] */
	struct wait_queue space; /* who waits to connect, or to send to it: room in its queue */
	struct unix_sock *waiting,
		*waiting_last;          /* [lock] listeners: connections nobody accepted yet */
	struct unix_sock *next_waiting; /* [listener's lock] */
	_Atomic uint32_t nr_waiting;    /* [lock to change] */
	uint32_t backlog;               /* [lock] */
	struct path path;            /* [read_lock to set, once] what it is bound to, referenced */
	struct unix_sock *name_next; /* [names' lock] */
	struct list_node all_node;   /* [stack's lock] */
	struct waiter relay; /* datagrams: on the full peer's space, to tell who polls this one */
	struct unix_sock *relay_on; /* [lock] whose; referenced; NULL: none */
	uint32_t in_flight;         /* [gc_lock] references from handles in flight */
	uint32_t gc_left;           /* [gc_lock] of these, those not yet explained */
	bool gc_candidate;          /* [gc_lock] */
	struct list_node gc_node;   /* [gc_lock] with in_flight != 0 */
};

static inline struct unix_sock *
unix_of(struct sock *s)
{
	return container_of(s, struct unix_sock, s);
}

static inline void
unix_get(struct unix_sock *u)
{
	refcount_get(&u->s.refs);
}

static inline void
unix_put(struct unix_sock *u)
{
	sock_put(&u->s);
}

/* The one that u is connected to, with a reference; NULL: none. Takes u's lock. */
struct unix_sock *unix_peer_get(struct unix_sock *u) MUST_CHECK;

static inline uint32_t
unix_state(const struct unix_sock *u)
{
	return atomic_load_explicit((_Atomic uint32_t *)&u->state, memory_order_acquire);
}

static inline struct unix_msg *
unix_first(const struct unix_sock *u)
{
	return atomic_load_explicit((struct unix_msg * _Atomic *)&u->first, memory_order_acquire);
}

/* The peer of a connected stream or packet socket, whose file the caller holds: it stays. */
static inline struct unix_sock *
unix_peer(const struct unix_sock *u)
{
	return atomic_load_explicit((struct unix_sock * _Atomic *)&u->peer, memory_order_acquire);
}

static inline uint8_t
unix_shut(const struct unix_sock *u)
{
	return __atomic_load_n(&u->s.shut, __ATOMIC_ACQUIRE);
}

static inline bool
unix_is_connection(const struct unix_sock *u)
{
	return u->s.type != SOCK_DGRAM;
}

/* Locks two sockets, or one that is both. */
void unix_lock_two(struct unix_sock *a, struct unix_sock *b) NO_LOCK_ANALYSIS;
void unix_unlock_two(struct unix_sock *a, struct unix_sock *b) NO_LOCK_ANALYSIS;

/* socket.c */
void unix_boot(void);
struct unix_sock *unix_create_for(
	struct net_stack *net, int type) MUST_CHECK; /* NULL: out of memory */
void unix_get_peercred(struct sock *s, struct ucred_user *out);
struct ucred_user unix_own_cred(void); /* effective ids, for SO_PEERCRED */
/* Bytes charged to u's sndbuf now, and whether a poller may write. */
uint32_t unix_outstanding(const struct unix_sock *u);
bool unix_writable(const struct unix_sock *u);
/* Bytes to be read: of a stream all, of others the first message's. */
uint32_t unix_readable(struct unix_sock *u);

/* message.c: messages and queues. */
void unix_msg_init_cache(void);
/* A message of u's with the next n bytes of from, charged to the stack. 0; -ENOMEM (-ENOBUFS to datagrams' senders is
 * their business), -ENOBUFS: sockets hold too much; -EFAULT. */
int unix_msg_make(
	struct unix_sock *u, struct iter *from, uint32_t n, struct unix_msg **out) MUST_CHECK;
/* A message that refers to pages, of which it takes references. -ENOMEM, -ENOBUFS. */
int unix_msg_of_pages(struct unix_sock *u, struct page **pages, uint32_t offset, uint32_t n,
	struct unix_msg **out) MUST_CHECK;
void unix_msg_free(struct unix_msg *m); /* with its rights, and the charge on its sender */
/* Copies [offset, offset + n) to the iterator; bytes copied. */
uint32_t unix_msg_copy(const struct unix_msg *m, uint32_t offset, uint32_t n, struct iter *to);
void unix_queue_add(struct unix_sock *u, struct unix_msg *m); /* lock held */
struct unix_msg *unix_queue_take(struct unix_sock *u);        /* lock held; NULL: empty */
void unix_queue_purge(struct unix_sock *u);                   /* no lock held */
/* What a send's control messages say, checked: handles (NULL: none), which are in flight now, and credentials. */
int unix_cmsg_begin(const struct cmsg_buffer *b, struct scm_rights **rights,
	struct ucred_user *creds) MUST_CHECK;
/* Puts a message's credentials and rights (taken over; NULL: none) where the receiver wants them, or nowhere. */
void unix_cmsg_deliver(struct unix_sock *u, struct sock_msg *msg, const struct ucred_user *creds,
	struct scm_rights *rights);
void unix_fill_name(const struct unix_sock *u, struct sock_addr *out); /* u NULL: no name */

/* stream.c, dgram.c: the data calls. */
ssize_t unix_stream_send(struct sock *s, struct sock_msg *msg);
ssize_t unix_stream_send_pages(
	struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags);
ssize_t unix_stream_recv(struct sock *s, struct sock_msg *msg);
ssize_t unix_dgram_send(struct sock *s, struct sock_msg *msg);
ssize_t unix_seqpacket_send(struct sock *s, struct sock_msg *msg);
ssize_t unix_dgram_recv(struct sock *s, struct sock_msg *msg);
uint32_t unix_dgram_poll(struct sock *s, struct poll_table *pt);
int unix_dgram_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags);
void unix_relay_stop(struct unix_sock *u);
bool unix_relay_wake(struct waiter *w, uint32_t events);

/* connect.c: connections. */
int unix_listen(struct sock *s, int backlog);
int unix_connect(struct sock *s, const struct sock_addr *addr, uint32_t flags);
int unix_accept(struct sock *s, uint32_t flags, struct sock **out);
int unix_pair(struct sock *a, struct sock *b);
int unix_shutdown(struct sock *s, int how);
void unix_close(struct sock *s);
void unix_handle_closed(struct sock *s, const struct file *f); /* one of f's handles is going */

/* names.c */
int unix_names_boot(void) MUST_CHECK;
struct unix_stack *unix_stack_create(
	void) MUST_CHECK; /* for net_stack_create(); NULL: out of memory */
void unix_stack_add(struct unix_sock *u);
int unix_bind(struct sock *s, const struct sock_addr *addr);
int unix_autobind(
	struct unix_sock *u) MUST_CHECK; /* a name of the kernel's choice, unless it has one */
void unix_unbind(struct unix_sock *u);   /* out of all tables; the address stays readable */
/* The socket that addr names, referenced. -EINVAL, -ECONNREFUSED, -EPROTOTYPE, -EACCES, -EPERM and what walks give. */
int unix_find(struct net_stack *net, const struct sock_addr *addr, int type,
	struct unix_sock **out) MUST_CHECK;
void unix_addr_put(struct unix_addr *a);
/* For /proc/net/unix: the first socket after `after` (NULL: from the start), referenced; puts after. */
struct unix_sock *unix_next(struct net_stack *net, struct unix_sock *after);

#endif
