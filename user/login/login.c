/* SPDX-License-Identifier: MIT */
/*
 * login: asks for a name and a password on the terminal that is its standard input, and becomes that principal's shell.
 *
 * Needs CONSOLE. init starts it, and starts it again when the shell that it became ends. Passwords stay in memory only
 * while they are checked.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "caps.h"
#include "login/login.h"
#include "sodium/utils.h"
#include "swos.h"

#define FIRST_DELAY_SECONDS 1
#define LAST_DELAY_SECONDS  8

/*
 * Writes down, once a boot, when the first prompt stood on the terminal, by the machine's counter: nanoseconds since
 * power-on, in /run/login-prompt. `make bench` reads it.
 */
static void
note_first_prompt(void)
{
	uint64_t ticks, frequency;
	int fd = open("/run/login-prompt", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return;
	__asm__ volatile("mrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0" : "=r"(ticks), "=r"(frequency));
	dprintf(fd, "%llu\n",
		(unsigned long long)((unsigned __int128)ticks * 1000000000 / frequency));
	close(fd);
}

/*
 * Asks until there is a name. Returns false when nothing will come any more. The key for the end of input only brings
 * the prompt again: if it ended login, the next one would have forgotten how many failures there were.
 */
static bool
ask_name(char name[LOGIN_LINE_SIZE])
{
	int len;
	do {
		len = terminal_ask("login: ", TERMINAL_ECHO, note_first_prompt, name);
	} while (len == 0 || len == TERMINAL_END);
	return len != TERMINAL_GONE;
}

enum outcome { REFUSED, ADMITTED, GIVEN_UP, NO_MEMORY };

static enum outcome
ask_password_and_check(const char *name, struct identity *id)
{
	char password[LOGIN_LINE_SIZE];
	int right = 0;
	int len = terminal_ask("Password: ", TERMINAL_NO_ECHO, NULL, password);

	if (len == TERMINAL_END || len == TERMINAL_GONE)
		return GIVEN_UP;
	right = authenticate(name, password, id);
	sodium_memzero(password, sizeof(password));
	if (right < 0)
		return NO_MEMORY;
	return right && len >= 0 ? ADMITTED : REFUSED;
}

static void
delay(unsigned int failures)
{
	unsigned int seconds = FIRST_DELAY_SECONDS;
	while (--failures > 0 && seconds < LAST_DELAY_SECONDS)
		seconds *= 2;
	struct timespec t = {.tv_sec = seconds};
	while (nanosleep(&t, &t) != 0)
		;
}

static bool
may_log_others_in(void)
{
	struct swos_context context = {.size = sizeof(context)};
	return swos_context(&context) == 0 && (context.caps & CAP_CONSOLE) != 0;
}

static int
usage(int argc, char *argv[])
{
	bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
	dprintf(help ? STDOUT_FILENO : STDERR_FILENO,
		"usage: login\n"
		"Asks for a name and a password on the terminal, and becomes that principal's "
		"shell.\n"
		"Only who holds the capability CONSOLE can log others in.\n");
	return help ? 0 : 2;
}

int
main(int argc, char *argv[])
{
	char name[LOGIN_LINE_SIZE];
	struct identity id;
	unsigned int failures = 0;

	if (argc > 1)
		return usage(argc, argv);
	if (!may_log_others_in()) {
		dprintf(STDERR_FILENO,
			"login: logging others in takes the capability CONSOLE; end this session "
			"with exit "
			"to get to the console's login\n");
		return 1;
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	terminal_take();
	while (ask_name(name)) {
		enum outcome outcome = ask_password_and_check(name, &id);
		if (outcome == ADMITTED) {
			session_start(&id);
			return 1;
		}
		if (outcome == GIVEN_UP)
			continue;
		delay(++failures);
		dprintf(STDOUT_FILENO,
			outcome == NO_MEMORY ? "login: not enough memory to check the password; "
					       "try again later\n"
					     : "Login incorrect\n");
	}
	return 0;
}
