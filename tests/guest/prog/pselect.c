/* SPDX-License-Identifier: MIT */
/*
 * pselect6 as the kernel has it, without the library: its last argument names a mask and the mask's size, and its timeout
 * is written back.
 */
#include "guest.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MASK_SIZE 8 /* of the kernel's signal sets */

struct mask_argument {
	const void *mask;
	size_t size;
};

static volatile sig_atomic_t caught;
static volatile uint64_t mask_in_handler;

static uint64_t
mask_now(void)
{
	uint64_t mask = 0;
	CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, MASK_SIZE), 0);
	return mask;
}

static void
set_mask(uint64_t mask)
{
	CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, MASK_SIZE), 0);
}

static uint64_t
bit(int sig)
{
	return 1ULL << (sig - 1);
}

static void
on_signal(int sig)
{
	mask_in_handler = mask_now();
	caught++;
}

static void
catch_usr1(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
}

static long
pselect6(int n, void *in, void *out, void *except, void *timeout, const void *mask)
{
	return syscall(SYS_pselect6, n, in, out, except, timeout, mask);
}

static void *const nowhere = (void *)16;

/* What is refused leaves the mask, and a signal that the mask would have let through, where they are. */
GUEST_TEST(pselect6_refuses)
{
	uint64_t none = 0, before = bit(SIGUSR1) | bit(SIGHUP);
	struct timespec now = {0, 0}, bad = {0, 1000000000}, negative = {-1, 0};
	struct mask_argument small = {&none, 4}, large = {&none, 16}, empty = {&none, 0},
			     wild = {nowhere, MASK_SIZE}, good = {&none, MASK_SIZE},
			     absent = {NULL, 99};
	fd_set set;
	catch_usr1();
	set_mask(before);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &now, &small), EINVAL);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &now, &large), EINVAL);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &now, &empty), EINVAL);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &now, &wild), EFAULT);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &now, nowhere), EFAULT);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, nowhere, &good), EFAULT);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &bad, &good), EINVAL);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &negative, &good), EINVAL);
	CHECK_ERRNO(pselect6(-1, NULL, NULL, NULL, &now, &good), EINVAL);
	CHECK_ERRNO(pselect6(1, nowhere, NULL, NULL, &now, &good), EFAULT);
	FD_ZERO(&set);
	FD_SET(900, &set);
	CHECK_EQ(dup2(0, 900), 900);
	close(900);
	CHECK_ERRNO(pselect6(901, &set, NULL, NULL, &now, &good), EBADF);
	CHECK_EQ(mask_now(), before);
	CHECK_EQ(caught, 0);
	CHECK_EQ(pselect6(0, NULL, NULL, NULL, &now, NULL), 0);
	CHECK_EQ(pselect6(0, NULL, NULL, NULL, &now, &absent),
		0); /* no mask: nobody asks for its size */
	CHECK_EQ(caught, 0);
	set_mask(0);
	CHECK_EQ(caught, 1);
}

GUEST_TEST(pselect6_writes_the_timeout_back)
{
	int p[2];
	fd_set set;
	struct timespec t = {0, 1000000};
	CHECK_EQ(pipe(p), 0);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	CHECK_EQ(pselect6(p[0] + 1, &set, NULL, NULL, &t, NULL), 0);
	CHECK_EQ(t.tv_sec, 0);
	CHECK_EQ(t.tv_nsec, 0);
	CHECK(!FD_ISSET(p[0], &set));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_SET(p[0], &set);
	t = (struct timespec){1000, 0};
	CHECK_EQ(pselect6(p[0] + 1, &set, NULL, NULL, &t, NULL), 1);
	CHECK(FD_ISSET(p[0], &set));
	CHECK(t.tv_sec > 0 && t.tv_sec < 1000); /* some of it has gone */
	/* A signal: what is left is there too. */
	uint64_t none = 0;
	struct mask_argument open = {&none, MASK_SIZE};
	catch_usr1();
	set_mask(bit(SIGUSR1));
	CHECK_EQ(raise(SIGUSR1), 0);
	t = (struct timespec){1000, 0};
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, &t, &open), EINTR);
	CHECK(t.tv_sec > 0 && t.tv_sec < 1000);
	/* Memory that cannot be written takes nothing away from the answer. */
	struct timespec *fixed =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(fixed != MAP_FAILED);
	fixed->tv_sec = 1000;
	CHECK_EQ(mprotect(fixed, 4096, PROT_READ), 0);
	CHECK_EQ(pselect6(p[0] + 1, &set, NULL, NULL, fixed, NULL), 1);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, fixed, &open), EINTR);
	CHECK_EQ(fixed->tv_sec, 1000);
}

GUEST_TEST(pselect6_mask_lasts_as_long_as_the_call)
{
	uint64_t none = 0, hup = bit(SIGHUP), before = bit(SIGUSR1) | bit(SIGTERM);
	struct mask_argument open = {&none, MASK_SIZE}, only_hup = {&hup, MASK_SIZE};
	struct timespec now = {0, 0};
	int p[2];
	fd_set set;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	catch_usr1();
	set_mask(before);
	CHECK_EQ(raise(SIGUSR1), 0);
	/* What is ready counts more than a signal, which waits for another call. */
	CHECK_EQ(pselect6(p[0] + 1, &set, NULL, NULL, NULL, &open), 1);
	CHECK_EQ(caught, 0);
	CHECK_EQ(mask_now(), before);
	/* The handler runs with the call's mask and its own signal blocked; then the old mask is there again. */
	CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, NULL, &only_hup), EINTR);
	CHECK_EQ(caught, 1);
	CHECK_EQ(mask_in_handler, hup | bit(SIGUSR1));
	CHECK_EQ(mask_now(), before);
	/* Without a handler's interruption too. */
	CHECK_EQ(pselect6(0, NULL, NULL, NULL, &now, &open), 0);
	CHECK_EQ(mask_now(), before);
	CHECK_EQ(caught, 1);
}

enum { SIGNALS = 1000 };

static void
send_each_after_the_last(void *seen)
{
	volatile int *n = seen;
	for (int i = 0; i < SIGNALS; i++) {
		CHECK_SOON(*n == i);
		CHECK_EQ(kill(getppid(), SIGUSR1), 0);
	}
}

/* A signal that comes between two calls, or as one begins, ends the next: none is lost, and none comes elsewhere. */
GUEST_TEST(pselect6_loses_no_signal)
{
	uint64_t none = 0;
	struct mask_argument open = {&none, MASK_SIZE};
	volatile int *seen = guest_shared_page();
	catch_usr1();
	set_mask(bit(SIGUSR1));
	pid_t pid = guest_spawn(send_each_after_the_last, (void *)seen);
	for (int i = 0; i < SIGNALS; i++) {
		CHECK_EQ(caught, i);
		CHECK_ERRNO(pselect6(0, NULL, NULL, NULL, NULL, &open), EINTR);
		CHECK_EQ(caught, i + 1);
		*seen = i + 1;
	}
	CHECK_EQ(guest_reap(pid), 0);
}

static void
wait_for_a_byte(void *fd)
{
	int *p = fd;
	fd_set set;
	struct timespec t = {1000, 0};
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	CHECK_EQ(pselect6(p[0] + 1, &set, NULL, NULL, &t, NULL), 1);
	CHECK(t.tv_sec > 0 && t.tv_sec < 1000);
}

/* A stop and a continuation without a handler are nothing that the program sees. */
GUEST_TEST(pselect6_goes_on_after_a_stop)
{
	int p[2], status;
	CHECK_EQ(pipe(p), 0);
	pid_t pid = guest_spawn(wait_for_a_byte, p);
	for (int i = 0; i < 5; i++) {
		guest_await_sleep(pid);
		CHECK_EQ(kill(pid, SIGSTOP), 0);
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(kill(pid, SIGCONT), 0);
	}
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(guest_reap(pid), 0);
}
