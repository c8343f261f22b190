/* SPDX-License-Identifier: MIT */
/* wait4 and waitid: whom they wait for, what they report, zombies, usage. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>

#include "guest.h"

/* A child that exits with code when the returned descriptor is closed. */
static pid_t
waiting_child(int code, int *release)
{
	int p[2];
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		char c;
		close(p[1]);
		(void)!read(p[0], &c, 1);
		_exit(code);
	}
	close(p[0]);
	*release = p[1];
	return pid;
}

GUEST_TEST(wait_options)
{
	int release, status;
	pid_t pid = waiting_child(3, &release);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* reported once */
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	close(release);
	siginfo_t info;
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(info.si_status, 3);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0); /* still there */
	struct rusage usage;
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
}

GUEST_TEST(wait_errors)
{
	siginfo_t info;
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERRNO(waitpid(1, NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(-1, NULL, 0x1000), EINVAL);
	CHECK_ERRNO(syscall(SYS_wait4, INT32_MIN, NULL, 0, NULL), ESRCH);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	CHECK_ERRNO(waitid(77, 0, &info, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	int release;
	pid_t pid = waiting_child(0, &release);
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0); /* nothing to report is told by zeroes */
	CHECK_EQ(info.si_signo, 0);
	close(release);
	CHECK_ERRNO(syscall(SYS_wait4, pid, (int *)8, 0, NULL), EFAULT);
}

/* A zombie stops and continues no more: who waits for that alone has nobody to wait for, and does not wait for ever. */
GUEST_TEST(wait_for_stops_of_the_dead)
{
	int release;
	siginfo_t info;
	pid_t pid = waiting_child(4, &release);
	CHECK_EQ(waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG), 0);
	close(release);
	CHECK_ERRNO(waitid(P_PID, (id_t)pid, &info, WSTOPPED), ECHILD);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED), ECHILD);
	CHECK_ERRNO(waitid(P_PGID, (id_t)getpgrp(), &info, WCONTINUED | WNOHANG), ECHILD);
	CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 4);
}

/* A status of a kill: the signal, no exit code. */
GUEST_TEST(wait_reports_signals)
{
	const int signals[] = {SIGKILL, SIGTERM, SIGRTMIN + 5};
	for (int i = 0; i < 3; i++) {
		int release;
		siginfo_t info = {0};
		pid_t pid = waiting_child(0, &release);
		CHECK_EQ(kill(pid, signals[i]), 0);
		CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
		CHECK_EQ(info.si_code, CLD_KILLED);
		CHECK_EQ(info.si_status, signals[i]);
		int status = guest_reap(pid);
		CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
		CHECK_EQ(WTERMSIG(status), signals[i]);
		close(release);
	}
}

GUEST_TEST(wait_by_group)
{
	int r1, r2, status;
	pid_t a = waiting_child(1, &r1), b = waiting_child(2, &r2);
	CHECK_EQ(setpgid(b, b), 0);
	close(r1);
	close(r2);
	CHECK_EQ(waitpid(-b, &status, 0), b);
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK_ERRNO(waitpid(-b, &status, 0), ECHILD);
	CHECK_EQ(waitpid(0, &status, 0), a);
	a = waiting_child(1, &r1);
	close(r1);
	siginfo_t info;
	CHECK_EQ(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, a);
}

static volatile sig_atomic_t caught;
static void
count(int sig)
{
	caught++;
}

/* A zombie can be looked at but not woken: kill succeeds and does nothing. */
GUEST_TEST(zombie)
{
	int release;
	siginfo_t info;
	pid_t pid = waiting_child(8, &release);
	close(release);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(kill(pid, 0), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(getpgid(pid), getpgrp());
	CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 8);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
}

GUEST_TEST(ignored_children_leave_no_zombies)
{
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_NOCLDWAIT | SA_RESTART};
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 20; i++)
		if (fork() == 0)
			_exit(i);
	CHECK_ERRNO(wait(NULL), ECHILD);
	CHECK_EQ(sigaction(SIGCHLD, &sa, NULL), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(1);
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	CHECK_EQ(caught, 1);
}

/* Many children end at the same time as their parent waits for any of them. */
GUEST_TEST(wait_any_storm)
{
	enum { N = 200 };
	bool seen[N] = {false};
	pid_t pid[N];
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0)
			_exit(0);
	}
	for (int n = 0; n < N; n++) {
		int status, i = 0;
		pid_t got = wait(&status);
		CHECK(got > 0);
		while (i < N && pid[i] != got)
			i++;
		CHECK(i < N && !seen[i]);
		seen[i] = true;
	}
	CHECK_ERRNO(wait(NULL), ECHILD);
}

static void *
fork_in_thread(void *arg)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(4);
	*(pid_t *)arg = pid;
	return NULL;
}

/* Children belong to the process: another thread may wait for them, unless it is told to wait for its own only. */
GUEST_TEST(wait_across_threads)
{
	pthread_t t;
	pid_t pid;
	int status;
	CHECK_EQ(pthread_create(&t, NULL, fork_in_thread, &pid), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 4);
}

static void *
wait_in_thread(void *arg)
{
	int status;
	return (void *)(intptr_t)waitpid(-1, &status, 0);
}

/* Several threads wait, each child is reported to exactly one of them. */
GUEST_TEST(wait_in_many_threads)
{
	enum { N = 8 };
	pthread_t t[N];
	pid_t pid[N];
	for (int round = 0; round < 20; round++) {
		int p[2];
		char c;
		CHECK_EQ(pipe(p), 0);
		for (int i = 0; i < N; i++) {
			pid[i] = fork();
			if (pid[i] == 0) {
				close(p[1]);
				_exit((int)read(p[0], &c, 1));
			}
		}
		for (int i = 0; i < N; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, wait_in_thread, NULL), 0);
		close(p[1]);
		close(p[0]);
		bool seen[N] = {false};
		for (int i = 0; i < N; i++) {
			void *got;
			CHECK_EQ(pthread_join(t[i], &got), 0);
			int k = 0;
			while (k < N && pid[k] != (pid_t)(intptr_t)got)
				k++;
			CHECK(k < N && !seen[k]);
			seen[k] = true;
		}
	}
}

static void
burn_100_ms(void *arg)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 100000000);
}

/* CPU time is counted, and the children's is added when they are waited for, grandchildren's with it. */
static void
burn_in_grandchild(void *arg)
{
	guest_fork_ok(burn_100_ms, NULL);
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

GUEST_TEST(usage_of_children)
{
	struct rusage r;
	struct tms tms;
	guest_fork_ok(burn_in_grandchild, NULL);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &r), 0);
	double used = seconds(r.ru_utime) + seconds(r.ru_stime);
	CHECK(used >= 0.099 && used < 20);
	CHECK(r.ru_maxrss > 0);
	CHECK(times(&tms) != (clock_t)-1);
	CHECK(tms.tms_cutime + tms.tms_cstime >= 9);
	pid_t pid = guest_spawn(burn_100_ms, NULL);
	CHECK_EQ(wait4(pid, NULL, 0, &r), pid);
	CHECK(seconds(r.ru_utime) + seconds(r.ru_stime) >= 0.099);
	burn_100_ms(NULL);
	CHECK_EQ(getrusage(RUSAGE_SELF, &r), 0);
	CHECK(seconds(r.ru_utime) + seconds(r.ru_stime) >= 0.099);
	CHECK(r.ru_minflt > 0);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &r), 0);
	CHECK_ERRNO(getrusage(5, &r), EINVAL);
}

GUEST_TEST(sigchld_info)
{
	sigset_t set;
	siginfo_t info;
	int release, status;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t pid = waiting_child(42, &release);
	close(release);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 42);
	CHECK_EQ(waitpid(pid, &status, WNOHANG),
		pid); /* the child is a zombie before the signal comes */
	pid = waiting_child(0, &release);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGSTOP);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	CHECK_EQ(info.si_code, CLD_CONTINUED);
	CHECK_EQ(info.si_status, SIGCONT);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGKILL);
	CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	close(release);
	/* SA_NOCLDSTOP: stops are not told, but waited for. */
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_NOCLDSTOP};
	CHECK_EQ(sigaction(SIGCHLD, &sa, NULL), 0);
	pid = waiting_child(0, &release);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	struct timespec nap = {0, 5000000};
	CHECK_ERRNO(sigtimedwait(&set, &info, &nap), EAGAIN);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	guest_reap(pid);
	close(release);
}
