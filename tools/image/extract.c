/* SPDX-License-Identifier: MIT */
/*
 * Writing an image's tree into a directory. Each entry is made in its open parent directory, which this program made:
 * names hold no slash and links are never followed, so that nothing outside the directory is touched.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/macros.h"
#include "tools/image/commands.h"

#define NS_PER_S 1000000000

struct extraction {
	struct image_file *r;
	unsigned int flags;
};

static int
fail(const char *what, const char *name)
{
	warn("cannot %s %s", what, name);
	return -1;
}

/* What is set last, since writing changes it. Owners come before modes: chown clears set-id bits. */
static int
finish(const struct extraction *x, int fd, const struct image_entry *e, const char *name)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = e->mtime_ns / NS_PER_S, .tv_nsec = e->mtime_ns % NS_PER_S}};
	bool owners = x->flags & EXTRACT_OWNERS;
	if (owners && fchown(fd, e->uid, e->gid) != 0)
		return fail("set the owner of", name);
	if (fchmod(fd, e->mode & (owners ? 07777 : 0777)) != 0)
		return fail("set the mode of", name);
	if (futimens(fd, times) != 0)
		return fail("set the time of", name);
	return 0;
}

static int
write_full(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int
copy_content(const struct extraction *x, const struct image_entry *e, int fd, const char *name)
{
	struct image_content c;
	uint8_t block[IMAGE_BLOCK_SIZE];
	image_content_read(&x->r->img, e->content, &c);
	for (uint64_t done = 0, n; done < c.size; done += n) {
		n = min(c.size - done, (uint64_t)IMAGE_BLOCK_SIZE);
		if (image_file_block(x->r, &c, done / IMAGE_BLOCK_SIZE, block, name) != 0)
			return -1;
		if (write_full(fd, block, n) != 0)
			return fail("write", name);
	}
	return 0;
}

/* A file that does not match its digest is not left behind. */
static int
extract_file(const struct extraction *x, int dir, const struct image_entry *e, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail("make", name);
	int result = copy_content(x, e, fd, name);
	if (result == 0)
		result = finish(x, fd, e, name);
	if (close(fd) != 0 && result == 0)
		result = fail("write", name);
	if (result)
		unlinkat(dir, name, 0);
	return result;
}

static int
extract_link(const struct extraction *x, int dir, const struct image_entry *e, const char *name)
{
	char target[IMAGE_TARGET_MAX + 1];
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = e->mtime_ns / NS_PER_S, .tv_nsec = e->mtime_ns % NS_PER_S}};
	memcpy(target, e->target, e->target_length);
	target[e->target_length] = '\0';
	if (symlinkat(target, dir, name) != 0)
		return fail("make the link", name);
	if ((x->flags & EXTRACT_OWNERS) &&
		fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return fail("set the owner of", name);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) != 0)
		return fail("set the time of", name);
	return 0;
}

static int extract_dir(
	const struct extraction *x, int fd, const struct image_entry *e, const char *name);

static int
extract_entry(const struct extraction *x, int dir, uint32_t index)
{
	struct image_entry e;
	char name[IMAGE_ENTRY_NAME + 1];
	image_entry_read(&x->r->img, index, &e);
	memcpy(name, e.name, e.name_length);
	name[e.name_length] = '\0';
	switch (e.mode & IMAGE_TYPE_MASK) {
	case IMAGE_TYPE_FILE:
		return extract_file(x, dir, &e, name);
	case IMAGE_TYPE_LINK:
		return extract_link(x, dir, &e, name);
	}
	if (mkdirat(dir, name, 0700) != 0)
		return fail("make the directory", name);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail("open the directory", name);
	int result = extract_dir(x, fd, &e, name);
	close(fd);
	return result;
}

/* Each level of the recursion holds a descriptor, whose limit thus bounds it. */
static int
extract_dir(const struct extraction *x, int fd, const struct image_entry *e, const char *name)
{
	int result = 0;
	for (uint32_t i = 0; i < e->child_count; i++)
		if (extract_entry(x, fd, e->first_child + i) != 0)
			result = -1;
	if (finish(x, fd, e, name) != 0)
		result = -1;
	return result;
}

static bool
is_empty(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream)
		return false;
	bool empty = true;
	for (struct dirent *d; empty && (d = readdir(stream));)
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	closedir(stream);
	return empty;
}

int
extract_image(struct image_file *r, const char *to, unsigned int flags)
{
	struct extraction x = {.r = r, .flags = flags};
	struct image_entry root;
	if (mkdir(to, 0700) != 0 && errno != EEXIST) {
		fail("make the directory", to);
		return 1;
	}
	int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fail("open the directory", to);
		return 1;
	}
	int result = -1;
	image_entry_read(&r->img, IMAGE_ROOT, &root);
	if (is_empty(fd))
		result = extract_dir(&x, fd, &root, to);
	else
		warnx("%s is not empty; name a directory that is, or that does not exist", to);
	close(fd);
	return result ? 1 : 0;
}
