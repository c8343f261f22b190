/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "memory_fault.h"

#include <pthread.h>
#include <setjmp.h>

_Thread_local struct memory_fault memory_last;
static _Thread_local sigjmp_buf back;
static _Thread_local volatile bool armed;

static void
on_fault(int sig, siginfo_t *info, void *context)
{
	memory_last = (struct memory_fault){sig, info->si_code, info->si_addr};
	if (!armed) { /* not one of ours: let it be seen */
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(back, 1);
}

static void
install(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	CHECK_EQ(sigaction(SIGSEGV, &sa, NULL), 0);
	CHECK_EQ(sigaction(SIGBUS, &sa, NULL), 0);
	CHECK_EQ(sigaction(SIGILL, &sa, NULL), 0);
}

static void
begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
	memory_last = (struct memory_fault){0};
	armed = true;
}

int
memory_read(const volatile void *at, unsigned char *value)
{
	begin();
	if (sigsetjmp(back, 1) == 0) {
		unsigned char c = *(const volatile unsigned char *)at;
		if (value != NULL)
			*value = c;
	}
	armed = false;
	return memory_last.signal;
}

int
memory_write(volatile void *at, unsigned char value)
{
	begin();
	if (sigsetjmp(back, 1) == 0)
		*(volatile unsigned char *)at = value;
	armed = false;
	return memory_last.signal;
}

int
memory_call(void *code, int *result)
{
	int (*function)(void) = (int (*)(void))code;
	begin();
	if (sigsetjmp(back, 1) == 0)
		*result = function();
	armed = false;
	return memory_last.signal;
}

unsigned char *
memory_map(size_t pages)
{
	void *at = mmap(
		NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

bool
memory_is(const void *at, unsigned char value, size_t n)
{
	const unsigned char *p = at;
	for (size_t i = 0; i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}
