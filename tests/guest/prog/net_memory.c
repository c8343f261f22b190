/* SPDX-License-Identifier: MIT */
/*
 * The memory that sockets hold: what is charged is what they hold, it is bounded, and it comes back. (That each test of
 * this program leaves none behind is looked at after every one of them.) And frames: each that came has ended.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "guest.h"

#define SO_MEMINFO  55
#define MEMINFO_RCV 0 /* SK_MEMINFO_RMEM_ALLOC */
#define MEMINFO_SND 2 /* SK_MEMINFO_WMEM_ALLOC */
#define PAYLOAD     1000

/* The number in a line of /proc/swos/net that begins with these words. */
static long long
counter(const char *name)
{
	char line[128], format[64];
	long long n = -1;
	FILE *f = fopen("/proc/swos/net", "r");
	CHECK(f != NULL);
	snprintf(format, sizeof(format), "%s %%lld", name);
	while (n < 0 && fgets(line, sizeof(line), f) != NULL)
		(void)!sscanf(line, format, &n);
	fclose(f);
	return n;
}

static uint32_t
meminfo(int s, int what)
{
	uint32_t info[9];
	socklen_t len = sizeof(info);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_MEMINFO, info, &len), 0);
	CHECK_EQ(len, sizeof(info));
	return info[what];
}

/* A socket that is bound to the loopback address and connected to itself. */
static int
to_itself(int family)
{
	struct sockaddr_in6 a = {0};
	socklen_t len = sizeof(a);
	int s = socket(family, SOCK_DGRAM, 0);
	CHECK(s >= 0);
	if (family == AF_INET) {
		struct sockaddr_in *v4 = (void *)&a;
		*v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		len = sizeof(*v4);
	} else {
		a.sin6_family = AF_INET6;
		a.sin6_addr = in6addr_loopback;
	}
	CHECK_EQ(bind(s, (void *)&a, len), 0);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	CHECK_EQ(connect(s, (void *)&a, len), 0);
	return s;
}

GUEST_TEST(socket_memory_charged_is_held)
{
	static const char data[PAYLOAD];
	char back[PAYLOAD];
	long long before = counter("Memory held"), held = 0;
	int s[6], pair[2];
	CHECK(before >= 0 && counter("Memory limit") > 0);
	s[0] = to_itself(AF_INET);
	s[1] = to_itself(AF_INET6);
	s[2] = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	s[3] = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	CHECK(s[2] >= 0 && s[3] >= 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s[4] = pair[0];
	CHECK_EQ(write(s[4], data, PAYLOAD), PAYLOAD);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(write(s[0], data, PAYLOAD), PAYLOAD);
		CHECK_EQ(write(s[1], data, PAYLOAD), PAYLOAD);
	}
	for (int i = 0; i < 5; i++) {
		uint32_t charged = meminfo(s[i], MEMINFO_RCV) + meminfo(s[i], MEMINFO_SND);
		CHECK(charged >= (i == 4 ? PAYLOAD : 10 * PAYLOAD));
		held += charged;
	}
	CHECK_EQ(counter("Memory held"), before + held);
	/* What is read is given back at once, what is looked at is not. */
	CHECK_EQ(recv(s[0], back, sizeof(back), MSG_PEEK), PAYLOAD);
	CHECK_EQ(counter("Memory held"), before + held);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(recv(s[0], back, sizeof(back), 0), PAYLOAD);
	CHECK_EQ(meminfo(s[0], MEMINFO_RCV), 0);
	held = 0;
	for (int i = 1; i < 5; i++)
		held += meminfo(s[i], MEMINFO_RCV) + meminfo(s[i], MEMINFO_SND);
	CHECK_EQ(counter("Memory held"), before + held);
	for (int i = 0; i < 5; i++)
		close(s[i]);
	close(pair[1]);
	CHECK_EQ(counter("Memory held"), before);
}

/* Fills stream pairs, whose buffers are as large as they get, until there is no more. How many. */
static int
fill(int (*pairs)[2], int max)
{
	static const char data[65536];
	int made = 0, room = 212992;
	for (;;) {
		CHECK(made < max);
		int *p = pairs[made++];
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p), 0);
		CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
		while (write(p[0], data, sizeof(data)) > 0)
			;
		if (errno != EAGAIN)
			return made;
	}
}

GUEST_TEST(socket_memory_is_bounded)
{
	static int pairs[480][2];
	char back[4];
	long long before = counter("Memory held"), limit = counter("Memory limit");
	int u = to_itself(AF_INET), made = fill(pairs, 480);
	CHECK_EQ(errno, ENOBUFS);
	long long held = counter("Memory held");
	CHECK(held >= limit && held <= limit + (1 << 20));
	/* Nobody may hold more; what cannot be refused is dropped, and says why. */
	CHECK_ERRNO(write(u, "abc", 3), ENOBUFS);
	CHECK_EQ(counter("Memory held"), held);
	while (made-- > 0) {
		close(pairs[made][0]);
		close(pairs[made][1]);
	}
	CHECK_EQ(counter("Memory held"), before);
	CHECK_EQ(write(u, "abc", 3), 3);
	CHECK_EQ(read(u, back, sizeof(back)), 3);
}

/* --- Senders. These take a wire: tests/system/net_test.py runs them. --- */

static int
in_flight(int s)
{
	int n = -1;
	CHECK_EQ(ioctl(s, TIOCOUTQ, &n), 0);
	return n;
}

/* A UDP socket whose send buffer is as small as it gets, connected to port 9 of the address. */
static int
small_sender(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};
	int s = socket(AF_INET, SOCK_DGRAM, 0), room = 0;
	CHECK(s >= 0);
	CHECK_EQ(inet_pton(AF_INET, address, &a.sin_addr), 1);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	CHECK_EQ(connect(s, (void *)&a, sizeof(a)), 0);
	return s;
}

/* ADDRESS: to a neighbour that does not answer. What waits for it is charged, and no longer when it is given up. */
GUEST_HELPER(charged_while_unresolved)
{
	static const char data[1400];
	CHECK_EQ(argc, 3);
	long long before = counter("Memory held");
	int s = small_sender(argv[2]);
	struct pollfd p = {.fd = s, .events = POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(send(s, data, sizeof(data), 0), sizeof(data));
	CHECK(in_flight(s) > (int)sizeof(data));
	CHECK_EQ(counter("Memory held"), before + in_flight(s));
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(send(s, data, sizeof(data), MSG_DONTWAIT),
		sizeof(data)); /* a few bytes were left */
	CHECK_ERRNO(send(s, data, sizeof(data), MSG_DONTWAIT), EAGAIN);
	/* Who waits goes on when they are given up. */
	CHECK_EQ(send(s, data, sizeof(data), 0), sizeof(data));
	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(in_flight(s), 0);
	CHECK_EQ(counter("Memory held"), before);
	/* What a closed socket sent is held until it is gone. */
	CHECK_EQ(send(s, data, sizeof(data), 0), sizeof(data));
	close(s);
	CHECK(counter("Memory held") > before);
	for (int i = 0; i < 1000 && counter("Memory held") != before; i++)
		usleep(10000);
	CHECK_EQ(counter("Memory held"), before);
	return 0;
}

/* ADDRESS: many to a neighbour that takes them. The buffer paces the sender, so that nothing is lost on the way. */
GUEST_HELPER(paced_by_the_device)
{
	static const char data[1400];
	CHECK_EQ(argc, 3);
	long long before = counter("Memory held"), lost = counter("Drop tx_queue_full");
	int s = small_sender(argv[2]);
	struct pollfd p = {.fd = s, .events = POLLOUT};
	for (int i = 0; i < 3000; i++) {
		ssize_t n = send(s, data, sizeof(data), i % 2 ? 0 : MSG_DONTWAIT);
		if (n < 0 && errno == ECONNREFUSED)
			continue; /* the neighbour has nobody there, and says so now and then */
		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			CHECK_EQ(poll(&p, 1, 10000), 1);
			CHECK(p.revents & (POLLOUT | POLLERR));
		}
		CHECK(in_flight(s) <= 4608 + 2 * 4096);
	}
	for (int i = 0; i < 1000 && in_flight(s) != 0; i++)
		usleep(10000);
	CHECK_EQ(in_flight(s), 0);
	CHECK_EQ(counter("Memory held"), before);
	CHECK_EQ(counter("Drop tx_queue_full"), lost);
	return 0;
}

static bool
frames_add_up(void)
{
	static const char *const ends[] = {"Link delivered", "Link coalesced", "Drop too_short",
		"Drop ethertype_unknown", "Drop other_host", "Drop interface_down",
		"Drop backlog_full", "Drop rx_no_memory", "Drop rx_device_header"};
	long long sum = 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		long long n = counter(ends[i]);
		CHECK(n >= 0);
		sum += n;
	}
	return counter("Link frames_in") == sum;
}

/* Its name makes it the last one: of all that the tests before it sent nothing has come to no end. */
GUEST_TEST(zero_frames_are_lost)
{
	CHECK_SOON(frames_add_up());
}
