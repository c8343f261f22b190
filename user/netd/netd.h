/* SPDX-License-Identifier: MIT */
/*
 * netd: the network's policy. It reads /etc/swos/network, follows the links by netlink, runs DHCPv4 and DHCPv6 where they
 * are configured, sets addresses and routes by netlink, and writes /run/etc/resolv.conf and /run/net/state.
 *
 * One thread, one loop over descriptors and deadlines. It keeps no state that the kernel has: addresses and routes are
 * replaced or deleted by what a lease says, and a netd that is started again finds its way from a dump.
 */
#ifndef NETD_NETD_H
#define NETD_NETD_H

#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dhcp/acd4.h"
#include "dhcp/client4.h"
#include "dhcp/client6.h"
#include "netconf/netconf.h"

#define RDNSS_MAX \
	4 /* servers from router advertisements that a link remembers; further ones are left out */

struct rdnss {
	uint8_t address[16];
	uint64_t expire_ms; /* DHCP_NEVER */
};

/* What the configuration says of an interface. */
struct link_config {
	enum netconf_mode ipv4, ipv6;
	uint32_t mtu;                 /* 0: the device's */
	struct text_address gateway4; /* family 0: none */
};

/* An IPv4 address on a link that nobody else there is to have: the lease's, or one that is configured. */
struct claim {
	struct claim *next;
	struct acd4 acd;
	int arp; /* open unless acd is idle; -1 */
	/* Of what is configured: */
	struct text_address address;
	uint8_t prefix;
	bool applied;      /* the kernel was given it */
	bool taken;        /* by somebody else, when it was looked for last */
	uint64_t retry_ms; /* when it is looked for again; DHCP_NEVER */
};

struct link {
	struct link *next;
	int index;
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	bool up, carrier;
	uint64_t asked_ms; /* when the link could carry frames: since then somebody may answer */
	bool answered;     /* since then somebody has */
	struct link_config config;
	bool configured; /* static addresses are set, the link was brought up */

	struct dhcp4_client dhcp4;
	struct dhcp4_lease applied4;   /* what the kernel has of it */
	int dhcp4_packets, dhcp4_port; /* descriptors, -1: closed */
	struct claim lease;            /* of its address; those of what is configured follow it */

	uint32_t ra_flags; /* IF_RA_* */
	struct dhcp6_client dhcp6;
	bool dhcp6_running, dhcp6_stateful;
	struct dhcp6_lease applied6;
	int dhcp6_port;
	struct rdnss rdnss[RDNSS_MAX];
	size_t nr_rdnss;
	char ra_domain[WIRE_NAME_TEXT + 1];
};

struct netd {
	int requests, news; /* netlink sockets */
	struct link *links;
	struct span config;   /* the file's text; empty: no file, or it has a mistake */
	bool link_local_only; /* the file has a mistake */
	bool changed;         /* what state.c writes is out of date */
	int ready_fd;         /* told once when the network is up; -1: nobody asked, or was told */
};

/* main.c */
uint64_t now_ms(void); /* monotonic, sleeping time included */
uint32_t random_u32(void);
void close_fd(int *fd); /* and makes it -1, as it may be already */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2))); /* to the log */

/* config.c: reads the file; a mistake is logged with line and column, and the machine has link-local addresses only. */
void config_read(struct netd *n, const char *path);
void config_of_link(const struct netd *n, const char *name, struct link_config *out);
/* Sets what is static on a link: addresses (static4.c those of IPv4), gateways. */
void config_apply(struct netd *n, struct link *l);

/* links.c: follows the kernel's links. */
void links_dump(struct netd *n);
void links_read(struct netd *n); /* notifications */

/* apply.c: what netlink is asked for. Failures are logged, nothing else comes of them. */
void apply_link_up(struct netd *n, const struct link *l);
void apply_mtu(struct netd *n, const struct link *l, uint32_t mtu);
void apply_address(struct netd *n, const struct link *l, const struct text_address *a,
	uint8_t prefix, uint32_t preferred, uint32_t valid);
void apply_no_address(
	struct netd *n, const struct link *l, const struct text_address *a, uint8_t prefix);
/* A route; gateway family 0: on the link. protocol: RTPROT_*. Deletes it if `add` is false. */
void apply_route(struct netd *n, const struct link *l, const struct text_address *destination,
	uint8_t prefix, const struct text_address *gateway, uint8_t protocol, bool add);
/* Writes /proc/sys/net/ipv6/conf/NAME/KEY. */
void apply_ipv6_setting(const struct link *l, const char *key, const char *value);

/* lease4.c, lease6.c: the clients' sockets and what their actions mean. */
void lease4_start(struct netd *n, struct link *l);
void lease4_stop(struct netd *n, struct link *l);
void lease4_timer(struct netd *n, struct link *l);
void lease4_readable(struct netd *n, struct link *l);
/* What conflict4.c found out: nobody else has the leased address, or somebody has. */
void lease4_claimed(struct netd *n, struct link *l);
void lease4_taken(struct netd *n, struct link *l);
void lease6_router_says(struct netd *n, struct link *l);
void lease6_stop(struct netd *n, struct link *l);
void lease6_timer(struct netd *n, struct link *l);
void lease6_readable(struct netd *n, struct link *l);
/* The kernel's word about an address (IFA_F_* flags): whether a leased one is somebody else's. */
void lease6_address_news(struct netd *n, struct link *l, const uint8_t address[16], uint32_t flags);
/* The machine goes down: servers may give the addresses to others. They stay until the end: others still say goodbye. */
void lease4_release(struct link *l);
void lease6_release(struct link *l);

/* static4.c: IPv4 addresses that are configured. */
void static4_add(
	struct netd *n, struct link *l, const struct text_address *address, uint8_t prefix);
void static4_carrier(struct netd *n, struct link *l); /* what l->carrier says has changed */
void static4_forget(struct link *l);                  /* the link has gone */
bool static4_is_coming(const struct link *l);         /* who uses the network waits for one */
void static4_timer(struct netd *n, struct link *l, uint64_t now);
/* What conflict4.c found out. */
void static4_claimed(struct netd *n, struct link *l, struct claim *c);
void static4_taken(struct netd *n, struct link *l, struct claim *c);
void static4_defended(const struct link *l, const struct claim *c);

/* conflict4.c: looks whether an address is in use, before it is used and from then on. */
void conflict4_init(const struct link *l, struct claim *c);
void conflict4_probe(struct netd *n, struct link *l, struct claim *c, uint32_t address);
void conflict4_announce(struct netd *n, struct link *l, struct claim *c, uint32_t address);
void conflict4_stop(struct claim *c);
void conflict4_timer(struct netd *n, struct link *l, struct claim *c);
void conflict4_readable(struct netd *n, struct link *l, struct claim *c);

/* state.c: writes resolv.conf and the state if n->changed. */
void state_write(struct netd *n);

/* ready.c: tells who waits for the network, once, that it is up or that nobody answers. */
void ready_tell(struct netd *n);
uint64_t ready_deadline(const struct netd *n); /* when to look again; DHCP_NEVER */

#endif
