/* SPDX-License-Identifier: MIT */
/* mprotect: what each protection allows, splits, code made and run, writable and executable refused. */
#include "guest.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "memory_fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define RWX  (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* A function that returns n: mov w0, #n; ret. */
static void
put_code(unsigned char *at, unsigned n)
{
	uint32_t code[2] = {0x52800000u | n << 5, 0xd65f03c0u};
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
}

GUEST_TEST(mprotect_each_protection)
{
	unsigned char *p = memory_map(1);
	p[0] = 9;
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(memory_read(p, NULL), 0);
	CHECK_EQ(memory_write(p + 100, 1), SIGSEGV);
	CHECK_EQ(memory_last.code, SEGV_ACCERR);
	CHECK(memory_last.address == p + 100);
	CHECK_EQ(mprotect(p, PAGE, PROT_NONE), 0);
	CHECK_EQ(memory_read(p, NULL), SIGSEGV);
	CHECK_EQ(memory_last.code, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, PROT_WRITE), 0); /* writable is readable on this machine */
	CHECK_EQ(memory_write(p, 10), 0);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	CHECK_EQ(p[0], 10);
	CHECK_EQ(munmap(p, PAGE), 0);
}

GUEST_TEST(mprotect_data_is_not_code)
{
	int n;
	unsigned char *p = memory_map(1);
	put_code(p, 42);
	CHECK_EQ(memory_call(p, &n), SIGSEGV);
	CHECK_EQ(memory_last.code, SEGV_ACCERR);
	CHECK(memory_last.address == p);
	CHECK_EQ(munmap(p, PAGE), 0);
}

GUEST_TEST(mprotect_write_then_execute)
{
	unsigned char *p = memory_map(1);
	for (unsigned i = 0; i < 100; i++) { /* old instructions must not stay in a cache */
		int n = -1;
		CHECK_EQ(mprotect(p, PAGE, RW), 0);
		put_code(p, i);
		CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
		CHECK_EQ(memory_call(p, &n), 0);
		CHECK_EQ(n, i);
		CHECK_EQ(memory_write(p, 1), SIGSEGV);
	}
	CHECK_EQ(munmap(p, PAGE), 0);
}

GUEST_TEST(mprotect_execute_file)
{
	int n = -1, fd = open("/tmp/mprotect-code", O_RDWR | O_CREAT | O_TRUNC, 0700);
	CHECK(fd >= 0);
	CHECK_EQ(unlink("/tmp/mprotect-code"), 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	unsigned char *w = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	unsigned char *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	CHECK(w != MAP_FAILED);
	CHECK(x != MAP_FAILED);
	for (unsigned i = 1; i < 20; i++) {
		put_code(w, i);
		__builtin___clear_cache((char *)x, (char *)x + 8);
		CHECK_EQ(memory_call(x, &n), 0);
		CHECK_EQ(n, i);
	}
	close(fd);
}

/* Never writable and executable at once, and a refusal destroys nothing. */
GUEST_TEST(mprotect_refuses_rwx)
{
	unsigned char *p = memory_map(4);
	memset(p, 0xa5, 4 * PAGE);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RWX, ANON, -1, 0), EACCES);
	CHECK_ERRNO((long)mmap(p, PAGE, RWX, ANON | MAP_FIXED, -1, 0), EACCES);
	CHECK_ERRNO((long)mmap(p, PAGE, PROT_WRITE | PROT_EXEC, ANON | MAP_FIXED, -1, 0), EACCES);
	CHECK_ERRNO(mprotect(p, 4 * PAGE, RWX), EACCES);
	CHECK_ERRNO(mprotect(p, 4 * PAGE, PROT_WRITE | PROT_EXEC), EACCES);
	CHECK(memory_is(p, 0xa5, 4 * PAGE));
	CHECK_EQ(memory_write(p, 0xa5), 0);
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_ERRNO(mprotect(p, 4 * PAGE, RWX), EACCES);
	CHECK_EQ(memory_write(p + PAGE, 1), SIGSEGV);
	CHECK_EQ(memory_write(p + 2 * PAGE, 0xa5), 0);
	CHECK(memory_is(p, 0xa5, 4 * PAGE));
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(mprotect_splits_and_joins)
{
	unsigned char *p = memory_map(9);
	memset(p, 1, 9 * PAGE);
	CHECK_EQ(mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(p + 4 * PAGE, PAGE, PROT_NONE), 0);
	for (size_t i = 0; i < 9; i++) {
		CHECK_EQ(memory_write(p + i * PAGE, 2), i >= 3 && i < 6 ? SIGSEGV : 0);
		CHECK_EQ(memory_read(p + i * PAGE, NULL), i == 4 ? SIGSEGV : 0);
	}
	CHECK_EQ(mprotect(p, 9 * PAGE, RW), 0);
	CHECK_EQ(p[3 * PAGE], 1);
	CHECK_EQ(p[4 * PAGE], 1);
	CHECK_EQ(p[5 * PAGE], 1);
	memset(p, 3, 9 * PAGE);
	CHECK_EQ(munmap(p, 9 * PAGE), 0);
}

/* What lies before a hole is changed, as on Linux. */
GUEST_TEST(mprotect_up_to_a_hole)
{
	unsigned char *p = memory_map(6);
	memset(p, 1, 6 * PAGE);
	CHECK_EQ(munmap(p + 3 * PAGE, PAGE), 0);
	CHECK_ERRNO(mprotect(p, 6 * PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(memory_write(p + 2 * PAGE, 2), SIGSEGV);
	CHECK_EQ(memory_write(p + 4 * PAGE, 2), 0);
	CHECK_ERRNO(mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(memory_write(p + 4 * PAGE, 2), 0);
	CHECK_EQ(munmap(p, 6 * PAGE), 0);
}

GUEST_TEST(mprotect_errors)
{
	unsigned char *p = memory_map(1);
	CHECK_ERRNO(
		syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL); /* musl would align it */
	CHECK_ERRNO(mprotect(p, PAGE, 0x40), EINVAL);
	CHECK_EQ(mprotect(p, 0, PROT_READ), 0);
	CHECK_ERRNO(syscall(SYS_mprotect, p, ~0ul - PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mprotect, 1ul << 48, PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(syscall(SYS_mprotect, -(long)PAGE, PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(memory_write(p, 1), 0);
	CHECK_EQ(munmap(p, PAGE), 0);
}

/* A read-only descriptor's shared mapping never becomes writable; a private one may. */
GUEST_TEST(mprotect_never_amplifies)
{
	int fd = open("/tmp/mprotect-ro", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	int ro = open("/tmp/mprotect-ro", O_RDONLY), wo = open("/tmp/mprotect-ro", O_WRONLY);
	CHECK(ro >= 0 && wo >= 0);
	CHECK_EQ(unlink("/tmp/mprotect-ro"), 0);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	unsigned char *s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	unsigned char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0);
	CHECK(s != MAP_FAILED);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(mprotect(s, PAGE, RW), EACCES);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	p[0] = 1;
	CHECK_EQ(s[0], 0);
	close(fd);
	close(ro);
	close(wo);
}
