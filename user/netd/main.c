/* SPDX-License-Identifier: MIT */
/*
 * netd's loop. usage: netd [-c FILE]
 *
 * Exit status: 0 after SIGTERM; 1 if netlink is not to be had; 2 for wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/macros.h"
#include "netd/netd.h"
#include "rtnl/rtnl.h"

#define DEFAULT_CONFIG "/etc/swos/network"
#define GOING_DOWN     "/run/going-down" /* init makes it */
#define FDS_OF_LINK    3

static volatile sig_atomic_t ending;

static void
on_signal(int number)
{
	(void)number;
	ending = 1;
}

uint64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

uint32_t
random_u32(void)
{
	uint32_t v = 0;
	while (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		;
	return v;
}

void
warn(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("netd: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

/* The earliest deadline of all links. */
static uint64_t
next_deadline(const struct netd *n)
{
	uint64_t first = ready_deadline(n);
	for (const struct link *l = n->links; l != NULL; l = l->next) {
		if (l->config.ipv4 == NETCONF_AUTOMATIC && l->dhcp4.deadline_ms < first)
			first = l->dhcp4.deadline_ms;
		for (const struct claim *c = &l->lease; c != NULL; c = c->next) {
			uint64_t next = min(c->acd.deadline_ms, c->retry_ms);
			first = min(first, next);
		}
		if (l->dhcp6_running && l->dhcp6.deadline_ms < first)
			first = l->dhcp6.deadline_ms;
		for (size_t i = 0; i < l->nr_rdnss; i++)
			if (l->rdnss[i].expire_ms < first)
				first = l->rdnss[i].expire_ms;
	}
	return first;
}

static void
forget_old_servers(struct netd *n, struct link *l, uint64_t now)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->nr_rdnss; i++)
		if (l->rdnss[i].expire_ms > now)
			l->rdnss[kept++] = l->rdnss[i];
	n->changed |= kept != l->nr_rdnss;
	l->nr_rdnss = kept;
}

static void
run_timers(struct netd *n)
{
	uint64_t now = now_ms();
	for (struct link *l = n->links; l != NULL; l = l->next) {
		if (l->config.ipv4 == NETCONF_AUTOMATIC && now >= l->dhcp4.deadline_ms)
			lease4_timer(n, l);
		for (struct claim *c = &l->lease; c != NULL; c = c->next)
			if (now >= c->acd.deadline_ms)
				conflict4_timer(n, l, c);
		static4_timer(n, l, now);
		if (l->dhcp6_running && now >= l->dhcp6.deadline_ms)
			lease6_timer(n, l);
		forget_old_servers(n, l, now);
	}
}

/* A timeout for ppoll(), rounded up so that the deadline has come when it ends. NULL: none. */
static struct timespec *
timeout_until(uint64_t deadline, struct timespec *out)
{
	if (deadline == DHCP_NEVER)
		return NULL;
	uint64_t now = now_ms();
	uint64_t ms = deadline > now ? deadline - now + 1 : 0;
	*out = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	return out;
}

static size_t
count_descriptors(const struct netd *n)
{
	size_t count = 1;
	for (const struct link *l = n->links; l != NULL; l = l->next) {
		count += FDS_OF_LINK;
		for (const struct claim *c = &l->lease; c != NULL; c = c->next)
			count++;
	}
	return count;
}

/* Waits for something and deals with it. fds: room for all descriptors. */
static void
run_once(struct netd *n, struct pollfd *fds, const sigset_t *mask)
{
	struct timespec space;
	nfds_t count = 0;
	fds[count++] = (struct pollfd){.fd = n->news, .events = POLLIN};
	for (struct link *l = n->links; l != NULL; l = l->next) {
		fds[count++] = (struct pollfd){.fd = l->dhcp4_packets, .events = POLLIN};
		fds[count++] = (struct pollfd){.fd = l->dhcp4_port, .events = POLLIN};
		fds[count++] = (struct pollfd){.fd = l->dhcp6_port, .events = POLLIN};
		for (const struct claim *c = &l->lease; c != NULL; c = c->next)
			fds[count++] = (struct pollfd){.fd = c->arp, .events = POLLIN};
	}
	if (ppoll(fds, count, timeout_until(next_deadline(n), &space), mask) < 0)
		return;
	count = 1;
	for (struct link *l = n->links; l != NULL; l = l->next) {
		if ((fds[count].revents | fds[count + 1].revents) != 0)
			lease4_readable(n, l);
		if (fds[count + 2].revents != 0)
			lease6_readable(n, l);
		count += FDS_OF_LINK;
		for (struct claim *c = &l->lease; c != NULL; c = c->next)
			if (fds[count++].revents != 0)
				conflict4_readable(n, l, c);
	}
	if (fds[0].revents != 0)
		links_read(n);
}

/* Whether the whole machine ends, and not netd alone: a lease outlives that one, and who is started again has it anew. */
static bool
going_down(void)
{
	return access(GOING_DOWN, F_OK) == 0;
}

static void
run(struct netd *n, const sigset_t *mask)
{
	struct pollfd *fds = NULL;
	size_t room = 0;
	while (!ending) {
		size_t want = count_descriptors(n);
		if (want > room) {
			struct pollfd *more = realloc(fds, want * sizeof(*fds));
			if (more == NULL) {
				warn("no memory for %zu descriptors", want);
				break;
			}
			fds = more;
			room = want;
		}
		run_once(n, fds, mask);
		run_timers(n);
		state_write(n);
		ready_tell(n);
	}
	free(fds);
	for (struct link *l = n->links; going_down() && l != NULL; l = l->next) {
		lease4_release(l);
		lease6_release(l);
	}
}

static void
usage(FILE *to)
{
	fputs("usage: netd [-c FILE]\n"
	      "Configures the network as FILE (" DEFAULT_CONFIG ") says, by DHCP and router\n"
	      "advertisements without it. Runs until SIGTERM.\n",
		to);
}

static const char *
parse_arguments(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *config = DEFAULT_CONFIG;
	int c;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (c != 'c') {
			usage(stderr);
			exit(2);
		}
		config = optarg;
	}
	if (optind != argc) {
		usage(stderr);
		exit(2);
	}
	return config;
}

/* Signals come only while it waits: the loop never sees half a change. */
static void
set_signals(sigset_t *waiting)
{
	sigset_t blocked;
	struct sigaction end = {.sa_handler = on_signal};
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Who started us may wait for a line on this descriptor: "the network is up". */
static int
ready_descriptor(void)
{
	const char *text = getenv("NOTIFY_FD");
	char *end;
	if (text == NULL || *text == '\0')
		return -1;
	long fd = strtol(text, &end, 10);
	return *end == '\0' && fd > 2 && fd < 1 << 20 ? (int)fd : -1;
}

int
main(int argc, char **argv)
{
	static const uint32_t groups[] = {
		RTNLGRP_LINK, RTNLGRP_IPV6_IFINFO, RTNLGRP_IPV6_IFADDR, RTNLGRP_ND_USEROPT, 0};
	static struct netd n = {.ready_fd = -1, .changed = true};
	sigset_t waiting;
	const char *config = parse_arguments(argc, argv);
	set_signals(&waiting);
	n.ready_fd = ready_descriptor();
	n.news = rtnl_open(groups);
	n.requests = n.news < 0 ? n.news : rtnl_open(NULL);
	if (n.requests < 0) {
		warn("netlink: %s", strerror(-n.requests));
		return 1;
	}
	config_read(&n, config);
	links_dump(&n);
	links_dump(&n); /* what bringing them up has changed */
	state_write(&n);
	ready_tell(&n);
	run(&n, &waiting);
	return 0;
}
