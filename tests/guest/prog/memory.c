/* SPDX-License-Identifier: MIT */
/* A process's memory beyond mmap: brk, stacks, copy-on-write, the zero page, limits, running out. */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "memory_fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MIB  (1ul << 20)

static unsigned char *
brk_to(unsigned char *at)
{
	return (unsigned char *)syscall(SYS_brk, at);
}

GUEST_TEST(brk_grows_and_shrinks)
{
	unsigned char *start = brk_to(NULL);
	CHECK(brk_to(start + 64 * PAGE) == start + 64 * PAGE);
	CHECK(memory_is(start, 0, 64 * PAGE));
	memset(start, 0xa5, 64 * PAGE);
	CHECK(brk_to(start + 10 * PAGE + 5) == start + 10 * PAGE + 5);
	CHECK(memory_is(start, 0xa5, 10 * PAGE));
	unsigned char *end = (unsigned char *)(((uintptr_t)start + 11 * PAGE + 5) & ~(PAGE - 1));
	CHECK_EQ(memory_read(end + PAGE, NULL), SIGSEGV);
	CHECK(brk_to(start + 64 * PAGE) == start + 64 * PAGE);
	CHECK(memory_is(end + PAGE, 0, 40 * PAGE)); /* what came back is new */
	CHECK(brk_to(start) == start);
}

GUEST_TEST(brk_refusals)
{
	unsigned char *start = brk_to(NULL);
	CHECK(brk_to((unsigned char *)1) == start); /* below its beginning */
	CHECK(brk_to((unsigned char *)(1ul << 48)) == start);
	CHECK(brk_to((unsigned char *)~0ul) == start);
	unsigned char *wall = (unsigned char *)(((uintptr_t)start + 20 * PAGE) & ~(PAGE - 1));
	CHECK(mmap(wall, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == wall);
	CHECK(brk_to(start + 100 * PAGE) == start); /* something is in the way */
	CHECK_EQ(munmap(wall, PAGE), 0);
	CHECK(brk_to(start + 100 * PAGE) == start + 100 * PAGE);
	struct rlimit r = {10 * PAGE, 10 * PAGE};
	CHECK_EQ(setrlimit(RLIMIT_DATA, &r), 0);
	CHECK(brk_to(start + 200 * PAGE) == start + 100 * PAGE);
	CHECK(brk_to(start) == start);
}

/* Uses that much stack, a page at a time. */
static __attribute__((noinline)) int
use_stack(size_t bytes)
{
	volatile char page[PAGE];
	page[0] = page[PAGE - 1] = 1;
	return bytes <= PAGE ? page[0] : use_stack(bytes - PAGE) + page[0] - page[PAGE - 1];
}

static void
grow_stack(void *bytes)
{
	use_stack((size_t)(uintptr_t)bytes);
}

static void
grow_limited_stack(void *bytes)
{
	struct rlimit r = {MIB, MIB};
	CHECK_EQ(setrlimit(RLIMIT_STACK, &r), 0);
	use_stack((size_t)(uintptr_t)bytes);
}

GUEST_TEST(stack_grows_to_its_limit)
{
	guest_fork_ok(grow_stack, (void *)(6 * MIB));
	guest_fork_ok(grow_limited_stack, (void *)(MIB / 2));
	int status = guest_fork(grow_limited_stack, (void *)(2 * MIB));
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	status = guest_fork(grow_stack, (void *)(20 * MIB));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

/* A system call's buffer may be what makes the stack grow. */
GUEST_TEST(stack_grows_for_a_call)
{
	int fd = open("/dev/zero", O_RDONLY);
	CHECK(fd >= 0);
	unsigned char *sp = __builtin_frame_address(0);
	unsigned char *at = (unsigned char *)(((uintptr_t)sp - MIB) & ~(PAGE - 1));
	CHECK_EQ(read(fd, at, 100), 100);
	CHECK(memory_is(at, 0, 100));
	CHECK_EQ(memory_read(at - 32 * MIB, NULL), SIGSEGV);
	close(fd);
}

GUEST_TEST(stack_growsdown_mapping)
{
	unsigned char *p = memory_map(1024);
	CHECK_EQ(munmap(p, 1024 * PAGE), 0);
	unsigned char *top = p + 1023 * PAGE;
	CHECK(mmap(top, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
	for (size_t i = 1; i < 64; i++)
		CHECK_EQ(memory_write(top - i * PAGE, (unsigned char)i), 0);
	for (size_t i = 1; i < 64; i++)
		CHECK_EQ(top[-(long)(i * PAGE)], i);
	CHECK_EQ(munmap(p, 1024 * PAGE), 0);
}

static void *
overflow(void *unused)
{
	use_stack(16 * MIB);
	return unused;
}

static void
overflow_thread(void *unused)
{
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, overflow, NULL), 0);
	pthread_join(t, NULL);
}

GUEST_TEST(stack_of_a_thread_has_a_guard)
{
	int status = guest_fork(overflow_thread, NULL);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

GUEST_TEST(faults_outside_user_space)
{
	static const uintptr_t wild[] = {0, 8, PAGE - 1, 1ul << 47, (1ul << 48) - 1, 1ul << 48,
		1ul << 55, 1ul << 63, 0xffff000000000000, 0xffff800000000000, 0xffffffff80000000,
		~0ul & ~7ul, ~0ul};
	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		CHECK_EQ(memory_read((void *)wild[i], NULL), SIGSEGV);
		CHECK_EQ(memory_write((void *)wild[i], 1), SIGSEGV);
		int n;
		CHECK(memory_call((void *)(wild[i] & ~3ul), &n) == SIGSEGV);
	}
}

/* --- Copy-on-write --- */

/* The child's and the parent's writes after a fork are their own, whoever writes first. */
GUEST_TEST(cow_both_ways)
{
	int p[2], q[2];
	char c;
	unsigned char *m = memory_map(64);
	memset(m, 1, 64 * PAGE);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	pid_t pid = fork();
	if (pid == 0) {
		memset(m, 2, 32 * PAGE);
		(void)!write(p[1], "x", 1);
		(void)!read(q[0], &c, 1);
		_exit(memory_is(m, 2, 32 * PAGE) && memory_is(m + 32 * PAGE, 1, 32 * PAGE) ? 0 : 1);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK(memory_is(m, 1, 64 * PAGE));
	memset(m + 16 * PAGE, 3, 48 * PAGE);
	CHECK_EQ(write(q[1], "x", 1), 1);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(memory_is(m, 1, 16 * PAGE));
	CHECK(memory_is(m + 16 * PAGE, 3, 48 * PAGE));
	CHECK_EQ(munmap(m, 64 * PAGE), 0);
}

/* The kernel writes into a page of the process through several calls. */
static void
copy_out(unsigned char *m, int from)
{
	struct stat *st = (struct stat *)m;
	CHECK_EQ(read(from, m + PAGE, 100), 100);
	CHECK_EQ(fstat(from, st), 0);
	CHECK(getcwd((char *)m + 2 * PAGE, PAGE) != NULL);
	CHECK_EQ(syscall(SYS_clock_gettime, 1, m + 3 * PAGE), 0);
}

GUEST_TEST(cow_broken_by_copyout)
{
	int zero = open("/dev/zero", O_RDONLY);
	CHECK(zero >= 0);
	for (int who = 0; who < 2; who++) {
		unsigned char *m = memory_map(4);
		int p[2];
		char c;
		memset(m, 0xa5, 4 * PAGE);
		CHECK_EQ(pipe(p), 0);
		pid_t pid = fork();
		if (pid == 0 &&
			who == 0) { /* the child lets the kernel write; the parent must not see it */
			copy_out(m, zero);
			_exit(m[PAGE] == 0 && m[PAGE + 100] == 0xa5 && m[2 * PAGE] == '/' ? 0 : 1);
		} else if (pid == 0) {
			close(p[1]);
			(void)!read(p[0], &c, 1);
			_exit(memory_is(m, 0xa5, 4 * PAGE) ? 0 : 1);
		}
		if (who == 1)
			copy_out(m, zero);
		close(p[1]);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		CHECK(who == 1 || memory_is(m, 0xa5, 4 * PAGE));
		close(p[0]);
		CHECK_EQ(munmap(m, 4 * PAGE), 0);
	}
	close(zero);
}

GUEST_TEST(cow_of_untouched_and_read_pages)
{
	unsigned char *m = memory_map(3);
	CHECK(memory_is(m + PAGE, 0, PAGE)); /* read only: the zero page */
	pid_t pid = fork();
	if (pid == 0) {
		memset(m, 2, 3 * PAGE);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(memory_is(m, 0, 3 * PAGE));
	m[PAGE] = 1;
	unsigned char *fresh = memory_map(1);
	CHECK(memory_is(fresh, 0, PAGE)); /* nobody wrote to the zeroes themselves */
	CHECK_EQ(munmap(fresh, PAGE), 0);
	CHECK_EQ(munmap(m, 3 * PAGE), 0);
}

/* A child of a child of a child, each changing a page. */
static void
descend(unsigned char *m, int depth)
{
	if (depth == 8)
		return;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		memset(m + (size_t)depth * PAGE, depth + 1, PAGE);
		descend(m, depth + 1);
		for (int i = 0; i < 8; i++)
			if (m[(size_t)i * PAGE + 9] != (i <= depth ? i + 1 : 0xa5))
				_exit(1);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(cow_generations)
{
	unsigned char *m = memory_map(8);
	memset(m, 0xa5, 8 * PAGE);
	descend(m, 0);
	CHECK(memory_is(m, 0xa5, 8 * PAGE));
	CHECK_EQ(munmap(m, 8 * PAGE), 0);
}

GUEST_TEST(shared_anonymous_across_fork)
{
	unsigned char *m = mmap(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(m != MAP_FAILED);
	m[0] = 1;
	for (int i = 1; i < 8; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int j = 0; j < i; j++)
				if (m[(size_t)j * PAGE] != j + 1)
					_exit(1);
			m[(size_t)i * PAGE] = (unsigned char)(i + 1); /* first touched by a child */
			_exit(0);
		}
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		CHECK_EQ(m[(size_t)i * PAGE], i + 1);
	}
	CHECK_EQ(munmap(m, 8 * PAGE), 0);
}

/* --- Running out --- */

static size_t
free_bytes(void)
{
	struct sysinfo s;
	CHECK_EQ(sysinfo(&s), 0);
	return s.freeram * s.mem_unit;
}

GUEST_TEST(reading_zeroes_takes_no_memory)
{
	enum { PAGES = 16384 };
	unsigned char *m = memory_map(PAGES);
	size_t before = free_bytes(), sum = 0;
	for (size_t i = 0; i < PAGES; i++)
		sum += m[i * PAGE];
	CHECK_EQ(sum, 0);
	CHECK(free_bytes() + 8 * MIB > before);
	CHECK_EQ(munmap(m, PAGES * PAGE), 0);
}

GUEST_TEST(memory_comes_back)
{
	enum { PAGES = 8192 };
	size_t before = free_bytes();
	for (int round = 0; round < 5; round++) {
		unsigned char *m = memory_map(PAGES);
		memset(m, round + 1, PAGES * PAGE);
		CHECK(free_bytes() + PAGES * PAGE / 2 < before);
		if (round & 1)
			CHECK_EQ(madvise(m, PAGES * PAGE, MADV_DONTNEED), 0);
		else
			CHECK_EQ(munmap(m, PAGES * PAGE), 0);
		CHECK(free_bytes() + 4 * MIB > before);
	}
}

GUEST_TEST(limit_of_address_space)
{
	struct rlimit r = {64 * MIB, 64 * MIB};
	CHECK_EQ(setrlimit(RLIMIT_AS, &r), 0);
	unsigned char *m = mmap(NULL, 32 * MIB, RW, ANON, -1, 0);
	CHECK(m != MAP_FAILED);
	CHECK_ERRNO((long)mmap(NULL, 40 * MIB, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO((long)mmap(NULL, 40 * MIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	CHECK_ERRNO((long)mremap(m, 32 * MIB, 80 * MIB, MREMAP_MAYMOVE), ENOMEM);
	CHECK_EQ(munmap(m, 32 * MIB), 0);
	m = mmap(NULL, 40 * MIB, RW, ANON, -1, 0);
	CHECK(m != MAP_FAILED);
}

GUEST_TEST(limit_of_data)
{
	struct rlimit r = {32 * MIB, 32 * MIB};
	CHECK_EQ(setrlimit(RLIMIT_DATA, &r), 0);
	CHECK_ERRNO((long)mmap(NULL, 40 * MIB, RW, ANON, -1, 0), ENOMEM);
	unsigned char *m =
		mmap(NULL, 40 * MIB, PROT_READ, ANON, -1, 0); /* no data until it is writable */
	CHECK(m != MAP_FAILED);
	CHECK_ERRNO(mprotect(m, 40 * MIB, RW), ENOMEM);
	CHECK_EQ(mprotect(m, MIB, RW), 0);
}

static void
eat_memory(void *unused)
{
	struct sysinfo s;
	CHECK_EQ(sysinfo(&s), 0);
	size_t all = s.totalram * s.mem_unit + 64 * MIB;
	unsigned char *m = mmap(NULL, all, RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(m != MAP_FAILED);
	for (size_t i = 0; i < all; i += PAGE)
		m[i] = 1;
}

struct hog {
	int ready[2], go[2];
};

/* Takes nearly all that is free, says so, and sleeps. */
static void
hog_memory(struct hog *h)
{
	size_t n = free_bytes() - 4 * MIB;
	unsigned char *m = mmap(NULL, n, RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(m != MAP_FAILED);
	for (size_t i = 0; i < n; i += PAGE)
		m[i] = 1;
	CHECK_EQ(write(h->ready[1], "r", 1), 1);
	char c;
	(void)!read(h->go[0], &c, 1);
}

/* Who sits on most of the memory goes, not who asks for a little more: by a fault of its own, or by one in a call. */
GUEST_TEST_FLAGS(out_of_memory_spares_who_asks_for_little, GUEST_LEAKS_CACHE)
{
	for (int by_call = 0; by_call < 2; by_call++) {
		struct hog h;
		char c;
		int status = 0, zero = open("/dev/zero", O_RDONLY);
		CHECK(zero >= 0);
		CHECK_EQ(pipe(h.ready), 0);
		CHECK_EQ(pipe(h.go), 0);
		pid_t hog = fork();
		if (hog == 0) {
			hog_memory(&h);
			_exit(0);
		}
		CHECK_EQ(read(h.ready[0], &c, 1), 1);
		unsigned char *m = mmap(NULL, 16 * MIB, RW, ANON, -1, 0);
		CHECK(m != MAP_FAILED);
		for (size_t i = 0; i < 16 * MIB; i += MIB)
			if (by_call)
				CHECK_EQ(read(zero, m + i, MIB), MIB);
			else
				memset(m + i, 1, MIB);
		CHECK_EQ(waitpid(hog, &status, 0), hog);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK_EQ(munmap(m, 16 * MIB), 0);
		for (int i = 0; i < 2; i++) {
			close(h.ready[i]);
			close(h.go[i]);
		}
		close(zero);
	}
}

/* Who takes everything dies of it, nobody else, and what it took is there again. */
GUEST_TEST_FLAGS(out_of_memory_kills_the_offender, GUEST_LEAKS_CACHE)
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t witness = fork();
	if (witness == 0) {
		char c;
		close(p[1]);
		_exit(read(p[0], &c, 1) == 1 ? 0 : 1);
	}
	size_t before = free_bytes();
	for (int i = 0; i < 2; i++) {
		int status = guest_fork(eat_memory, NULL);
		CHECK(WIFSIGNALED(status));
		CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS);
	}
	CHECK(free_bytes() + 16 * MIB > before);
	CHECK_EQ(write(p[1], "x", 1), 1);
	int status;
	CHECK_EQ(waitpid(witness, &status, 0), witness);
	CHECK_EQ(status, 0);
}
