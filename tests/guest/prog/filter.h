/* SPDX-License-Identifier: MIT */
/* Classic BPF programs, as SO_ATTACH_FILTER takes them. */
#ifndef GUEST_FILTER_H
#define GUEST_FILTER_H

#include <stdint.h>

struct filter_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct filter_program {
	uint16_t len;
	const struct filter_insn *insns;
};

#endif
