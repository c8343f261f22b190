/* SPDX-License-Identifier: MIT */
/*
 * What is written to settings below /proc/sys: a kind, then the text. What is taken for numbers must be in bounds, and
 * must be the same when it is written out and read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/fs/proc/format.h"

static const struct {
	int64_t low, high;
	uint32_t max;
} kinds[] = {{0, 1, 1}, {1, 65535, 2}, {0, INT32_MAX, 2}, {INT64_MIN, INT64_MAX, 3},
	{-1000, 1000, 1}, {301, 4194304, 1}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
check(uint32_t kind, const char *text)
{
	int64_t values[3], again[3];
	uint32_t n =
		parse_integers(text, kinds[kind].low, kinds[kind].high, values, kinds[kind].max);
	char out[96] = "";
	if (n > kinds[kind].max)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		if (values[i] < kinds[kind].low || values[i] > kinds[kind].high)
			abort();
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%lld\t",
			(long long)values[i]);
	}
	if (n != 0 &&
		(parse_integers(out, kinds[kind].low, kinds[kind].high, again, kinds[kind].max) !=
				n ||
			memcmp(values, again, n * sizeof(values[0])) != 0))
		abort();
	int64_t one;
	if (parse_integer(text, kinds[kind].low, kinds[kind].high, &one) &&
		(n != 1 || one != values[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t number;
	if (size == 0)
		return 0;
	char *text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	(void)parse_number_name(text, size - 1, &number);
	trim_end(text, size - 1);
	if (strlen(text) != 0 && strchr(" \t\n", text[strlen(text) - 1]) != NULL &&
		strlen(text) == size - 1)
		abort();
	check(data[0] % KINDS, text);
	free(text);
	return 0;
}
