/* SPDX-License-Identifier: MIT */
/*
 * The back end of packet scripts that is our core: commands on standard input, a line each, answers on standard output:
 *
 *	in IP LEN HEADER       a segment arrives: TCP_IP_* bits, bytes of payload, its header in hexadecimal
 *	icmp SEQ MTU ERRNO     an ICMP error that quotes SEQ
 *	step NS                to the next thing that is due, but no further than NS
 *	call NAME [ARGUMENTS]  what the user does
 *	config NAME VALUE      before the first of those
 *	info NAME              a number of the connection's
 *
 * Every segment that is sent meanwhile is `sent NS IP LEN HEADER`; a command ends with `done NS RESULT`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "tests/script/core/endpoint.h"

static void
print_segment(struct endpoint *p, const struct tcp_segment *seg)
{
	uint8_t header[TCP_HEADER_MAX];
	uint32_t n = tcp_encode(seg, header);
	printf("sent %" PRIu64 " %u %u ", p->now, seg->ip, seg->len);
	for (uint32_t i = 0; i < n; i++)
		printf("%02x", header[i]);
	printf("\n");
}

/* -EINVAL: not a header. */
static int
command_in(struct endpoint *p, const char *ip, const char *len, const char *hex)
{
	static uint8_t bytes[TCP_HEADER_MAX + 65536];
	size_t n = strlen(hex) / 2;
	struct tcp_segment seg;
	if (n > TCP_HEADER_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	uint32_t payload = (uint32_t)strtoul(len, NULL, 10);
	if (payload > 65535 || !tcp_decode(bytes, n + payload, &seg))
		return -EINVAL;
	seg.ip = (uint8_t)strtoul(ip, NULL, 10);
	endpoint_input(p, &seg);
	return 0;
}

static int
command_step(struct endpoint *p, const char *until)
{
	uint64_t limit = strtoull(until, NULL, 10), at = endpoint_deadline(p);
	if (at > limit) {
		p->now = max(p->now, limit);
		return 0;
	}
	p->now = max(p->now, at);
	endpoint_timers(p);
	return 1;
}

static int
command_call(struct endpoint *p, char **word, uint32_t count)
{
	uint32_t n = count > 1 ? (uint32_t)strtoul(word[1], NULL, 10) : 0;
	const char *extra = count > 2 ? word[2] : "";
	if (strcmp(word[0], "listen") == 0)
		return p->listening = true, 0;
	if (strcmp(word[0], "connect") == 0)
		return endpoint_connect(p);
	if (strcmp(word[0], "accept") == 0)
		return endpoint_accept(p);
	if (strcmp(word[0], "write") == 0)
		return endpoint_write(p, n,
			strcmp(extra, "more") == 0          ? TCP_WRITE_MORE
				: strcmp(extra, "oob") == 0 ? TCP_WRITE_OOB
							    : 0);
	if (strcmp(word[0], "read") == 0)
		return endpoint_read(p, n);
	if (strcmp(word[0], "readoob") == 0)
		return endpoint_readoob(p);
	if (strcmp(word[0], "shutdown") == 0)
		return endpoint_shutdown(p);
	if (strcmp(word[0], "close") == 0)
		return endpoint_close(p);
	if (strcmp(word[0], "set") == 0)
		return endpoint_set(p, word[1], (uint32_t)strtoul(extra, NULL, 10));
	if (strcmp(word[0], "error") == 0)
		return -endpoint_error(p);
	return -EINVAL;
}

static void
offer(struct endpoint *p, uint32_t option, bool on)
{
	p->offers = on ? p->offers | option : p->offers & ~option;
}

static int
command_config(struct endpoint *p, const char *name, const char *value)
{
	uint32_t n = (uint32_t)strtoul(value, NULL, 10);
	if (strcmp(name, "mss") == 0)
		p->mss = n;
	else if (strcmp(name, "rcvbuf") == 0)
		p->buffer = n;
	else if (strcmp(name, "timestamps") == 0)
		offer(p, TCP_HAS_TS, n != 0);
	else if (strcmp(name, "sack") == 0)
		offer(p, TCP_HAS_SACKOK, n != 0);
	else if (strcmp(name, "wscale") == 0)
		offer(p, TCP_HAS_WSCALE, n != 0);
	else if (strcmp(name, "cookies") == 0)
		p->cookies = n == 2;
	else if (strcmp(name, "cc") == 0)
		p->cc = strcmp(value, "cubic") == 0 ? TCP_CC_CUBIC : TCP_CC_RENO;
	else if (strcmp(name, "ecn") == 0) {
		p->conn_flags |= n == 1 ? TCPF_ECN_ASK : 0;
		p->ecn_listen = n != 0;
	} else
		return -EINVAL;
	return 0;
}

static int64_t
command(struct endpoint *p, char **word, uint32_t count)
{
	if (count == 4 && strcmp(word[0], "in") == 0)
		return command_in(p, word[1], word[2], word[3]);
	if (count == 4 && strcmp(word[0], "icmp") == 0) {
		endpoint_icmp(p, (uint32_t)strtoul(word[1], NULL, 10),
			(uint32_t)strtoul(word[2], NULL, 10), (uint16_t)strtoul(word[3], NULL, 10));
		return 0;
	}
	if (count == 2 && strcmp(word[0], "step") == 0)
		return command_step(p, word[1]);
	if (count >= 2 && strcmp(word[0], "call") == 0)
		return command_call(p, word + 1, count - 1);
	if (count == 3 && strcmp(word[0], "config") == 0)
		return command_config(p, word[1], word[2]);
	if (count == 2 && strcmp(word[0], "info") == 0)
		return endpoint_info(p, word[1]);
	return -EINVAL;
}

int
main(void)
{
	static char line[512];
	struct endpoint p = {.transmit = print_segment};
	endpoint_init(&p);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *word[6], *rest = line;
		uint32_t count = 0;
		while (count < ARRAY_SIZE(word) &&
			(word[count] = strtok_r(rest, " \n", &rest)) != NULL)
			count++;
		int64_t result = count > 0 ? command(&p, word, count) : -EINVAL;
		printf("done %" PRIu64 " %" PRId64 "\n", p.now, result);
		fflush(stdout);
	}
	endpoint_free(&p);
	return 0;
}
