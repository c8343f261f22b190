/* SPDX-License-Identifier: MIT */
/* Corners of signals, scheduling and transfers in which Linux's own judge found swos to differ. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "file_util.h"
#include "guest.h"

static volatile sig_atomic_t caught, caught_by;

static void
on_info(int sig, siginfo_t *info, void *context)
{
	caught++;
	caught_by = gettid();
}

GUEST_TEST(corner_reset_keeps_flags)
{
	struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | SA_RESETHAND}, now;
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(caught, 1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
	CHECK((now.sa_flags & SA_SIGINFO) != 0);
}

/* Without a quota no real-time signal is queued, not even the first one to a thread. */
GUEST_TEST(corner_no_signal_quota)
{
	struct rlimit none = {0, 0};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &none), 0);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), gettid(), SIGRTMIN + 3), EAGAIN);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), SIGCONT), 0);
}

static pthread_barrier_t barrier;
static volatile pid_t thread_tid;

static void *
wait_here(void *arg)
{
	thread_tid = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* A process may be named by any of its threads. */
GUEST_TEST(corner_kill_by_thread_number)
{
	pthread_t t;
	struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
	siginfo_t info = {.si_code = SI_QUEUE};
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
	CHECK_EQ(pthread_create(&t, NULL, wait_here, NULL), 0);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(kill(thread_tid, SIGUSR1), 0);
	CHECK_SOON(caught == 1);
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, thread_tid, SIGUSR1, &info), 0);
	CHECK_SOON(caught == 2);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void
change_ids(void *arg)
{
	int sig = 0;
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
	CHECK_EQ(sig, SIGUSR1);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
	CHECK_EQ(sig, 0);
}

/* Who becomes somebody else is not signalled for a parent's death that was arranged before. */
GUEST_TEST(corner_death_signal_ends_with_the_ids)
{
	guest_fork_ok(change_ids, NULL);
}

static void
see_slack(void *arg)
{
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 70000);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0), 0); /* what it began with */
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 70000);
}

GUEST_TEST(corner_timer_slack)
{
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 70000), 0);
	guest_fork_ok(see_slack, NULL);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
	CHECK_ERRNO(prctl(PR_CAPBSET_DROP, 64), EINVAL);
}

GUEST_TEST(corner_scheduler_arguments)
{
	struct sched_param p = {0};
	CHECK_ERRNO(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setparam, 0, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &p), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setparam, 0, (void *)16), EFAULT);
}

/* vmsplice gives what fits instead of waiting for all of it. */
GUEST_TEST(corner_vmsplice_is_partial)
{
	int p[2];
	static char much[131072];
	struct iovec v = {much, sizeof(much)};
	CHECK_EQ(pipe(p), 0);
	alarm(20);
	CHECK_EQ(vmsplice(p[1], &v, 1, 0), 65536);
	CHECK_ERRNO(vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
}

FILE_TEST(corner_sendfile_writes_its_offset)
{
	off_t *offset = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	file_put("in", "");
	file_put("out", "");
	int in = open("in", O_RDONLY), out = open("out", O_WRONLY);
	CHECK_ERRNO(sendfile(out, in, offset, 1), EFAULT);
	close(in);
	close(out);
	CHECK_EQ(munmap(offset, 4096), 0);
}

FILE_TEST(corner_path_arguments)
{
	char buf[10];
	const uint64_t how[3] = {O_RDONLY, 0, ~0ull}; /* struct open_how: flags, mode, resolve */
	CHECK_ERRNO(readlink("", buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, ".", how, sizeof(how)), EINVAL);
	file_put("plain", "");
	CHECK_ERRNO(readlink("plain", buf, sizeof(buf)), EINVAL);
}

static void
hoard_pipes(void)
{
	int p[3][2];
	CHECK_EQ(pipe(p[0]), 0);
	CHECK_EQ(fcntl(p[0][0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(pipe(p[1]), 0); /* beyond the soft limit: a small one */
	CHECK_EQ(fcntl(p[1][0], F_GETPIPE_SZ), 8192);
	CHECK_ERRNO(fcntl(p[1][0], F_SETPIPE_SZ, 65536), EPERM);
	CHECK_EQ(fcntl(p[1][0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_ERRNO(pipe(p[2]), ENFILE); /* and 17 + 2 are more than any may have */
	CHECK_EQ(close(p[0][0]), 0);
	CHECK_EQ(close(p[0][1]), 0);
	CHECK_EQ(pipe(p[2]), 0); /* what was given back counts no more */
	CHECK_EQ(fcntl(p[2][0], F_GETPIPE_SZ), 65536);
}

static void
put_limit(const char *name, const char *value)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

GUEST_TEST(corner_pipe_pages_of_a_user)
{
	file_holds("/proc/sys/fs/pipe-user-pages-soft", "16384\n");
	file_holds("/proc/sys/fs/pipe-user-pages-hard", "0\n");
	put_limit("pipe-user-pages-soft", "17");
	put_limit("pipe-user-pages-hard", "18");
	file_as(7788, 7788, hoard_pipes);
	put_limit("pipe-user-pages-soft", "16384");
	put_limit("pipe-user-pages-hard", "0");
}
