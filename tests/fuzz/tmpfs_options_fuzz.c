/* SPDX-License-Identifier: MIT */
/* tmpfs's mount options: any text. What is accepted is within what the options can mean. */
#include <stdlib.h>
#include <string.h>

#include "kernel/fs/tmp/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct tmpfs_options o = {.mode = 01777};
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	int err = tmpfs_parse_options(text, (uint64_t)1 << 40, &o);
	if (o.mode > 07777 || o.uid == UINT32_MAX || o.gid == UINT32_MAX || err > 0)
		abort();
	free(text);
	return 0;
}
