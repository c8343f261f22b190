/* SPDX-License-Identifier: MIT */
/* The line discipline: any sequence of input, settings, reads, writes, and a device that is full now and then. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/reader.h"
#include "tty/ldisc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t device_room;
static volatile uint8_t sink;

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static size_t
device_has_room(void *device)
{
	return device_room;
}

static void
device_write(void *device, const uint8_t *bytes, size_t n)
{
	must(n <= device_room);
	for (size_t i = 0; i < n; i++)
		sink = bytes[i];
	device_room -= n;
}

static void
device_discard(void *device)
{
	device_room = 4096;
}

static void
device_send_now(void *device, uint8_t c)
{
	must(c != 0);
	sink = c;
}

static const struct ldisc_ops ops = {
	.room = device_has_room,
	.write = device_write,
	.discard = device_discard,
	.send_now = device_send_now,
};

static void
change_settings(struct ldisc *ld, struct reader *r)
{
	struct linux_termios s = ld->termios;
	s.c_iflag = reader_le16(r);
	s.c_oflag = reader_le16(r);
	s.c_lflag = reader_le16(r);
	uint8_t which = reader_u8(r);
	s.c_cc[which % LINUX_NCCS] = reader_u8(r);
	ldisc_set_termios(ld, &s);
}

static void
read_some(struct ldisc *ld, size_t n)
{
	uint8_t *buf = malloc(n);
	bool ended, readable = ldisc_readable(ld, 0);
	size_t available = ldisc_available(ld);
	long got = ldisc_read(ld, buf, n, &ended);
	must(readable ? got >= 0 && (size_t)got <= n && (size_t)got <= available : got == -EAGAIN);
	must(got <= 0 || available - (size_t)got == ldisc_available(ld));
	for (long i = 0; i < got; i++)
		sink = buf[i];
	free(buf);
}

static void
input(struct ldisc *ld, const uint8_t *bytes, size_t n, uint32_t times)
{
	for (uint32_t i = 0; i < times; i++)
		must(ldisc_input(ld, bytes, n) <= n);
}

static void
step(struct ldisc *ld, struct reader *r)
{
	uint8_t kind = reader_u8(r), amount = reader_u8(r);
	const uint8_t *bytes;
	switch (kind % 9) {
	case 0:
	case 1:
		bytes = reader_take(r, amount % 32);
		if (bytes)
			input(ld, bytes, amount % 32, kind & 0x80 ? 100 : 1);
		break;
	case 2:
		bytes = reader_take(r, amount % 32);
		if (bytes)
			must(ldisc_write(ld, bytes, amount % 32) <= amount % 32);
		break;
	case 3:
		read_some(ld, 1 + amount * 16u);
		break;
	case 4:
		change_settings(ld, r);
		break;
	case 5:
		device_room = amount * 8u;
		ldisc_output_ready(ld);
		break;
	case 6:
		if (ldisc_flow(ld, amount % 5))
			must(amount % 5 == 4);
		break;
	case 7:
		if (amount & 1)
			ldisc_flush_input(ld);
		else
			ldisc_flush_output(ld);
		break;
	default:
		if (amount & 1)
			ldisc_input_break(ld);
		else
			ldisc_input_error(ld, amount);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ldisc ld;
	struct reader r = reader_on(data, size);
	uint8_t *memory = malloc(LDISC_MEMORY);
	device_room = 4096;
	ldisc_init(&ld, &ops, NULL, memory);
	while (r.left && !r.failed) {
		step(&ld, &r);
		uint32_t events = ldisc_take_events(&ld);
		must((events & (LDISC_STOPPED | LDISC_STARTED)) != (LDISC_STOPPED | LDISC_STARTED));
		must((events & (LDISC_THROTTLE | LDISC_UNTHROTTLE)) !=
			(LDISC_THROTTLE | LDISC_UNTHROTTLE));
		must(ldisc_available(&ld) <= LDISC_INPUT_SIZE);
		must(ld.head - ld.tail <= LDISC_INPUT_SIZE &&
			ld.canon_head - ld.tail <= ld.head - ld.tail);
	}
	free(memory);
	return 0;
}
