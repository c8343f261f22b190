/* SPDX-License-Identifier: MIT */
/* The codec of control messages. */
#include "kernel/net/sock/cmsg.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

TEST(cmsg_round_trip)
{
	uint8_t data[128];
	struct cmsg_buffer out = {.data = data, .len = sizeof(data)};
	uint32_t fds[3] = {1, 2, 3}, at = 0;
	cmsg_put(&out, SOL_SOCKET, SCM_CREDENTIALS, "twelve bytes", 12);
	cmsg_put(&out, SOL_SOCKET, SCM_RIGHTS, fds, sizeof(fds));
	CHECK(!out.truncated);
	CHECK_EQ(out.used, 32 + 32);
	struct cmsg_buffer in = {.data = data, .len = out.used};
	struct cmsg_item item;
	CHECK_EQ(cmsg_next(&in, &at, &item), 1);
	CHECK_EQ(item.type, SCM_CREDENTIALS);
	CHECK_EQ(item.len, 12);
	CHECK(memcmp(item.data, "twelve bytes", 12) == 0);
	CHECK_EQ(cmsg_next(&in, &at, &item), 1);
	CHECK_EQ(item.type, SCM_RIGHTS);
	CHECK(memcmp(item.data, fds, sizeof(fds)) == 0);
	CHECK_EQ(cmsg_next(&in, &at, &item), 0);
}

TEST(cmsg_cut_at_the_end)
{
	uint8_t data[24];
	struct cmsg_buffer out = {.data = data, .len = 20};
	CHECK_EQ(cmsg_room(&out), 4);
	cmsg_put(&out, 1, 2, "12345678", 8);
	CHECK(out.truncated);
	CHECK_EQ(out.used, 20);
	struct cmsghdr_user h;
	memcpy(&h, data, sizeof(h));
	CHECK_EQ(h.len, 20);
	out = (struct cmsg_buffer){.data = data, .len = 15};
	CHECK_EQ(cmsg_room(&out), 0);
	cmsg_put(&out, 1, 2, "1", 1);
	CHECK(out.truncated);
	CHECK_EQ(out.used, 0);
}

TEST(cmsg_hostile_lengths)
{
	static const uint64_t bad[] = {0, 15, 65, UINT64_MAX, UINT64_MAX - 15, 1ULL << 32 | 16};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t data[64] = {0};
		struct cmsg_buffer in = {.data = data, .len = sizeof(data)};
		struct cmsg_item item;
		uint32_t at = 0;
		memcpy(data, &bad[i], 8);
		CHECK_EQ(cmsg_next(&in, &at, &item), -EINVAL);
		CHECK(item.data == NULL && item.len == 0);
	}
	uint8_t data[20] = {17};
	struct cmsg_buffer in = {.data = data, .len = sizeof(data)};
	struct cmsg_item item;
	uint32_t at = 0;
	CHECK_EQ(cmsg_next(&in, &at, &item), 1);
	CHECK_EQ(item.len, 1);
	CHECK_EQ(at, 20); /* the padding is not there */
	CHECK_EQ(cmsg_next(&in, &at, &item), 0);
	in.len = 15;
	at = 0;
	CHECK_EQ(cmsg_next(&in, &at, &item), 0);
}
