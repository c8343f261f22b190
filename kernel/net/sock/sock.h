/* SPDX-License-Identifier: MIT */
/*
 * Sockets: what a family provides (struct sock_ops), and what all have in common (struct sock, embedded first in the
 * family's own). A socket is the priv of a struct file of kind FILE_STREAM | FILE_SIGIO with an inode of its own
 * (S_IFSOCK), reached by its handle; READ receives, WRITE sends, LISTEN listens and accepts, SETATTR binds and sets
 * options. The generic code (sock/calls.c, options.c, cmsg.c) copies everything from and to user memory; operations
 * see kernel memory only, but for the iterator of the payload.
 *
 * Locks: sock.lock, a spin lock with bottom halves off (AF_UNIX, which no softirq enters, leaves them on), is the
 * connection's lock of docs/network.md; each family's struct says what else it guards. read_lock is the sleeping lock of readers of a stream. Payload is copied from and to
 * user memory under read_lock or no lock, never under sock.lock.
 */
#ifndef NET_SOCK_SOCK_H
#define NET_SOCK_SOCK_H

#include <string.h>

#include "abi/linux/socket.h"
#include "core/mutex.h"
#include "core/refcount.h"
#include "core/sched.h"
#include "core/spinlock.h"
#include "core/wait.h"
#include "vfs/file.h"
#include "vfs/iter.h"
#include "vfs/poll.h"

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
	/*
	 * As send on a stream, of n bytes (not 0) of a file's pages, by reference: they begin at offset in the first of at most
	 * FILE_SEND_PAGES pages, and each that is queued gets a reference of its own (pkt_add_frag()). Nobody but the file's
	 * writers changes them meanwhile: a checksum over them is made when a frame is, and again with every retransmission.
	 * flags: MSG_DONTWAIT, MSG_MORE (the file goes on). Waits for the first room only. Bytes queued, at least 1, or
	 * -errno as send's, with SIGPIPE (sock_broken_pipe()). NULL: the caller copies.
	 */
	ssize_t (*send_pages)(
		struct sock *s, struct page **pages, uint32_t offset, size_t n, uint32_t flags);
	uint32_t (*poll)(struct sock *s, struct poll_table *pt);
	int64_t (*ioctl)(struct sock *s, uint32_t cmd,
		uint64_t arg); /* what the generic code does not know */
	/* SOL_SOCKET's own are generic; the family sees what is its own. value: kernel memory. -ENOPROTOOPT: unknown. */
	int (*setsockopt)(struct sock *s, int level, int name, const void *value, uint32_t len);
	int (*getsockopt)(struct sock *s, int level, int name, void *value, uint32_t *len);
	void (*option_changed)(
		struct sock *s, int name);    /* an SO_* that the family acts on; NULL: none */
	bool (*is_listening)(struct sock *s); /* SO_ACCEPTCONN; NULL: never */
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
#define SOCK_OPT_RXQ_OVFL      (1u << 13)
#define SOCK_OPT_DEBUG         (1u << 14)
/* As the two above, asked for by their later names: messages have the name that was asked by. */
#define SOCK_OPT_TIMESTAMP_NEW   (1u << 15)
#define SOCK_OPT_TIMESTAMPNS_NEW (1u << 16)
#define SOCK_OPT_FILTER_LOCKED   (1u << 17) /* SO_LOCK_FILTER: its filter stays */
#define SOCK_OPT_TIMESTAMPS                                                   \
	(SOCK_OPT_TIMESTAMP | SOCK_OPT_TIMESTAMPNS | SOCK_OPT_TIMESTAMP_NEW | \
		SOCK_OPT_TIMESTAMPNS_NEW)

#define SOCK_SHUT_RD 1u
#define SOCK_SHUT_WR 2u

struct sock {
	const struct sock_ops *ops; /* [I] */
	refcount_t refs;            /* the file, hash tables, queues, timers */
	struct spinlock lock;       /* bottom halves off */
	struct wait_queue wait;     /* readers, writers, poll; woken with POLL* */
	struct net_stack *net;      /* [I] */
	struct file *_Atomic file;  /* for FIOASYNC; NULL: none (orphan, or not accepted yet) */
	uint16_t family, type;      /* [I] AF_*, SOCK_* */
	uint16_t protocol;          /* [I] IPPROTO_* */
	uint8_t shut;               /* [lock] SOCK_SHUT_* */
	uint8_t priority;           /* [lock] */
	/* [epoch] SO_ATTACH_FILTER; NULL: none (filter.h) */
	struct sock_filter_program *_Atomic filter;
	_Atomic uint32_t opts;       /* SOCK_OPT_* */
	_Atomic int32_t error;       /* pending errno (positive), fetched once: sock_take_error() */
	uint32_t rcvbuf, sndbuf;     /* [lock] limits of the charge, bytes */
	uint32_t rcv_used, snd_used; /* [lock] held by queues now, true sizes (charge.h) */
	uint32_t accounted;          /* [lock] streams: of these, what the stack was charged with */
	_Atomic uint32_t in_flight;  /* datagrams: charge of its packets on their way (charge.h) */
	uint32_t rcvlowat;           /* [lock] */
	uint32_t linger_s;           /* [lock] */
	uint32_t bound_if;           /* [lock] interface index, 0: any */
	uint32_t mark;
	nsec_t rcvtimeo, sndtimeo; /* [lock] a length; DEADLINE_NEVER: no limit */
	uint64_t pacing_rate;      /* [lock] SO_MAX_PACING_RATE, bytes a second; UINT64_MAX: none */
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
/* The first half: a file for s (taking over a reference, put on failure). -ENOMEM. */
int sock_make_file(struct sock *s, uint32_t flags, struct file **out) MUST_CHECK;
/* What a call for sockets returns when file_borrow() gave err: -ENOTSOCK of what is open and no socket. */
int sock_refuse(int err, int fd);
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

/*
 * Waiting: sleeps on s->wait until cond is true, woken only by events of `wanted` (POLL*). deadline as of
 * sock_deadline(); wflags: WAITER_EXCLUSIVE or 0. Evaluates to 0, or what the call returns: -EAGAIN when the deadline
 * has passed, -ERESTARTSYS or, with a deadline, -EINTR on a signal. cond wins over both. No lock is held.
 */
struct sock_waiter {
	struct waiter waiter;
	uint32_t wanted;
};
bool sock_waiter_wake(struct waiter *w, uint32_t events);

static inline int
sock_wait_result(int err, nsec_t deadline)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err == -ERESTARTSYS && deadline != DEADLINE_NEVER ? -EINTR : err;
}

#define sock_wait_on(q, events, deadline, wflags, cond)                                         \
	({                                                                                      \
		int sock_err_ = 0;                                                              \
		const nsec_t sock_deadline_ = (deadline);                                       \
		if (!(cond)) {                                                                  \
			if (sock_deadline_ == 0) {                                              \
				sock_err_ = -EAGAIN;                                            \
			} else {                                                                \
				struct sock_waiter sock_w_ = {.wanted = (events)};              \
				waiter_init(&sock_w_.waiter, arch_current(), (wflags));         \
				sock_w_.waiter.wake = sock_waiter_wake;                         \
				wait_queue_add((q), &sock_w_.waiter);                           \
				for (;;) {                                                      \
					wait_prepare(WAIT_INTERRUPTIBLE);                       \
					if (cond) {                                             \
						sock_err_ = 0;                                  \
						break;                                          \
					}                                                       \
					if (sock_err_ != 0)                                     \
						break;                                          \
					sock_err_ =                                             \
						wait_sleep(WAIT_INTERRUPTIBLE, sock_deadline_); \
				}                                                               \
				wait_finish();                                                  \
				wait_queue_remove((q), &sock_w_.waiter);                        \
				if (((wflags) & WAITER_EXCLUSIVE) && sock_err_ != 0 && (cond))  \
					sock_err_ = 0; /* as wait_event_exclusive() */          \
				sock_err_ = sock_wait_result(sock_err_, sock_deadline_);        \
			}                                                                       \
		}                                                                               \
		sock_err_;                                                                      \
	})
#define sock_wait(s, events, deadline, wflags, cond) \
	sock_wait_on(&(s)->wait, events, deadline, wflags, cond)

/* Events that end the waits of readers and of writers. */
#define SOCK_READ_EVENTS  (POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLERR)
#define SOCK_WRITE_EVENTS (POLLOUT | POLLWRNORM | POLLHUP | POLLERR)
#define SOCK_ALL_EVENTS   (SOCK_READ_EVENTS | SOCK_WRITE_EVENTS)

#define SOCK_BUF_DEFAULT 212992u /* net.core.rmem_default, wmem_default */
#define SOCK_BUF_MAX \
	212992u /* net.core.rmem_max, wmem_max: what setsockopt gives at most, doubled */
#define SOCK_RCVBUF_MIN 2304u
#define SOCK_SNDBUF_MIN 4608u

/* How families register: socket(2) finds create by family. */
struct sock_family {
	uint16_t family;
	/* The capabilities that creating one takes (the type is one of SOCK_*); checked before create. */
	caps_t (*need)(int type, int protocol);
	/* *out: one reference. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EINVAL, -ENOMEM. */
	int (*create)(struct net_stack *net, int type, int protocol, struct sock **out);
	struct sock_family *next; /* [boot] */
};
void sock_register_family(struct sock_family *f); /* boot */
const struct sock_family *sock_find_family(int family);
/* The running process's network stack; NULL while there is none: AF_UNIX works without. */
struct net_stack *sock_current_net(void);
void sock_boot(void); /* boot: the families that this folder has */

/* An option's value of n bytes, cut to the *len bytes of room there are. 0. */
static inline int
sock_answer(void *value, uint32_t *len, const void *from, uint32_t n)
{
	*len = min(*len, n);
	memcpy(value, from, *len);
	return 0;
}

/* options.c: SOL_SOCKET. value is kernel memory of len bytes; get writes at most *len and sets it. */
int sock_set_option(struct sock *s, int name, const void *value, uint32_t len) MUST_CHECK;
int sock_get_option(struct sock *s, int name, void *value, uint32_t *len) MUST_CHECK;
/* When a packet came (of the real-time clock; 0: not known), as the control message that the socket asked for, if any. */
void sock_put_timestamp(const struct sock *s, nsec_t stamp, struct cmsg_buffer *out);

/* What it holds and may hold; SO_MEMINFO's numbers. Any context with bottom halves off, or a thread. */
void sock_get_memory(struct sock *s, uint32_t out[SK_MEMINFO_VARS]);

/* ioctl.c */
int64_t sock_file_ioctl(struct file *f, uint32_t cmd, uint64_t arg);

extern const struct file_ops sock_file_ops;

#endif
