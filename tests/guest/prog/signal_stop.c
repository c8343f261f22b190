/* SPDX-License-Identifier: MIT */
/* What signals do by default: end, stop, continue, nothing. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void
send_to_self(void *arg)
{
	syscall(SYS_kill, getpid(), *(int *)arg);
}

static bool
is_one_of(int sig, const int *set)
{
	while (*set != 0 && *set != sig)
		set++;
	return *set != 0;
}

GUEST_TEST(signal_default_actions)
{
	static const int nothing[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, 0};
	static const int stop[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, 0};
	for (int sig = 1; sig <= 64; sig++) {
		int status;
		if (is_one_of(sig, stop))
			continue;
		status = guest_fork(send_to_self, &sig);
		bool good = is_one_of(sig, nothing)
			? status == 0
			: WIFSIGNALED(status) && WTERMSIG(status) == sig;
		if (!good)
			guest_fail(__FILE__, __LINE__, "signal %d: status %#x", sig, status);
	}
	for (int i = 0; stop[i] != 0; i++) {
		int status;
		pid_t pid = guest_spawn(send_to_self, (void *)&stop[i]);
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == stop[i]);
		CHECK_EQ(kill(pid, SIGCONT), 0);
		CHECK_EQ(guest_reap(pid), 0);
	}
}

/* A shell says 128 + n. */
GUEST_TEST(signal_status_in_shell)
{
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c",
			"sh -c 'kill -9 $$'; test $? = 137 || exit 1; sh -c 'kill -15 $$'; test $? "
			"= 143",
			(char *)NULL);
		_exit(127);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

static void
exit_1(int sig)
{
	_exit(1);
}

static void
pause_for_ever(void *arg)
{
	signal(SIGUSR1, exit_1);
	for (;;)
		pause();
}

static void
await_stop(pid_t pid, int sig)
{
	int status;
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), sig);
}

GUEST_TEST(stop_keeps_signals_back)
{
	int status;
	siginfo_t info = {0};
	pid_t pid = guest_spawn(pause_for_ever, NULL);
	guest_await_sleep(pid);
	CHECK_EQ(kill(pid, SIGTSTP), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGTSTP);
	await_stop(pid, SIGTSTP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGTERM), 0); /* waits until it is continued */
	guest_sleep_ms(10);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGTERM);
	pid = guest_spawn(pause_for_ever, NULL);
	guest_await_sleep(pid);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	await_stop(pid, SIGSTOP);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0); /* but this one does not wait */
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
}

/* SIGCONT and stops cancel each other, also when they are blocked or handled. */
static volatile sig_atomic_t continued;

static void
note_continue(int sig)
{
	continued++;
}

static void
be_continued(void *arg)
{
	signal(SIGCONT, note_continue);
	raise(SIGSTOP);
	CHECK_EQ(continued, 1);
	sigset_t set, now;
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTSTP);
	sigpending(&now);
	CHECK(sigismember(&now, SIGTSTP) && !sigismember(&now, SIGCONT));
	raise(SIGCONT);
	sigpending(&now);
	CHECK(!sigismember(&now, SIGTSTP) && sigismember(&now, SIGCONT));
	raise(SIGTSTP);
	sigpending(&now);
	CHECK(sigismember(&now, SIGTSTP) && !sigismember(&now, SIGCONT));
	raise(SIGSTOP); /* continued although SIGCONT is blocked */
	sigpending(&now);
	CHECK(sigismember(&now, SIGCONT));
}

GUEST_TEST(stop_and_continue_cancel)
{
	pid_t pid = guest_spawn(be_continued, NULL);
	for (int i = 0; i < 2; i++) {
		await_stop(pid, SIGSTOP);
		CHECK_EQ(kill(pid, SIGCONT), 0);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

static volatile int *counter;

static void *
count_on(void *arg)
{
	for (;;)
		++*(volatile int *)arg;
	return NULL;
}

static void
count_in_threads(void *arg)
{
	pthread_t t;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t, NULL, count_on, (void *)(counter + 16 * i)), 0);
	for (;;)
		pause();
}

/* All threads stop, those that run and those that sleep, and all go on. */
GUEST_TEST(stop_all_threads)
{
	counter = guest_shared_page();
	pid_t pid = guest_spawn(count_in_threads, NULL);
	for (int round = 0; round < 10; round++) {
		int before[3], status;
		for (int i = 0; i < 3; i++)
			before[i] = counter[16 * i];
		for (int i = 0; i < 3; i++)
			CHECK_SOON(counter[16 * i] != before[i]);
		CHECK_EQ(kill(pid, SIGSTOP), 0);
		await_stop(pid, SIGSTOP);
		for (int i = 0; i < 3; i++)
			before[i] = counter[16 * i];
		guest_sleep_ms(5);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(counter[16 * i], before[i]);
		CHECK_EQ(kill(pid, SIGCONT), 0);
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		CHECK(WIFCONTINUED(status));
	}
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	await_stop(pid, SIGSTOP);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	munmap((void *)counter, 4096);
}

static void *
nothing_at_all(void *arg)
{
	return NULL;
}

static void
come_and_go(void *arg)
{
	for (;;) {
		pthread_t t[2];
		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, nothing_at_all, NULL), 0);
		for (int i = 0; i < 2; i++)
			CHECK_EQ(pthread_join(t[i], NULL), 0);
	}
}

/* Stops and continuations while threads start and end: each stop is complete and reported. */
GUEST_TEST(stop_while_threads_come_and_go)
{
	pid_t pid = guest_spawn(come_and_go, NULL);
	for (int i = 0; i < 60; i++) {
		CHECK_EQ(kill(pid, SIGSTOP), 0);
		await_stop(pid, SIGSTOP);
		CHECK_EQ(kill(pid, SIGCONT), 0);
		for (volatile int spin = i * 500; spin > 0; spin--)
			;
	}
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
}

/* As fast as they come: in the end it runs, or is stopped, as the last one said. */
GUEST_TEST(stop_continue_storm)
{
	pid_t pid = guest_spawn(pause_for_ever, NULL);
	guest_await_sleep(pid);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(kill(pid, i & 1 ? SIGCONT : SIGSTOP), 0);
	int status;
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	do
		CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED), pid);
	while (!WIFSTOPPED(status));
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	do
		CHECK_EQ(waitpid(pid, &status, 0), pid);
	while (!WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
}

static void
nap(void *arg)
{
	unsigned ms = *(unsigned *)arg;
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
	double from = guest_now();
	CHECK_EQ(nanosleep(&ts, NULL), 0);
	CHECK(guest_now() - from >= ms / 1000.0);
}

/* Stops one that naps, lets it go on to the end; false if it had woken before, as after a stall of the host. */
static bool
stop_a_nap(unsigned ms)
{
	int status;
	pid_t pid = guest_spawn(nap, &ms);
	guest_sleep_ms(ms / 4);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFEXITED(status)) {
		CHECK_EQ(status, 0);
		return false;
	}
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(guest_reap(pid), 0);
	return true;
}

/* A sleep that was stopped goes on to its end. */
GUEST_TEST(stop_in_a_sleep)
{
	unsigned ms = 200;
	while (!stop_a_nap(ms))
		CHECK((ms *= 2) < 10000);
}

static void
read_a_byte(void *arg)
{
	char c;
	CHECK_EQ(read(*(int *)arg, &c, 1), 1);
}

/* So does a read: no byte is lost, no error seen. */
GUEST_TEST(stop_in_a_read)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t pid = guest_spawn(read_a_byte, p);
	guest_await_sleep(pid);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(kill(pid, SIGTSTP), 0);
		await_stop(pid, SIGTSTP);
		CHECK_EQ(kill(pid, SIGCONT), 0);
	}
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(guest_reap(pid), 0);
}

/* In a group that nobody could continue, terminal stops do nothing; SIGSTOP still does. */
static void
orphaned_group(void *arg)
{
	CHECK_EQ(setsid(), getpid());
	CHECK_EQ(raise(SIGTSTP), 0);
	CHECK_EQ(raise(SIGTTIN), 0);
	CHECK_EQ(raise(SIGTTOU), 0);
}

GUEST_TEST(stop_of_orphaned_group)
{
	CHECK_EQ(guest_fork(orphaned_group, NULL), 0);
}

/* When a group with stopped members loses the last one who could continue it, it gets SIGHUP and SIGCONT. */
static void
abandon_stopped_child(void *arg)
{
	int *p = arg;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGHUP, exit_1);
		raise(SIGSTOP);
		_exit(2);
	}
	await_stop(pid, SIGSTOP);
	CHECK_EQ(write(p[1], &pid, sizeof(pid)), sizeof(pid));
}

GUEST_TEST(stop_is_lifted_when_orphaned)
{
	int p[2];
	pid_t pid;
	char c;
	CHECK_EQ(pipe(p), 0);
	guest_fork_ok(abandon_stopped_child, p);
	close(p[1]);
	CHECK_EQ(read(p[0], &pid, sizeof(pid)), sizeof(pid));
	CHECK_EQ(read(p[0], &c, 1), 0); /* it has ended */
}

/* init, and nobody else, is out of reach of signals that it does not handle. */
GUEST_TEST(signal_init)
{
	CHECK_EQ(kill(1, 0), 0);
	CHECK_EQ(kill(1, SIGKILL), 0);
	CHECK_EQ(kill(1, SIGSTOP), 0);
	CHECK_EQ(kill(1, SIGSEGV), 0);
	CHECK_EQ(kill(1, 0), 0);
}
