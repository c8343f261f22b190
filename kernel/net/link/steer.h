/* SPDX-License-Identifier: MIT */
/* Which flow a frame belongs to, as a hash. Pure. */
#ifndef NET_LINK_STEER_H
#define NET_LINK_STEER_H

#include "net/pkt.h"

/*
 * A keyed hash of the flow of a frame that begins with its Ethernet header: addresses, and of TCP and UDP that is
 * not fragmented the ports; frames that are not IP have all the same. Never 0. Looks at linear bytes alone.
 */
uint32_t steer_hash(const uint64_t key[2], const struct pkt *p);

#endif
