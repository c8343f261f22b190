/* SPDX-License-Identifier: MIT */
/* /proc: what its files say, who may read them, and what happens when the process they are about goes away. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi/swos.h"
#include "caps.h" /* generated */

#define NR_SWOS_LOGIN 4097

/* The content of a file, cut at size - 1 and terminated; its length or -1. */
static ssize_t
slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	size_t at = 0;
	ssize_t n;
	while (at < size - 1 && (n = read(fd, buf + at, size - 1 - at)) > 0)
		at += (size_t)n;
	buf[at] = '\0';
	close(fd);
	return (ssize_t)at;
}

static const char *
proc_path(pid_t pid, const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return path;
}

/* The value behind a line's name, or -1. */
static long long
field(const char *text, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0)
			return strtoll(line + len, NULL, 10);
	}
	return -1;
}

/* How often a call was tried that swos does not have; 0: never. */
static long long
tried_in_vain(const char *name_and_number)
{
	static char text[32768];
	CHECK(slurp("/proc/swos/unimplemented", text, sizeof(text)) >= 0);
	long long n = field(text, name_and_number);
	return n < 0 ? 0 : n;
}

GUEST_TEST(proc_counts_unimplemented_calls_by_name)
{
	long long shmget = tried_in_vain("shmget 194 "), semop = tried_in_vain("semop 193 ");
	for (int i = 0; i < 3; i++)
		CHECK_ERRNO(syscall(194, 0, 0, 0), ENOSYS);
	CHECK_ERRNO(syscall(193, 0, 0, 0), ENOSYS);
	CHECK_ERRNO(syscall(4000), ENOSYS); /* no number of Linux's: nothing to count */
	CHECK_ERRNO(syscall(-1), ENOSYS);
	CHECK_EQ(tried_in_vain("shmget 194 "), shmget + 3);
	CHECK_EQ(tried_in_vain("semop 193 "), semop + 1);
}

static char
state_of(pid_t pid)
{
	char text[1024];
	if (slurp(proc_path(pid, "stat"), text, sizeof(text)) < 0)
		return '-';
	const char *after = strrchr(text, ')');
	return after != NULL ? after[2] : '?';
}

static void
wait_for_ever(void *arg)
{
	for (;;)
		pause();
}

static void
end(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK(WIFSIGNALED(guest_reap(pid)));
}

GUEST_TEST(proc_self)
{
	char link[64], want[32];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	snprintf(want, sizeof(want), "%d", (int)getpid());
	CHECK(strcmp(link, want) == 0);
	n = readlink("/proc/thread-self", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	snprintf(want, sizeof(want), "%d/task/%d", (int)getpid(), (int)getpid());
	CHECK(strcmp(link, want) == 0);
}

GUEST_TEST(proc_stat_has_52_fields)
{
	char text[1024];
	CHECK(slurp("/proc/self/stat", text, sizeof(text)) > 0);
	CHECK_EQ(strtol(text, NULL, 10), getpid());
	int fields = 2;
	for (char *c = strrchr(text, ')') + 1; *c != '\0'; c++)
		fields += *c == ' ';
	CHECK_EQ(fields, 52);
	int ppid, pgrp, session;
	CHECK_EQ(sscanf(strrchr(text, ')') + 4, "%d %d %d", &ppid, &pgrp, &session), 3);
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(session, getsid(0));
}

GUEST_TEST(proc_status_says_who)
{
	char text[4096];
	CHECK(slurp("/proc/self/status", text, sizeof(text)) > 0);
	CHECK_EQ(field(text, "Pid:\t"), getpid());
	CHECK_EQ(field(text, "PPid:\t"), getppid());
	CHECK_EQ(field(text, "Uid:\t"), getuid());
	CHECK_EQ(field(text, "Threads:\t"), 1);
	CHECK(field(text, "VmRSS:\t") > 0);
	signal(SIGUSR1, SIG_IGN);
	CHECK(slurp("/proc/self/status", text, sizeof(text)) > 0);
	const char *ignored = strstr(text, "SigIgn:\t");
	CHECK(ignored != NULL && (strtoull(ignored + 8, NULL, 16) >> (SIGUSR1 - 1) & 1));
}

GUEST_TEST(proc_system_files)
{
	char text[8192];
	CHECK(slurp("/proc/meminfo", text, sizeof(text)) > 0);
	long long total = field(text, "MemTotal:"), free = field(text, "MemFree:");
	CHECK(free > 0 && free < total && field(text, "MemAvailable:") >= 0);
	CHECK(slurp("/proc/stat", text, sizeof(text)) > 0 && strncmp(text, "cpu  ", 5) == 0);
	CHECK(strstr(text, "\ncpu0 ") != NULL && field(text, "btime ") > 0);
	CHECK(slurp("/proc/uptime", text, sizeof(text)) > 0);
	double up, idle;
	CHECK_EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
	CHECK(up > 0 && up < guest_now() + 1 && up > guest_now() - 10);
	CHECK(slurp("/proc/loadavg", text, sizeof(text)) > 0);
	CHECK(slurp("/proc/cpuinfo", text, sizeof(text)) > 0 &&
		strncmp(text, "processor\t: 0\n", 14) == 0);
	CHECK(slurp("/proc/mounts", text, sizeof(text)) > 0 &&
		strstr(text, " /proc proc ") != NULL);
	CHECK(slurp("/proc/filesystems", text, sizeof(text)) > 0 &&
		strstr(text, "nodev\tproc\n") != NULL);
	CHECK(slurp("/proc/self/mountinfo", text, sizeof(text)) > 0 &&
		strstr(text, " - proc ") != NULL);
	CHECK(slurp("/proc/version", text, sizeof(text)) > 0 &&
		strncmp(text, "Linux version ", 14) == 0);
}

/* Byte by byte, and from the beginning again: what is read is one text. */
GUEST_TEST(proc_reads_in_pieces)
{
	char whole[4096], pieces[4096];
	int fd = open("/proc/self/limits", O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, whole, sizeof(whole));
	CHECK(n > 100);
	CHECK_EQ(read(fd, whole, sizeof(whole)), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	for (ssize_t i = 0; i < n; i++)
		CHECK_EQ(read(fd, pieces + i, 1), 1);
	CHECK_EQ(read(fd, pieces, 1), 0);
	CHECK(memcmp(whole, pieces, (size_t)n) == 0);
	CHECK_EQ(pread(fd, pieces, 10, 50), 10);
	CHECK(memcmp(whole + 50, pieces, 10) == 0);
	CHECK_EQ(lseek(fd, 30, SEEK_SET), 30);
	CHECK_EQ(lseek(fd, 5, SEEK_CUR), 35);
	CHECK_EQ(read(fd, pieces, 10), 10);
	CHECK(memcmp(whole + 35, pieces, 10) == 0);
	CHECK_EQ(pread(fd, pieces, 10, 1000000), 0);
	close(fd);
}

GUEST_TEST(proc_maps_of_many_areas)
{
	enum { AREAS = 2000 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, AREAS * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	for (size_t i = 0; i < AREAS; i += 2)
		CHECK_EQ(mprotect(at + i * page, page, PROT_READ | PROT_WRITE), 0);
	FILE *f = fopen("/proc/self/maps", "r");
	CHECK(f != NULL);
	char line[512];
	int ours = 0, stack = 0;
	unsigned long last = 0, low, high;
	while (fgets(line, sizeof(line), f) != NULL) {
		CHECK_EQ(sscanf(line, "%lx-%lx ", &low, &high), 2);
		CHECK(low >= last && high > low);
		last = high;
		ours += low >= (unsigned long)at && high <= (unsigned long)at + AREAS * page;
		stack += strstr(line, " [stack]\n") != NULL;
	}
	fclose(f);
	CHECK(ours >= AREAS - 2);
	CHECK_EQ(stack, 1);
	munmap(at, AREAS * page);
}

/* A row of /proc/self/smaps, in kB, of the area that holds addr; -1: none. */
static long
smaps_of(const void *addr, const char *row)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	CHECK(f != NULL);
	char line[512];
	bool inside = false;
	unsigned long low, high, value = 0;
	size_t len = strlen(row);
	long found = -1;
	while (found < 0 && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &low, &high) == 2)
			inside = low <= (unsigned long)addr && (unsigned long)addr < high;
		else if (inside && strncmp(line, row, len) == 0 &&
			sscanf(line + len, ": %lu kB", &value) == 1)
			found = (long)value;
	}
	fclose(f);
	return found;
}

static void
check_shared_page(void *page)
{
	CHECK_EQ(smaps_of(page, "Shared_Dirty"), 4);
	CHECK_EQ(smaps_of(page, "Private_Dirty"), 0);
	CHECK_EQ(smaps_of(page, "Pss"), 2);
	*(volatile char *)page = 2; /* a copy of its own */
	CHECK_EQ(smaps_of(page, "Shared_Dirty"), 0);
	CHECK_EQ(smaps_of(page, "Private_Dirty"), 4);
}

/* smaps_rollup tells of all areas together what smaps tells of each. */
GUEST_TEST(proc_smaps_rollup)
{
	enum { PAGES = 64 };
	char text[2048];
	size_t size = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	CHECK(slurp("/proc/self/smaps_rollup", text, sizeof(text)) > 0);
	CHECK(strstr(text, " [rollup]\n") != NULL);
	long long anonymous = field(text, "Anonymous:");
	CHECK(anonymous > 0 && field(text, "Rss:") > 0 && field(text, "Pss:") > 0);
	CHECK_EQ(field(text, "Locked:"), 0);
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	CHECK_EQ(mlock(at, size), 0);
	CHECK(slurp("/proc/self/smaps_rollup", text, sizeof(text)) > 0);
	CHECK(field(text, "Rss:") >= PAGES * 4);
	CHECK(field(text, "Anonymous:") >= anonymous + PAGES * 4);
	CHECK_EQ(field(text, "Locked:"), PAGES * 4);
	munmap(at, size);
}

/* Redis looks so whether the kernel has a bug, and does not start where it cannot. */
GUEST_TEST(proc_smaps)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	char *one = at + page; /* between others, so that it is an area */
	CHECK_EQ(mprotect(one, page, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(smaps_of(one, "Size"), 4);
	CHECK_EQ(smaps_of(one, "Rss"), 0);
	CHECK_EQ(*(volatile char *)one, 0); /* the zero page counts nowhere */
	CHECK_EQ(smaps_of(one, "Rss"), 0);
	*(volatile char *)one = 1;
	CHECK_EQ(smaps_of(one, "Rss"), 4);
	CHECK_EQ(smaps_of(one, "Pss"), 4);
	CHECK_EQ(smaps_of(one, "Anonymous"), 4);
	CHECK_EQ(smaps_of(one, "Private_Dirty"), 4);
	CHECK_EQ(smaps_of(one, "Locked"), 0);
	guest_fork_ok(check_shared_page, one);
	CHECK_EQ(smaps_of(one, "Private_Dirty"), 4);
	CHECK_EQ(mlock(one, page), 0);
	CHECK_EQ(smaps_of(one, "Locked"), 4);
	CHECK_EQ(madvise(at + 2 * page, 2 * page, MADV_DONTFORK), 0);
	CHECK_EQ(smaps_of(at + 2 * page, "Size"), 8);
	munmap(at, 4 * page);
	CHECK_EQ(smaps_of(one, "Size"), -1);
	/* Code is a file's: clean, no anonymous page. */
	CHECK(smaps_of((const void *)(uintptr_t)smaps_of, "Rss") > 0);
	CHECK_EQ(smaps_of((const void *)(uintptr_t)smaps_of, "Anonymous"), 0);
	CHECK_EQ(smaps_of((const void *)(uintptr_t)smaps_of, "Shared_Dirty"), 0);
}

GUEST_TEST(proc_cmdline_and_environ)
{
	char text[8192];
	ssize_t n = slurp("/proc/self/cmdline", text, sizeof(text));
	CHECK(n > 0 && text[n - 1] == '\0' && strstr(text, "guest") != NULL);
	n = slurp("/proc/self/environ", text, sizeof(text));
	CHECK(n >= 0);
	if (environ[0] != NULL)
		CHECK(strcmp(text, environ[0]) == 0);
}

GUEST_TEST(proc_comm_is_written)
{
	char text[64];
	int fd = open("/proc/self/comm", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "a name that is too long", 23), 23);
	close(fd);
	CHECK(slurp("/proc/self/comm", text, sizeof(text)) > 0);
	CHECK(strcmp(text, "a name that is \n") == 0);
	CHECK_EQ(prctl(PR_GET_NAME, text), 0);
	CHECK(strcmp(text, "a name that is ") == 0);
}

GUEST_TEST(proc_fd_links)
{
	char link[256], want[256], path[64];
	int pipes[2];
	CHECK_EQ(pipe(pipes), 0);
	struct stat st;
	CHECK_EQ(fstat(pipes[0], &st), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[0]);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	snprintf(want, sizeof(want), "pipe:[%llu]", (unsigned long long)st.st_ino);
	CHECK(strcmp(link, want) == 0);
	int fd = open("/tmp/proc_fd", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	CHECK(n == 12 && memcmp(link, "/tmp/proc_fd", 12) == 0);
	CHECK_EQ(unlink("/tmp/proc_fd"), 0);
	n = readlink(path, link, sizeof(link) - 1);
	CHECK(n == 22 && memcmp(link, "/tmp/proc_fd (deleted)", 22) == 0);
	CHECK_EQ(write(fd, "content", 7), 7);
	int again = open(path, O_RDONLY);
	CHECK(again >= 0);
	CHECK_EQ(read(again, link, sizeof(link)), 7);
	close(again);
	close(fd);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/self/fd/0x1", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/self/fd/01", O_RDONLY), ENOENT);
	close(pipes[0]);
	close(pipes[1]);
}

/* A pipe's end opened again is that end; a handle that cannot write leads to none that can. */
GUEST_TEST(proc_fd_reopened)
{
	char path[64], c;
	int pipes[2];
	CHECK_EQ(pipe(pipes), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[1]);
	int writer = open(path, O_WRONLY);
	CHECK(writer >= 0);
	close(pipes[1]);
	CHECK_EQ(write(writer, "x", 1), 1);
	close(writer);
	CHECK_EQ(read(pipes[0], &c, 1), 1);
	CHECK_EQ(read(pipes[0], &c, 1), 0);
	close(pipes[0]);
	if (!guest_is_swos())
		return; /* Linux looks at the file's mode alone */
	int fd = open("/tmp/proc_reopen", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK_EQ(write(fd, "abc", 3), 3);
	close(fd);
	fd = open("/tmp/proc_reopen", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int more = open(path, O_RDWR);
	CHECK(more < 0 || write(more, "d", 1) == -1);
	if (more >= 0)
		close(more);
	more = open(path, O_WRONLY | O_TRUNC);
	if (more >= 0)
		close(more);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 3);
	close(fd);
	CHECK_EQ(unlink("/tmp/proc_reopen"), 0);
}

GUEST_TEST(proc_fdinfo)
{
	char path[64], text[512];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(lseek(fd, 77, SEEK_SET), 77);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(slurp(path, text, sizeof(text)) > 0);
	CHECK_EQ(field(text, "pos:\t"), 77);
	CHECK(strtoul(strstr(text, "flags:\t") + 7, NULL, 8) & O_CLOEXEC);
	close(fd);
}

/* Each name in a directory leads to the inode that the listing names. */
static void
check_listing(const char *dir)
{
	char path[512];
	struct stat st;
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	int names = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL; names++) {
		if (strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (lstat(path, &st) != 0)
			continue; /* gone meanwhile */
		if (guest_is_swos() && st.st_ino != e->d_ino)
			guest_fail(__FILE__, __LINE__, "%s has inode %llx, not %llx", path,
				(unsigned long long)st.st_ino, (unsigned long long)e->d_ino);
		CHECK_EQ(e->d_type, st.st_mode >> 12);
	}
	closedir(d);
	CHECK(names > 2);
}

GUEST_TEST(proc_listings)
{
	check_listing("/proc");
	check_listing("/proc/self");
	check_listing("/proc/self/task");
	check_listing("/proc/thread-self");
	check_listing("/proc/self/fd");
	check_listing("/proc/self/fdinfo");
	check_listing("/proc/sys/kernel");
}

GUEST_TEST(proc_zombie)
{
	char text[4096];
	int pipes[2];
	CHECK_EQ(pipe(pipes), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	CHECK_SOON(state_of(pid) == 'Z');
	CHECK(slurp(proc_path(pid, "status"), text, sizeof(text)) > 0);
	CHECK(strstr(text, "State:\tZ (zombie)\n") != NULL);
	CHECK_EQ(field(text, "PPid:\t"), getpid());
	CHECK(slurp(proc_path(pid, "comm"), text, sizeof(text)) > 1);
	CHECK_EQ(slurp(proc_path(pid, "cmdline"), text, sizeof(text)), 0);
	CHECK_EQ(slurp(proc_path(pid, "maps"), text, sizeof(text)), 0);
	CHECK_ERRNO(readlink(proc_path(pid, "exe"), text, sizeof(text)), ENOENT);
	CHECK_ERRNO(readlink(proc_path(pid, "cwd"), text, sizeof(text)), ENOENT);
	guest_reap(pid);
	CHECK_EQ(state_of(pid), '-');
	close(pipes[0]);
	close(pipes[1]);
}

/* Everything that was opened while a process lived says that it is gone, and holds nothing of it. */
GUEST_TEST(proc_outlived)
{
	static const char *const files[] = {
		"stat", "status", "maps", "cmdline", "limits", "comm", "environ"};
	int fds[sizeof(files) / sizeof(files[0])];
	char c, path[64];
	pid_t pid = guest_spawn(wait_for_ever, NULL);
	int dir = open(proc_path(pid, ""), O_RDONLY | O_DIRECTORY);
	int task = open(proc_path(pid, "task"), O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0 && task >= 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		fds[i] = openat(dir, files[i], O_RDONLY);
		CHECK(fds[i] >= 0);
	}
	end(pid);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		errno = 0;
		ssize_t n = read(fds[i], &c, 1);
		if (guest_is_swos() || strcmp(files[i], "stat") == 0)
			CHECK(n == -1 && errno == ESRCH);
		close(fds[i]);
	}
	errno = 0;
	CHECK(openat(dir, "stat", O_RDONLY) == -1 && (errno == ENOENT || errno == ESRCH));
	CHECK(syscall(SYS_getdents64, dir, path, sizeof(path)) <= 0);
	CHECK(syscall(SYS_getdents64, task, path, sizeof(path)) <= 0 || !guest_is_swos());
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	CHECK_ERRNO(chdir(path), ENOENT);
	close(dir);
	close(task);
}

static void *
sleep_until_told(void *arg)
{
	prctl(PR_SET_NAME, "a thread");
	int *pipes = arg;
	char c = 0;
	(void)!write(pipes[3], &c, 1);
	(void)!read(pipes[0], &c, 1);
	return NULL;
}

GUEST_TEST(proc_threads)
{
	enum { THREADS = 20 };
	int pipes[4];
	char c, text[64], path[512];
	pthread_t threads[THREADS];
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(pipe(pipes + 2), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, sleep_until_told, pipes), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(read(pipes[2], &c, 1), 1);
	DIR *d = opendir("/proc/self/task");
	CHECK(d != NULL);
	int found = 0, named = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		found++;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		CHECK(slurp(path, text, sizeof(text)) > 0);
		named += strcmp(text, "a thread\n") == 0;
		snprintf(path, sizeof(path), "/proc/self/task/%s/task", e->d_name);
		CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	}
	closedir(d);
	CHECK_EQ(found, THREADS + 1);
	CHECK_EQ(named, THREADS);
	snprintf(path, sizeof(path), "/proc/self/task/%d", (int)getppid());
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	close(pipes[1]);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	close(pipes[0]);
	close(pipes[2]);
	close(pipes[3]);
}

static void
become(uid_t uid)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(uid, uid, uid), 0);
	CHECK_EQ(setresuid(uid, uid, uid), 0);
}

/* Root's process, for a user who may see it. */
static void
look_at_root(void *arg)
{
	char text[256];
	pid_t root = *(pid_t *)arg;
	become(1000);
	CHECK_ERRNO(open(proc_path(root, "environ"), O_RDONLY), EACCES);
	CHECK_ERRNO(open(proc_path(root, "maps"), O_RDONLY), EACCES);
	CHECK_ERRNO(readlink(proc_path(root, "exe"), text, sizeof(text)), EACCES);
	CHECK_ERRNO(readlink(proc_path(root, "cwd"), text, sizeof(text)), EACCES);
	CHECK_ERRNO(chdir(proc_path(root, "cwd")), EACCES);
	CHECK_ERRNO(open(proc_path(root, "fd"), O_RDONLY), EACCES);
	CHECK_ERRNO(open(proc_path(root, "fd/0"), O_RDONLY), EACCES);
	CHECK(slurp(proc_path(root, "stat"), text, sizeof(text)) > 0);
}

#define OTHER_PRINCIPAL 2000

static void
log_in(uint64_t caps)
{
	struct swos_login l = {.size = sizeof(l),
		.uid = OTHER_PRINCIPAL,
		.gid = OTHER_PRINCIPAL,
		.session = 77,
		.caps = caps};
	CHECK_EQ(syscall(NR_SWOS_LOGIN, &l), 0);
}

static void
wait_logged_in(void *arg)
{
	log_in(*(uint64_t *)arg);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0); /* its files are root's before */
	wait_for_ever(NULL);
}

static bool
listed(pid_t pid)
{
	bool found = false;
	DIR *d = opendir("/proc");
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		found |= atoi(e->d_name) == pid;
	closedir(d);
	return found;
}

struct neighbours {
	pid_t root, equal, stronger;
};

/* A principal without INSPECT: others' processes do not exist; its own do, but those that can do more are closed. */
static void
look_around(void *arg)
{
	const struct neighbours *n = arg;
	char text[256];
	int root = open(proc_path(n->root, ""), O_RDONLY | O_DIRECTORY);
	CHECK(root >= 0);
	log_in(CAP_SPAWN | CAP_FSREAD);
	CHECK_ERRNO(open(proc_path(n->root, "stat"), O_RDONLY), ENOENT);
	CHECK_ERRNO(openat(root, "stat", O_RDONLY), ENOENT);
	CHECK(!listed(n->root) && !listed(1));
	CHECK(listed(n->equal) && listed(n->stronger) && listed(getpid()));
	CHECK(slurp(proc_path(n->equal, "stat"), text, sizeof(text)) > 0);
	CHECK(slurp(proc_path(n->equal, "maps"), text, sizeof(text)) > 0);
	CHECK(readlink(proc_path(n->equal, "fd/0"), text, sizeof(text)) > 0);
	CHECK(slurp(proc_path(n->stronger, "stat"), text, sizeof(text)) > 0);
	CHECK_ERRNO(open(proc_path(n->stronger, "maps"), O_RDONLY), EACCES);
	CHECK_ERRNO(open(proc_path(n->stronger, "smaps"), O_RDONLY), EACCES);
	CHECK_ERRNO(open(proc_path(n->stronger, "smaps_rollup"), O_RDONLY), EACCES);
	CHECK_ERRNO(open(proc_path(n->stronger, "fd/0"), O_RDONLY), EACCES);
}

/* Its own files stay a process's own, whatever it has become. */
static void
look_at_self(void *arg)
{
	char text[4096];
	become(1000);
	CHECK(slurp("/proc/self/maps", text, sizeof(text)) > 0);
	CHECK(readlink("/proc/self/exe", text, sizeof(text)) > 0);
	CHECK(readlink("/proc/self/fd/0", text, sizeof(text)) > 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(syscall(SYS_getdents64, fd, text, sizeof(text)) > 0);
	close(fd);
	CHECK_ERRNO(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
	CHECK_ERRNO(open("/proc/sys/vm/drop_caches", O_WRONLY), EACCES);
}

GUEST_TEST(proc_of_others)
{
	if (getuid() != 0)
		return;
	/* Not even root reads what is only written: `sysctl -a` passes it over by this error. */
	CHECK_ERRNO(open("/proc/sys/vm/drop_caches", O_RDONLY), EACCES);
	pid_t pid = guest_spawn(wait_for_ever, NULL);
	guest_fork_ok(look_at_root, &pid);
	guest_fork_ok(look_at_self, NULL);
	end(pid);
}

static uid_t
owner_of(pid_t pid)
{
	struct stat st;
	return stat(proc_path(pid, "stat"), &st) == 0 ? st.st_uid : 0;
}

GUEST_TEST(proc_of_other_principals)
{
	if (!guest_is_swos())
		return;
	uint64_t equal = CAP_SPAWN | CAP_FSREAD, stronger = equal | CAP_NET;
	struct neighbours n = {.root = guest_spawn(wait_for_ever, NULL),
		.equal = guest_spawn(wait_logged_in, &equal),
		.stronger = guest_spawn(wait_logged_in, &stronger)};
	CHECK_SOON(owner_of(n.equal) == OTHER_PRINCIPAL);
	CHECK_SOON(owner_of(n.stronger) == OTHER_PRINCIPAL);
	guest_fork_ok(look_around, &n);
	end(n.root);
	end(n.equal);
	end(n.stronger);
}

GUEST_TEST(proc_refuses)
{
	CHECK_ERRNO(open("/proc/nothing", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/4194305", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/99999999999", O_RDONLY), ENOENT);
	CHECK_ERRNO(mkdir("/proc/new", 0755), guest_is_swos() ? EPERM : ENOENT);
	CHECK(open("/proc/new", O_RDWR | O_CREAT, 0644) == -1);
	CHECK(unlink("/proc/uptime") == -1);
	CHECK(rename("/proc/uptime", "/proc/version") == -1);
	CHECK(lseek(open("/proc/uptime", O_RDONLY), -1, SEEK_SET) == -1);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_ERRNO(write(fd, "1001", 4), EINVAL);
	CHECK_ERRNO(write(fd, "x", 1), EINVAL);
	CHECK_EQ(write(fd, "500\n", 4), 4);
	close(fd);
}

static void
churn(void *arg)
{
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		guest_reap(pid);
	}
}

/* Reading everything of everybody while processes come and go. */
GUEST_TEST(proc_read_while_processes_die)
{
	static char text[65536];
	static const char *const files[] = {"stat", "status", "maps", "cmdline", "environ", "fd/0",
		"task", "exe", "statm", "fdinfo/1", "limits", "auxv"};
	pid_t pid = guest_spawn(churn, NULL);
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		DIR *d = opendir("/proc");
		CHECK(d != NULL);
		for (struct dirent *e; (e = readdir(d)) != NULL;) {
			int nr = atoi(e->d_name);
			if (nr <= 1)
				continue;
			for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
				if (strncmp(files[i], "fd/", 3) == 0 ||
					strcmp(files[i], "exe") == 0)
					(void)!readlink(
						proc_path(nr, files[i]), text, sizeof(text));
				else
					(void)slurp(proc_path(nr, files[i]), text, sizeof(text));
			}
		}
		closedir(d);
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Debug build: each allocation on the way of each file fails once, with ENOMEM and nothing left behind. */
GUEST_TEST(proc_out_of_memory)
{
	static const char *const files[] = {"/proc/meminfo", "/proc/self/maps", "/proc/self/status",
		"/proc/self/stat", "/proc/self/mountinfo", "/proc/self/environ",
		"/proc/self/cmdline", "/proc/self/fdinfo/0", "/proc/slabinfo", "/proc/self/cwd",
		"/proc/self/exe", "/proc/self/task", "/proc/self/fd", "/proc/sys/kernel/hostname"};
	static char text[65536];
	int fault = open("/proc/swos/fault", O_WRONLY);
	if (fault < 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int failures = 0;
		for (int after = 0; after < 24; after++) {
			char rule[96];
			int n = snprintf(rule, sizeof(rule),
				"pid=%d every=1 after=%d times=1 site=slab", (int)getpid(), after);
			CHECK_EQ(write(fault, rule, (size_t)n), n);
			errno = 0;
			int fd = open(files[i], O_RDONLY);
			ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
			int err = got < 0 ? errno : 0;
			(void)!readlink(files[i], text, sizeof(text));
			(void)!write(fault, "every=0", 7);
			CHECK(err == 0 || err == ENOMEM || err == EISDIR);
			failures += err == ENOMEM;
			if (fd >= 0)
				close(fd);
		}
		CHECK(failures > 0);
	}
	close(fault);
}
