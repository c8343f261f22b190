/* SPDX-License-Identifier: MIT */
/* /proc/PID/fd and fdinfo: the handles of a process. Opening through a link never gives more than the handle has. */
#include <string.h>

#include "base/fmt.h"
#include "fs/proc/internal.h"
#include "vfs/mount.h"

/* The object of the handle that n names, with a reference. -ENOENT: it is not open (any more). */
static int
get_object(const struct proc_node *n, struct object **out, rights_t *rights)
{
	struct handle_table *h = proc_node_handles(n);
	*out = NULL;
	if (h == NULL)
		return -ENOENT;
	int err = handle_get_foreign(h, (int)n->key.number, out, rights);
	handle_table_put(h);
	return err != 0 ? -ENOENT : 0;
}

static uint64_t
inode_of(struct file *f)
{
	struct kstat st = {0};
	if (f->inode != NULL)
		return f->inode->ino;
	return f->ops->getattr != NULL && f->ops->getattr(f, &st) == 0 ? st.ino : 0;
}

/* What stands for a file without a path: "pipe:[7]", or a name that already ends with a bracket. */
static ssize_t
anon_name(struct file *f, char *buf, size_t size)
{
	const char *name = f->ops->anon_name != NULL ? f->ops->anon_name : "anon_inode";
	size_t len = strnlen(name, size);
	if (len > 0 && name[len - 1] == ']')
		return base_scnprintf(buf, size, "%s", name);
	return base_scnprintf(buf, size, "%s:[%llu]", name, (unsigned long long)inode_of(f));
}

static ssize_t
object_name(struct object *o, char *buf, size_t size)
{
	if (o->type != &file_object_type)
		return base_scnprintf(buf, size, "handle:[%s]", o->type->name);
	struct file *f = file_of(o);
	return f->path.dentry != NULL ? path_name(&f->path, buf, size) : anon_name(f, buf, size);
}

static ssize_t
readlink_fd(struct proc_node *n, char *buf, size_t size)
{
	struct object *o;
	int err = get_object(n, &o, NULL);
	if (err != 0)
		return err;
	ssize_t len = object_name(o, buf, size);
	object_put(o);
	return len;
}

static int
follow_fd(struct proc_node *n, struct magic_target *out)
{
	struct object *o;
	rights_t rights;
	int err = get_object(n, &o, &rights);
	if (err != 0)
		return err;
	if (o->type != &file_object_type) {
		object_put(o);
		return -ENXIO;
	}
	struct file *f = file_of(o);
	out->rights &= rights;
	if (f->path.dentry == NULL) {
		out->file = f;
		return 0;
	}
	out->path = f->path;
	path_get(&out->path);
	object_put(o);
	return 0;
}

static int
show_fdinfo(struct proc_node *n, struct proc_text *t)
{
	struct handle_table *h = proc_node_handles(n);
	struct object *o = NULL;
	uint32_t flags = 0;
	if (h == NULL)
		return -ENOENT;
	int err = handle_get_foreign(h, (int)n->key.number, &o, NULL);
	if (err == 0 && handle_get_flags(h, (int)n->key.number, &flags) != 0)
		flags = 0; /* closed meanwhile */
	handle_table_put(h);
	if (err != 0)
		return -ENOENT;
	if (o->type == &file_object_type) {
		struct file *f = file_of(o);
		uint32_t open_flags = file_flags(f) | ((flags & HANDLE_CLOEXEC) ? O_CLOEXEC : 0);
		proc_printf(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%llu\n",
			(unsigned long long)PROC_READ(f->pos), open_flags,
			f->path.mount != NULL ? f->path.mount->id : 0,
			(unsigned long long)inode_of(f));
	} else {
		proc_printf(t, "type:\t%s\n", o->type->name);
	}
	object_put(o);
	return 0;
}

static int
find_handle(const struct proc_node *dir, uint32_t number, struct proc_key *child, rights_t *rights)
{
	struct object *o;
	struct handle_table *h = proc_node_handles(dir);
	if (h == NULL)
		return -ENOENT;
	int err = number < HANDLES_MAX ? handle_get_foreign(h, (int)number, &o, rights) : -ENOENT;
	handle_table_put(h);
	if (err != 0)
		return -ENOENT;
	object_put(o);
	process_get(child->process);
	if (child->task != NULL)
		task_get(child->task);
	return 0;
}

/* The link's permissions show what the handle allows. */
static int
find_fd(const struct proc_node *dir, uint32_t number, struct proc_key *child, uint32_t *mode)
{
	rights_t rights;
	int err = find_handle(dir, number, child, &rights);
	if (err == 0)
		*mode = S_IFLNK | ((rights & RIGHT_READ) ? 0500 : 0) |
			((rights & RIGHT_WRITE) ? 0300 : 0);
	return err;
}

static int
find_fdinfo(const struct proc_node *dir, uint32_t number, struct proc_key *child, uint32_t *mode)
{
	return find_handle(dir, number, child, NULL);
}

static bool
next_fd(const struct proc_node *dir, uint32_t *number)
{
	struct handle_table *h = proc_node_handles(dir);
	if (h == NULL)
		return false;
	int next = handle_next(h, (int)*number);
	handle_table_put(h);
	*number = (uint32_t)next;
	return next >= 0;
}

static const struct proc_entry fd_entry = {
	"", S_IFLNK | 0700, PROC_PRIVATE, .readlink = readlink_fd, .follow = follow_fd};
static const struct proc_numbers fd_numbers = {
	.find = find_fd, .next = next_fd, .entry = &fd_entry};
const struct proc_dir proc_fd_dir = {.id = PROC_DIR_FD, .numbered = true, .numbers = &fd_numbers};

static const struct proc_entry fdinfo_entry = {
	"", S_IFREG | 0444, PROC_PRIVATE, .show = show_fdinfo};
static const struct proc_numbers fdinfo_numbers = {
	.find = find_fdinfo, .next = next_fd, .entry = &fdinfo_entry};
const struct proc_dir proc_fdinfo_dir = {
	.id = PROC_DIR_FDINFO, .numbered = true, .numbers = &fdinfo_numbers};
