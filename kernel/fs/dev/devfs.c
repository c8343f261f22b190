/* SPDX-License-Identifier: MIT */
/*
 * /dev: one tmpfs for all mounts of type devtmpfs, made at boot, so that devices may register before it is mounted
 * anywhere. Its super is never given up.
 */
#include "fs/dev/devfs.h"

#include <string.h>

#include "core/panic.h"
#include "fs/dev/registry.h"
#include "fs/tmp/tmpfs.h"
#include "proc/cred.h"

static struct super *dev_super; /* [I] */

static int
devtmpfs_mount(const struct fs_type *type, const char *source, uint32_t flags, const char *text,
	struct super **out)
{
	struct tmpfs_options options;
	int err = tmpfs_options(text, &options);
	if (err != 0)
		return err;
	super_get(dev_super);
	*out = dev_super;
	return 0;
}

static struct fs_type dev_type = {.name = "devtmpfs", .mount = devtmpfs_mount, .nodev = true};

/* Finds or makes a child of dir by what bind does to a new dentry; *out is referenced. */
struct node {
	uint32_t mode;
	uint64_t rdev;
	const char *target; /* of a symlink */
};

static int
make_node(struct inode *dir, struct dentry *d, const struct node *n)
{
	switch (n->mode & S_IFMT) {
	case S_IFDIR:
		return dir->ops->mkdir(dir, d, n->mode);
	case S_IFLNK:
		return dir->ops->symlink(dir, d, n->target);
	default:
		return dir->ops->create(dir, d, n->mode, n->rdev);
	}
}

static int
add_child(struct dentry *parent, const char *name, size_t len, const struct node *n,
	struct dentry **out)
{
	struct inode *dir = dentry_inode(parent);
	rw_write_lock(&dir->lock);
	int err = dentry_find(parent, name, len, out);
	if (err == 0 && dentry_inode(*out) == NULL) {
		err = make_node(dir, *out, n);
		if (err == 0)
			dentry_add(*out);
		else
			dentry_put(*out);
	} else if (err == 0 && (n->mode & S_IFMT) != S_IFDIR) {
		dentry_put(*out);
		err = -EEXIST;
	}
	rw_write_unlock(&dir->lock);
	return err;
}

/* Makes name, and the directories on the way to it. */
static int
add_name(const char *name, const struct node *n)
{
	static const struct node directory = {.mode = S_IFDIR | 0755};
	struct dentry *at = dev_super->root, *next;
	dentry_get(at);
	int err = 0;
	while (err == 0 && *name != '\0') {
		size_t len = 0;
		while (name[len] != '/' && name[len] != '\0')
			len++;
		bool last = name[len] == '\0';
		err = add_child(at, name, len, last ? n : &directory, &next);
		dentry_put(at);
		if (err != 0)
			return err;
		at = next;
		name += len + !last;
	}
	dentry_put(at);
	return err;
}

int
devfs_register(
	const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *fops, void *priv)
{
	if (fops != NULL) {
		int err = device_add(mode, rdev, fops, priv);
		if (err != 0)
			return err;
	}
	return add_name(name, &(struct node){.mode = mode, .rdev = rdev});
}

void
devfs_unregister_name(const char *name)
{
	struct dentry *root = dev_super->root, *d;
	struct inode *dir = dentry_inode(root);
	rw_write_lock(&dir->lock);
	int err = dentry_find(root, name, strlen(name), &d);
	if (err == 0 && dentry_inode(d) != NULL) {
		struct inode *i = dentry_inode(d);
		rw_write_lock(&i->lock);
		if (dir->ops->unlink(dir, d) == 0)
			dentry_delete(d);
		rw_write_unlock(&i->lock);
	}
	rw_write_unlock(&dir->lock);
	if (err == 0)
		dentry_put(d);
}

/* Links and mount points that programs expect. */
static int
add_fixed(void)
{
	static const struct {
		const char *name;
		struct node node;
	} fixed[] = {
		{"fd", {.mode = S_IFLNK, .target = "/proc/self/fd"}},
		{"stdin", {.mode = S_IFLNK, .target = "/proc/self/fd/0"}},
		{"stdout", {.mode = S_IFLNK, .target = "/proc/self/fd/1"}},
		{"stderr", {.mode = S_IFLNK, .target = "/proc/self/fd/2"}},
		{"shm", {.mode = S_IFDIR | 0755}},
		{"pts", {.mode = S_IFDIR | 0755}},
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(fixed); i++)
		err = add_name(fixed[i].name, &fixed[i].node);
	return err;
}

void
devfs_init(void)
{
	struct tmpfs_options options;
	if (tmpfs_options("mode=755", &options) != 0 ||
		tmpfs_create(&dev_type, &options, 0, CAP_TMPWRITE, &dev_super) != 0 ||
		add_fixed() != 0)
		panic("no memory for /dev");
	fs_register(&dev_type);
	devices_init();
}
