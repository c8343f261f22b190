/* SPDX-License-Identifier: MIT */
/* The one argument of the kernel's command line that is init's. Pure. */

#include <string.h>

#include "init/init.h"

#define KEY "run=\""

/* Cuts one argument off *rest: blanks separate arguments but where double quotes enclose them. */
static bool
next_argument(struct span *rest, struct span *argument)
{
	bool quoted = false;

	while (rest->len > 0 &&
		(rest->text[0] == ' ' || rest->text[0] == '\t' || rest->text[0] == '\n')) {
		rest->text++;
		rest->len--;
	}
	*argument = (struct span){rest->text, 0};
	while (rest->len > 0 && (quoted || (rest->text[0] != ' ' && rest->text[0] != '\n'))) {
		if (rest->text[0] == '"')
			quoted = !quoted;
		argument->len++;
		rest->text++;
		rest->len--;
	}
	return argument->len > 0;
}

bool
cmdline_run(struct span line, struct span *command)
{
	struct span argument;
	size_t key = strlen(KEY);

	*command = (struct span){0};
	while (next_argument(&line, &argument)) {
		if (argument.len <= key || memcmp(argument.text, KEY, key) != 0)
			continue;
		if (argument.text[argument.len - 1] != '"')
			continue;
		*command = (struct span){argument.text + key, argument.len - key - 1};
		return true;
	}
	return false;
}
