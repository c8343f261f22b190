/* SPDX-License-Identifier: MIT */
/* Reading small files whole. Files of /proc have no size, so the end is where read() says. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "init/init.h"

#define FILE_MAX_SIZE (1u << 20)

/*
 * Reads fd to its end into fresh memory, and puts a zero byte behind it. The caller frees it also after an error.
 * Returns 0 or -errno.
 */
static int
read_all(int fd, char **memory, size_t *len)
{
	size_t size = 0;
	*memory = NULL;
	*len = 0;
	for (;;) {
		/* There is always room for one byte more. */
		if (size - *len <= 1) {
			if (size == FILE_MAX_SIZE)
				return -EFBIG;
			size = size == 0 ? 4096 : size * 2;
			char *grown = realloc(*memory, size);
			if (grown == NULL)
				return -ENOMEM;
			*memory = grown;
		}
		ssize_t got = read(fd, *memory + *len, size - *len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0) {
			(*memory)[*len] = '\0';
			return 0;
		}
		*len += (size_t)got;
	}
}

int
file_read(const char *path, struct span *text)
{
	char *memory = NULL;
	size_t len = 0;

	*text = (struct span){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = read_all(fd, &memory, &len);
	close(fd);
	if (err < 0) {
		free(memory);
		return err;
	}
	*text = (struct span){memory, len};
	return 0;
}
