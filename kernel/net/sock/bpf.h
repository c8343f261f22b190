/* SPDX-License-Identifier: MIT */
/*
 * Classic BPF: the filters of SO_ATTACH_FILTER. Pure: what a program reads comes by functions of the caller's. A checked
 * program ends, since it only jumps forward, and reads nothing but the packet, its scratch memory and the numbers below.
 */
#ifndef NET_SOCK_BPF_H
#define NET_SOCK_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/linux/socket.h"

#define BPF_MAX_INSNS 4096u
#define BPF_MEMWORDS  16u

/* Loads at negative offsets: numbers about the packet (from BPF_AD_OFF on), the network and the link header. */
#define BPF_AD_OFF  (-0x1000)
#define BPF_NET_OFF (-0x100000)
#define BPF_LL_OFF  (-0x200000)

enum bpf_number {
	BPF_AD_PROTOCOL = 0,
	BPF_AD_PKTTYPE = 4,
	BPF_AD_IFINDEX = 8,
	BPF_AD_MARK = 20,
	BPF_AD_QUEUE = 24,
	BPF_AD_HATYPE = 28,
	BPF_AD_RXHASH = 32,
	BPF_AD_CPU = 36,
	BPF_AD_ALU_XOR_X = 40,
	BPF_AD_VLAN_TAG = 44,
	BPF_AD_VLAN_TAG_PRESENT = 48,
	BPF_AD_RANDOM = 56,
};

struct bpf_input {
	const void *packet;
	uint32_t len; /* bytes of the packet that offset 0 begins */
	/* Copies n (1, 2, 4) bytes at offset, BPF_NET_OFF and BPF_LL_OFF included; false: they are not there. */
	bool (*load)(const void *packet, int64_t offset, uint32_t n, uint8_t *out);
	uint32_t (*number)(const void *packet, uint32_t which); /* enum bpf_number; unknown: 0 */
};

/* Whether a program of n instructions may run: 0 or -EINVAL. */
int bpf_check(const struct sock_filter_user *f, uint32_t n) __attribute__((warn_unused_result));
/* Runs a checked program: how many bytes of the packet are wanted; 0: none. */
uint32_t bpf_run(const struct sock_filter_user *f, const struct bpf_input *in);

#endif
