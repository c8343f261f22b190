/* SPDX-License-Identifier: MIT */
/* The network for people, and for programs. */
#include <inttypes.h>
#include <stdio.h>

#include "netinfo/netinfo.h"

static const char *
text_of(const struct text_address *a)
{
	static char text[TEXT_ADDRESS_MAX];
	text_address_format(a, text);
	return text;
}

static const char *
name_of(const struct info *info, int index)
{
	const struct info_link *l = info_link_of(info, index);
	return l != NULL ? l->name : "?";
}

static const char *
link_state(const struct info_link *l)
{
	return !l->up ? "off" : l->carrier ? "up" : "no link";
}

static void
print_link(const struct info *info, const struct info_link *l)
{
	printf("%s: %s", l->name, link_state(l));
	if (!l->loopback)
		printf(", %02x:%02x:%02x:%02x:%02x:%02x", l->mac[0], l->mac[1], l->mac[2],
			l->mac[3], l->mac[4], l->mac[5]);
	printf(", MTU %" PRIu32 "\n", l->mtu);
	for (const struct info_address *a = info->addresses; a != NULL; a = a->next)
		if (a->index == l->index)
			printf("  address  %s/%u (%s)%s\n", text_of(&a->address), a->prefix,
				a->source, a->usable ? "" : " not usable");
	printf("  received %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64
	       " errors\n"
	       "  sent     %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64
	       " errors\n",
		l->rx_packets, l->rx_bytes, l->rx_dropped, l->rx_errors, l->tx_packets, l->tx_bytes,
		l->tx_dropped, l->tx_errors);
}

void
info_print(const struct info *info)
{
	if (info->config_invalid)
		puts("/etc/swos/network has a mistake: link-local addresses only (netd's log says "
		     "where)");
	for (const struct info_link *l = info->links; l != NULL; l = l->next)
		print_link(info, l);
	for (const struct info_gateway *g = info->gateways; g != NULL; g = g->next)
		printf("gateway %s on %s (%s)\n",
			g->address.family != 0 ? text_of(&g->address) : "none",
			name_of(info, g->index), g->source);
	for (const struct info_dns *d = info->dns; d != NULL; d = d->next)
		printf("dns %s (%s)\n", d->address, d->source);
}

/* Names of interfaces may hold anything but '/' and blanks; everything else here needs no escapes. */
static void
print_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void
print_json_addresses(const struct info *info, const struct info_link *l)
{
	const char *comma = "";
	for (const struct info_address *a = info->addresses; a != NULL; a = a->next) {
		if (a->index != l->index)
			continue;
		printf("%s{\"address\":\"%s\",\"prefix\":%u,\"source\":\"%s\",\"usable\":%s}",
			comma, text_of(&a->address), a->prefix, a->source,
			a->usable ? "true" : "false");
		comma = ",";
	}
}

static void
print_json_link(const struct info *info, const struct info_link *l)
{
	fputs("{\"name\":", stdout);
	print_string(l->name);
	printf(",\"state\":\"%s\",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"mtu\":%" PRIu32
	       ",\"addresses\":[",
		link_state(l), l->mac[0], l->mac[1], l->mac[2], l->mac[3], l->mac[4], l->mac[5],
		l->mtu);
	print_json_addresses(info, l);
	printf("],\"received\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"errors\":%" PRIu64 "},\"sent\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"dropped\":%" PRIu64 ",\"errors\":%" PRIu64 "}}",
		l->rx_packets, l->rx_bytes, l->rx_dropped, l->rx_errors, l->tx_packets, l->tx_bytes,
		l->tx_dropped, l->tx_errors);
}

void
info_print_json(const struct info *info)
{
	const char *comma = "";
	printf("{\"configuration\":\"%s\",\"links\":[", info->config_invalid ? "invalid" : "valid");
	for (const struct info_link *l = info->links; l != NULL; l = l->next, comma = ",") {
		fputs(comma, stdout);
		print_json_link(info, l);
	}
	fputs("],\"gateways\":[", stdout);
	comma = "";
	for (const struct info_gateway *g = info->gateways; g != NULL; g = g->next, comma = ",") {
		printf("%s{\"address\":", comma);
		if (g->address.family != 0)
			printf("\"%s\"", text_of(&g->address));
		else
			fputs("null", stdout);
		fputs(",\"link\":", stdout);
		print_string(name_of(info, g->index));
		printf(",\"source\":\"%s\"}", g->source);
	}
	fputs("],\"dns\":[", stdout);
	comma = "";
	for (const struct info_dns *d = info->dns; d != NULL; d = d->next, comma = ",") {
		printf("%s{\"address\":", comma);
		print_string(d->address);
		printf(",\"source\":\"%s\"}", d->source);
	}
	puts("]}");
}
