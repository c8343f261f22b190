/* SPDX-License-Identifier: MIT */
/* Duplicate address detection and automatic addresses, in virtual time. */
#include <string.h>

#include "net/ip/dad_core.h"
#include "net/ip/slaac_core.h"
#include "tests/unit/test.h"

#define SEC 1000000000ULL

TEST(dad_silence_makes_an_address_ours)
{
	struct dad_core d;
	dad_start(&d, 2, SEC, 100 * SEC, 0x123456789abcdef0);
	CHECK(d.deadline >= 100 * SEC && d.deadline < 101 * SEC);
	uint64_t now = d.deadline;
	CHECK_EQ(dad_timer(&d, now), DAD_SEND);
	CHECK_EQ(d.deadline, now + SEC);
	CHECK_EQ(dad_timer(&d, now + SEC), DAD_SEND);
	CHECK_EQ(dad_timer(&d, now + 2 * SEC), DAD_UNIQUE);
	CHECK_EQ(d.deadline, UINT64_MAX);
	CHECK_EQ(dad_timer(&d, now + 3 * SEC), DAD_NOTHING);
	CHECK_EQ(dad_heard_advert(&d), DAD_NOTHING);
}

TEST(dad_any_sign_of_another_owner_ends_it)
{
	struct dad_core d;
	uint8_t other[6] = {1, 2, 3, 4, 5, 6};
	dad_start(&d, 1, SEC, 0, 77);
	CHECK_EQ(dad_heard_solicit(&d, d.nonce), DAD_NOTHING); /* our own, come back */
	CHECK_EQ(dad_heard_solicit(&d, other), DAD_DUPLICATE);
	CHECK_EQ(dad_timer(&d, SEC), DAD_NOTHING);
	dad_start(&d, 1, SEC, 0, 77);
	CHECK_EQ(dad_heard_solicit(&d, NULL), DAD_DUPLICATE);
	dad_start(&d, 1, SEC, 0, 77);
	CHECK_EQ(dad_heard_advert(&d), DAD_DUPLICATE);
	dad_start(&d, 0, SEC, 5, 77); /* switched off */
	CHECK_EQ(d.deadline, 5);
	CHECK_EQ(dad_timer(&d, 5), DAD_UNIQUE);
}

TEST(slaac_identifiers_are_stable_and_unrelated)
{
	struct net_addr p = {.b = {0x20, 1, 0xd, 0xb8}}, q = {.b = {0x20, 1, 0xd, 0xb9}};
	uint64_t secret[2] = {1, 2}, other[2] = {1, 3};
	uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct net_addr a = slaac_address(&p, secret, mac, 0),
			b = slaac_address(&p, secret, mac, 0);
	CHECK(net_addr_equal(&a, &b));
	CHECK_MEM(&a, &p, 8);
	b = slaac_address(&q, secret, mac, 0);
	CHECK(a.d[1] != b.d[1]);
	b = slaac_address(&p, secret, mac, 1);
	CHECK(a.d[1] != b.d[1]);
	b = slaac_address(&p, other, mac, 0);
	CHECK(a.d[1] != b.d[1]);
	CHECK(a.b[11] != 0xff || a.b[12] != 0xfe); /* not the MAC address spelt out */
}

TEST(slaac_lifetimes_cannot_be_cut_below_two_hours)
{
	uint64_t now = 1000 * SEC, hour = 3600 * SEC;
	CHECK_EQ(slaac_valid_until(now, 0, 600), now + 600 * SEC);
	CHECK_EQ(slaac_valid_until(now, 0, 0xffffffff), UINT64_MAX);
	CHECK_EQ(slaac_valid_until(now, now + hour, 86400), now + 24 * hour); /* longer */
	CHECK_EQ(slaac_valid_until(now, now + 48 * hour, 10800),
		now + 3 * hour);                                       /* above two hours */
	CHECK_EQ(slaac_valid_until(now, now + hour, 600), now + hour); /* left as it is */
	CHECK_EQ(slaac_valid_until(now, now + 5 * hour, 600), now + 2 * hour);
	CHECK_EQ(slaac_valid_until(now, UINT64_MAX, 0), now + 2 * hour);
	CHECK_EQ(slaac_valid_until(now, now + 60 * SEC, 120), now + 120 * SEC);
}
