/* SPDX-License-Identifier: MIT */
/* /proc/net: each socket has its line, which says what the socket itself says; others' sockets take INSPECT. */
#include "guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netpacket/packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "abi/linux/rtnetlink.h"
#include "abi/swos.h"
#include "caps.h" /* generated */

#define NR_SWOS_LOGIN 4097

static char text[1 << 20];

/* Reads a whole file of /proc/net, in pieces of an odd size; its length. */
static size_t
slurp(const char *name)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/net/%s", name);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		guest_fail(__FILE__, __LINE__, "no %s", path);
	for (ssize_t got; n < sizeof(text) - 1 && (got = read(fd, text + n, 777)) > 0;)
		n += (size_t)got;
	close(fd);
	text[n] = '\0';
	return n;
}

/* The line with the inode number of fd, as a word, or NULL. */
static char *
line_of(const char *name, int fd)
{
	struct stat st;
	char word[32];
	CHECK_EQ(fstat(fd, &st), 0);
	snprintf(word, sizeof(word), " %llu", (unsigned long long)st.st_ino);
	slurp(name);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *at = strstr(line, word);
		size_t n = strlen(word);
		for (; at != NULL; at = strstr(at + 1, word)) {
			if (at[n] == ' ' || at[n] == '\0')
				return line;
		}
	}
	return NULL;
}

struct row {
	unsigned local[4], remote[4];
	unsigned local_port, remote_port, state, tx, rx, timer, uid;
};

static struct row
row_of(const char *name, int fd)
{
	struct row r = {0};
	char local[40], remote[40];
	unsigned sl, retransmits;
	unsigned long when;
	char *line = line_of(name, fd);
	if (line == NULL)
		guest_fail(__FILE__, __LINE__, "a socket has no line in %s", name);
	CHECK_EQ(sscanf(line, " %u: %32[0-9A-F]:%X %32[0-9A-F]:%X %X %X:%X %X:%lX %X %u", &sl,
			 local, &r.local_port, remote, &r.remote_port, &r.state, &r.tx, &r.rx,
			 &r.timer, &when, &retransmits, &r.uid),
		12);
	for (size_t i = 0; i < strlen(local) / 8; i++) {
		CHECK_EQ(sscanf(local + 8 * i, "%8X", &r.local[i]), 1);
		CHECK_EQ(sscanf(remote + 8 * i, "%8X", &r.remote[i]), 1);
	}
	return r;
}

static struct sockaddr_in
bind_loopback(int fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return a;
}

/* Closes a connection such that nothing of it waits. */
static void
reset(int fd)
{
	struct linger l = {.l_onoff = 1};
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	close(fd);
}

GUEST_TEST(proc_net_tcp)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = bind_loopback(listener), c;
	socklen_t len = sizeof(c);
	CHECK_EQ(listen(listener, 5), 0);
	struct row r = row_of("tcp", listener);
	CHECK_EQ(r.state, 10);
	CHECK_EQ(r.local[0], a.sin_addr.s_addr);
	CHECK_EQ(r.local_port, ntohs(a.sin_port));
	CHECK_EQ(r.remote_port, 0);
	CHECK_EQ(r.uid, getuid());
	CHECK_EQ(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(client, (struct sockaddr *)&c, &len), 0);
	CHECK_SOON(row_of("tcp", listener).rx == 1); /* waits to be accepted */
	int server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK_EQ(row_of("tcp", listener).rx, 0);
	CHECK_EQ(write(client, "12345", 5), 5);
	CHECK_SOON(row_of("tcp", client).tx == 0);
	r = row_of("tcp", client);
	CHECK_EQ(r.state, 1);
	CHECK_EQ(r.local_port, ntohs(c.sin_port));
	CHECK_EQ(r.remote[0], a.sin_addr.s_addr);
	CHECK_EQ(r.remote_port, ntohs(a.sin_port));
	r = row_of("tcp", server);
	CHECK_EQ(r.local_port, ntohs(a.sin_port));
	CHECK_EQ(r.remote_port, ntohs(c.sin_port));
	CHECK_EQ(r.rx, 5);
	CHECK(line_of("tcp6", server) == NULL && line_of("udp", server) == NULL);
	reset(server);
	close(client);
	close(listener);
}

GUEST_TEST(proc_net_tcp6)
{
	int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(a);
	CHECK_EQ(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	struct row r = row_of("tcp6", listener);
	CHECK_EQ(r.state, 10);
	CHECK(r.local[0] == 0 && r.local[1] == 0 && r.local[2] == 0 && r.local[3] == 0);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = a.sin6_port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK_EQ(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	int server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	r = row_of("tcp6", server); /* IPv4 as an IPv6 socket sees it */
	CHECK_EQ(r.local[2], htonl(0xffff));
	CHECK_EQ(r.local[3], htonl(INADDR_LOOPBACK));
	CHECK_EQ(row_of("tcp", client).remote_port, ntohs(to.sin_port));
	reset(server);
	close(client);
	close(listener);
}

GUEST_TEST(proc_net_udp)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), peer = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = bind_loopback(fd);
	struct row r = row_of("udp", fd);
	CHECK_EQ(r.state, 7);
	CHECK_EQ(r.local[0], htonl(INADDR_LOOPBACK));
	CHECK_EQ(r.local_port, ntohs(a.sin_port));
	CHECK_EQ(r.rx, 0);
	CHECK_EQ(connect(peer, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(write(peer, "hello", 5), 5);
	CHECK_SOON(row_of("udp", fd).rx >= 5);
	r = row_of("udp", peer);
	CHECK_EQ(r.state, 1);
	CHECK_EQ(r.remote_port, ntohs(a.sin_port));
	int fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(4711)};
	CHECK_EQ(bind(fd6, (struct sockaddr *)&a6, sizeof(a6)), 0);
	r = row_of("udp6", fd6);
	CHECK_EQ(r.local[3], htonl(1));
	CHECK_EQ(r.local_port, 4711);
	close(fd6);
	close(peer);
	close(fd);
	CHECK(strstr((slurp("udp6"), text), ":1267 ") == NULL); /* 4711 */
}

/* The number of sockets in a protocol's row of protocols. */
static int
protocol_count(const char *name)
{
	char line[32];
	int size, sockets;
	slurp("protocols");
	snprintf(line, sizeof(line), "\n%-9s ", name);
	const char *at = strstr(text, line);
	CHECK(at != NULL);
	CHECK_EQ(sscanf(at + strlen(line), "%d %d", &size, &sockets), 2);
	CHECK(size > 0);
	return sockets;
}

GUEST_TEST(proc_net_ptype_and_protocols)
{
	slurp("ptype");
	CHECK(strncmp(text, "Type Device      Function\n", 26) == 0);
	CHECK(strstr(text, "\n0800          ") != NULL && strstr(text, "\n86dd          ") != NULL);
	CHECK(strstr(text, "\nALL ") == NULL);
	int udp = protocol_count("UDP"), packet = protocol_count("PACKET"),
	    unix_ = protocol_count("UNIX"), tcp6 = protocol_count("TCPv6");
	int fd = socket(AF_PACKET, SOCK_RAW, htons(3)), u = socket(AF_INET, SOCK_DGRAM, 0), pair[2];
	CHECK(fd >= 0 && u >= 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	bind_loopback(u);
	slurp("ptype");
	CHECK(strstr(text, "\nALL           packet_see\n") != NULL);
	CHECK_EQ(protocol_count("PACKET"), packet + 1);
	CHECK_EQ(protocol_count("UDP"), udp + 1);
	CHECK_EQ(protocol_count("UNIX"), unix_ + 2);
	CHECK_EQ(protocol_count("TCPv6"), tcp6);
	close(fd);
	CHECK_EQ(protocol_count("PACKET"), packet);
}

GUEST_TEST(proc_net_many)
{
	enum { COUNT = 700 };
	static int fds[COUNT];
	for (int i = 0; i < COUNT; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		(void)bind_loopback(fds[i]);
	}
	slurp("udp");
	unsigned lines = 0, sl;
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
		CHECK_EQ(strlen(line), 127);
		if (lines != 0) {
			CHECK_EQ(sscanf(line, " %u:", &sl), 1);
			CHECK_EQ(sl, lines - 1);
		}
	}
	CHECK_EQ(lines, COUNT + 1);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
}

GUEST_TEST(proc_net_raw_and_ping)
{
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP),
	    raw6 = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	int ping = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CHECK(raw >= 0 && raw6 >= 0);
	CHECK_EQ(row_of("raw", raw).local_port, IPPROTO_ICMP);
	CHECK_EQ(row_of("raw6", raw6).local_port, IPPROTO_ICMPV6);
	CHECK(line_of("raw6", raw) == NULL);
	struct sockaddr_in a = bind_loopback(ping);
	CHECK_EQ(row_of("icmp", ping).local_port, ntohs(a.sin_port));
	close(raw);
	close(raw6);
	close(ping);
}

GUEST_TEST(proc_net_unix)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/tmp/proc_net_unix"},
			   abstract = {.sun_family = AF_UNIX, .sun_path = "\0proc\0net"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), dgram = socket(AF_UNIX, SOCK_DGRAM, 0), pair[2];
	unlink(path.sun_path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&path, sizeof(path)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	CHECK_EQ(bind(dgram, (struct sockaddr *)&abstract, 2 + 9), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	char *line = line_of("unix", fd);
	CHECK(line != NULL && strstr(line, " /tmp/proc_net_unix") != NULL);
	CHECK(strstr(line, " 00010000 0001 01 ") != NULL);
	line = line_of("unix", dgram);
	CHECK(line != NULL && strstr(line, " @proc@net") != NULL);
	CHECK(strstr(line, " 00000000 0002 01 ") != NULL);
	line = line_of("unix", pair[1]);
	CHECK(line != NULL && strstr(line, " 00000000 0005 03 ") != NULL);
	unlink(path.sun_path);
}

GUEST_TEST(proc_net_netlink_and_packet)
{
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	    packet = socket(AF_PACKET, SOCK_RAW, htons(0x806));
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 4242, .nl_groups = 5};
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(0x806), .sll_ifindex = 1};
	CHECK_EQ(bind(nl, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(bind(packet, (struct sockaddr *)&ll, sizeof(ll)), 0);
	char *line = line_of("netlink", nl);
	CHECK(line != NULL && strstr(line, " 0   4242       00000005 ") != NULL);
	line = line_of("packet", packet);
	CHECK(line != NULL && strstr(line, " 3    0806   1     1 ") != NULL);
	close(packet);
	CHECK(line_of("packet", nl) == NULL);
}

/* --- Against ioctl. --- */

GUEST_TEST(proc_net_interfaces)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(ioctl(fd, SIOCGIFINDEX, &r), 0);
	CHECK_EQ(r.ifr_ifindex, 1);
	slurp("if_inet6");
	CHECK(strstr(text, "00000000000000000000000000000001 01 80 10 80       lo\n") != NULL);
	slurp("igmp");
	CHECK(strstr(text, "\n1\tlo        : ") != NULL);
	slurp("ipv6_route");
	CHECK(strstr(text, "00000000000000000000000000000001 80 ") != NULL);
	slurp("dev");
	CHECK(strstr(text, "\n    lo: ") != NULL);
	struct ip_mreqn m = {.imr_multiaddr.s_addr = htonl(0xe1020304), .imr_ifindex = 1};
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	slurp("igmp");
	CHECK(strstr(text, "\t040302E1     1 ") != NULL);
	close(fd);
	slurp("igmp");
	CHECK(strstr(text, "040302E1") == NULL);
}

/* --- Counters. --- */

/* The number under a name in a group's two lines. */
static long
counter(const char *file, const char *group, const char *name)
{
	char *names, *values, *save_n, *save_v;
	slurp(file);
	size_t n = strlen(group);
	names = text;
	while (names != NULL && (strncmp(names, group, n) != 0 || names[n] != ':'))
		names = strchr(names, '\n') != NULL ? strchr(names, '\n') + 1 : NULL;
	CHECK(names != NULL);
	values = strchr(names, '\n');
	CHECK(values != NULL);
	*values++ = '\0';
	CHECK(strncmp(values, group, n) == 0 && values[n] == ':');
	*strchr(values, '\n') = '\0';
	char *v = strtok_r(values, " ", &save_v);
	for (char *at = strtok_r(names, " ", &save_n); at != NULL;
		at = strtok_r(NULL, " ", &save_n)) {
		CHECK(v != NULL);
		if (strcmp(at, name) == 0)
			return strtol(v, NULL, 10);
		v = strtok_r(NULL, " ", &save_v);
	}
	guest_fail(__FILE__, __LINE__, "no %s in %s", name, file);
}

GUEST_TEST(proc_net_snmp)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = bind_loopback(fd);
	long sent = counter("snmp", "Udp", "OutDatagrams"),
	     opens = counter("snmp", "Tcp", "ActiveOpens");
	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	CHECK_EQ(counter("snmp", "Udp", "OutDatagrams"), sent + 1);
	CHECK_ERRNO(connect(client, (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_EQ(counter("snmp", "Tcp", "ActiveOpens"), opens + 1);
	CHECK_EQ(counter("snmp", "Ip", "Forwarding"), 2);
	CHECK_EQ(counter("snmp", "Ip", "DefaultTTL"), 64);
	CHECK_EQ(counter("snmp", "Tcp", "MaxConn"), -1);
	CHECK(counter("netstat", "TcpExt", "TCPTimeouts") >= 0);
	/* A datagram to a port where nobody is brings an error there, and here. */
	long lost = counter("snmp", "Icmp", "OutDestUnreachs"),
	     told = counter("snmp", "Icmp", "InDestUnreachs");
	struct sockaddr_in nowhere = a;
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&nowhere, sizeof(nowhere)), 1);
	CHECK_EQ(counter("snmp", "Icmp", "OutDestUnreachs"), lost + 1);
	CHECK_EQ(counter("snmp", "IcmpMsg", "OutType3"), lost + 1);
	CHECK_EQ(counter("snmp", "Icmp", "InDestUnreachs"), told + 1);
	CHECK_EQ(counter("snmp", "IcmpMsg", "InType3"), told + 1);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	bind_loopback(fd);
	slurp("snmp6");
	CHECK(strstr(text, "Icmp6InNeighborSolicits         \t") != NULL);
	CHECK(strstr(text, "Ip6InReceives                   \t") != NULL);
	slurp("sockstat");
	CHECK(strstr(text, "\nUDP: inuse 1 mem ") != NULL);
	close(fd);
	close(client);
	slurp("sockstat");
	CHECK(strstr(text, "\nUDP: inuse 0 mem 0\n") != NULL);
}

/* --- Who may. --- */

struct sockets {
	int udp, tcp, un;
};

/* Goes on as somebody else. */
static void
log_in(uint64_t caps)
{
	struct swos_login l = {
		.size = sizeof(l), .uid = 1000, .gid = 1000, .session = 1, .caps = caps};
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(syscall(NR_SWOS_LOGIN, &l), 0);
}

static void
look(void *arg)
{
	const struct sockets *s = arg;
	log_in(CAP_FSREAD | CAP_NET);
	CHECK(line_of("udp", s->udp) == NULL);
	CHECK(line_of("tcp", s->tcp) == NULL);
	CHECK(line_of("unix", s->un) == NULL);
	int own = socket(AF_INET, SOCK_DGRAM, 0);
	(void)bind_loopback(own);
	CHECK(line_of("udp", own) != NULL);
	CHECK(slurp("route") > 0 && slurp("snmp") > 0);
}

static void
inspect(void *arg)
{
	const struct sockets *s = arg;
	log_in(CAP_FSREAD | CAP_INSPECT);
	CHECK(line_of("udp", s->udp) != NULL);
	CHECK(line_of("tcp", s->tcp) != NULL);
	CHECK(line_of("unix", s->un) != NULL);
}

GUEST_TEST(proc_net_who_may)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0who"};
	struct sockets s = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_STREAM, 0),
		socket(AF_UNIX, SOCK_STREAM, 0)};
	(void)bind_loopback(s.udp);
	(void)bind_loopback(s.tcp);
	CHECK_EQ(listen(s.tcp, 1), 0);
	CHECK_EQ(bind(s.un, (struct sockaddr *)&name, 6), 0);
	guest_fork_ok(look, &s);
	guest_fork_ok(inspect, &s);
	/* The stack is that of the process looked at; the link leads to one's own. */
	struct stat net, self;
	CHECK_EQ(stat("/proc/net/tcp", &net), 0);
	CHECK_EQ(stat("/proc/self/net/tcp", &self), 0);
	CHECK_EQ(net.st_ino, self.st_ino);
}
