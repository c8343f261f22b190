/* SPDX-License-Identifier: MIT */
/* Mounting an image: read the metadata, check it, make the root. */
#define LOG_SOURCE "basefs"
#include <string.h>

#include "base/fmt.h"
#include "core/log.h"
#include "fs/base/internal.h"
#include "mm/slab.h"
#include "trusted_keys.h"

#define BASEFS_MAGIC 0x73776f73 /* statfs: "swos" */

static const struct image_info *first_info;

static int
base_statfs(struct super *s, struct kstatfs *out)
{
	const struct basefs *fs = s->priv;
	const struct image_header *h = &fs->image.header;
	*out = (struct kstatfs){
		.type = BASEFS_MAGIC,
		.bsize = IMAGE_BLOCK_SIZE,
		.blocks = h->total_length / IMAGE_BLOCK_SIZE,
		.files = h->entry_count,
		.namelen = IMAGE_ENTRY_NAME,
	};
	return 0;
}

static void
inode_gone(struct inode *inode)
{
	if (inode->object != NULL)
		vm_object_put(inode->object); /* frees both when no mapping is left */
	else
		base_inode_destroy(inode);
}

static void
fs_free(struct basefs *fs)
{
	vm_object_put(&fs->nodes);
	kvfree(fs->region);
	kfree(fs);
}

static void
base_kill(struct super *s)
{
	fs_free(s->priv);
}

static const struct super_ops base_super_ops = {
	.statfs = base_statfs,
	.inode_destroy = inode_gone,
	.kill = base_kill,
};

/* Not to be mounted by name: which image is trusted is the kernel's decision. */
static int
refuse_mount(const struct fs_type *type, const char *source, uint32_t flags, const char *options,
	struct super **out)
{
	return -EPERM;
}

static struct fs_type base_type = {.name = "swosbase", .mount = refuse_mount, .nodev = true};

bool
basefs_probe(const struct image_source *src)
{
	static const char magic[IMAGE_MAGIC_SIZE] = {'S', 'W', 'O', 'S', 'B', 'A', 'S', 'E'};
	uint8_t *block = kmalloc(PAGE_SIZE, 0);
	bool found = block != NULL && src->size >= PAGE_SIZE &&
		source_read(src, block, 0, PAGE_SIZE) == 0 &&
		memcmp(block, magic, sizeof(magic)) == 0;
	kfree(block);
	return found;
}

/* The metadata where nobody can change it: an initrd's is only mapped in the kernel; a disk's is copied. */
static int
load_region(struct basefs *fs, const void **region, size_t *size, struct image_error *why)
{
	struct image_header h;
	if (fs->source.size < PAGE_SIZE) {
		*why = (struct image_error){.what = "shorter than a block"};
		return -EBADMSG;
	}
	uint8_t *first = kmalloc(PAGE_SIZE, 0);
	if (first == NULL)
		return -ENOMEM;
	int err = source_read(&fs->source, first, 0, PAGE_SIZE);
	if (err == 0)
		err = image_header_decode(first, IMAGE_HEADER_SIZE, &h, why);
	kfree(first);
	if (err != 0)
		return err;
	*size = image_metadata_length(&h);
	if (*size > fs->source.size) {
		*why = (struct image_error){.what = "the device ends before the signature"};
		return -EBADMSG;
	}
	if (fs->source.memory != NULL) {
		*region = fs->source.memory;
		return 0;
	}
	*region = fs->region = kvmalloc(*size);
	if (fs->region == NULL)
		return -ENOMEM;
	return source_read(&fs->source, fs->region, 0, *size);
}

static int
open_image(struct basefs *fs, char *reason, size_t reason_size)
{
	struct image_error why = {0};
	const void *region;
	size_t size;
	int err = load_region(fs, &region, &size, &why);
	if (err == 0)
		err = image_open(region, size, fs->source.size, trusted_keys,
			ARRAY_SIZE(trusted_keys), &fs->image, &why);
	if (err == 0 && fs->image.header.kind != IMAGE_BASE) {
		why = (struct image_error){.what = "it is signed, but not a base image"};
		err = -EBADMSG;
	}
	if (err != 0 && why.what != NULL)
		image_error_text(&why, reason, reason_size);
	else if (err != 0)
		base_snprintf(reason, reason_size, "it cannot be read (error %d)", -err);
	return err;
}

static int
make_super(struct basefs *fs, struct super **out)
{
	struct super *s = super_create(&base_type, &base_super_ops, SUPER_READONLY, fs);
	if (s == NULL)
		return -ENOMEM;
	fs->super = s;
	struct inode *root = base_inode_create(fs, IMAGE_ROOT);
	if (root != NULL)
		s->root = dentry_create_root(s, root);
	if (s->root == NULL) {
		super_put(s); /* frees fs */
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

int
basefs_mount_image(const struct image_source *src, struct super **out, char *reason, size_t size)
{
	struct basefs *fs = kzalloc(sizeof(*fs));
	if (fs == NULL) {
		base_snprintf(reason, size, "out of memory");
		return -ENOMEM;
	}
	fs->source = *src;
	vm_object_init(&fs->nodes, &base_node_ops, OBJ_RECLAIMABLE, fs);
	int err = open_image(fs, reason, size);
	if (err != 0) {
		fs_free(fs);
		return err;
	}
	const struct image_header *h = &fs->image.header;
	atomic_store_explicit(&fs->nodes.size, h->tree_length, memory_order_relaxed);
	fs->info = (struct image_info){
		.kind = image_kind_name(h->kind),
		.name = h->name,
		.generation = h->generation,
		.development = (h->flags & IMAGE_DEVELOPMENT) != 0,
	};
	err = make_super(fs, out);
	if (err != 0)
		base_snprintf(reason, size, "out of memory");
	else if (first_info == NULL)
		first_info = &fs->info;
	return err;
}

const struct image_info *
basefs_info(void)
{
	return first_info;
}

void
basefs_init(void)
{
	base_inode_init();
	fs_register(&base_type);
}
