/* SPDX-License-Identifier: MIT */
/* Killing a process wherever it is: blocked in any call, running, faulting, forking, with one thread or several. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void
in_pipe_read(void)
{
	int p[2];
	char c;
	(void)!pipe(p);
	(void)!read(p[0], &c, 1);
}

static void
in_pipe_write(void)
{
	static char big[1 << 20];
	int p[2];
	(void)!pipe(p);
	(void)!write(p[1], big, sizeof(big));
}

static void
in_futex(void)
{
	static int word;
	syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
}

static void
in_shared_futex(void)
{
	int *word = guest_shared_page();
	syscall(SYS_futex, word, 0, 0, NULL, NULL, 0);
}

static void
in_poll(void)
{
	int p[2];
	(void)!pipe(p);
	struct pollfd f[2] = {{.fd = p[0], .events = POLLIN}, {.fd = p[1], .events = POLLERR}};
	poll(f, 2, -1);
}

static void
in_select(void)
{
	int p[2];
	fd_set set;
	(void)!pipe(p);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	select(p[0] + 1, &set, NULL, NULL, NULL);
}

static void
in_epoll(void)
{
	int p[2], ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	(void)!pipe(p);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
	epoll_wait(ep, &e, 1, -1);
}

static void
in_eventfd(void)
{
	uint64_t v;
	(void)!read(eventfd(0, 0), &v, sizeof(v));
}

static void
in_wait(void)
{
	if (fork() == 0)
		for (;;)
			pause();
	wait(NULL);
}

static void
in_nanosleep(void)
{
	sleep(1000);
}

static void
in_sigsuspend(void)
{
	sigset_t set;
	sigfillset(&set);
	sigdelset(&set, SIGHUP);
	sigsuspend(&set);
}

static void
in_sigwait(void)
{
	sigset_t set;
	int sig;
	sigfillset(&set);
	sigdelset(&set, SIGHUP);
	sigwait(&set, &sig);
}

static void
in_flock(void)
{
	int a = open("/tmp", O_RDONLY), b = open("/tmp", O_RDONLY);
	flock(a, LOCK_EX);
	flock(b, LOCK_EX);
}

static void
in_stop(void)
{
	raise(SIGSTOP);
}

static const struct blocked {
	const char *name;
	void (*fn)(void);
} blocked[] = {
	{"pipe read", in_pipe_read},
	{"pipe write", in_pipe_write},
	{"futex", in_futex},
	{"shared futex", in_shared_futex},
	{"poll", in_poll},
	{"select", in_select},
	{"epoll", in_epoll},
	{"eventfd", in_eventfd},
	{"wait", in_wait},
	{"nanosleep", in_nanosleep},
	{"sigsuspend", in_sigsuspend},
	{"sigwait", in_sigwait},
	{"flock", in_flock},
	{"stop", in_stop},
};

static void
run_blocked(void *arg)
{
	((const struct blocked *)arg)->fn();
	_exit(1);
}

static void
kill_blocked(int sig)
{
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++) {
		bool stop = blocked[i].fn == in_stop;
		pid_t pid = guest_spawn(run_blocked, (void *)&blocked[i]);
		int status;
		if (stop)
			CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		else
			guest_await_sleep(pid);
		CHECK_EQ(kill(pid, sig), 0);
		if (stop && sig != SIGKILL)
			CHECK_EQ(kill(pid, SIGCONT), 0);
		status = guest_reap(pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
			guest_fail(__FILE__, __LINE__, "blocked in %s: status %#x", blocked[i].name,
				status);
	}
}

GUEST_TEST(kill_blocked)
{
	kill_blocked(SIGKILL);
}

GUEST_TEST(kill_blocked_by_default_action)
{
	kill_blocked(SIGHUP);
}

/* The moment of the kill varies: before, while and after it goes to sleep. */
GUEST_TEST(kill_as_it_blocks)
{
	for (int i = 0; i < 200; i++) {
		pid_t pid = guest_spawn(run_blocked, (void *)&blocked[i % 13]);
		for (volatile int spin = (i * 7919) % 20000; spin > 0; spin--)
			;
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	}
}

static void
fault_storm(void *arg)
{
	for (;;) {
		char *p = mmap(
			NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < 1 << 20; i += 4096)
			p[i] = 1;
		munmap(p, 1 << 20);
	}
}

static void
fork_storm(void *arg)
{
	for (;;) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static void
exec_storm(void *arg)
{
	char script[] = "exec /bin/sh -c \"$0\" \"$0\"";
	execl("/bin/sh", "sh", "-c", script, script, (char *)NULL);
}

static void
busy(void *arg)
{
	for (;;)
		__asm__ volatile("");
}

static void *
busy_thread(void *arg)
{
	busy(arg);
	return NULL;
}

static void *
sleeping_thread(void *arg)
{
	sleep(1000);
	return NULL;
}

static void
many_threads(void *arg)
{
	pthread_t t;
	for (int i = 0; i < 6; i++)
		pthread_create(&t, NULL, i & 1 ? busy_thread : sleeping_thread, NULL);
	busy(NULL);
}

static void *
fault_thread(void *arg)
{
	fault_storm(NULL);
	return NULL;
}

static void
threads_that_fault(void *arg)
{
	pthread_t t;
	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, fault_thread, NULL);
	fault_storm(NULL);
}

static void *
do_nothing(void *arg)
{
	return NULL;
}

static void
threads_that_come_and_go(void *arg)
{
	for (;;) {
		pthread_t t[3];
		for (int i = 0; i < 3; i++)
			pthread_create(&t[i], NULL, do_nothing, NULL);
		for (int i = 0; i < 3; i++)
			pthread_join(t[i], NULL);
	}
}

static void
kill_running(void (*fn)(void *), int rounds)
{
	for (int i = 0; i < rounds; i++) {
		pid_t pid = guest_spawn(fn, NULL);
		guest_sleep_ms((unsigned)(i % 5) * 4);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	}
}

GUEST_TEST(kill_busy)
{
	kill_running(busy, 20);
}

GUEST_TEST(kill_in_fault_storm)
{
	kill_running(fault_storm, 20);
}

GUEST_TEST(kill_in_fork_storm)
{
	kill_running(fork_storm, 20);
}

GUEST_TEST(kill_in_exec_storm)
{
	kill_running(exec_storm, 20);
}

GUEST_TEST(kill_threads)
{
	kill_running(many_threads, 15);
}

GUEST_TEST(kill_faulting_threads)
{
	kill_running(threads_that_fault, 15);
}

GUEST_TEST(kill_coming_and_going_threads)
{
	kill_running(threads_that_come_and_go, 15);
}

/* All of a storm at once, then all killed at once. */
GUEST_TEST(kill_a_crowd)
{
	static void (*const kinds[])(void *) = {fault_storm, fork_storm, exec_storm, busy,
		many_threads, threads_that_fault, threads_that_come_and_go};
	enum { N = 7 };
	for (int round = 0; round < 3; round++) {
		pid_t group = 0, pid[N];
		for (int i = 0; i < N; i++) {
			pid[i] = guest_spawn(kinds[i], NULL);
			if (group == 0)
				group = pid[i];
			CHECK(setpgid(pid[i], group) == 0 ||
				errno == EACCES); /* it may have run exec */
		}
		guest_sleep_ms(50);
		kill(-group, SIGKILL);
		for (int i = 0; i < N; i++) {
			kill(pid[i], SIGKILL);
			CHECK_EQ(WTERMSIG(guest_reap(pid[i])), SIGKILL);
		}
	}
}
