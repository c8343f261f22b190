/* SPDX-License-Identifier: MIT */
/* The network on the machine of several CPUs: what netstack.h wants of a machine. */
#include <stdlib.h>

#include "dev/rng/random.h"
#include "machine.h"
#include "tests/netstack/netstack.h"

_Atomic uint32_t netstack_one_fails_of;

void *
netstack_alloc(size_t n)
{
	return netstack_may_allocate() ? malloc(n) : NULL;
}

void
netstack_free(void *p)
{
	free(p);
}

bool
netstack_may_allocate(void)
{
	uint32_t of = atomic_load(&netstack_one_fails_of);
	return of == 0 || machine_random(of) != 0;
}

uint64_t
random_u64(void)
{
	uint64_t x = 0;
	for (uint32_t i = 0; i < 4; i++)
		x = x << 16 | machine_random(65536);
	return x;
}

void
random_fill(void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = (uint8_t)machine_random(256);
}
