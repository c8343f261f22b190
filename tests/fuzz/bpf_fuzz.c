/* SPDX-License-Identifier: MIT */
/* Any program that the check lets through ends, and reads nothing outside the packet and its own memory. */
#include <string.h>

#include "base/macros.h"
#include "kernel/net/sock/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packet {
	const uint8_t *bytes;
	uint32_t len;
};

static bool
packet_load(const void *packet, int64_t offset, uint32_t n, uint8_t *out)
{
	const struct packet *p = packet;
	if (offset < 0 || offset + n > p->len)
		return false;
	memcpy(out, p->bytes + offset, n);
	return true;
}

static uint32_t
packet_number(const void *packet, uint32_t which)
{
	return which * 2654435761u;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sock_filter_user program[64];
	uint32_t n = (uint32_t)min(size / sizeof(program[0]), ARRAY_SIZE(program));
	if (n == 0)
		return 0;
	memcpy(program, data, n * sizeof(program[0]));
	if (bpf_check(program, n) != 0)
		return 0;
	size_t used = n * sizeof(program[0]);
	struct packet p = {data + used, (uint32_t)(size - used)};
	struct bpf_input in = {&p, p.len, packet_load, packet_number};
	(void)bpf_run(program, &in);
	return 0;
}
