/* SPDX-License-Identifier: MIT */
/*
 * DNS messages (RFC 1035, AAAA of RFC 3596): a query's bytes, and a walk over the records of an answer. Pure.
 */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/name.h"

#define DNS_PORT       53
#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28
#define DNS_CLASS_IN   1

struct dns_header {
	uint16_t id;
	bool response, truncated;
	uint8_t opcode, rcode;
	uint16_t questions, answers, authorities, additionals;
};

struct dns_record {
	char name[4 * WIRE_NAME_TEXT + 1];
	uint16_t type, class;
	uint32_t ttl; /* seconds; of a question 0 */
	/* Where its data stands in the message. Of a question both are 0. Of A and AAAA exactly 4 and 16 bytes. */
	size_t data, data_len;
};

/* A walk: questions, then answers, authorities, additionals. */
struct dns_walk {
	const uint8_t *message;
	size_t n, at;
	uint32_t questions, records; /* still to come */
};

/* Encodes a query for one name, recursion desired. Bytes, or 0: not a name, or it does not fit. */
[[nodiscard]] size_t dns_encode_query(
	uint16_t id, const char *name, uint16_t type, void *bytes, size_t size);

/* 0; -EBADMSG: shorter than a header. *walk begins at the first question. */
[[nodiscard]] int dns_decode(
	const void *bytes, size_t n, struct dns_header *header, struct dns_walk *walk);

/* 1: *out is the next one (question first); 0: there are no more; -EBADMSG: the message is damaged from here on. */
[[nodiscard]] int dns_next(struct dns_walk *walk, struct dns_record *out);

#endif
