/* SPDX-License-Identifier: MIT */
/*
 * flood INTERFACE MAC KIND DESTINATION PORT RATE SECONDS [SOURCE SOURCE-PORT]
 *
 * Sends TCP segments without payload on an Ethernet interface, RATE a second, as a link-level neighbour would: with
 * numbers at random, and from addresses at random (198.18.0.0/15, 2001:db8:ffff::/48) or, given SOURCE, in the name of
 * one connection. KIND: syn, ack, rst. DESTINATION: an address of either version. Prints how many it sent.
 */
#define _GNU_SOURCE /* sendmmsg */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 128
#define BATCH     32

static uint64_t state = 88172645463325252ull;

static uint32_t
any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void
put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void
put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static uint32_t
sum(uint32_t start, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		start += (uint32_t)p[i] << 8 | p[i + 1];
	return start;
}

static uint16_t
finish(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

struct plan {
	bool six, one_source;
	uint8_t flags;
	uint8_t mac[6], own_mac[6];
	uint8_t to[16], from[16];
	uint16_t to_port, from_port;
};

/* A TCP header with the options that a client's SYN has; returns its length. */
static size_t
put_tcp(const struct plan *f, uint8_t *at)
{
	static const uint8_t options[] = {
		2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
	size_t n = f->flags == 0x02 ? 20 + sizeof(options) : 20;
	memset(at, 0, 20);
	put16(at, f->one_source ? f->from_port : 1024 + any() % 60000);
	put16(at + 2, f->to_port);
	put32(at + 4, any());
	put32(at + 8, f->flags == 0x02 ? 0 : any());
	at[12] = (uint8_t)(n / 4 << 4);
	at[13] = f->flags;
	put16(at + 14, 64240);
	if (n > 20)
		memcpy(at + 20, options, sizeof(options));
	return n;
}

static size_t
put_frame(const struct plan *f, uint8_t *at)
{
	size_t header = f->six ? 40 : 20, n = put_tcp(f, at + 14 + header);
	uint8_t *ip = at + 14, *tcp = ip + header;
	uint8_t from[16];
	memcpy(from, f->from, sizeof(from));
	if (!f->one_source && f->six)
		put32(from + 12, any());
	else if (!f->one_source)
		put32(from, 0xc6120000u | (any() & 0x1ffff));
	memcpy(at, f->mac, 6);
	memcpy(at + 6, f->own_mac, 6);
	put16(at + 12, f->six ? 0x86dd : 0x0800);
	memset(ip, 0, header);
	size_t address = f->six ? 16 : 4, at_from = f->six ? 8 : 12;
	memcpy(ip + at_from, from, address);
	memcpy(ip + at_from + address, f->to, address);
	if (f->six) {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)n);
		ip[6] = IPPROTO_TCP;
		ip[7] = 64;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, (uint32_t)(20 + n));
		ip[8] = 64;
		ip[9] = IPPROTO_TCP;
		put16(ip + 10, finish(sum(0, ip, 20)));
	}
	uint32_t pseudo = sum(IPPROTO_TCP + (uint32_t)n, ip + at_from, 2 * address);
	put16(tcp + 16, finish(sum(pseudo, tcp, n)));
	return 14 + header + n;
}

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
parse(struct plan *f, char **argv, int argc)
{
	unsigned m[6];
	static const char *const kinds[] = {"syn", "ack", "rst"};
	static const uint8_t flags[] = {0x02, 0x10, 0x04};
	if (sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		f->mac[i] = (uint8_t)m[i];
	for (int i = 0; i < 3; i++)
		if (strcmp(argv[3], kinds[i]) == 0)
			f->flags = flags[i];
	f->six = strchr(argv[4], ':') != NULL;
	inet_pton(AF_INET6, "2001:db8:ffff::", f->from);
	if (f->flags == 0 || inet_pton(f->six ? AF_INET6 : AF_INET, argv[4], f->to) != 1)
		return false;
	f->to_port = (uint16_t)atoi(argv[5]);
	f->one_source = argc == 10;
	if (f->one_source) {
		f->from_port = (uint16_t)atoi(argv[9]);
		return inet_pton(f->six ? AF_INET6 : AF_INET, argv[8], f->from) == 1;
	}
	return true;
}

static unsigned long
run(int fd, const struct plan *f, double rate, double seconds)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec pieces[BATCH];
	unsigned long sent = 0;
	double begin = now(), t;
	while ((t = now() - begin) < seconds) {
		if ((double)sent >= rate * t) {
			usleep(200);
			continue;
		}
		for (int i = 0; i < BATCH; i++) {
			pieces[i] = (struct iovec){frames[i], put_frame(f, frames[i])};
			messages[i].msg_hdr =
				(struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
		}
		int n = sendmmsg(fd, messages, BATCH, 0);
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN) {
			perror("flood: sendmmsg");
			exit(1);
		}
		sent += n > 0 ? (unsigned long)n : 0;
	}
	return sent;
}

int
main(int argc, char **argv)
{
	struct plan f = {.own_mac = {2, 0, 0, 0, 0, 1}};
	if ((argc != 8 && argc != 10) || !parse(&f, argv, argc)) {
		fprintf(stderr,
			"usage: flood INTERFACE MAC syn|ack|rst DESTINATION PORT RATE SECONDS "
			"[SOURCE SOURCE-PORT]\n");
		return 2;
	}
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		perror("flood: socket");
		return 1;
	}
	printf("%lu\n", run(fd, &f, atof(argv[6]), atof(argv[7])));
	return 0;
}
