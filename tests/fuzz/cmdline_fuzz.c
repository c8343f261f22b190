/* SPDX-License-Identifier: MIT */
/* The kernel command line: any text. */
#include <stdlib.h>
#include <string.h>
#include "base/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile char sink;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), value[16];
	uint64_t number;
	struct cmdline_word w;
	memcpy(line, data, size);
	line[size] = 0;
	for (const char *at = line; cmdline_next(&at, &w);) {
		for (size_t i = 0; i < w.key_len; i++)
			sink = w.key[i];
		for (size_t i = 0; i < w.value_len; i++)
			sink = w.value[i];
	}
	if (cmdline_get_string(line, "run", value, sizeof(value)) >= 0)
		sink = value[strlen(value)];
	if (cmdline_get_number(line, "panic", &number) == 0)
		sink = (char)number;
	free(line);
	return 0;
}
