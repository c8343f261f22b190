/* SPDX-License-Identifier: MIT */
/* Whose child a process is: the thread's that made it, and another one's when that has gone. */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "guest.h"

static void
await_death_signal(void *ready)
{
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0), 0);
	CHECK_EQ(write(*(int *)ready, "x", 1), 1);
	for (;;)
		pause();
}

static void *
make_child_that_awaits(void *child)
{
	int ready[2];
	char c;
	CHECK_EQ(pipe(ready), 0);
	*(pid_t *)child = guest_spawn(await_death_signal, &ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return NULL;
}

GUEST_TEST(parent_death_signal)
{
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork(), child;
	if (pid == 0) {
		make_child_that_awaits(&child);
		_exit(0);
	}
	close(p[1]);
	CHECK_EQ(guest_reap(pid), 0);
	CHECK_EQ(read(p[0], &c, 1), 0); /* the grandchild's end is closed by its death */
}

/* What counts is the end of the thread that made the child. */
GUEST_TEST(parent_death_signal_of_a_thread)
{
	pthread_t t;
	pid_t own, other;
	make_child_that_awaits(&own);
	CHECK_EQ(pthread_create(&t, NULL, make_child_that_awaits, &other), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	int status = guest_reap(other);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQ(waitpid(own, NULL, WNOHANG), 0);
	CHECK_EQ(kill(own, SIGKILL), 0);
	guest_reap(own);
}

static void *
make_child(void *child)
{
	*(pid_t *)child = fork();
	if (*(pid_t *)child == 0)
		_exit(5);
	return NULL;
}

/* The children that a thread made are another's when it has gone, also for who waits for its own alone. */
GUEST_TEST(wait_own_after_thread)
{
	pthread_t t;
	pid_t child;
	int status;
	CHECK_EQ(pthread_create(&t, NULL, make_child, &child), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_SOON(waitpid(child, &status, __WNOTHREAD) == child);
	CHECK_EQ(WEXITSTATUS(status), 5);
}
