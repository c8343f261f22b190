/* SPDX-License-Identifier: MIT */
/* What basefs's files share. */
#ifndef FS_BASE_INTERNAL_H
#define FS_BASE_INTERNAL_H

#include "fs/base/basefs.h"
#include "image/image.h"
#include "image/tree.h"
#include "mm/object.h"
#include "vfs/vfs.h"

struct basefs {
	struct image image;         /* [I] */
	struct image_source source; /* [I] */
	void *region;           /* [I] our copy of the metadata; NULL: it is the source's memory */
	struct super *super;    /* [I] */
	struct vm_object nodes; /* hash tree nodes, by block from header.tree_offset */
	struct image_info info; /* [I] */
};

struct base_inode {
	struct inode inode;
	struct vm_object object;      /* of regular files */
	struct image_content content; /* of regular files [I] */
	struct basefs *fs;            /* [I] */
	/* A bit for each block that the log has had a line about; made for the first one. */
	_Atomic uint64_t *_Atomic bad_blocks;
};

/* Contents of files, by where the image lies; nodes of hash trees. */
extern const struct vm_object_ops base_memory_ops, base_disk_ops, base_node_ops;
extern const struct inode_ops base_dir_ops, base_file_inode_ops, base_symlink_ops;
extern const struct file_ops base_dir_fops, base_file_fops;

/* inode.c: the inode of entry index, with a reference. NULL: out of memory. */
struct inode *base_inode_create(struct basefs *fs, uint32_t index) MUST_CHECK;
void base_inode_destroy(struct inode *inode);
void base_inode_init(void);

/* source.c: reads n bytes at offset. -EIO past the end. May sleep. */
int source_read(const struct image_source *src, void *buf, uint64_t offset, size_t n) MUST_CHECK;
/*
 * Begins to read n (at most VM_READ_MAX) pages from offset on and ends each with vm_page_read_done(); one request to the
 * device (the source is one). Does not sleep for it.
 */
void source_start_read(
	const struct image_source *src, uint64_t offset, struct page **pages, uint32_t n);
/* The page of memory that holds the block at offset, or NULL. */
struct page *source_page(const struct image_source *src, uint64_t offset);

#endif
