/* SPDX-License-Identifier: MIT */
/* What the socket calls share: addresses from and to user memory, the end of a send. */
#ifndef NET_SOCK_MSG_H
#define NET_SOCK_MSG_H

#include "net/sock/sock.h"
#include "proc/signal.h"

/* -EINVAL: a length that no address has; -EFAULT. Length 0 is an address that was not given. */
int sock_addr_from_user(struct sock_addr *a, uaddr_t from, int64_t len) MUST_CHECK;
/* What fits into *len_at bytes (an int), which becomes the whole length. */
int sock_addr_to_user(const struct sock_addr *a, uaddr_t to, uaddr_t len_at) MUST_CHECK;

/* What a stream's send returns when nobody can read: -EPIPE, with SIGPIPE unless that is not wanted. */
static inline int
sock_broken_pipe(uint32_t msg_flags)
{
	if (!(msg_flags & MSG_NOSIGNAL))
		signal_send_self(SIGPIPE);
	return -EPIPE;
}

#endif
