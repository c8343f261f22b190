/* SPDX-License-Identifier: MIT */
/*
 * NETLINK_SOCK_DIAG inside: how lists of sockets are filled, whatever their family. A list is walked from its start for
 * each piece; what was told before is passed over by number, so that what comes or goes meanwhile may be missed or told
 * twice, nothing else.
 */
#ifndef NET_SOCK_NETLINK_DIAG_H
#define NET_SOCK_NETLINK_DIAG_H

#include "net/sock/netlink/netlink.h"

/* nl_dump.extra */
enum diag_extra {
	DIAG_STATES, /* bits by TCP's numbers */
	DIAG_UID,    /* who asks */
	DIAG_ALL,    /* not 0: may see others' sockets too */
	DIAG_PROTOCOL,
	DIAG_SHOW,  /* bits of the attributes that are wanted */
	DIAG_PORTS, /* internet families: local | remote << 16, network order; 0: any */
};

struct diag_walk {
	struct nl_dump *d;
	struct nl_buf *b;
	uint32_t seen;
	bool full; /* the piece: the walk need not go on */
};

/* Whether the walk's next socket is to be told in this piece: it was not yet, is whose may be seen, in a wanted state. */
bool diag_next(struct diag_walk *w, uid_t uid, uint32_t state);
/* That socket was told, or (fit false: nl_end()'s) did not fit into the piece. */
void diag_told(struct diag_walk *w, bool fit);

static inline bool
diag_shows(const struct diag_walk *w, uint32_t bit)
{
	return (w->d->extra[DIAG_SHOW] & bit) != 0;
}

/* The socket's memory as an attribute. */
void diag_put_memory(struct nl_buf *b, uint16_t type, struct sock *s);

/* nl_dump.fill of each. */
bool diag_fill_inet(struct nl_dump *d, struct nl_buf *b);
bool diag_fill_unix(struct nl_dump *d, struct nl_buf *b);
bool diag_fill_packet(struct nl_dump *d, struct nl_buf *b);
bool diag_fill_netlink(struct nl_dump *d, struct nl_buf *b);

#endif
