/* SPDX-License-Identifier: MIT */
/* One address space changed by several threads at once: no store lands where it no longer may. */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "memory_fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

enum { THREADS = 4, PAGES = 32 };

static unsigned char *range;
static atomic_bool stop;

static unsigned
next_random(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
change_range(unsigned *seed)
{
	size_t at = next_random(seed) % PAGES, n = 1 + next_random(seed) % (PAGES - at);
	unsigned char *p = range + at * PAGE;
	switch (next_random(seed) % 7) {
	case 0:
		CHECK_EQ(munmap(p, n * PAGE), 0);
		break;
	case 1:
		(void)mprotect(p, n * PAGE, PROT_READ); /* there may be holes */
		break;
	case 2:
		(void)mprotect(p, n * PAGE, PROT_NONE);
		break;
	case 3:
		(void)madvise(p, n * PAGE, MADV_DONTNEED);
		break;
	case 4:
		(void)mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			range + (at + PAGES / 2) % PAGES * PAGE);
		break;
	default:
		CHECK(mmap(p, n * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
	}
}

static void *
change_and_touch(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	unsigned char value;
	while (!atomic_load(&stop)) {
		change_range(&seed);
		for (int i = 0; i < 8; i++) {
			unsigned char *p = range + next_random(&seed) % (PAGES * PAGE);
			int sig = memory_write(p, 0x5a);
			CHECK(sig == 0 || sig == SIGSEGV);
			sig = memory_read(p, &value);
			CHECK(sig == SIGSEGV || (sig == 0 && (value == 0 || value == 0x5a)));
		}
	}
	return NULL;
}

static void
run_for(double seconds)
{
	double end = guest_now() + seconds;
	while (guest_now() < end)
		usleep(10000);
}

GUEST_TEST(threads_change_one_range)
{
	pthread_t t[THREADS];
	range = memory_map(PAGES);
	CHECK_EQ(memory_read(range, NULL), 0); /* the handlers are there before there are threads */
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, change_and_touch, (void *)(i + 1)), 0);
	for (int i = 0; i < 30; i++) { /* and address spaces are copied meanwhile */
		pid_t pid = fork();
		if (pid == 0) {
			for (size_t j = 0; j < PAGES; j++)
				(void)memory_write(range + j * PAGE, 1);
			_exit(0);
		}
		CHECK(pid > 0);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		run_for(0.02);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(munmap(range, PAGES * PAGE), 0);
}

static void *
move_brk(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	unsigned char *start = (unsigned char *)syscall(SYS_brk, 0);
	while (!atomic_load(&stop)) {
		syscall(SYS_brk, start + next_random(&seed) % 64 * PAGE);
		unsigned char *p = start + next_random(&seed) % 64 * PAGE;
		int sig = memory_write(p, 1);
		CHECK(sig == 0 || sig == SIGSEGV);
	}
	return NULL;
}

GUEST_TEST(threads_move_brk)
{
	pthread_t t[THREADS];
	unsigned char *start = (unsigned char *)syscall(SYS_brk, 0);
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, move_brk, (void *)(i + 1)), 0);
	run_for(0.5);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK((unsigned char *)syscall(SYS_brk, start) == start);
}

/* A store at any moment; one that is refused is tried again. */
static void *
write_always(void *arg)
{
	_Atomic uint32_t *word = arg;
	uint32_t n = 0;
	while (!atomic_load(&stop)) {
		(void)memory_write((unsigned char *)word + 8,
			(unsigned char)n); /* takes the fault if there is one */
		if (memory_last.signal == 0) {
			for (int i = 0; i < 100; i++)
				(void)memory_write((unsigned char *)word, (unsigned char)++n);
		} else {
			sched_yield();
		}
	}
	return NULL;
}

/* After mprotect returned, no other CPU's store lands, and it does again after the next. */
GUEST_TEST(threads_protection_reaches_all)
{
	pthread_t t[2];
	unsigned char *p = memory_map(1);
	p[0] = 1;
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, write_always, p), 0);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
		unsigned char before = *(volatile unsigned char *)p;
		for (int j = 0; j < 200; j++)
			CHECK_EQ(*(volatile unsigned char *)p, before);
		CHECK_EQ(mprotect(p, PAGE, RW), 0);
		if (i % 16 == 0)
			sched_yield();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(munmap(p, PAGE), 0);
}

/* After munmap returned, the frame is nobody's to write: the next owner finds zeroes and keeps what it put there. */
GUEST_TEST(threads_unmapped_frames_are_left_alone)
{
	pthread_t t[2];
	unsigned char *p = memory_map(1);
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, write_always, p), 0);
	for (int i = 0; i < 500; i++) {
		CHECK(mmap(p, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) == p);
		unsigned char *fresh = memory_map(4); /* likely the very frame */
		CHECK(memory_is(fresh, 0, 4 * PAGE));
		memset(fresh, 0xee, 4 * PAGE);
		sched_yield();
		CHECK(memory_is(fresh, 0xee, 4 * PAGE));
		CHECK_EQ(munmap(fresh, 4 * PAGE), 0);
		CHECK_EQ(mprotect(p, PAGE, RW), 0);
		sched_yield();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(munmap(p, PAGE), 0);
}

static void *
count_up(void *arg)
{
	_Atomic(uint64_t) *words = arg;
	while (!atomic_load(&stop)) /* both words always together, the first first */
		atomic_store(&words[PAGE / 8], atomic_fetch_add(&words[0], 1) + 1);
	return NULL;
}

/* A fork while others write is a snapshot that no longer changes. */
GUEST_TEST(threads_write_while_forking)
{
	pthread_t t;
	unsigned char *p = memory_map(2);
	volatile uint64_t *words = (volatile uint64_t *)(void *)p;
	atomic_store(&stop, false);
	CHECK_EQ(pthread_create(&t, NULL, count_up, p), 0);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			uint64_t a = words[0], b = words[PAGE / 8];
			for (int j = 0; j < 20; j++) {
				sched_yield();
				if (words[0] != a || words[PAGE / 8] != b)
					_exit(1);
			}
			_exit(0);
		}
		CHECK(pid > 0);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	atomic_store(&stop, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK(words[0] == words[PAGE / 8]);
	CHECK_EQ(munmap(p, 2 * PAGE), 0);
}

static void *
read_into(void *arg)
{
	int *fd = arg;
	while (!atomic_load(&stop)) {
		ssize_t n = read(fd[0], range, PAGE);
		CHECK(n > 0 || (n < 0 && errno == EFAULT));
	}
	return NULL;
}

/* Copies by the kernel race with unmapping: an error or a success, nothing else. */
GUEST_TEST(threads_unmap_below_a_call)
{
	pthread_t t[2];
	int zero[1] = {open("/dev/zero", O_RDONLY)};
	CHECK(zero[0] >= 0);
	range = memory_map(2);
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, read_into, zero), 0);
	for (int i = 0; i < 2000; i++) {
		CHECK_EQ(munmap(range, PAGE), 0);
		CHECK(mmap(range, PAGE, RW, ANON | MAP_FIXED, -1, 0) == range);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	close(zero[0]);
}

/* --- A private copy of a page that the file loses at the same moment. --- */

static struct {
	atomic_uint round, done; /* the writer does one for each */
	unsigned char *at;
} loss;

static void *
copy_what_is_lost(void *unused)
{
	for (unsigned i = 1;; i++) {
		while (atomic_load(&loss.round) < i) {
			if (atomic_load(&stop))
				return NULL;
			sched_yield();
		}
		int sig = memory_write(loss.at, 1);
		CHECK(sig == 0 || sig == SIGBUS);
		atomic_store(&loss.done, i);
	}
}

/* Behind the end of the file there is nothing, whoever came first. */
GUEST_TEST(threads_copy_what_is_truncated)
{
	pthread_t t;
	int fd = memfd_create("lost", 0);
	CHECK(fd >= 0);
	atomic_store(&stop, false);
	CHECK_EQ(pthread_create(&t, NULL, copy_what_is_lost, NULL), 0);
	for (unsigned i = 1; i <= 3000; i++) {
		CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
		unsigned char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		CHECK(p != MAP_FAILED);
		CHECK_EQ(memory_read(p, NULL), 0);
		loss.at = p + PAGE;
		atomic_store(&loss.round, i);
		for (volatile unsigned pause = i % 64 * 8; pause > 0; pause--)
			;
		CHECK_EQ(ftruncate(fd, PAGE), 0);
		while (atomic_load(&loss.done) < i)
			sched_yield();
		CHECK_EQ(memory_read(p + PAGE, NULL), SIGBUS);
		CHECK_EQ(munmap(p, 2 * PAGE), 0);
	}
	atomic_store(&stop, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close(fd);
}

/* A page that a shared mapping's fault makes just then does not stay behind the file's end. */
GUEST_TEST(threads_touch_what_is_truncated)
{
	pthread_t t;
	struct stat st;
	int fd = memfd_create("touched", 0);
	CHECK(fd >= 0);
	loss.at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(loss.at != MAP_FAILED);
	atomic_store(&stop, false);
	CHECK_EQ(pthread_create(&t, NULL, copy_what_is_lost, NULL), 0);
	for (unsigned i = 1; i <= 400; i++) {
		CHECK_EQ(ftruncate(fd, PAGE), 0);
		atomic_store(&loss.round, i);
		for (volatile unsigned pause = i % 64 * 8; pause > 0; pause--)
			;
		CHECK_EQ(ftruncate(fd, 0), 0);
		while (atomic_load(&loss.done) < i)
			sched_yield();
		CHECK_EQ(fstat(fd, &st), 0);
		CHECK_EQ(st.st_blocks, 0);
	}
	atomic_store(&stop, true);
	CHECK_EQ(pthread_join(t, NULL), 0);
	munmap(loss.at, PAGE);
	close(fd);
}
