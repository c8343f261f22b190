/* SPDX-License-Identifier: MIT */
/* Mapped files: shared ones are the file, private ones are copies, and both end where the file ends. */
#include "guest.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "memory_fault.h"

#define RW (PROT_READ | PROT_WRITE)

/* A file without a name in /tmp of that many pages; page i holds bytes i + 1. */
static int
make_file(size_t pages)
{
	unsigned char page[PAGE];
	int fd = open("/tmp/mmap-file", O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(unlink("/tmp/mmap-file"), 0);
	for (size_t i = 0; i < pages; i++) {
		memset(page, (int)i + 1, PAGE);
		CHECK_EQ(write(fd, page, PAGE), (ssize_t)PAGE);
	}
	return fd;
}

static unsigned char *
map_file(int fd, size_t pages, int flags)
{
	unsigned char *p = mmap(NULL, pages * PAGE, RW, flags, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static int
byte_at(int fd, off_t at)
{
	unsigned char c;
	CHECK_EQ(pread(fd, &c, 1, at), 1);
	return c;
}

GUEST_TEST(mmap_file_shared_is_the_file)
{
	int fd = make_file(4);
	unsigned char *p = map_file(fd, 4, MAP_SHARED), *q = map_file(fd, 4, MAP_SHARED);
	for (size_t i = 0; i < 4; i++)
		CHECK(memory_is(p + i * PAGE, (unsigned char)(i + 1), PAGE));
	p[2 * PAGE + 5] = 0xee; /* store, seen by read and the other mapping */
	CHECK_EQ(byte_at(fd, 2 * PAGE + 5), 0xee);
	CHECK_EQ(q[2 * PAGE + 5], 0xee);
	CHECK_EQ(pwrite(fd, "\xdd", 1, PAGE + 7), 1); /* write, seen by both */
	CHECK_EQ(p[PAGE + 7], 0xdd);
	CHECK_EQ(q[PAGE + 7], 0xdd);
	CHECK_EQ(msync(p, 4 * PAGE, MS_SYNC), 0);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
	CHECK_EQ(munmap(q, 4 * PAGE), 0);
	CHECK_EQ(byte_at(fd, 2 * PAGE + 5), 0xee);
	close(fd);
}

GUEST_TEST(mmap_file_shared_across_fork)
{
	int fd = make_file(1);
	volatile unsigned char *p = map_file(fd, 1, MAP_SHARED);
	close(fd); /* the mapping keeps the file */
	pid_t pid = fork();
	if (pid == 0) {
		while (p[0] != 0x11)
			usleep(1000);
		p[1] = 0x22;
		_exit(0);
	}
	p[0] = 0x11;
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(p[1], 0x22);
}

GUEST_TEST(mmap_file_private_is_a_copy)
{
	int fd = make_file(3);
	unsigned char *p = map_file(fd, 3, MAP_PRIVATE);
	p[0] = 0xee;
	CHECK_EQ(byte_at(fd, 0), 1);
	CHECK_EQ(p[1], 1); /* the rest of the page came along */
	CHECK_EQ(pwrite(fd, "\xdd", 1, 1), 1);
	CHECK_EQ(p[1], 1); /* once copied it is on its own */
	CHECK_EQ(pwrite(fd, "\xdd", 1, PAGE), 1);
	CHECK_EQ(p[PAGE], 0xdd); /* until then it is the file */
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[1], 0xdd);
	close(fd);
}

GUEST_TEST(mmap_file_offset)
{
	int fd = make_file(8);
	unsigned char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 4 * PAGE);
	CHECK(p != MAP_FAILED);
	CHECK(memory_is(p, 5, PAGE) && memory_is(p + 2 * PAGE, 7, PAGE));
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK(memory_is(p, 5, PAGE) && memory_is(p + 2 * PAGE, 7, PAGE));
	CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
	close(fd);
}

GUEST_TEST(mmap_file_split_keeps_offsets)
{
	int fd = make_file(10);
	unsigned char *p =
		map_file(fd, 10, MAP_PRIVATE); /* untouched: faults come after the splits */
	CHECK_EQ(munmap(p + 3 * PAGE, 2 * PAGE), 0);
	CHECK_EQ(mprotect(p + 6 * PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(munmap(p, PAGE), 0);
	CHECK_EQ(mprotect(p + 6 * PAGE, PAGE, RW), 0);
	for (size_t i = 0; i < 10; i++) {
		bool gone = i == 0 || i == 3 || i == 4;
		CHECK_EQ(memory_read(p + i * PAGE, NULL), gone ? SIGSEGV : 0);
		CHECK(gone || memory_is(p + i * PAGE, (unsigned char)(i + 1), PAGE));
	}
	close(fd);
}

static void
check_end(int fd, int flags)
{
	unsigned char *p = map_file(fd, 4, flags);
	CHECK_EQ(ftruncate(fd, PAGE + 100), 0);
	CHECK_EQ(memory_read(p + 2 * PAGE, NULL), SIGBUS);
	CHECK_EQ(memory_last.code, BUS_ADRERR);
	CHECK(memory_last.address == p + 2 * PAGE);
	CHECK_EQ(memory_write(p + 3 * PAGE, 1), SIGBUS);
	CHECK(memory_is(p + PAGE, 2, 100));
	CHECK(memory_is(p + PAGE + 100, 0, PAGE - 100)); /* the last page is filled with zeroes */
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

GUEST_TEST(mmap_file_ends_in_sigbus)
{
	int fd = make_file(4);
	check_end(fd, MAP_SHARED);
	close(fd);
	fd = make_file(4);
	check_end(fd, MAP_PRIVATE);
	close(fd);
}

GUEST_TEST(mmap_file_truncate_and_extend)
{
	int fd = make_file(4);
	unsigned char *p = map_file(fd, 4, MAP_SHARED);
	CHECK(memory_is(p + 3 * PAGE, 4, PAGE));
	CHECK_EQ(ftruncate(fd, PAGE / 2), 0);
	CHECK_EQ(memory_read(p + 3 * PAGE, NULL), SIGBUS);
	CHECK_EQ(memory_read(p + PAGE, NULL), SIGBUS);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK(memory_is(p, 1, PAGE / 2)); /* growth reads zero, also where there was something */
	CHECK(memory_is(p + PAGE / 2, 0, 3 * PAGE + PAGE / 2));
	p[2 * PAGE] = 9;
	CHECK_EQ(byte_at(fd, 2 * PAGE), 9);
	close(fd);
}

/* Copies go with the pages that they were copies of. */
GUEST_TEST(mmap_file_truncate_takes_private_copies)
{
	int fd = make_file(3);
	unsigned char *p = map_file(fd, 3, MAP_PRIVATE);
	p[0] = p[2 * PAGE] = 0xee;
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(p[0], 0xee);
	CHECK_EQ(memory_read(p + 2 * PAGE, NULL), SIGBUS);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(p[2 * PAGE], 0);
	close(fd);
}

/* A call's access to such memory is an error and no signal. */
GUEST_TEST(mmap_file_end_in_a_call)
{
	int fd = make_file(2), p[2];
	unsigned char *m = map_file(fd, 2, MAP_SHARED);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_ERRNO(write(p[1], m + PAGE, 10), EFAULT);
	CHECK_EQ(write(p[1], m + PAGE - 10, 10), 10);
	CHECK_ERRNO(read(p[0], m + PAGE, 10), EFAULT);
	CHECK_EQ(read(p[0], m, 10), 10);
	close(fd);
}

GUEST_TEST(mmap_file_read_into_own_mapping)
{
	int fd = make_file(2);
	unsigned char *m = map_file(fd, 2, MAP_SHARED);
	CHECK_EQ(pread(fd, m, PAGE, PAGE), (ssize_t)PAGE); /* file page 1 into file page 0 */
	CHECK(memory_is(m, 2, PAGE));
	CHECK_EQ(pwrite(fd, m, PAGE, 0), (ssize_t)PAGE); /* onto itself */
	CHECK(memory_is(m, 2, 2 * PAGE));
	close(fd);
}

GUEST_TEST(mmap_file_errors)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY), p[2], fd = make_file(1);
	CHECK(dir >= 0);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
	CHECK_ERRNO(
		(long)mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -(off_t)PAGE), EOVERFLOW);
	CHECK_ERRNO((long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	unsigned char *m = mmap(
		NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 16 * PAGE); /* past the end is fine */
	CHECK(m != MAP_FAILED);
	CHECK_EQ(memory_read(m, NULL), SIGBUS);
	close(dir);
	close(fd);
}

GUEST_TEST(mmap_base_image_file)
{
	int fd = open("/bin/busybox", O_RDONLY);
	CHECK(fd >= 0);
	unsigned char *m = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK(memcmp(m,
		      "\x7f"
		      "ELF",
		      4) == 0);
	m[0] = 0; /* a copy of our own */
	CHECK_EQ(byte_at(fd, 0), 0x7f);
	CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	unsigned char *s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	CHECK_ERRNO(mprotect(s, PAGE, RW), EACCES);
	close(fd);
}

/* Many processes fault the same pages of a file in at once. */
GUEST_TEST(mmap_file_faults_together)
{
	enum { PAGES = 128, PROCESSES = 8 };
	int fd = make_file(PAGES);
	unsigned char *m = map_file(fd, PAGES, MAP_SHARED);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (size_t j = 0; j < PAGES; j++) {
			if (m[j * PAGE] != (unsigned char)(j + 1))
				_exit(1);
			m[j * PAGE + 1 + (size_t)i] = (unsigned char)(i + 100);
		}
		_exit(0);
	}
	int status;
	while (wait(&status) > 0)
		CHECK_EQ(status, 0);
	for (size_t j = 0; j < PAGES; j++)
		for (int i = 0; i < PROCESSES; i++)
			CHECK_EQ(byte_at(fd, (off_t)(j * PAGE) + 1 + i), i + 100);
	close(fd);
}

/* Maps a file and reads a byte of one of its blocks: for the tests of damaged images. */
GUEST_HELPER(touch_block)
{
	int fd = argc == 4 ? open(argv[2], O_RDONLY) : -1;
	if (fd < 0)
		return 1;
	size_t index = strtoul(argv[3], NULL, 10);
	const unsigned char *p = mmap(NULL, (index + 1) * 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 2;
	return *(volatile const unsigned char *)(p + index * 4096) == 0;
}
