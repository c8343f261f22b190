/* SPDX-License-Identifier: MIT */
/* Scripts' first lines; script.h has the contract. */
#include "elf/script.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int
script_parse(char *line, size_t n, char **interpreter, char **option)
{
	if (n > SCRIPT_LINE_MAX)
		n = SCRIPT_LINE_MAX;
	char *end = memchr(line, '\n', n);
	bool complete = end != NULL || n < SCRIPT_LINE_MAX;
	size_t len = end != NULL      ? (size_t)(end - line)
		: n < SCRIPT_LINE_MAX ? n
				      : SCRIPT_LINE_MAX - 1;
	line[len] = '\0';
	len = strlen(line);
	while (len > 2 && (line[len - 1] == ' ' || line[len - 1] == '\t')) {
		line[--len] = '\0';
		complete = true; /* only blanks may have been cut off */
	}
	char *p = line + 2 + strspn(line + 2, " \t");
	if (*p == '\0')
		return -ENOEXEC;
	*interpreter = p;
	p += strcspn(p, " \t");
	if (*p == '\0' && !complete)
		return -ENOEXEC;
	*option = NULL;
	if (*p != '\0') {
		*p++ = '\0';
		p += strspn(p, " \t");
		*option = *p != '\0' ? p : NULL;
	}
	return 0;
}
