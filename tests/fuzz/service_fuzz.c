/* SPDX-License-Identifier: MIT */
/* Service files: any text. What is accepted must satisfy what init relies on; what is refused leaves nothing behind. */
#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "service/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
	if (!condition)
		abort();
}

/* A span lies within the text, or is empty. */
static void
require_within(struct span s, struct span text)
{
	if (s.len == 0)
		return;
	require(s.text >= text.text && s.len <= text.len);
	require((size_t)(s.text - text.text) <= text.len - s.len);
}

static void
check_accepted(const struct service_file *file, struct span text)
{
	struct span words = file->exec, word;
	require_within(file->exec, text);
	require_within(file->user, text);
	require_within(file->after, text);
	require(file->exec.text[0] == '/' && (file->caps & ~(uint64_t)CAP_ALL) == 0);
	require(file->restart <= SERVICE_RESTART_NEVER && file->output <= SERVICE_OUTPUT_CONSOLE);
	require(file->max_files == SERVICE_LIMIT_UNSET || file->max_files <= INT32_MAX);
	require(file->max_memory == SERVICE_LIMIT_UNSET || file->max_memory <= INT64_MAX);
	require(span_word(&words, &word) && word.text[0] == '/');
	for (words = file->after; span_word(&words, &word);)
		require(memchr(word.text, '\0', word.len) == NULL);
}

static void
check_refused(const struct service_file *file, struct span text, size_t line)
{
	size_t lines = 1;
	for (size_t i = 0; i < text.len; i++)
		lines += text.text[i] == '\n';
	require(line <= lines);
	require(file->exec.text == NULL && file->exec.len == 0 && file->caps == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Without a terminator, so that reading beyond the end shows. */
	char *copy = malloc(size == 0 ? 1 : size);
	memcpy(copy, data, size);
	struct span text = {copy, size};
	struct service_file file;
	size_t line = 0;
	if (service_parse(text, &file, &line) == 0)
		check_accepted(&file, text);
	else
		check_refused(&file, text, line);
	free(copy);
	return 0;
}
