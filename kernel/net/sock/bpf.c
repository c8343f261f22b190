/* SPDX-License-Identifier: MIT */
/* Classic BPF, checked and interpreted. */
#include "bpf.h"

#include <errno.h>

/* Instruction classes, and the fields of a code. */
#define CLASS(code) ((code) & 7u)
#define LD          0u
#define LDX         1u
#define ST          2u
#define STX         3u
#define ALU         4u
#define JMP         5u
#define RET         6u
#define MISC        7u
#define W           0x00u
#define H           0x08u
#define B           0x10u
#define IMM         0x00u
#define ABS         0x20u
#define IND         0x40u
#define MEM         0x60u
#define LEN         0x80u
#define MSH         0xa0u
#define OP(code)    ((code) & 0xf0u)
#define X           0x08u
#define ADD         0x00u
#define SUB         0x10u
#define MUL         0x20u
#define DIV         0x30u
#define OR          0x40u
#define AND         0x50u
#define LSH         0x60u
#define RSH         0x70u
#define NEG         0x80u
#define MOD         0x90u
#define XOR         0xa0u
#define JA          0x00u
#define JEQ         0x10u
#define JGT         0x20u
#define JGE         0x30u
#define JSET        0x40u
#define RET_A       0x10u
#define TXA         0x80u

/* Loads into A or X that exist. */
static bool
load_is_known(uint16_t code)
{
	switch (code) {
	case LD | W | ABS:
	case LD | H | ABS:
	case LD | B | ABS:
	case LD | W | IND:
	case LD | H | IND:
	case LD | B | IND:
	case LD | W | LEN:
	case LD | IMM:
	case LD | MEM:
	case LDX | W | LEN:
	case LDX | IMM:
	case LDX | MEM:
	case LDX | B | MSH:
		return true;
	default:
		return false;
	}
}

static bool
alu_is_known(const struct sock_filter_user *i)
{
	uint32_t op = OP(i->code);
	if (i->code > 0xff || op > XOR)
		return false;
	if (op == NEG)
		return i->code == (ALU | NEG);
	if ((i->code & X) == 0) {
		if ((op == DIV || op == MOD) && i->k == 0)
			return false;
		if ((op == LSH || op == RSH) && i->k >= 32)
			return false;
	}
	return true;
}

/* left: instructions behind this one. */
static bool
jump_is_known(const struct sock_filter_user *i, uint32_t left)
{
	if (i->code == (JMP | JA))
		return i->k < left;
	uint32_t op = OP(i->code);
	if (i->code > 0xff || op < JEQ || op > JSET)
		return false;
	return i->jt < left && i->jf < left;
}

static bool
insn_is_known(const struct sock_filter_user *i, uint32_t left)
{
	switch (CLASS(i->code)) {
	case LD:
	case LDX:
		if (!load_is_known(i->code))
			return false;
		return (i->code & 0xe0u) != MEM || i->k < BPF_MEMWORDS;
	case ST:
	case STX:
		return i->code <= STX && i->k < BPF_MEMWORDS;
	case ALU:
		return alu_is_known(i);
	case JMP:
		return jump_is_known(i, left);
	case RET:
		return i->code == RET || i->code == (RET | RET_A);
	default:
		return i->code == MISC || i->code == (MISC | TXA);
	}
}

int
bpf_check(const struct sock_filter_user *f, uint32_t n)
{
	if (n == 0 || n > BPF_MAX_INSNS)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		if (!insn_is_known(&f[i], n - i - 1))
			return -EINVAL;
	}
	return CLASS(f[n - 1].code) == RET ? 0 : -EINVAL;
}

struct machine {
	uint32_t a, x;
	uint32_t mem[BPF_MEMWORDS];
};

/* A load from the packet. false: the program ends, and wants nothing. */
static bool
load(const struct bpf_input *in, int64_t offset, uint32_t size, uint32_t *out)
{
	uint8_t bytes[4] = {0};
	uint32_t n = size == W ? 4 : size == H ? 2 : 1, value = 0;
	if (!in->load(in->packet, offset, n, bytes))
		return false;
	for (uint32_t i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	*out = value;
	return true;
}

static bool
run_load(struct machine *m, const struct sock_filter_user *i, const struct bpf_input *in)
{
	switch (i->code & 0xe0u) {
	case ABS:
		if ((int32_t)i->k >= BPF_AD_OFF && (int32_t)i->k < 0) {
			uint32_t which = i->k - (uint32_t)BPF_AD_OFF;
			m->a = which == BPF_AD_ALU_XOR_X ? m->a ^ m->x
							 : in->number(in->packet, which);
			return true;
		}
		return load(in, (int32_t)i->k, i->code & 0x18u, &m->a);
	case IND:
		return load(in, (int64_t)(int32_t)i->k + m->x, i->code & 0x18u, &m->a);
	case LEN:
		m->a = in->len;
		return true;
	case MEM:
		m->a = m->mem[i->k];
		return true;
	default:
		m->a = i->k;
		return true;
	}
}

static bool
run_load_x(struct machine *m, const struct sock_filter_user *i, const struct bpf_input *in)
{
	switch (i->code & 0xe0u) {
	case MSH: {
		uint32_t byte;
		if (!load(in, (int32_t)i->k, B, &byte))
			return false;
		m->x = (byte & 15) * 4;
		return true;
	}
	case LEN:
		m->x = in->len;
		return true;
	case MEM:
		m->x = m->mem[i->k];
		return true;
	default:
		m->x = i->k;
		return true;
	}
}

/* false: a division by zero, which ends the program. */
static bool
run_alu(struct machine *m, const struct sock_filter_user *i)
{
	uint32_t v = (i->code & X) ? m->x : i->k;
	switch (OP(i->code)) {
	case ADD:
		m->a += v;
		break;
	case SUB:
		m->a -= v;
		break;
	case MUL:
		m->a *= v;
		break;
	case DIV:
	case MOD:
		if (v == 0)
			return false;
		m->a = OP(i->code) == DIV ? m->a / v : m->a % v;
		break;
	case OR:
		m->a |= v;
		break;
	case AND:
		m->a &= v;
		break;
	case LSH:
		m->a <<= v & 31;
		break;
	case RSH:
		m->a >>= v & 31;
		break;
	case NEG:
		m->a = -m->a;
		break;
	default:
		m->a ^= v;
		break;
	}
	return true;
}

/* Instructions to skip. */
static uint32_t
run_jump(const struct machine *m, const struct sock_filter_user *i)
{
	uint32_t v = (i->code & X) ? m->x : i->k;
	bool yes = false;
	switch (OP(i->code)) {
	case JA:
		return i->k;
	case JEQ:
		yes = m->a == v;
		break;
	case JGT:
		yes = m->a > v;
		break;
	case JGE:
		yes = m->a >= v;
		break;
	default:
		yes = (m->a & v) != 0;
		break;
	}
	return yes ? i->jt : i->jf;
}

uint32_t
bpf_run(const struct sock_filter_user *f, const struct bpf_input *in)
{
	struct machine m = {0};
	for (const struct sock_filter_user *i = f;; i++) {
		bool ok = true;
		switch (CLASS(i->code)) {
		case LD:
			ok = run_load(&m, i, in);
			break;
		case LDX:
			ok = run_load_x(&m, i, in);
			break;
		case ST:
			m.mem[i->k] = m.a;
			break;
		case STX:
			m.mem[i->k] = m.x;
			break;
		case ALU:
			ok = run_alu(&m, i);
			break;
		case JMP:
			i += run_jump(&m, i);
			break;
		case RET:
			return (i->code & RET_A) ? m.a : i->k;
		default:
			if (i->code & TXA)
				m.a = m.x;
			else
				m.x = m.a;
			break;
		}
		if (!ok)
			return 0;
	}
}
