/* SPDX-License-Identifier: MIT */
/*
 * Netlink requests: any bytes, every decoder, strict or not. What was decoded of addresses, routes and neighbours is
 * encoded again, into a buffer of any size, and must be well-formed.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/net/sock/netlink/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_extack(const struct nl_request *r, const struct nl_extack *x)
{
	if (x->bad != NULL && (x->bad < r->body || x->bad + 4 > r->body + r->len))
		abort();
}

static void
acknowledge(const struct nl_request *r, const struct nl_extack *x, uint32_t how)
{
	uint32_t size = nl_ack_size(r, x);
	uint8_t *bytes = malloc(size);
	struct nl_buf b = {.data = bytes, .size = size};
	if (bytes == NULL || !nl_encode_ack(&b, 1, r, -22, how, x))
		abort(); /* the size that was foretold must suffice */
	free(bytes);
}

static void
encode(const struct nl_request *r, uint32_t room)
{
	struct nl_extack x = {0};
	struct nl_addr_request a;
	struct nl_route_request t;
	uint8_t *bytes = malloc(room + 1);
	struct nl_buf b = {.data = bytes, .size = room};
	struct nlmsghdr h = {.nlmsg_type = 16};
	if (bytes == NULL)
		abort();
	if (nl_decode_addr(r, &a, &x) == 0) {
		struct nl_addr_info info = {.local = a.local, .peer = a.peer, .prefix = a.prefix};
		memcpy(info.label, a.label, sizeof(info.label));
		(void)nl_encode_addr(&b, &h, &info);
	}
	if (nl_decode_route(r, &t, &x) == 0) {
		struct nl_route_info info = {.dst = t.dst,
			.gateway = t.gateway,
			.has_gateway = t.has_gateway,
			.family = t.family,
			.dst_len = t.dst_len,
			.mtu = t.mtu};
		(void)nl_encode_route(&b, &h, &info);
	}
	uint32_t at = 0, seen = 0;
	struct nl_request again;
	while (nl_next_message(bytes, b.len, &at, &again))
		seen += NLMSG_ALIGN(again.header.nlmsg_len);
	if (b.len > room || seen != b.len)
		abort();
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nl_request r;
	uint32_t at = 0;
	if (size < 2 || size > 65536)
		return 0;
	uint32_t room = data[0] * 4u, how = data[1] & 3u;
	uint32_t len = (uint32_t)size - 2;
	uint8_t *copy = malloc(len + 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data + 2, len);
	while (nl_next_message(copy, len, &at, &r)) {
		struct nl_extack x[6] = {0};
		struct nl_link_request link;
		struct nl_addr_request addr;
		struct nl_route_request route;
		struct nl_neigh_request neigh;
		struct nl_dump_request dump;
		(void)nl_decode_link(&r, &link, &x[0]);
		(void)nl_decode_addr(&r, &addr, &x[1]);
		(void)nl_decode_route(&r, &route, &x[2]);
		(void)nl_decode_neigh(&r, &neigh, &x[3]);
		(void)nl_decode_dump(&r, true, &dump, &x[4]);
		(void)nl_decode_dump(&r, false, &dump, &x[5]);
		for (int i = 0; i < 6; i++) {
			check_extack(&r, &x[i]);
			acknowledge(&r, &x[i], how);
		}
		encode(&r, room);
	}
	free(copy);
	return 0;
}
