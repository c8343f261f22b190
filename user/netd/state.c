/* SPDX-License-Identifier: MIT */
/*
 * What netd tells others: /run/etc/resolv.conf for resolvers, /run/net/state for netinfo (docs/formats/network.md).
 * Files are replaced as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netd/netd.h"

#define RESOLV "/run/etc/resolv.conf"
#define STATE  "/run/net/state"

/* Opens PATH.new; replace() puts it in PATH's place. */
static FILE *
begin(const char *path)
{
	char new_path[64];
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	FILE *f = fopen(new_path, "we");
	if (f == NULL)
		warn("%s: %s", new_path, strerror(errno));
	return f;
}

static void
replace(FILE *f, const char *path)
{
	char new_path[64];
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	bool failed = ferror(f) != 0;
	failed |= fclose(f) != 0;
	if (failed || rename(new_path, path) < 0)
		warn("%s: %s", path, strerror(errno));
}

static const char *
text_of(uint8_t family, const void *bytes, char out[TEXT_ADDRESS_MAX])
{
	struct text_address a = {.family = family};
	memcpy(a.bytes, bytes, family == 4 ? 4 : 16);
	text_address_format(&a, out);
	return out;
}

/* Calls fn for each server that counts: the configuration's where it names any, else what the links were told. */
typedef void server_fn(FILE *f, const char *address, const char *source, const struct link *l);

static size_t
configured_servers(const struct netd *n, FILE *f, server_fn *fn)
{
	struct netconf_walk walk = {.rest = n->config};
	struct netconf_directive d;
	struct netconf_error error;
	char text[TEXT_ADDRESS_MAX];
	size_t count = 0;
	while (netconf_next(&walk, &d, &error) > 0) {
		if (d.key != NETCONF_DNS)
			continue;
		fn(f, text_of(d.address.family, d.address.bytes, text), "static", NULL);
		count++;
	}
	return count;
}

/* Whether DHCPv6 names the server as well: routers and servers mostly say the same. */
static bool
leased_server(const struct link *l, const uint8_t address[16])
{
	for (size_t i = 0; i < l->applied6.nr_dns; i++)
		if (memcmp(l->applied6.dns[i], address, 16) == 0)
			return true;
	return false;
}

static void
each_server(const struct netd *n, FILE *f, server_fn *fn)
{
	char text[TEXT_ADDRESS_MAX + IF_NAMESIZE + 1];
	if (configured_servers(n, f, fn) > 0)
		return;
	for (const struct link *l = n->links; l != NULL; l = l->next) {
		for (size_t i = 0; i < l->applied4.nr_dns; i++)
			fn(f, text_of(4, &l->applied4.dns[i], text), "dhcp", l);
		for (size_t i = 0; i < l->applied6.nr_dns; i++)
			fn(f, text_of(6, l->applied6.dns[i], text), "dhcp6", l);
		for (size_t i = 0; i < l->nr_rdnss; i++) {
			struct text_address a = {.family = 6};
			if (leased_server(l, l->rdnss[i].address))
				continue;
			memcpy(a.bytes, l->rdnss[i].address, 16);
			size_t len = text_address_format(&a, text);
			if (text_address_is_link_local(&a))
				snprintf(text + len, sizeof(text) - len, "%%%s", l->name);
			fn(f, text, "ra", l);
		}
	}
}

static void
write_nameserver(FILE *f, const char *address, const char *source, const struct link *l)
{
	(void)source;
	(void)l;
	fprintf(f, "nameserver %s\n", address);
}

static void
write_search(const struct netd *n, FILE *f)
{
	struct netconf_walk walk = {.rest = n->config};
	struct netconf_directive d;
	struct netconf_error error;
	const char *before = "search ";
	while (netconf_next(&walk, &d, &error) > 0) {
		if (d.key != NETCONF_SEARCH)
			continue;
		fprintf(f, "%s%.*s", before, (int)d.name.len, d.name.text);
		before = " ";
	}
	if (before[0] == 's') { /* none configured */
		for (const struct link *l = n->links; l != NULL; l = l->next) {
			const char *domains[] = {
				l->applied4.domain, l->applied6.domain, l->ra_domain};
			for (size_t i = 0; i < 3; i++) {
				if (domains[i][0] == '\0')
					continue;
				fprintf(f, "%s%s", before, domains[i]);
				before = " ";
			}
		}
	}
	if (before[0] != 's')
		fputc('\n', f);
}

static void
write_resolv(const struct netd *n)
{
	FILE *f = begin(RESOLV);
	if (f == NULL)
		return;
	fputs("# netd writes this.\n", f);
	write_search(n, f);
	each_server(n, f, write_nameserver);
	replace(f, RESOLV);
}

static void
write_server_state(FILE *f, const char *address, const char *source, const struct link *l)
{
	fprintf(f, "dns %s %s %s\n", address, source, l != NULL ? l->name : "-");
}

static const char *
mode_of(enum netconf_mode mode, const char *automatic)
{
	return mode == NETCONF_AUTOMATIC ? automatic : mode == NETCONF_OFF ? "off" : "static";
}

static void
write_link_state(FILE *f, const struct link *l)
{
	char text[TEXT_ADDRESS_MAX];
	fprintf(f, "link %s %s %s %s\n", l->name, l->carrier ? "up" : "down",
		mode_of(l->config.ipv4, "dhcp"), mode_of(l->config.ipv6, "auto"));
	if (l->applied4.address != 0)
		fprintf(f, "address %s %s/%u dhcp\n", l->name,
			text_of(4, &l->applied4.address, text), l->applied4.prefix);
	if (l->applied6.has_address)
		fprintf(f, "address %s %s/128 dhcp6\n", l->name,
			text_of(6, l->applied6.address, text));
}

static void
write_config_state(const struct netd *n, FILE *f)
{
	struct netconf_walk walk = {.rest = n->config};
	struct netconf_directive d;
	struct netconf_error error;
	struct span name = {0};
	char text[TEXT_ADDRESS_MAX];
	if (n->link_local_only)
		fputs("config invalid\n", f);
	while (netconf_next(&walk, &d, &error) > 0) {
		if (d.key == NETCONF_INTERFACE)
			name = d.name;
		else if ((d.key == NETCONF_IPV4 || d.key == NETCONF_IPV6) &&
			d.mode == NETCONF_STATIC)
			fprintf(f, "address %.*s %s/%u static\n", (int)name.len, name.text,
				text_of(d.address.family, d.address.bytes, text), d.prefix);
	}
}

static void
write_state_file(const struct netd *n)
{
	FILE *f = begin(STATE);
	if (f == NULL)
		return;
	for (const struct link *l = n->links; l != NULL; l = l->next)
		write_link_state(f, l);
	write_config_state(n, f);
	each_server(n, f, write_server_state);
	replace(f, STATE);
}

void
state_write(struct netd *n)
{
	if (!n->changed)
		return;
	n->changed = false;
	if (mkdir("/run/net", 0755) < 0 && errno != EEXIST)
		warn("/run/net: %s", strerror(errno));
	write_resolv(n);
	write_state_file(n);
}
