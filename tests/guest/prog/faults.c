/* SPDX-License-Identifier: MIT */
/*
 * Out of memory everywhere: each operation is done again and again with its first, second, third … allocation made to
 * fail (the debug kernel's /proc/swos/fault), until it needs no more than may succeed. It must succeed or fail with an
 * errno that says so, leave nothing behind (the harness counts), and succeed once memory is back.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

#define ALLOCATIONS_MAX 400

static int fault_fd = -1;

/* False on a kernel without fault injection: there is nothing to test then. */
static bool
faults_open(void)
{
	fault_fd = open("/proc/swos/fault", O_WRONLY | O_CLOEXEC);
	return fault_fd >= 0;
}

static void
fail_allocation(const char *site, int after)
{
	char rule[96];
	int n = snprintf(rule, sizeof(rule), "pid=%d every=1 after=%d times=1 site=%s",
		(int)getpid(), after, site);
	CHECK_EQ(write(fault_fd, rule, (size_t)n), n);
}

/* The one failure may hit this very write: the next one does not fail any more. */
static void
fail_nothing(void)
{
	while (write(fault_fd, "every=0", 7) != 7)
		CHECK_EQ(errno, ENOMEM);
}

/* 0, or the errno it failed with. What it leaves in /tmp when it fails is removed by clean_up(). */
typedef int operation(void);

#define DIRECTORY "/tmp/fault"

static void
clean_up(void)
{
	static const char *const names[] = {DIRECTORY "/a", DIRECTORY "/link", DIRECTORY "/fifo",
		DIRECTORY "/a-name-that-does-not-fit-into-a-small-node"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	rmdir(DIRECTORY "/d");
	rmdir(DIRECTORY);
	umount("/mnt");
}

/*
 * In a process of its own: where a page fault finds no memory, the process that faulted is killed, and that is right.
 */
static int
attempt(operation *op, const char *site, int after)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		fail_allocation(site, after);
		int err = op();
		fail_nothing();
		_exit(err);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	fail_nothing();
	if (WIFSIGNALED(status)) {
		CHECK_EQ(WTERMSIG(status), SIGKILL);
		return ENOMEM;
	}
	return WEXITSTATUS(status);
}

static void
try_each_allocation(operation *op)
{
	static const char *const sites[] = {"slab", "page"};
	int failed = 0;
	for (int s = 0; s < 2; s++) {
		int successes = 0;
		/* Some allocations are only hints (caches): several successes in a row end it. */
		for (int after = 0; after < ALLOCATIONS_MAX && successes < 8; after++) {
			CHECK_EQ(mkdir(DIRECTORY, 0700), 0);
			int err = attempt(op, sites[s], after);
			clean_up();
			if (err != 0 && err != ENOMEM && err != EAGAIN && err != ENOSPC)
				guest_fail(__FILE__, __LINE__,
					"errno %d with allocation %d of %s failing", err, after,
					sites[s]);
			failed += err != 0;
			successes = err == 0 ? successes + 1 : 0;
		}
		CHECK_EQ(mkdir(DIRECTORY, 0700), 0);
		CHECK_EQ(op(), 0);
		clean_up();
	}
	CHECK(failed > 0);
	close(fault_fd);
}

static int
op_fork(void)
{
	pid_t pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(0);
	int status;
	if (waitpid(pid, &status, 0) != pid)
		return EINVAL;
	/* The child may be killed by its own first page fault, which needs memory too. */
	return status == 0 ? 0 : ENOMEM;
}

GUEST_TEST(memory_fails_fork)
{
	if (faults_open())
		try_each_allocation(op_fork);
}

static int
op_map(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return errno;
	int err = mprotect(p + 65536, 65536, PROT_READ) != 0 ? errno : 0;
	if (err == 0 && munmap(p + 262144, 65536) != 0)
		err = errno;
	return munmap(p, 1 << 20) != 0 ? errno : err;
}

GUEST_TEST(memory_fails_map)
{
	if (faults_open())
		try_each_allocation(op_map);
}

static int
op_files(void)
{
	int err = 0, fd = open(DIRECTORY "/a", O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0)
		return errno;
	if (write(fd, "some bytes", 10) != 10 || ftruncate(fd, 100000) != 0)
		err = errno;
	if (err == 0 &&
		rename(DIRECTORY "/a", DIRECTORY "/a-name-that-does-not-fit-into-a-small-node") !=
			0)
		err = errno;
	close(fd);
	return err;
}

GUEST_TEST(memory_fails_files)
{
	if (faults_open())
		try_each_allocation(op_files);
}

static int
op_directories(void)
{
	struct stat st;
	if (mkdir(DIRECTORY "/d", 0700) != 0 || symlink(DIRECTORY "/x", DIRECTORY "/link") != 0 ||
		mkfifo(DIRECTORY "/fifo", 0600) != 0 || lstat(DIRECTORY "/link", &st) != 0)
		return errno;
	return 0;
}

GUEST_TEST(memory_fails_directories)
{
	if (faults_open())
		try_each_allocation(op_directories);
}

static int
op_handles(void)
{
	int p[2] = {-1, -1}, e = -1, v = -1, t = -1, err = 0;
	struct epoll_event ev = {.events = EPOLLIN};
	struct itimerspec soon = {.it_value.tv_nsec = 1};
	if (pipe(p) != 0 || (e = epoll_create1(0)) < 0 || (v = eventfd(1, 0)) < 0 ||
		(t = timerfd_create(CLOCK_MONOTONIC, 0)) < 0)
		err = errno;
	if (err == 0 &&
		(write(p[1], "x", 1) != 1 || epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev) != 0 ||
			timerfd_settime(t, 0, &soon, NULL) != 0 || epoll_wait(e, &ev, 1, 1000) < 0))
		err = errno;
	close(p[0]);
	close(p[1]);
	close(e);
	close(v);
	close(t);
	return err;
}

GUEST_TEST(memory_fails_handles)
{
	if (faults_open())
		try_each_allocation(op_handles);
}

static void *
return_at_once(void *arg)
{
	return arg;
}

static int
op_thread(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, return_at_once, NULL);
	return err != 0 ? err : pthread_join(t, NULL);
}

GUEST_TEST(memory_fails_thread)
{
	if (faults_open())
		try_each_allocation(op_thread);
}

static int
op_timer(void)
{
	timer_t t;
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	if (timer_create(CLOCK_MONOTONIC, &ev, &t) != 0)
		return errno;
	CHECK_EQ(timer_delete(t), 0);
	return 0;
}

GUEST_TEST(memory_fails_timer)
{
	if (faults_open())
		try_each_allocation(op_timer);
}

static int
op_mount(void)
{
	if (mount("fault", "/mnt", "tmpfs", 0, "size=1m") != 0)
		return errno;
	int fd = open("/mnt/file", O_CREAT | O_WRONLY, 0600);
	int err = fd < 0 ? errno : 0;
	close(fd);
	return err;
}

GUEST_TEST(memory_fails_mount)
{
	if (geteuid() == 0 && faults_open())
		try_each_allocation(op_mount);
}
