/* SPDX-License-Identifier: MIT */
/* Sockets that end and are used again. */
#include <string.h>

#include "core/timer.h"
#include "net/tcp/tcp_impl.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

#define SERVER 7000u
#define OWN    7001u

/* TIME_WAIT has the port too, but what bind() gave a socket stays its own until it closes. */
TEST(a_bound_socket_keeps_its_port_beside_its_time_wait)
{
	struct net_stack *net = uni_begin();
	struct sock *l = netstack_socket(net, AF_INET, SOCK_STREAM), *s, *child;
	struct sock_addr server = netstack_loopback(AF_INET, SERVER);
	struct sock_addr own = netstack_loopback(AF_INET, OWN), none = {.len = 2};
	int32_t one = 1;
	CHECK(l != NULL);
	CHECK_EQ(l->ops->bind(l, &server), 0);
	CHECK_EQ(l->ops->listen(l, 4), 0);
	s = netstack_socket(net, AF_INET, SOCK_STREAM);
	CHECK(s != NULL);
	CHECK_EQ(sock_set_option(s, SO_REUSEADDR, &one, sizeof(one)), 0);
	CHECK_EQ(s->ops->bind(s, &own), 0);
	CHECK_EQ(s->ops->connect(s, &server, 0), 0);
	CHECK_EQ(l->ops->accept(l, 0, &child), 0);
	CHECK_EQ(s->ops->shutdown(s, SOCK_SHUT_WR - 1), 0);
	netstack_close(child);
	uni_pass(NSEC_PER_SEC);
	CHECK_EQ(netstack_objects("tcp_tw"), 1);
	CHECK_EQ(s->ops->connect(s, &none, 0), 0);
	CHECK_EQ(netstack_port(s, false), OWN);
	/* Nobody else can have it, and it may listen there. */
	struct sock *other = netstack_socket(net, AF_INET, SOCK_STREAM);
	CHECK_EQ(other->ops->bind(other, &own), -EADDRINUSE);
	CHECK_EQ(s->ops->listen(s, 1), 0);
	netstack_close(other);
	netstack_close(s);
	netstack_close(l);
	uni_pass(100 * NSEC_PER_SEC);
	CHECK_STR(netstack_leak() == NULL ? "nothing" : netstack_leak(), "nothing");
}
