/* SPDX-License-Identifier: MIT */
/* Memory that sockets hold, as it is told. Not for Linux, whose sum is late by up to a megabyte for each CPU. */
#include <fcntl.h>

#include "tests/guest/prog/tcp/tcp.h"

TCP_TEST(memory_is_told)
{
	enum { N = 50000, PAGE = 4096 };
	static char data[N], text[1024];
	int fd[2];
	tcp_pair(net, fd);
	send_all(fd[0], data, N);
	CHECK_SOON(tcp_info_of(fd[0]).unacked == 0);
	int f = open("/proc/net/sockstat", O_RDONLY);
	ssize_t n = read(f, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = '\0';
	close(f);
	const char *mem = strstr(text, "\nTCP: ");
	mem = mem != NULL ? strstr(mem, " mem ") : NULL;
	CHECK(mem != NULL);
	CHECK(strtoul(mem + 5, NULL, 10) >= N / PAGE);
}
