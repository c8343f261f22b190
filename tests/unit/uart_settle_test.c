/* SPDX-License-Identifier: MIT */
/* How long a drain sleeps before it looks at the port again. */
#include "kernel/dev/uart/settle.h"
#include "tests/unit/test.h"

TEST(uart_settle_nothing_on_its_way)
{
	CHECK_EQ(uart_settle_ns(0, 115200), 0);
	CHECK_EQ(uart_settle_ns(FR_TXFE, 115200), 0);
	CHECK_EQ(uart_settle_ns(~FR_BUSY, 0), 0);
}

TEST(uart_settle_one_byte_in_the_shifter)
{
	uint64_t ns = uart_settle_ns(FR_BUSY | FR_TXFE, 9600);
	CHECK(ns >= 12 * 1000000000ull / 9600);
	CHECK(ns <= 12 * 1000000000ull / 9600 + 1);
	CHECK_EQ(uart_settle_ns(FR_BUSY | FR_TXFE, 0), ns);
}

TEST(uart_settle_bounds)
{
	/* A whole FIFO and the shifter, at the slowest and the fastest that c_ospeed can say: never 0, never for ever. */
	CHECK(uart_settle_ns(FR_BUSY, 115200) >= 33 * 10 * 1000000000ull / 115200);
	CHECK_EQ(uart_settle_ns(FR_BUSY, 1), 33 * 12 * 1000000000ull + 1);
	CHECK(uart_settle_ns(FR_BUSY, UINT32_MAX) > 0);
}
