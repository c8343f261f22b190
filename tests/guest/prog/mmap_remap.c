/* SPDX-License-Identifier: MIT */
/* mremap, madvise, mincore, msync, mlock. */
#include "guest.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "memory_fault.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static unsigned char *
filled(size_t pages)
{
	unsigned char *p = memory_map(pages);
	for (size_t i = 0; i < pages; i++)
		memset(p + i * PAGE, (int)i + 1, PAGE);
	return p;
}

GUEST_TEST(mremap_shrinks_and_grows_in_place)
{
	unsigned char *p = filled(8);
	CHECK(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
	CHECK_EQ(memory_read(p + 4 * PAGE, NULL), SIGSEGV);
	CHECK(memory_is(p + 3 * PAGE, 4, PAGE));
	CHECK(mremap(p, 4 * PAGE, 8 * PAGE, 0) == p); /* the room is still there */
	CHECK(memory_is(p + 3 * PAGE, 4, PAGE));
	CHECK(memory_is(p + 4 * PAGE, 0, 4 * PAGE));
	CHECK(mremap(p, 8 * PAGE, 8 * PAGE, 0) == p);
	CHECK_EQ(munmap(p, 8 * PAGE), 0);
}

GUEST_TEST(mremap_moves)
{
	unsigned char *p = filled(4);
	CHECK(mmap(p + 2 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) ==
		p + 2 * PAGE); /* in the way */
	CHECK_ERRNO((long)mremap(p, 2 * PAGE, 3 * PAGE, 0), ENOMEM);
	CHECK(memory_is(p + PAGE, 2, PAGE));
	unsigned char *q = mremap(p, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	CHECK(memory_is(q, 1, PAGE) && memory_is(q + PAGE, 2, PAGE) &&
		memory_is(q + 2 * PAGE, 0, 598 * PAGE));
	CHECK_EQ(memory_read(p, NULL), SIGSEGV);
	CHECK_EQ(memory_read(p + PAGE, NULL), SIGSEGV);
	CHECK(memory_is(p + 3 * PAGE, 4, PAGE));
	q[599 * PAGE] = 1;
	CHECK_EQ(munmap(q, 600 * PAGE), 0);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(mremap_fixed_replaces)
{
	unsigned char *p = filled(4), *target = memory_map(6);
	memset(target, 0xa5, 6 * PAGE);
	CHECK(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) ==
		target + PAGE);
	CHECK(memory_is(target, 0xa5, PAGE) && memory_is(target + 5 * PAGE, 0xa5, PAGE));
	for (size_t i = 0; i < 4; i++)
		CHECK(memory_is(target + (i + 1) * PAGE, (unsigned char)(i + 1), PAGE));
	CHECK_EQ(memory_read(p, NULL), SIGSEGV);
	CHECK_EQ(munmap(target, 6 * PAGE), 0);
}

GUEST_TEST(mremap_part_of_a_mapping)
{
	unsigned char *p = filled(6);
	unsigned char *q = mremap(p + 2 * PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK(memory_is(q, 3, PAGE) && memory_is(q + PAGE, 4, PAGE) &&
		memory_is(q + 2 * PAGE, 0, 2 * PAGE));
	CHECK_EQ(memory_read(p + 2 * PAGE, NULL), SIGSEGV);
	CHECK(memory_is(p + PAGE, 2, PAGE) && memory_is(p + 4 * PAGE, 5, PAGE));
	CHECK_EQ(munmap(p, 6 * PAGE), 0);
	CHECK_EQ(munmap(q, 4 * PAGE), 0);
}

GUEST_TEST(mremap_of_nothing_doubles_shared)
{
	unsigned char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	unsigned char *q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	q[PAGE] = 8;
	CHECK_EQ(p[PAGE], 8);
	unsigned char *own = memory_map(1);
	CHECK_ERRNO((long)mremap(own, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK_EQ(munmap(q, 2 * PAGE), 0);
	CHECK_EQ(p[PAGE], 8);
}

GUEST_TEST(mremap_file_keeps_offset)
{
	int fd = open("/tmp/mremap", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(unlink("/tmp/mremap"), 0);
	unsigned char *fill = filled(6);
	CHECK_EQ(write(fd, fill, 6 * PAGE), (ssize_t)(6 * PAGE));
	unsigned char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE);
	CHECK(p != MAP_FAILED);
	unsigned char *q = mremap(p + PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK(memory_is(q, 3, PAGE) && memory_is(q + PAGE, 4, PAGE) &&
		memory_is(q + 2 * PAGE, 5, PAGE));
	close(fd);
}

GUEST_TEST(mremap_errors)
{
	unsigned char *p = memory_map(5);
	CHECK_EQ(munmap(p + 4 * PAGE, PAGE), 0); /* whatever lies behind it, this does not */
	int move = MREMAP_MAYMOVE, fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
	CHECK_ERRNO((long)mremap(p + 1, PAGE, PAGE, move), EINVAL);
	CHECK_ERRNO((long)mremap(p, PAGE, 0, move), EINVAL);
	CHECK_ERRNO((long)mremap(p, PAGE, PAGE, 0x80), EINVAL);
	CHECK_ERRNO((long)mremap(p, PAGE, PAGE, MREMAP_FIXED, p + PAGE), EINVAL);
	CHECK_ERRNO((long)mremap(p, 2 * PAGE, 2 * PAGE, fixed, p + PAGE), EINVAL); /* overlap */
	CHECK_ERRNO((long)mremap(p, PAGE, PAGE, fixed, p + 100), EINVAL);
	CHECK_ERRNO((long)mremap(p, 8 * PAGE, 9 * PAGE, move), EFAULT);
	CHECK_ERRNO(syscall(SYS_mremap, p, PAGE, ~0ul - PAGE, move, 0), ENOMEM);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
	CHECK_ERRNO((long)mremap(p, PAGE, 2 * PAGE, move), EFAULT);
}

GUEST_TEST(madvise_dontneed)
{
	unsigned char *p = filled(4), *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	CHECK_EQ(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(memory_is(p, 1, PAGE) && memory_is(p + PAGE, 0, 2 * PAGE) &&
		memory_is(p + 3 * PAGE, 4, PAGE));
	p[PAGE] = 1;
	s[0] = 7;
	CHECK_EQ(madvise(s, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(s[0], 7); /* shared memory is not lost with a mapping's view of it */
	CHECK_EQ(madvise(p, 4 * PAGE, MADV_FREE), 0);
	for (size_t i = 0; i < 4; i++)
		CHECK(p[i * PAGE] <= i + 1); /* the old byte or zero */
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(madvise_across_fork)
{
	unsigned char *wipe = filled(1), *no = filled(1);
	CHECK_EQ(madvise(wipe, PAGE, 18 /* MADV_WIPEONFORK */), 0);
	CHECK_EQ(madvise(no, PAGE, MADV_DONTFORK), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(wipe[0] == 0 && memory_read(no, NULL) == SIGSEGV ? 0 : 1);
	CHECK_EQ(wipe[0], 1);
	CHECK_EQ(no[0], 1);
	CHECK_EQ(madvise(no, PAGE, MADV_DOFORK), 0);
	CHECK_EQ(memory_read(no, NULL), 0);
}

GUEST_TEST(madvise_errors)
{
	unsigned char *p = memory_map(3);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERRNO(madvise(p, PAGE, 12345), EINVAL);
	CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_ERRNO(syscall(SYS_madvise, p, ~0ul - 100, MADV_DONTNEED), EINVAL);
	CHECK_EQ(madvise(p, 0, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_WILLNEED), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_SEQUENTIAL), 0);
	CHECK_EQ(munmap(p, 3 * PAGE), 0);
}

GUEST_TEST(mincore_says_what_is_there)
{
	unsigned char vec[4];
	unsigned char *p = memory_map(4);
	p[PAGE] = p[3 * PAGE] = 1;
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK_EQ(vec[0] & 1, 0);
	CHECK_EQ(vec[1] & 1, 1);
	CHECK_EQ(vec[2] & 1, 0);
	CHECK_EQ(vec[3] & 1, 1);
	CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERRNO(mincore(p, PAGE, (unsigned char *)8), EFAULT);
	CHECK_EQ(munmap(p, PAGE), 0);
	CHECK_ERRNO(mincore(p, PAGE, vec), ENOMEM);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(msync_errors)
{
	unsigned char *p = memory_map(3);
	CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, 0x100), EINVAL);
	CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_EQ(msync(p, 3 * PAGE, MS_SYNC), 0);
	CHECK_EQ(msync(p, 0, MS_SYNC), 0);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERRNO(msync(p, 3 * PAGE, MS_ASYNC), ENOMEM);
	CHECK_EQ(munmap(p, 3 * PAGE), 0);
}

static void
lock_as_user(void *limit)
{
	struct rlimit r = {(rlim_t)(uintptr_t)limit, (rlim_t)(uintptr_t)limit};
	unsigned char *p = memory_map(32);
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &r), 0);
	CHECK_EQ(setuid(1000), 0);
	if (limit == NULL) {
		CHECK_ERRNO(mlock(p, PAGE), EPERM);
		CHECK_ERRNO(mlockall(MCL_CURRENT), EPERM);
		return;
	}
	CHECK_EQ(mlock(p, 8 * PAGE), 0);
	CHECK_EQ(mlock(p, 8 * PAGE), 0); /* counts once */
	CHECK_EQ(mlock(p + 8 * PAGE, 8 * PAGE), 0);
	CHECK_ERRNO(mlock(p + 16 * PAGE, PAGE), ENOMEM);
	CHECK_EQ(munlock(p, PAGE), 0);
	CHECK_EQ(mlock(p + 16 * PAGE, PAGE), 0);
	CHECK_EQ(munmap(p + 16 * PAGE, PAGE), 0); /* gives its share back */
	CHECK_EQ(mlock(p + 17 * PAGE, PAGE), 0);
}

GUEST_TEST(mlock_limits)
{
	guest_fork_ok(lock_as_user, NULL);
	guest_fork_ok(lock_as_user, (void *)(16 * PAGE));
}

GUEST_TEST(mlock_populates)
{
	unsigned char vec[4], *p = memory_map(4);
	CHECK_EQ(mlock(p, 4 * PAGE), 0);
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK((vec[0] & vec[1] & vec[2] & vec[3] & 1) == 1);
	CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_EQ(munlock(p, 4 * PAGE), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(munmap(p + 2 * PAGE, PAGE), 0);
	CHECK_ERRNO(mlock(p, 4 * PAGE), ENOMEM);
	CHECK_ERRNO(mlockall(0x40), EINVAL);
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}
