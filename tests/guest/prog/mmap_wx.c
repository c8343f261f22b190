/* SPDX-License-Identifier: MIT */
/*
 * Writable and executable memory: who may have it (a program with the attribute wx whose process has the capability
 * WX, or an unsigned one with WX and UNSIGNED), and the ways round that must not be.
 */
#include "guest.h"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "abi/swos.h"
#include "caps.h"
#include "memory_fault.h"

#define RW             (PROT_READ | PROT_WRITE)
#define RX             (PROT_READ | PROT_EXEC)
#define RWX            (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON           (MAP_PRIVATE | MAP_ANONYMOUS)
#define SYS_SWOS_LOGIN 4097
#define PLAIN          "/tests/guest"
#define WITH_WX        "/tests/guest-wx"

enum { MAY, MAY_NOT, MIXED };

/* Keeps these capabilities only, as root. */
static void
keep_caps(uint64_t caps)
{
	struct swos_login l = {.size = sizeof(l), .session = 1, .caps = caps};
	CHECK_EQ(syscall(SYS_SWOS_LOGIN, &l), 0);
}

/* What the running program may: by mmap, by mmap over a mapping, by mprotect; all must agree. */
static int
probe(void)
{
	int may = 0;
	unsigned char *p = memory_map(2);
	void *fresh = mmap(NULL, PAGE, RWX, ANON, -1, 0);
	may += fresh != MAP_FAILED;
	may += mmap(p, PAGE, PROT_WRITE | PROT_EXEC, ANON | MAP_FIXED, -1, 0) != MAP_FAILED;
	may += mprotect(p + PAGE, PAGE, RWX) == 0;
	if (may == 3) {
		/* mov w0, #7; ret: written and run in the same place. */
		static const uint32_t code[] = {0x52800000u | 7u << 5, 0xd65f03c0u};
		int n = 0;
		memcpy(fresh, code, sizeof(code));
		__builtin___clear_cache(fresh, (char *)fresh + sizeof(code));
		if (memory_call(fresh, &n) != 0 || n != 7)
			return MIXED;
	}
	return may == 3 ? MAY : may == 0 ? MAY_NOT : MIXED;
}

/* Whether the program may now, and whether it still may, and its child, when it has given the capability up. */
GUEST_HELPER(wx_probe)
{
	int first = probe();
	if (first != MAY)
		return first;
	struct swos_login l = {
		.size = sizeof(l), .session = 1, .caps = CAP_ALL & ~(uint64_t)CAP_WX};
	pid_t pid = fork();
	if (pid == 0)
		_exit(probe());
	int status = -1;
	if (waitpid(pid, &status, 0) != pid || status != MAY << 8)
		return 10;
	if (argc > 2 && syscall(SYS_SWOS_LOGIN, &l) == 0)
		return probe() == MAY_NOT ? MAY : 11;
	return first;
}

struct run {
	const char *program;
	uint64_t caps;
};

static void
run_probe(void *arg)
{
	const struct run *r = arg;
	keep_caps(r->caps);
	execl(r->program, r->program, "+wx_probe", r->caps & CAP_CONSOLE ? "give-up" : NULL, NULL);
	_exit(errno == EPERM || errno == EACCES ? 77 : 78);
}

static int
probed(const char *program, uint64_t caps)
{
	struct run r = {program, caps};
	return WEXITSTATUS(guest_fork(run_probe, &r));
}

GUEST_TEST(wx_takes_attribute_and_capability)
{
	uint64_t all = CAP_ALL, without = CAP_ALL & ~(uint64_t)CAP_WX;
	CHECK_EQ(probed(WITH_WX, all), MAY);
	CHECK_EQ(probed(WITH_WX, all & ~(uint64_t)(CAP_UNSIGNED | CAP_CONSOLE)), MAY);
	CHECK_EQ(probed(WITH_WX, without), MAY_NOT);
	CHECK_EQ(probed(PLAIN, all), MAY_NOT);
	CHECK_EQ(probed(PLAIN, without), MAY_NOT);
}

static void
copy_program(int to)
{
	struct stat st;
	int from = open(PLAIN, O_RDONLY);
	CHECK(from >= 0);
	CHECK_EQ(fstat(from, &st), 0);
	for (off_t done = 0; done < st.st_size;) {
		char buf[16384];
		ssize_t n = pread(from, buf, sizeof(buf), done);
		CHECK(n > 0);
		CHECK_EQ(write(to, buf, (size_t)n), n);
		done += n;
	}
	close(from);
}

static void
probe_unsigned(const char *path)
{
	uint64_t all = CAP_ALL;
	CHECK_EQ(probed(path, all), MAY);
	CHECK_EQ(probed(path, all & ~(uint64_t)CAP_WX), MAY_NOT);
	CHECK_EQ(probed(path, all & ~(uint64_t)CAP_UNSIGNED), 77);
	CHECK_EQ(probed(path, all & ~(uint64_t)(CAP_UNSIGNED | CAP_WX)), 77);
}

GUEST_TEST(wx_unsigned_takes_both_capabilities)
{
	static const char path[] = "/tmp/wx-program";
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);
	CHECK(fd >= 0);
	copy_program(fd);
	close(fd);
	probe_unsigned(path);
	CHECK_EQ(unlink(path), 0);

	char name[64];
	fd = (int)syscall(SYS_memfd_create, "program", 0);
	CHECK(fd >= 0);
	copy_program(fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int again = open(name, O_RDONLY); /* what is open for writing is not executed */
	CHECK(again >= 0);
	close(fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", again);
	probe_unsigned(name);
	close(again);
}

/* One object, mapped twice: to be written, and to be executed. */
static void
try_aliases(int fd, int may)
{
	void *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(w != MAP_FAILED);
	void *x = mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0);
	void *copy = mmap(NULL, PAGE, RX, MAP_PRIVATE, fd, 0);
	void *r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(r != MAP_FAILED);
	CHECK_EQ(x != MAP_FAILED, may);
	CHECK_EQ(copy != MAP_FAILED, may);
	CHECK_EQ(mprotect(r, PAGE, RX) == 0, may);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RWX, MAP_SHARED, fd, 0), may ? EACCES : EPERM);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RWX, MAP_PRIVATE, fd, 0), may ? EACCES : EPERM);
	CHECK_ERRNO(mprotect(w, PAGE, RWX), EACCES);
	CHECK_EQ(munmap(w, PAGE), 0);
}

static void
try_all_aliases(int may)
{
	int fd = open("/tmp/wx-alias", O_RDWR | O_CREAT, 0700);
	CHECK(fd >= 0);
	CHECK_EQ(unlink("/tmp/wx-alias"), 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	try_aliases(fd, may);
	close(fd);
	fd = (int)syscall(SYS_memfd_create, "alias", 0);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	try_aliases(fd, may);
	close(fd);

	/* Shared memory without a name is mapped again by mremap, or by a child. */
	unsigned char *w = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(w != MAP_FAILED);
	void *again = mremap(w, 0, PAGE, MREMAP_MAYMOVE);
	CHECK(again != MAP_FAILED);
	CHECK_EQ(mprotect(again, PAGE, RX) == 0, may);
	CHECK_EQ(mmap(NULL, PAGE, RX, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED, may);
	fd = open("/dev/zero", O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0) != MAP_FAILED, may);
	close(fd);
	/* Private memory is nobody else's: written, then executed, never both. */
	void *p = memory_map(1);
	CHECK_EQ(mprotect(p, PAGE, RX), 0);
}

static void
aliases_without_unsigned(void *arg)
{
	keep_caps(CAP_ALL & ~(uint64_t)CAP_UNSIGNED);
	try_all_aliases(false);
}

GUEST_TEST(wx_aliases_take_unsigned)
{
	guest_fork_ok(aliases_without_unsigned, NULL);
	try_all_aliases(true);
}

/* The kernel has no map of this process that is both. */
static void
check_maps(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		char perms[8] = "";
		CHECK_EQ(sscanf(line, "%*s %7s", perms), 1);
		if (perms[1] == 'w' && perms[2] == 'x')
			guest_fail(__FILE__, __LINE__, "%s", line);
	}
	fclose(f);
}

GUEST_TEST(wx_stacks_and_personality)
{
	int on_stack = 0;
	unsigned char *stack = (unsigned char *)((uintptr_t)&on_stack & ~(PAGE - 1));
	CHECK_ERRNO(mprotect(stack, PAGE, RWX), EACCES);
	CHECK_ERRNO(mprotect(stack, PAGE, RWX | PROT_GROWSDOWN), EACCES);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RWX, ANON | MAP_STACK | MAP_GROWSDOWN, -1, 0), EACCES);
	int n;
	CHECK_EQ(memory_call(stack, &n), SIGSEGV);
	CHECK_ERRNO(personality(READ_IMPLIES_EXEC), EINVAL);
	CHECK_EQ(personality(0xffffffff), 0);
	unsigned char *p = memory_map(1);
	CHECK_EQ(memory_call(p, &n), SIGSEGV);
	check_maps();
}

/* Writes from outside the mapping, and other ways to change what is mapped where. */
GUEST_TEST(wx_no_way_round)
{
	static const char byte = 1;
	struct iovec from = {(void *)&byte, 1},
		     to = {(void *)(uintptr_t)guest_run_wx_no_way_round, 1};
	CHECK_ERRNO(syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0), ENOSYS);
	CHECK_ERRNO(syscall(SYS_ptrace, 0, 0, 0, 0), ENOSYS);
	CHECK_ERRNO(open("/proc/self/mem", O_RDWR), ENOENT);
	unsigned char *p = memory_map(2);
	CHECK_ERRNO(syscall(SYS_remap_file_pages, p, PAGE, 0, 1, 0), ENOSYS);
	/* What read(2) and the like write goes through the mapping's own protection. */
	int fd = open("/dev/zero", O_RDONLY), n;
	CHECK(fd >= 0);
	memcpy(p, (uint32_t[]){0x52800000u | 9u << 5, 0xd65f03c0u}, 8);
	CHECK_EQ(mprotect(p, PAGE, RX), 0);
	CHECK_ERRNO(read(fd, p, 8), EFAULT);
	CHECK_ERRNO(read(fd, (void *)(uintptr_t)guest_run_wx_no_way_round, 8), EFAULT);
	CHECK_EQ(memory_call(p, &n), 0);
	CHECK_EQ(n, 9);
	/* Moved, it is what it was. */
	CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE) == p + PAGE);
	CHECK_EQ(memory_write(p + PAGE, 1), SIGSEGV);
	CHECK_EQ(memory_call(p + PAGE, &n), 0);
	close(fd);
}
