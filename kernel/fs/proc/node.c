/* SPDX-License-Identifier: MIT */
/*
 * Nodes: inodes made from tables when a name is looked up, and directories read from the same tables.
 *
 * Names below a process are never cached (DENTRY_NOCACHE): the process may go at any time, and who may see it depends
 * on who looks. A node's inode number is computed from what it is, so that it is the same whenever it is looked up.
 */
#include <string.h>

#include "base/fmt.h"
#include "core/sched.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "mm/slab.h"

#define NUMBERS_AT  256u /* readdir's position of number 0: behind the dots and all fixed names */
#define SLOT_BITS   6    /* of an entry in its table */
#define SLOT_NUMBER ((1u << SLOT_BITS) - 1)

static struct slab_cache *node_cache;

void
proc_node_init_cache(void)
{
	node_cache = slab_cache_create("proc_node", sizeof(struct proc_node), 0);
}

/*
 * The inode number of what has a slot in a directory: pid or tid (22 bits), whether it is below task/, the table, the
 * slot, the handle's number (20 bits).
 */
static uint64_t
inode_number(const struct proc_key *key, const struct proc_dir *dir, uint32_t slot)
{
	uint64_t id = key->task != NULL ? (uint64_t)key->task->tid
		: key->process != NULL  ? (uint64_t)key->process->pid
					: 0;
	bool handle = dir->id == PROC_DIR_FD || dir->id == PROC_DIR_FDINFO;
	return id << 33 | (uint64_t)(key->task != NULL) << 32 | (uint64_t)dir->id << 26 |
		(uint64_t)slot << 20 | (handle ? key->number : 0);
}
_Static_assert(PROC_DIR_END <= 64, "table numbers have six bits");
_Static_assert((HANDLES_MAX - 1) >> 20 == 0, "handle numbers have twenty bits");
_Static_assert(PID_MAX <= 1 << 22, "process numbers have 22 bits");

static void
key_get(const struct proc_key *key)
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

static int dir_lookup(struct inode *dir, struct dentry *d);

static const struct inode_ops dir_inode_ops = {.lookup = dir_lookup, .setattr = node_setattr};
static const struct inode_ops private_dir_inode_ops = {
	.lookup = dir_lookup, .setattr = node_setattr, .permission = private_permission};
static const struct inode_ops link_inode_ops = {.readlink = link_readlink, .setattr = node_setattr};
static const struct inode_ops magic_inode_ops = {.readlink = link_readlink,
	.follow = link_follow,
	.getattr = magic_getattr,
	.setattr = node_setattr};
static const struct inode_ops file_inode_ops = {.open = proc_file_open, .setattr = node_setattr};

static const struct inode_ops *
inode_ops_for(const struct proc_entry *e)
{
	if (e->dir != NULL)
		return (e->flags & PROC_PRIVATE) ? &private_dir_inode_ops : &dir_inode_ops;
	if (e->readlink != NULL)
		return e->follow != NULL ? &magic_inode_ops : &link_inode_ops;
	return &file_inode_ops;
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
	if (e->dir == NULL || e->dir->numbers != NULL)
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

/* --- Looking up. --- */

static bool
name_is(const struct dentry *d, const char *name)
{
	return strncmp(name, d->name, d->name_len) == 0 && name[d->name_len] == '\0';
}

/* A fixed name: it is about what its directory is about. */
static struct proc_node *
make_fixed(const struct proc_node *dir, const struct proc_entry *e)
{
	const struct proc_dir *t = dir->entry->dir;
	uint64_t ino = inode_number(&dir->key, t, (uint32_t)(e - t->entries));
	key_get(&dir->key);
	return proc_node_create(dir->inode.super, e, &dir->key, e->mode, ino);
}

static int
lookup_number(const struct proc_node *dir, struct dentry *d)
{
	const struct proc_dir *t = dir->entry->dir;
	uint32_t number;
	if (!parse_number_name(d->name, d->name_len, &number))
		return 0;
	atomic_fetch_or_explicit(&d->flags, DENTRY_NOCACHE, memory_order_relaxed);
	if (arch_current()->process == NULL)
		return 0; /* kernel threads have no view to look it up in */
	struct proc_key key = dir->key;
	uint32_t mode = t->numbers->entry->mode;
	key.number = number;
	int err = t->numbers->find(dir, number, &key, &mode);
	if (err != 0)
		return err == -ENOENT ? 0 : err;
	struct proc_node *n = proc_node_create(dir->inode.super, t->numbers->entry, &key, mode,
		inode_number(&key, t, SLOT_NUMBER));
	if (n == NULL)
		return -ENOMEM;
	dentry_bind(d, &n->inode);
	return 0;
}

static bool
dir_is_there(const struct proc_node *dir)
{
	return dir->key.process == NULL || (!proc_gone(dir) && proc_visible(dir->key.process));
}

static int
dir_lookup(struct inode *i, struct dentry *d)
{
	struct proc_node *dir = proc_node_of(i);
	const struct proc_dir *t = dir->entry->dir;
	if (dir->key.process != NULL)
		atomic_fetch_or_explicit(&d->flags, DENTRY_NOCACHE, memory_order_relaxed);
	if (!dir_is_there(dir))
		return -ENOENT;
	for (uint32_t k = 0; k < t->count; k++) {
		if (!name_is(d, t->entries[k].name))
			continue;
		struct proc_node *n = make_fixed(dir, &t->entries[k]);
		if (n == NULL)
			return -ENOMEM;
		dentry_bind(d, &n->inode);
		return 0;
	}
	return t->numbers != NULL ? lookup_number(dir, d) : 0;
}

/* --- Listing. --- */

/* False: full. */
static bool
list_fixed(const struct proc_node *dir, struct dir_context *ctx)
{
	const struct proc_dir *t = dir->entry->dir;
	for (; ctx->pos - 2 < t->count; ctx->pos++) {
		uint32_t slot = (uint32_t)(ctx->pos - 2);
		const struct proc_entry *e = &t->entries[slot];
		if (!ctx->emit(ctx, e->name, strlen(e->name), inode_number(&dir->key, t, slot),
			    dir_type_of_mode(e->mode)))
			return false;
	}
	return true;
}

/* What stands under a number has the inode number that looking it up would give. */
static uint64_t
number_inode(const struct proc_node *dir, uint32_t number)
{
	const struct proc_dir *t = dir->entry->dir;
	uint64_t slot = (uint64_t)SLOT_NUMBER << 20 | (uint64_t)t->id << 26;
	struct proc_key key = dir->key;
	key.number = number;
	switch (t->id) {
	case PROC_DIR_ROOT:
		return (uint64_t)number << 33 | slot;
	case PROC_DIR_TASKS:
		return (uint64_t)number << 33 | 1ULL << 32 | slot;
	default:
		return inode_number(&key, t, SLOT_NUMBER);
	}
}

static void
list_numbers(const struct proc_node *dir, struct dir_context *ctx)
{
	const struct proc_numbers *numbers = dir->entry->dir->numbers;
	if (ctx->pos < NUMBERS_AT)
		ctx->pos = NUMBERS_AT;
	if (ctx->pos - NUMBERS_AT > INT32_MAX)
		return;
	uint32_t number = (uint32_t)(ctx->pos - NUMBERS_AT);
	for (; numbers->next(dir, &number); number++) {
		char name[12];
		size_t len = (size_t)base_scnprintf(name, sizeof(name), "%u", number);
		ctx->pos = (uint64_t)NUMBERS_AT + number;
		if (!ctx->emit(ctx, name, len, number_inode(dir, number),
			    dir_type_of_mode(numbers->entry->mode)))
			return;
		ctx->pos++;
		sched_point();
	}
}

static int
dir_readdir(struct file *f, struct dir_context *ctx)
{
	const struct proc_node *dir = proc_node_of(f->inode);
	if (!dir_is_there(dir))
		return -ENOENT;
	int err = proc_node_check(dir);
	if (err != 0)
		return err;
	if (!dir_emit_dots(f, ctx) || !list_fixed(dir, ctx))
		return 0;
	if (dir->entry->dir->numbers != NULL && arch_current()->process != NULL)
		list_numbers(dir, ctx);
	return 0;
}

const struct file_ops proc_dir_ops = {.readdir = dir_readdir, .seek = generic_file_seek};
