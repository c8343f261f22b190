/* SPDX-License-Identifier: MIT */
/* tmpfs: inodes. A regular file's memory ends with its object, which others (futexes) may refer to a little longer. */
#include "fs/tmp/tmpfs.h"
#include "mm/object.h"
#include "mm/slab.h"

static struct slab_cache *node_cache, *file_cache;

void
tmpfs_inode_init(void)
{
	node_cache = slab_cache_create("tmpfs_node", sizeof(struct tmpfs_node), 0);
	file_cache = slab_cache_create("tmpfs_file", sizeof(struct tmpfs_file), 0);
}

static int
count_inode(struct tmpfs *t)
{
	uint64_t max = atomic_load_explicit(&t->max_inodes, memory_order_relaxed);
	uint64_t old = atomic_fetch_add_explicit(&t->used_inodes, 1, memory_order_relaxed);
	if (likely(max == 0 || old < max))
		return 0;
	atomic_fetch_sub_explicit(&t->used_inodes, 1, memory_order_relaxed);
	return -ENOSPC;
}

static void
init_node(struct tmpfs_node *n, struct super *s, const struct inode *dir, uint32_t mode,
	const struct inode_ops *ops, const struct file_ops *fops)
{
	inode_init(&n->inode, s, mode, ops, fops);
	inode_init_owner(&n->inode, dir);
	n->inode.ino =
		atomic_fetch_add_explicit(&tmpfs_of(s)->next_ino, 1, memory_order_relaxed) + 1;
	n->link_len = 0;
	atomic_store_explicit(&n->seals, F_SEAL_SEAL, memory_order_relaxed);
}

int
tmpfs_node_create(struct super *s, const struct inode *dir, uint32_t mode, struct inode **out)
{
	int err = count_inode(tmpfs_of(s));
	if (err != 0)
		return err;
	struct tmpfs_node *n = slab_alloc(node_cache, 0);
	if (n == NULL) {
		atomic_fetch_sub_explicit(&tmpfs_of(s)->used_inodes, 1, memory_order_relaxed);
		return -ENOMEM;
	}
	uint32_t type = mode & S_IFMT;
	const struct inode_ops *ops = type == S_IFDIR ? &tmpfs_dir_inode_ops
		: type == S_IFLNK                     ? &tmpfs_link_inode_ops
						      : &tmpfs_node_inode_ops;
	init_node(n, s, dir, mode, ops, &tmpfs_dir_ops);
	*out = &n->inode;
	return 0;
}

static int
create_file(struct super *s, const struct inode *dir, uint32_t mode, struct inode **out)
{
	struct tmpfs *t = tmpfs_of(s);
	int err = count_inode(t);
	if (err != 0)
		return err;
	struct tmpfs_file *f = slab_alloc(file_cache, 0);
	if (f == NULL) {
		atomic_fetch_sub_explicit(&t->used_inodes, 1, memory_order_relaxed);
		return -ENOMEM;
	}
	init_node(&f->node, s, dir, mode, &tmpfs_file_inode_ops, &tmpfs_file_ops);
	refcount_get(&t->refs);
	f->fs = t;
	vm_object_init(&f->object, &tmpfs_object_ops, 0, f);
	f->node.inode.object = &f->object;
	*out = &f->node.inode;
	return 0;
}

int
tmpfs_inode_create(
	struct super *s, const struct inode *dir, uint32_t mode, uint64_t rdev, struct inode **out)
{
	if ((mode & S_IFMT) == S_IFREG)
		return create_file(s, dir, mode, out);
	int err = tmpfs_node_create(s, dir, mode, out);
	if (err == 0)
		(*out)->rdev = rdev;
	return err;
}

void
tmpfs_inode_destroy(struct inode *i)
{
	atomic_fetch_sub_explicit(&tmpfs_of(i->super)->used_inodes, 1, memory_order_relaxed);
	if (i->object != NULL) {
		vm_object_put(i->object);
		return;
	}
	if ((i->mode & S_IFMT) == S_IFLNK)
		kfree(i->priv);
	slab_free(node_cache, tmpfs_node_of(i));
}

static void
object_destroy(struct vm_object *o)
{
	struct tmpfs_file *f = container_of(o, struct tmpfs_file, object);
	struct tmpfs *t = f->fs;
	slab_free(file_cache, f);
	tmpfs_put(t);
}

static int
object_charge(struct vm_object *o, int64_t n)
{
	struct tmpfs *t = container_of(o, struct tmpfs_file, object)->fs;
	if (n < 0) {
		atomic_fetch_sub_explicit(&t->used_pages, (uint64_t)-n, memory_order_relaxed);
		return 0;
	}
	uint64_t max = atomic_load_explicit(&t->max_pages, memory_order_relaxed);
	uint64_t old = atomic_fetch_add_explicit(&t->used_pages, (uint64_t)n, memory_order_relaxed);
	if (likely(max == 0 || old + (uint64_t)n <= max))
		return 0;
	atomic_fetch_sub_explicit(&t->used_pages, (uint64_t)n, memory_order_relaxed);
	return -ENOSPC;
}

const struct vm_object_ops tmpfs_object_ops = {
	.charge = object_charge,
	.destroy = object_destroy,
};

static int
file_getattr(struct dentry *d, struct kstat *st)
{
	struct inode *i = dentry_inode(d);
	inode_stat(i, st);
	st->blocks = i->object->nr_pages * (PAGE_SIZE / 512); /* may be a moment old */
	return 0;
}

static int
file_setattr(struct dentry *d, const struct iattr *attr)
{
	struct inode *i = dentry_inode(d);
	if (attr->valid & ATTR_SIZE) {
		uint64_t size = atomic_load_explicit(&i->object->size, memory_order_relaxed);
		uint32_t seals =
			atomic_load_explicit(&tmpfs_node_of(i)->seals, memory_order_relaxed);
		if ((attr->size < size && (seals & F_SEAL_SHRINK)) ||
			(attr->size > size && (seals & F_SEAL_GROW)))
			return -EPERM;
		if (attr->size > INT64_MAX)
			return -EFBIG;
		vm_object_truncate(i->object, attr->size);
	}
	inode_apply_attr(i, attr);
	return 0;
}

static const char *
link_get(struct inode *i, uint32_t *len)
{
	*len = tmpfs_node_of(i)->link_len;
	return i->priv;
}

static int
link_getattr(struct dentry *d, struct kstat *st)
{
	struct inode *i = dentry_inode(d);
	inode_stat(i, st);
	st->size = tmpfs_node_of(i)->link_len;
	return 0;
}

const struct inode_ops tmpfs_file_inode_ops = {.getattr = file_getattr, .setattr = file_setattr};
const struct inode_ops tmpfs_link_inode_ops = {.get_link = link_get, .getattr = link_getattr};
const struct inode_ops tmpfs_node_inode_ops = {0};
