/* SPDX-License-Identifier: MIT */
/* UDP datagrams over IPv4. See datagram4.h. */
#include "wire/datagram4.h"

#include <errno.h>
#include <string.h>

#include "base/reader.h"
#include "wire/writer.h"

#define IP_HEADER  20u
#define UDP_HEADER 8u
#define UDP        17u
#define TTL        64u

/* The sum of 16-bit words (RFC 1071), an odd last byte padded; n is below 64 KiB, so that it cannot overflow. */
static uint32_t
sum_words(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += load_be16(p + i);
	return n % 2 != 0 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of the pseudo header, the UDP header and the payload. addresses: source and destination, as they stand. */
static uint16_t
udp_sum(const uint8_t *addresses, const uint8_t *udp, size_t n)
{
	return fold(sum_words(udp, n, sum_words(addresses, 8, UDP + (uint32_t)n)));
}

int
datagram4_decode(const void *bytes, size_t n, _Bool checksums_known, struct datagram4 *out)
{
	const uint8_t *p = bytes;
	*out = (struct datagram4){0};
	if (n < IP_HEADER || p[0] >> 4 != 4)
		return -EBADMSG;
	size_t header = (size_t)(p[0] & 15) * 4, total = load_be16(p + 2);
	if (header < IP_HEADER || total > n || total < header + UDP_HEADER || p[9] != UDP ||
		(load_be16(p + 6) & 0x3fff) != 0 || fold(sum_words(p, header, 0)) != 0xffff)
		return -EBADMSG;
	const uint8_t *udp = p + header;
	size_t length = load_be16(udp + 4);
	if (length < UDP_HEADER || length > total - header)
		return -EBADMSG;
	if (!checksums_known && load_be16(udp + 6) != 0 && udp_sum(p + 12, udp, length) != 0xffff)
		return -EBADMSG;
	memcpy(&out->source, p + 12, 4);
	memcpy(&out->destination, p + 16, 4);
	out->source_port = load_be16(udp);
	out->destination_port = load_be16(udp + 2);
	out->payload = udp + UDP_HEADER;
	out->payload_len = length - UDP_HEADER;
	return 0;
}

size_t
datagram4_encode(const struct datagram4 *d, void *bytes, size_t size)
{
	struct writer w = writer_on(bytes, size);
	size_t length = UDP_HEADER + d->payload_len;
	if (length > UINT16_MAX - IP_HEADER)
		return 0;
	writer_be16(&w, 0x4500);
	writer_be16(&w, (uint16_t)(IP_HEADER + length));
	writer_be32(&w, 0); /* no identification, no fragments */
	writer_u8(&w, TTL);
	writer_u8(&w, UDP);
	writer_be16(&w, 0);
	writer_bytes(&w, &d->source, 4);
	writer_bytes(&w, &d->destination, 4);
	writer_be16(&w, d->source_port);
	writer_be16(&w, d->destination_port);
	writer_be16(&w, (uint16_t)length);
	writer_be16(&w, 0);
	writer_bytes(&w, d->payload, d->payload_len);
	if (w.failed)
		return 0;
	writer_patch_be16(&w, 10, (uint16_t)~fold(sum_words(w.bytes, IP_HEADER, 0)));
	uint16_t sum = (uint16_t)~udp_sum(w.bytes + 12, w.bytes + IP_HEADER, length);
	writer_patch_be16(&w, IP_HEADER + 6, sum == 0 ? 0xffff : sum);
	return w.used;
}
