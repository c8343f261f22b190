/* SPDX-License-Identifier: MIT */
/* AF_PACKET on the loopback interface: frames both ways, filters, statistics. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>

#include "filter.h"
#include "guest.h"

#define OUR_TYPE 0x88b5 /* for experiments */

static int
packet_socket(int type, uint16_t protocol, struct sockaddr_ll *a)
{
	int s = socket(AF_PACKET, type, htons(protocol));
	CHECK(s >= 0);
	*a = (struct sockaddr_ll){.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = 1,
		.sll_halen = 6};
	CHECK_EQ(bind(s, (void *)a, sizeof(*a)), 0);
	return s;
}

GUEST_TEST(packet_frames_come_and_go)
{
	struct sockaddr_ll a, from;
	struct {
		struct ether_header h;
		char data[100];
	} out = {.h.ether_type = htons(OUR_TYPE), .data = "frame"}, in;
	socklen_t len = sizeof(from);
	int raw = packet_socket(SOCK_RAW, OUR_TYPE, &a),
	    cooked = packet_socket(SOCK_DGRAM, OUR_TYPE, &a);
	CHECK_EQ(send(raw, &out, sizeof(out), 0), sizeof(out));
	CHECK_EQ(recvfrom(raw, &in, sizeof(in), 0, (void *)&from, &len), sizeof(in));
	CHECK(memcmp(in.data, out.data, sizeof(in.data)) == 0);
	CHECK_EQ(from.sll_protocol, htons(OUR_TYPE));
	CHECK_EQ(from.sll_ifindex, 1);
	CHECK_EQ(from.sll_hatype, 772);
	CHECK_EQ(from.sll_pkttype, PACKET_HOST);
	char data[200];
	CHECK_EQ(recv(cooked, data, sizeof(data), 0), sizeof(in.data));
	CHECK(memcmp(data, out.data, sizeof(in.data)) == 0);
	CHECK_EQ(sendto(cooked, "short", 5, 0, (void *)&a, sizeof(a)), 5);
	CHECK_EQ(recv(raw, &in, sizeof(in), 0), 14 + 5);
	CHECK_EQ(in.h.ether_type, htons(OUR_TYPE));
	CHECK(memcmp(in.data, "short", 5) == 0);
	CHECK_EQ(recv(cooked, data, sizeof(data), 0), 5);
	CHECK_ERRNO(recv(cooked, data, sizeof(data), MSG_DONTWAIT), EAGAIN);
	static char large[70000];
	CHECK_ERRNO(send(raw, large, sizeof(large), 0), EMSGSIZE);
	CHECK_ERRNO(send(raw, large, 5, 0), EINVAL);
	a.sll_ifindex = 99;
	CHECK_ERRNO(bind(raw, (void *)&a, sizeof(a)), ENODEV);
}

GUEST_TEST(packet_filter_and_statistics)
{
	/* ldh [12]; jeq OUR_TYPE; ldb [14]; jeq 'y'; ret 20; ret 0 */
	static const struct filter_insn insns[] = {{0x28, 0, 0, 12}, {0x15, 0, 3, OUR_TYPE},
		{0x30, 0, 0, 14}, {0x15, 0, 1, 'y'}, {0x06, 0, 0, 20}, {0x06, 0, 0, 0}};
	static const struct filter_insn endless[] = {{0x05, 0, 0, 0xffffffff}, {0x06, 0, 0, 0}};
	struct filter_program good = {6, insns}, bad = {2, endless};
	struct sockaddr_ll a;
	struct {
		struct ether_header h;
		char data[50];
	} out = {.h.ether_type = htons(OUR_TYPE)};
	char in[100];
	int s = packet_socket(SOCK_RAW, ETH_P_ALL, &a);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &bad, sizeof(bad)), EINVAL);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &good, sizeof(good)), 0);
	out.data[0] = 'n';
	CHECK_EQ(send(s, &out, sizeof(out), 0), sizeof(out));
	out.data[0] = 'y';
	CHECK_EQ(send(s, &out, sizeof(out), 0), sizeof(out));
	/* On its way out and on its way in. */
	CHECK_EQ(recv(s, in, sizeof(in), 0), 20);
	CHECK_EQ(recv(s, in, sizeof(in), 0), 20);
	CHECK_EQ(in[14], 'y');
	CHECK_ERRNO(recv(s, in, sizeof(in), MSG_DONTWAIT), EAGAIN);
	struct {
		unsigned packets, drops;
	} stats;
	socklen_t len = sizeof(stats);
	CHECK_EQ(getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &len), 0);
	CHECK(stats.packets == 2 && stats.drops == 0);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &len, sizeof(len)), 0);
	CHECK_ERRNO(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &len, sizeof(len)), ENOENT);
	struct packet_mreq m = {.mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC};
	CHECK_EQ(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	CHECK_EQ(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof(m)), 0);
	CHECK_ERRNO(
		setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof(m)), EADDRNOTAVAIL);
}

GUEST_TEST(packet_sees_udp)
{
	struct sockaddr_ll a;
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	unsigned char in[200];
	int s = packet_socket(SOCK_DGRAM, ETHERTYPE_IP, &a), u = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(sendto(u, "tapped", 6, 0, (void *)&to, sizeof(to)), 6);
	CHECK_EQ(recv(s, in, sizeof(in), 0), 20 + 8 + 6);
	CHECK_EQ(in[0] >> 4, 4);
	CHECK(memcmp(in + 28, "tapped", 6) == 0);
}

static void
without_capability(void *arg)
{
	CHECK(setgid(1000) == 0 && setuid(1000) == 0);
	CHECK_ERRNO(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
	CHECK_ERRNO(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
	CHECK(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
	struct sockaddr_in low = {.sin_family = AF_INET, .sin_port = htons(80)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERRNO(bind(s, (void *)&low, sizeof(low)), EACCES);
	static const unsigned long changes[] = {SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFADDR,
		SIOCSIFNETMASK, SIOCADDRT, SIOCDELRT, SIOCSARP};
	struct ifreq r[2] = {{.ifr_name = "lo"}};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		CHECK_ERRNO(ioctl(s, changes[i], r), EPERM);
}

GUEST_TEST(packet_takes_a_capability)
{
	guest_fork_ok(without_capability, NULL);
}

GUEST_TEST(socket_interface_ioctls)
{
	struct ifreq r = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(ioctl(s, SIOCGIFINDEX, &r), 0);
	CHECK_EQ(r.ifr_ifindex, 1);
	CHECK_EQ(ioctl(u, SIOCGIFFLAGS, &r), 0);
	CHECK(r.ifr_flags & IFF_LOOPBACK);
	CHECK_EQ(ioctl(s, SIOCGIFADDR, &r), 0);
	CHECK_EQ(((struct sockaddr_in *)(void *)&r.ifr_addr)->sin_addr.s_addr,
		htonl(INADDR_LOOPBACK));
	strcpy(r.ifr_name, "none");
	CHECK_ERRNO(ioctl(s, SIOCGIFINDEX, &r), ENODEV);
	CHECK_ERRNO(ioctl(s, 0x12345678, &r), ENOTTY);
}
