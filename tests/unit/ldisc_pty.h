/* SPDX-License-Identifier: MIT */
/* A pseudo-terminal of the machine that the tests run on, as the oracle of the line discipline. */
#ifndef TESTS_UNIT_LDISC_PTY_H
#define TESTS_UNIT_LDISC_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/linux/termios.h"

struct host_pty {
	int master, slave;
};

/* False if there is none, or if it does not take simulated input: that needs root on most machines. */
bool host_pty_open(struct host_pty *pty);
void host_pty_close(struct host_pty *pty);
void host_pty_get(struct host_pty *pty, struct linux_termios *termios);
void host_pty_set(struct host_pty *pty, const struct linux_termios *termios);
/* A byte from the line, processed when this returns. */
void host_pty_input(struct host_pty *pty, uint8_t c);
/* All that has come out of the line's end. */
size_t host_pty_output(struct host_pty *pty, uint8_t *buf, size_t size);
/* As read(), write(), never waiting; negative errno. */
long host_pty_read(struct host_pty *pty, uint8_t *buf, size_t n);
long host_pty_write(struct host_pty *pty, const uint8_t *buf, size_t n);
bool host_pty_readable(struct host_pty *pty);
size_t host_pty_available(struct host_pty *pty);
void host_pty_flush(struct host_pty *pty, int queue);
void host_pty_flow(struct host_pty *pty, int action);

#endif
