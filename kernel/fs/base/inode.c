/* SPDX-License-Identifier: MIT */
/* Files, directories and symlinks of an image. */
#include <string.h>

#include "abi/linux/fcntl.h"
#include "fs/base/internal.h"
#include "mm/slab.h"

#define NSEC 1000000000

static struct slab_cache *inode_cache;

void
base_inode_init(void)
{
	inode_cache = slab_cache_create("base_inode", sizeof(struct base_inode), 0);
}

static struct base_inode *
base_inode_of(const struct inode *inode)
{
	return container_of(inode, struct base_inode, inode);
}

/* An inode's number is its entry's, plus one: programs take 0 for "deleted". */
static uint32_t
entry_index(const struct inode *inode)
{
	return (uint32_t)inode->ino - 1;
}

static void
set_time(struct inode *inode, int64_t ns)
{
	int64_t sec = ns / NSEC, rest = ns % NSEC;
	if (rest < 0) {
		rest += NSEC;
		sec--;
	}
	inode->mtime = (struct ktimespec){sec, (uint32_t)rest};
	inode->atime = inode->ctime = inode->btime = inode->mtime;
}

static uint32_t
count_directories(const struct basefs *fs, const struct image_entry *e)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < e->child_count; i++) {
		struct image_entry child;
		image_entry_read(&fs->image, e->first_child + i, &child);
		n += (child.mode & S_IFMT) == S_IFDIR;
	}
	return n;
}

struct inode *
base_inode_create(struct basefs *fs, uint32_t index)
{
	struct image_entry e;
	struct base_inode *bi = slab_alloc(inode_cache, 0);
	if (bi == NULL)
		return NULL;
	struct inode *inode = &bi->inode;
	image_entry_read(&fs->image, index, &e);
	bi->fs = fs;
	atomic_store_explicit(&bi->bad_blocks, NULL, memory_order_relaxed);
	switch (e.mode & S_IFMT) {
	case S_IFDIR:
		inode_init(inode, fs->super, e.mode, &base_dir_ops, &base_dir_fops);
		inode->nlink = 2 + count_directories(fs, &e);
		break;
	case S_IFLNK:
		inode_init(inode, fs->super, e.mode, &base_symlink_ops, NULL);
		break;
	default:
		inode_init(inode, fs->super, e.mode, &base_file_inode_ops, &base_file_fops);
		image_content_read(&fs->image, e.content, &bi->content);
		vm_object_init(&bi->object,
			fs->source.block != NULL ? &base_disk_ops : &base_memory_ops,
			OBJ_RECLAIMABLE, inode);
		atomic_store_explicit(&bi->object.size, bi->content.size, memory_order_relaxed);
		inode->object = &bi->object;
		break;
	}
	inode->ino = (uint64_t)index + 1;
	inode->uid = e.uid;
	inode->gid = e.gid;
	inode->flags =
		INODE_IMMUTABLE | INODE_NOATIME | ((e.attributes & IMAGE_ATTR_WX) ? INODE_WX : 0);
	set_time(inode, e.mtime_ns);
	return inode;
}

/* Called for the last reference of inode and object both: a mapping may keep the object after the inode went. */
void
base_inode_destroy(struct inode *inode)
{
	struct base_inode *bi = base_inode_of(inode);
	kvfree((void *)atomic_load_explicit(&bi->bad_blocks, memory_order_relaxed));
	slab_free(inode_cache, bi);
}

static int
dir_lookup(struct inode *dir, struct dentry *d)
{
	struct basefs *fs = base_inode_of(dir)->fs;
	uint32_t index;
	if (image_lookup(&fs->image, entry_index(dir), d->name, d->name_len, &index) != 0)
		return 0; /* stays negative */
	struct inode *inode = base_inode_create(fs, index);
	if (inode == NULL)
		return -ENOMEM;
	dentry_bind(d, inode);
	return 0;
}

static int
dir_readdir(struct file *f, struct dir_context *ctx)
{
	struct basefs *fs = base_inode_of(f->inode)->fs;
	struct image_entry dir, e;
	if (!dir_emit_dots(f, ctx))
		return 0;
	image_entry_read(&fs->image, entry_index(f->inode), &dir);
	for (; ctx->pos - 2 < dir.child_count; ctx->pos++) {
		uint32_t index = dir.first_child + (uint32_t)(ctx->pos - 2);
		image_entry_read(&fs->image, index, &e);
		if (!ctx->emit(ctx, e.name, e.name_length, (uint64_t)index + 1,
			    dir_type_of_mode(e.mode)))
			break;
	}
	return 0;
}

static const char *
symlink_get_link(struct inode *inode, uint32_t *len)
{
	struct image_entry e;
	image_entry_read(&base_inode_of(inode)->fs->image, entry_index(inode), &e);
	*len = e.target_length;
	return e.target;
}

static int
symlink_getattr(struct dentry *d, struct kstat *st)
{
	uint32_t len;
	inode_stat(dentry_inode(d), st);
	symlink_get_link(dentry_inode(d), &len);
	st->size = len;
	return 0;
}

const struct inode_ops base_dir_ops = {.lookup = dir_lookup};
const struct inode_ops base_file_inode_ops = {0};
const struct inode_ops base_symlink_ops = {
	.get_link = symlink_get_link, .getattr = symlink_getattr};

const struct file_ops base_dir_fops = {.readdir = dir_readdir, .seek = generic_file_seek};
const struct file_ops base_file_fops = {
	.read = generic_file_read,
	.get_pages = generic_file_get_pages,
	.seek = generic_file_seek,
	.mmap = generic_file_mmap,
};
