/* SPDX-License-Identifier: MIT */
/*
 * usage: guest [-l] [NAME]…
 * Runs all tests but the slow ones, or those named (patterns as of a shell; a leading - leaves out). -l lists
 * them. Prints `run NAME` before each, then `ok NAME` or `not ok NAME: why`, at the end `N passed, N failed`.
 */
#include "guest.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

static struct guest_test *tests;
static int report_fd = -1; /* where a test's process writes why it failed */

void
guest_register(struct guest_test *t)
{
	t->next = tests;
	tests = t;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
		(*(struct guest_test *const *)a)->name, (*(struct guest_test *const *)b)->name);
}

/* Only who runs tests sorts them: what tests run by exec begins at once. */
static void
sort_tests(void)
{
	size_t n = 0, i = 0;
	for (struct guest_test *t = tests; t != NULL; t = t->next)
		n++;
	struct guest_test **all = calloc(n + 1, sizeof(*all));
	if (all == NULL)
		exit(125);
	for (struct guest_test *t = tests; t != NULL; t = t->next)
		all[i++] = t;
	qsort(all, n, sizeof(all[0]), by_name);
	for (i = 0; i < n; i++)
		all[i]->next = all[i + 1];
	tests = all[0];
	free(all);
}

static struct guest_helper *helpers;

void
guest_register_helper(struct guest_helper *h)
{
	h->next = helpers;
	helpers = h;
}

static int
run_helper(int argc, char **argv)
{
	report_fd = 2;
	for (struct guest_helper *h = helpers; h != NULL; h = h->next)
		if (strcmp(h->name, argv[1] + 1) == 0)
			return h->run(argc, argv);
	return 126;
}

void
guest_fail(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	const char *slash = strrchr(file, '/');
	int n = snprintf(text, sizeof(text), "%s:%d: ", slash != NULL ? slash + 1 : file, line);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n - 2, fmt, ap);
	va_end(ap);
	strcat(text, "; ");
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

void
guest_yield(void)
{
	sched_yield();
}

void
guest_sleep_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

void *
guest_shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

bool
guest_is_swos(void)
{
	struct utsname u;
	return uname(&u) == 0 && strstr(u.release, "swos") != NULL;
}

pid_t
guest_spawn(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

int
guest_reap(pid_t pid)
{
	int status;
	pid_t got;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	return status;
}

/* The state letter of a process or thread; 0: none such. */
static char
state_of(pid_t pid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	const char *end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' ? end[2] : 0;
}

void
guest_await_sleep(pid_t pid)
{
	if (state_of(getpid()) == 0) {
		guest_sleep_ms(30); /* no procfs that could tell */
		return;
	}
	/* Short waits for locks look like the second kind; what lasts is a wait for something. */
	char state;
	int lasts = 0;
	CHECK_SOON((state = state_of(pid)) == 'S' || (lasts = state == 'D' ? lasts + 1 : 0) > 100);
}

int
guest_fork(void (*fn)(void *), void *arg)
{
	return guest_reap(guest_spawn(fn, arg));
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
	/* A SIGCHLD that is left pending is an object too. */
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (sigtimedwait(&chld, NULL, &(struct timespec){0}) > 0)
		;
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

/* A count of "NAME VALUE" lines; 0: there is none. */
static long long
count_of(const char *counts, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = strstr(counts, name); at != NULL; at = strstr(at + 1, name))
		if ((at == counts || at[-1] == '\n') && at[len] == ' ')
			return strtoll(at + len, NULL, 10);
	return 0;
}

/*
 * How far a count may be up without being a leak. Page tables stay with each CPU for the next process, single pages
 * move between caches and free lists; objects are exact, but for connections in TIME_WAIT, which lasts a minute, and
 * the ports that they hold. What is free says nothing that the rest does not.
 */
static long long
slack_of(const char *name, const char *now)
{
	if (strcmp(name, "pages_free") == 0 || strcmp(name, "slab_tcp_tw") == 0)
		return INT64_MAX / 2;
	if (strcmp(name, "slab_tcp_port") == 0)
		return count_of(now, "slab_tcp_tw");
	if (strcmp(name, "pages_tables") == 0)
		return 40 * sysconf(_SC_NPROCESSORS_ONLN);
	return strncmp(name, "pages", 5) == 0 ? 24 : 0;
}

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
			const char *old = strncmp(before, key + 1, strlen(key + 1)) == 0
				? before - 1
				: strstr(before, key);
			if (old != NULL && sscanf(old + strlen(key), "%lld", &was) == 1 &&
				now > was + slack_of(name, after)) {
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

/* The test's process, with nothing of the runner's but the pipe to report by. */
static void
be_test(const struct guest_test *t, int report)
{
	sigset_t none;
	fcntl(report, F_SETFD, FD_CLOEXEC);
	report_fd = report;
	setpgid(0, 0);
	for (int sig = 1; sig <= 64; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	t->run();
	_exit(0);
}

/* Waits for the child with a deadline that is the runner's: the test may do with its own timers what it likes. */
static bool
await_child(pid_t pid, int *status, double seconds)
{
	double end = guest_now() + seconds;
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (waitpid(pid, status, WNOHANG) != pid) {
		struct timespec nap = {1, 0};
		if (guest_now() > end)
			return false;
		sigtimedwait(&chld, NULL, &nap);
	}
	return true;
}

/* Runs one test in a child with a group of its own, so that what it leaves running can be killed with it. */
static bool
run_once(const struct guest_test *t, char *why, size_t n)
{
	int report[2], status = 0;
	if (pipe(report) != 0) {
		snprintf(why, n, "no pipe: errno %d", errno);
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(report[0]);
		be_test(t, report[1]);
	}
	close(report[1]);
	bool ended = await_child(
		pid, &status, t->flags & GUEST_SLOW ? 20 * GUEST_SECONDS : GUEST_SECONDS);
	kill(-pid, SIGKILL);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0)
		;
	if (!ended)
		waitpid(pid, NULL, 0);
	fcntl(report[0], F_SETFL,
		O_NONBLOCK); /* somebody outside the group may still hold the other end */
	ssize_t len = read(report[0], why, n - 1);
	close(report[0]);
	why[len < 0 ? 0 : len] = 0;
	/* A SIGCHLD that nobody took would count as the kernel's. */
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (sigtimedwait(&chld, NULL, &(struct timespec){0}) > 0)
		;
	size_t at = strlen(why);
	if (at >= 2)
		why[at - 2] = 0; /* the last separator */
	if (!ended)
		snprintf(why + at, n - at, "it took too long");
	else if (WIFSIGNALED(status))
		snprintf(why + at, n - at, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0 && at == 0)
		snprintf(why, n, "exit status %d", WEXITSTATUS(status));
	return ended && status == 0;
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
	/* What the kernel frees late (threads off their stacks, timers) gets a moment, the second time a long one. */
	double deadline = guest_now() + 1;
	for (;;) {
		read_counts(after, sizeof(after));
		if (!counts_grew(before, after, why, n))
			return true;
		if (guest_now() > deadline)
			break;
		usleep(20000);
	}
	printf("note %s: %s, once\n", t->name, why);
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
selected(const struct guest_test *t, char **patterns)
{
	bool any = false, named = false;
	for (; *patterns != NULL; patterns++) {
		if (**patterns == '-') {
			if (fnmatch(*patterns + 1, t->name, 0) == 0)
				return false;
			continue;
		}
		any = true;
		named |= fnmatch(*patterns, t->name, 0) == 0;
	}
	return any ? named : !(t->flags & GUEST_SLOW);
}

int
main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	if (argc > 1 && argv[1][0] == '+')
		return run_helper(argc, argv);
	sort_tests();
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct guest_test *t = tests; t != NULL; t = t->next) {
		char why[512] = "";
		if (list) {
			puts(t->name);
			continue;
		}
		if (!selected(t, argv + 1))
			continue;
		printf("run %s (%.1f s)\n", t->name, guest_now());
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
