/* SPDX-License-Identifier: MIT */
/*
 * The PL011 and the SBSA generic UART as a terminal's device.
 *
 * Receiving is guarded by tty->lock: the interrupt, and the end of throttling, empty the FIFO into the line discipline.
 * What it does not take waits here with the receive interrupts masked, so that the sender is held back instead of
 * losing bytes. The receive interrupts are never cleared by hand: an empty FIFO clears them, and a cleared one that
 * leaves bytes behind would not come again.
 * Sending is guarded by port->lock: bytes go straight into the FIFO while it has room, the rest waits in a ring for the
 * transmit interrupt.
 */
#define LOG_SOURCE "uart"
#include "dev/uart/pl011.h"

#include <string.h>

#include "abi/linux/stat.h"
#include "core/irq.h"
#include "core/log.h"
#include "dev/tty/tty.h"
#include "dev/uart/port.h"
#include "fdt/platform.h"
#include "mm/kmap.h"

#define RX_BATCH      64
#define RX_BATCHES    16 /* at most in one interrupt; it comes again */
#define DEFAULT_SPEED 115200

static const struct platform_uart *platform_uart; /* [I] */
static struct tty *uart_tty;                      /* [I] */
static uint8_t kept[RX_BATCH];                    /* [tty->lock] received, not yet taken */
static uint32_t kept_len;                         /* [tty->lock] */

static void
set_interrupts(struct uart_port *port, uint32_t mask)
{
	if (mask == port->interrupts)
		return;
	port->interrupts = mask;
	uart_write(port, UART_IMSC, mask);
}

/*
 * Fills the FIFO; asks for an interrupt if something is left. Only the interrupt takes that back: it comes, since the
 * FIFO was full, and those who drain learn from it that nothing is left even if somebody else's write sent the last.
 */
static void
pump(struct uart_port *port)
{
	while (uart_waiting(port) != 0 && !port->held && (uart_read(port, UART_FR) & FR_TXFF) == 0)
		uart_write(port, UART_DR, uart_take_waiting(port));
	if (uart_waiting(port) != 0 && !port->held)
		set_interrupts(port, port->interrupts | INT_TX);
}

static size_t
line_room(void *device)
{
	return UART_TX_SIZE - uart_waiting(device);
}

static void
line_write(void *device, const uint8_t *bytes, size_t n)
{
	struct uart_port *port = device;
	spin_lock(&port->lock);
	uint32_t head = atomic_load_explicit(&port->head, memory_order_relaxed);
	uint32_t at = head % UART_TX_SIZE;
	size_t run = min(n, (size_t)(UART_TX_SIZE - at));
	memcpy(port->ring + at, bytes, run);
	memcpy(port->ring, bytes + run, n - run);
	atomic_store_explicit(&port->head, head + (uint32_t)n, memory_order_relaxed);
	pump(port);
	spin_unlock(&port->lock);
}

static void
line_discard(void *device)
{
	struct uart_port *port = device;
	spin_lock(&port->lock);
	atomic_store_explicit(&port->tail, atomic_load_explicit(&port->head, memory_order_relaxed),
		memory_order_relaxed);
	pump(port);
	spin_unlock(&port->lock);
}

static void
line_send_now(void *device, uint8_t c)
{
	struct uart_port *port = device;
	spin_lock(&port->lock);
	uart_send_polled(port, c);
	spin_unlock(&port->lock);
}

static void
line_hold_output(void *device, bool hold)
{
	struct uart_port *port = device;
	spin_lock(&port->lock);
	port->held = hold;
	pump(port);
	spin_unlock(&port->lock);
}

static size_t
line_pending(void *device)
{
	const struct uart_port *port = device;
	return uart_waiting(port);
}

static nsec_t
line_settling(void *device)
{
	return uart_settle_ns(uart_read(device, UART_FR), uart_tty->ospeed);
}

/* Hands on what was received, and keeps what is not taken (now). Whether all was. */
static bool
hand_on(struct ldisc *ld, uint32_t n)
{
	uint32_t taken = (uint32_t)ldisc_input(ld, kept, n);
	kept_len = n - taken;
	memmove(kept, kept + taken, kept_len);
	return kept_len == 0;
}

static void
receive_bad(struct ldisc *ld, uint32_t data)
{
	if (data & DR_BREAK)
		ldisc_input_break(ld);
	else
		ldisc_input_error(ld, (uint8_t)data);
}

/* Empties the FIFO, as far as the line discipline takes it. tty->lock held. */
static void
receive(struct uart_port *port, struct ldisc *ld)
{
	bool empty = false;
	if (kept_len > 0 && !hand_on(ld, kept_len))
		return;
	for (int i = 0; i < RX_BATCHES && !empty; i++) {
		uint32_t n = 0, bad = 0;
		while (n < RX_BATCH && bad == 0) {
			empty = (uart_read(port, UART_FR) & FR_RXFE) != 0;
			if (empty)
				break;
			uint32_t data = uart_read(port, UART_DR);
			if (data & (DR_FRAMING | DR_PARITY | DR_BREAK))
				bad = data;
			else
				kept[n++] = (uint8_t)data;
		}
		bool all = n == 0 || hand_on(ld, n);
		if (bad != 0)
			receive_bad(ld, bad);
		if (!all)
			return;
	}
}

static void
line_throttle(void *device, bool throttle)
{
	struct uart_port *port = device;
	if (!throttle)
		receive(port, &uart_tty->ldisc);
	spin_lock(&port->lock);
	uint32_t others = port->interrupts & ~(INT_RX | INT_RT);
	set_interrupts(port, throttle ? others : others | INT_RX | INT_RT);
	spin_unlock(&port->lock);
}

/* Bits per second to the divisor in 64ths; 0: out of the port's range, or its clock is not known. */
static uint32_t
divisor_of(uint32_t speed)
{
	if (speed == 0 || platform_uart->clock > UINT64_MAX / 8)
		return 0;
	uint64_t d = (platform_uart->clock * 4 + speed / 2) / speed;
	return d >= 64 && d <= 0xffffu * 64 ? (uint32_t)d : 0;
}

static uint32_t
line_control(uint32_t cflag)
{
	uint32_t lcrh = LCRH_FEN | LCRH_WLEN(5 + ((cflag & CSIZE) >> 4));
	if (cflag & CSTOPB)
		lcrh |= LCRH_STP2;
	if (cflag & PARENB)
		lcrh |= LCRH_PEN | ((cflag & PARODD) ? 0 : LCRH_EPS);
	return lcrh;
}

/* The divisor takes effect with the write to LCRH, which must not happen while bytes are on their way. */
static void
program_line(struct uart_port *port, uint32_t divisor, uint32_t lcrh)
{
	uint32_t cr = uart_read(port, UART_CR);
	uart_wait_clear(port, FR_BUSY);
	uart_write(port, UART_CR, 0);
	if (divisor != 0) {
		uart_write(port, UART_IBRD, divisor >> 6);
		uart_write(port, UART_FBRD, divisor & 63);
	}
	uart_write(port, UART_LCRH, lcrh);
	uart_write(port, UART_CR, cr);
}

static void
line_set(void *device, struct linux_termios2 *t)
{
	struct uart_port *port = device;
	const struct tty *tty = uart_tty;
	bool fixed = platform_uart->kind == PLATFORM_UART_SBSA;
	uint32_t divisor = fixed ? 0 : divisor_of(t->c_ospeed);
	if (divisor == 0) {
		t->c_ispeed = tty->ispeed;
		t->c_ospeed = tty->ospeed;
		t->c_cflag = (t->c_cflag & ~CBAUD) | (tty->ldisc.termios.c_cflag & CBAUD);
	}
	if (fixed) {
		const uint32_t framing = CSIZE | CSTOPB | PARENB | PARODD;
		t->c_cflag = (t->c_cflag & ~framing) | (tty->ldisc.termios.c_cflag & framing);
		return;
	}
	spin_lock(&port->lock);
	program_line(port, divisor, line_control(t->c_cflag));
	spin_unlock(&port->lock);
}

static void
line_break(void *device, bool on)
{
	struct uart_port *port = device;
	if (platform_uart->kind == PLATFORM_UART_SBSA)
		return;
	uint64_t flags = spin_lock_irq_save(&port->lock);
	uint32_t lcrh = uart_read(port, UART_LCRH);
	uart_write(port, UART_LCRH, on ? lcrh | LCRH_BRK : lcrh & ~LCRH_BRK);
	spin_unlock_irq_restore(&port->lock, flags);
}

static const struct tty_ops pl011_ops = {
	.line =
		{
			.room = line_room,
			.write = line_write,
			.discard = line_discard,
			.send_now = line_send_now,
		},
	.hold_output = line_hold_output,
	.throttle = line_throttle,
	.set_line = line_set,
	.pending = line_pending,
	.settling = line_settling,
	.send_break = line_break,
};

static void
interrupt(void *arg)
{
	struct uart_port *port = arg;
	spin_lock(&port->lock);
	bool sending = (port->interrupts & INT_TX) != 0;
	if (sending) {
		uart_write(port, UART_ICR, INT_TX);
		pump(port);
		if (uart_waiting(port) == 0 || port->held)
			set_interrupts(port, port->interrupts & ~INT_TX);
	}
	bool room = uart_waiting(port) <= UART_TX_SIZE / 2;
	spin_unlock(&port->lock);
	if (sending && room)
		tty_output_ready(uart_tty);
	uint64_t flags = tty_begin(uart_tty);
	receive(port, &uart_tty->ldisc);
	tty_end(uart_tty, flags);
}

static uint32_t
speed_flag(uint32_t speed)
{
	return speed == 9600 ? B9600 : speed == 38400 ? B38400 : B115200;
}

/* Eight bits, FIFOs on, the speed that firmware chose unless it chose none. */
static void
start_port(struct uart_port *port)
{
	uint32_t speed = platform_uart->baud, divisor = 0;
	uint64_t flags = spin_lock_irq_save(&port->lock);
	if (platform_uart->kind == PLATFORM_UART_PL011) {
		if (speed != 0 || uart_read(port, UART_IBRD) == 0)
			divisor = divisor_of(speed != 0 ? speed : DEFAULT_SPEED);
		program_line(port, divisor, LCRH_FEN | LCRH_WLEN(8));
		uart_write(port, UART_IFLS, IFLS_TX_EIGHTH | IFLS_RX_HALF);
		uart_write(port, UART_CR, CR_UARTEN | CR_TXE | CR_RXE | CR_DTR | CR_RTS);
	}
	uart_write(port, UART_IMSC, 0);
	uart_write(port, UART_ICR, INT_ALL);
	spin_unlock_irq_restore(&port->lock, flags);
}

static bool
map_port(struct uart_port *port, const struct platform_range *r)
{
	volatile void *registers = kmap_device(r->base, r->size);
	if (registers == NULL)
		return false;
	uint64_t flags = spin_lock_irq_save(&port->lock);
	port->registers = registers;
	spin_unlock_irq_restore(&port->lock, flags);
	return true;
}

/* Takes what was typed before there was a terminal, and interrupts from then on. */
static void
start_receiving(struct uart_port *port)
{
	uint64_t flags = tty_begin(uart_tty);
	receive(port, &uart_tty->ldisc);
	spin_lock(&port->lock);
	set_interrupts(port, INT_RX | INT_RT);
	spin_unlock(&port->lock);
	tty_end(uart_tty, flags);
}

static int
start_terminal(struct uart_port *port)
{
	const struct platform_irq *irq = &platform_uart->irq;
	bool edge = irq->trigger == FDT_IRQ_RISING || irq->trigger == FDT_IRQ_FALLING;
	uart_tty = tty_create(&pl011_ops, port, "ttyAMA0", DEV_MAKE(204, 64));
	if (uart_tty == NULL)
		return -ENOMEM;
	uint32_t speed = platform_uart->baud != 0 ? platform_uart->baud : DEFAULT_SPEED;
	tty_preset_line(uart_tty, speed_flag(speed) | CS8 | CREAD | HUPCL | CLOCAL);
	int err = irq_request(irq->intid, interrupt, port, edge ? IRQ_EDGE : 0, "uart-pl011");
	if (err != 0)
		return err;
	start_receiving(port);
	tty_set_console(uart_tty);
	return tty_register(uart_tty, 0620);
}

void
pl011_init(const struct platform_uart *uart)
{
	struct uart_port *port = &console_port;
	if (uart->kind == PLATFORM_UART_NONE) {
		log_warn("no serial port: programs have no console");
		return;
	}
	platform_uart = uart;
	if (!map_port(port, &uart->registers)) {
		log_err("the serial port cannot be mapped: programs have no console");
		return;
	}
	start_port(port);
	int err = start_terminal(port);
	if (err != 0)
		log_err("the serial port is of no use to programs: err=%d", err);
}
