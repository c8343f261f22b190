/* SPDX-License-Identifier: MIT */
/*
 * The unit test harness. A test is
 *
 *	TEST(name_of_what_it_shows)
 *	{
 *		CHECK_EQ(2 + 2, 4);
 *	}
 *
 * in any file that is linked into the test binary; it registers itself. The first check that fails ends its test
 * (nothing after it runs, so what a test allocates before may leak: leak checking is off after a failure). A check
 * that fails on another thread than the test's own ends the program. The program is tests/unit/main.c.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
	const char *name, *file;
	int line;
	void (*run)(void);
	struct test_case *next;
};

void test_register(struct test_case *test);
[[noreturn]] void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_check_eq(
	const char *file, int line, const char *a_text, const char *b_text, __int128 a, __int128 b);
void test_check_str(const char *file, int line, const char *a_text, const char *a, const char *b);
void test_check_mem(
	const char *file, int line, const char *a_text, const void *a, const void *b, size_t n);

#define TEST(test_name)                                                          \
	static void test_run_##test_name(void);                                  \
	static struct test_case test_case_##test_name = {.name = #test_name,     \
		.file = __FILE__,                                                \
		.line = __LINE__,                                                \
		.run = test_run_##test_name};                                    \
	__attribute__((constructor)) static void test_register_##test_name(void) \
	{                                                                        \
		test_register(&test_case_##test_name);                           \
	}                                                                        \
	static void test_run_##test_name(void)

#define CHECK(condition) \
	((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "%s is false", #condition))
/* Integers of any type and size; both values are printed. */
#define CHECK_EQ(a, b)     test_check_eq(__FILE__, __LINE__, #a, #b, (__int128)(a), (__int128)(b))
#define CHECK_STR(a, b)    test_check_str(__FILE__, __LINE__, #a, (a), (b))
#define CHECK_MEM(a, b, n) test_check_mem(__FILE__, __LINE__, #a, (a), (b), (n))

#endif
