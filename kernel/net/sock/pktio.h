/* SPDX-License-Identifier: MIT */
/* Packets' bytes from and to the caller's memory. No lock may be held: both may fault, and sleep. */
#ifndef NET_SOCK_PKTIO_H
#define NET_SOCK_PKTIO_H

#include "core/types.h"
#include "net/pkt.h"
#include "vfs/iter.h"

/* A packet with the next n bytes (at most PKT_LEN_MAX) of from as its data. 0; -ENOBUFS, -EFAULT. */
int pktio_make(struct iter *from, uint32_t n, struct pkt **out) MUST_CHECK;
/*
 * Appends n bytes to a packet of this file's that nobody shares, wasting none of its pages (corking). 0; -ENOBUFS,
 * -EFAULT, -EMSGSIZE: the packet is as it was or longer.
 */
int pktio_append(struct pkt *p, struct iter *from, uint32_t n) MUST_CHECK;
/* Copies [offset, offset + n) of p, which has them. Bytes copied: fewer at a fault. */
uint32_t pktio_copy(const struct pkt *p, uint32_t offset, uint32_t n, struct iter *to) MUST_CHECK;

#endif
