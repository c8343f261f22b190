/* SPDX-License-Identifier: MIT */
/*
 * DHCPv4, DHCPv6 and DNS: any bytes as a message. The first byte chooses which; what decodes goes to a client in some
 * state, whose answer must encode. Names must be fit for a resolver's file.
 */
#include <stdlib.h>
#include <string.h>

#include "dhcp/client6.h"
#include "wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

static void
require(int condition)
{
	if (!condition)
		abort();
}

static void
try_dhcp4(const uint8_t *data, size_t size, uint8_t state)
{
	struct dhcp4_message m;
	struct dhcp4_client c;
	uint8_t out[DHCP4_MAX];
	if (dhcp4_decode(data, size, &m) != 0)
		return;
	require(m.domain[0] == '\0' || wire_name_is_clean(m.domain, strlen(m.domain)));
	dhcp4_client_init(&c, mac, "swos");
	(void)dhcp4_start(&c, 0, m.xid);
	c.state = (enum dhcp4_state)(state % (DHCP4_REBINDING + 1));
	memcpy(c.mac, m.chaddr, 6);
	struct dhcp4_action a = dhcp4_input(&c, &m, 1000, 7);
	for (int i = 0; i < 8; i++) {
		if (a.send)
			require(dhcp4_encode(&a.message, out, sizeof(out)) >= 300);
		require(!a.configure || (c.lease.address != 0 && c.lease.prefix <= 32));
		if (c.deadline_ms == DHCP_NEVER)
			break;
		a = dhcp4_timer(&c, c.deadline_ms, 7);
	}
}

static void
try_dhcp6(const uint8_t *data, size_t size, uint8_t state)
{
	struct dhcp6_message m;
	struct dhcp6_client c;
	uint8_t out[1024];
	if (dhcp6_decode(data, size, &m) != 0)
		return;
	require(m.domain[0] == '\0' || wire_name_is_clean(m.domain, strlen(m.domain)));
	dhcp6_client_init(&c, mac, m.iaid);
	(void)dhcp6_start(&c, true, 0, m.xid);
	c.state = (enum dhcp6_state)(state % (DHCP6_INFORMED + 1));
	c.duid = m.client;
	struct dhcp6_action a = dhcp6_input(&c, &m, 1000, 7);
	for (int i = 0; i < 8; i++) {
		if (a.send)
			require(dhcp6_encode(&a.message, out, sizeof(out)) > 0);
		if (c.deadline_ms == DHCP_NEVER)
			break;
		a = dhcp6_timer(&c, c.deadline_ms, 7);
	}
}

static void
try_dns(const uint8_t *data, size_t size)
{
	struct dns_header h;
	struct dns_walk w;
	struct dns_record r;
	if (dns_decode(data, size, &h, &w) != 0)
		return;
	while (dns_next(&w, &r) > 0)
		require(r.data + r.data_len <= size && strlen(r.name) < sizeof(r.name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	/* Exactly as long as it is, so that reading beyond the end shows. */
	size_t n = size - 2;
	uint8_t *copy = malloc(n == 0 ? 1 : n);
	memcpy(copy, data + 2, n);
	if (data[0] % 3 == 0)
		try_dhcp4(copy, n, data[1]);
	else if (data[0] % 3 == 1)
		try_dhcp6(copy, n, data[1]);
	else
		try_dns(copy, n);
	free(copy);
	return 0;
}
