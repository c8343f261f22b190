/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <aarch64/sigrecord.h>

#include "tests/unit/test.h"

#define FPSIMD_SIZE ((uint32_t)sizeof(struct sigrecord_fpsimd))
#define AREA        4096u

/* Walks over heads in turn, as if what they head lay between them; what the last step said. */
static int
walk(struct sigrecord_walk *w, const struct sigrecord *heads, size_t n)
{
	int more = 1;
	*w = (struct sigrecord_walk){.size = AREA};
	for (size_t i = 0; i < n && more > 0; i++)
		more = sigrecord_step(w, &heads[i]);
	return more;
}

#define WALK(...)                                         \
	walk(&w, (const struct sigrecord[]){__VA_ARGS__}, \
		sizeof((const struct sigrecord[]){__VA_ARGS__}) / sizeof(struct sigrecord))

TEST(sigrecords_in_any_order_end_with_the_place_of_fpsimd)
{
	struct sigrecord_walk w;
	CHECK_EQ(WALK({SIGRECORD_FPSIMD, FPSIMD_SIZE}, {0, 0}), 0);
	CHECK_EQ(w.fpsimd, 0);
	CHECK_EQ(WALK({SIGRECORD_ESR, 16}, {SIGRECORD_EXTRA, 32}, {SIGRECORD_FPSIMD, FPSIMD_SIZE},
			 {SIGRECORD_ESR, 16}, {0, 0}),
		0);
	CHECK_EQ(w.fpsimd, 48);
}

TEST(sigrecords_that_make_no_sense_are_refused)
{
	struct sigrecord_walk w;
	CHECK_EQ(WALK({0, 0}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_FPSIMD, FPSIMD_SIZE}, {0, 16}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_FPSIMD, FPSIMD_SIZE}, {SIGRECORD_FPSIMD, FPSIMD_SIZE}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_FPSIMD, FPSIMD_SIZE - 16}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_FPSIMD, FPSIMD_SIZE + 16}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_EXTRA, 32}, {SIGRECORD_EXTRA, 32}), -EINVAL);
	CHECK_EQ(WALK({0x12345678, 16}), -EINVAL);
}

TEST(sigrecords_stay_in_their_area)
{
	struct sigrecord_walk w;
	const uint32_t sizes[] = {
		0, 1, 7, 8, 15, 17, AREA + 16, 0x80000000u, 0xfffffff0u, UINT32_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CHECK_EQ(WALK({SIGRECORD_ESR, 16}, {SIGRECORD_ESR, sizes[i]}), -EINVAL);
	CHECK_EQ(WALK({SIGRECORD_ESR, AREA}), 1);
	CHECK_EQ(w.at, AREA);
	CHECK_EQ(WALK({SIGRECORD_ESR, 16}, {SIGRECORD_ESR, AREA}), -EINVAL);
}
