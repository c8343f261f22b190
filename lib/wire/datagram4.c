/* SPDX-License-Identifier: MIT */
/* UDP datagrams over IPv4. See datagram4.h. */
#include "wire/datagram4.h"

#include <errno.h>
#include <string.h>

#include "base/reader.h"
#include "wire/checksum.h"
#include "wire/writer.h"

#define IP_HEADER  20u
#define UDP_HEADER 8u
#define UDP        17u
#define TTL        64u

/* The folded sum of the pseudo header, the UDP header and the payload. ip: the IPv4 header. */
static uint16_t
udp_sum(const uint8_t *ip, const uint8_t *udp, size_t n)
{
	uint64_t pseudo = checksum_pseudo(ip + 12, ip + 16, 4, (uint32_t)n, UDP);
	return checksum_fold(checksum_add(pseudo, udp, n));
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
		(load_be16(p + 6) & 0x3fff) != 0 ||
		checksum_fold(checksum_add(0, p, header)) != 0xffff)
		return -EBADMSG;
	const uint8_t *udp = p + header;
	size_t length = load_be16(udp + 4);
	if (length < UDP_HEADER || length > total - header)
		return -EBADMSG;
	if (!checksums_known && load_be16(udp + 6) != 0 && udp_sum(p, udp, length) != 0xffff)
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
	uint16_t ip_sum = checksum_finish(checksum_add(0, w.bytes, IP_HEADER));
	memcpy(w.bytes + 10, &ip_sum, sizeof(ip_sum));
	uint16_t sum = (uint16_t)~udp_sum(w.bytes, w.bytes + IP_HEADER, length);
	sum = sum == 0 ? 0xffff : sum; /* 0 says that there is none */
	memcpy(w.bytes + IP_HEADER + 6, &sum, sizeof(sum));
	return w.used;
}
