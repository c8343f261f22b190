/* SPDX-License-Identifier: MIT */
/* Linux's capabilities: what is dropped is gone, from the call to what it stands for; uids and exec change them. */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi/linux/capability.h"
#include "guest.h"

#define BIT(cap) (1ULL << LINUX_CAP_##cap)

struct caps {
	uint64_t effective, permitted, inheritable;
};

static struct caps
get(void)
{
	struct {
		uint32_t version;
		int pid;
	} header = {CAPABILITY_VERSION_3, 0};
	uint32_t d[6];
	CHECK_EQ(syscall(SYS_capget, &header, d), 0);
	return (struct caps){d[0] | (uint64_t)d[3] << 32, d[1] | (uint64_t)d[4] << 32,
		d[2] | (uint64_t)d[5] << 32};
}

static long
set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct {
		uint32_t version;
		int pid;
	} header = {CAPABILITY_VERSION_3, 0};
	uint32_t d[6] = {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable,
		(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		(uint32_t)(inheritable >> 32)};
	return syscall(SYS_capset, &header, d);
}

/* Root without any effective capability is refused what root is for. */
static void
drop_all_effective(void *arg)
{
	struct timespec now;
	struct rlimit limit = {4096, 4096};
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(set(0, LINUX_CAPS_ALL, 0), 0);
	CHECK_EQ(geteuid(), 0);
	CHECK_ERRNO(open("/tmp/lc/others", O_RDONLY), EACCES);
	CHECK_ERRNO(open("/tmp/lc/dir/x", O_CREAT | O_WRONLY, 0600), EACCES);
	CHECK_ERRNO(chmod("/tmp/lc/others", 0644), EPERM);
	CHECK_ERRNO(chown("/tmp/lc/mine", 5, 5), EPERM);
	CHECK_ERRNO(mknod("/tmp/lc/node", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_ERRNO(setuid(5), EPERM);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
	CHECK_ERRNO(chroot("/tmp"), EPERM);
	CHECK_ERRNO(mount("none", "/tmp/lc/dir", "tmpfs", 0, ""), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
	CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &now), EPERM);
	limit.rlim_max = 8192;
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, -5), EACCES);
}

/* What stays permitted comes back, one by one; what does not is gone. */
static void
raise_one_by_one(void *arg)
{
	CHECK_EQ(set(BIT(DAC_READ_SEARCH), BIT(DAC_READ_SEARCH) | BIT(CHOWN), 0), 0);
	CHECK_EQ(close(open("/tmp/lc/others", O_RDONLY)), 0);
	CHECK_ERRNO(open("/tmp/lc/others", O_RDWR), EACCES);
	CHECK_ERRNO(chown("/tmp/lc/mine", 5, 5), EPERM);
	CHECK_EQ(set(BIT(CHOWN), BIT(CHOWN), 0), 0);
	CHECK_EQ(chown("/tmp/lc/mine", 5, 5), 0);
	CHECK_ERRNO(open("/tmp/lc/others", O_RDONLY), EACCES);
	CHECK_ERRNO(set(BIT(CHOWN), BIT(CHOWN) | BIT(DAC_READ_SEARCH), 0), EPERM);
	CHECK_ERRNO(set(BIT(CHOWN) | BIT(KILL), BIT(CHOWN), 0), EPERM);
	CHECK_EQ(get().permitted, BIT(CHOWN));
}

static void
make_files(void)
{
	CHECK_EQ(mkdir("/tmp/lc", 0755), 0);
	CHECK_EQ(mkdir("/tmp/lc/dir", 0755), 0);
	CHECK_EQ(chown("/tmp/lc/dir", 7, 7), 0);
	CHECK_EQ(close(open("/tmp/lc/mine", O_CREAT | O_WRONLY, 0600)), 0);
	CHECK_EQ(close(open("/tmp/lc/others", O_CREAT | O_WRONLY, 0600)), 0);
	CHECK_EQ(chown("/tmp/lc/others", 7, 7), 0);
}

static void
remove_files(void)
{
	CHECK_EQ(unlink("/tmp/lc/mine"), 0);
	CHECK_EQ(unlink("/tmp/lc/others"), 0);
	CHECK_EQ(rmdir("/tmp/lc/dir"), 0);
	CHECK_EQ(rmdir("/tmp/lc"), 0);
}

GUEST_TEST(linux_caps_that_are_dropped_are_gone)
{
	make_files();
	guest_fork_ok(drop_all_effective, NULL);
	guest_fork_ok(raise_one_by_one, NULL);
	remove_files();
}

static void
through_uids(void *arg)
{
	CHECK_EQ(get().effective, LINUX_CAPS_ALL);
	CHECK_EQ(seteuid(5), 0);
	CHECK_EQ(get().effective, 0);
	CHECK_EQ(get().permitted, LINUX_CAPS_ALL);
	CHECK_EQ(seteuid(0), 0);
	CHECK_EQ(get().effective, LINUX_CAPS_ALL);
	CHECK_EQ(syscall(SYS_setfsuid, 5), 0);
	CHECK_EQ(get().effective, LINUX_CAPS_ALL & ~LINUX_CAPS_FILES);
	CHECK_EQ(syscall(SYS_setfsuid, 0), 5);
	CHECK_EQ(get().effective, LINUX_CAPS_ALL);
	CHECK_EQ(setuid(5), 0);
	CHECK_EQ(get().effective | get().permitted, 0);
}

static void
keeping(void *arg)
{
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
	CHECK_EQ(setuid(5), 0);
	CHECK_EQ(get().effective, 0);
	CHECK_EQ(get().permitted, LINUX_CAPS_ALL);
	CHECK_EQ(set(BIT(SETUID), BIT(SETUID), 0), 0);
	CHECK_EQ(setresuid(9, 9, 9), 0);
}

/* `guest +linux_caps_are EFFECTIVE PERMITTED`, in hexadecimal. */
GUEST_HELPER(linux_caps_are)
{
	struct caps c = get();
	return c.effective == strtoull(argv[2], NULL, 16) &&
			c.permitted == strtoull(argv[3], NULL, 16)
		? 0
		: 1;
}

static void
exec_expecting(uint64_t effective, uint64_t permitted)
{
	char e[20], p[20];
	snprintf(e, sizeof(e), "%llx", (unsigned long long)effective);
	snprintf(p, sizeof(p), "%llx", (unsigned long long)permitted);
	execl("/proc/self/exe", "guest", "+linux_caps_are", e, p, (char *)NULL);
	guest_fail(__FILE__, __LINE__, "exec: %s", strerror(errno));
}

static void
root_execs(void *arg)
{
	CHECK_EQ(set(0, 0, 0), 0);
	exec_expecting(LINUX_CAPS_ALL, LINUX_CAPS_ALL);
}

static void
root_execs_bounded(void *arg)
{
	CHECK_EQ(prctl(PR_CAPBSET_DROP, LINUX_CAP_SYS_TIME), 0);
	CHECK_EQ(prctl(PR_CAPBSET_READ, LINUX_CAP_SYS_TIME), 0);
	CHECK_EQ(prctl(PR_CAPBSET_READ, LINUX_CAP_KILL), 1);
	CHECK_ERRNO(prctl(PR_CAPBSET_DROP, LINUX_CAP_LAST + 1), EINVAL);
	exec_expecting(LINUX_CAPS_ALL & ~BIT(SYS_TIME), LINUX_CAPS_ALL & ~BIT(SYS_TIME));
}

static void
root_execs_with_no_new_privileges(void *arg)
{
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(set(BIT(KILL), BIT(KILL) | BIT(CHOWN), 0), 0);
	exec_expecting(BIT(KILL) | BIT(CHOWN), BIT(KILL) | BIT(CHOWN));
}

static void
user_execs(void *arg)
{
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(setuid(5), 0);
	CHECK_EQ(get().permitted, LINUX_CAPS_ALL);
	exec_expecting(0, 0);
}

GUEST_TEST(linux_caps_follow_uids_and_exec)
{
	guest_fork_ok(through_uids, NULL);
	guest_fork_ok(keeping, NULL);
	guest_fork_ok(root_execs, NULL);
	guest_fork_ok(root_execs_bounded, NULL);
	guest_fork_ok(root_execs_with_no_new_privileges, NULL);
	guest_fork_ok(user_execs, NULL);
}
