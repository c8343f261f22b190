/* SPDX-License-Identifier: MIT */
/* Sessions and process groups that are made, joined, left and looked at while their members exec and end. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "guest.h"

enum { SHELLS = 3, JOBS = 40, STAGES = 4 };

struct shared {
	_Atomic int over;
	_Atomic pid_t job[SHELLS];
};

GUEST_HELPER(race_session_stage)
{
	return getpgid(0) == atoi(argv[2]) ? 0 : 1;
}

/* What a shell's child does before the program: the shell does the same, and who comes second finds it done. */
static void
be_stage(pid_t job, int how)
{
	if (job == 0)
		job = getpid();
	CHECK_EQ(setpgid(0, job), 0);
	if (how == 0)
		_exit(getpgid(0) == job ? 0 : 1);
	char text[16];
	snprintf(text, sizeof(text), "%d", (int)job);
	execl("/proc/self/exe", "guest", "+race_session_stage", text, (char *)NULL);
	_exit(127);
}

static void
run_job(struct shared *s, int nr, unsigned round)
{
	pid_t job = 0, shell = getpid();
	for (unsigned i = 0; i < STAGES; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			be_stage(job, (round + i) % 3 == 0);
		if (job == 0)
			job = pid;
		/* Too late is no harm: it has done so itself, and gone on, or gone. */
		CHECK(setpgid(pid, job) == 0 || errno == EACCES || errno == ESRCH);
		CHECK_EQ(getpgid(pid), job);
		CHECK_EQ(getsid(pid), shell);
		atomic_store(&s->job[nr], job);
	}
	CHECK_EQ(kill(-job, SIGCONT), 0);
	for (unsigned i = 0; i < STAGES; i++) {
		int status;
		CHECK(waitpid(-job, &status, 0) > 0);
		CHECK_EQ(status, 0);
	}
	CHECK_ERRNO(waitpid(-job, NULL, 0), ECHILD);
	CHECK_ERRNO(kill(-job, 0), ESRCH);
	CHECK_ERRNO(setpgid(0, job), EPERM); /* also as a session's leader */
}

static void
be_shell(struct shared *s, int nr)
{
	pid_t self = getpid();
	CHECK_EQ(setsid(), self);
	CHECK_ERRNO(setsid(), EPERM);
	for (unsigned i = 0; i < JOBS; i++)
		run_job(s, nr, i);
	CHECK(getsid(0) == self && getpgid(0) == self);
}

/* Finds groups that may be gone at any moment, and holds on to them. */
static void
look_at_jobs(void *arg)
{
	struct shared *s = arg;
	int p[2];
	CHECK_EQ(pipe(p), 0);
	while (!atomic_load(&s->over))
		for (int i = 0; i < SHELLS; i++) {
			pid_t job = atomic_load(&s->job[i]);
			if (job == 0)
				continue;
			CHECK(fcntl(p[0], F_SETOWN, -job) == 0 || errno == ESRCH);
			CHECK(kill(-job, SIGCONT) == 0 || errno == ESRCH);
			CHECK(getsid(job) > 0 || errno == ESRCH);
			CHECK_EQ(fcntl(p[0], F_SETOWN, 0), 0);
		}
}

GUEST_TEST(race_sessions_and_jobs)
{
	struct shared *s = guest_shared_page();
	pid_t shell[SHELLS], looker = guest_spawn(look_at_jobs, s);
	for (int i = 0; i < SHELLS; i++) {
		shell[i] = fork();
		CHECK(shell[i] >= 0);
		if (shell[i] == 0) {
			be_shell(s, i);
			_exit(0);
		}
	}
	for (int i = 0; i < SHELLS; i++)
		CHECK_EQ(guest_reap(shell[i]), 0);
	atomic_store(&s->over, 1);
	CHECK_EQ(guest_reap(looker), 0);
}

/* A group that has no member any more and is only being looked at is no reason against making it anew. */
static void
hold_group(void *arg)
{
	struct shared *s = arg;
	int p[2];
	CHECK_EQ(pipe(p), 0);
	while (!atomic_load(&s->over)) {
		(void)!fcntl(p[0], F_SETOWN, -atomic_load(&s->job[0]));
		(void)!fcntl(p[0], F_SETOWN, 0);
	}
}

static void
come_and_go(void *arg)
{
	pid_t test = getpgid(0), self = getpid();
	atomic_store(&((struct shared *)arg)->job[0], self);
	for (int i = 0; i < 100000; i++) {
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(getpgid(0), self);
		CHECK_EQ(setpgid(0, test), 0);
	}
}

GUEST_TEST(race_group_made_anew)
{
	struct shared *s = guest_shared_page();
	pid_t who = guest_spawn(come_and_go, s), holder[2];
	for (int i = 0; i < 2; i++)
		holder[i] = guest_spawn(hold_group, s);
	int status = guest_reap(who);
	atomic_store(&s->over, 1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(guest_reap(holder[i]), 0);
	CHECK_EQ(status, 0);
}
