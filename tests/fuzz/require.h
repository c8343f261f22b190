/* SPDX-License-Identifier: MIT */
/* For targets of tools that speak on standard error: what must hold, and silence, as what is said is not what is tested. */
#ifndef TESTS_FUZZ_REQUIRE_H
#define TESTS_FUZZ_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static void
require(int condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stderr = fopen("/dev/null", "we");
	require(stderr != NULL);
	return 0;
}

#endif
