/* SPDX-License-Identifier: MIT */
#include "stamp_util.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "guest.h"

int64_t
now_ns(void)
{
	struct timespec t;
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &t), 0);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int64_t
receive_at(int fd, ssize_t n, int flags, int type)
{
	char data[64];
	union {
		struct cmsghdr align;
		char bytes[128];
	} control;
	struct iovec v = {data, (size_t)n};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int64_t t[2];
	CHECK_EQ(recvmsg(fd, &m, flags), n);
	const struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h == NULL)
		return 0;
	CHECK_EQ(h->cmsg_level, SOL_SOCKET);
	CHECK_EQ(h->cmsg_type, type);
	CHECK_EQ(h->cmsg_len, CMSG_LEN(sizeof(t)));
	memcpy(t, CMSG_DATA(h), sizeof(t));
	return t[0] * 1000000000 + t[1] * (type == SO_TIMESTAMP ? 1000 : 1);
}
