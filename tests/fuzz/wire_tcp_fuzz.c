/* SPDX-License-Identifier: MIT */
/* TCP headers: what was decoded is encoded and decodes to the same. */
#include <stdlib.h>
#include <string.h>
#include "lib/wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_segment s, again;
	uint8_t header[TCP_HEADER_MAX];
	uint16_t src, dst;
	uint32_t seq;
	(void)tcp_decode_quoted(data, size, &src, &dst, &seq);
	if (!tcp_decode(data, size, &s))
		return 0;
	if (s.header_len + s.len != size || s.nr_sack > TCP_SACK_MAX)
		abort();
	uint32_t n = tcp_encode(&s, header);
	if (n > TCP_HEADER_MAX || n != tcp_header_length(&s) || !tcp_decode(header, n, &again))
		abort();
	if (again.seq != s.seq || again.ack != s.ack || again.flags != s.flags ||
		again.wnd != s.wnd)
		abort();
	if ((s.opts & TCP_HAS_TS) && (again.tsval != s.tsval || again.tsecr != s.tsecr))
		abort();
	return 0;
}
