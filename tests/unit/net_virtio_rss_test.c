/* SPDX-License-Identifier: MIT */
/* The order that has a device spread flows over its queues: VIRTIO 1.2, 5.1.6.5.7. */
#include <string.h>

#include "dev/net/virtio_net_rss.h"
#include "tests/unit/test.h"

static uint8_t out[VNET_RSS_ORDER], key[VNET_RSS_KEY];

static uint32_t
le16(uint32_t at)
{
	return out[at] | (uint32_t)out[at + 1] << 8;
}

static uint32_t
order(uint8_t key_size, uint32_t entries, uint32_t types, uint32_t pairs)
{
	uint8_t limits[VNET_RSS_LIMITS] = {key_size, (uint8_t)entries, (uint8_t)(entries >> 8),
		(uint8_t)types, (uint8_t)(types >> 8), 0, 0};
	for (uint32_t i = 0; i < VNET_RSS_KEY; i++)
		key[i] = (uint8_t)(100 + i);
	memset(out, 0xee, sizeof(out));
	return vnet_rss_order(out, limits, pairs, key);
}

TEST(virtio_rss_order_spreads_flows_evenly)
{
	CHECK_EQ(order(40, 128, 0x1ff, 3), VNET_RSS_ORDER);
	CHECK_EQ(le16(0), 0x3f); /* no type that stands for extension headers */
	CHECK_EQ(le16(2), 0);
	CHECK_EQ(le16(4), 127);
	CHECK_EQ(le16(6), 0);
	for (uint32_t i = 0; i < 128; i++)
		CHECK_EQ(le16(8 + 2 * i), i % 3);
	CHECK_EQ(le16(8 + 256), 3);
	CHECK_EQ(out[10 + 256], 40);
	CHECK_MEM(out + 11 + 256, key, 40);
}

TEST(virtio_rss_order_is_no_larger_than_the_device_takes)
{
	CHECK_EQ(order(52, 100, 3, 2), 8 + 2 * 64 + 3 + 40);
	CHECK_EQ(le16(0), 3);
	CHECK_EQ(le16(4), 63);
	CHECK_EQ(le16(8 + 2 * 64), 2);
	CHECK_EQ(order(40, 65535, 1, 128), VNET_RSS_ORDER);
}

TEST(virtio_rss_order_is_none_where_the_device_cannot)
{
	CHECK_EQ(order(39, 128, 0x3f, 2), 0);
	CHECK_EQ(order(40, 0, 0x3f, 2), 0);
	CHECK_EQ(order(40, 1, 0x3f, 2), 0);
	CHECK_EQ(order(40, 128, 0x1c0, 2), 0);
	CHECK_EQ(order(40, 128, 0x3f, 129), 0);
}
