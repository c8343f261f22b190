/* SPDX-License-Identifier: MIT */
/*
 * Nodes: inodes made from tables when a name is looked up (dir.c). A node's inode number is computed from what it is, so
 * that it is the same whenever it is looked up.
 */
#include "fs/proc/internal.h"
#include "mm/slab.h"

#define NUMBER_MASK ((1u << 20) - 1)

static struct slab_cache *node_cache;

void
proc_node_init_cache(void)
{
	node_cache = slab_cache_create("proc_node", sizeof(struct proc_node), 0);
}

/*
 * From the top: pid or tid (22 bits), whether it is below task/, the table (7), the slot (8), the number of a handle or
 * an interface (20).
 */
uint64_t
proc_inode_number(const struct proc_key *key, const struct proc_dir *dir, uint32_t slot)
{
	uint64_t id = key->task != NULL ? (uint64_t)key->tid
		: key->process != NULL  ? (uint64_t)key->process->pid
					: 0;
	return id << 36 | (uint64_t)(key->task != NULL) << 35 | (uint64_t)dir->id << 28 |
		(uint64_t)slot << 20 | (dir->numbered ? key->number & NUMBER_MASK : 0);
}
_Static_assert(PROC_DIR_END <= 128, "table numbers have seven bits");
_Static_assert((HANDLES_MAX - 1) >> 20 == 0, "handle numbers have twenty bits");
_Static_assert(PID_MAX <= 1 << 22, "process numbers have 22 bits");

/* What stands under a number has the inode number that looking it up would give. */
uint64_t
proc_child_inode_number(const struct proc_node *dir, uint32_t number)
{
	const struct proc_dir *t = dir->entry->dir;
	uint64_t slot = (uint64_t)PROC_SLOT_NUMBER << 20 | (uint64_t)t->id << 28;
	struct proc_key key = dir->key;
	key.number = number;
	switch (t->id) {
	case PROC_DIR_ROOT:
		return (uint64_t)number << 36 | slot;
	case PROC_DIR_TASKS:
		return (uint64_t)number << 36 | 1ULL << 35 | slot;
	default:
		return proc_inode_number(&key, t, PROC_SLOT_NUMBER);
	}
}

void
proc_key_get(const struct proc_key *key)
{
	if (key->process != NULL)
		process_get(key->process);
	if (key->task != NULL)
		task_get(key->task);
}

static void
key_put(const struct proc_key *key)
{
	if (key->task != NULL)
		task_put(key->task);
	if (key->process != NULL)
		process_put(key->process);
}

int
proc_node_check(const struct proc_node *n)
{
	return (n->entry->flags & PROC_PRIVATE) ? proc_check_access(n) : 0;
}

/* --- Operations. --- */

static int
node_setattr(struct dentry *d, const struct iattr *attr)
{
	/* What is generated has no length that truncation could change: `>file` works where writing does. */
	return (attr->valid & ~(ATTR_SIZE | ATTR_CTIME | ATTR_MTIME)) != 0 ? -EPERM : 0;
}

/* Directories of what a process holds: its own business, whatever its ids are. */
static int
private_permission(struct inode *i, uint32_t may)
{
	return (may & MAY_WRITE) ? -EACCES : proc_check_access(proc_node_of(i));
}

static ssize_t
link_readlink(struct inode *i, char *buf, size_t n)
{
	struct proc_node *node = proc_node_of(i);
	int err = proc_node_check(node);
	return err != 0 ? err : node->entry->readlink(node, buf, n);
}

static int
link_follow(struct dentry *d, struct magic_target *out)
{
	struct proc_node *node = proc_node_of(dentry_inode(d));
	int err = proc_node_check(node);
	return err != 0 ? err : node->entry->follow(node, out);
}

static int
magic_getattr(struct dentry *d, struct kstat *st)
{
	inode_stat(dentry_inode(d), st);
	st->size = 64; /* as on Linux: programs take it for a buffer's first size */
	return 0;
}

/* Settings are changed by who has the capability for it, whoever he is; their owner without it may not either. */
static int
setting_permission(struct inode *i, uint32_t may)
{
	const struct cred *c = vfs_cred();
	caps_t needed = proc_node_of(i)->entry->write_caps;
	bool holds = (c->caps & needed) == needed;
	uint32_t mode = i->mode;
	if (holds || c->fsuid == i->uid)
		mode >>= 6;
	if ((mode & may) != may)
		return -EACCES;
	return (may & MAY_WRITE) && !holds ? -EPERM : 0;
}

static const struct inode_ops dir_inode_ops = {.lookup = proc_dir_lookup, .setattr = node_setattr};
static const struct inode_ops private_dir_inode_ops = {
	.lookup = proc_dir_lookup, .setattr = node_setattr, .permission = private_permission};
static const struct inode_ops link_inode_ops = {.readlink = link_readlink, .setattr = node_setattr};
static const struct inode_ops magic_inode_ops = {.readlink = link_readlink,
	.follow = link_follow,
	.getattr = magic_getattr,
	.setattr = node_setattr};
static const struct inode_ops file_inode_ops = {.open = proc_file_open, .setattr = node_setattr};
static const struct inode_ops setting_inode_ops = {
	.open = proc_file_open, .setattr = node_setattr, .permission = setting_permission};

static const struct inode_ops *
inode_ops_for(const struct proc_entry *e)
{
	if (e->dir != NULL)
		return (e->flags & PROC_PRIVATE) ? &private_dir_inode_ops : &dir_inode_ops;
	if (e->readlink != NULL)
		return e->follow != NULL ? &magic_inode_ops : &link_inode_ops;
	return (e->flags & PROC_SETTING) ? &setting_inode_ops : &file_inode_ops;
}

static const struct file_ops *
file_ops_for(const struct proc_entry *e)
{
	if (e->dir != NULL)
		return &proc_dir_ops;
	return e->read != NULL ? &proc_raw_ops : &proc_text_ops;
}

/* --- Life. --- */

/* A process's files are its user's, but those of a process that hides its memory are root's. */
static void
set_owner(struct proc_node *n)
{
	const struct cred *c = proc_node_cred(n);
	if (c == NULL)
		return;
	if (!(process_flags(n->key.process) & PROCESS_NOT_DUMPABLE) ||
		n->inode.mode == (S_IFDIR | 0555)) {
		n->inode.uid = c->euid;
		n->inode.gid = c->egid;
	}
	cred_put(c);
}

static uint32_t
count_links(const struct proc_entry *e)
{
	if (e->dir == NULL || e->dir->numbers != NULL || e->dir->names != NULL)
		return 1; /* for a directory: nobody knows how many */
	uint32_t n = 2;
	for (uint32_t i = 0; i < e->dir->count; i++)
		n += e->dir->entries[i].dir != NULL;
	return n;
}

struct proc_node *
proc_node_create(struct super *s, const struct proc_entry *e, const struct proc_key *key,
	uint32_t mode, uint64_t ino)
{
	struct proc_node *n = slab_alloc(node_cache, 0);
	if (n == NULL) {
		key_put(key);
		return NULL;
	}
	inode_init(&n->inode, s, mode, inode_ops_for(e), file_ops_for(e));
	n->inode.ino = ino;
	n->inode.flags |= INODE_NOATIME;
	n->inode.nlink = count_links(e);
	n->entry = e;
	n->key = *key;
	if (key->process != NULL)
		set_owner(n);
	return n;
}

struct proc_node *
proc_root_create(struct super *s)
{
	static const struct proc_key nothing = {0};
	return proc_node_create(s, &proc_root_entry, &nothing, proc_root_entry.mode, 1);
}

void
proc_node_destroy(struct inode *i)
{
	struct proc_node *n = proc_node_of(i);
	key_put(&n->key);
	slab_free(node_cache, n);
}
