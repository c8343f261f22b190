/* SPDX-License-Identifier: MIT */
/* kernel/dev/bus/virtqueue.c: against a device that keeps the rules, and against ones that do not. */
#include <errno.h>

#include "tests/unit/test.h"
#include "tests/unit/virtqueue_device.h"

#define READS(addr, len)  {(addr), (len)}
#define WRITES(addr, len) {(addr), (len)}

static const struct virtqueue_segment three[] = {
	READS(0x1000, 16), WRITES(0x2000, 512), WRITES(0x3000, 1)};
static char tokens[1 << 16];

static int
add_three(struct ring *r, void *token)
{
	return virtqueue_add(&r->vq, three, 1, 2, token, NULL, 0);
}

TEST(virtqueue_layout_is_that_of_the_specification)
{
	struct virtqueue_layout l = virtqueue_layout(256);
	CHECK_EQ(l.avail, 4096);
	CHECK(l.used >= 4096 + 6 + 2 * 256 && l.used % 4 == 0);
	CHECK(l.total >= l.used + 6 + 8 * 256);
	l = virtqueue_layout(VIRTQUEUE_SIZE_MAX);
	CHECK(l.total >= 16u * 32768 + 6 + 2u * 32768 + 6 + 8u * 32768);
	l = virtqueue_layout(1);
	CHECK(l.used >= 16 + 8 && l.total >= l.used + 14);
}

TEST(virtqueue_chain_arrives_and_comes_back)
{
	struct ring r;
	struct virtqueue_segment got[8] = {0};
	size_t nr_out;
	uint32_t written;
	ring_open(&r, 8, 0);
	CHECK(virtqueue_take(&r.vq, &written) == NULL);
	CHECK(!virtqueue_kick_needed(&r.vq));
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK(virtqueue_kick_needed(&r.vq));
	CHECK(!virtqueue_kick_needed(&r.vq));
	int head = device_fetch(&r);
	CHECK(head >= 0);
	CHECK_EQ(device_walk(&r, (uint16_t)head, got, 8, &nr_out), 3);
	CHECK_EQ(nr_out, 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(got[i].addr, three[i].addr);
		CHECK_EQ(got[i].len, three[i].len);
	}
	device_use(&r, (uint32_t)head, 513);
	CHECK(virtqueue_take(&r.vq, &written) == &tokens[0]);
	CHECK_EQ(written, 513);
	CHECK(virtqueue_take(&r.vq, &written) == NULL);
	CHECK_EQ(r.vq.nr_free, 8);
	CHECK(r.vq.broken == NULL);
	ring_close(&r);
}

TEST(virtqueue_table_takes_one_descriptor)
{
	struct ring r;
	struct virtqueue_desc table[4][3];
	struct virtqueue_segment got[8] = {0};
	size_t nr_out;
	uint32_t written;
	ring_open(&r, 4, 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(virtqueue_add(
				 &r.vq, three, 1, 2, &tokens[i], table[i], (uintptr_t)table[i]),
			0);
	CHECK_EQ(virtqueue_add(&r.vq, three, 1, 2, &tokens[4], table[0], 0), -ENOSPC);
	for (int i = 0; i < 4; i++) {
		int head = device_fetch(&r);
		CHECK_EQ(device_walk(&r, (uint16_t)head, got, 8, &nr_out), 3);
		CHECK_EQ(nr_out, 1);
		CHECK_EQ(got[2].addr, 0x3000);
		device_use(&r, (uint32_t)head, 1);
		CHECK(virtqueue_take(&r.vq, &written) == &tokens[i]);
	}
	ring_close(&r);
}

TEST(virtqueue_fills_up_and_empties_in_any_order)
{
	struct ring r;
	int heads[5];
	uint32_t written;
	ring_open(&r, 16, 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(add_three(&r, &tokens[i]), 0);
	CHECK_EQ(add_three(&r, &tokens[5]), -ENOSPC);
	for (int i = 0; i < 5; i++)
		heads[i] = device_fetch(&r);
	static const int order[] = {3, 0, 4, 1, 2};
	for (int i = 0; i < 5; i++)
		device_use(&r, (uint32_t)heads[order[i]], 0);
	for (int i = 0; i < 5; i++)
		CHECK(virtqueue_take(&r.vq, &written) == &tokens[order[i]]);
	CHECK_EQ(r.vq.nr_free, 16);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(add_three(&r, &tokens[i]), 0);
	ring_close(&r);
}

TEST(virtqueue_refuses_what_makes_no_chain)
{
	struct ring r;
	struct virtqueue_segment s[9] = {{1, 1}, {2, 1}, {3, 0}};
	for (int i = 3; i < 9; i++)
		s[i] = s[0];
	ring_open(&r, 8, 0);
	CHECK_EQ(virtqueue_add(&r.vq, s, 0, 0, &tokens[0], NULL, 0), -EINVAL);
	CHECK_EQ(virtqueue_add(&r.vq, s, 2, 1, &tokens[0], NULL, 0), -EINVAL);
	CHECK_EQ(virtqueue_add(&r.vq, s, 1, 1, NULL, NULL, 0), -EINVAL);
	s[2].len = 1;
	CHECK_EQ(virtqueue_add(&r.vq, s, 9, 0, &tokens[0], NULL, 0), -EINVAL);
	CHECK_EQ(virtqueue_add(&r.vq, s, SIZE_MAX, 2, &tokens[0], NULL, 0), -EINVAL);
	CHECK_EQ(virtqueue_add(&r.vq, s, 1, SIZE_MAX, &tokens[0], NULL, 0), -EINVAL);
	CHECK_EQ(r.vq.nr_free, 8);
	CHECK_EQ(virtqueue_add(&r.vq, s, 8, 0, &tokens[0], NULL, 0), 0);
	CHECK_EQ(virtqueue_add(&r.vq, s, 1, 0, &tokens[1], NULL, 0), -ENOSPC);
	ring_close(&r);
}

TEST(virtqueue_indices_wrap)
{
	struct ring r;
	uint32_t written;
	ring_open(&r, 4, VIRTQUEUE_EVENT_IDX);
	for (int i = 0; i < 200000; i++) {
		CHECK_EQ(add_three(&r, &tokens[i % 7]), 0);
		*ring_avail_event(&r) = (uint16_t)i; /* tell me about the next one */
		CHECK(virtqueue_kick_needed(&r.vq));
		int head = device_fetch(&r);
		device_use(&r, (uint32_t)head, 0);
		CHECK(virtqueue_take(&r.vq, &written) == &tokens[i % 7]);
		CHECK(!virtqueue_enable_interrupts(&r.vq));
		CHECK_EQ(*ring_used_event(&r), (uint16_t)(i + 1));
	}
	ring_close(&r);
}

TEST(virtqueue_kicks_only_who_asks)
{
	struct ring r;
	ring_open(&r, 16, 0);
	ring_used(&r)[0] = 1; /* no notification wanted */
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK(!virtqueue_kick_needed(&r.vq));
	ring_close(&r);
	ring_open(&r, 16, VIRTQUEUE_EVENT_IDX);
	*ring_avail_event(&r) = 1; /* only after the second */
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK(!virtqueue_kick_needed(&r.vq));
	CHECK_EQ(add_three(&r, &tokens[1]), 0);
	CHECK_EQ(add_three(&r, &tokens[2]), 0);
	CHECK(virtqueue_kick_needed(&r.vq));
	CHECK_EQ(add_three(&r, &tokens[3]), 0);
	CHECK(!virtqueue_kick_needed(&r.vq));
	ring_close(&r);
}

TEST(virtqueue_interrupts_are_not_lost)
{
	struct ring r;
	uint32_t written;
	for (uint32_t flags = 0; flags <= VIRTQUEUE_EVENT_IDX; flags++) {
		ring_open(&r, 16, flags);
		CHECK_EQ(add_three(&r, &tokens[0]), 0);
		virtqueue_disable_interrupts(&r.vq);
		if (flags == 0)
			CHECK_EQ(ring_avail(&r)[0], 1);
		device_use(&r, (uint32_t)device_fetch(&r), 0);
		CHECK(virtqueue_enable_interrupts(&r.vq));
		CHECK_EQ(ring_avail(&r)[0], 0);
		CHECK(virtqueue_take(&r.vq, &written) != NULL);
		CHECK(!virtqueue_enable_interrupts(&r.vq));
		ring_close(&r);
	}
}

TEST(virtqueue_late_interrupts_come_after_three_quarters)
{
	struct ring r;
	uint32_t written;
	ring_open(&r, 32, VIRTQUEUE_EVENT_IDX);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(add_three(&r, &tokens[i % 7]), 0);
	CHECK(!virtqueue_has_used(&r.vq));
	CHECK(!virtqueue_enable_interrupts_late(&r.vq));
	CHECK_EQ(*ring_used_event(&r), 6);
	for (int i = 0; i < 6; i++)
		device_use(&r, (uint32_t)device_fetch(&r), 0);
	CHECK(virtqueue_has_used(&r.vq));
	CHECK(!virtqueue_enable_interrupts_late(&r.vq)); /* not yet */
	device_use(&r, (uint32_t)device_fetch(&r), 0);
	CHECK(virtqueue_enable_interrupts_late(
		&r.vq)); /* the device has passed it: no interrupt will come */
	while (virtqueue_take(&r.vq, &written) != NULL)
		;
	CHECK(!virtqueue_has_used(&r.vq));
	CHECK(!virtqueue_enable_interrupts_late(&r.vq));
	CHECK_EQ(*ring_used_event(&r), 7); /* the last one */
	/* That one is taken before its interrupt is looked at: the next needs another. */
	CHECK(!virtqueue_interrupt_is_spent(&r.vq));
	device_use(&r, (uint32_t)device_fetch(&r), 0);
	CHECK(!virtqueue_interrupt_is_spent(&r.vq));
	CHECK(virtqueue_take(&r.vq, &written) != NULL);
	CHECK(virtqueue_interrupt_is_spent(&r.vq));
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK(!virtqueue_enable_interrupts_late(&r.vq));
	CHECK(!virtqueue_interrupt_is_spent(&r.vq));
	ring_close(&r);
}

/* Two chains are in flight, the device says that id was used with len: the queue must not believe it. */
static void
check_lie(uint32_t id, uint32_t len, uint16_t idx, const char *why)
{
	struct ring r;
	uint32_t written;
	ring_open(&r, 8, 0);
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK_EQ(add_three(&r, &tokens[1]), 0);
	device_use(&r, id, len);
	ring_used(&r)[1] = idx;
	CHECK(virtqueue_take(&r.vq, &written) == NULL);
	CHECK_EQ(written, 0);
	CHECK(r.vq.broken != NULL);
	CHECK_STR(r.vq.broken, why);
	CHECK_EQ(add_three(&r, &tokens[2]), -EIO);
	CHECK(!virtqueue_kick_needed(&r.vq));
	CHECK(!virtqueue_enable_interrupts(&r.vq));
	ring_used(&r)[1] = 2; /* the truth, too late */
	CHECK(virtqueue_take(&r.vq, &written) == NULL);
	CHECK(virtqueue_detach(&r.vq) == &tokens[0]);
	CHECK(virtqueue_detach(&r.vq) == &tokens[1]);
	CHECK(virtqueue_detach(&r.vq) == NULL);
	CHECK_EQ(r.vq.nr_free, 8);
	ring_close(&r);
}

TEST(virtqueue_survives_a_device_that_lies)
{
	check_lie(8, 0, 1, "used id out of range");
	check_lie(UINT32_MAX, 0, 1, "used id out of range");
	check_lie(0x10000, 0, 1, "used id out of range");
	check_lie(1, 0, 1, "used id not in flight"); /* inside a chain */
	check_lie(7, 0, 1, "used id not in flight");
	check_lie(0, 514, 1, "more bytes written than there was room for");
	check_lie(0, UINT32_MAX, 1, "more bytes written than there was room for");
	check_lie(0, 0, 3, "more chains used than available");
	check_lie(0, 0, UINT16_MAX, "more chains used than available");
}

TEST(virtqueue_takes_no_chain_twice)
{
	struct ring r;
	uint32_t written;
	ring_open(&r, 8, 0);
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK_EQ(add_three(&r, &tokens[1]), 0);
	device_use(&r, 0, 0);
	device_use(&r, 0, 0);
	CHECK(virtqueue_take(&r.vq, &written) == &tokens[0]);
	CHECK(virtqueue_take(&r.vq, &written) == NULL);
	CHECK_STR(r.vq.broken, "used id not in flight");
	CHECK(virtqueue_detach(&r.vq) == &tokens[1]);
	CHECK(virtqueue_detach(&r.vq) == NULL);
	ring_close(&r);
}

TEST(virtqueue_does_not_follow_descriptors_that_the_device_rewrote)
{
	struct ring r;
	uint32_t written;
	ring_open(&r, 8, 0);
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	memset(r.memory, 0xff, 8 * sizeof(struct virtqueue_desc));
	device_use(&r, 0, 0);
	CHECK(virtqueue_take(&r.vq, &written) == &tokens[0]);
	CHECK_EQ(r.vq.nr_free, 8);
	CHECK_EQ(add_three(&r, &tokens[1]), 0);
	CHECK_EQ(add_three(&r, &tokens[2]), 0);
	CHECK_EQ(add_three(&r, &tokens[3]), -ENOSPC);
	ring_close(&r);
}

TEST(virtqueue_detach_waits_for_a_verdict)
{
	struct ring r;
	ring_open(&r, 8, 0);
	CHECK_EQ(add_three(&r, &tokens[0]), 0);
	CHECK(virtqueue_detach(&r.vq) == NULL);
	virtqueue_break(&r.vq, "no answer");
	virtqueue_break(&r.vq, "late");
	CHECK_STR(r.vq.broken, "no answer");
	CHECK(virtqueue_detach(&r.vq) == &tokens[0]);
	ring_close(&r);
}
