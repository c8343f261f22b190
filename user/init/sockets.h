/* SPDX-License-Identifier: MIT */
/* The sockets that services listen on: sockets.c. */
#ifndef INIT_SOCKETS_H
#define INIT_SOCKETS_H

#include "init/init.h"
#include "service/service.h"

struct sockets {
	int *fds; /* close-on-exec, in the order of the file */
	size_t count;
};

/* Opens all that the file names, or none: says why. 0 or -errno. */
[[nodiscard]] int sockets_open(
	const char *service, const struct service_file *file, struct sockets *out);
void sockets_close(struct sockets *s);

/*
 * In the child: puts them, and the descriptor `notify` if it is not negative, at 3 and up. Returns the number that
 * notify then has (0: none), or -errno.
 */
[[nodiscard]] int sockets_pass(const struct sockets *s, int notify);

#endif
