/* SPDX-License-Identifier: MIT */
/* login: what its files share. */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "identity/identity.h"

#define LOGIN_LINE_SIZE 256

/* ---- terminal.c: the terminal on standard input */

enum terminal_echo { TERMINAL_ECHO, TERMINAL_NO_ECHO };

/* Makes it this session's controlling terminal, and sane whatever a killed program left behind. */
void terminal_take(void);

enum terminal_answer {
	TERMINAL_END = -1, /* the key for the end of input: there may be more */
	TERMINAL_BAD =
		-2, /* a line that does not fit or holds a zero byte: it was read to its end */
	TERMINAL_GONE = -3, /* nothing will ever come again */
};

/*
 * Prompts for a line and reads it, without its end, into line. Returns its length or a terminal_answer; the line is ""
 * then. asked (or NULL) is called when the prompt has been written.
 */
int terminal_ask(const char *prompt, enum terminal_echo echo, void (*asked)(void),
	char line[LOGIN_LINE_SIZE]);

/* ---- authenticate.c */

/*
 * Checks name and password against the identity store. Returns 1 and fills *id, whose spans stay valid, if they
 * belong together; 0 if not; -ENOMEM where there is no memory to find out. A principal that does not exist takes as long
 * as a wrong password, and as much memory.
 */
[[nodiscard]] int authenticate(const char *name, const char *password, struct identity *id);

/* ---- session.c */

/* Becomes the principal and replaces login by its shell. Returns only if that fails, after saying why. */
void session_start(const struct identity *id);

#endif
