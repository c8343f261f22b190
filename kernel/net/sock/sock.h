/* SPDX-License-Identifier: MIT */
/*
 * Sockets: what a family provides (struct sock_ops), and what all have in common (struct sock, embedded first in the
 * family's own). A socket is the priv of a struct file of kind FILE_STREAM | FILE_SIGIO with an inode of its own
 * (S_IFSOCK), reached by its handle; READ receives, WRITE sends, LISTEN listens and accepts, SETATTR binds and sets
 * options. The generic code (sock/calls.c, options.c, cmsg.c) copies everything from and to user memory; operations
 * see kernel memory only, but for the iterator of the payload.
 *
 * Locks: sock.lock, a spin lock with bottom halves off, is the connection's lock of docs/network.md; each family's
 * struct says what else it guards. read_lock is the sleeping lock of readers of a stream. Payload is copied from and to
 * user memory under read_lock or no lock, never under sock.lock.
 */
#ifndef NET_SOCK_SOCK_H
#define NET_SOCK_SOCK_H

#include "core/mutex.h"
#include "core/refcount.h"
#include "core/spinlock.h"
#include "core/wait.h"
#include "vfs/file.h"
#include "vfs/iter.h"

struct net_stack;
struct poll_table;
struct sock;
struct cmsg_buffer;

#define SOCKADDR_MAX 128u /* struct sockaddr_storage */

/* A socket address in the caller's form (family first), decoded by the family. */
struct sock_addr {
	uint32_t len; /* 0: none was given */
	union {
		uint16_t family;
		uint8_t bytes[SOCKADDR_MAX];
	};
};

/* One message of send*(2) or recv*(2). */
struct sock_msg {
	struct iter *iter; /* the payload */
	struct sock_addr *
		addr; /* send: the destination, or len 0. recv: filled with the source; NULL: not wanted */
	struct cmsg_buffer *cmsg; /* control messages in or out (sock/cmsg.h); NULL: none */
	uint32_t flags;           /* in: MSG_*; O_NONBLOCK has become MSG_DONTWAIT */
	uint32_t out_flags;       /* recv: MSG_TRUNC, MSG_CTRUNC, MSG_EOR, MSG_ERRQUEUE, MSG_OOB */
};

struct sock_ops {
	uint16_t family;
	int (*bind)(struct sock *s, const struct sock_addr *addr);
	int (*listen)(struct sock *s, int backlog);
	int (*connect)(
		struct sock *s, const struct sock_addr *addr, uint32_t flags); /* O_NONBLOCK */
	/* A connection's socket, referenced, without a file yet; waits unless O_NONBLOCK. */
	int (*accept)(struct sock *s, uint32_t flags, struct sock **out);
	int (*shutdown)(struct sock *s, int how);
	int (*getname)(struct sock *s, bool peer, struct sock_addr *out);
	int (*pair)(struct sock *a, struct sock *b); /* socketpair; NULL: -EOPNOTSUPP */
	ssize_t (*send)(struct sock *s, struct sock_msg *msg);
	ssize_t (*recv)(struct sock *s, struct sock_msg *msg);
	/* n bytes of pages of a file, by reference, not changed while in flight but by the file's writers (sendfile, splice).
	 * Takes its own references. NULL: the caller copies. Bytes queued or -errno. */
	ssize_t (*send_pages)(
		struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags);
	uint32_t (*poll)(struct sock *s, struct poll_table *pt);
	int64_t (*ioctl)(struct sock *s, uint32_t cmd,
		uint64_t arg); /* what the generic code does not know */
	/* SOL_SOCKET's own are generic; the family sees what is its own. value: kernel memory. -ENOPROTOOPT: unknown. */
	int (*setsockopt)(struct sock *s, int level, int name, const void *value, uint32_t len);
	int (*getsockopt)(struct sock *s, int level, int name, void *value, uint32_t *len);
	/* The last handle was closed. The socket may live on (TIME_WAIT, lingering data). May sleep (SO_LINGER). */
	void (*close)(struct sock *s);
	void (*destroy)(struct sock *s); /* the last reference: frees it */
};

/* sock->opts: boolean SOL_SOCKET options. */
#define SOCK_OPT_REUSEADDR     (1u << 0)
#define SOCK_OPT_REUSEPORT     (1u << 1)
#define SOCK_OPT_KEEPALIVE     (1u << 2)
#define SOCK_OPT_BROADCAST     (1u << 3)
#define SOCK_OPT_OOBINLINE     (1u << 4)
#define SOCK_OPT_LINGER        (1u << 5)
#define SOCK_OPT_TIMESTAMP     (1u << 6)
#define SOCK_OPT_TIMESTAMPNS   (1u << 7)
#define SOCK_OPT_PASSCRED      (1u << 8)
#define SOCK_OPT_DONTROUTE     (1u << 9)
#define SOCK_OPT_NO_CHECK      (1u << 10)
#define SOCK_OPT_RCVBUF_LOCKED (1u << 11) /* the user chose: no automatic growth */
#define SOCK_OPT_SNDBUF_LOCKED (1u << 12)

#define SOCK_SHUT_RD 1u
#define SOCK_SHUT_WR 2u

struct sock {
	const struct sock_ops *ops;  /* [I] */
	refcount_t refs;             /* the file, hash tables, queues, timers */
	struct spinlock lock;        /* bottom halves off */
	struct wait_queue wait;      /* readers, writers, poll; woken with POLL* */
	struct net_stack *net;       /* [I] */
	struct file *_Atomic file;   /* for FIOASYNC; NULL: none (orphan, or not accepted yet) */
	uint16_t family, type;       /* [I] AF_*, SOCK_* */
	uint16_t protocol;           /* [I] IPPROTO_* */
	uint8_t shut;                /* [lock] SOCK_SHUT_* */
	uint8_t priority;            /* [lock] */
	_Atomic uint32_t opts;       /* SOCK_OPT_* */
	_Atomic int32_t error;       /* pending errno (positive), fetched once: sock_take_error() */
	uint32_t rcvbuf, sndbuf;     /* [lock] limits of the charge, bytes */
	uint32_t rcv_used, snd_used; /* [lock] charged now, true sizes */
	uint32_t rcvlowat;           /* [lock] */
	uint32_t linger_s;           /* [lock] */
	uint32_t bound_if;           /* [lock] interface index, 0: any */
	uint32_t mark;
	nsec_t rcvtimeo, sndtimeo; /* [lock] a length; DEADLINE_NEVER: no limit */
	uid_t uid;                 /* [I] creator's, for /proc/net */
	uint64_t ino;              /* [I] inode number */
	struct mutex read_lock;
};

void sock_init(
	struct sock *s, const struct sock_ops *ops, struct net_stack *net, int type, int protocol);
void sock_put(struct sock *s); /* may sleep when it is the last: see each family's destroy */
static inline struct sock *
sock_get(struct sock *s)
{
	refcount_get(&s->refs);
	return s;
}

/* Creates a file for s (taking over a reference) and installs it; the descriptor or -errno (then s was put). */
int sock_install(struct sock *s, uint32_t flags /* SOCK_NONBLOCK, SOCK_CLOEXEC */,
	rights_t rights) MUST_CHECK;
/* The socket behind a borrowed file; -ENOTSOCK. */
int sock_of_file(struct file *f, struct sock **out) MUST_CHECK;

/* Makes the error pending and wakes everybody. Any context with bottom halves off. */
void sock_set_error(struct sock *s, int error);
/* -errno of the pending error, which is no longer; 0: none. */
int sock_take_error(struct sock *s) MUST_CHECK;
/* Wakes waiters for events and sends SIGIO. */
void sock_wake(struct sock *s, uint32_t events);
/* The deadline of a wait that begins now: from rcvtimeo or sndtimeo, MSG_DONTWAIT included (0: do not wait). */
nsec_t sock_deadline(nsec_t timeo, uint32_t msg_flags);

/* How families register: socket(2) finds create by family. */
struct sock_family {
	uint16_t family;
	caps_t need; /* capabilities for creating one */
	int (*create)(struct net_stack *net, int type, int protocol, struct sock **out);
	const struct sock_family *next;
};
void sock_register_family(struct sock_family *f); /* boot */

#endif
