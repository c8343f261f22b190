/* SPDX-License-Identifier: MIT */
/* Signals that cross one another: stops and continuations, several waiters, groups whose members stop and die. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static void
spin(unsigned n)
{
	while (n-- > 0)
		__asm__ volatile("");
}

static void
count_on(void *arg)
{
	for (_Atomic unsigned *n = arg;; atomic_fetch_add(n, 1))
		;
}

/* However soon the continuation comes after the stop, also before the stop has been taken: the process goes on. */
static void
stop_and_go(int stop)
{
	_Atomic unsigned *n = guest_shared_page();
	pid_t pid = guest_spawn(count_on, (void *)n);
	for (unsigned i = 0; i < 600; i++) {
		CHECK_EQ(kill(pid, stop), 0);
		spin(i * 37 % 3000);
		CHECK_EQ(kill(pid, SIGCONT), 0);
		unsigned before = atomic_load(n);
		CHECK_SOON(atomic_load(n) != before);
	}
	CHECK_EQ(kill(pid, SIGKILL), 0);
	int status = guest_reap(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

GUEST_TEST(race_stop_and_continue)
{
	stop_and_go(SIGSTOP);
}

GUEST_TEST(race_tstp_and_continue)
{
	stop_and_go(SIGTSTP);
}

static _Atomic int handled, taken;

static void
on_signal(int sig)
{
	atomic_fetch_add(&handled, 1);
}

static void *
take_one(void *set)
{
	while (sigtimedwait(set, NULL, NULL) < 0) /* the other thread may have been first */
		CHECK_EQ(errno, EINTR);
	atomic_fetch_add(&taken, 1);
	return NULL;
}

static void *
handle_all(void *set)
{
	CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, set, NULL), 0);
	for (;;)
		pause();
}

/* Two signals while a thread waits for either: it takes one, and the other goes to who has a handler and no block. */
GUEST_TEST(race_signal_left_by_a_waiter)
{
	sigset_t set;
	struct sigaction sa = {.sa_handler = on_signal};
	pthread_t waiter, handler;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR2, &sa, NULL), 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	for (int i = 0; i < 20; i++) {
		atomic_store(&handled, 0);
		atomic_store(&taken, 0);
		CHECK_EQ(pthread_create(&waiter, NULL, take_one, &set), 0);
		guest_sleep_ms(1);
		CHECK_EQ(pthread_create(&handler, NULL, handle_all, &set), 0);
		guest_sleep_ms(1);
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		CHECK_EQ(kill(getpid(), SIGUSR2), 0);
		CHECK_SOON(atomic_load(&handled) + atomic_load(&taken) == 2);
		if (atomic_load(&taken) == 0) /* the handler had both */
			CHECK_EQ(pthread_kill(waiter, SIGUSR1), 0);
		CHECK_EQ(pthread_join(waiter, NULL), 0);
		CHECK_EQ(pthread_cancel(handler), 0);
		CHECK_EQ(pthread_join(handler, NULL), 0);
	}
}

/* A stopped member that was killed is no reason to hang up its group when that is orphaned. */
static void
live_on(int fd, pid_t parent)
{
	CHECK_SOON(getppid() != parent);
	getsid(0); /* after whatever the parent's end has done */
	CHECK_EQ(write(fd, "x", 1), 1);
	_exit(0);
}

static void
shell(int fd)
{
	pid_t self = getpid(), living = fork();
	siginfo_t info;
	int status;
	CHECK(living >= 0);
	if (living == 0)
		live_on(fd, self);
	close(fd);
	CHECK_EQ(setpgid(living, living), 0);
	pid_t stopped = fork();
	CHECK(stopped >= 0);
	if (stopped == 0) {
		setpgid(0, living);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK_EQ(waitpid(stopped, &status, WUNTRACED), stopped);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(kill(stopped, SIGKILL), 0);
	CHECK_EQ(waitid(P_PID, (id_t)stopped, &info, WEXITED | WNOWAIT), 0);
}

GUEST_TEST(race_killed_while_stopped_and_orphaned)
{
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	pid_t session = fork();
	CHECK(session >= 0);
	if (session == 0) {
		CHECK(setsid() > 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			shell(p[1]);
			_exit(0);
		}
		_exit(guest_reap(pid) == 0 ? 0 : 1);
	}
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(guest_reap(session), 0);
}
