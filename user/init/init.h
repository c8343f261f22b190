/* SPDX-License-Identifier: MIT */
/*
 * init: the first process. What its files share.
 *
 * One thread, event-driven: the signals in init_signals are blocked from the start on and taken one by one by the loop
 * in init.c, which sleeps until a signal or the next moment at which something is to be started again. Nothing here
 * gives up: what cannot be had is said on the console, and the rest goes on.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "identity/identity.h"
#include "text/span.h"

/* A moment on the monotonic clock, in milliseconds; NEVER is later than all others. */
typedef int64_t moment_t;
#define NEVER INT64_MAX

moment_t now(void);

/* Blocked in init, unblocked again by child_prepare(). */
extern sigset_t init_signals;

/* Writes one line that begins with "init: " to the console. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For a child whose standard error becomes something else: say() goes on writing to the console until exec. */
void say_keep_console(void);

/* ---- boot.c: what is done once */

/* Opens the console as standard input, output and error, mounting /dev if nobody has. */
void boot_open_console(void);
void boot_mount_all(void);

/* ---- etcfiles.c: the files that /etc links to */

/* Writes /run/etc and makes the principals' home directories. Needs the mounts. */
void etc_write_all(void);

/* ---- file.c */

/*
 * Reads a whole file of up to a mebibyte into fresh memory, with a zero byte behind it; the caller frees text->text.
 * Returns 0 or -errno, with *text empty.
 */
[[nodiscard]] int file_read(const char *path, struct span *text);

/* ---- child.c */

enum child_terminal { CHILD_NO_TERMINAL, CHILD_OWNS_CONSOLE };

/*
 * For a new child: default signals, a session of its own, on request with the console as its terminal. Ends the child
 * where that fails.
 */
void child_prepare(enum child_terminal terminal);

/* Replaces the child's program, or says why not and ends it. */
_Noreturn void child_exec(char *const argv[], char *const env[]);

/* Takes on the principal's context with at most caps. Returns 0 or -1 with errno. */
[[nodiscard]] int child_become(const struct identity *id, uint64_t caps);

/* ---- console.c: login, or the command that the kernel's command line gives */

void console_init(void);
void console_start_due(void);
moment_t console_deadline(void);
pid_t console_pid(void);

/* Returns whether pid was the console's process. May power the machine off. */
bool console_exited(pid_t pid, int status);

/* ---- services.c */

void services_load(void);

/* Starts every service whose time has come and whose predecessors have been started. */
void services_start_due(void);
moment_t services_deadline(void);

/* Until when the console is to wait for services that said `notify`; 0: for none. */
moment_t services_hold_until(void);
/* What to wait on for their words: fills fds, where it is not NULL, and returns how many there are. */
size_t services_words(struct pollfd *fds);
void services_read_words(void);
void services_exited(pid_t pid, int status);

/* ---- power.c */

/* Ends every process, writes everything back and calls reboot(2) with command. */
_Noreturn void power_down(int command);

#endif
