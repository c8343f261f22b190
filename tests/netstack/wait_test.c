/* SPDX-License-Identifier: MIT */
/* Waiters that give up: a wake-up that was for one alone is not lost with it. */
#include "core/timer.h"
#include "core/wait.h"
#include "net/sock/sock.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"

/*
 * What somebody else makes true after the waiter's last look, while it still is on the queue: its looks are before it
 * goes there, asleep, after its time is over, and when it has left.
 */
static int looks;

static bool
true_at_last(void)
{
	return ++looks == 4;
}

TEST(wait_that_ends_takes_the_wakeup_it_was_chosen_for)
{
	struct wait_queue q;
	uni_pass(NSEC_PER_MSEC);
	wait_queue_init(&q, "test");
	looks = 0;
	CHECK_EQ(wait_event_exclusive(&q, WAIT_INTERRUPTIBLE, time_now(), true_at_last()), 0);
	looks = 0;
	CHECK_EQ(sock_wait_on(&q, SOCK_READ_EVENTS, time_now(), WAITER_EXCLUSIVE, true_at_last()),
		0);
	looks = 0;
	CHECK_EQ(wait_event_exclusive(&q, WAIT_INTERRUPTIBLE, time_now(), looks++ < 0), -ETIMEDOUT);
	CHECK_EQ(sock_wait_on(&q, SOCK_READ_EVENTS, time_now(), WAITER_EXCLUSIVE, looks++ < 0),
		-EAGAIN);
	CHECK(list_empty(&q.waiters));
}
