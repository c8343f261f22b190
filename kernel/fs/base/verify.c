/* SPDX-License-Identifier: MIT */
/*
 * Pages of verified content: the page cache's page_in and supply, and the cache of hash tree nodes.
 *
 * Nodes are pages of fs->nodes; PG_VERIFIED on one says that its own hash was checked against its parent.
 */
#define LOG_SOURCE "basefs"
#include "core/log.h"
#include "fs/base/internal.h"
#include "mm/slab.h"

static int
node_get(void *ctx, uint64_t offset, const uint8_t **node, uint32_t *flags)
{
	struct basefs *fs = ctx;
	struct page *p;
	uint64_t index = (offset - fs->image.header.tree_offset) >> PAGE_SHIFT;
	int err = vm_object_get_page(&fs->nodes, index, OBJ_GET_CREATE, &p);
	if (err != 0)
		return err;
	*node = page_to_virt(p);
	*flags = (vm_page_flags(p) & PG_VERIFIED) ? IMAGE_NODE_VERIFIED : 0;
	return 0;
}

static void
node_put(void *ctx, uint64_t offset, const uint8_t *node, uint32_t flags)
{
	struct page *p = virt_to_page(node);
	if (flags & IMAGE_NODE_VERIFIED)
		atomic_fetch_or_explicit(&p->flags, (uint16_t)PG_VERIFIED, memory_order_release);
	page_put(p);
}

static const struct image_tree_ops tree_ops = {node_get, node_put};

/* Whether the log has not had a line about this block of the file yet; from now on it has. */
static bool
first_report(struct base_inode *bi, uint64_t index)
{
	_Atomic uint64_t *map = atomic_load_explicit(&bi->bad_blocks, memory_order_acquire);
	if (map == NULL) {
		uint64_t blocks = (bi->content.size + PAGE_MASK) >> PAGE_SHIFT;
		_Atomic uint64_t *fresh = kvmalloc((blocks / 64 + 1) * sizeof(*fresh));
		if (fresh == NULL)
			return true;
		if (atomic_compare_exchange_strong(&bi->bad_blocks, &map, fresh))
			map = fresh;
		else
			kvfree((void *)fresh);
	}
	uint64_t bit = 1ULL << index % 64;
	return (atomic_fetch_or(&map[index / 64], bit) & bit) == 0;
}

static void
report_bad_block(struct base_inode *bi, uint64_t index, const struct image_error *why)
{
	char text[160];
	if (first_report(bi, index))
		log_err("%s: block %llu of file %llu is not what was signed: %s",
			bi->fs->source.name, (unsigned long long)index,
			(unsigned long long)bi->inode.ino,
			image_error_text(why, text, sizeof(text)));
}

/* Checks a block of content; -EIO when it is not what was signed. */
static int
verify(struct base_inode *bi, uint64_t index, const void *block)
{
	struct image_error why = {0};
	int err = image_verify_block(&bi->content, index, block, &tree_ops, bi->fs, &why);
	if (err == -EBADMSG || err == -ERANGE) {
		report_bad_block(bi, index, &why);
		err = -EIO;
	}
	return err;
}

static struct base_inode *
inode_of(struct vm_object *o)
{
	return container_of(o, struct base_inode, object);
}

static uint64_t
block_offset(const struct base_inode *bi, uint64_t index)
{
	return bi->content.payload_offset + (index << PAGE_SHIFT);
}

static int
content_page_in(struct vm_object *o, struct page *p)
{
	struct base_inode *bi = inode_of(o);
	if (o->ops->start_read != NULL)
		vm_object_read_ahead(o, p->index);
	int err = source_read(
		&bi->fs->source, page_to_virt(p), block_offset(bi, p->index), PAGE_SIZE);
	return err != 0 ? err : verify(bi, p->index, page_to_virt(p));
}

static int
content_check(struct vm_object *o, struct page *p)
{
	struct base_inode *bi = inode_of(o);
	vm_object_read_ahead(o, p->index);
	return verify(bi, p->index, page_to_virt(p));
}

static void
content_start_read(struct vm_object *o, struct page **pages, uint32_t n)
{
	struct base_inode *bi = inode_of(o);
	source_start_read(&bi->fs->source, block_offset(bi, pages[0]->index), pages, n);
}

static int
content_supply(struct vm_object *o, uint32_t index, struct page **out)
{
	struct base_inode *bi = inode_of(o);
	struct page *p = source_page(&bi->fs->source, block_offset(bi, index));
	if (p == NULL)
		return -ENOENT;
	*out = p;
	return verify(bi, index, page_to_virt(p));
}

static void
content_destroy(struct vm_object *o)
{
	base_inode_destroy(&inode_of(o)->inode);
}

const struct vm_object_ops base_memory_ops = {
	.page_in = content_page_in,
	.supply = content_supply,
	.destroy = content_destroy,
};

const struct vm_object_ops base_disk_ops = {
	.page_in = content_page_in,
	.start_read = content_start_read,
	.check = content_check,
	.destroy = content_destroy,
};

static struct basefs *
fs_of_nodes(struct vm_object *o)
{
	return container_of(o, struct basefs, nodes);
}

static int
node_page_in(struct vm_object *o, struct page *p)
{
	struct basefs *fs = fs_of_nodes(o);
	uint64_t offset = fs->image.header.tree_offset + ((uint64_t)p->index << PAGE_SHIFT);
	return source_read(&fs->source, page_to_virt(p), offset, PAGE_SIZE);
}

static int
node_supply(struct vm_object *o, uint32_t index, struct page **out)
{
	struct basefs *fs = fs_of_nodes(o);
	*out = source_page(
		&fs->source, fs->image.header.tree_offset + ((uint64_t)index << PAGE_SHIFT));
	return *out == NULL ? -ENOENT : 0;
}

static void
node_destroy(struct vm_object *o)
{
	/* Part of struct basefs, which frees itself. */
}

const struct vm_object_ops base_node_ops = {
	.page_in = node_page_in,
	.supply = node_supply,
	.destroy = node_destroy,
};
