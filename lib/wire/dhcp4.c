/* SPDX-License-Identifier: MIT */
/* DHCPv4 messages. See dhcp4.h. */
#include "wire/dhcp4.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/reader.h"
#include "wire/name.h"
#include "wire/writer.h"

#define COOKIE 0x63825363u

enum {
	OPT_PAD = 0,
	OPT_SUBNET_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_HOSTNAME = 12,
	OPT_DOMAIN = 15,
	OPT_MTU = 26,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER_ID = 54,
	OPT_PARAMETERS = 55,
	OPT_MAX_SIZE = 57,
	OPT_RENEWAL = 58,
	OPT_REBINDING = 59,
	OPT_CLIENT_ID = 61,
	OPT_ROUTES = 121,
	OPT_END = 255,
};

/* The three places where options may stand (RFC 2132, 9.3), in the order in which they continue each other. */
struct areas {
	struct reader area[3];
	size_t count;
};

/* An option, gathered from all its pieces (RFC 3396). */
struct option {
	uint8_t bytes[512];
	size_t len;
};

/* Adds the pieces of option `code` in one area. -EBADMSG: an option runs over the area's end. */
static int
gather_area(struct reader r, uint8_t code, struct option *out)
{
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);
		if (c == OPT_PAD)
			continue;
		if (c == OPT_END)
			return 0;
		uint8_t len = reader_u8(&r);
		const uint8_t *value = reader_take(&r, len);
		if (value == NULL)
			return -EBADMSG;
		if (c != code || out->len + len > sizeof(out->bytes))
			continue;
		memcpy(out->bytes + out->len, value, len);
		out->len += len;
	}
	return 0;
}

static int
gather(const struct areas *areas, uint8_t code, struct option *out)
{
	out->len = 0;
	for (size_t i = 0; i < areas->count; i++) {
		int err = gather_area(areas->area[i], code, out);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Numbers and addresses; what has another length, or is missing, is 0. Every area was walked to its end before. */
static uint8_t
get_u8(const struct areas *areas, uint8_t code)
{
	struct option o;
	return gather(areas, code, &o) == 0 && o.len == 1 ? o.bytes[0] : 0;
}

static uint16_t
get_u16(const struct areas *areas, uint8_t code)
{
	struct option o;
	return gather(areas, code, &o) == 0 && o.len == 2 ? load_be16(o.bytes) : 0;
}

static uint32_t
get_u32(const struct areas *areas, uint8_t code)
{
	struct option o;
	return gather(areas, code, &o) == 0 && o.len == 4 ? load_be32(o.bytes) : 0;
}

static uint32_t
get_address(const struct areas *areas, uint8_t code)
{
	return __builtin_bswap32(get_u32(areas, code));
}

static uint8_t
get_addresses(const struct areas *areas, uint8_t code, uint32_t *out, size_t max)
{
	struct option o;
	if (gather(areas, code, &o) < 0 || o.len % 4 != 0)
		return 0;
	size_t n = min(o.len / 4, max);
	memcpy(out, o.bytes, n * 4);
	return (uint8_t)n;
}

static void
get_name(const struct areas *areas, uint8_t code, char out[DHCP4_NAME_MAX + 1])
{
	struct option o;
	out[0] = '\0';
	if (gather(areas, code, &o) < 0)
		return;
	while (o.len > 0 && o.bytes[o.len - 1] == '\0')
		o.len--; /* some servers count a terminator */
	if (o.len <= DHCP4_NAME_MAX && wire_name_is_clean((const char *)o.bytes, o.len)) {
		memcpy(out, o.bytes, o.len);
		out[o.len] = '\0';
	}
}

/* Classless static routes (RFC 3442): a prefix length, as many bytes as it needs, a gateway. All or none. */
static uint8_t
get_routes(const struct areas *areas, struct dhcp4_route *out)
{
	struct option o;
	if (gather(areas, OPT_ROUTES, &o) < 0)
		return 0;
	struct reader r = reader_on(o.bytes, o.len);
	uint8_t n = 0;
	while (r.left > 0 && n < DHCP4_ROUTES_MAX) {
		struct dhcp4_route *route = &out[n++];
		route->prefix = reader_u8(&r);
		if (route->prefix > 32)
			return 0;
		const uint8_t *destination = reader_take(&r, (route->prefix + 7u) / 8);
		const uint8_t *gateway = reader_take(&r, 4);
		if (gateway == NULL)
			return 0;
		route->destination = 0;
		memcpy(&route->destination, destination, (route->prefix + 7u) / 8);
		memcpy(&route->gateway, gateway, 4);
	}
	return n;
}

static void
get_client_id(const struct areas *areas, struct dhcp4_message *out)
{
	struct option o;
	if (gather(areas, OPT_CLIENT_ID, &o) == 0 && o.len >= 2 && o.len <= DHCP4_ID_MAX) {
		memcpy(out->client_id, o.bytes, o.len);
		out->client_id_len = (uint8_t)o.len;
	}
}

/* Finds the areas. -EBADMSG: an option runs over one's end. */
static int
find_areas(const uint8_t *bytes, struct reader options, struct areas *areas)
{
	*areas = (struct areas){.area = {options}, .count = 1};
	struct option overload;
	int err = gather(areas, OPT_OVERLOAD, &overload);
	if (err < 0)
		return err;
	uint8_t which = overload.len == 1 ? overload.bytes[0] : 0;
	if (which & 1)
		areas->area[areas->count++] = reader_on(bytes + 108, 128); /* file */
	if (which & 2)
		areas->area[areas->count++] = reader_on(bytes + 44, 64); /* sname */
	return gather(areas, OPT_END, &overload);                        /* walks all of them */
}

static void
decode_options(const struct areas *areas, struct dhcp4_message *out)
{
	out->subnet_mask = get_address(areas, OPT_SUBNET_MASK);
	out->requested = get_address(areas, OPT_REQUESTED);
	out->server_id = get_address(areas, OPT_SERVER_ID);
	out->lease = get_u32(areas, OPT_LEASE);
	out->renewal = get_u32(areas, OPT_RENEWAL);
	out->rebinding = get_u32(areas, OPT_REBINDING);
	out->mtu = get_u16(areas, OPT_MTU);
	out->nr_routers = get_addresses(areas, OPT_ROUTER, out->routers, DHCP4_ROUTERS_MAX);
	out->nr_dns = get_addresses(areas, OPT_DNS, out->dns, DHCP4_DNS_MAX);
	out->nr_routes = get_routes(areas, out->routes);
	get_client_id(areas, out);
	get_name(areas, OPT_HOSTNAME, out->hostname);
	get_name(areas, OPT_DOMAIN, out->domain);
}

int
dhcp4_decode(const void *bytes, size_t n, struct dhcp4_message *out)
{
	const uint8_t *p = bytes;
	*out = (struct dhcp4_message){0};
	if (n < DHCP4_FIXED + 4 || load_be32(p + DHCP4_FIXED) != COOKIE)
		return -EBADMSG;
	if (p[1] != 1 || p[2] != 6)
		return -EBADMSG; /* not Ethernet */
	struct areas areas;
	int err = find_areas(p, reader_on(p + DHCP4_FIXED + 4, n - DHCP4_FIXED - 4), &areas);
	if (err < 0)
		return err;
	uint8_t type = get_u8(&areas, OPT_TYPE);
	if (type < DHCP4_DISCOVER || type > DHCP4_INFORM)
		return -EBADMSG;
	out->op = p[0];
	out->type = type;
	out->xid = load_be32(p + 4);
	out->secs = load_be16(p + 8);
	out->flags = load_be16(p + 10);
	memcpy(&out->ciaddr, p + 12, 4);
	memcpy(&out->yiaddr, p + 16, 4);
	memcpy(&out->siaddr, p + 20, 4);
	memcpy(&out->giaddr, p + 24, 4);
	memcpy(out->chaddr, p + 28, 6);
	decode_options(&areas, out);
	return 0;
}

static void
put_address(struct writer *w, uint8_t code, uint32_t address)
{
	if (address == 0)
		return;
	writer_u8(w, code);
	writer_u8(w, 4);
	writer_bytes(w, &address, 4);
}

static void
put_bytes(struct writer *w, uint8_t code, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	writer_u8(w, code);
	writer_u8(w, (uint8_t)n);
	writer_bytes(w, bytes, n);
}

static void
put_fixed(struct writer *w, const struct dhcp4_message *m)
{
	writer_u8(w, m->op);
	writer_u8(w, 1); /* Ethernet */
	writer_u8(w, 6);
	writer_u8(w, 0);
	writer_be32(w, m->xid);
	writer_be16(w, m->secs);
	writer_be16(w, m->flags);
	writer_bytes(w, &m->ciaddr, 4);
	writer_bytes(w, &m->yiaddr, 4);
	writer_bytes(w, &m->siaddr, 4);
	writer_bytes(w, &m->giaddr, 4);
	writer_bytes(w, m->chaddr, 6);
	writer_zero(w, 10 + 64 + 128);
	writer_be32(w, COOKIE);
}

size_t
dhcp4_encode(const struct dhcp4_message *m, void *bytes, size_t size)
{
	static const uint8_t parameters[] = {OPT_SUBNET_MASK, OPT_ROUTES, OPT_ROUTER, OPT_DNS,
		OPT_DOMAIN, OPT_MTU, OPT_LEASE, OPT_SERVER_ID, OPT_RENEWAL, OPT_REBINDING};
	struct writer w = writer_on(bytes, size);
	bool asks =
		m->type == DHCP4_DISCOVER || m->type == DHCP4_REQUEST || m->type == DHCP4_INFORM;

	put_fixed(&w, m);
	put_bytes(&w, OPT_TYPE, &m->type, 1);
	put_bytes(&w, OPT_CLIENT_ID, m->client_id, m->client_id_len);
	put_address(&w, OPT_REQUESTED, m->requested);
	put_address(&w, OPT_SERVER_ID, m->server_id);
	if (asks) {
		uint8_t max_size[2] = {DHCP4_MAX >> 8, DHCP4_MAX & 0xff};
		put_bytes(&w, OPT_MAX_SIZE, max_size, sizeof(max_size));
		put_bytes(&w, OPT_PARAMETERS, parameters, sizeof(parameters));
		put_bytes(&w, OPT_HOSTNAME, m->hostname, strlen(m->hostname));
	}
	writer_u8(&w, OPT_END);
	if (w.used < 300)
		writer_zero(&w, 300 - w.used);
	return w.failed ? 0 : w.used;
}
