/* SPDX-License-Identifier: MIT */
/* Anonymous mappings: where they go, what they hold, what munmap leaves, what is refused. */
#include "guest.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "memory_fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define GIB  (1ul << 30)

GUEST_TEST(mmap_anonymous_reads_zero)
{
	for (int round = 0; round < 3; round++) {
		unsigned char *p = memory_map(64);
		CHECK(memory_is(p, 0, 64 * PAGE));
		memset(p, 0xa5, 64 * PAGE);
		CHECK_EQ(munmap(p, 64 * PAGE), 0);
		CHECK_EQ(memory_read(p, NULL), SIGSEGV);
		CHECK_EQ(memory_last.code, SEGV_MAPERR);
		CHECK(memory_last.address == p);
	}
}

GUEST_TEST(mmap_fixed_over_live_reads_zero)
{
	unsigned char *p = memory_map(8);
	memset(p, 0xa5, 8 * PAGE);
	CHECK(mmap(p + 3 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 3 * PAGE);
	CHECK(memory_is(p, 0xa5, 3 * PAGE));
	CHECK(memory_is(p + 3 * PAGE, 0, 2 * PAGE));
	CHECK(memory_is(p + 5 * PAGE, 0xa5, 3 * PAGE));
	p[3 * PAGE] = 1;
	CHECK(mmap(p, 8 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) == p);
	CHECK(memory_is(p, 0, 8 * PAGE));
	CHECK_EQ(memory_write(p, 1), SIGSEGV);
	CHECK_EQ(memory_last.code, SEGV_ACCERR);
	CHECK_EQ(munmap(p, 8 * PAGE), 0);
}

GUEST_TEST(mmap_fixed_over_many_mappings)
{
	unsigned char *p = memory_map(32);
	for (int i = 0; i < 32; i += 2)
		CHECK_EQ(mprotect(p + (size_t)i * PAGE, PAGE, PROT_READ), 0);
	for (int i = 4; i < 32; i += 8)
		CHECK_EQ(munmap(p + (size_t)i * PAGE, PAGE), 0);
	CHECK(mmap(p + PAGE, 30 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	memset(p + PAGE, 1, 30 * PAGE);
	CHECK_EQ(memory_write(p, 1), SIGSEGV);
	CHECK_EQ(memory_write(p + 31 * PAGE, 1), 0);
	CHECK_EQ(munmap(p, 32 * PAGE), 0);
}

GUEST_TEST(mmap_noreplace)
{
	int flags = ANON | MAP_FIXED_NOREPLACE;
	unsigned char *p = memory_map(4);
	memset(p, 0xa5, 4 * PAGE);
	CHECK_ERRNO((long)mmap(p, PAGE, RW, flags, -1, 0), EEXIST);
	CHECK_ERRNO((long)mmap(p + 3 * PAGE, PAGE, RW, flags, -1, 0), EEXIST);
	CHECK_ERRNO((long)mmap(p - PAGE, 3 * PAGE, RW, flags, -1, 0), EEXIST);
	CHECK(memory_is(p, 0xa5, 4 * PAGE));
	CHECK_EQ(munmap(p + PAGE, 2 * PAGE), 0);
	CHECK_ERRNO((long)mmap(p + PAGE, 3 * PAGE, RW, flags, -1, 0), EEXIST);
	CHECK(mmap(p + PAGE, 2 * PAGE, RW, flags, -1, 0) == p + PAGE);
	CHECK(memory_is(p + PAGE, 0, 2 * PAGE));
	CHECK(memory_is(p + 3 * PAGE, 0xa5, PAGE));
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(mmap_hint)
{
	unsigned char *p = memory_map(16);
	CHECK_EQ(munmap(p, 16 * PAGE), 0);
	CHECK(mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0) == p + 4 * PAGE);
	p[4 * PAGE] = 7;
	unsigned char *q = mmap(p + 4 * PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED);
	CHECK(q != p + 4 * PAGE);
	CHECK_EQ(p[4 * PAGE], 7);
	CHECK_EQ(munmap(q, PAGE), 0);
	q = mmap(p + 5 * PAGE + 123, PAGE, RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED && ((uintptr_t)q & (PAGE - 1)) == 0);
	CHECK_EQ(munmap(q, PAGE), 0);
	CHECK_EQ(munmap(p + 4 * PAGE, PAGE), 0);
}

GUEST_TEST(mmap_errors)
{
	CHECK_ERRNO((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERRNO((long)mmap((void *)0x10000001, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -1, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, ~0ul, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, ~0ul - PAGE, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, 1ul << 48, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, (1ul << 48) - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0),
		ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, 1ul << 48, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, -4096l, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, 9999, 0), EBADF);
}

GUEST_TEST(mmap_last_page_of_user_space)
{
	unsigned char *last = (unsigned char *)((1ul << 48) - PAGE);
	CHECK(mmap(last, PAGE, RW, ANON | MAP_FIXED, -1, 0) == last);
	memset(last, 0x5a, PAGE);
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(write(p[1], last, PAGE), (ssize_t)PAGE);
	CHECK_EQ(read(p[0], last, PAGE), (ssize_t)PAGE);
	CHECK_ERRNO(write(p[1], last, PAGE + 1) > (ssize_t)PAGE ? 0 : -1, EFAULT);
	CHECK(memory_is(last, 0x5a, PAGE));
	CHECK_EQ(munmap(last, PAGE), 0);
}

GUEST_TEST(mmap_reservation_of_gigabytes)
{
	unsigned char *p = mmap(NULL, 64 * GIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(memory_read(p + 5 * GIB, NULL), SIGSEGV);
	CHECK_EQ(memory_last.code, SEGV_ACCERR);
	CHECK(memory_last.address == p + 5 * GIB);
	for (size_t i = 0; i < 64; i += 7) {
		CHECK_EQ(mprotect(p + i * GIB, 2 * PAGE, RW), 0);
		CHECK(memory_is(p + i * GIB, 0, 2 * PAGE));
		p[i * GIB] = (unsigned char)i;
	}
	for (size_t i = 0; i < 64; i += 7)
		CHECK_EQ(p[i * GIB], i);
	CHECK_EQ(memory_read(p + 2 * PAGE, NULL), SIGSEGV);
	CHECK_EQ(munmap(p, 64 * GIB), 0);
	CHECK_EQ(memory_read(p, NULL), SIGSEGV);
}

GUEST_TEST(mmap_decommit_and_recommit)
{
	unsigned char *p = mmap(NULL, GIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	for (int round = 0; round < 4; round++) {
		CHECK_EQ(mprotect(p + PAGE, 16 * PAGE, RW), 0);
		CHECK(memory_is(p + PAGE, 0, 16 * PAGE));
		memset(p + PAGE, 0xa5, 16 * PAGE);
		CHECK(mmap(p + PAGE, 16 * PAGE, PROT_NONE, ANON | MAP_NORESERVE | MAP_FIXED, -1,
			      0) == p + PAGE);
		CHECK_EQ(memory_read(p + PAGE, NULL), SIGSEGV);
	}
	CHECK_EQ(mprotect(p + PAGE, PAGE, RW), 0);
	p[PAGE] = 1;
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_NONE), 0); /* keeps what it held */
	CHECK_EQ(memory_read(p + PAGE, NULL), SIGSEGV);
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(p[PAGE], 1);
	CHECK_EQ(munmap(p, GIB), 0);
}

GUEST_TEST(munmap_splits)
{
	unsigned char *p = memory_map(10);
	for (int i = 0; i < 10; i++)
		memset(p + (size_t)i * PAGE, i + 1, PAGE);
	CHECK_EQ(munmap(p + 3 * PAGE, 2 * PAGE), 0); /* the middle */
	CHECK_EQ(munmap(p, PAGE), 0);                /* the head */
	CHECK_EQ(munmap(p + 9 * PAGE, 1), 0);        /* the tail; a length is rounded up */
	for (size_t i = 0; i < 10; i++) {
		bool gone = i == 0 || i == 3 || i == 4 || i == 9;
		CHECK_EQ(memory_read(p + i * PAGE, NULL), gone ? SIGSEGV : 0);
		if (!gone)
			CHECK(memory_is(p + i * PAGE, (unsigned char)(i + 1), PAGE));
	}
	CHECK_EQ(munmap(p, 10 * PAGE), 0); /* over holes */
	CHECK_EQ(munmap(p, 10 * PAGE), 0); /* of nothing at all */
}

GUEST_TEST(munmap_errors)
{
	unsigned char *p = memory_map(2);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERRNO(syscall(SYS_munmap, p, ~0ul), EINVAL);
	CHECK_ERRNO(syscall(SYS_munmap, 1ul << 48, PAGE), EINVAL);
	CHECK_ERRNO(syscall(SYS_munmap, (1ul << 48) - PAGE, 2 * PAGE), EINVAL);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(munmap(p, 2 * PAGE), 0);
}

GUEST_TEST(munmap_forgets_the_file)
{
	int fd = open("/tmp/mmap-forget", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(unlink("/tmp/mmap-forget"), 0);
	static unsigned char text[4 * PAGE];
	memset(text, 0x77, sizeof(text));
	CHECK_EQ(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
	unsigned char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(memory_is(p, 0x77, 4 * PAGE));
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
	CHECK(mmap(p, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
	CHECK(memory_is(p, 0, 4 * PAGE));
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
	close(fd);
}

GUEST_TEST(mmap_many_areas)
{
	enum { N = 2000 };
	unsigned char *p = mmap(NULL, 2 * N * PAGE, PROT_NONE, ANON, -1, 0);
	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(mprotect(p + 2 * i * PAGE, PAGE, RW), 0);
		p[2 * i * PAGE] = (unsigned char)i;
	}
	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(p[2 * i * PAGE], (unsigned char)i);
		CHECK_EQ(memory_read(p + (2 * i + 1) * PAGE, NULL), SIGSEGV);
	}
	CHECK_EQ(munmap(p, 2 * N * PAGE), 0);
}

GUEST_TEST(mmap_area_limit)
{
	/* A limit on the number of areas is an error, and undone by giving some back. */
	enum { N = 70000 };
	unsigned char *p = mmap(NULL, 2ul * N * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	size_t i = 0;
	while (i < N && mprotect(p + 2 * i * PAGE, PAGE, PROT_READ) == 0)
		i++;
	if (i < N)
		CHECK_EQ(errno, ENOMEM);
	CHECK(i > 30000);
	CHECK_EQ(munmap(p, 2ul * N * PAGE), 0);
	CHECK_EQ(munmap(memory_map(1), PAGE), 0);
}

GUEST_TEST(mmap_populate)
{
	unsigned char vec[16];
	unsigned char *p = mmap(NULL, 16 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(mincore(p, 16 * PAGE, vec), 0);
	for (int i = 0; i < 16; i++)
		CHECK(vec[i] & 1);
	CHECK_EQ(munmap(p, 16 * PAGE), 0);
}

GUEST_TEST(mmap_dev_zero)
{
	int fd = open("/dev/zero", O_RDWR);
	CHECK(fd >= 0);
	unsigned char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	unsigned char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(s != MAP_FAILED);
	CHECK(memory_is(p, 0, 4 * PAGE) && memory_is(s, 0, 4 * PAGE));
	p[0] = s[0] = 1;
	unsigned char *other = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(other != MAP_FAILED);
	CHECK_EQ(other[0], 0); /* each has memory of its own */
	pid_t pid = fork();
	if (pid == 0) {
		p[0] = s[0] = 2;
		_exit(0);
	}
	while (s[0] != 2)
		usleep(1000);
	CHECK_EQ(p[0], 1);
	close(fd);
}
