/* SPDX-License-Identifier: MIT */
/* DHCPv6 on a link: begun when a router's advertisement says so. SLAAC itself is the kernel's. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define MESSAGE_MAX 1500
#define PREFIX      128 /* a lease says nothing of the prefix: routers do (RFC 8415, 18.2.10.1) */

static const uint8_t all_servers[16] = {0xff, 2, [13] = 1, [15] = 2}; /* ff02::1:2 */

static int
open_port(const struct link *l)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(DHCP6_CLIENT_PORT)};
	int one = 1;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->name, (socklen_t)strlen(l->name)) <
				0 ||
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0 ||
			bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)) {
		int err = errno;
		close(fd);
		errno = err;
		fd = -1;
	}
	if (fd < 0)
		warn("%s: DHCPv6: port 546: %s", l->name, strerror(errno));
	return fd;
}

static void
send_message(const struct link *l, const struct dhcp6_message *m)
{
	uint8_t bytes[MESSAGE_MAX];
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
		.sin6_port = htons(DHCP6_SERVER_PORT),
		.sin6_scope_id = (uint32_t)l->index};
	size_t n = dhcp6_encode(m, bytes, sizeof(bytes));
	memcpy(&to.sin6_addr, all_servers, sizeof(all_servers));
	/* It is repeated. A router may speak before it is known that nobody else has our link-local address. */
	if (l->dhcp6_port >= 0 && n > 0 &&
		sendto(l->dhcp6_port, bytes, n, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		errno != EADDRNOTAVAIL)
		warn("%s: DHCPv6: %s", l->name, strerror(errno));
}

static struct text_address
address_of(const struct dhcp6_lease *lease)
{
	struct text_address a = {.family = 6};
	memcpy(a.bytes, lease->address, sizeof(a.bytes));
	return a;
}

static void
unapply(struct netd *n, struct link *l)
{
	if (l->applied6.has_address) {
		struct text_address a = address_of(&l->applied6);
		apply_no_address(n, l, &a, PREFIX);
	}
	l->applied6 = (struct dhcp6_lease){0};
	n->changed = true;
}

static void
act(struct netd *n, struct link *l, const struct dhcp6_action *a)
{
	if (a->send)
		send_message(l, &a->message);
	if (a->deconfigure)
		unapply(n, l);
	if (a->configure) {
		const struct dhcp6_lease *lease = &l->dhcp6.lease;
		if (lease->has_address) {
			struct text_address address = address_of(lease);
			apply_address(n, l, &address, PREFIX,
				dhcp_seconds_until(now_ms(), lease->preferred_ms),
				dhcp_seconds_until(now_ms(), lease->valid_ms));
		}
		l->applied6 = *lease;
		n->changed = true;
	}
}

void
lease6_router_says(struct netd *n, struct link *l)
{
	bool stateful = (l->ra_flags & IF_RA_MANAGED) != 0;
	bool wanted = l->config.ipv6 == NETCONF_AUTOMATIC && l->carrier &&
		(l->ra_flags & (IF_RA_MANAGED | IF_RA_OTHERCONF)) != 0;
	if (!wanted || (l->dhcp6_running && l->dhcp6_stateful == stateful))
		return; /* a router that no longer says so does not end a lease */
	if (l->dhcp6_port < 0)
		l->dhcp6_port = open_port(l);
	l->dhcp6_running = true;
	l->dhcp6_stateful = stateful;
	struct dhcp6_action a = dhcp6_start(&l->dhcp6, stateful, now_ms(), random_u32());
	act(n, l, &a);
}

void
lease6_stop(struct netd *n, struct link *l)
{
	(void)n;
	dhcp6_stop(&l->dhcp6);
	l->dhcp6_running = l->dhcp6.deadline_ms != DHCP_NEVER; /* a lease's end is watched */
	l->dhcp6_stateful = false;
	close_fd(&l->dhcp6_port);
}

void
lease6_timer(struct netd *n, struct link *l)
{
	struct dhcp6_action a = dhcp6_timer(&l->dhcp6, now_ms(), random_u32());
	act(n, l, &a);
}

void
lease6_readable(struct netd *n, struct link *l)
{
	uint8_t bytes[MESSAGE_MAX];
	struct dhcp6_message m;
	while (l->dhcp6_port >= 0) {
		ssize_t got = recv(l->dhcp6_port, bytes, sizeof(bytes), 0);
		if (got < 0)
			return;
		if (dhcp6_decode(bytes, (size_t)got, &m) < 0)
			continue;
		struct dhcp6_action a = dhcp6_input(&l->dhcp6, &m, now_ms(), random_u32());
		act(n, l, &a);
	}
}

void
lease6_address_news(struct netd *n, struct link *l, const uint8_t address[16], uint32_t flags)
{
	char text[TEXT_ADDRESS_MAX];
	if (!l->applied6.has_address || (flags & IFA_F_DADFAILED) == 0 ||
		memcmp(address, l->applied6.address, 16) != 0)
		return;
	struct text_address a = address_of(&l->applied6);
	text_address_format(&a, text);
	warn("%s: somebody else has %s, which the server gave us", l->name, text);
	struct dhcp6_action action = dhcp6_conflict(&l->dhcp6, now_ms(), random_u32());
	act(n, l, &action);
}

void
lease6_release(struct link *l)
{
	struct dhcp6_action a = dhcp6_release(&l->dhcp6, now_ms(), random_u32());
	if (a.send)
		send_message(l, &a.message);
}
