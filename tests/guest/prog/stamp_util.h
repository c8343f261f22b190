/* SPDX-License-Identifier: MIT */
/* When bytes of sockets were sent or came, by SO_TIMESTAMP and SO_TIMESTAMPNS, in nanoseconds of the wall clock. */
#ifndef STAMP_UTIL_H
#define STAMP_UTIL_H

#include <stdint.h>
#include <sys/types.h>

int64_t now_ns(void);
/* Receives n bytes, at most 64; the time of the message of this type, 0: there is no message. */
int64_t receive_at(int fd, ssize_t n, int flags, int type);

#endif
