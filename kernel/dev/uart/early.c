/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own output: polled, in any context, from the first instruction at the kernel's own address on, when
 * the registers are mapped at EARLY_UART_VA. core/console.h has the contract.
 *
 * The kernel's lines and those of programs are not mixed: what a program has written is sent up to the end of its line
 * first, and a line that it has not ended (a prompt) is left where it is.
 */
#include "core/console.h"

#include <aarch64/boot.h>

#include "core/panic.h"
#include "dev/uart/port.h"

#define WAIT_READS 100000 /* of a register: some 10 ms at least */

struct uart_port console_port = {
	.lock = SPINLOCK_INIT("uart"),
	.registers = (volatile void *)EARLY_UART_VA,
	.last = '\n',
};

bool
uart_wait_clear(const struct uart_port *port, uint32_t bits)
{
	for (int i = 0; i < WAIT_READS; i++) {
		if ((uart_read(port, UART_FR) & bits) == 0)
			return true;
		arch_relax();
	}
	return false;
}

void
uart_send_polled(struct uart_port *port, uint8_t c)
{
	uart_wait_clear(port, FR_TXFF);
	uart_write(port, UART_DR, c);
}

uint8_t
uart_take_waiting(struct uart_port *port)
{
	uint32_t tail = atomic_load_explicit(&port->tail, memory_order_relaxed);
	uint8_t c = port->ring[tail % UART_TX_SIZE];
	atomic_store_explicit(&port->tail, tail + 1, memory_order_relaxed);
	port->last = c;
	port->last_was_kernel = false;
	return c;
}

/* Ends the line that a program has begun. */
static void
finish_line(struct uart_port *port)
{
	if (port->last_was_kernel)
		return;
	if (!panicking && !port->held)
		while (port->last != '\n' && uart_waiting(port) != 0)
			uart_send_polled(port, uart_take_waiting(port));
	if (port->last != '\n') {
		uart_send_polled(port, '\r');
		uart_send_polled(port, '\n');
	}
}

/* In a panic the holder may have been stopped: it gets a moment, no more. */
static bool
lock_port(struct uart_port *port) NO_LOCK_ANALYSIS
{
	if (likely(!panicking)) {
		spin_lock(&port->lock);
		return true;
	}
	for (int i = 0; i < WAIT_READS; i++) {
		if (spin_trylock(&port->lock))
			return true;
		arch_relax();
	}
	return false;
}

void
console_write(const char *s, size_t n) NO_LOCK_ANALYSIS
{
	struct uart_port *port = &console_port;
	if (n == 0)
		return;
	uint64_t flags = arch_irq_save();
	bool locked = lock_port(port);
	finish_line(port);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			uart_send_polled(port, '\r');
		uart_send_polled(port, (uint8_t)s[i]);
	}
	port->last = (uint8_t)s[n - 1];
	port->last_was_kernel = true;
	if (locked)
		spin_unlock(&port->lock);
	arch_irq_restore(flags);
}
