/* SPDX-License-Identifier: MIT */
/*
 * Receive-side scaling (VIRTIO 1.2, section 5.1.6.5.7): the device hashes a frame's addresses and ports by our key, and
 * looks in our table for the queue. Who does not know the key cannot choose flows that all come to one CPU. Pure.
 */
#ifndef DEV_NET_VIRTIO_NET_RSS_H
#define DEV_NET_VIRTIO_NET_RSS_H

#include <stdint.h>

#define VNET_RSS_LIMITS 7u /* bytes of device configuration, from rss_max_key_size on */
#define VNET_RSS_KEY    40u
#define VNET_RSS_TABLE  128u /* entries at most */
#define VNET_RSS_ORDER  (8u + 2 * VNET_RSS_TABLE + 3u + VNET_RSS_KEY)

/*
 * Writes the order's data. limits: of the device, as they stand in its configuration. pairs: of queues, each of which gets
 * its share of the table. Bytes; 0: the device hashes nothing that we know, or takes no key of VNET_RSS_KEY bytes.
 */
uint32_t vnet_rss_order(uint8_t out[VNET_RSS_ORDER], const uint8_t limits[VNET_RSS_LIMITS],
	uint32_t pairs, const uint8_t key[VNET_RSS_KEY]);

#endif
