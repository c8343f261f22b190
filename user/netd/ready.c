/* SPDX-License-Identifier: MIT */
/*
 * When who waits for the network may go on: login, by a line on the descriptor that init gave us. That is once every
 * link that can carry frames has an address that can be used, or once nobody has answered on it for a moment: a boot
 * without a network is as fast as one with it. init bounds the wait for what takes longer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define SILENCE_MS 500u /* servers answer within milliseconds; what comes later is taken too */

/* What a link has of IPv6. */
struct addresses6 {
	int index;
	bool usable, coming; /* beyond the link; coming: duplicates are still looked for */
	struct text_address link_local;
};

static bool
visit(void *ctx, uint16_t type, const void *body, size_t len)
{
	struct addresses6 *out = ctx;
	struct rtnl_attr attrs[RTNL_ATTRS_MAX];
	struct ifaddrmsg m;
	struct text_address a = {.family = 6};
	if (type != RTM_NEWADDR || !rtnl_parse(body, len, sizeof(m), attrs))
		return true;
	memcpy(&m, body, sizeof(m));
	if ((int)m.ifa_index != out->index || attrs[IFA_ADDRESS].len != sizeof(a.bytes))
		return true;
	memcpy(a.bytes, attrs[IFA_ADDRESS].data, sizeof(a.bytes));
	uint32_t flags = rtnl_u32(&attrs[IFA_FLAGS], m.ifa_flags);
	if (text_address_is_link_local(&a))
		out->link_local = a;
	else if ((flags & IFA_F_DADFAILED) == 0 && (flags & IFA_F_TENTATIVE) != 0)
		out->coming = true;
	else if ((flags & IFA_F_DADFAILED) == 0)
		out->usable = true;
	return true;
}

static struct addresses6
look(const struct netd *n, const struct link *l)
{
	struct addresses6 out = {.index = l->index};
	(void)rtnl_dump(n->requests, RTM_GETADDR, AF_INET6, visit, &out); /* less is seen: waits */
	return out;
}

static bool
is_silent(const struct link *l)
{
	return !l->answered && now_ms() >= l->asked_ms + SILENCE_MS;
}

/* What was configured is there; of what is asked for, one version is enough. */
static bool
link_is_ready(const struct link *l, const struct addresses6 *has)
{
	bool asks4 = l->config.ipv4 == NETCONF_AUTOMATIC,
	     asks6 = l->config.ipv6 == NETCONF_AUTOMATIC;
	if ((l->config.ipv6 == NETCONF_STATIC && has->coming) || static4_is_coming(l))
		return false;
	if ((!asks4 && !asks6) || has->usable || l->applied4.address != 0)
		return true;
	if (!asks4 && l->config.ipv4 == NETCONF_STATIC)
		return true;
	return is_silent(l) && !has->coming;
}

static void
say_what_remains(const struct link *l, const struct addresses6 *has)
{
	char text[TEXT_ADDRESS_MAX] = "no address";
	if (has->usable || l->applied4.address != 0 || l->config.ipv4 != NETCONF_AUTOMATIC)
		return;
	if (has->link_local.family == 6)
		text_address_format(&has->link_local, text);
	warn("%s: no DHCP server has answered yet; it has %s", l->name, text);
}

uint64_t
ready_deadline(const struct netd *n)
{
	uint64_t first = DHCP_NEVER;
	for (const struct link *l = n->ready_fd < 0 ? NULL : n->links; l != NULL; l = l->next)
		if (l->carrier && !l->answered && l->asked_ms + SILENCE_MS < first && !is_silent(l))
			first = l->asked_ms + SILENCE_MS;
	return first;
}

void
ready_tell(struct netd *n)
{
	if (n->ready_fd < 0)
		return;
	for (const struct link *l = n->links; l != NULL; l = l->next) {
		struct addresses6 has = look(n, l);
		if (l->carrier && !link_is_ready(l, &has))
			return;
	}
	for (const struct link *l = n->links; l != NULL; l = l->next) {
		struct addresses6 has = look(n, l);
		if (l->carrier)
			say_what_remains(l, &has);
	}
	if (write(n->ready_fd, "ready\n", 6) < 0)
		warn("cannot say that the network is up: %s", strerror(errno));
	close(n->ready_fd);
	n->ready_fd = -1;
}
