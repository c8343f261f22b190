/* SPDX-License-Identifier: MIT */
/* What hostile calls once found, each as small as it can be. */
#include "guest.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void *
nothing(void *arg)
{
	return arg;
}

/* The CPU time of a thread was asked for before it had a CPU. */
GUEST_TEST(cpu_limit_while_threads_start)
{
	pthread_t t;
	struct rlimit r = {1000, 1000};
	CHECK_EQ(setrlimit(RLIMIT_CPU, &r), 0);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(pthread_create(&t, NULL, nothing, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
}

/* The first write to a page that is mapped for writing alone, after it was not mapped for anything. */
GUEST_TEST(write_only_memory)
{
	volatile char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(mprotect((void *)(uintptr_t)p, 8192, PROT_WRITE), 0);
	CHECK_EQ(p[0], 0); /* writable is readable on this machine */
	p[0] = 1;
	p[4096] = 1;
	CHECK_EQ(mprotect((void *)(uintptr_t)p, 8192, PROT_NONE), 0);
	CHECK_EQ(mprotect((void *)(uintptr_t)p, 8192, PROT_WRITE), 0);
	p[0] = 2;
	CHECK_EQ(p[0], 2);
}
