/* SPDX-License-Identifier: MIT */
/*
 * The serial port that is the console, as its two users share it: the kernel's own polled output (early.c) and the
 * terminal (pl011.c). Registers: Arm DDI 0183, PrimeCell UART (PL011); those that the SBSA generic UART lacks are
 * marked.
 *
 * port->lock is an irq-safe leaf, inside tty->lock. In a panic it is not waited for.
 */
#ifndef DEV_UART_PORT_H
#define DEV_UART_PORT_H

#include "core/spinlock.h"
#include "core/types.h"
#include "dev/uart/settle.h"

#define UART_DR   0x00
#define UART_FR   0x18
#define UART_IBRD 0x24 /* not SBSA */
#define UART_FBRD 0x28 /* not SBSA */
#define UART_LCRH 0x2c /* not SBSA */
#define UART_CR   0x30 /* not SBSA */
#define UART_IFLS 0x34 /* not SBSA */
#define UART_IMSC 0x38
#define UART_ICR  0x44

#define DR_FRAMING (1u << 8)
#define DR_PARITY  (1u << 9)
#define DR_BREAK   (1u << 10)

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)

#define LCRH_BRK        (1u << 0)
#define LCRH_PEN        (1u << 1)
#define LCRH_EPS        (1u << 2)
#define LCRH_STP2       (1u << 3)
#define LCRH_FEN        (1u << 4)
#define LCRH_WLEN(bits) (((uint32_t)(bits) - 5) << 5)

#define CR_UARTEN (1u << 0)
#define CR_TXE    (1u << 8)
#define CR_RXE    (1u << 9)
#define CR_DTR    (1u << 10)
#define CR_RTS    (1u << 11)

#define IFLS_TX_EIGHTH 0u
#define IFLS_RX_HALF   (2u << 3)

#define INT_RX  (1u << 4)
#define INT_TX  (1u << 5)
#define INT_RT  (1u << 6) /* something was received, then nothing for 32 bit times */
#define INT_ALL 0x7ffu

#define UART_TX_SIZE 4096u

struct uart_port {
	struct spinlock lock;
	volatile void *registers; /* [lock to change] */
	uint32_t interrupts;      /* [lock] the content of IMSC */
	bool held;                /* [lock] programs' output waits */
	uint8_t last;             /* [lock] the byte that was sent last */
	bool last_was_kernel;     /* [lock] and whose it was */
	_Atomic uint32_t head,
		tail; /* [lock to change] programs' output that waits: positions run freely */
	uint8_t ring[UART_TX_SIZE]; /* [lock] */
};

extern struct uart_port console_port;

static inline uint32_t
uart_read(const struct uart_port *port, uint32_t offset)
{
	return *(const volatile uint32_t *)((const volatile char *)port->registers + offset);
}

static inline void
uart_write(struct uart_port *port, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)((volatile char *)port->registers + offset) = value;
}

static inline uint32_t
uart_waiting(const struct uart_port *port)
{
	return atomic_load_explicit((_Atomic uint32_t *)&port->head, memory_order_relaxed) -
		atomic_load_explicit((_Atomic uint32_t *)&port->tail, memory_order_relaxed);
}

/* Waits, for a bounded time, until bits of the flag register are clear. */
bool uart_wait_clear(const struct uart_port *port, uint32_t bits);
/* Sends a byte, waiting for room for a bounded time; then it is sent whatever comes of it. */
void uart_send_polled(struct uart_port *port, uint8_t c);
/* The oldest byte that waits: the caller sends it. */
uint8_t uart_take_waiting(struct uart_port *port);

#endif
