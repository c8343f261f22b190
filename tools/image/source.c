/* SPDX-License-Identifier: MIT */
/* Reading the files that go into an image, block by block, whatever their size. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/macros.h"
#include "tools/image/layout.h"

#define CHUNK ((size_t)256 << 10)

/* Fills `size` bytes unless the file ends before. Returns the bytes read, or -1. */
static ssize_t
read_full(int fd, uint8_t *out, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, out + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int
hand_out(uint8_t *chunk, size_t size, uint64_t *index,
	int (*take)(void *ctx, uint64_t index, const uint8_t *block), void *ctx)
{
	size_t whole = round_up(size, (size_t)IMAGE_BLOCK_SIZE);
	memset(chunk + size, 0, whole - size);
	for (size_t i = 0; i < whole; i += IMAGE_BLOCK_SIZE)
		if (take(ctx, (*index)++, chunk + i) != 0)
			return -1;
	return 0;
}

int
source_read(const char *source, uint64_t size,
	int (*take)(void *ctx, uint64_t index, const uint8_t *block), void *ctx)
{
	int fd = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		warn("cannot read %s", source);
		return -1;
	}
	uint8_t *chunk = must_have(malloc(CHUNK));
	uint64_t left = size, index = 0;
	int result = 0;
	ssize_t n;
	do {
		n = read_full(fd, chunk, CHUNK);
		if (n < 0) {
			warn("cannot read %s", source);
			result = -1;
		} else if ((uint64_t)n != min(left, (uint64_t)CHUNK)) {
			warnx("%s changed while it was read; pack again when nothing writes to it",
				source);
			result = -1;
		} else {
			left -= (uint64_t)n;
			result = hand_out(chunk, (size_t)n, &index, take, ctx);
		}
	} while (result == 0 && n == (ssize_t)CHUNK);
	free(chunk);
	close(fd);
	return result;
}
