/* SPDX-License-Identifier: MIT */
/*
 * Directories: names looked up in, and listed from, their tables.
 *
 * Names below a process are never cached (DENTRY_NOCACHE): the process may go at any time, and who may see it depends
 * on who looks. Nor are those that a directory finds by number or name: what they stand for comes and goes.
 */
#include <string.h>

#include "base/fmt.h"
#include "core/sched.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"

#define NUMBERS_AT 256u /* readdir's position of number 0: behind the dots and all fixed names */

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
	uint64_t ino = proc_inode_number(&dir->key, t, (uint32_t)(e - t->entries));
	proc_key_get(&dir->key);
	return proc_node_create(dir->inode.super, e, &dir->key, e->mode, ino);
}

static void
never_cache(struct dentry *d)
{
	atomic_fetch_or_explicit(&d->flags, DENTRY_NOCACHE, memory_order_relaxed);
}

/* Binds d to what number is in dir; key without references but those that its finder took. */
static int
bind_child(const struct proc_node *dir, struct dentry *d, const struct proc_entry *e,
	const struct proc_key *key, uint32_t mode)
{
	struct proc_node *n = proc_node_create(dir->inode.super, e, key, mode,
		proc_inode_number(key, dir->entry->dir, PROC_SLOT_NUMBER));
	if (n == NULL)
		return -ENOMEM;
	dentry_bind(d, &n->inode);
	return 0;
}

static int
lookup_number(const struct proc_node *dir, struct dentry *d)
{
	const struct proc_numbers *numbers = dir->entry->dir->numbers;
	uint32_t number;
	if (!parse_number_name(d->name, d->name_len, &number))
		return 0;
	never_cache(d);
	if (arch_current()->process == NULL)
		return 0; /* kernel threads have no view to look it up in */
	struct proc_key key = dir->key;
	uint32_t mode = numbers->entry->mode;
	key.number = number;
	int err = numbers->find(dir, number, &key, &mode);
	if (err != 0)
		return err == -ENOENT ? 0 : err;
	return bind_child(dir, d, numbers->entry, &key, mode);
}

static int
lookup_name(const struct proc_node *dir, struct dentry *d)
{
	const struct proc_names *names = dir->entry->dir->names;
	struct proc_key key = dir->key;
	never_cache(d);
	if (arch_current()->process == NULL || !names->find(dir, d->name, d->name_len, &key.number))
		return 0;
	proc_key_get(&key);
	return bind_child(dir, d, names->entry, &key, names->entry->mode);
}

static bool
dir_is_there(const struct proc_node *dir)
{
	return dir->key.process == NULL || (!proc_gone(dir) && proc_visible(dir->key.process));
}

int
proc_dir_lookup(struct inode *i, struct dentry *d)
{
	struct proc_node *dir = proc_node_of(i);
	const struct proc_dir *t = dir->entry->dir;
	if (dir->key.process != NULL)
		never_cache(d);
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
	if (t->names != NULL)
		return lookup_name(dir, d);
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
		if (!ctx->emit(ctx, e->name, strlen(e->name), proc_inode_number(&dir->key, t, slot),
			    dir_type_of_mode(e->mode)))
			return false;
	}
	return true;
}

/* False: full. */
static bool
list_child(const struct proc_node *dir, struct dir_context *ctx, uint32_t number, const char *name,
	size_t len, const struct proc_entry *e)
{
	ctx->pos = (uint64_t)NUMBERS_AT + number;
	if (!ctx->emit(ctx, name, len, proc_child_inode_number(dir, number),
		    dir_type_of_mode(e->mode)))
		return false;
	ctx->pos++;
	sched_point();
	return true;
}

static void
list_numbers(const struct proc_node *dir, struct dir_context *ctx, uint32_t number)
{
	const struct proc_numbers *numbers = dir->entry->dir->numbers;
	for (; numbers->next(dir, &number); number++) {
		char name[12];
		size_t len = (size_t)base_scnprintf(name, sizeof(name), "%u", number);
		if (!list_child(dir, ctx, number, name, len, numbers->entry))
			return;
	}
}

static void
list_names(const struct proc_node *dir, struct dir_context *ctx, uint32_t number)
{
	const struct proc_names *names = dir->entry->dir->names;
	char name[PROC_NAME_MAX];
	for (; names->next(dir, &number, name); number++) {
		if (!list_child(dir, ctx, number, name, strlen(name), names->entry))
			return;
	}
}

/* What is not fixed. */
static void
list_found(const struct proc_node *dir, struct dir_context *ctx)
{
	if (ctx->pos < NUMBERS_AT)
		ctx->pos = NUMBERS_AT;
	if (ctx->pos - NUMBERS_AT > INT32_MAX || arch_current()->process == NULL)
		return;
	uint32_t number = (uint32_t)(ctx->pos - NUMBERS_AT);
	if (dir->entry->dir->numbers != NULL)
		list_numbers(dir, ctx, number);
	else if (dir->entry->dir->names != NULL)
		list_names(dir, ctx, number);
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
	list_found(dir, ctx);
	return 0;
}

const struct file_ops proc_dir_ops = {.readdir = dir_readdir, .seek = generic_file_seek};
