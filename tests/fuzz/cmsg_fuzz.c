/* SPDX-License-Identifier: MIT */
/* Control messages from user memory: any bytes. What is decoded and encoded again decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include "kernel/net/sock/cmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > CMSG_IN_MAX)
		return 0;
	uint32_t room = data[0] * 4u, len = (uint32_t)size - 1;
	uint8_t *in = malloc(len + 1), *out = malloc(room + 1);
	if (in == NULL || out == NULL)
		abort();
	memcpy(in, data + 1, len);
	struct cmsg_buffer from = {.data = in, .len = len}, to = {.data = out, .len = room};
	struct cmsg_item item;
	uint32_t at = 0, count = 0;
	while (cmsg_next(&from, &at, &item) > 0) {
		cmsg_put(&to, item.level, item.type, item.data, item.len);
		if (to.used > to.len || at > len)
			abort();
		count++;
	}
	struct cmsg_buffer again = {.data = out, .len = to.used};
	uint32_t seen = 0;
	at = 0;
	while (cmsg_next(&again, &at, &item) > 0)
		seen++;
	if (seen > count || (!to.truncated && seen != count))
		abort();
	free(in);
	free(out);
	return 0;
}
