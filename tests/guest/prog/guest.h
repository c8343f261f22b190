/* SPDX-License-Identifier: MIT */
/*
 * Tests that run in the guest: one program, many tests, each in a process of its own with a deadline, with the kernel's
 * counts of pages, objects, handles and tasks compared before and after.
 *
 *	GUEST_TEST(pipe_eof) { CHECK(...); CHECK_EQ(a, b); CHECK_ERRNO(call, EPIPE); }
 *
 * A failed check ends the test from whichever of its processes or threads it happens in. The test's process leads a
 * process group; what is left of the group afterwards is killed.
 */
#ifndef GUEST_H
#define GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define GUEST_SECONDS 60 /* hosts stall */

struct guest_test {
	const char *name;
	void (*run)(void);
	unsigned flags;
	struct guest_test *next;
};
#define GUEST_LEAKS_CACHE 1u /* leaves things behind that are not its own: not leak-counted */
#define GUEST_SLOW        2u /* takes minutes, and may: runs only when it is named */

void guest_register(struct guest_test *t);
void guest_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

#define GUEST_TEST_FLAGS(id, fl)                                               \
	static void guest_run_##id(void);                                      \
	static struct guest_test guest_##id = {#id, guest_run_##id, fl, NULL}; \
	__attribute__((constructor)) static void guest_add_##id(void)          \
	{                                                                      \
		guest_register(&guest_##id);                                   \
	}                                                                      \
	static void guest_run_##id(void)
#define GUEST_TEST(id) GUEST_TEST_FLAGS(id, 0)

/*
 * What a test runs by exec: GUEST_HELPER(name) { … } gets argc and argv; `guest +name …` runs it alone, with what it
 * returns as exit status.
 */
struct guest_helper {
	const char *name;
	int (*run)(int argc, char **argv);
	struct guest_helper *next;
};
void guest_register_helper(struct guest_helper *h);
#define GUEST_HELPER(id)                                                             \
	static int guest_help_##id(int argc, char **argv);                           \
	static struct guest_helper guest_helper_##id = {#id, guest_help_##id, NULL}; \
	__attribute__((constructor)) static void guest_add_helper_##id(void)         \
	{                                                                            \
		guest_register_helper(&guest_helper_##id);                           \
	}                                                                            \
	static int guest_help_##id(int argc, char **argv)

#define CHECK(cond)                                                                    \
	do {                                                                           \
		if (!(cond))                                                           \
			guest_fail(__FILE__, __LINE__, "%s (errno %d)", #cond, errno); \
	} while (0)
#define CHECK_EQ(a, b)                                                                        \
	do {                                                                                  \
		long long guest_a_ = (long long)(a), guest_b_ = (long long)(b);               \
		if (guest_a_ != guest_b_)                                                     \
			guest_fail(__FILE__, __LINE__, "%s is %lld, not %lld (errno %d)", #a, \
				guest_a_, guest_b_, errno);                                   \
	} while (0)
#define CHECK_ERRNO(call, code)                                                                \
	do {                                                                                   \
		errno = 0;                                                                     \
		long long guest_r_ = (long long)(call);                                        \
		if (guest_r_ != -1 || errno != (code))                                         \
			guest_fail(__FILE__, __LINE__, "%s gave %lld, errno %d, not errno %d", \
				#call, guest_r_, errno, code);                                 \
	} while (0)

/* Evaluates cond, yielding in between, until it is true; fails after half a test's time. */
#define CHECK_SOON(cond)                                                            \
	do {                                                                        \
		double guest_end_ = guest_now() + GUEST_SECONDS / 2.0;              \
		while (!(cond)) {                                                   \
			if (guest_now() > guest_end_)                               \
				guest_fail(__FILE__, __LINE__, "never: %s", #cond); \
			guest_yield();                                              \
		}                                                                   \
	} while (0)

/* Starts a child that runs fn(arg) and exits with 0. */
pid_t guest_spawn(void (*fn)(void *), void *arg);
/* Waits for a child; its exit status as waitpid gives it. */
int guest_reap(pid_t pid);
/* Waits until a process, or a thread of this one, sleeps in the kernel. */
void guest_await_sleep(pid_t pid);
void guest_yield(void);
void guest_sleep_ms(unsigned ms);
/* A page of zeroes that children share. */
void *guest_shared_page(void);
bool guest_is_swos(void); /* false on a Linux that the tests are tried on */
/* Runs fn(arg) in a child; its exit status as waitpid gives it. */
int guest_fork(void (*fn)(void *), void *arg);
/* As guest_fork(), and fails unless the child exited with 0. */
void guest_fork_ok(void (*fn)(void *), void *arg);
double guest_now(void); /* CLOCK_MONOTONIC, seconds */

#endif
