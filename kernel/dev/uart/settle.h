/* SPDX-License-Identifier: MIT */
/*
 * How long a PL011 that has been given everything still sends. It raises an interrupt when its FIFO has room, none when
 * the last bit has left: whoever wants to know waits that long and looks again. Pure.
 */
#ifndef DEV_UART_SETTLE_H
#define DEV_UART_SETTLE_H

#include <stdint.h>

#define FR_BUSY (1u << 3)
#define FR_TXFE (1u << 7)

#define UART_FIFO_DEPTH     32u
#define UART_FRAME_BITS_MAX 12u /* start, eight, parity, two stops */

/*
 * fr: the flag register; speed in bit/s, 0: unknown. Nanoseconds until nothing is on its way, at most; 0: nothing is.
 * With an empty FIFO that is the byte in the shifter.
 */
static inline uint64_t
uart_settle_ns(uint32_t fr, uint32_t speed)
{
	if ((fr & FR_BUSY) == 0)
		return 0;
	uint64_t frames = fr & FR_TXFE ? 1 : UART_FIFO_DEPTH + 1;
	return frames * UART_FRAME_BITS_MAX * 1000000000u / (speed != 0 ? speed : 9600) + 1;
}

#endif
