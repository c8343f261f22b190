/* SPDX-License-Identifier: MIT */
/* Credentials: ids and groups, what set-id programs get, who may signal whom; and the security context on top. */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi/swos.h"
#include "caps.h"
#include "file_util.h"
#include "guest.h"

#define SYS_SWOS_LOGIN   4097
#define SYS_SWOS_CONTEXT 4098

static bool
uids_are(uid_t r, uid_t e, uid_t s)
{
	uid_t gr, ge, gs;
	CHECK_EQ(getresuid(&gr, &ge, &gs), 0);
	return gr == r && ge == e && gs == s;
}

static bool
gids_are(gid_t r, gid_t e, gid_t s)
{
	gid_t gr, ge, gs;
	CHECK_EQ(getresgid(&gr, &ge, &gs), 0);
	return gr == r && ge == e && gs == s;
}

static void
user_ids(void *arg)
{
	CHECK_EQ(setresuid(100, 200, 300), 0);
	CHECK(uids_are(100, 200, 300));
	CHECK(getuid() == 100 && geteuid() == 200);
	CHECK_ERRNO(setresuid(400, -1, -1), EPERM);
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_EQ(setresuid(300, 100, 200), 0);
	CHECK_EQ(setresuid(-1, -1, -1), 0);
	CHECK(uids_are(300, 100, 200));
	CHECK_EQ(setreuid(-1, 200),
		0); /* the saved id follows an effective one that is not the real one */
	CHECK(uids_are(300, 200, 200));
	CHECK_EQ(setuid(300), 0);
	CHECK(uids_are(300, 300, 200));
	CHECK_EQ(setuid(200), 0);
	CHECK_ERRNO(setreuid(77, -1), EPERM);
}

static void
group_ids(void *arg)
{
	CHECK_EQ(setresgid(10, 20, 30), 0);
	CHECK(gids_are(10, 20, 30));
	CHECK_EQ(setgroups(3, (gid_t[]){9, 7, 8}), 0);
	gid_t g[3];
	CHECK_EQ(getgroups(3, g), 3);
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_ERRNO(getgroups(2, g), EINVAL);
	CHECK_ERRNO(syscall(SYS_setgroups, 65537, g), EINVAL);
	CHECK_ERRNO(syscall(SYS_setgroups, 3, 8), EFAULT);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK(uids_are(1000, 1000, 1000) && gids_are(10, 20, 30));
	CHECK_EQ(setgid(30), 0);
	CHECK(gids_are(10, 30, 30));
	CHECK_EQ(setregid(-1, 10), 0);
	CHECK_ERRNO(setresgid(40, -1, -1), EPERM);
	CHECK_ERRNO(setgid(40), EPERM);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
}

GUEST_TEST(cred_ids)
{
	guest_fork_ok(user_ids, NULL);
	guest_fork_ok(group_ids, NULL);
}

/* The file system's id follows the effective one, and decides about files alone. */
static void
file_system_ids(void *arg)
{
	const char *path = arg;
	CHECK_EQ(setfsuid(500), 0);
	CHECK_EQ(setfsuid(-1), 500);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
	CHECK_EQ(setfsuid(0), 500);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(seteuid(600), 0);
	CHECK_EQ(setfsuid(-1), 600);
	CHECK_ERRNO(open(path, O_RDONLY), EACCES);
	CHECK_EQ(seteuid(0), 0);
	CHECK_EQ(setresuid(700, 700, 700), 0);
	CHECK_EQ(setfsuid(0), 700); /* not allowed: nothing changes */
	CHECK_EQ(setfsuid(-1), 700);
}

GUEST_TEST(cred_file_system_ids)
{
	char name[] = "/tmp/fsuidXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(chmod(name, 0600), 0);
	guest_fork_ok(file_system_ids, name);
	CHECK_EQ(unlink(name), 0);
}

/* Mode bits: the owner's, then the group's (supplementary ones too), then the rest's. */
static void
access_by_group(void *arg)
{
	CHECK_EQ(setgroups(1, (gid_t[]){4242}), 0);
	CHECK_EQ(setresuid(800, 800, 800), 0);
	CHECK(open(arg, O_RDONLY) >= 0);
	CHECK_ERRNO(open(arg, O_RDWR), EACCES);
}

static void
access_by_nobody(void *arg)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(9, 9, 9), 0);
	CHECK_EQ(setresuid(800, 800, 800), 0);
	CHECK_ERRNO(open(arg, O_RDONLY), EACCES);
}

GUEST_TEST(cred_groups_open_files)
{
	char name[] = "/tmp/groupXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(fchown(fd, 0, 4242), 0);
	CHECK_EQ(fchmod(fd, 0640), 0);
	guest_fork_ok(access_by_group, name);
	guest_fork_ok(access_by_nobody, name);
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

/* Who may signal whom. */
static void
signal_others(void *arg)
{
	const pid_t *pid = arg; /* of root, of 900, of 900 as saved id */
	CHECK_EQ(setresuid(900, 901, 902), 0);
	CHECK_ERRNO(kill(pid[0], 0), EPERM);
	CHECK_ERRNO(kill(pid[0], SIGKILL), EPERM);
	CHECK_EQ(kill(pid[1], 0), 0);
	CHECK_EQ(kill(pid[2], 0), 0);
	CHECK_ERRNO(kill(1, SIGTERM), EPERM);
	CHECK_EQ(kill(pid[0], SIGCONT), 0); /* within the session that is always allowed */
	CHECK_EQ(setsid(), getpid());
	CHECK_ERRNO(kill(pid[0], SIGCONT), EPERM);
}

GUEST_TEST(cred_signals)
{
	pid_t pid[3];
	int p[2];
	char c;
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			if (i == 1)
				CHECK_EQ(setresuid(900, 900, 900), 0);
			if (i == 2)
				CHECK_EQ(setresuid(950, 950, 900), 0);
			CHECK_EQ(write(p[1], "x", 1), 1);
			for (;;)
				pause();
		}
		CHECK_EQ(read(p[0], &c, 1), 1);
	}
	guest_fork_ok(signal_others, pid);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(kill(pid[i], SIGKILL), 0);
		guest_reap(pid[i]);
	}
}

/* A shell with set-id bits, on a file system that honours them or does not. */
static char set_id_shell[64];

static void
as_user(void *arg)
{
	CHECK_EQ(setresgid(55, 55, 55), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	execl(set_id_shell, "sh", "-p", "-c", arg, (char *)NULL);
	_exit(127);
}

static void *
run_shell(void *arg)
{
	execl(set_id_shell, "sh", "-p", "-c", arg, (char *)NULL);
	_exit(127);
}

/* One of several threads, which share where they are. */
static void
as_user_in_a_thread(void *arg)
{
	pthread_t t;
	CHECK_EQ(setresgid(55, 55, 55), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(pthread_create(&t, NULL, run_shell, arg), 0);
	for (;;)
		pause();
}

static int
stay(void *arg)
{
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
	pause();
	return 0;
}

/* Another process shares where this one is, and could lead the program astray. */
static void
as_user_with_company(void *arg)
{
	static char stack[16384] __attribute__((aligned(16)));
	pid_t pid = clone(stay, stack + sizeof(stack), CLONE_VM | CLONE_FS | SIGCHLD, NULL);
	CHECK(pid > 0);
	as_user(arg);
}

static void
as_user_without_privileges(void *arg)
{
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	as_user(arg);
}

GUEST_TEST(cred_set_id_programs)
{
	static char changed[] = "test \"$UID $EUID\" = '1000 1500'",
		    same[] = "test \"$UID $EUID\" = '1000 1000'";
	char dir[] = "/tmp/setidXXXXXX";
	for (int nosuid = 0; nosuid < 2; nosuid++) {
		strcpy(dir, "/tmp/setidXXXXXX");
		CHECK(mkdtemp(dir) != NULL);
		CHECK_EQ(mount("none", dir, "tmpfs", nosuid ? MS_NOSUID : 0, "mode=755"), 0);
		snprintf(set_id_shell, sizeof(set_id_shell), "%s/sh", dir);
		file_copy("/bin/sh", set_id_shell);
		CHECK_EQ(chown(set_id_shell, 1500, 66), 0);
		CHECK_EQ(chmod(set_id_shell, 06755), 0);
		guest_fork_ok(as_user, nosuid ? same : changed);
		guest_fork_ok(as_user_in_a_thread, nosuid ? same : changed);
		guest_fork_ok(as_user_with_company, same);
		guest_fork_ok(as_user_without_privileges, same);
		CHECK_EQ(chmod(set_id_shell, 0755), 0);
		guest_fork_ok(as_user, same);
		CHECK_EQ(umount(dir), 0);
		CHECK_EQ(rmdir(dir), 0);
	}
}

/* --- The security context. --- */

static struct swos_context
context(void)
{
	struct swos_context c = {.size = sizeof(c)};
	CHECK_EQ(syscall(SYS_SWOS_CONTEXT, &c), 0);
	return c;
}

static long
log_in(uid_t uid, uint32_t session, uint64_t caps)
{
	struct swos_login l = {
		.size = sizeof(l), .uid = uid, .gid = uid, .session = session, .caps = caps};
	return syscall(SYS_SWOS_LOGIN, &l);
}

static void
become_guest(void *arg)
{
	struct swos_context c;
	CHECK_EQ(log_in(65000, 77, CAP_SPAWN), 0);
	c = context();
	CHECK(c.principal == 65000 && c.session == 77 && c.caps == CAP_SPAWN);
	CHECK(uids_are(65000, 65000, 65000) && gids_are(65000, 65000, 65000));
	/* Only who has CONSOLE logs others in; and nothing widens again. */
	CHECK_ERRNO(log_in(0, 1, CAP_ALL), EPERM);
	CHECK_ERRNO(setresuid(0, 0, 0), EPERM);
	CHECK_ERRNO(open("/etc/motd", O_RDONLY), EPERM);
	CHECK_ERRNO(open("/tmp/x", O_CREAT | O_RDWR, 0600), EPERM);
	CHECK_ERRNO(chdir("/"), EPERM);
	struct stat st;
	CHECK_ERRNO(stat("/", &st), EPERM);
	CHECK_ERRNO(unlink("/tmp/x"), EPERM);
	CHECK_ERRNO(rename("/tmp/x", "/tmp/y"), EPERM);
	CHECK_ERRNO(chmod("/tmp", 0), EPERM);
	CHECK_ERRNO(mkdir("/tmp/x", 0700), EPERM);
	CHECK_ERRNO(syscall(SYS_syslog, 3, NULL, 0), EPERM);
	CHECK_ERRNO(syscall(SYS_reboot, 0, 0, 0, NULL), EPERM);
	CHECK_ERRNO(syscall(SYS_sethostname, "x", 1), EPERM);
	/* It is inherited by fork, with SPAWN. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		c = context();
		_exit(c.principal == 65000 && c.session == 77 && c.caps == CAP_SPAWN ? 0 : 1);
	}
	CHECK_EQ(guest_reap(pid), 0);
}

static void
become_powerless(void *arg)
{
	CHECK_EQ(log_in(65001, 1, 0), 0);
	CHECK_ERRNO(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL), EPERM);
	char *argv[] = {"sh", NULL};
	CHECK_ERRNO(execve("/bin/sh", argv, NULL), EPERM);
	CHECK_EQ(getpid(), gettid()); /* computing goes on */
	void *memory = malloc(1 << 20);
	CHECK(memory != NULL);
	free(memory);
}

/* Uid 0 without the capability cannot do what it guards. */
static void
become_weak_root(void *arg)
{
	CHECK_EQ(log_in(0, 1, CAP_SPAWN | CAP_FSREAD), 0);
	CHECK(open("/etc/motd", O_RDONLY) >= 0);
	CHECK_ERRNO(open("/tmp/x", O_CREAT | O_RDWR, 0600), EPERM);
	CHECK_ERRNO(log_in(0, 1, CAP_ALL), EPERM);
	CHECK_ERRNO(syscall(SYS_reboot, 0, 0, 0, NULL), EPERM);
}

/* Changing to another uid intersects; the saved id brings back what the process had; a full change is for good. */
static void
switch_ids(void *arg)
{
	struct swos_context before = context(), now;
	CHECK(before.caps & CAP_CONSOLE);
	CHECK_EQ(setresuid(-1, 60123, -1), 0);
	now = context();
	CHECK((now.caps & CAP_CONSOLE) == 0 && (now.caps & ~before.caps) == 0);
	CHECK_EQ(seteuid(0), 0);
	now = context();
	CHECK_EQ(now.caps, before.caps);
	CHECK_EQ(setresuid(60123, 60123, 60123), 0);
	now = context();
	CHECK((now.caps & CAP_CONSOLE) == 0);
	CHECK_ERRNO(seteuid(0), EPERM);
}

GUEST_TEST(cred_context)
{
	if (!guest_is_swos())
		return;
	struct swos_context c = {.size = 8};
	struct swos_login l = {.size = sizeof(l), .caps = 1ULL << 63};
	CHECK_ERRNO(syscall(SYS_SWOS_CONTEXT, &c), EINVAL);
	CHECK_ERRNO(syscall(SYS_SWOS_CONTEXT, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_SWOS_LOGIN, &l), EINVAL);
	CHECK_ERRNO(syscall(SYS_SWOS_LOGIN, 8), EFAULT);
	guest_fork_ok(become_guest, NULL);
	guest_fork_ok(become_powerless, NULL);
	guest_fork_ok(become_weak_root, NULL);
	guest_fork_ok(switch_ids, NULL);
}

static void
run_unsigned(void *arg)
{
	char *argv[] = {"sh", "-c", "exit 0", NULL}, *envp[] = {NULL};
	CHECK_EQ(log_in(0, 1, CAP_SPAWN | CAP_FSREAD), 0);
	CHECK_ERRNO(execve(arg, argv, envp), EACCES);
	int fd = open(arg, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERRNO(
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0,
		EPERM);
	fd = open("/bin/sh", O_RDONLY);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	execve("/bin/sh", argv, envp);
	_exit(1);
}

/* What no image holds runs only with UNSIGNED. */
GUEST_TEST(cred_unsigned_programs)
{
	char name[] = "/tmp/unsigned-shell";
	if (!guest_is_swos())
		return;
	file_copy("/bin/sh", name);
	pid_t pid = fork();
	if (pid == 0) {
		execl(name, "sh", "-c", "exit 5", (char *)NULL);
		_exit(127);
	}
	CHECK_EQ(WEXITSTATUS(guest_reap(pid)), 5); /* root may */
	guest_fork_ok(run_unsigned, name);
	CHECK_EQ(unlink(name), 0);
}
