/* SPDX-License-Identifier: MIT */
/*
 * The registry of devices: by type and number. Entries are added and never change or go, so look-ups take no lock.
 */
#include "fs/dev/registry.h"

#include "fs/dev/devfs.h"
#include "mm/slab.h"
#include "vfs/vfs.h"

struct device {
	struct device *next; /* [I] */
	uint64_t rdev;
	uint32_t type; /* S_IFCHR or S_IFBLK */
	const struct file_ops *fops;
	void *priv;
};

#define BUCKETS 64
static struct device *_Atomic buckets[BUCKETS];

static inline struct device *_Atomic *
bucket_of(uint64_t rdev)
{
	return &buckets[(rdev ^ (rdev >> 8)) % BUCKETS];
}

static struct device *
find(uint32_t type, uint64_t rdev)
{
	struct device *d = atomic_load_explicit(bucket_of(rdev), memory_order_acquire);
	while (d != NULL && (d->rdev != rdev || d->type != type))
		d = d->next;
	return d;
}

int
device_add(uint32_t mode, uint64_t rdev, const struct file_ops *fops, void *priv)
{
	uint32_t type = mode & S_IFMT;
	if (find(type, rdev) != NULL)
		return -EEXIST;
	struct device *d = kmalloc(sizeof(*d), 0);
	if (d == NULL)
		return -ENOMEM;
	*d = (struct device){.rdev = rdev, .type = type, .fops = fops, .priv = priv};
	struct device *_Atomic *head = bucket_of(rdev);
	d->next = atomic_load_explicit(head, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		head, &d->next, d, memory_order_release, memory_order_relaxed))
		;
	return 0;
}

int
device_open(struct inode *inode, struct file *f)
{
	const struct device *d = find(inode->mode & S_IFMT, inode->rdev);
	if (unlikely(d == NULL))
		return inode->ops->open != NULL ? inode->ops->open(inode, f) : -ENXIO;
	f->ops = d->fops;
	f->priv = d->priv;
	if (d->fops->open != NULL)
		return d->fops->open(inode, f);
	f->kind = FILE_SEEKABLE;
	return 0;
}
