/* SPDX-License-Identifier: MIT */
/* NETLINK_SOCK_DIAG: TCP's sockets as `ss` asks for them. */
#include <string.h>

#include "abi/linux/inet_diag.h"
#include "abi/linux/netlink.h"
#include "tests/guest/prog/tcp/tcp.h"

#ifndef AF_NETLINK
#define AF_NETLINK 16
#endif

struct diag_name { /* struct sockaddr_nl */
	uint16_t family, pad;
	uint32_t pid, groups;
};

struct diag_found {
	bool there, has_info, has_congestion;
	struct inet_diag_msg msg;
	struct tcp_info info;
	char congestion[16];
};

static void
take(const struct nlmsghdr *h, uint16_t port, uint16_t peer, struct diag_found *out)
{
	const uint8_t *at = (const uint8_t *)(h + 1), *end = (const uint8_t *)h + h->nlmsg_len;
	struct inet_diag_msg m;
	memcpy(&m, at, sizeof(m));
	if (ntohs(m.id.idiag_sport) != port || ntohs(m.id.idiag_dport) != peer)
		return;
	CHECK(!out->there);
	out->there = true;
	out->msg = m;
	for (at += sizeof(m); at + sizeof(struct nlattr) <= end;) {
		struct nlattr a;
		memcpy(&a, at, sizeof(a));
		size_t n = a.nla_len - sizeof(a);
		if (a.nla_type == INET_DIAG_INFO) {
			out->has_info = true;
			memcpy(&out->info, at + sizeof(a),
				n < sizeof(out->info) ? n : sizeof(out->info));
		} else if (a.nla_type == INET_DIAG_CONG) {
			out->has_congestion = true;
			memcpy(out->congestion, at + sizeof(a), n < 15 ? n : 15);
		}
		at += NLMSG_ALIGN(a.nla_len);
	}
}

/* The socket of a family with this port and its peer's (0: a listener), among those in the states. */
static struct diag_found
ask(int family, uint32_t states, uint16_t port, uint16_t peer)
{
	static uint8_t answer[65536];
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} request = {
		.h = {.nlmsg_len = sizeof(request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1),
			.idiag_states = states},
	};
	struct diag_found found = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	CHECK(fd >= 0);
	CHECK_EQ(send(fd, &request, sizeof(request), 0), (ssize_t)sizeof(request));
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		CHECK(n > 0);
		for (ssize_t at = 0; at < n;) {
			struct nlmsghdr *h = (struct nlmsghdr *)(answer + at);
			if (h->nlmsg_type == NLMSG_DONE) {
				close(fd);
				return found;
			}
			CHECK_EQ(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
			take(h, port, peer, &found);
			at += NLMSG_ALIGN(h->nlmsg_len);
		}
	}
}

TCP_TEST(diag_tells_of_listeners)
{
	struct sock_name reach;
	int l = tcp_listener(net, 5, &reach);
	uint16_t port = sock_port(&reach);
	struct diag_found d = ask(net->server, 1u << 10, port, 0);
	CHECK(d.there);
	CHECK_EQ(d.msg.idiag_wqueue, 5);
	CHECK_EQ(d.msg.idiag_rqueue, 0);
	int c = tcp_connected(&reach);
	CHECK_SOON(ask(net->server, 1u << 10, port, 0).msg.idiag_rqueue == 1);
	CHECK(!ask(net->server, 1u << 1, port, 0).there);
	close(c);
	close(l);
	CHECK(!ask(net->server, 1u << 10, port, 0).there);
}

TCP_TEST(diag_tells_of_connections)
{
	int fd[2];
	tcp_pair(net, fd);
	struct sock_name own = sock_name_of(fd[0]), peer = sock_peer_of(fd[0]);
	uint16_t port = sock_port(&own), to = sock_port(&peer);
	CHECK_EQ(send(fd[1], "waiting", 7, 0), 7);
	CHECK_SOON(ask(net->client, 1u << 1, port, to).msg.idiag_rqueue == 7);
	struct diag_found d = ask(net->client, 1u << 1, port, to);
	CHECK(d.there && d.has_info && d.has_congestion);
	CHECK_EQ(d.msg.idiag_state, 1);
	CHECK_EQ(d.info.tcpi_state, 1);
	CHECK(d.info.tcpi_snd_mss != 0);
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;
	CHECK_EQ(getsockopt(fd[0], IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK(strcmp(d.congestion, name) == 0);
	CHECK(d.msg.idiag_inode != 0);
	CHECK(ask(net->server, 1u << 1, to, port).there);
	reset_on_close(fd[0]);
	close(fd[0]);
	CHECK_SOON(!ask(net->client, 1u << 1, port, to).there);
}
