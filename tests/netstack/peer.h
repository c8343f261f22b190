/* SPDX-License-Identifier: MIT */
/*
 * A TCP peer on the wire of the one CPU in virtual time (uni.h): the test says what it sends, segment by segment, and
 * sees what comes back. IPv4; one peer at a time.
 */
#ifndef TESTS_NETSTACK_PEER_H
#define TESTS_NETSTACK_PEER_H

#include "net/link/netif.h"
#include "net/sock/sock.h"
#include "wire/tcp.h"

/* Host order. */
#define PEER_OURS       0x0a000001u
#define PEER_ADDRESS    0x0a000002u
#define PEER_PORT       81u /* ours */
#define PEER_THEIR_PORT 9000u
#define PEER_FIRST      5000u /* its first byte's sequence number */

struct peer {
	struct net_stack *net;
	struct netif *eth;
	struct sock *sock; /* ours that is connected to it */
	uint32_t iss;      /* ours */
	/* What came from us: the last segment, its TOS; how many segments, and the most bytes in one. */
	struct tcp_segment last;
	uint8_t last_tos;
	uint32_t sent, sent_largest;
};
extern struct peer peer;

/* The headers around a segment; addresses in host order. */
struct peer_frame {
	uint32_t src, dst;
	uint8_t tos;
	bool to_all;    /* Ethernet's broadcast */
	uint16_t wrong; /* what is wrong in TCP's checksum */
};

/* Everything begins anew; we and the peer know each other's link address. */
void peer_meets(void);
/* The same, then peer.sock is connected to it; it says that its segments hold mss bytes, and that it knows SACK. */
void peer_connects(uint16_t mss);
/* The same on the stack as it is. */
void peer_connects_again(uint16_t mss);
/*
 * It asks for our link address, and tells its own to whoever asks. That does not change, but what is known of it ages:
 * without this it is given up eight seconds after what was sent to it.
 */
void peer_shows_itself(void);
/* Its address and port; our port on any address. */
struct sock_addr peer_address(void);
struct sock_addr peer_our_port(void);

/* seg's ports are set, then it and n bytes are sent. */
void peer_sends(struct tcp_segment *seg, const void *bytes, size_t n);
/* The same in a frame that may lie; false: no memory for it. */
bool peer_sends_frame(
	struct tcp_segment *seg, const void *bytes, size_t n, const struct peer_frame *f);
void peer_acks(uint32_t ack, uint16_t window);
/* Bytes of its stream, from its byte number at on. */
void peer_writes(uint32_t at, const void *bytes, size_t n);

/* Every socket is closed: after ten minutes nothing of memory, packets or frames is left. */
void peer_has_all_given_back(void);

#endif
