/* SPDX-License-Identifier: MIT */
/*
 * All that /proc tells of processes and their threads, read while they exec, from other threads than the first too, and
 * end, leader first or last.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "file_util.h"
#include "guest.h"

enum { VICTIMS = 2, READERS = 2, ROUNDS = 25 };

struct shared {
	_Atomic int over; /* victims' keepers that are through */
	_Atomic pid_t victim[VICTIMS];
};

/* --- Who is read. --- */

static void
exec_step(const char *step)
{
	execl("/proc/self/exe", "guest", "+race_proc_step", step, (char *)NULL);
	_exit(127);
}

static void *
exec_last_step(void *arg)
{
	exec_step("last");
	return NULL;
}

static void *
stay(void *arg)
{
	for (int i = 0; i < 20; i++)
		sched_yield();
	return NULL;
}

static void *
end_process(void *arg)
{
	stay(NULL);
	_exit(0);
}

/* What the victim does between its execs: the first one by a thread, the end after the leader's. */
GUEST_HELPER(race_proc_step)
{
	bool last = strcmp(argv[2], "last") == 0;
	pthread_t t;
	if (pthread_create(&t, NULL, stay, NULL) != 0 ||
		pthread_create(&t, NULL, last ? end_process : exec_last_step, NULL) != 0)
		return 1;
	syscall(SYS_exit, 0);
	return 1;
}

static void
keep_victims(struct shared *s, int nr)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			setpgid(0, 0);
			exec_step("first");
		}
		atomic_store(&s->victim[nr], pid);
		CHECK_EQ(guest_reap(pid), 0);
	}
	atomic_fetch_add(&s->over, 1);
}

/* --- Who reads. --- */

/* What reading may say of somebody who goes. */
static void
check_gone(const char *path)
{
	if (errno != ENOENT && errno != ESRCH)
		guest_fail(__FILE__, __LINE__, "%s: errno %d", path, errno);
}

/* What a file says is of the one that it is about, whatever that was doing. */
static void
check_text(const char *path, const char *text, pid_t id)
{
	const char *name = strrchr(path, '/') + 1, *at;
	int nr = 0;
	if (*text == '\0')
		return; /* no address space any more, no arguments */
	if (strcmp(name, "stat") == 0)
		CHECK(sscanf(text, "%d (guest) ", &nr) == 1 && strchr(text, '\n') != NULL);
	if (strcmp(name, "status") == 0)
		CHECK((at = strstr(text, "\nPid:\t")) != NULL && sscanf(at, " Pid: %d", &nr) == 1);
	if (strcmp(name, "maps") == 0)
		CHECK(strstr(text, "[stack]") != NULL);
	if (strcmp(name, "cmdline") == 0)
		CHECK(strcmp(text, "guest") == 0 || strstr(text, "/guest") != NULL);
	if (nr != 0)
		CHECK_EQ(nr, id);
}

static void
read_file(const char *path, pid_t id)
{
	char text[16384];
	size_t at = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		check_gone(path);
		return;
	}
	while (at < sizeof(text) - 1 && (n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	if (n < 0)
		check_gone(path);
	close(fd);
	text[at] = '\0';
	if (n == 0)
		check_text(path, text, id);
}

/* All below a process's or thread's directory; id is its number. */
static void
read_all(const char *dir, pid_t id)
{
	DIR *d = opendir(dir);
	if (d == NULL) {
		check_gone(dir);
		return;
	}
	for (struct dirent *e; errno = 0, (e = readdir(d)) != NULL;) {
		char path[300], target[300];
		pid_t nr =
			strstr(dir, "/task") != NULL && atoi(e->d_name) != 0 ? atoi(e->d_name) : id;
		if (e->d_name[0] == '.' || strcmp(e->d_name, "net") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_type == DT_DIR)
			read_all(path, nr);
		else if (e->d_type != DT_LNK)
			read_file(path, nr);
		else if (readlink(path, target, sizeof(target)) < 0)
			check_gone(path);
	}
	if (errno != 0)
		check_gone(dir);
	closedir(d);
}

static void
read_victims(void *arg)
{
	struct shared *s = arg;
	while (atomic_load(&s->over) < VICTIMS)
		for (int i = 0; i < VICTIMS; i++) {
			char dir[32];
			pid_t pid = atomic_load(&s->victim[i]);
			snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
			if (pid != 0)
				read_all(dir, pid);
		}
}

GUEST_TEST(race_proc_of_who_execs_and_exits)
{
	struct shared *s = guest_shared_page();
	pid_t reader[READERS], keeper[VICTIMS];
	for (int i = 0; i < VICTIMS; i++) {
		keeper[i] = fork();
		CHECK(keeper[i] >= 0);
		if (keeper[i] == 0) {
			keep_victims(s, i);
			_exit(0);
		}
	}
	for (int i = 0; i < READERS; i++)
		reader[i] = guest_spawn(read_victims, s);
	for (int i = 0; i < VICTIMS; i++)
		CHECK_EQ(guest_reap(keeper[i]), 0);
	for (int i = 0; i < READERS; i++)
		CHECK_EQ(guest_reap(reader[i]), 0);
}

/* The directory of a thread is about its number: when exec gives the thread another one, it is nobody's. */
GUEST_HELPER(race_proc_directory)
{
	return openat(atoi(argv[2]), "stat", O_RDONLY) < 0 && errno == ENOENT ? 0 : 1;
}

static void *
exec_with_directory(void *unused)
{
	char text[64];
	snprintf(text, sizeof(text), "/proc/self/task/%ld", syscall(SYS_gettid));
	int fd = open(text, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	snprintf(text, sizeof(text), "%d", fd);
	execl("/proc/self/exe", "guest", "+race_proc_directory", text, (char *)NULL);
	_exit(127);
}

static void
exec_in_thread(void *unused)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, exec_with_directory, NULL), 0);
	for (;;)
		pause();
}

GUEST_TEST(race_proc_thread_that_execs)
{
	CHECK_EQ(guest_fork(exec_in_thread, NULL), 0);
}

/* --- A set-id program's memory is not its caller's to look into, from the first moment on. --- */

enum { USER = 1000, SETID_ROUNDS = 30 };

struct peek {
	_Atomic pid_t pid;
	_Atomic unsigned looks; /* at maps that could be read */
	_Atomic int seen, over;
};

static char setid_program[64];

static void
be_user(void)
{
	CHECK_EQ(setresgid(USER, USER, USER), 0);
	CHECK_EQ(setresuid(USER, USER, USER), 0);
}

static void
peek_at_maps(void *arg)
{
	struct peek *p = arg;
	be_user();
	while (!atomic_load(&p->over)) {
		char path[32], text[4096];
		snprintf(path, sizeof(path), "/proc/%d/maps", (int)atomic_load(&p->pid));
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n < 0 ? 0 : n] = '\0';
		if (n > 0)
			atomic_fetch_add(&p->looks, 1);
		if (strstr(text, setid_program) != NULL)
			atomic_store(&p->seen, 1);
	}
}

GUEST_HELPER(race_proc_nothing)
{
	return geteuid() == 0 ? 0 : 1;
}

/* With much to close on the way. */
static void
exec_setid(void *arg)
{
	struct peek *p = arg;
	be_user();
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	for (int i = 0; i < 400; i++)
		CHECK(fcntl(0, F_DUPFD_CLOEXEC, 10) >= 0);
	unsigned before = atomic_load(&p->looks);
	atomic_store(&p->pid, getpid());
	CHECK_SOON(atomic_load(&p->looks) != before);
	execl(setid_program, "guest", "+race_proc_nothing", (char *)NULL);
	_exit(127);
}

GUEST_TEST(race_proc_hides_set_id_programs)
{
	char dir[] = "/tmp/setidXXXXXX";
	struct peek *p = guest_shared_page();
	CHECK(mkdtemp(dir) != NULL);
	CHECK_EQ(mount("none", dir, "tmpfs", 0, "mode=755"), 0);
	snprintf(setid_program, sizeof(setid_program), "%s/guest", dir);
	file_copy("/proc/self/exe", setid_program);
	CHECK_EQ(chmod(setid_program, 04755), 0);
	pid_t reader = guest_spawn(peek_at_maps, p);
	for (int i = 0; i < SETID_ROUNDS; i++)
		guest_fork_ok(exec_setid, p);
	atomic_store(&p->over, 1);
	CHECK_EQ(guest_reap(reader), 0);
	CHECK_EQ(umount(dir), 0);
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(atomic_load(&p->seen), 0);
}
