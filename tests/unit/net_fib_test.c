/* SPDX-License-Identifier: MIT */
/* kernel/net/ip/fib.c: by hand, and against a plain list of random routes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/ip/fib.h"
#include "tests/unit/test.h"

/* An interface, for the table: its address is all that counts. */
struct netif {
	uint32_t index;
	bool up;
};

static struct netif eth0 = {2, true}, eth1 = {3, true};
static uint64_t fake_now;
static int64_t live, fail_after = -1;

static void *
test_alloc(size_t n)
{
	if (fail_after == 0)
		return NULL;
	if (fail_after > 0)
		fail_after--;
	live++;
	return malloc(n);
}

static void
test_release(void *p)
{
	live--;
	free(p);
}

static uint64_t
test_now(void)
{
	return fake_now;
}

static bool
test_is_usable(const struct netif *n)
{
	return n->up;
}

static uint32_t
test_ifindex(const struct netif *n)
{
	return n->index;
}

static const struct fib_env env = {
	test_alloc, test_release, test_now, test_is_usable, test_ifindex};

static struct net_addr
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return net_addr_v4((uint32_t)a | (uint32_t)b << 8 | (uint32_t)c << 16 | (uint32_t)d << 24);
}

static struct fib_spec
route4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t prefix, struct netif *nif)
{
	return (struct fib_spec){.dst = v4(a, b, c, d), .prefix = prefix, .v4 = true, .netif = nif};
}

static struct netif *
lookup4(const struct fib *f, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	struct net_addr dst = v4(a, b, c, d);
	const struct fib_spec *s = fib_lookup(f, &dst, 0);
	return s != NULL ? s->netif : NULL;
}

static void
add(struct fib *f, struct fib_spec s)
{
	CHECK_EQ(fib_change(f, &s, FIB_CREATE | FIB_EXCL), 0);
}

TEST(fib_longest_prefix_wins)
{
	struct fib f;
	fib_init(&f, &env, 100);
	CHECK(lookup4(&f, 10, 0, 0, 1) == NULL);
	add(&f, route4(0, 0, 0, 0, 0, &eth0));
	add(&f, route4(10, 0, 0, 0, 8, &eth1));
	add(&f, route4(10, 1, 0, 0, 16, &eth0));
	add(&f, route4(10, 1, 2, 3, 32, &eth1));
	CHECK(lookup4(&f, 9, 0, 0, 1) == &eth0);
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth1);
	CHECK(lookup4(&f, 10, 1, 0, 1) == &eth0);
	CHECK(lookup4(&f, 10, 1, 2, 3) == &eth1);
	struct fib_spec gone = route4(10, 1, 0, 0, 16, NULL);
	uint32_t generation = fib_generation(&f);
	CHECK_EQ(fib_delete(&f, &gone), 0);
	CHECK(fib_generation(&f) != generation);
	CHECK_EQ(fib_delete(&f, &gone), -ESRCH);
	CHECK(lookup4(&f, 10, 1, 0, 1) == &eth1);
	CHECK(lookup4(&f, 10, 1, 2, 3) == &eth1);
	struct net_addr v6 = {.b = {0x20, 1}};
	CHECK(fib_lookup(&f, &v6, 0) == NULL);
	fib_destroy(&f);
	CHECK_EQ(live, 0);
}

TEST(fib_metric_local_table_and_interfaces_choose)
{
	struct fib f;
	fib_init(&f, &env, 100);
	struct fib_spec s = route4(10, 0, 0, 0, 8, &eth0);
	s.metric = 100;
	add(&f, s);
	s.netif = &eth1;
	s.metric = 50;
	add(&f, s);
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth1);
	struct net_addr dst = v4(10, 0, 0, 1);
	CHECK(fib_lookup(&f, &dst, 2)->netif == &eth0);
	CHECK(fib_lookup(&f, &dst, 9) == NULL);
	eth1.up = false;
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth0);
	eth1.up = true;
	/* A local address is local however specific a route says otherwise. */
	s = route4(127, 0, 0, 0, 8, &eth0);
	s.table = ROUTE_TABLE_LOCAL;
	s.type = ROUTE_TYPE_LOCAL;
	add(&f, s);
	add(&f, route4(127, 0, 0, 5, 32, &eth1));
	dst = v4(127, 0, 0, 5);
	CHECK_EQ(fib_lookup(&f, &dst, 0)->type, ROUTE_TYPE_LOCAL);
	/* Expired routes are none. */
	s = route4(10, 0, 0, 1, 32, &eth0);
	s.expires = 1000;
	add(&f, s);
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth0);
	fake_now = 1000;
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth1);
	fake_now = 0;
	fib_destroy(&f);
	CHECK_EQ(live, 0);
}

TEST(fib_create_replace_append_as_netlink_says)
{
	struct fib f;
	fib_init(&f, &env, 3);
	struct fib_spec s = route4(10, 0, 0, 0, 8, &eth0);
	CHECK_EQ(fib_change(&f, &s, FIB_REPLACE), -ENOENT);
	CHECK_EQ(live, 0);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_REPLACE), 0);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_EXCL), -EEXIST);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_APPEND), -EEXIST);
	s.netif = &eth1;
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_APPEND), 0);
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth0);
	CHECK_EQ(f.count, 2);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_REPLACE), 0);
	CHECK(lookup4(&f, 10, 0, 0, 1) == &eth1);
	CHECK_EQ(f.count, 2);
	s.has_gateway = true;
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE), 0); /* before those of its metric */
	CHECK_EQ(f.count, 3);
	struct fib_spec more = route4(11, 0, 0, 0, 8, &eth0);
	CHECK_EQ(fib_change(&f, &more, FIB_CREATE), -ENOSPC);
	CHECK(lookup4(&f, 11, 0, 0, 1) == NULL);
	s.dst = v4(10, 0, 0, 1);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE), -EINVAL);
	s = route4(10, 0, 0, 0, 33, &eth0);
	CHECK_EQ(fib_change(&f, &s, FIB_CREATE), -EINVAL);
	CHECK_EQ(fib_delete(&f, &s), -ESRCH);
	s = route4(10, 0, 0, 0, 8, &eth1);
	s.has_gateway = true;
	CHECK_EQ(fib_delete(&f, &s), 0);
	CHECK_EQ(fib_delete(&f, &s), -ESRCH);
	fib_destroy(&f);
	CHECK_EQ(live, 0);
}

TEST(fib_survives_every_failing_allocation)
{
	struct fib f;
	fib_init(&f, &env, 100);
	add(&f, route4(10, 0, 0, 0, 9, &eth0));
	for (fail_after = 0; fail_after < 4;) {
		int64_t round = fail_after, before = live;
		struct fib_spec s = route4(10, 128, 0, 0, 9, &eth1);
		int err = fib_change(&f, &s, FIB_CREATE | FIB_EXCL);
		if (err == 0)
			break;
		CHECK_EQ(err, -ENOMEM);
		CHECK_EQ(live, before);
		CHECK(lookup4(&f, 10, 128, 0, 1) == NULL && lookup4(&f, 10, 1, 0, 1) == &eth0);
		fail_after = round + 1;
	}
	CHECK_EQ(fail_after, 0);
	fail_after = -1;
	fib_destroy(&f);
	CHECK_EQ(live, 0);
}

/* --- Against a plain list --- */

#define MODEL 300

static struct fib_spec model[MODEL];
static uint32_t model_count;
static uint64_t seed;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

static struct fib_spec
random_route(void)
{
	struct fib_spec s = {.netif = random_below(2) != 0 ? &eth0 : &eth1};
	s.prefix = (uint8_t)random_below(129);
	for (uint32_t i = 0; i < s.prefix; i++) { /* few different bits, so that prefixes nest */
		if (random_below(6) == 0)
			s.dst.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	return s;
}

static bool
covers(const struct fib_spec *s, const struct net_addr *a)
{
	for (uint32_t i = 0; i < s->prefix; i++) {
		if (((s->dst.b[i / 8] ^ a->b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static const struct fib_spec *
model_lookup(const struct net_addr *a)
{
	const struct fib_spec *best = NULL;
	for (uint32_t i = 0; i < model_count; i++) {
		if (covers(&model[i], a) && (best == NULL || model[i].prefix > best->prefix))
			best = &model[i];
	}
	return best;
}

static int64_t
model_find(const struct fib_spec *s)
{
	for (uint32_t i = 0; i < model_count; i++) {
		if (model[i].prefix == s->prefix && net_addr_equal(&model[i].dst, &s->dst))
			return i;
	}
	return -1;
}

static void
check_dump(const struct fib *f)
{
	struct fib_cursor c = {0};
	struct net_addr before = {0};
	uint32_t n = 0, before_len = 0;
	for (const struct fib_spec *s; (s = fib_next(f, &c)) != NULL; n++) {
		CHECK(model_find(s) >= 0);
		int order = memcmp(before.b, s->dst.b, 16);
		CHECK(n == 0 || order < 0 || (order == 0 && before_len < s->prefix));
		before = s->dst;
		before_len = s->prefix;
	}
	CHECK_EQ(n, model_count);
}

TEST(fib_agrees_with_a_plain_list)
{
	struct fib f;
	fib_init(&f, &env, 1000);
	seed = 1;
	model_count = 0;
	for (uint32_t step = 0; step < 6000; step++) {
		struct fib_spec s = random_route();
		int64_t at = model_find(&s);
		if (model_count < MODEL && random_below(3) != 0) {
			CHECK_EQ(fib_change(&f, &s, FIB_CREATE | FIB_EXCL), at >= 0 ? -EEXIST : 0);
			if (at < 0)
				model[model_count++] = s;
		} else if (model_count > 0) {
			at = random_below(model_count);
			CHECK_EQ(fib_delete(&f, &model[at]), 0);
			model[at] = model[--model_count];
		}
		struct net_addr a = random_route().dst;
		const struct fib_spec *want = model_lookup(&a), *got = fib_lookup(&f, &a, 0);
		CHECK((want == NULL) == (got == NULL));
		CHECK(want == NULL || (want->prefix == got->prefix && want->netif == got->netif));
		if (step % 100 == 0)
			check_dump(&f);
	}
	CHECK(live <= (int64_t)model_count * 3); /* a route, its node, a branch */
	fib_destroy(&f);
	CHECK_EQ(live, 0);
}
