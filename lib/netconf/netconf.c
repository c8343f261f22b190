/* SPDX-License-Identifier: MIT */
/* The reader of the network's configuration. See netconf.h. */
#include "netconf/netconf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macros.h"
#include "wire/name.h"

#define MTU_MIN 1280u /* RFC 8200, 5: what IPv6 needs */
#define MTU_MAX 65535u

/* Each reads one value into *out; NULL, or why it is none. */
typedef const char *(*value_fn)(struct span value, struct netconf_directive *out);

static const char *
read_interface(struct span value, struct netconf_directive *out)
{
	if (value.len > NETCONF_NAME_MAX)
		return "an interface's name has at most 15 characters";
	for (size_t i = 0; i < value.len; i++) {
		char c = value.text[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' &&
			c != '_')
			return "an interface's name has letters a-z, digits, '.', '-' and '_'";
	}
	out->name = value;
	return NULL;
}

static const char *
read_static(struct span value, uint8_t family, struct netconf_directive *out)
{
	out->mode = NETCONF_STATIC;
	if (text_prefix_parse(value, &out->address, &out->prefix) < 0)
		return family == 4
			? "expected dhcp, off or an address with its prefix, as 192.0.2.5/24"
			: "expected auto, off or an address with its prefix, as 2001:db8::5/64";
	if (out->address.family != family)
		return family == 4 ? "this is an IPv6 address: write it after ipv6"
				   : "this is an IPv4 address: write it after ipv4";
	uint8_t top = out->address.bytes[0];
	if (out->prefix == 0 || (family == 4 && (top == 0 || top == 127 || top >= 224)) ||
		(family == 6 && top == 0xff))
		return "no interface can have this address";
	return NULL;
}

static const char *
read_ipv4(struct span value, struct netconf_directive *out)
{
	out->mode = span_equal(value, "dhcp") ? NETCONF_AUTOMATIC : NETCONF_OFF;
	if (span_equal(value, "dhcp") || span_equal(value, "off"))
		return NULL;
	return read_static(value, 4, out);
}

static const char *
read_ipv6(struct span value, struct netconf_directive *out)
{
	out->mode = span_equal(value, "auto") ? NETCONF_AUTOMATIC : NETCONF_OFF;
	if (span_equal(value, "auto") || span_equal(value, "off"))
		return NULL;
	return read_static(value, 6, out);
}

static const char *
read_address(struct span value, struct netconf_directive *out)
{
	static const uint8_t any[16];
	if (text_address_parse(value, &out->address) < 0)
		return "expected an IPv4 or IPv6 address";
	if (memcmp(out->address.bytes, any, sizeof(any)) == 0)
		return "the unspecified address is nobody's";
	return NULL;
}

static const char *
read_search(struct span value, struct netconf_directive *out)
{
	if (!wire_name_is_clean(value.text, value.len))
		return "expected a domain name";
	out->name = value;
	return NULL;
}

static const char *
read_mtu(struct span value, struct netconf_directive *out)
{
	uint64_t n = 0;
	if (span_number(value, MTU_MAX, &n) < 0 || n < MTU_MIN)
		return "expected a number from 1280 to 65535";
	out->number = (uint32_t)n;
	return NULL;
}

static const struct {
	const char *name;
	value_fn read;
	bool several; /* values on one line */
} keys[] = {
	[NETCONF_INTERFACE] = {"interface", read_interface, false},
	[NETCONF_IPV4] = {"ipv4", read_ipv4, true},
	[NETCONF_IPV6] = {"ipv6", read_ipv6, true},
	[NETCONF_GATEWAY] = {"gateway", read_address, true},
	[NETCONF_DNS] = {"dns", read_address, true},
	[NETCONF_SEARCH] = {"search", read_search, true},
	[NETCONF_MTU] = {"mtu", read_mtu, false},
};

static int
fail(const struct netconf_walk *walk, const char *at, const char *why, struct netconf_error *error)
{
	*error = (struct netconf_error){
		.line = walk->line, .column = (size_t)(at - walk->line_text) + 1, .why = why};
	return -EINVAL;
}

/* Steps to the next line that says something: its key is in walk->key, its values in walk->values. 1, 0 or -EINVAL. */
static int
next_line(struct netconf_walk *walk, struct netconf_error *error)
{
	struct span line, word, rest;
	for (;;) {
		if (!span_cut(&walk->rest, '\n', &line))
			return 0;
		walk->line++;
		walk->line_text = line.text;
		struct span comment;
		rest = line;
		if (!span_cut(&rest, '#', &comment))
			continue;
		rest = comment;
		if (span_word(&rest, &word))
			break;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!span_equal(word, keys[i].name))
			continue;
		walk->key = (enum netconf_key)i;
		walk->values = span_trim(rest);
		if (walk->values.len == 0)
			return fail(walk, word.text + word.len, "a value is missing", error);
		return 1;
	}
	return fail(walk, word.text, "expected interface, ipv4, ipv6, gateway, dns, search or mtu",
		error);
}

int
netconf_next(struct netconf_walk *walk, struct netconf_directive *out, struct netconf_error *error)
{
	struct span value;
	*out = (struct netconf_directive){0};
	*error = (struct netconf_error){0};
	if (!span_word(&walk->values, &value)) {
		int more = next_line(walk, error);
		if (more <= 0)
			return more;
		(void)span_word(&walk->values, &value); /* next_line() saw one */
	}
	out->key = walk->key;
	const char *why = keys[walk->key].read(value, out);
	if (why != NULL) {
		*out = (struct netconf_directive){0};
		return fail(walk, value.text, why, error);
	}
	struct span extra = walk->values;
	if (!keys[walk->key].several && span_word(&extra, &value)) {
		*out = (struct netconf_directive){0};
		return fail(walk, value.text, "one value only", error);
	}
	return 1;
}

/* What was said of one family of the interface at hand. */
struct family_state {
	bool automatic, off, is_static, gateway;
};

/* Whether an earlier line names the same interface. */
static bool
named_before(struct span text, const struct netconf_walk *until, struct span name)
{
	struct netconf_walk walk = {.rest = text};
	struct netconf_directive d;
	struct netconf_error ignored;
	while (netconf_next(&walk, &d, &ignored) > 0 && walk.line < until->line)
		if (d.key == NETCONF_INTERFACE && d.name.len == name.len &&
			memcmp(d.name.text, name.text, name.len) == 0)
			return true;
	return false;
}

static const char *
check_family(struct family_state *f, enum netconf_mode mode)
{
	if (f->automatic || f->off || (f->is_static && mode != NETCONF_STATIC))
		return "the lines before say otherwise for this family";
	f->automatic = mode == NETCONF_AUTOMATIC;
	f->off = mode == NETCONF_OFF;
	f->is_static = mode == NETCONF_STATIC;
	return NULL;
}

static const char *
check_gateway(struct family_state *f)
{
	if (!f->is_static)
		return "a gateway needs a static address of its family before it";
	if (f->gateway)
		return "this family has a gateway already";
	f->gateway = true;
	return NULL;
}

struct check_state {
	bool in_interface, mtu;
	struct family_state family[2]; /* IPv4, IPv6 */
};

static const char *
check_directive(struct check_state *state, const struct netconf_directive *d, bool repeated)
{
	if (d->key == NETCONF_INTERFACE) {
		*state = (struct check_state){.in_interface = true};
		return repeated ? "this interface has lines already" : NULL;
	}
	if (d->key == NETCONF_DNS || d->key == NETCONF_SEARCH)
		return NULL;
	if (!state->in_interface)
		return "an interface line comes first";
	switch (d->key) {
	case NETCONF_IPV4:
		return check_family(&state->family[0], d->mode);
	case NETCONF_IPV6:
		return check_family(&state->family[1], d->mode);
	case NETCONF_GATEWAY:
		return check_gateway(&state->family[d->address.family == 6]);
	default:
		if (state->mtu)
			return "the MTU was given already";
		state->mtu = true;
		return NULL;
	}
}

int
netconf_check(struct span text, struct netconf_error *error)
{
	struct netconf_walk walk = {.rest = text};
	struct netconf_directive d;
	struct check_state state = {0};
	int more;
	while ((more = netconf_next(&walk, &d, error)) > 0) {
		bool repeated = d.key == NETCONF_INTERFACE && named_before(text, &walk, d.name);
		const char *why = check_directive(&state, &d, repeated);
		if (why != NULL)
			return fail(&walk, walk.line_text, why, error);
	}
	return more;
}
