/* SPDX-License-Identifier: MIT */
/* SO_ATTACH_FILTER: a socket's classic BPF program, which softirq runs without a lock. */
#ifndef NET_SOCK_FILTER_H
#define NET_SOCK_FILTER_H

#include "core/epoch.h"
#include "net/pkt.h"
#include "net/sock/bpf.h"

struct sock_filter_program {
	struct epoch_head epoch;
	uint32_t n;
	struct sock_filter_user insns[];
};

/*
 * SO_ATTACH_FILTER, SO_DETACH_FILTER on the socket's slot; changes are the caller's to serialise. 0; -EINVAL, -EFAULT,
 * -ENOMEM, -ENOENT (nothing to detach); 1: another option. May sleep.
 */
int sock_filter_option(struct sock_filter_program *_Atomic *slot, int name, const void *value,
	uint32_t len) __attribute__((warn_unused_result));
/* The end of the socket. */
void sock_filter_drop(struct sock_filter_program *_Atomic *slot);
/* How many bytes of the packet from `start` (an offset from its data) on are wanted; all without a program. Epoch. */
uint32_t sock_filter_run(
	struct sock_filter_program *_Atomic *slot, const struct pkt *p, uint32_t start);

#endif
