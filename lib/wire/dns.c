/* SPDX-License-Identifier: MIT */
/* DNS messages. See dns.h. */
#include "wire/dns.h"

#include <errno.h>

#define HEADER 12u

size_t
dns_encode_query(uint16_t id, const char *name, uint16_t type, void *bytes, size_t size)
{
	struct writer w = writer_on(bytes, size);
	writer_be16(&w, id);
	writer_be16(&w, 0x0100); /* recursion desired */
	writer_be16(&w, 1);
	writer_zero(&w, 6);
	if (!wire_name_encode(&w, name))
		return 0;
	writer_be16(&w, type);
	writer_be16(&w, DNS_CLASS_IN);
	return w.failed ? 0 : w.used;
}

int
dns_decode(const void *bytes, size_t n, struct dns_header *header, struct dns_walk *walk)
{
	struct reader r = reader_on(bytes, n);
	*header = (struct dns_header){.id = reader_be16(&r)};
	uint16_t flags = reader_be16(&r);
	header->response = (flags & 0x8000) != 0;
	header->truncated = (flags & 0x0200) != 0;
	header->opcode = (flags >> 11) & 15;
	header->rcode = flags & 15;
	header->questions = reader_be16(&r);
	header->answers = reader_be16(&r);
	header->authorities = reader_be16(&r);
	header->additionals = reader_be16(&r);
	*walk = (struct dns_walk){0};
	if (r.failed) {
		*header = (struct dns_header){0};
		return -EBADMSG;
	}
	*walk = (struct dns_walk){
		.message = bytes,
		.n = n,
		.at = HEADER,
		.questions = header->questions,
		.records = (uint32_t)header->answers + header->authorities + header->additionals,
	};
	return 0;
}

static bool
data_is_sound(const struct dns_record *record)
{
	if (record->class != DNS_CLASS_IN)
		return true;
	if (record->type == DNS_TYPE_A)
		return record->data_len == 4;
	return record->type != DNS_TYPE_AAAA || record->data_len == 16;
}

/* What follows a name: type and class, and for records the rest. */
static int
read_fields(struct dns_walk *walk, bool question, struct dns_record *out)
{
	struct reader r = reader_on(walk->message + walk->at, walk->n - walk->at);
	out->type = reader_be16(&r);
	out->class = reader_be16(&r);
	if (!question) {
		out->ttl = reader_be32(&r);
		out->data_len = reader_be16(&r);
		out->data = walk->n - r.left;
		(void)reader_take(&r, out->data_len);
	}
	if (r.failed || (!question && !data_is_sound(out)))
		return -EBADMSG;
	walk->at = walk->n - r.left;
	return 1;
}

int
dns_next(struct dns_walk *walk, struct dns_record *out)
{
	*out = (struct dns_record){0};
	bool question = walk->questions != 0;
	if (!question && walk->records == 0)
		return 0;
	int end = wire_name_decode(walk->message, walk->n, walk->at, out->name);
	if (end >= 0) {
		walk->at = (size_t)end;
		end = read_fields(walk, question, out);
	}
	if (end < 0) {
		walk->questions = walk->records = 0;
		*out = (struct dns_record){0};
		return end;
	}
	if (question)
		walk->questions--;
	else
		walk->records--;
	return 1;
}
