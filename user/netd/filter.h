/* SPDX-License-Identifier: MIT */
/*
 * What a packet socket hears: programs of the classic Berkeley packet filter, attached before the socket is bound, so
 * that what the link says of others does not wake netd. As <linux/filter.h> has them, which a machine need not have.
 */
#ifndef NETD_FILTER_H
#define NETD_FILTER_H

#include <stddef.h>
#include <stdint.h>

enum {
	FILTER_LOAD_WORD = 0x20,    /* of the packet, at k, in host byte order */
	FILTER_LOAD_HALF = 0x28,    /* 16 bits */
	FILTER_LOAD_BYTE = 0x30,    /* 8 bits */
	FILTER_LOAD_HALF_X = 0x48,  /* 16 bits, at the index register + k */
	FILTER_INDEX_HEADER = 0xb1, /* index register = length of the IPv4 header at k */
	FILTER_JUMP_EQUAL = 0x15,   /* to k: yes instructions on, or no */
	FILTER_JUMP_BITS = 0x45,    /* any bit of k */
	FILTER_RETURN = 0x06,       /* how many bytes are wanted */
};

struct filter_instruction {
	uint16_t code;
	uint8_t yes, no;
	uint32_t k;
};

/* 0, or -1 and errno. */
int filter_attach(int fd, const struct filter_instruction *code, size_t count);

#endif
