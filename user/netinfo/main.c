/* SPDX-License-Identifier: MIT */
/*
 * netinfo: prints the network, or checks it.
 *
 * Exit status: 0; 1 if a check fails or netlink does not answer; 2 for wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "netinfo/netinfo.h"

static void
usage(FILE *to)
{
	fputs("usage: netinfo [--json] [--check] [--require-static6]\n"
	      "Prints links, addresses and where they come from, gateways, DNS servers and "
	      "counters.\n"
	      "  --json             prints one line of JSON\n"
	      "  --check            prints nothing; fails, and says why, without a link, an "
	      "address beyond\n"
	      "                     it, a prefix, a gateway or a DNS server\n"
	      "  --require-static6  the same, and also without a static IPv6 address with a /64 "
	      "and an IPv6\n"
	      "                     gateway\n",
		to);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"check", no_argument, NULL, 'c'}, {"require-static6", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool json = false, check = false, static6 = false;
	struct info info;
	int c;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c != 'j' && c != 'c' && c != 's') {
			usage(stderr);
			return 2;
		}
		json |= c == 'j';
		check |= c == 'c' || c == 's';
		static6 |= c == 's';
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	int err = info_collect(&info);
	if (err < 0) {
		fprintf(stderr, "netinfo: netlink: %s\n", strerror(-err));
		return 1;
	}
	const char *why = check ? info_check(&info, static6) : NULL;
	if (why != NULL)
		fprintf(stderr, "netinfo: %s\n", why);
	if (json)
		info_print_json(&info);
	else if (!check)
		info_print(&info);
	return why != NULL ? 1 : 0;
}
