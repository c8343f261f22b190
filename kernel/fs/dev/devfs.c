/* SPDX-License-Identifier: MIT */
/* The registry of devices and the single devtmpfs: a tmpfs that the kernel puts nodes into. */
#define LOG_SOURCE "devfs"
#include "fs/dev/devfs.h"

#include <string.h>

#include "core/log.h"
#include "core/panic.h"
#include "fs/dev/mem.h"
#include "fs/tmp/tmpfs.h"
#include "mm/slab.h"

struct device {
	struct list_node node; /* [registry_lock] */
	const char *name;      /* [I] */
	uint32_t type;         /* [I] S_IFCHR or S_IFBLK */
	uint64_t rdev;         /* [I] */
	const struct file_ops *fops;
	void *priv;
};

static struct spinlock registry_lock = SPINLOCK_INIT("devfs_registry");
static struct list_node devices =
	LIST_INIT(devices);     /* [registry_lock] most used first; never removed */
static struct super *dev_super; /* [I] after boot; one reference is ours */

static int
devtmpfs_mount(const struct fs_type *type, const char *source, uint32_t flags, const char *options,
	struct super **out)
{
	super_get(dev_super);
	*out = dev_super;
	return 0;
}

static struct fs_type devtmpfs_type = {.name = "devtmpfs", .mount = devtmpfs_mount, .nodev = true};

static struct device *
find_locked(uint32_t type, uint64_t rdev)
{
	struct device *d;
	list_for_each_entry (d, &devices, node)
		if (d->rdev == rdev && d->type == type)
			return d;
	return NULL;
}

static struct device *
find(uint32_t type, uint64_t rdev)
{
	spin_lock(&registry_lock);
	struct device *d = find_locked(type, rdev);
	spin_unlock(&registry_lock);
	return d;
}

int
device_open(struct inode *inode, struct file *f)
{
	const struct device *d = find(inode->mode & S_IFMT, inode->rdev);
	if (d == NULL)
		return -ENXIO;
	f->ops = d->fops;
	f->priv = d->priv;
	/* Where seeking does nothing reading at a position does as well: what is read has none. */
	f->kind = FILE_STREAM | (d->fops->seek != NULL ? FILE_SEEKABLE : 0);
	return d->fops->open != NULL ? d->fops->open(inode, f) : 0;
}

/* Runs make(directory, new dentry, arg) for the last component of name below /dev; directories on the way are made. */
typedef int make_fn(struct inode *dir, struct dentry *d, const void *arg);

static int
make_directory(struct inode *dir, struct dentry *d, const void *arg)
{
	return dir->ops->mkdir(dir, d, S_IFDIR | 0755);
}

static int
make_in(struct dentry *dir, const char *name, size_t len, make_fn *make, const void *arg,
	struct dentry **out)
{
	struct inode *inode = dentry_inode(dir);
	struct dentry *d;
	rw_write_lock(&inode->lock);
	int err = dentry_find(dir, name, len, &d);
	if (err == 0) {
		if (dentry_inode(d) != NULL)
			err = make == make_directory ? 0 : -EEXIST;
		else
			err = make(inode, d, arg);
		if (err == 0)
			dentry_add(d);
		if (err == 0 && out != NULL)
			*out = d;
		else
			dentry_put(d);
	}
	rw_write_unlock(&inode->lock);
	return err;
}

static int
make_name(const char *name, make_fn *make, const void *arg)
{
	struct dentry *dir = dev_super->root;
	dentry_get(dir);
	const char *slash;
	int err = 0;
	while (err == 0 && (slash = strchr(name, '/')) != NULL) {
		struct dentry *next = NULL;
		err = make_in(dir, name, (size_t)(slash - name), make_directory, NULL, &next);
		name = slash + 1;
		if (err == 0) {
			dentry_put(dir);
			dir = next;
		}
	}
	if (err == 0)
		err = make_in(dir, name, strlen(name), make, arg, NULL);
	dentry_put(dir);
	return err;
}

struct node_args {
	uint32_t mode;
	uint64_t rdev;
};

static int
make_node(struct inode *dir, struct dentry *d, const void *arg)
{
	const struct node_args *a = arg;
	return dir->ops->create(dir, d, a->mode, a->rdev);
}

static int
make_symlink(struct inode *dir, struct dentry *d, const void *arg)
{
	return dir->ops->symlink(dir, d, arg);
}

int
devfs_register(
	const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *fops, void *priv)
{
	struct device *d = kzalloc(sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	*d = (struct device){
		.name = name, .type = mode & S_IFMT, .rdev = rdev, .fops = fops, .priv = priv};
	spin_lock(&registry_lock);
	bool taken = find_locked(d->type, rdev) != NULL;
	if (!taken)
		list_add_tail(&devices, &d->node);
	spin_unlock(&registry_lock);
	if (taken) {
		kfree(d);
		return -EEXIST;
	}
	struct node_args args = {mode, rdev};
	return make_name(name, make_node, &args);
}

int
devfs_symlink(const char *name, const char *target)
{
	return make_name(name, make_symlink, target);
}

void
devfs_init(void)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{"fd", "/proc/self/fd"},
		{"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"},
	};
	int err = tmpfs_super_create(&devtmpfs_type, "mode=755", &dev_super);
	if (err != 0)
		panic("cannot make /dev: error %d", -err);
	fs_register(&devtmpfs_type);
	mem_devices_register();
	for (size_t i = 0; i < ARRAY_SIZE(links) && err == 0; i++)
		err = devfs_symlink(links[i].name, links[i].target);
	if (err == 0)
		err = make_name("shm", make_directory, NULL);
	if (err == 0)
		err = make_name("pts", make_directory, NULL);
	if (err != 0)
		panic("cannot fill /dev: error %d", -err);
}
