/* SPDX-License-Identifier: MIT */
/*
 * Any frames to an IP stack (frames.h). Bit 0 of flags: IPv4's and ICMPv6's
 * checksums are made right, or nothing would get far; bit 1: the destination is made ours; bits 2-4: time passes
 * afterwards; bit 5: from then on an allocation fails now and then.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/frames.h"
#include "tests/unit/ip_mock/ip_mock.h"
#include "tests/unit/net_mock/net_mock.h"
#include "wire/checksum.h"
#include "wire/ip4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static void
fix_ip4(uint8_t *ip, size_t n, bool ours)
{
	size_t header_len = (size_t)(ip[0] & 15) * 4;
	if (n < IP4_HEADER || header_len < IP4_HEADER || header_len > n)
		return;
	if (ours)
		memcpy(ip + IP4_AT_DEST, (uint8_t[]){10, 0, 0, 1}, 4);
	uint16_t sum = ip4_checksum(ip, header_len);
	memcpy(ip + IP4_AT_CHECKSUM, &sum, 2);
	if (ip[IP4_AT_PROTOCOL] <= 2 && n >= header_len + 4) { /* ICMP, IGMP */
		ip[header_len + 2] = ip[header_len + 3] = 0;
		sum = checksum_finish(checksum_add(0, ip + header_len, n - header_len));
		memcpy(ip + header_len + 2, &sum, 2);
	}
}

static void
fix_ip6(uint8_t *ip, size_t n, const struct net_addr *own)
{
	if (n < 44)
		return;
	if (own != NULL)
		memcpy(ip + 24, own, 16);
	if (ip[6] != 58)
		return;
	ip[42] = ip[43] = 0;
	uint64_t sum = checksum_pseudo(ip + 8, ip + 24, 16, (uint32_t)(n - 40), 58);
	uint16_t field = checksum_finish(checksum_add(sum, ip + 40, n - 40));
	memcpy(ip + 42, &field, 2);
}

static void
one_frame(struct netif *eth, uint8_t *frame, size_t n, uint8_t flags)
{
	struct ip_addr *own = ip_addr_first(eth, false);
	if ((flags & 2) != 0 && n >= 14)
		memcpy(frame, mac, 6);
	if ((flags & 1) != 0 && n > 34 && frame[12] == 8 && frame[13] == 0)
		fix_ip4(frame + 14, n - 14, (flags & 2) != 0);
	if ((flags & 1) != 0 && n > 54 && frame[12] == 0x86)
		fix_ip6(frame + 14, n - 14,
			(flags & 2) != 0 && own != NULL ? &own->conf.addr : NULL);
	ip_mock_receive(eth, frame, n);
	if ((flags >> 2 & 7) != 0)
		ip_mock_pass((flags >> 2 & 7) * 500 * NSEC_PER_MSEC);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	net_mock_begin();
	ip_mock_seed = 1;
	struct net_stack *net = ip_mock_stack();
	struct netif *eth = ip_mock_netif(net, mac, 1500);
	struct ip_addr_config c = {.addr = net_addr_v4(net_swap32(0x0a000001)), .prefix = 24};
	mutex_lock(&net->config_lock);
	if (ip_addr_add(eth, &c, false) != 0)
		abort();
	mutex_unlock(&net->config_lock);
	ip_mock_pass(3 * NSEC_PER_SEC);
	int64_t pages = net_mock_pages;
	struct frame f;
	while (frame_next(&data, &size, &f)) {
		if ((f.flags & 32) != 0)
			net_mock_fail_after = net_mock_allocations + f.n % 8;
		one_frame(eth, f.bytes, f.n, f.flags);
		net_mock_fail_after = NET_MOCK_NEVER;
		free(f.bytes);
	}
	ip_mock_set_up(eth, false);
	ip_mock_pass(200 * NSEC_PER_SEC); /* fragments are forgotten by then */
	if (net_mock_pages != pages)
		abort();
	return 0;
}
