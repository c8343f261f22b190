/* SPDX-License-Identifier: MIT */
/*
 * usage: guest [-l] [NAME]…
 * Runs all tests, or those named (a trailing * matches any ending). -l lists them. Prints `ok NAME` or
 * `not ok NAME: why`, then `N passed, N failed`.
 */
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

static struct guest_test *tests;
static int report_fd = -1; /* where a test's process writes why it failed */

void
guest_register(struct guest_test *t)
{
	struct guest_test **at = &tests;
	while (*at != NULL && strcmp((*at)->name, t->name) < 0)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void
guest_fail(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	if (report_fd >= 0)
		(void)!write(report_fd, text, strlen(text));
	_exit(99);
}

double
guest_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
guest_fork(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

void
guest_fork_ok(void (*fn)(void *), void *arg)
{
	int status = guest_fork(fn, arg);
	if (status != 0)
		guest_fail(__FILE__, __LINE__, "a child ended with status %#x", status);
}

/* The kernel's counts, as text; caches dropped first. */
static void
read_counts(char *buf, size_t n)
{
	buf[0] = 0;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd >= 0) {
		(void)!write(fd, "3", 1);
		close(fd);
	}
	fd = open("/proc/swos/objects", O_RDONLY);
	if (fd < 0)
		return;
	ssize_t len = read(fd, buf, n - 1);
	buf[len < 0 ? 0 : len] = 0;
	close(fd);
}

/* Pages move between caches and free lists; what counts are the kernel's own leaks of more than this many. */
#define PAGE_SLACK 24

/* Compares "NAME VALUE" lines; writes the first that grew into why. */
static bool
counts_grew(const char *before, const char *after, char *why, size_t n)
{
	const char *line = after;
	while (*line != 0) {
		char name[64];
		long long now, was;
		if (sscanf(line, "%63s %lld", name, &now) == 2) {
			char key[66];
			snprintf(key, sizeof(key), "\n%s ", name);
			const char *old = strncmp(before, key + 1, strlen(key + 1)) == 0 ? before - 1 : strstr(before, key);
			long long slack = strncmp(name, "pages", 5) == 0 ? PAGE_SLACK : 0;
			if (old != NULL && sscanf(old + strlen(key), "%lld", &was) == 1 && now > was + slack &&
				strstr(name, "free") == NULL) {
				snprintf(why, n, "leak: %s was %lld, is %lld", name, was, now);
				return true;
			}
		}
		const char *end = strchr(line, '\n');
		if (end == NULL)
			break;
		line = end + 1;
	}
	return false;
}

/* Runs one test in a child of its own session, so that what it leaves running can be killed with it. */
static bool
run_once(const struct guest_test *t, char *why, size_t n)
{
	int report[2], status;
	if (pipe(report) != 0) {
		snprintf(why, n, "no pipe: errno %d", errno);
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(report[0]);
		fcntl(report[1], F_SETFD, FD_CLOEXEC);
		report_fd = report[1];
		setpgid(0, 0);
		alarm(GUEST_SECONDS);
		t->run();
		_exit(0);
	}
	close(report[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0)
		;
	ssize_t len = read(report[0], why, n - 1);
	close(report[0]);
	why[len < 0 ? 0 : len] = 0;
	if (WIFSIGNALED(status))
		snprintf(why, n, "killed by signal %d%s", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? ": it took too long" : "");
	else if (WEXITSTATUS(status) != 0 && why[0] == 0)
		snprintf(why, n, "exit status %d", WEXITSTATUS(status));
	return status == 0;
}

static bool
run_test(const struct guest_test *t, char *why, size_t n)
{
	static char before[16384], after[16384];
	read_counts(before, sizeof(before));
	if (!run_once(t, why, n))
		return false;
	if (t->flags & GUEST_LEAKS_CACHE)
		return true;
	/* What the kernel frees late (threads off their stacks, timers) gets a moment; a leak stays. */
	double deadline = guest_now() + 5;
	for (;;) {
		read_counts(after, sizeof(after));
		if (!counts_grew(before, after, why, n))
			return true;
		if (guest_now() > deadline)
			break;
		usleep(20000);
	}
	/* A cache that grew once stays; a leak grows again. */
	char again[512];
	memcpy(before, after, sizeof(before));
	if (!run_once(t, again, sizeof(again))) {
		snprintf(why, n, "%s", again);
		return false;
	}
	deadline = guest_now() + 5;
	do {
		read_counts(after, sizeof(after));
		if (!counts_grew(before, after, why, n))
			return true;
		usleep(20000);
	} while (guest_now() < deadline);
	return false;
}

static bool
selected(const char *name, char **patterns)
{
	if (*patterns == NULL)
		return true;
	for (; *patterns != NULL; patterns++) {
		size_t len = strlen(*patterns);
		bool prefix = len > 0 && (*patterns)[len - 1] == '*';
		if (prefix ? strncmp(name, *patterns, len - 1) == 0 : strcmp(name, *patterns) == 0)
			return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct guest_test *t = tests; t != NULL; t = t->next) {
		char why[512] = "";
		if (list) {
			puts(t->name);
			continue;
		}
		if (!selected(t->name, argv + 1))
			continue;
		if (run_test(t, why, sizeof(why))) {
			printf("ok %s\n", t->name);
			passed++;
		} else {
			printf("not ok %s: %s\n", t->name, why);
			failed++;
		}
	}
	if (!list)
		printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
