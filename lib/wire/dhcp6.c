/* SPDX-License-Identifier: MIT */
/* DHCPv6 messages. See dhcp6.h. */
#include "wire/dhcp6.h"

#include <errno.h>
#include <string.h>

#include "base/reader.h"
#include "wire/writer.h"

enum {
	OPT_CLIENT_ID = 1,
	OPT_SERVER_ID = 2,
	OPT_IA_NA = 3,
	OPT_IA_ADDR = 5,
	OPT_REQUEST = 6,
	OPT_PREFERENCE = 7,
	OPT_ELAPSED = 8,
	OPT_STATUS = 13,
	OPT_RAPID_COMMIT = 14,
	OPT_DNS = 23,
	OPT_DOMAINS = 24,
	OPT_INFORMATION_REFRESH = 32,
};

/* The next option's code and value. false: none is left, or r has failed. */
static bool
next_option(struct reader *r, uint16_t *code, struct reader *value)
{
	if (r->failed || r->left == 0)
		return false;
	*code = reader_be16(r);
	uint16_t len = reader_be16(r);
	const uint8_t *at = reader_take(r, len);
	*value = reader_on(at, at == NULL ? 0 : len);
	return at != NULL;
}

static int
decode_duid(struct reader value, struct dhcp6_duid *out)
{
	if (value.left < 3 || value.left > DHCP6_DUID_MAX)
		return -EBADMSG;
	memcpy(out->bytes, value.at, value.left);
	out->len = (uint8_t)value.left;
	return 0;
}

static void
decode_status(struct reader value, struct dhcp6_message *out)
{
	uint16_t status = reader_be16(&value);
	if (!value.failed && status != DHCP6_STATUS_SUCCESS)
		out->status = status;
}

static int
decode_address(struct reader value, struct dhcp6_message *out)
{
	const uint8_t *address = reader_take(&value, 16);
	uint32_t preferred = reader_be32(&value), valid = reader_be32(&value);
	uint16_t code;
	struct reader inner;
	if (value.failed)
		return -EBADMSG;
	while (next_option(&value, &code, &inner))
		if (code == OPT_STATUS)
			decode_status(inner, out);
	if (value.failed)
		return -EBADMSG;
	if (preferred > valid || out->has_address)
		return 0;
	out->has_address = true;
	memcpy(out->address, address, 16);
	out->preferred = preferred;
	out->valid = valid;
	return 0;
}

static int
decode_ia(struct reader value, struct dhcp6_message *out)
{
	uint32_t iaid = reader_be32(&value), t1 = reader_be32(&value), t2 = reader_be32(&value);
	uint16_t code;
	struct reader inner;
	if (value.failed)
		return -EBADMSG;
	if (out->has_ia || (t1 > t2 && t2 > 0))
		return 0;
	out->has_ia = true;
	out->iaid = iaid;
	out->t1 = t1;
	out->t2 = t2;
	while (next_option(&value, &code, &inner)) {
		int err = 0;
		if (code == OPT_IA_ADDR)
			err = decode_address(inner, out);
		else if (code == OPT_STATUS)
			decode_status(inner, out);
		if (err < 0)
			return err;
	}
	return value.failed ? -EBADMSG : 0;
}

static void
decode_dns(struct reader value, struct dhcp6_message *out)
{
	if (value.left % 16 != 0)
		return;
	const uint8_t *address;
	while (out->nr_dns < DHCP6_DNS_MAX && value.left > 0 &&
		(address = reader_take(&value, 16)) != NULL)
		memcpy(out->dns[out->nr_dns++], address, 16);
}

static void
decode_domains(struct reader value, struct dhcp6_message *out)
{
	char name[4 * WIRE_NAME_TEXT + 1];
	if (out->domain[0] != '\0' || value.left == 0 ||
		wire_name_decode(value.at, value.left, 0, name) < 0)
		return;
	size_t n = strlen(name);
	if (wire_name_is_clean(name, n))
		memcpy(out->domain, name, n + 1);
}

static int
decode_option(uint16_t code, struct reader value, struct dhcp6_message *out)
{
	switch (code) {
	case OPT_CLIENT_ID:
		return decode_duid(value, &out->client);
	case OPT_SERVER_ID:
		return decode_duid(value, &out->server);
	case OPT_IA_NA:
		return decode_ia(value, out);
	case OPT_PREFERENCE:
		out->preference = reader_u8(&value);
		return 0;
	case OPT_ELAPSED:
		out->elapsed = reader_be16(&value);
		return 0;
	case OPT_STATUS:
		decode_status(value, out);
		return 0;
	case OPT_RAPID_COMMIT:
		out->rapid_commit = true;
		return 0;
	case OPT_DNS:
		decode_dns(value, out);
		return 0;
	case OPT_DOMAINS:
		decode_domains(value, out);
		return 0;
	case OPT_INFORMATION_REFRESH:
		out->information_refresh = reader_be32(&value);
		return 0;
	default:
		return 0;
	}
}

int
dhcp6_decode(const void *bytes, size_t n, struct dhcp6_message *out)
{
	struct reader r = reader_on(bytes, n), value;
	uint16_t code;

	*out = (struct dhcp6_message){0};
	uint32_t first = reader_be32(&r);
	int err = r.failed ? -EBADMSG : 0;
	out->type = (uint8_t)(first >> 24);
	out->xid = first & 0xffffff;
	while (err == 0 && next_option(&r, &code, &value))
		err = decode_option(code, value, out);
	if (err == 0 && r.failed)
		err = -EBADMSG;
	if (err < 0)
		*out = (struct dhcp6_message){0};
	return err;
}

static void
put_option(struct writer *w, uint16_t code, const void *value, uint16_t n)
{
	writer_be16(w, code);
	writer_be16(w, n);
	writer_bytes(w, value, n);
}

static void
put_duid(struct writer *w, uint16_t code, const struct dhcp6_duid *duid)
{
	if (duid->len != 0)
		put_option(w, code, duid->bytes, duid->len);
}

static void
put_ia(struct writer *w, const struct dhcp6_message *m)
{
	writer_be16(w, OPT_IA_NA);
	writer_be16(w, m->has_address ? 12 + 4 + 24 : 12);
	writer_be32(w, m->iaid);
	writer_be32(w, m->t1);
	writer_be32(w, m->t2);
	if (!m->has_address)
		return;
	writer_be16(w, OPT_IA_ADDR);
	writer_be16(w, 24);
	writer_bytes(w, m->address, 16);
	writer_be32(w, m->preferred);
	writer_be32(w, m->valid);
}

size_t
dhcp6_encode(const struct dhcp6_message *m, void *bytes, size_t size)
{
	struct writer w = writer_on(bytes, size);
	writer_be32(&w, (uint32_t)m->type << 24 | (m->xid & 0xffffff));
	put_duid(&w, OPT_CLIENT_ID, &m->client);
	put_duid(&w, OPT_SERVER_ID, &m->server);
	writer_be16(&w, OPT_ELAPSED);
	writer_be16(&w, 2);
	writer_be16(&w, m->elapsed);
	if (m->rapid_commit)
		put_option(&w, OPT_RAPID_COMMIT, NULL, 0);
	if (m->has_ia)
		put_ia(&w, m);
	writer_be16(&w, OPT_REQUEST);
	writer_be16(&w, 6);
	writer_be16(&w, OPT_DNS);
	writer_be16(&w, OPT_DOMAINS);
	writer_be16(&w, OPT_INFORMATION_REFRESH);
	return w.failed ? 0 : w.used;
}
