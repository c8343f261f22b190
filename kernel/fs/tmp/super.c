/* SPDX-License-Identifier: MIT */
/* tmpfs: instances, their options and limits. */
#include "base/fmt.h"
#include "fs/tmp/tmpfs.h"
#include "mm/page.h"
#include "mm/slab.h"

#define TMPFS_MAGIC 0x01021994

static uint64_t
ram_pages(void)
{
	struct page_stats stats;
	page_get_stats(&stats);
	return stats.total;
}

int
tmpfs_options(const char *text, struct tmpfs_options *out)
{
	uint64_t pages = ram_pages();
	*out = (struct tmpfs_options){
		.size = pages / 2 * PAGE_SIZE,
		.nr_inodes = pages / 2,
		.mode = 01777,
	};
	return tmpfs_parse_options(text, pages * PAGE_SIZE, out);
}

/* A limit that is no whole number of pages is rounded up. */
static uint64_t
pages_of(uint64_t bytes)
{
	return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

void
tmpfs_put(struct tmpfs *t)
{
	if (refcount_put(&t->refs))
		kfree(t);
}

static int
tmpfs_statfs(struct super *s, struct kstatfs *out)
{
	struct tmpfs *t = tmpfs_of(s);
	uint64_t max = atomic_load_explicit(&t->max_pages, memory_order_relaxed);
	uint64_t used = atomic_load_explicit(&t->used_pages, memory_order_relaxed);
	uint64_t max_inodes = atomic_load_explicit(&t->max_inodes, memory_order_relaxed);
	uint64_t used_inodes = atomic_load_explicit(&t->used_inodes, memory_order_relaxed);
	out->type = TMPFS_MAGIC;
	out->blocks = max;
	out->bfree = out->bavail = max > used ? max - used : 0;
	out->files = max_inodes;
	out->ffree = max_inodes > used_inodes ? max_inodes - used_inodes : 0;
	return 0;
}

/* Changes the limits, which may not go below what is used. Mode and owner of the root are left to chmod and chown. */
static int
tmpfs_remount(struct super *s, uint32_t flags, const char *text)
{
	struct tmpfs *t = tmpfs_of(s);
	struct tmpfs_options new = t->options;
	new.given = 0;
	int err = tmpfs_parse_options(text, ram_pages() * PAGE_SIZE, &new);
	if (err != 0)
		return err;
	uint64_t pages = pages_of(new.size);
	if ((new.given &TMPFS_GIVEN_SIZE) && pages != 0 &&
		pages < atomic_load_explicit(&t->used_pages, memory_order_relaxed))
		return -EINVAL;
	if ((new.given &TMPFS_GIVEN_INODES) && new.nr_inodes != 0 &&
		new.nr_inodes < atomic_load_explicit(&t->used_inodes, memory_order_relaxed))
		return -EINVAL;
	atomic_store_explicit(&t->max_pages, pages, memory_order_relaxed);
	atomic_store_explicit(&t->max_inodes, new.nr_inodes, memory_order_relaxed);
	t->options = new;
	return 0;
}

static void
tmpfs_kill(struct super *s)
{
	tmpfs_put(tmpfs_of(s));
}

static void
tmpfs_show_options(struct super *s, char *buf, size_t n)
{
	const struct tmpfs_options *o = &tmpfs_of(s)->options;
	base_snprintf(buf, n, ",size=%lluk,nr_inodes=%llu,mode=%o",
		(unsigned long long)pages_of(o->size) * 4, (unsigned long long)o->nr_inodes,
		o->mode);
}

static const struct super_ops super_ops = {
	.statfs = tmpfs_statfs,
	.remount = tmpfs_remount,
	.inode_destroy = tmpfs_inode_destroy,
	.kill = tmpfs_kill,
	.show_options = tmpfs_show_options,
};

static int
create_root(struct super *s, const struct tmpfs_options *o)
{
	struct inode *i;
	int err = tmpfs_node_create(s, NULL, S_IFDIR | o->mode, &i);
	if (err != 0)
		return err;
	i->uid = o->uid;
	i->gid = o->gid;
	i->nlink = 2;
	s->root = dentry_create_root(s, i);
	return s->root != NULL ? 0 : -ENOMEM;
}

int
tmpfs_create(const struct fs_type *type, const struct tmpfs_options *options, uint32_t super_flags,
	caps_t write_caps, struct super **out)
{
	struct tmpfs *t = kzalloc(sizeof(*t));
	*out = NULL;
	if (t == NULL)
		return -ENOMEM;
	refcount_init(&t->refs, 1);
	atomic_store_explicit(&t->max_pages, pages_of(options->size), memory_order_relaxed);
	atomic_store_explicit(&t->max_inodes, options->nr_inodes, memory_order_relaxed);
	t->options = *options;
	struct super *s =
		super_create(type, &super_ops, super_flags | SUPER_PINNED | SUPER_UNSIGNED, t);
	if (s == NULL) {
		tmpfs_put(t);
		return -ENOMEM;
	}
	s->write_caps = write_caps;
	int err = create_root(s, options);
	if (err != 0) {
		super_put(s);
		return err;
	}
	*out = s;
	return 0;
}

int
tmpfs_super_create(const struct fs_type *type, const char *text, struct super **out)
{
	struct tmpfs_options options;
	int err = tmpfs_options(text, &options);
	return err != 0 ? err : tmpfs_create(type, &options, 0, CAP_TMPWRITE, out);
}

static int
tmpfs_mount(const struct fs_type *type, const char *source, uint32_t flags, const char *text,
	struct super **out)
{
	struct tmpfs_options options;
	int err = tmpfs_options(text, &options);
	return err != 0 ? err : tmpfs_create(type, &options, flags, CAP_TMPWRITE, out);
}

static struct fs_type tmpfs_type = {.name = "tmpfs", .mount = tmpfs_mount, .nodev = true};

void
tmpfs_init(void)
{
	tmpfs_inode_init();
	fs_register(&tmpfs_type);
	memfd_init();
}
