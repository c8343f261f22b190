/* SPDX-License-Identifier: MIT */
/* Classic BPF: what is let through by the check, and what programs compute. */
#include "base/macros.h"
#include "kernel/net/sock/bpf.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define INSN(c, t, f, v) ((struct sock_filter_user){(c), (t), (f), (v)})

struct sample {
	uint8_t bytes[64];
	uint32_t len;
};

static bool
sample_load(const void *packet, int64_t offset, uint32_t n, uint8_t *out)
{
	const struct sample *s = packet;
	if (offset >= BPF_NET_OFF && offset < 0)
		offset += -(int64_t)BPF_NET_OFF + 14;
	if (offset < 0 || offset + n > s->len)
		return false;
	memcpy(out, s->bytes + offset, n);
	return true;
}

static uint32_t
sample_number(const void *packet, uint32_t which)
{
	return which == BPF_AD_IFINDEX ? 7 : 0;
}

static uint32_t
run(const struct sock_filter_user *f, uint32_t n, const struct sample *s)
{
	CHECK_EQ(bpf_check(f, n), 0);
	struct bpf_input in = {s, s->len, sample_load, sample_number};
	return bpf_run(f, &in);
}

/* What a DHCP client asks for: UDP in IPv4, not a fragment, to port 68; offset 0 is the IP header. */
static const struct sock_filter_user dhcp[] = {
	{0x30, 0, 0, 9},      /* ldb [9] */
	{0x15, 0, 6, 17},     /* jeq 17 */
	{0x28, 0, 0, 6},      /* ldh [6] */
	{0x45, 4, 0, 0x1fff}, /* jset fragment offset */
	{0xb1, 0, 0, 0},      /* ldxb 4*([0]&15) */
	{0x48, 0, 0, 2},      /* ldh [x+2] */
	{0x15, 0, 1, 68},     /* jeq 68 */
	{0x06, 0, 0, 0xffff}, /* ret */
	{0x06, 0, 0, 0},      /* ret 0 */
};

TEST(bpf_dhcp_filter)
{
	struct sample s = {.bytes = {[0] = 0x45, [9] = 17, [22] = 0, [23] = 68}, .len = 40};
	CHECK_EQ(run(dhcp, ARRAY_SIZE(dhcp), &s), 0xffff);
	s.bytes[23] = 67;
	CHECK_EQ(run(dhcp, ARRAY_SIZE(dhcp), &s), 0);
	s.bytes[23] = 68;
	s.bytes[7] = 1;
	CHECK_EQ(run(dhcp, ARRAY_SIZE(dhcp), &s), 0);
	s.bytes[7] = 0;
	s.len = 23; /* cut in the middle of the port */
	CHECK_EQ(run(dhcp, ARRAY_SIZE(dhcp), &s), 0);
}

TEST(bpf_arithmetic_and_memory)
{
	struct sample s = {.len = 10};
	const struct sock_filter_user f[] = {
		INSN(0x00, 0, 0, 100),                      /* ld #100 */
		INSN(0x02, 0, 0, 3),                        /* st M[3] */
		INSN(0x01, 0, 0, 7),                        /* ldx #7 */
		INSN(0x3c, 0, 0, 0),                        /* div x: 14 */
		INSN(0x64, 0, 0, 4),                        /* lsh 4: 224 */
		INSN(0x07, 0, 0, 0),                        /* tax */
		INSN(0x60, 0, 0, 3),                        /* ld M[3] */
		INSN(0x0c, 0, 0, 0),                        /* add x: 324 */
		INSN(0xa4, 0, 0, 1),                        /* xor 1: 325 */
		INSN(0x84, 0, 0, 0),                        /* neg */
		INSN(0x84, 0, 0, 0), INSN(0x94, 0, 0, 300), /* mod: 25 */
		INSN(0x16, 0, 0, 0),                        /* ret a */
	};
	CHECK_EQ(run(f, ARRAY_SIZE(f), &s), 25);
	const struct sock_filter_user zero[] = {
		INSN(0x00, 0, 0, 1), INSN(0x3c, 0, 0, 0), INSN(0x06, 0, 0, 9)};
	CHECK_EQ(run(zero, 3, &s), 0);
	const struct sock_filter_user numbers[] = {
		INSN(0x20, 0, 0, (uint32_t)(BPF_AD_OFF + BPF_AD_IFINDEX)), INSN(0x16, 0, 0, 0)};
	CHECK_EQ(run(numbers, 2, &s), 7);
	const struct sock_filter_user len[] = {INSN(0x80, 0, 0, 0), INSN(0x16, 0, 0, 0)};
	CHECK_EQ(run(len, 2, &s), 10);
}

TEST(bpf_refuses)
{
	const struct sock_filter_user bad[][2] = {
		{INSN(0x00, 0, 0, 1), INSN(0x00, 0, 0, 1)}, /* no ret at the end */
		{INSN(0x15, 1, 0, 1), INSN(0x06, 0, 0, 0)}, /* past the end */
		{INSN(0x05, 0, 0, 1), INSN(0x06, 0, 0, 0)},
		{INSN(0x05, 0, 0, ~0u), INSN(0x06, 0, 0, 0)}, /* backwards */
		{INSN(0x02, 0, 0, 16), INSN(0x06, 0, 0, 0)},  /* scratch memory has 16 words */
		{INSN(0x60, 0, 0, 16), INSN(0x06, 0, 0, 0)},
		{INSN(0x34, 0, 0, 0), INSN(0x06, 0, 0, 0)}, /* division by 0 */
		{INSN(0x64, 0, 0, 32), INSN(0x06, 0, 0, 0)},
		{INSN(0xff, 0, 0, 0), INSN(0x06, 0, 0, 0)},
		{INSN(0x100, 0, 0, 0), INSN(0x06, 0, 0, 0)},
		{INSN(0x106, 0, 0, 0), INSN(0x06, 0, 0, 0)},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(bpf_check(bad[i], 2), -EINVAL);
	CHECK_EQ(bpf_check(bad[0], 0), -EINVAL);
	CHECK_EQ(bpf_check(bad[0], BPF_MAX_INSNS + 1), -EINVAL);
}
