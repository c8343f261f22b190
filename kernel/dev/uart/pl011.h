/* SPDX-License-Identifier: MIT */
/* The serial port: /dev/ttyAMA0, and the console. */
#ifndef DEV_UART_PL011_H
#define DEV_UART_PL011_H

struct platform_uart;

/* Boot, after tty_init(), when interrupts work. Without a port, or memory for it, programs have no console. */
void pl011_init(const struct platform_uart *uart);

#endif
