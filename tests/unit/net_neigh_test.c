/* SPDX-License-Identifier: MIT */
/* kernel/net/link/neigh_core.c: the states of a neighbour in virtual time (RFC 4861, 7.3 and appendix C). */
#include <string.h>

#include "net/link/neigh_core.h"
#include "tests/unit/test.h"

#define SEC 1000000000ULL

static const struct neigh_params params = {30 * SEC, SEC, 5 * SEC, 3, 3};
static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};

/* Resolved, reachable, known as mac_a, at time 0. */
static struct neigh_core
reachable(void)
{
	struct neigh_core n;
	neigh_core_init(&n);
	CHECK_EQ(neigh_core_use(&n, &params, 0), NEIGH_DO_SOLICIT | NEIGH_DO_QUEUE);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_a, NEIGH_SOLICITED, 0),
		NEIGH_DO_CHANGED | NEIGH_DO_FLUSH);
	CHECK_EQ(n.state, NUD_REACHABLE);
	return n;
}

static struct neigh_core
stale(void)
{
	struct neigh_core n = reachable();
	CHECK_EQ(neigh_core_timer(&n, &params, 30 * SEC, 0), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	return n;
}

TEST(neigh_nobody_answers)
{
	struct neigh_core n;
	neigh_core_init(&n);
	CHECK_EQ(neigh_core_use(&n, &params, 0), NEIGH_DO_SOLICIT | NEIGH_DO_QUEUE);
	CHECK_EQ(neigh_core_use(&n, &params, 0), NEIGH_DO_QUEUE);
	CHECK_EQ(n.deadline, SEC);
	CHECK_EQ(neigh_core_timer(&n, &params, SEC, 0), NEIGH_DO_SOLICIT);
	CHECK_EQ(neigh_core_timer(&n, &params, 2 * SEC, 0), NEIGH_DO_SOLICIT);
	CHECK_EQ(neigh_core_timer(&n, &params, 3 * SEC, 0), NEIGH_DO_FAIL | NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_FAILED);
	CHECK_EQ(n.deadline, UINT64_MAX);
	/* What comes now was not asked for. */
	CHECK_EQ(neigh_core_advert(&n, &params, mac_a, NEIGH_SOLICITED | NEIGH_OVERRIDE, 4 * SEC),
		0);
	CHECK_EQ(neigh_core_use(&n, &params, 5 * SEC), NEIGH_DO_SOLICIT | NEIGH_DO_QUEUE);
}

TEST(neigh_nothing_is_learnt_unasked)
{
	struct neigh_core n;
	neigh_core_init(&n);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_a, NEIGH_SOLICITED | NEIGH_OVERRIDE, 0), 0);
	CHECK_EQ(n.state, NUD_NONE);
	CHECK_EQ(neigh_core_use(&n, &params, 0), NEIGH_DO_SOLICIT | NEIGH_DO_QUEUE);
	CHECK_EQ(
		neigh_core_advert(&n, &params, NULL, NEIGH_SOLICITED, 0), 0); /* no address in it */
	CHECK_EQ(n.state, NUD_INCOMPLETE);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_a, 0, 0), NEIGH_DO_CHANGED | NEIGH_DO_FLUSH);
	CHECK_EQ(n.state, NUD_STALE); /* unsolicited */
}

TEST(neigh_reachable_grows_stale_unless_upper_layers_confirm)
{
	struct neigh_core n = reachable();
	CHECK_EQ(neigh_core_timer(&n, &params, 30 * SEC, 20 * SEC), 0);
	CHECK_EQ(n.state, NUD_REACHABLE);
	CHECK_EQ(n.deadline, 50 * SEC);
	CHECK_EQ(neigh_core_timer(&n, &params, 50 * SEC, 20 * SEC), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	CHECK_EQ(neigh_core_use(&n, &params, 60 * SEC), NEIGH_DO_SEND);
	CHECK_EQ(n.state, NUD_DELAY);
	CHECK_EQ(neigh_core_timer(&n, &params, 65 * SEC, 62 * SEC), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_REACHABLE);
}

TEST(neigh_stale_is_probed_and_given_up)
{
	struct neigh_core n = stale();
	CHECK_EQ(neigh_core_use(&n, &params, 40 * SEC), NEIGH_DO_SEND);
	CHECK_EQ(n.deadline, 45 * SEC);
	CHECK_EQ(neigh_core_timer(&n, &params, 45 * SEC, 0), NEIGH_DO_CHANGED | NEIGH_DO_PROBE);
	CHECK_EQ(n.state, NUD_PROBE);
	CHECK_EQ(neigh_core_use(&n, &params, 45 * SEC), NEIGH_DO_SEND);
	CHECK_EQ(neigh_core_timer(&n, &params, 46 * SEC, 0), NEIGH_DO_PROBE);
	CHECK_EQ(neigh_core_timer(&n, &params, 47 * SEC, 0), NEIGH_DO_PROBE);
	CHECK_EQ(neigh_core_timer(&n, &params, 48 * SEC, 0), NEIGH_DO_FAIL | NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_FAILED);
	n = stale();
	CHECK_EQ(neigh_core_use(&n, &params, 40 * SEC), NEIGH_DO_SEND);
	(void)neigh_core_timer(&n, &params, 45 * SEC, 0);
	CHECK_EQ(neigh_core_advert(&n, &params, NULL, NEIGH_SOLICITED, 46 * SEC), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_REACHABLE);
	CHECK_MEM(n.mac, mac_a, 6);
}

TEST(neigh_another_address_needs_the_override_flag)
{
	struct neigh_core n = reachable();
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_SOLICITED, SEC), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	CHECK_MEM(n.mac, mac_a, 6);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_SOLICITED, SEC), 0);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_OVERRIDE, SEC), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	CHECK_MEM(n.mac, mac_b, 6);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_OVERRIDE | NEIGH_SOLICITED, SEC),
		NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_REACHABLE);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_OVERRIDE, SEC), 0); /* nothing new */
	CHECK_EQ(n.state, NUD_REACHABLE);
}

TEST(neigh_router_that_is_none_any_more)
{
	struct neigh_core n = reachable();
	CHECK_EQ(neigh_core_advert(&n, &params, NULL, NEIGH_IS_NA | NEIGH_ROUTER, 0), 0);
	CHECK(n.is_router);
	CHECK_EQ(neigh_core_advert(&n, &params, NULL, NEIGH_IS_NA, 0), NEIGH_DO_ROUTER_GONE);
	CHECK(!n.is_router);
}

TEST(neigh_solicitations_teach_a_stale_address)
{
	struct neigh_core n;
	neigh_core_init(&n);
	CHECK_EQ(neigh_core_heard(&n, &params, mac_a, 0), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	n = reachable();
	CHECK_EQ(neigh_core_heard(&n, &params, mac_a, 0), 0);
	CHECK_EQ(n.state, NUD_REACHABLE);
	CHECK_EQ(neigh_core_heard(&n, &params, mac_b, 0), NEIGH_DO_CHANGED);
	CHECK_EQ(n.state, NUD_STALE);
	neigh_core_init(&n);
	(void)neigh_core_use(&n, &params, 0);
	CHECK_EQ(neigh_core_heard(&n, &params, mac_a, 0), NEIGH_DO_CHANGED | NEIGH_DO_FLUSH);
}

TEST(neigh_permanent_ones_are_not_taught)
{
	struct neigh_core n;
	neigh_core_init(&n);
	CHECK_EQ(neigh_core_set(&n, &params, mac_a, NUD_PERMANENT, 0), NEIGH_DO_CHANGED);
	CHECK_EQ(neigh_core_heard(&n, &params, mac_b, 0), 0);
	CHECK_EQ(neigh_core_advert(&n, &params, mac_b, NEIGH_OVERRIDE, 0), 0);
	CHECK_EQ(neigh_core_use(&n, &params, 0), NEIGH_DO_SEND);
	CHECK_EQ(n.deadline, UINT64_MAX);
	CHECK_MEM(n.mac, mac_a, 6);
}
