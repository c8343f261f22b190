/* SPDX-License-Identifier: MIT */
/* The lossy link that the tests of TCP use: its decisions repeat, its rates are what was asked for, its wire is finite. */
#include <stdlib.h>

#include "tests/relay/link.h"
#include "tests/relay/pending.h"
#include "tests/unit/test.h"

static const struct link_settings all = {.seed = 7,
	.loss = 50000,
	.reorder = 100000,
	.duplicate = 20000,
	.hold_us = 8000,
	.delay_us = 5000,
	.rate = 8000000, /* a byte is a microsecond */
	.queue = 3000};
static const struct link_settings none = {
	.seed = 7, .delay_us = 5000, .rate = 8000000, .queue = 3000};

static bool
same(struct fate a, struct fate b)
{
	return a.lost == b.lost && a.doubled == b.doubled && a.late_ns == b.late_ns;
}

TEST(relay_fate_depends_on_seed_direction_and_number_only)
{
	struct link_settings other = all;
	other.rate = 1000;
	other.delay_us = 1;
	other.queue = 1;
	for (uint64_t i = 0; i < 1000; i++)
		CHECK(same(fate_of(&all, 1, i), fate_of(&other, 1, i)));
	/* Known ones: a change of the formula changes every campaign. */
	CHECK_EQ(fate_of(&all, 0, 0).late_ns, 5237186);
	CHECK(fate_of(&all, 0, 22).lost && !fate_of(&all, 0, 21).lost);
	unsigned differ = 0;
	other.seed = 8;
	for (uint64_t i = 0; i < 1000; i++)
		differ += !same(fate_of(&all, 0, i), fate_of(&all, 1, i)) +
			!same(fate_of(&all, 0, i), fate_of(&other, 0, i));
	CHECK(differ > 200);
}

TEST(relay_fate_strikes_as_often_as_asked)
{
	unsigned lost = 0, doubled = 0, late = 0, both = 0;
	for (uint64_t i = 0; i < 100000; i++) {
		struct fate f = fate_of(&all, 0, i);
		lost += f.lost;
		doubled += f.doubled;
		late += f.late_ns != 0;
		both += f.lost && f.late_ns != 0;
		CHECK(f.late_ns == 0 || (f.late_ns >= 1000000 && f.late_ns <= 8000000));
	}
	CHECK(lost > 4700 && lost < 5300);
	CHECK(doubled > 1850 && doubled < 2150);
	CHECK(late > 9600 && late < 10400);
	CHECK(both > 430 && both < 570); /* independent */
	for (uint64_t i = 0; i < 1000; i++)
		CHECK(same(fate_of(&none, 0, i), (struct fate){.lost = false}));
}

TEST(relay_link_has_a_rate_a_delay_and_a_finite_queue)
{
	struct link l = {0};
	uint64_t at[2];
	uint32_t copies;
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_EQ(link_take(&l, &none, 0, 1000, 1000, true, at, &copies), LINK_CARRIED);
		CHECK_EQ(copies, 1);
		CHECK_EQ(at[0], 1000 + 1000000 * (i + 1) + 5000000);
	}
	/* More than 3,000 bytes wait. */
	CHECK_EQ(link_take(&l, &none, 0, 1000 - 1, 1000, true, at, &copies), LINK_QUEUE_FULL);
	CHECK_EQ(copies, 0);
	CHECK_EQ(link_take(&l, &none, 0, 1001000, 1000, true, at, &copies), LINK_CARRIED);
	CHECK_EQ(at[0], 1000 + 5000000 + 5000000);
	/* It idled meanwhile. */
	CHECK_EQ(link_take(&l, &none, 0, 900000000, 1000, true, at, &copies), LINK_CARRIED);
	CHECK_EQ(at[0], 900000000 + 1000000 + 5000000);
	CHECK_EQ(l.next, 7);
}

TEST(relay_link_spares_what_is_not_tcp)
{
	struct link_settings s = all;
	struct link l = {0};
	uint64_t at[2];
	uint32_t copies;
	s.loss = LINK_PPM;
	CHECK_EQ(link_take(&l, &s, 0, 0, 60, false, at, &copies), LINK_CARRIED);
	CHECK_EQ(l.next, 0);
	CHECK_EQ(link_take(&l, &s, 0, 0, 60, true, at, &copies), LINK_LOST);
	CHECK_EQ(l.next, 1);
	s.loss = 0;
	s.duplicate = LINK_PPM;
	CHECK_EQ(link_take(&l, &s, 0, 0, 60, true, at, &copies), LINK_CARRIED);
	CHECK_EQ(copies, 2);
	CHECK_EQ(at[1] - at[0], 60000);
}

TEST(relay_tells_tcp_from_other_frames)
{
	uint8_t frame[60] = {[12] = 0x08, [13] = 0x00, [14] = 0x45, [23] = 6};
	CHECK(frame_is_tcp(frame, sizeof(frame)));
	CHECK(!frame_is_tcp(frame, 33));
	frame[23] = 17;
	CHECK(!frame_is_tcp(frame, sizeof(frame)));
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[20] = 6;
	CHECK(frame_is_tcp(frame, sizeof(frame)));
	frame[13] = 0x06;
	CHECK(!frame_is_tcp(frame, sizeof(frame)));
}

TEST(relay_frames_leave_in_the_order_of_their_times)
{
	static const uint64_t times[] = {5, 3, 9, 3, 1, 7, 3, 9, 0, 5};
	struct pending p = {0};
	CHECK(pending_first(&p) == NULL);
	for (uint8_t i = 0; i < 10; i++)
		pending_add(&p, times[i], i % 2, &i, 1);
	const struct frame *f;
	struct frame last = {0};
	unsigned n = 0;
	while ((f = pending_first(&p)) != NULL) {
		CHECK_EQ(f->at, times[f->bytes[0]]);
		CHECK_EQ(f->to, f->bytes[0] % 2);
		CHECK(n == 0 || f->at > last.at || (f->at == last.at && f->order > last.order));
		last = *f;
		pending_drop_first(&p);
		n++;
	}
	CHECK_EQ(n, 10);
	free(p.heap);
}
