/* SPDX-License-Identifier: MIT */
/* Address conflict detection in virtual time (RFC 5227). */
#include <string.h>

#include "dhcp/acd4.h"
#include "tests/unit/test.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 7}, theirs[6] = {2, 0, 0, 0, 0, 8};
#define ADDRESS 0x0f02000a
#define OTHER   0x1002000a

static struct arp
packet(uint16_t op, const uint8_t mac[6], uint32_t sender, uint32_t target)
{
	struct arp p = {.op = op, .sender = sender, .target = target};
	memcpy(p.sender_mac, mac, 6);
	return p;
}

static bool
is_probe(const struct acd4_action *a)
{
	return a->send && a->packet.op == ARP_REQUEST && a->packet.sender == 0 &&
		a->packet.target == ADDRESS && memcmp(a->packet.sender_mac, ours, 6) == 0;
}

static bool
is_announcement(const struct acd4_action *a)
{
	return a->send && a->packet.op == ARP_REQUEST && a->packet.sender == ADDRESS &&
		a->packet.target == ADDRESS && memcmp(a->packet.sender_mac, ours, 6) == 0;
}

static bool
is_nothing(const struct acd4_action *a)
{
	return !a->send && !a->claimed && !a->conflict;
}

static struct acd4
probing(void)
{
	struct acd4 m;
	acd4_init(&m, ours);
	struct acd4_action a = acd4_probe(&m, ADDRESS, 1000);
	CHECK(is_probe(&a) && !a.claimed);
	CHECK_EQ(m.deadline_ms, 1100);
	return m;
}

static struct acd4
holding(void)
{
	struct acd4 m = probing();
	(void)acd4_timer(&m, 1100);
	(void)acd4_timer(&m, 1200);
	(void)acd4_timer(&m, 3200);
	CHECK_EQ(m.state, ACD4_HOLDING);
	return m;
}

TEST(acd4_probes_twice_then_announces_twice)
{
	struct acd4 m = probing();
	struct acd4_action a = acd4_timer(&m, 1099);
	CHECK(is_nothing(&a));
	a = acd4_timer(&m, 1100);
	CHECK(is_probe(&a) && !a.claimed);
	a = acd4_timer(&m, 1200);
	CHECK(is_announcement(&a) && a.claimed);
	CHECK_EQ(m.deadline_ms, 3200);
	a = acd4_timer(&m, 3200);
	CHECK(is_announcement(&a) && !a.claimed);
	CHECK_EQ(m.deadline_ms, UINT64_MAX);
	/* A link that came back: no probes for what is in use. */
	a = acd4_announce(&m, ADDRESS, 9000);
	CHECK(is_announcement(&a) && !a.claimed);
	CHECK_EQ(m.deadline_ms, 11000);
	acd4_stop(&m);
	CHECK_EQ(m.deadline_ms, UINT64_MAX);
}

TEST(acd4_gives_up_what_others_have_or_ask_for)
{
	struct acd4 m = probing();
	struct arp p = packet(ARP_REPLY, theirs, ADDRESS, 0);
	struct acd4_action a = acd4_input(&m, &p, 1010);
	CHECK(a.conflict && !a.send && m.state == ACD4_IDLE);
	a = acd4_input(&m, &p, 1020);
	CHECK(is_nothing(&a));
	m = probing();
	p = packet(ARP_REQUEST, theirs, 0, ADDRESS); /* probes for it as well */
	CHECK(acd4_input(&m, &p, 1010).conflict);
	m = probing();
	const struct arp harmless[] = {
		packet(ARP_REQUEST, ours, 0, ADDRESS), /* our own, heard again */
		packet(ARP_REPLY, ours, ADDRESS, ADDRESS),
		packet(ARP_REQUEST, theirs, OTHER, ADDRESS), /* asks who has it */
		packet(ARP_REQUEST, theirs, 0, OTHER),
		packet(ARP_REPLY, theirs, OTHER, OTHER),
	};
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		a = acd4_input(&m, &harmless[i], 1010);
		CHECK(is_nothing(&a) && m.state == ACD4_PROBING);
	}
}

TEST(acd4_defends_once_in_ten_seconds)
{
	struct acd4 m = holding();
	struct arp p = packet(ARP_REQUEST, theirs, ADDRESS, OTHER);
	struct arp probe = packet(ARP_REQUEST, theirs, 0, ADDRESS);
	struct acd4_action a = acd4_input(&m, &probe, 4000); /* the kernel answers that */
	CHECK(is_nothing(&a));
	a = acd4_input(&m, &p, 5000);
	CHECK(is_announcement(&a) && !a.conflict);
	a = acd4_input(&m, &p, 15000); /* long enough ago */
	CHECK(is_announcement(&a) && !a.conflict);
	a = acd4_input(&m, &p, 24999);
	CHECK(a.conflict && !a.send && m.state == ACD4_IDLE);
}

TEST(acd4_what_is_kept_is_defended_once_in_ten_seconds)
{
	struct acd4 m = holding();
	m.keeps = true;
	struct arp theirs_now = packet(ARP_REQUEST, theirs, ADDRESS, ADDRESS);
	struct acd4_action a = acd4_input(&m, &theirs_now, 5000);
	CHECK(is_announcement(&a) && a.defended && !a.conflict);
	a = acd4_input(&m, &theirs_now, 14999);
	CHECK(is_nothing(&a) && !a.defended);
	CHECK_EQ(m.state, ACD4_HOLDING);
	a = acd4_input(&m, &theirs_now, 15000);
	CHECK(is_announcement(&a) && a.defended);
	/* Before it is ours, nothing is kept. */
	(void)acd4_probe(&m, ADDRESS, 20000);
	a = acd4_input(&m, &theirs_now, 20001);
	CHECK(a.conflict);
}
