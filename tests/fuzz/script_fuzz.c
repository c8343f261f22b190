/* SPDX-License-Identifier: MIT */
/* First lines of scripts: any bytes after "#!". What is accepted must be what exec may pass on. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
	if (!condition)
		abort();
}

/* A string within the buffer that neither begins nor ends with a blank. */
static void
check_part(const char *part, const char *line)
{
	require(part >= line + 2 && part < line + SCRIPT_LINE_MAX);
	size_t n = strnlen(part, (size_t)(line + SCRIPT_LINE_MAX - part));
	require(n > 0 && part + n < line + SCRIPT_LINE_MAX);
	require(strchr(" \t", part[0]) == NULL && strchr(" \t", part[n - 1]) == NULL);
	require(memchr(part, '\n', n) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *interpreter = NULL, *option = NULL;
	size_t n = size > SCRIPT_LINE_MAX * 2 ? SCRIPT_LINE_MAX * 2 : size;
	/* As large as the contract says and no larger, so that what is beyond shows. */
	char *line = malloc(n + 2 > SCRIPT_LINE_MAX ? n + 2 : SCRIPT_LINE_MAX);
	require(line != NULL);
	memset(line, 'x', SCRIPT_LINE_MAX);
	memcpy(line, "#!", 2);
	memcpy(line + 2, data, n);
	int err = script_parse(line, n + 2, &interpreter, &option);
	require(err == 0 || err == -ENOEXEC);
	if (err == 0) {
		check_part(interpreter, line);
		require(strpbrk(interpreter, " \t") == NULL);
		if (option != NULL) {
			check_part(option, line);
			require(option > interpreter + strlen(interpreter));
		}
	}
	free(line);
	return 0;
}
