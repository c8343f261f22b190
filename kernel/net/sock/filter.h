/* SPDX-License-Identifier: MIT */
/*
 * SO_ATTACH_FILTER: a socket's classic BPF program, which softirq and senders run without a lock, inside an epoch.
 * Several sockets share one: a connection has its listener's.
 */
#ifndef NET_SOCK_FILTER_H
#define NET_SOCK_FILTER_H

#include "core/epoch.h"
#include "net/pkt.h"
#include "net/sock/bpf.h"
#include "net/sock/sock.h"

struct sock_filter_program {
	struct epoch_head epoch;
	refcount_t refs;
	uint32_t n;
	struct sock_filter_user insns[];
};

/*
 * SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER. 0; -EINVAL, -EFAULT, -ENOMEM, -ENOENT (nothing to detach), -EPERM
 * (locked). May sleep.
 */
int sock_filter_option(struct sock *s, int name, const void *value, uint32_t len)
	__attribute__((warn_unused_result));
/*
 * SO_GET_FILTER: the program as it was attached, whose instructions are counted, not its bytes, in room too. How many it
 * has, 0: there is none; with room 0 nothing is copied. -EINVAL (no room for all), -EFAULT. May sleep.
 */
int64_t sock_filter_get(const struct sock *s, uaddr_t to, uint32_t room)
	__attribute__((warn_unused_result));
/* Gives a socket that nobody else knows yet the filter of another one. */
void sock_filter_inherit(struct sock *s, const struct sock *from);
/* The end of the socket. Any context. */
void sock_filter_drop(struct sock *s);

static inline bool
sock_has_filter(const struct sock *s)
{
	return unlikely(atomic_load_explicit((struct sock_filter_program * _Atomic *)&s->filter,
				memory_order_relaxed) != NULL);
}

/* How many bytes of the packet from `start` (an offset from its data) on are wanted; all without a program. Epoch. */
uint32_t sock_filter_run(struct sock *s, const struct pkt *p, uint32_t start);
/* The same for what is no packet. */
uint32_t sock_filter_run_on(struct sock *s, const struct bpf_input *in);

#endif
