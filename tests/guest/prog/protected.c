/* SPDX-License-Identifier: MIT */
/* Directories where everybody may make names, as /tmp: nobody's name leads others astray (fs.protected_* of Linux). */
#include "guest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "file_util.h"

#define MALLORY 7001 /* nobody of the identity store */
#define ALICE   7002

/* s is a shared directory, plain everybody's without the sticky bit; root's link is in both. */
static void
make_directories(void)
{
	CHECK_EQ(chmod(".", 0755), 0);
	for (int i = 0; i < 2; i++) {
		const char *dir = i == 0 ? "s" : "plain";
		char name[32];
		CHECK_EQ(mkdir(dir, 0), 0);
		CHECK_EQ(chmod(dir, i == 0 ? 01777 : 0777), 0);
		snprintf(name, sizeof(name), "%s/roots", dir);
		CHECK_EQ(symlink("../target", name), 0);
	}
	file_put("target", "T");
	CHECK_EQ(chmod("target", 0666), 0);
	file_put("secret", "S");
	CHECK_EQ(chmod("secret", 0600), 0);
	file_copy("/bin/busybox", "program");
	CHECK_EQ(chmod("program", 04755), 0);
}

static void
set_traps(void)
{
	CHECK_EQ(symlink("../target", "s/link"), 0);
	CHECK_EQ(symlink("../target", "plain/link"), 0);
	CHECK_EQ(symlink("..", "s/up"), 0);
	CHECK_EQ(symlink("../s/link", "plain/nested"), 0);
	file_put("s/file", "F");
	CHECK_EQ(chmod("s/file", 0666), 0);
	CHECK_EQ(mkfifo("s/fifo", 0666), 0);
	CHECK_EQ(chmod("s/fifo", 0666), 0);
	file_put("plain/file", "F");
	CHECK_EQ(chmod("plain/file", 0666), 0);
	file_holds("s/link", "T"); /* its own */
}

static void
opens(const char *path, int flags)
{
	int fd = open(path, flags, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

static void
meet_links(void)
{
	struct stat st;
	CHECK_ERRNO(open("s/link", O_RDONLY), EACCES);
	CHECK_ERRNO(open("s/link", O_RDWR | O_CREAT, 0644), EACCES);
	CHECK_ERRNO(stat("s/link", &st), EACCES);
	CHECK_ERRNO(stat("plain/nested", &st), EACCES);
	CHECK_EQ(lstat("s/link", &st), 0);
	opens("s/roots", O_RDONLY); /* the directory's owner made it */
	opens("plain/link", O_RDONLY);
	opens("s/up/target", O_RDONLY); /* on the way, as Linux */
	CHECK_ERRNO(open("s/up", O_RDONLY), EACCES);
}

static void
meet_files(void)
{
	CHECK_ERRNO(open("s/file", O_RDWR | O_CREAT, 0644), EACCES);
	CHECK_ERRNO(open("s/fifo", O_RDWR | O_CREAT, 0644), EACCES);
	CHECK_ERRNO(open("s/file", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	opens("s/file", O_RDWR); /* who knows that it is there */
	opens("s/fifo", O_RDWR);
	opens("plain/file", O_RDWR | O_CREAT);
}

static void
meet_as_owner(void)
{
	opens("s/link", O_RDONLY);
	opens("s/file", O_RDWR | O_CREAT);
	opens("s/fifo", O_RDWR | O_CREAT);
}

FILE_TEST(protected_names_in_shared_directories)
{
	make_directories();
	file_as(MALLORY, MALLORY, set_traps);
	file_as(ALICE, ALICE, meet_links);
	file_as(ALICE, ALICE, meet_files);
	meet_links(); /* root falls into no trap either */
	meet_files();
	file_as(MALLORY, MALLORY, meet_as_owner);
}

static void
link_others_files(void)
{
	CHECK_ERRNO(link("secret", "s/secret"), EPERM);
	CHECK_ERRNO(link("program", "s/program"), EPERM);
	CHECK_ERRNO(link("s/fifo", "s/fifo2"), EPERM);
	CHECK_EQ(link("target", "s/target"), 0); /* what it may read and write */
	file_put("s/own", "O");
	CHECK_EQ(chmod("s/own", 04700), 0);
	CHECK_EQ(link("s/own", "s/own2"), 0);
}

FILE_TEST(protected_hard_links)
{
	make_directories();
	file_as(MALLORY, MALLORY, set_traps);
	file_as(ALICE, ALICE, link_others_files);
	CHECK_EQ(link("s/fifo", "s/fifo3"), 0); /* root may */
}

GUEST_TEST(protected_settings)
{
	file_holds("/proc/sys/fs/protected_symlinks", "1\n");
	file_holds("/proc/sys/fs/protected_hardlinks", "1\n");
	file_holds("/proc/sys/fs/protected_regular", "1\n");
	file_holds("/proc/sys/fs/protected_fifos", "1\n");
}
