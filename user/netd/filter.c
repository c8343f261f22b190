/* SPDX-License-Identifier: MIT */
#include "netd/filter.h"

#include <sys/socket.h>

int
filter_attach(int fd, const struct filter_instruction *code, size_t count)
{
	const struct {
		unsigned short count;
		const struct filter_instruction *code;
	} program = {(unsigned short)count, code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
