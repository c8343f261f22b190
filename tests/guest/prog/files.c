/* SPDX-License-Identifier: MIT */
/* Names and files: paths, open's flags, links, renames, directories, tmpfs, mounts, permissions, locks, memfd. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "guest.h"

/* The libc is older than statx: the start of its structure. */
#define LINUX_STATX_ALL   0xfffu
#define LINUX_STATX_BTIME 0x800u
struct linux_statx {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, pad;
	uint64_t stx_ino, stx_size, stx_blocks;
	uint64_t rest[26];
};
_Static_assert(sizeof(struct linux_statx) == 256 + 8, "statx, and a little more");

/* A directory of the test's own in /tmp, and the working directory; empty again when the tests' process is gone. */
static char base[64];

static void
remove_tree(const char *dir)
{
	DIR *d = opendir(dir);
	CHECK(d != NULL);
	struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		char path[600];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		struct stat st;
		CHECK_EQ(lstat(path, &st), 0);
		if (S_ISDIR(st.st_mode))
			remove_tree(path);
		else
			CHECK_EQ(unlink(path), 0);
	}
	closedir(d);
	CHECK_EQ(rmdir(dir), 0);
}

static void
begin(void)
{
	strcpy(base, "/tmp/files.XXXXXX");
	CHECK(mkdtemp(base) != NULL);
	CHECK_EQ(chdir(base), 0);
	umask(022);
}

static void
end(void)
{
	CHECK_EQ(chdir("/"), 0);
	remove_tree(base);
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

static void
check_text(const char *path, const char *want)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t n = read(fd, buf, sizeof(buf));
	CHECK_EQ(n, strlen(want));
	CHECK(memcmp(buf, want, (size_t)n) == 0);
	close(fd);
}

GUEST_TEST(files_open_flags)
{
	begin();
	CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0666);
	CHECK(fd >= 0);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_size, 0);
	close(fd);
	CHECK_ERRNO(open("a", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	CHECK_ERRNO(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open("a/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("a/b", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open(".", O_WRONLY), EISDIR);
	CHECK_ERRNO(open(".", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("/", O_RDWR | O_CREAT, 0600), EISDIR);
	put("a", "hello");
	fd = open("a", O_WRONLY | O_APPEND);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, " world", 6), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_ERRNO(read(fd, base, 1), EBADF);
	close(fd);
	check_text("a", "hello world");
	fd = open("a", O_RDONLY);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = open("a", O_RDWR | O_TRUNC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	char longname[300];
	memset(longname, 'x', sizeof(longname));
	longname[255] = 0;
	fd = open(longname, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	close(fd);
	longname[255] = 'x';
	longname[256] = 0;
	CHECK_ERRNO(open(longname, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	char path[5000];
	memset(path, '/', sizeof(path));
	path[4095] = 0;
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	path[4095] = '/';
	path[4096] = 0;
	CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
	CHECK_ERRNO(open((char *)8, O_RDONLY), EFAULT);
	CHECK_ERRNO(open((char *)-1, O_RDONLY), EFAULT);
	end();
}

GUEST_TEST(files_path_only)
{
	begin();
	put("a", "text");
	int fd = open("a", O_PATH);
	CHECK(fd >= 0);
	char c;
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	CHECK_ERRNO(write(fd, &c, 1), EBADF);
	CHECK_ERRNO(syscall(SYS_fchmod, fd, 0600), EBADF); /* the libc has ways around it */
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 4);
	close(fd);
	CHECK_EQ(symlink("a", "l"), 0);
	fd = open("l", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	char buf[10];
	CHECK_EQ(readlinkat(fd, "", buf, sizeof(buf)), 1);
	close(fd);
	CHECK_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	end();
}

GUEST_TEST(files_symlinks)
{
	begin();
	CHECK_EQ(mkdir("d", 0755), 0);
	put("d/f", "x");
	CHECK_EQ(symlink("d", "ld"), 0);
	CHECK_EQ(symlink("ld/f", "lf"), 0);
	check_text("lf", "x");
	check_text("ld/../ld/./f", "x");
	struct stat st;
	CHECK_EQ(lstat("lf", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(st.st_size, 4);
	CHECK_EQ(lstat("ld/", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(symlink("ld", "lld"), 0); /* a slash follows a link of a link to its end */
	CHECK_EQ(lstat("lld/", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	int dir = open("lld/", O_RDONLY | O_NOFOLLOW);
	CHECK(dir >= 0);
	close(dir);
	CHECK_ERRNO(open("lld", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_EQ(symlink("loop2", "loop1"), 0);
	CHECK_EQ(symlink("loop1", "loop2"), 0);
	CHECK_ERRNO(stat("loop1", &st), ELOOP);
	CHECK_ERRNO(lstat("loop1/", &st), ELOOP);
	CHECK_ERRNO(symlink("", "empty"), ENOENT);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_ERRNO(stat("dangling", &st), ENOENT);
	CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	int fd = open("dangling", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(stat("nowhere", &st), 0);
	char abs[200], buf[200];
	snprintf(abs, sizeof(abs), "%s/d", base);
	CHECK_EQ(symlink(abs, "labs"), 0);
	check_text("labs/f", "x");
	CHECK_EQ(readlink("labs", buf, 5), 5);
	CHECK_EQ(readlink("labs", buf, sizeof(buf)), strlen(abs));
	CHECK_ERRNO(readlink("d", buf, sizeof(buf)), EINVAL);
	/* Forty links in one path are allowed, one more is not. */
	for (int i = 0; i < 42; i++) {
		char from[10], to[10];
		snprintf(from, sizeof(from), "c%d", i);
		snprintf(to, sizeof(to), i == 0 ? "d" : "c%d", i - 1);
		CHECK_EQ(symlink(to, from), 0);
	}
	CHECK_EQ(stat("c39", &st), 0);
	CHECK_ERRNO(stat("c40", &st), ELOOP);
	end();
}

GUEST_TEST(files_dotdot)
{
	begin();
	struct stat root, up, here;
	CHECK_EQ(stat("/", &root), 0);
	CHECK_EQ(stat("/..", &up), 0);
	CHECK_EQ(root.st_ino, up.st_ino);
	CHECK_EQ(root.st_dev, up.st_dev);
	CHECK_EQ(stat("/tmp/..", &up), 0);
	CHECK_EQ(root.st_ino, up.st_ino);
	CHECK_EQ(root.st_dev, up.st_dev);
	CHECK_EQ(mkdir("a", 0755), 0);
	CHECK_EQ(mkdir("a/b", 0755), 0);
	CHECK_EQ(stat("a/b/..", &up), 0);
	CHECK_EQ(stat("a", &here), 0);
	CHECK_EQ(up.st_ino, here.st_ino);
	CHECK_EQ(here.st_nlink, 3);
	char cwd[300], want[300];
	CHECK_EQ(chdir("a/b"), 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), "%s/a/b", base);
	CHECK_EQ(strcmp(cwd, want), 0);
	CHECK_ERRNO(syscall(SYS_getcwd, cwd, 5), ERANGE);
	/* A directory that is gone: getcwd, creation, "..". */
	CHECK_EQ(rmdir("../b"), 0);
	CHECK_ERRNO(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENOENT);
	CHECK_ERRNO(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERRNO(mkdir("x", 0700), ENOENT);
	CHECK_EQ(stat("..", &up), 0);
	CHECK_EQ(chdir(base), 0);
	end();
}

GUEST_TEST(files_unlink)
{
	begin();
	put("a", "12345");
	int fd = open("a", O_RDWR);
	CHECK_EQ(unlink("a"), 0);
	CHECK_ERRNO(unlink("a"), ENOENT);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	char buf[10];
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 5);
	close(fd);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERRNO(unlink("d"), EISDIR);
	CHECK_ERRNO(rmdir("d/."), EINVAL);
	CHECK_ERRNO(rmdir("d/.."), ENOTEMPTY);
	put("d/x", "");
	CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("d/x"), ENOTDIR);
	CHECK_ERRNO(unlink("d/x/"), ENOTDIR);
	CHECK_EQ(unlink("d/x"), 0);
	CHECK_EQ(rmdir("d/"), 0);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(rmdir("/tmp"), EROFS); /* where it is mounted, nothing may change */
	end();
}

GUEST_TEST(files_hard_links)
{
	begin();
	put("a", "same");
	CHECK_EQ(link("a", "b"), 0);
	struct stat a, b;
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	CHECK_ERRNO(link("a", "b"), EEXIST);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERRNO(link("d", "e"), EPERM);
	CHECK_ERRNO(link("a", "/dev/x"), EXDEV);
	CHECK_EQ(unlink("a"), 0);
	check_text("b", "same");
	CHECK_EQ(rename("b", "b"), 0);
	CHECK_EQ(link("b", "c"), 0);
	CHECK_EQ(rename("b", "c"), 0); /* two names of one file: both stay */
	check_text("b", "same");
	check_text("c", "same");
	end();
}

GUEST_TEST(files_rename)
{
	begin();
	put("a", "A");
	put("b", "B");
	CHECK_EQ(rename("a", "b"), 0);
	check_text("b", "A");
	CHECK_ERRNO(rename("a", "b"), ENOENT);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/e", 0755), 0);
	CHECK_ERRNO(rename("b", "d"), EISDIR);
	CHECK_ERRNO(rename("d", "b"), ENOTDIR);
	CHECK_ERRNO(rename("d", "d/e/f"), EINVAL);
	CHECK_ERRNO(rename("d/e", "d"), ENOTEMPTY);
	CHECK_ERRNO(rename(".", "x"), EBUSY);
	CHECK_EQ(mkdir("x", 0755), 0);
	put("x/full", "");
	CHECK_ERRNO(rename("d", "x"), ENOTEMPTY);
	CHECK_EQ(unlink("x/full"), 0);
	CHECK_EQ(rename("d", "x"), 0);
	struct stat st;
	CHECK_EQ(stat("x/e", &st), 0);
	CHECK_EQ(stat("x", &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	CHECK_EQ(rename("b", "x/a-name-that-is-longer-than-what-fits-inline"), 0);
	check_text("x/a-name-that-is-longer-than-what-fits-inline", "A");
	CHECK_EQ(rename("x/a-name-that-is-longer-than-what-fits-inline", "s"), 0);
	check_text("s", "A");
	put("t", "T");
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "s", AT_FDCWD, "t", 2), 0);
	check_text("s", "T");
	check_text("t", "A");
	CHECK_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "s", AT_FDCWD, "t", 1), EEXIST);
	CHECK_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "s", AT_FDCWD, "zz", 2), ENOENT);
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "s", AT_FDCWD, "x/e", 2), 0);
	CHECK_EQ(stat("s", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	check_text("x/e", "T");
	CHECK_EQ(stat("x", &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERRNO(rename("t", "/dev/t"), EXDEV);
	/* The name follows an open directory. */
	int fd = open("s", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(rename("s", "moved"), 0);
	CHECK_EQ(fchdir(fd), 0);
	char cwd[300], want[300];
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), "%s/moved", base);
	CHECK_EQ(strcmp(cwd, want), 0);
	close(fd);
	end();
}

GUEST_TEST(files_directory_listing)
{
	begin();
	enum { N = 1000 };
	for (int i = 0; i < N; i++) {
		char name[40];
		snprintf(name, sizeof(name), "file-%d", i);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);
		CHECK(fd >= 0);
		close(fd);
	}
	DIR *d = opendir(".");
	static bool seen[N];
	int dots = 0, count = 0;
	struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		int i;
		if (e->d_name[0] == '.') {
			CHECK_EQ(e->d_type, DT_DIR);
			dots++;
		} else {
			CHECK_EQ(sscanf(e->d_name, "file-%d", &i), 1);
			CHECK(!seen[i]);
			CHECK_EQ(e->d_type, DT_REG);
			seen[i] = true;
			count++;
			CHECK_EQ(unlink(e->d_name), 0); /* while it is being listed */
		}
	}
	CHECK_EQ(dots, 2);
	CHECK_EQ(count, N);
	rewinddir(d);
	count = 0;
	while (readdir(d) != NULL)
		count++;
	CHECK_EQ(count, 2);
	int fd = dirfd(d);
	char small[10];
	lseek(fd, 0, SEEK_SET);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, small, sizeof(small)), EINVAL);
	closedir(d);
	fd = open("/dev/null", O_RDONLY);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, small, sizeof(small)), ENOTDIR);
	close(fd);
	end();
}

GUEST_TEST(files_sizes)
{
	begin();
	int fd = open("a", O_CREAT | O_RDWR, 0600);
	char buf[8192], zero[8192] = {0};
	CHECK_EQ(pwrite(fd, "end", 3, 100000), 3);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 100003);
	CHECK(st.st_blocks <= 16);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 50000), sizeof(buf));
	CHECK_EQ(memcmp(buf, zero, sizeof(buf)), 0);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 99999), 4);
	CHECK_EQ(memcmp(buf, "\0end", 4), 0);
	CHECK_EQ(pread(fd, buf, 1, 100003), 0);
	CHECK_EQ(ftruncate(fd, 100001), 0);
	CHECK_EQ(ftruncate(fd, 200000), 0);
	CHECK_EQ(pread(fd, buf, 10, 99999), 10);
	CHECK_EQ(memcmp(buf, "\0e\0\0\0\0\0\0\0\0", 10), 0);
	/* What a mapping leaves behind the end is not there when the file grows. */
	CHECK_EQ(ftruncate(fd, 10), 0);
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	memset(m, 'x', 4096);
	CHECK_EQ(pwrite(fd, "y", 1, 20), 1);
	CHECK_EQ(pread(fd, buf, 21, 0), 21);
	CHECK_EQ(memcmp(buf, "xxxxxxxxxx\0\0\0\0\0\0\0\0\0\0y", 21), 0);
	munmap(m, 4096);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_END), EINVAL);
	CHECK_EQ(fallocate(fd, 0, 0, 20000), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 20000);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2, 5), 0);
	CHECK_EQ(pread(fd, buf, 10, 0), 10);
	CHECK_EQ(memcmp(buf, "xx\0\0\0\0\0xxx", 10), 0);
	CHECK_EQ(truncate("a", 1), 0);
	CHECK_ERRNO(truncate("/tmp", 1), EISDIR);
	close(fd);
	end();
}

GUEST_TEST(files_big_transfers)
{
	begin();
	enum { SIZE = 3 << 20 };
	unsigned char *out = malloc(SIZE), *in = malloc(SIZE);
	for (int i = 0; i < SIZE; i++)
		out[i] = (unsigned char)(i * 7 + i / 4096);
	int fd = open("a", O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fd, out, SIZE), SIZE);
	CHECK_EQ(pread(fd, in, SIZE, 0), SIZE);
	CHECK_EQ(memcmp(in, out, SIZE), 0);
	CHECK_EQ(pwrite(fd, out + 1, 100000, 4095), 100000); /* over what is there, not aligned */
	CHECK_EQ(pread(fd, in, 100002, 4094), 100002);
	CHECK_EQ(memcmp(in + 1, out + 1, 100000), 0);
	CHECK_EQ(in[0], out[4094]);
	CHECK_EQ(in[100001], out[104095]);
	unsigned char *m = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK_EQ(memcmp(m + 4095, out + 1, 100000), 0);
	/* A file written from its own mapping, and into it. */
	CHECK_EQ(pwrite(fd, m, 65536, SIZE), 65536);
	CHECK_EQ(pread(fd, in, 65536, SIZE), 65536);
	CHECK_EQ(memcmp(in, m, 65536), 0);
	/* Half of the source is not there: what was copied counts. */
	unsigned char *edge =
		mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 8192, 8192);
	memset(edge, 5, 8192);
	CHECK_EQ(pwrite(fd, edge + 4096, 8192, 0), 4096);
	CHECK_ERRNO(pwrite(fd, edge + 8192, 100, 0), EFAULT);
	CHECK_EQ(pread(fd, edge + 4096, 8192, 0), 4096);
	CHECK_ERRNO(pread(fd, edge + 8192, 100, 0), EFAULT);
	munmap(m, SIZE);
	close(fd);
	end();
}

GUEST_TEST(files_times)
{
	begin();
	put("a", "x");
	struct timespec t[2] = {{1000, 5}, {2000, 6}};
	CHECK_EQ(utimensat(AT_FDCWD, "a", t, 0), 0);
	struct stat st;
	CHECK_EQ(stat("a", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_atim.tv_nsec, 5);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK(st.st_ctim.tv_sec > 2000);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "a", t, 0), 0);
	CHECK_EQ(stat("a", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK(st.st_mtim.tv_sec > 2000);
	t[1].tv_nsec = 1000000000;
	CHECK_ERRNO(utimensat(AT_FDCWD, "a", t, 0), EINVAL);
	int fd = open("a", O_RDONLY), path = open("a", O_PATH);
	CHECK_EQ(futimens(fd, NULL), 0);
	CHECK_ERRNO(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW), EINVAL);
	CHECK_ERRNO(syscall(SYS_utimensat, path, NULL, NULL, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0), EFAULT);
	close(fd);
	close(path);
	t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
	CHECK_EQ(utimensat(AT_FDCWD, "none", t, 0), 0);
	struct linux_statx sx;
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "a", 0, LINUX_STATX_ALL, &sx), 0);
	CHECK_EQ(sx.stx_size, 1);
	CHECK_EQ(sx.stx_mask & LINUX_STATX_BTIME, LINUX_STATX_BTIME);
	end();
}

GUEST_TEST(files_permission)
{
	begin();
	CHECK_EQ(chmod(base, 0755), 0);
	put("root", "r");
	CHECK_EQ(chmod("root", 0600), 0);
	put("mine", "m");
	CHECK_EQ(chown("mine", 1000, 1000), 0);
	CHECK_EQ(chmod("mine", 04755), 0);
	CHECK_EQ(chown("mine", 1000, 1000), 0);
	struct stat st;
	CHECK_EQ(stat("mine", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0755); /* chown took set-user-id off */
	CHECK_EQ(mkdir("locked", 0700), 0);
	put("locked/in", "");
	CHECK_EQ(mkdir("sticky", 0777), 0);
	CHECK_EQ(chmod("sticky", 01777), 0);
	put("sticky/roots", "");
	CHECK_EQ(access("root", X_OK), -1);
	CHECK_EQ(access("mine", X_OK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(setgid(1000), 0);
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERRNO(open("root", O_RDONLY), EACCES);
		CHECK_ERRNO(open("locked/in", O_RDONLY), EACCES);
		CHECK_ERRNO(open("new", O_CREAT | O_RDWR, 0600), EACCES);
		CHECK_ERRNO(chmod("root", 0666), EPERM);
		CHECK_ERRNO(chown("mine", 0, 0), EPERM);
		CHECK_ERRNO(unlink("root"), EACCES);
		CHECK_ERRNO(unlink("sticky/roots"), EPERM);
		CHECK_ERRNO(rename("sticky/roots", "sticky/x"), EPERM);
		CHECK_EQ(chmod("mine", 0700), 0);
		CHECK_ERRNO(chdir("locked"), EACCES);
		CHECK_ERRNO(access("root", R_OK), EACCES);
		struct timespec t[2] = {{1, 1}, {1, 1}};
		CHECK_ERRNO(utimensat(AT_FDCWD, "root", t, 0), EPERM);
		CHECK_ERRNO(utimensat(AT_FDCWD, "root", NULL, 0), EACCES);
		CHECK_ERRNO(mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
		CHECK_EQ(mkdir("sticky/own", 0700), 0);
		CHECK_EQ(rmdir("sticky/own"), 0);
		CHECK_ERRNO(mount("x", "/tmp", "tmpfs", 0, NULL), EPERM);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	end();
}

GUEST_TEST(files_set_gid_directory)
{
	begin();
	CHECK_EQ(mkdir("g", 0777), 0);
	CHECK_EQ(chown("g", 0, 77), 0);
	CHECK_EQ(chmod("g", 02777), 0);
	put("g/f", "");
	CHECK_EQ(mkdir("g/d", 0755), 0);
	struct stat st;
	CHECK_EQ(stat("g/f", &st), 0);
	CHECK_EQ(st.st_gid, 77);
	CHECK_EQ(stat("g/d", &st), 0);
	CHECK_EQ(st.st_gid, 77);
	CHECK((st.st_mode & S_ISGID) != 0);
	end();
}

GUEST_TEST(files_nodes)
{
	begin();
	CHECK_EQ(mknod("fifo", S_IFIFO | 0600, 0), 0);
	struct stat st;
	CHECK_EQ(stat("fifo", &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = open("fifo", O_RDONLY | O_NONBLOCK), w = open("fifo", O_WRONLY);
	CHECK(r >= 0 && w >= 0);
	char c;
	CHECK_EQ(write(w, "z", 1), 1);
	CHECK_EQ(read(r, &c, 1), 1);
	close(r);
	close(w);
	CHECK_EQ(mknod("sock", S_IFSOCK | 0600, 0), 0);
	CHECK_ERRNO(open("sock", O_RDONLY), ENXIO);
	/* A device node of a file system that is mounted nodev does not open. */
	CHECK_EQ(mknod("null", S_IFCHR | 0666, makedev(1, 3)), 0);
	CHECK_ERRNO(open("null", O_RDONLY), EACCES);
	CHECK_EQ(stat("null", &st), 0);
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	CHECK_ERRNO(mknod("dir", S_IFDIR | 0700, 0), EPERM);
	end();
}

GUEST_TEST(files_devices)
{
	char buf[5000];
	int fd = open("/dev/zero", O_RDWR);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(write(fd, buf, 10), 10);
	close(fd);
	fd = open("/dev/null", O_RDWR | O_TRUNC | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(write(fd, buf, 10), 10);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	CHECK_ERRNO(write(fd, buf, 10), ENOSPC);
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	unsigned char a[32], b[32];
	CHECK_EQ(read(fd, a, 32), 32);
	CHECK_EQ(read(fd, b, 32), 32);
	CHECK(memcmp(a, b, 32) != 0);
	close(fd);
	struct stat st;
	CHECK_EQ(stat("/dev/null", &st), 0);
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	CHECK_ERRNO(open("/dev/none", O_RDONLY), ENOENT);
}

GUEST_TEST(files_tmpfile)
{
	begin();
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "tmp", 3), 3);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), 0);
	check_text("named", "tmp");
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "other", AT_EMPTY_PATH), ENOENT);
	close(fd);
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	end();
}

#ifndef O_DIRECT
#define O_DIRECT 0200000
#endif

/* Nothing goes past the page cache. The file that open(2) would have created is there. */
GUEST_TEST(files_direct)
{
	begin();
	CHECK_ERRNO(open("new", O_CREAT | O_RDWR | O_DIRECT, 0600), EINVAL);
	CHECK_EQ(access("new", F_OK), 0);
	int fd = open("new", O_RDWR);
	CHECK_EQ(write(fd, "kept", 4), 4);
	CHECK_ERRNO(fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_DIRECT, 0);
	close(fd);
	CHECK_ERRNO(open("new", O_RDWR | O_TRUNC | O_DIRECT), EINVAL);
	check_text("new", "kept");
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR | O_DIRECT, 0600), EINVAL);
	CHECK_ERRNO(open(".", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_ERRNO(open("/dev/null", O_RDWR | O_DIRECT), EINVAL);
	CHECK_ERRNO(open("/proc/self/stat", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_ERRNO(open("/bin/busybox", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_ERRNO(open("fifo", O_RDWR | O_DIRECT), EINVAL);
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO); /* no end of it was left open */
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK | O_DIRECT), ENXIO);
	fd = open("new", O_PATH | O_DIRECT);
	CHECK(fd >= 0);
	close(fd);
	end();
}

GUEST_TEST(files_at_calls)
{
	begin();
	CHECK_EQ(mkdir("d", 0755), 0);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	int fd = openat(d, "f", O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "1", 1), 1);
	close(fd);
	CHECK_EQ(mkdirat(d, "s", 0755), 0);
	CHECK_EQ(symlinkat("f", d, "l"), 0);
	CHECK_EQ(fchmodat(d, "f", 0600, 0), 0);
	CHECK_EQ(renameat(d, "f", d, "g"), 0);
	CHECK_EQ(unlinkat(d, "s", AT_REMOVEDIR), 0);
	CHECK_EQ(faccessat(d, "g", R_OK, 0), 0);
	struct stat st;
	CHECK_EQ(fstatat(d, "g", &st, 0), 0);
	CHECK_EQ(fstatat(d, "", &st, AT_EMPTY_PATH), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERRNO(fstatat(999, "g", &st, 0), EBADF);
	CHECK_EQ(fstatat(999, "/tmp", &st, 0), 0);
	fd = open("d/g", O_RDONLY);
	CHECK_ERRNO(fstatat(fd, "x", &st, 0), ENOTDIR);
	CHECK_ERRNO(fchdir(fd), ENOTDIR);
	close(fd);
	close(d);
	end();
}

GUEST_TEST(files_read_only_base)
{
	CHECK_ERRNO(open("/etc/new", O_CREAT | O_RDWR, 0600), EROFS);
	CHECK_ERRNO(open("/bin/busybox", O_RDWR), EROFS);
	CHECK_ERRNO(mkdir("/etc/new", 0700), EROFS);
	CHECK_ERRNO(mkdir("/etc", 0700), EEXIST);
	CHECK_ERRNO(unlink("/bin/busybox"), EROFS);
	CHECK_ERRNO(chmod("/bin/busybox", 0777), EROFS);
	CHECK_ERRNO(rename("/bin/busybox", "/bin/x"), EROFS);
	CHECK_ERRNO(truncate("/bin/busybox", 0), EROFS);
	CHECK_ERRNO(access("/bin/busybox", W_OK), EROFS);
	CHECK_EQ(access("/bin/busybox", X_OK), 0);
	CHECK_ERRNO(rmdir("/nonexistent"), ENOENT);
}

static off_t
used_blocks(const char *path)
{
	struct statfs s;
	CHECK_EQ(statfs(path, &s), 0);
	return (off_t)(s.f_blocks - s.f_bfree);
}

GUEST_TEST(files_tmpfs_limits)
{
	begin();
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_ERRNO(mount("t", "m", "tmpfs", 0, "size=bogus"), EINVAL);
	CHECK_ERRNO(mount("t", "m", "nofs", 0, NULL), ENODEV);
	CHECK_EQ(mount("t", "m", "tmpfs", 0, "size=64k,mode=711,uid=5,gid=6,nr_inodes=6"), 0);
	struct stat st;
	CHECK_EQ(stat("m", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0711);
	CHECK_EQ(st.st_uid, 5);
	CHECK_EQ(st.st_gid, 6);
	CHECK_ERRNO(rmdir("m"), EBUSY);
	char *big = calloc(1, 100000);
	int fd = open("m/a", O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fd, big, 100000), 65536);
	CHECK_ERRNO(write(fd, big, 1), ENOSPC);
	CHECK_EQ(used_blocks("m"), 16);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	CHECK_EQ(used_blocks("m"), 1);
	CHECK_ERRNO(umount("m"), EBUSY);
	CHECK_EQ(mount("", "m", NULL, MS_REMOUNT, "size=8k"), 0);
	CHECK_EQ(pwrite(fd, big, 100000, 0), 8192);
	CHECK_ERRNO(mount("", "m", NULL, MS_REMOUNT, "size=4k"), EINVAL);
	CHECK_ERRNO(mount("", "m", NULL, MS_REMOUNT | MS_RDONLY, ""), EBUSY);
	close(fd);
	for (int i = 0; i < 4; i++) {
		char name[20];
		snprintf(name, sizeof(name), "m/i%d", i);
		CHECK_EQ(mkdir(name, 0700), 0);
	}
	CHECK_ERRNO(mkdir("m/one-too-many", 0700), ENOSPC);
	CHECK_EQ(mount("", "m", NULL, MS_REMOUNT | MS_RDONLY, ""), 0);
	CHECK_ERRNO(unlink("m/a"), EROFS);
	CHECK_ERRNO(open("m/a", O_RDWR), EROFS);
	CHECK_EQ(umount("m"), 0);
	CHECK_ERRNO(umount("m"), EINVAL);
	CHECK_EQ(stat("m", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0755);
	end();
}

GUEST_TEST(files_mounts)
{
	begin();
	CHECK_EQ(mkdir("m", 0755), 0);
	CHECK_EQ(mkdir("b", 0755), 0);
	CHECK_EQ(mount("t1", "m", "tmpfs", 0, ""), 0);
	put("m/one", "1");
	CHECK_EQ(mount("t2", "m", "tmpfs", 0, ""), 0); /* on top */
	CHECK_ERRNO(open("m/one", O_RDONLY), ENOENT);
	put("m/two", "2");
	CHECK_EQ(umount("m"), 0);
	check_text("m/one", "1");
	CHECK_EQ(mount("m", "b", NULL, MS_BIND, NULL), 0);
	check_text("b/one", "1");
	CHECK_EQ(mount(NULL, "b", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_ERRNO(open("b/x", O_CREAT | O_RDWR, 0600), EROFS);
	put("m/x", "x");
	check_text("b/x", "x");
	CHECK_ERRNO(rename("m/x", "b/y"), EXDEV);
	CHECK_EQ(mkdir("m/sub", 0755), 0);
	CHECK_EQ(mount("t3", "m/sub", "tmpfs", MS_NOEXEC, ""), 0);
	struct stat a, c;
	CHECK_EQ(stat("m/sub", &a), 0);
	CHECK_EQ(stat("b/sub", &c), 0); /* what is mounted in the one does not show in the other */
	CHECK(a.st_dev != c.st_dev);
	CHECK_ERRNO(umount("m"), EBUSY);
	char cwd[300], want[300];
	CHECK_EQ(chdir("m/sub"), 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), "%s/m/sub", base);
	CHECK_EQ(strcmp(cwd, want), 0);
	CHECK_EQ(stat("../one", &a), 0);
	CHECK_ERRNO(umount2("../sub", 0), EBUSY);
	CHECK_EQ(chdir(base), 0);
	CHECK_EQ(mount("m/sub", "m/sub", NULL, MS_BIND, NULL), 0);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
	CHECK_ERRNO(open("m/one", O_RDONLY), ENOENT);
	check_text("b/one", "1");
	CHECK_EQ(umount("b"), 0);
	end();
}

GUEST_TEST(files_record_locks)
{
	begin();
	int fd = open("a", O_CREAT | O_RDWR, 0600), other = open("a", O_RDWR);
	struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};
	CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
	int ready[2];
	CHECK_EQ(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct flock k = {.l_type = F_RDLCK, .l_start = 0, .l_len = 11};
		CHECK_ERRNO(fcntl(fd, F_SETLK, &k), EAGAIN);
		k.l_len = 10;
		CHECK_EQ(fcntl(fd, F_SETLK, &k), 0);
		k = (struct flock){.l_type = F_WRLCK, .l_start = 15, .l_len = 1};
		CHECK_EQ(fcntl(fd, F_GETLK, &k), 0);
		CHECK_EQ(k.l_type, F_WRLCK);
		CHECK_EQ(k.l_start, 10);
		CHECK_EQ(k.l_len, 10);
		CHECK_EQ(k.l_pid, getppid());
		CHECK_EQ(write(ready[1], "r", 1), 1);
		k = (struct flock){.l_type = F_WRLCK, .l_start = 12, .l_len = 1};
		CHECK_EQ(fcntl(fd, F_SETLKW, &k), 0); /* waits for the parent */
		_exit(0);
	}
	char c;
	CHECK_EQ(read(ready[0], &c, 1), 1);
	/* The parent would wait for the child, which waits for the parent. */
	struct flock k = {.l_type = F_WRLCK, .l_start = 0, .l_len = 5};
	CHECK_ERRNO(fcntl(fd, F_SETLK, &k), EAGAIN);
	guest_await_sleep(pid);
	alarm(30);
	CHECK_ERRNO(fcntl(fd, F_SETLKW, &k), EDEADLK);
	alarm(0);
	/* The middle goes: two pieces stay. */
	l = (struct flock){.l_type = F_UNLCK, .l_start = 12, .l_len = 2};
	CHECK_EQ(fcntl(fd, F_SETLK, &l), 0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* Closing any descriptor of the file drops the process's locks. */
	close(other);
	pid = fork();
	if (pid == 0) {
		struct flock w = {.l_type = F_WRLCK};
		_exit(fcntl(fd, F_SETLK, &w) == 0 ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(fd);
	end();
}

GUEST_TEST(files_ofd_locks_and_flock)
{
	begin();
	int a = open("f", O_CREAT | O_RDWR, 0600), b = open("f", O_RDWR);
	struct flock l = {.l_type = F_WRLCK};
	CHECK_EQ(fcntl(a, F_OFD_SETLK, &l), 0);
	CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &l), EAGAIN);
	int dupped = dup(a);
	close(a);
	CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &l), EAGAIN);
	close(dupped);
	CHECK_EQ(fcntl(b, F_OFD_SETLK, &l), 0);
	a = open("f", O_RDWR);
	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH), 0);
	CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int c = open("f", O_RDWR);
		_exit(flock(c, LOCK_EX) == 0 ? 0 : 1);
	}
	guest_await_sleep(pid);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERRNO(flock(a, 77), EINVAL);
	close(a);
	close(b);
	end();
}

GUEST_TEST(files_memfd)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "sealed", 6), 6);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(m, 4096);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
	CHECK_ERRNO(ftruncate(fd, 1), EPERM);
	CHECK_ERRNO(ftruncate(fd, 100), EPERM);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	CHECK_EQ(memcmp(m, "sealed", 6), 0);
	munmap(m, 4096);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	close(fd);
	fd = memfd_create("plain", 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	char name[300];
	memset(name, 'n', sizeof(name));
	name[250] = 0;
	CHECK_ERRNO(memfd_create(name, 0), EINVAL);
	CHECK_ERRNO(memfd_create("x", 0x1000), EINVAL);
}

GUEST_TEST(files_text_busy)
{
	begin();
	CHECK_EQ(mount("x", ".", NULL, MS_PRIVATE, NULL), -1);
	/* A program that is being written does not run; one that runs is not written. */
	int in = open("/bin/busybox", O_RDONLY), out = open("prog", O_CREAT | O_RDWR, 0755);
	char buf[65536];
	ssize_t n;
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	close(in);
	pid_t pid = fork();
	if (pid == 0) {
		execl("./prog", "sleep", "1000", (char *)NULL);
		_exit(errno);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), ETXTBSY);
	close(out);
	int gone[2];
	CHECK_EQ(pipe2(gone, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		execl("./prog", "sleep", "1000", (char *)NULL);
		(void)!write(gone[1], "x", 1);
		_exit(errno);
	}
	close(gone[1]);
	CHECK_EQ(read(gone[0], buf, 1), 0); /* it has been executed */
	close(gone[0]);
	CHECK_ERRNO(open("prog", O_RDWR), ETXTBSY);
	CHECK_ERRNO(truncate("prog", 0), ETXTBSY);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	out = open("prog", O_RDWR);
	CHECK(out >= 0);
	close(out);
	end();
}

GUEST_TEST(files_chroot)
{
	begin();
	CHECK_EQ(mkdir("r", 0755), 0);
	put("r/inside", "i");
	CHECK_EQ(symlink("/inside", "r/link"), 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(chroot("r"), 0);
		CHECK_EQ(chdir("/"), 0);
		check_text("/../../inside", "i");
		check_text("/link", "i");
		char cwd[100];
		CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
		CHECK_EQ(strcmp(cwd, "/"), 0);
		CHECK_ERRNO(open("/tmp", O_RDONLY), ENOENT);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	end();
}

GUEST_TEST(files_xattr)
{
	begin();
	put("a", "");
	char v[16];
	CHECK_ERRNO(syscall(SYS_setxattr, "a", "user.x", "1", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(syscall(SYS_getxattr, "a", "user.x", v, sizeof(v)), EOPNOTSUPP);
	CHECK_EQ(syscall(SYS_listxattr, "a", v, sizeof(v)), 0);
	CHECK_ERRNO(syscall(SYS_getxattr, "none", "user.x", v, sizeof(v)), ENOENT);
	end();
}

GUEST_TEST(files_fsize_limit)
{
	begin();
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit r = {10, RLIM_INFINITY};
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &r), 0);
	int fd = open("a", O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fd, "0123456789abcdef", 16), 10);
	CHECK_ERRNO(write(fd, "x", 1), EFBIG);
	CHECK_ERRNO(ftruncate(fd, 11), EFBIG);
	close(fd);
	end();
}

/* Threads of names: creators, renamers, removers and walkers in one directory. */
static void
churn(int seed)
{
	for (int i = 0; i < 300; i++) {
		char a[40], b[40];
		int x = (i * 7 + seed * 3) % 10, y = (i * 3 + seed) % 10;
		snprintf(a, sizeof(a), "n%d", x);
		snprintf(b, sizeof(b), "s%d/n%d", i % 2, y);
		struct stat st;
		switch ((i + seed) % 6) {
		case 0: {
			int fd = open(a, O_CREAT | O_RDWR, 0600);
			if (fd >= 0) {
				(void)!write(fd, "x", 1);
				close(fd);
			}
			break;
		}
		case 1:
			rename(a, b);
			break;
		case 2:
			rename(b, a);
			break;
		case 3:
			unlink(a);
			break;
		case 4:
			link(a, b);
			break;
		default:
			stat(b, &st);
			syscall(SYS_renameat2, AT_FDCWD, "s0", AT_FDCWD, "s1", 2);
			break;
		}
	}
}

GUEST_TEST(files_races)
{
	begin();
	CHECK_EQ(mkdir("s0", 0755), 0);
	CHECK_EQ(mkdir("s1", 0755), 0);
	enum { N = 6 };
	pid_t pids[N];
	for (int i = 0; i < N; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			churn(i);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++) {
		int status;
		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_EQ(status, 0);
	}
	end();
}

/* A rename over a name never shows the name missing. */
GUEST_TEST(files_rename_is_atomic)
{
	begin();
	put("target", "0");
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 2000; i++) {
			put("tmp", "1");
			CHECK_EQ(rename("tmp", "target"), 0);
		}
		_exit(0);
	}
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int fd = open("target", O_RDONLY);
		CHECK(fd >= 0);
		close(fd);
	}
	CHECK_EQ(status, 0);
	end();
}
