/* SPDX-License-Identifier: MIT */
/* The network's configuration and addresses as text: any bytes. What is accepted must satisfy what netd relies on. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "netconf/netconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
	if (!condition)
		abort();
}

static void
try_address(struct span text)
{
	struct text_address a, again;
	char out[TEXT_ADDRESS_MAX];
	uint8_t prefix;
	uint16_t port;
	if (text_address_parse(text, &a) == 0) {
		require(text_address_format(&a, out) < sizeof(out));
		require(text_address_parse(span_of(out), &again) == 0);
		require(memcmp(&a, &again, sizeof(a)) == 0);
	}
	if (text_prefix_parse(text, &a, &prefix) == 0)
		require(prefix <= (a.family == 4 ? 32 : 128));
	if (text_endpoint_parse(text, &a, &port) == 0)
		require(port != 0 && a.family != 0);
}

static void
try_file(struct span text)
{
	struct netconf_error error;
	struct netconf_directive d;
	struct netconf_walk walk = {.rest = text};
	bool good = netconf_check(text, &error) == 0;
	int more;
	if (!good)
		require(error.line > 0 && error.column > 0 && error.why != NULL);
	while ((more = netconf_next(&walk, &d, &error)) > 0)
		require(d.key != NETCONF_INTERFACE ||
			(d.name.len > 0 && d.name.len <= NETCONF_NAME_MAX));
	require(!good || more == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Without a terminator, so that reading beyond the end shows. */
	char *copy = malloc(size == 0 ? 1 : size);
	memcpy(copy, data, size);
	try_address((struct span){copy, size});
	if (size < 4096) /* the check of repeated names is quadratic */
		try_file((struct span){copy, size});
	free(copy);
	return 0;
}
