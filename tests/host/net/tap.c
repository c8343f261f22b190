/* SPDX-License-Identifier: MIT */
/*
 * The kernel's IP stack, as the unit tests build it, on a tap interface: tap
 * NAME MTU ADDRESS/PREFIX. Its peer is the host's Linux. UDP port 7 answers
 * with what it got. Prints "ready" and runs until its standard input ends.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "net/udp/udp.h"
#include "tests/unit/ip_mock/ip_mock.h"
#include "tests/unit/net_mock/net_mock.h"

/* linux/if.h and linux/if_tun.h, whose other names are the kernel's too. */
#define TUNSETIFF 0x400454caUL
#define IFF_TAP   0x0002
#define IFF_NO_PI 0x1000
struct tap_request {
	char name[16];
	short flags;
	char rest[22];
};

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static int tap;

static void
to_tap(struct netif *nif, const uint8_t *frame, size_t n)
{
	if (write(tap, frame, n) < 0)
		perror("tap: write");
}

static void
echo(struct udp_end *end, struct pkt *p)
{
	struct net_flow flow;
	struct route_ref ref;
	ip_flow_of(p, &flow);
	flow.local_port = end->flow.local_port;
	flow.remote_port = p->cb.udp.remote_port;
	p->flags = 0;
	p->csum = PKT_CSUM_NONE;
	route_ref_init(&ref);
	(void)udp_send(end->net, &ref, p, &flow, 0, 0, 0);
	route_ref_drop(&ref);
}

static void
no_error(struct udp_end *end, const struct ip_error *e)
{
}

static const struct udp_end_ops echo_ops = {.deliver = echo, .error = no_error};

static nsec_t
real_time(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

static int
open_tap(const char *name)
{
	struct tap_request r = {.flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR);
	snprintf(r.name, sizeof(r.name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
		perror("tap");
		exit(1);
	}
	return fd;
}

/* An address as 32 hexadecimal digits (IPv4: mapped), a slash, the prefix's length. */
static void
add_address(struct netif *eth, const char *text)
{
	struct ip_addr_config c = {0};
	unsigned prefix;
	for (uint32_t i = 0; i < 16; i++) {
		if (sscanf(text + i * 2, "%2hhx", &c.addr.b[i]) != 1)
			exit(2);
	}
	if (sscanf(text + 32, "/%u", &prefix) != 1)
		exit(2);
	c.prefix = (uint8_t)prefix;
	mutex_lock(&eth->net->config_lock);
	if (ip_addr_add(eth, &c, false) != 0)
		exit(2);
	mutex_unlock(&eth->net->config_lock);
}

static void
run(struct netif *eth)
{
	static uint8_t frame[IP_MOCK_FRAME];
	struct pollfd fds[2] = {{.fd = tap, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	for (nsec_t before = real_time(), now; poll(fds, 2, 10) >= 0; before = now) {
		now = real_time();
		ip_mock_pass(now - before);
		if (fds[1].revents != 0)
			return;
		if ((fds[0].revents & POLLIN) == 0)
			continue;
		ssize_t n = read(tap, frame, sizeof(frame));
		if (n > 0)
			ip_mock_receive(eth, frame, (size_t)n);
	}
}

int
main(int argc, char **argv)
{
	struct udp_end end;
	struct net_addr any = {0};
	if (argc < 4)
		return 2;
	tap = open_tap(argv[1]);
	net_mock_begin();
	struct net_stack *net = ip_mock_stack();
	net_mock_begin();
	ip_mock_sent = to_tap;
	struct netif *eth = ip_mock_netif(net, mac, (uint32_t)atoi(argv[2]));
	for (int i = 3; i < argc; i++)
		add_address(eth, argv[i]);
	udp_end_init(&end, net, &echo_ops, 0);
	atomic_fetch_or(&end.flags, UDP_END_IPV6);
	if (udp_bind(&end, UDP_KIND_UDP, &any, net_swap16(7), 0) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	run(eth);
	udp_unbind(&end, UDP_KIND_UDP);
	return 0;
}
