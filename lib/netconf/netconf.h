/* SPDX-License-Identifier: MIT */
/*
 * The network's configuration: what /etc/swos/network says. The format is docs/formats/network.md's.
 *
 * Pure: spans point into the caller's text, nothing allocates. A reader first calls netconf_check() on the whole text, so
 * that nothing of a file with a mistake is applied, then walks it with netconf_next().
 */
#ifndef NETCONF_NETCONF_H
#define NETCONF_NETCONF_H

#include <stddef.h>
#include <stdint.h>

#include "text/address.h"
#include "text/span.h"

#define NETCONF_NAME_MAX 15 /* of an interface: IFNAMSIZ less its NUL */

enum netconf_key {
	NETCONF_INTERFACE, /* name: what follows is about this one */
	NETCONF_IPV4,      /* mode: dhcp, off, or static with address and prefix */
	NETCONF_IPV6,      /* mode: auto, off, or static */
	NETCONF_GATEWAY,   /* address */
	NETCONF_DNS,       /* address; one line may give several: a directive each */
	NETCONF_SEARCH,    /* name: a domain */
	NETCONF_MTU,       /* number */
};

enum netconf_mode { NETCONF_STATIC, NETCONF_AUTOMATIC, NETCONF_OFF };

struct netconf_directive {
	enum netconf_key key;
	enum netconf_mode mode;
	struct text_address address;
	uint8_t prefix;
	uint32_t number;
	struct span name;
};

/* Where and what: line and column count from 1; why is a constant string. */
struct netconf_error {
	size_t line, column;
	const char *why;
};

/* A walk over the directives. Begins as {.rest = text}. */
struct netconf_walk {
	struct span rest;   /* lines to come */
	struct span values; /* further values of the line */
	const char *line_text;
	size_t line;
	enum netconf_key key;
};

/* 1: *out is the next directive; 0: the end; -EINVAL: *error says where and why. Checks each line by itself. */
[[nodiscard]] int netconf_next(
	struct netconf_walk *walk, struct netconf_directive *out, struct netconf_error *error);

/*
 * Checks a whole text: each line, and what they mean together: an interface before everything but dns and search, no
 * interface twice; automatic, off and static do not mix in one family; a gateway needs a static address of its family,
 * one a family. 0 or -EINVAL with *error.
 */
[[nodiscard]] int netconf_check(struct span text, struct netconf_error *error);

#endif
