/* SPDX-License-Identifier: MIT */
/* The end of threads and of processes with several: who goes, who stays, what the parent is told. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void *
sleep_long(void *arg)
{
	sleep(1000);
	return NULL;
}

static void *
spin_long(void *arg)
{
	for (;;)
		__asm__ volatile("");
	return NULL;
}

static void *
futex_long(void *arg)
{
	static int word;
	for (;;)
		syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
	return NULL;
}

static void *
pipe_long(void *arg)
{
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	(void)!read(p[0], &c, 1);
	return NULL;
}

static void
start_some(void)
{
	static void *(*const kinds[])(void *) = {sleep_long, spin_long, futex_long, pipe_long};
	for (int i = 0; i < 4; i++) {
		pthread_t t;
		CHECK_EQ(pthread_create(&t, NULL, kinds[i], NULL), 0);
	}
}

static void
exit_from_leader(void *arg)
{
	start_some();
	_exit(5);
}

static void *
exit_6(void *arg)
{
	_exit(6);
	return NULL;
}

static void
exit_from_thread(void *arg)
{
	pthread_t t;
	start_some();
	CHECK_EQ(pthread_create(&t, NULL, exit_6, NULL), 0);
	for (;;)
		pause();
}

GUEST_TEST(thread_exit_group)
{
	for (int i = 0; i < 30; i++) {
		CHECK_EQ(WEXITSTATUS(guest_fork(exit_from_leader, NULL)), 5);
		CHECK_EQ(WEXITSTATUS(guest_fork(exit_from_thread, NULL)), 6);
	}
}

/* Several threads call exit_group at once: one of their codes is the status. */
static atomic_int ready;

static void *
exit_together(void *arg)
{
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < 4)
		sched_yield();
	_exit((int)(intptr_t)arg);
	return NULL;
}

static void
race_to_exit(void *arg)
{
	pthread_t t;
	for (intptr_t i = 1; i <= 4; i++)
		CHECK_EQ(pthread_create(&t, NULL, exit_together, (void *)i), 0);
	for (;;)
		pause();
}

GUEST_TEST(thread_exit_race)
{
	for (int i = 0; i < 50; i++) {
		int status = guest_fork(race_to_exit, NULL);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) >= 1 && WEXITSTATUS(status) <= 4);
	}
}

/* The first thread leaves; the process lives until the last one does, and reports the last one's exit code. */
static volatile int leader_there = 1; /* cleared by the kernel when the leader's end has begun */

static void *
outlive_leader(void *arg)
{
	int *p = arg;
	char c;
	CHECK_SOON(leader_there == 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(write(p[3], "y", 1), 1);
	syscall(SYS_exit, 77);
	return NULL;
}

static void
leader_leaves(void *arg)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, outlive_leader, arg), 0);
	syscall(SYS_set_tid_address, &leader_there);
	syscall(SYS_exit, 9);
}

GUEST_TEST(thread_leader_exits_first)
{
	int p[4], status;
	char c;
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(p + 2), 0);
	pid_t pid = guest_spawn(leader_leaves, p);
	guest_sleep_ms(10);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0); /* not a zombie yet */
	CHECK_EQ(kill(pid, 0), 0);
	CHECK_EQ(syscall(SYS_tgkill, pid, pid, 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(read(p[2], &c, 1), 1);
	status = guest_reap(pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 77);
}

/* With the first thread gone, a signal to the process ends the rest. */
GUEST_TEST(thread_kill_without_leader)
{
	int p[4];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(p + 2), 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = guest_spawn(leader_leaves, p);
		guest_sleep_ms(10);
		CHECK_EQ(kill(pid, i ? SIGTERM : SIGKILL), 0);
		CHECK_EQ(WTERMSIG(guest_reap(pid)), i ? SIGTERM : SIGKILL);
	}
}

static void *
crash(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void
crash_in_thread(void *arg)
{
	pthread_t t;
	start_some();
	CHECK_EQ(pthread_create(&t, NULL, crash, (void *)16), 0);
	for (;;)
		pause();
}

GUEST_TEST(thread_fault_ends_process)
{
	for (int i = 0; i < 10; i++)
		CHECK_EQ(WTERMSIG(guest_fork(crash_in_thread, NULL)), SIGSEGV);
}

/* set_tid_address: the word is cleared and woken when the thread ends. */
static volatile int own_word = 1, own_word_set;

static void *
own_clear_tid(void *arg)
{
	CHECK_EQ(syscall(SYS_set_tid_address, &own_word), gettid());
	own_word_set = 1;
	syscall(SYS_exit, 0);
	return NULL;
}

GUEST_TEST(thread_set_tid_address)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, own_clear_tid, NULL), 0);
	CHECK_SOON(own_word_set == 1);
	while (own_word != 0)
		syscall(SYS_futex, &own_word, 0, 1, NULL, NULL,
			0); /* not private: as the kernel wakes it */
}

/* exec from the first thread and from another one: one thread remains, with the process's number. */
static void *
exec_sh(void *arg)
{
	char script[64];
	snprintf(script, sizeof(script), "test $$ = %d && exit 21", (int)getpid());
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
	return NULL;
}

static void
exec_in_thread(void *arg)
{
	pthread_t t;
	start_some();
	CHECK_EQ(pthread_create(&t, NULL, exec_sh, NULL), 0);
	for (;;)
		pause();
}

static void
exec_in_leader(void *arg)
{
	start_some();
	exec_sh(NULL);
}

static void
exec_after_leader(void *arg)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, exec_sh, NULL), 0);
	syscall(SYS_exit, 3);
}

GUEST_TEST(thread_exec)
{
	for (int i = 0; i < 15; i++) {
		CHECK_EQ(WEXITSTATUS(guest_fork(exec_in_leader, NULL)), 21);
		CHECK_EQ(WEXITSTATUS(guest_fork(exec_in_thread, NULL)), 21);
		CHECK_EQ(WEXITSTATUS(guest_fork(exec_after_leader, NULL)), 21);
	}
}

/* Threads that exec at the same time: one wins, none hangs. */
static void
exec_in_all(void *arg)
{
	pthread_t t;
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t, NULL, exec_sh, NULL), 0);
	for (;;)
		pause();
}

GUEST_TEST(thread_exec_race)
{
	for (int i = 0; i < 30; i++)
		CHECK_EQ(WEXITSTATUS(guest_fork(exec_in_all, NULL)), 21);
}

/* A failed exec leaves the other threads alone. */
GUEST_TEST(thread_failed_exec)
{
	pthread_t t;
	char *argv[] = {"x", NULL};
	CHECK_EQ(pthread_create(&t, NULL, sleep_long, NULL), 0);
	CHECK_ERRNO(execve("/no/such/file", argv, NULL), ENOENT);
	CHECK_ERRNO(execve("/etc/motd", argv, NULL), EACCES);
	CHECK_EQ(pthread_kill(t, 0), 0);
	guest_sleep_ms(5);
	CHECK_EQ(pthread_kill(t, 0), 0);
}

/* Killed in the middle of exec with other threads. */
GUEST_TEST(thread_exec_and_kill)
{
	for (int i = 0; i < 40; i++) {
		pid_t pid = guest_spawn(i & 1 ? exec_in_all : exec_in_thread, NULL);
		guest_sleep_ms((unsigned)i % 4);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		int status = guest_reap(pid);
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 21);
	}
}

/* Memory is given back although threads end at the same time as the process. */
static void *
touch_and_end(void *arg)
{
	char *p = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 1 << 18; i += 4096)
		p[i] = 1;
	return NULL;
}

static void
end_with_threads(void *arg)
{
	pthread_t t;
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t, NULL, touch_and_end, NULL), 0);
}

GUEST_TEST(thread_process_ends_among_threads)
{
	for (int i = 0; i < 40; i++)
		guest_fork_ok(end_with_threads, NULL);
}
