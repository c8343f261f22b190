/* SPDX-License-Identifier: MIT */
/*
 * Runs the registered tests in the order of file and line: all of them, or those whose names are arguments (a
 * trailing * matches the rest of a name; -l lists them). Prints `ok NAME` or `not ok NAME: file:line: why` for each
 * and `N passed, N failed` on the last line; exit status 1 if anything failed or no test was named so.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/test.h"

static struct test_case *tests;
static const struct test_case *current;
static jmp_buf give_up;
static pthread_t main_thread;
static bool any_failed;

/* A test that was given up leaks; that would only hide its own message. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return any_failed;
}

static int
order(const struct test_case *a, const struct test_case *b)
{
	int c = strcmp(a->file, b->file);
	return c ? c : a->line - b->line;
}

void
test_register(struct test_case *test)
{
	struct test_case **p = &tests;
	while (*p && order(*p, test) < 0)
		p = &(*p)->next;
	test->next = *p;
	*p = test;
}

void
test_fail(const char *file, int line, const char *format, ...)
{
	char why[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	printf("not ok %s: %s:%d: %s\n", current->name, file, line, why);
	fflush(stdout);
	any_failed = true;
	if (!pthread_equal(pthread_self(), main_thread))
		_Exit(1);
	longjmp(give_up, 1);
}

/* A 128-bit integer holds every value of every smaller type, so that -1 and UINT64_MAX differ. */
static const char *
number(__int128 value, char *buf, size_t size)
{
	if (value > INT64_MAX)
		snprintf(buf, size, "%llu (0x%llx)", (unsigned long long)value,
			(unsigned long long)value);
	else
		snprintf(buf, size, "%lld (0x%llx)", (long long)value, (unsigned long long)value);
	return buf;
}

void
test_check_eq(
	const char *file, int line, const char *a_text, const char *b_text, __int128 a, __int128 b)
{
	char as[64], bs[64];
	if (a != b)
		test_fail(file, line, "%s is %s, not %s, which is %s", a_text,
			number(a, as, sizeof(as)), b_text, number(b, bs, sizeof(bs)));
}

void
test_check_str(const char *file, int line, const char *a_text, const char *a, const char *b)
{
	if ((!a || !b) ? a != b : strcmp(a, b) != 0)
		test_fail(file, line, "%s is \"%s\", not \"%s\"", a_text, a ? a : "(null)",
			b ? b : "(null)");
}

void
test_check_mem(
	const char *file, int line, const char *a_text, const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			test_fail(file, line, "%s differs at byte %zu of %zu: 0x%02x, not 0x%02x",
				a_text, i, n, x[i], y[i]);
}

static bool
matches(const char *name, const char *pattern)
{
	size_t n = strlen(pattern);
	if (n && pattern[n - 1] == '*')
		return strncmp(name, pattern, n - 1) == 0;
	return strcmp(name, pattern) == 0;
}

static bool
wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (matches(name, argv[i]))
			return true;
	return argc == 1;
}

static bool
run_test(const struct test_case *test)
{
	current = test;
	if (setjmp(give_up))
		return false;
	test->run();
	printf("ok %s\n", test->name);
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	int passed = 0, failed = 0;
	main_thread = pthread_self();
	for (const struct test_case *t = tests; t; t = t->next) {
		if (list)
			puts(t->name);
		else if (!wanted(t->name, argc, argv))
			continue;
		else if (run_test(t))
			passed++;
		else
			failed++;
	}
	if (list)
		return 0;
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
