/* SPDX-License-Identifier: MIT */
/* tmpfs: its size limit by every way to reach it, what gives room back, holes. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "file_util.h"
#include "memory_fault.h"

enum { LIMIT_PAGES = 64 };

static void
mount_small(void)
{
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(mount("small", "m", "tmpfs", 0, "size=256k"), 0);
}

static unsigned long
free_pages(void)
{
	struct statfs s;
	CHECK_EQ(statfs("m", &s), 0);
	CHECK_EQ(s.f_bsize, 4096);
	CHECK_EQ(s.f_blocks, LIMIT_PAGES);
	return s.f_bfree;
}

/* Writes until there is no room; bytes. */
static ssize_t
fill(const char *path)
{
	static char block[8192];
	ssize_t total = 0, n;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	CHECK(fd >= 0);
	while ((n = write(fd, block, sizeof(block))) > 0)
		total += n;
	CHECK_EQ(errno, ENOSPC);
	close(fd);
	return total;
}

FILE_TEST(tmpfs_fills_and_recovers)
{
	mount_small();
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(fill("m/full"), LIMIT_PAGES * 4096);
		CHECK_EQ(free_pages(), 0);
		CHECK_EQ(unlink("m/full"), 0);
		CHECK_EQ(free_pages(), LIMIT_PAGES);
	}
	CHECK_EQ(umount("m"), 0);
}

FILE_TEST(tmpfs_open_files_keep_their_room)
{
	mount_small();
	(void)fill("m/full");
	int fd = open("m/full", O_RDWR);
	CHECK_EQ(unlink("m/full"), 0);
	CHECK_EQ(free_pages(), 0);
	CHECK_EQ(ftruncate(fd, 10 * 4096), 0);
	CHECK_EQ(free_pages(), LIMIT_PAGES - 10);
	close(fd);
	CHECK_EQ(free_pages(), LIMIT_PAGES);
	CHECK_EQ(umount("m"), 0);
}

FILE_TEST(tmpfs_holes_take_no_room)
{
	struct stat st;
	char c;
	mount_small();
	int fd = open("m/sparse", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(ftruncate(fd, 1l << 40), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 1l << 39), 1);
	CHECK_EQ(pread(fd, &c, 1, 12345678), 1);
	CHECK_EQ(c, 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 1l << 40);
	CHECK_EQ(st.st_blocks, 8);
	CHECK_EQ(free_pages(), LIMIT_PAGES - 1);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 1l << 39);
	CHECK_EQ(lseek(fd, 1l << 39, SEEK_HOLE), (1l << 39) + 4096);
	CHECK_EQ(lseek(fd, 5, SEEK_HOLE), 5);
	CHECK_ERRNO(lseek(fd, (1l << 39) + 4096, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, 1l << 41, SEEK_HOLE), ENXIO);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}

FILE_TEST(tmpfs_full_mapping_gets_sigbus)
{
	mount_small();
	int fd = open("m/mapped", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(ftruncate(fd, 2 * LIMIT_PAGES * 4096), 0);
	unsigned char *m =
		mmap(NULL, 2 * LIMIT_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	for (size_t i = 0; i < LIMIT_PAGES; i++)
		CHECK_EQ(memory_write(m + i * PAGE, 1), 0);
	CHECK_EQ(memory_write(m + LIMIT_PAGES * PAGE, 1), SIGBUS);
	CHECK_EQ(free_pages(), 0);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), 0);
	CHECK_EQ(free_pages(), 1);
	CHECK_EQ(memory_write(m + LIMIT_PAGES * PAGE, 1), 0);
	CHECK_EQ(memory_write(m, 1), SIGBUS);
	CHECK_EQ(munmap(m, 2 * LIMIT_PAGES * PAGE), 0);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}

FILE_TEST(tmpfs_fallocate_all_or_nothing)
{
	mount_small();
	int fd = open("m/f", O_RDWR | O_CREAT, 0600);
	struct stat st;
	CHECK_ERRNO(fallocate(fd, 0, 0, (LIMIT_PAGES + 1) * 4096), ENOSPC);
	CHECK_EQ(free_pages(), LIMIT_PAGES);
	CHECK_EQ(fallocate(fd, 0, 0, LIMIT_PAGES * 4096), 0);
	CHECK_EQ(free_pages(), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, LIMIT_PAGES * 4096);
	CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}
