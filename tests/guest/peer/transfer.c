/* SPDX-License-Identifier: MIT */
/*
 * Bytes that a seed tells, over TCP, and whether each arrived in its place. The same program for swos and for Linux.
 *
 *	transfer serve PORT                                   takes one connection after the other; prints "listening"
 *	transfer send ADDRESS PORT BYTES SEED ALGORITHM       prints microseconds from connect() until the other end had
 *	                                                      seen every byte, then what TCP_INFO says
 *
 * A sender says seed and length (16 bytes, the most significant first), then the bytes, and shuts down; a server answers
 * 'y', or 'n' and closes. ALGORITHM is a name of congestion control, or "-".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER 16u
#define BLOCK  65536u

static uint8_t block[BLOCK], expected[BLOCK];

[[noreturn]] static void
die(const char *what)
{
	fprintf(stderr, "transfer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
word(uint64_t seed, uint64_t i)
{
	uint64_t v = seed + (i + 1) * 0x9e3779b97f4a7c15u;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

/* The n bytes that lie at `offset`; by whole words where it can, since an emulated machine is slow. */
static void
pattern(uint8_t *to, uint64_t seed, uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint64_t w = word(seed, (offset + i) / 8);
		size_t skip = (offset + i) % 8, part = n - i < 8 - skip ? n - i : 8 - skip;
		if (part == 8)
			memcpy(to + i, &w, 8);
		else
			memcpy(to + i, (uint8_t *)&w + skip, part);
		i += part;
	}
}

static void
put64(uint8_t *to, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t
get64(const uint8_t *from)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | from[i];
	return v;
}

/* --- serving --- */

/* Whether what comes until the end is what was announced. */
static bool
verify(int fd)
{
	uint8_t header[HEADER];
	if (recv(fd, header, sizeof(header), MSG_WAITALL) != (ssize_t)sizeof(header))
		return false;
	uint64_t seed = get64(header), length = get64(header + 8), at = 0;
	ssize_t n;
	while ((n = recv(fd, block, sizeof(block), 0)) > 0) {
		pattern(expected, seed, at, (size_t)n);
		if (memcmp(block, expected, (size_t)n) != 0)
			return false;
		at += (uint64_t)n;
	}
	return n == 0 && at == length;
}

static int
serve(uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int listener = socket(AF_INET6, SOCK_STREAM, 0), one = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
		listen(listener, 8) != 0)
		die("listen");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			die("accept");
		(void)!write(fd, verify(fd) ? "y" : "n", 1);
		close(fd);
	}
}

/* --- sending --- */

static int
dial(const char *address, uint16_t port, const char *algorithm)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool six = inet_pton(AF_INET, address, &a4.sin_addr) != 1;
	if (six && inet_pton(AF_INET6, address, &a6.sin6_addr) != 1)
		die(address);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	if (strcmp(algorithm, "-") != 0 &&
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm,
			(socklen_t)strlen(algorithm)) != 0)
		die(algorithm);
	const struct sockaddr *to = six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
	if (connect(fd, to, six ? sizeof(a6) : sizeof(a4)) != 0)
		die("connect");
	return fd;
}

static void
send_all(int fd, const uint8_t *from, size_t n)
{
	while (n > 0) {
		ssize_t part = send(fd, from, n, MSG_NOSIGNAL);
		if (part <= 0)
			die("send");
		from += part;
		n -= (size_t)part;
	}
}

static uint64_t
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int
send_pattern(
	const char *address, uint16_t port, uint64_t length, uint64_t seed, const char *algorithm)
{
	uint8_t header[HEADER], answer = 0;
	uint64_t begin = now_us();
	int fd = dial(address, port, algorithm);
	put64(header, seed);
	put64(header + 8, length);
	send_all(fd, header, sizeof(header));
	for (uint64_t at = 0; at < length;) {
		size_t n = length - at < BLOCK ? (size_t)(length - at) : BLOCK;
		pattern(block, seed, at, n);
		send_all(fd, block, n);
		at += n;
	}
	if (shutdown(fd, SHUT_WR) != 0 || recv(fd, &answer, 1, 0) != 1)
		die("no answer");
	uint64_t took = now_us() - begin;
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	printf("%s %llu us retrans %u rtt %u +- %u us rto %u us cwnd %u ssthresh %u\n",
		answer == 'y' ? "good" : "WRONG", (unsigned long long)took, info.tcpi_total_retrans,
		info.tcpi_rtt, info.tcpi_rttvar, info.tcpi_rto, info.tcpi_snd_cwnd,
		info.tcpi_snd_ssthresh);
	return answer == 'y' ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve((uint16_t)atoi(argv[2]));
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_pattern(argv[2], (uint16_t)atoi(argv[3]), strtoull(argv[4], NULL, 10),
			strtoull(argv[5], NULL, 10), argv[6]);
	fprintf(stderr, "usage: transfer serve PORT | send ADDRESS PORT BYTES SEED ALGORITHM\n");
	return 2;
}
