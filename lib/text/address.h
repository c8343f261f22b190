/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses as text: dotted decimal (four numbers, no leading zeros, as inet_pton), RFC 4291's forms for IPv6 read,
 * RFC 5952's written. Bytes are in network order. Pure.
 */
#ifndef TEXT_ADDRESS_H
#define TEXT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/span.h"

struct text_address {
	uint8_t family;    /* 4 or 6; 0: none */
	uint8_t bytes[16]; /* 4 or 16 of them */
};

#define TEXT_ADDRESS_MAX 46 /* the longest text with its NUL */

/* 0 or -EINVAL; *out is {0} then. No zone, no port, no prefix. */
[[nodiscard]] int text_address_parse(struct span s, struct text_address *out);
/* "address/prefix", the prefix at most 32 or 128. 0 or -EINVAL. */
[[nodiscard]] int text_prefix_parse(struct span s, struct text_address *out, uint8_t *prefix);
/* "1.2.3.4:80", "[::1]:80", "*:80" (every address, family 6, all zero). Port 1 to 65535. 0 or -EINVAL. */
[[nodiscard]] int text_endpoint_parse(struct span s, struct text_address *out, uint16_t *port);
/* Writes text and a NUL; returns its length. */
size_t text_address_format(const struct text_address *a, char out[TEXT_ADDRESS_MAX]);

bool text_address_is_link_local(const struct text_address *a); /* fe80::/10 or 169.254/16 */

#endif
