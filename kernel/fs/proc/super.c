/* SPDX-License-Identifier: MIT */
/* procfs: mounting. */
#include "fs/proc/internal.h"
#include "fs/proc/procfs.h"
#include "mm/page.h"

#define PROC_MAGIC 0x9fa0

static int
proc_statfs(struct super *s, struct kstatfs *out)
{
	out->type = PROC_MAGIC;
	return 0;
}

static const struct super_ops super_ops = {
	.statfs = proc_statfs, .inode_destroy = proc_node_destroy};

/* There are no options: who sees what is not the mount's to say. */
static int
proc_mount(const struct fs_type *type, const char *source, uint32_t flags, const char *options,
	struct super **out)
{
	*out = NULL;
	if (*options != '\0')
		return -EINVAL;
	struct super *s = super_create(type, &super_ops, flags, NULL);
	if (s == NULL)
		return -ENOMEM;
	struct proc_node *root = proc_root_create(s);
	if (root != NULL)
		s->root = dentry_create_root(s, &root->inode);
	if (s->root == NULL) {
		super_put(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

static struct fs_type proc_type = {.name = "proc", .mount = proc_mount, .nodev = true};

void
procfs_init(void)
{
	proc_node_init_cache();
	procfs_boot_id_init();
	fs_register(&proc_type);
}
