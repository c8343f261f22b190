/* SPDX-License-Identifier: MIT */
/*
 * tmpfs: files in memory. Names live in the VFS's name table (SUPER_PINNED), content in vm_objects that are the only
 * copy. Also what devtmpfs and memfd are made of.
 */
#ifndef FS_TMP_TMPFS_H
#define FS_TMP_TMPFS_H

#include "fs/tmp/options.h"
#include "vfs/vfs.h"

/* An instance's limits. Outlives the super while an object that counts against it is still referred to. */
struct tmpfs {
	refcount_t refs; /* the super, and each regular file */
	_Atomic uint64_t used_pages;
	_Atomic uint64_t max_pages; /* 0: no limit */
	_Atomic uint64_t used_inodes;
	_Atomic uint64_t max_inodes; /* 0: no limit */
	_Atomic uint64_t next_ino;
	struct tmpfs_options options; /* [super list: remount] as shown in /proc/mounts */
};

/* A file that is not regular. */
struct tmpfs_node {
	struct inode inode;
	uint32_t link_len;      /* [I] of a symlink: bytes at inode.priv */
	_Atomic uint32_t seals; /* F_SEAL_*; [inode.lock to change] */
};

struct tmpfs_file {
	struct tmpfs_node node;
	struct tmpfs *fs; /* [I] referenced */
	struct vm_object object;
};

static inline struct tmpfs_node *
tmpfs_node_of(const struct inode *i)
{
	return container_of((struct inode *)i, struct tmpfs_node, inode);
}

/* A super with a root directory and one reference. write_caps: see struct super. */
int tmpfs_create(const struct fs_type *type, const struct tmpfs_options *options,
	uint32_t super_flags, caps_t write_caps, struct super **out) MUST_CHECK;
/* A tmpfs super for another type (devtmpfs); options as mount's; one reference. -EINVAL, -ENOMEM. */
int tmpfs_super_create(
	const struct fs_type *type, const char *options, struct super **out) MUST_CHECK;
/* Reads options over the defaults. -EINVAL. */
int tmpfs_options(const char *text, struct tmpfs_options *out) MUST_CHECK;
/* A new inode of any type but directories and symlinks; dir may be NULL. -ENOSPC, -ENOMEM. */
int tmpfs_inode_create(struct super *s, const struct inode *dir, uint32_t mode, uint64_t rdev,
	struct inode **out) MUST_CHECK;
void tmpfs_init(void);

/* Within fs/tmp. */
extern const struct file_ops tmpfs_file_ops, tmpfs_dir_ops;
extern const struct inode_ops tmpfs_dir_inode_ops;
extern const struct inode_ops tmpfs_file_inode_ops, tmpfs_link_inode_ops, tmpfs_node_inode_ops;
extern const struct vm_object_ops tmpfs_object_ops;
int tmpfs_node_create(
	struct super *s, const struct inode *dir, uint32_t mode, struct inode **out) MUST_CHECK;
void tmpfs_inode_destroy(struct inode *i);
void tmpfs_put(struct tmpfs *t);
void tmpfs_inode_init(void);
void memfd_init(void);

static inline struct tmpfs *
tmpfs_of(const struct super *s)
{
	return s->priv;
}

#endif
