/* SPDX-License-Identifier: MIT */
/* The console and the mounts that every later step needs. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/init.h"

#define CONSOLE "/dev/console"

enum { REQUIRED, WHERE_KNOWN };

struct mount_point {
	const char *type;
	const char *where;
	unsigned long flags;
	const char *options;
	int need; /* WHERE_KNOWN: a kernel without this file system is fine */
};

static const struct mount_point dev_mount = {
	"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=755", REQUIRED};

/* In order: a mount point may lie on an earlier mount. Writable directories live in RAM, each with a bound. */
static const struct mount_point mounts[] = {
	{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, REQUIRED},
	{"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, WHERE_KNOWN},
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666", WHERE_KNOWN},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=50%", REQUIRED},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755,size=20%", REQUIRED},
	{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=50%", REQUIRED},
	{"tmpfs", "/var", MS_NOSUID | MS_NODEV, "mode=755,size=20%", REQUIRED},
	{"tmpfs", "/home", MS_NOSUID | MS_NODEV, "mode=755,size=20%", REQUIRED},
	{"tmpfs", "/root", MS_NOSUID | MS_NODEV, "mode=700,size=20%", REQUIRED},
	{"tmpfs", "/srv", MS_NOSUID | MS_NODEV, "mode=755,size=20%", REQUIRED},
};

/* Returns 0, also where it is mounted already, or -errno. */
static int
mount_one(const struct mount_point *m)
{
	if (mount(m->type, m->where, m->type, m->flags, m->options) == 0 || errno == EBUSY)
		return 0;
	return -errno;
}

static int
open_console(void)
{
	int fd = open(CONSOLE, O_RDWR | O_NOCTTY);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	return mount_one(&dev_mount) == 0 ? open(CONSOLE, O_RDWR | O_NOCTTY) : -1;
}

void
boot_open_console(void)
{
	int fd = open_console();
	if (fd < 0)
		return; /* what the kernel opened for us, if anything, is all there is */
	for (int i = 0; i <= STDERR_FILENO; i++) {
		if (fd != i)
			dup2(fd, i);
	}
	if (fd > STDERR_FILENO)
		close(fd);
}

static void
mount_or_say(const struct mount_point *m)
{
	int err = mount_one(m);
	if (err == 0 || (m->need == WHERE_KNOWN && (err == -ENODEV || err == -ENOENT)))
		return;
	say("cannot mount %s on %s: %s", m->type, m->where, strerror(-err));
}

static void
make_directory(const char *path, mode_t mode)
{
	/* The mode is set apart from creation: the umask must not take bits away. */
	if (mkdir(path, mode) == 0)
		chmod(path, mode);
	else if (errno != EEXIST)
		say("cannot make %s: %s", path, strerror(errno));
}

static void
make_link(const char *target, const char *path)
{
	if (symlink(target, path) != 0 && errno != EEXIST)
		say("cannot link %s: %s", path, strerror(errno));
}

void
boot_mount_all(void)
{
	mount_or_say(&dev_mount);
	/* Directories of a device file system that has them already, or takes none. */
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 0755);
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		mount_or_say(&mounts[i]);

	make_directory("/run/etc", 0755);
	make_directory("/run/lock", 01777);
	make_directory("/var/cache", 0755);
	make_directory("/var/lib", 0755);
	make_directory("/var/log", 0755);
	make_directory("/var/spool", 0755);
	make_directory("/var/tmp", 01777);
	make_link("/run", "/var/run");
	make_link("/run/lock", "/var/lock");
}
