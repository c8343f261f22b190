/* SPDX-License-Identifier: MIT */
/* Reading directories into a tree of nodes, and merging such trees. */
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
#include "tools/image/node.h"

#define NS_PER_S 1000000000

void *
must_have(void *memory)
{
	if (!memory)
		err(1, "out of memory");
	return memory;
}

static struct node *
node_new(const char *name)
{
	struct node *node = must_have(calloc(1, sizeof(*node)));
	node->name = must_have(strdup(name));
	node->name_length = strlen(name);
	return node;
}

void
node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++)
		node_free(node->children[i]);
	free(node->children);
	free(node->name);
	free(node->target);
	free(node->source);
	free(node);
}

static void
add_child(struct node *dir, struct node *child)
{
	if (dir->count == dir->capacity) {
		dir->capacity = dir->capacity ? 2 * dir->capacity : 8;
		dir->children = must_have(
			reallocarray(dir->children, dir->capacity, sizeof(struct node *)));
	}
	dir->children[dir->count++] = child;
	child->parent = dir;
}

static int
by_name(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	return image_name_compare(x->name, x->name_length, y->name, y->name_length);
}

static int64_t
image_time(const struct stat *st, int64_t latest_ns)
{
	if (st->st_mtim.tv_sec < 0)
		return 0;
	int64_t ns;
	if (__builtin_mul_overflow(st->st_mtim.tv_sec, (int64_t)NS_PER_S, &ns) ||
		__builtin_add_overflow(ns, st->st_mtim.tv_nsec, &ns))
		ns = INT64_MAX;
	return ns < latest_ns ? ns : latest_ns;
}

static int
read_target(int dir, const char *name, const char *path, struct node *node)
{
	char target[IMAGE_TARGET_MAX + 2];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	if (n < 0) {
		warn("cannot read the link %s", path);
		return -1;
	}
	if (n == 0 || n > IMAGE_TARGET_MAX) {
		warnx("%s: the target of a link has 1 to %d bytes", path, IMAGE_TARGET_MAX);
		return -1;
	}
	target[n] = '\0';
	node->target = must_have(strdup(target));
	node->mode = IMAGE_TYPE_LINK | 0777;
	return 0;
}

static int scan_dir(int fd, const char *path, int64_t latest_ns, struct node *dir);

static int
scan_subdir(int dir, const char *name, const char *path, int64_t latest_ns, struct node *node)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		warn("cannot read the directory %s", path);
		return -1;
	}
	return scan_dir(fd, path, latest_ns, node);
}

/* Makes the node of `name` in the open directory, with all that is below it. */
static int
scan_entry(int dir, const char *name, const char *path, int64_t latest_ns, struct node *node)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		warn("cannot look at %s", path);
		return -1;
	}
	node->mode = st.st_mode & (IMAGE_TYPE_MASK | IMAGE_PERM_MASK);
	node->mtime_ns = image_time(&st, latest_ns);
	if (!image_entry_name_ok(node->name, node->name_length)) {
		warnx("%s: a name has 1 to %d bytes; rename it", path, IMAGE_ENTRY_NAME);
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return scan_subdir(dir, name, path, latest_ns, node);
	if (S_ISLNK(st.st_mode))
		return read_target(dir, name, path, node);
	if (S_ISREG(st.st_mode)) {
		node->source = must_have(strdup(path));
		return 0;
	}
	warnx("%s is neither file nor directory nor link; an image cannot hold it: remove it",
		path);
	return -1;
}

static char *
join(const char *dir, const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		err(1, "out of memory");
	return path;
}

/* Takes fd over. Goes on after an error, so that one run names all that is wrong. */
static int
scan_dir(int fd, const char *path, int64_t latest_ns, struct node *dir)
{
	int result = 0;
	DIR *stream = must_have(fdopendir(fd));
	errno = 0;
	for (struct dirent *d; (d = readdir(stream)); errno = 0) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		struct node *child = node_new(d->d_name);
		char *child_path = join(path, d->d_name);
		add_child(dir, child);
		if (scan_entry(fd, d->d_name, child_path, latest_ns, child) != 0)
			result = -1;
		free(child_path);
	}
	if (errno) {
		warn("cannot read the directory %s", path);
		result = -1;
	}
	closedir(stream);
	if (dir->count)
		qsort(dir->children, dir->count, sizeof(struct node *), by_name);
	return result;
}

int
node_scan(const char *path, int64_t latest_ns, struct node **out)
{
	struct stat st;
	*out = NULL;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		warn("cannot read the directory %s", path);
		return -1;
	}
	struct node *root = node_new("");
	root->mode = IMAGE_TYPE_DIR | (st.st_mode & IMAGE_PERM_MASK);
	root->mtime_ns = image_time(&st, latest_ns);
	if (scan_dir(fd, path, latest_ns, root) != 0) {
		node_free(root);
		return -1;
	}
	*out = root;
	return 0;
}

static bool
is_dir(const struct node *node)
{
	return (node->mode & IMAGE_TYPE_MASK) == IMAGE_TYPE_DIR;
}

/* One of two nodes of the same name: the later one, or both directories as one. */
static struct node *
unite(struct node *old, struct node *later)
{
	if (is_dir(old) && is_dir(later)) {
		node_merge(old, later);
		return old;
	}
	node_free(old);
	return later;
}

void
node_merge(struct node *into, struct node *from)
{
	struct node **old = into->children, **later = from->children;
	size_t old_count = into->count, later_count = from->count;
	into->mode = from->mode;
	into->mtime_ns = from->mtime_ns;
	into->children = NULL;
	into->count = into->capacity = 0;
	for (size_t i = 0, j = 0; i < old_count || j < later_count;) {
		int order = i == old_count ? 1
			: j == later_count ? -1
					   : by_name(&old[i], &later[j]);
		if (order < 0)
			add_child(into, old[i++]);
		else if (order > 0)
			add_child(into, later[j++]);
		else
			add_child(into, unite(old[i++], later[j++]));
	}
	free(old);
	from->count = 0;
	node_free(from);
}

static struct node *
find_child(const struct node *dir, const char *name, size_t length)
{
	size_t low = 0, high = dir->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct node *child = dir->children[middle];
		int order = image_name_compare(name, length, child->name, child->name_length);
		if (order == 0)
			return child;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct node *
node_find(struct node *root, const char *path)
{
	struct node *node = root;
	while (node) {
		path += strspn(path, "/");
		if (!*path)
			break;
		size_t length = strcspn(path, "/");
		node = find_child(node, path, length);
		path += length;
	}
	return node;
}
