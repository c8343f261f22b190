/* SPDX-License-Identifier: MIT */
/* mounts and mountinfo: the mounts that the reader can reach. */
#include <string.h>

#include "abi/linux/stat.h"
#include "fs/proc/internal.h"
#include "mm/slab.h"
#include "vfs/walk.h"

#define OPTIONS_MAX 512u

struct visit {
	struct proc_text *text;
	char *name; /* PATH_NAME_MAX bytes to build names in */
	char options[OPTIONS_MAX];
};

static bool
show_mount(void *ctx, const struct mount *m, const char *name)
{
	struct visit *v = ctx;
	proc_write_escaped(v->text, *m->source != '\0' ? m->source : "none", "#");
	proc_write_text(v->text, " ", 1);
	proc_write_escaped(v->text, name, "");
	mount_options(m, v->options, sizeof(v->options));
	proc_printf(v->text, " %s %s 0 0\n", m->super->type->name, v->options);
	return !v->text->err;
}

/* The name of d within its file system, built from the end of buf, which has room for PATH_NAME_MAX bytes. */
static const char *
name_in_super(const struct dentry *d, char *buf)
{
	char *at = buf + PATH_NAME_MAX - 1;
	*at = '\0';
	spin_lock(&dentry_name_lock);
	while (d->parent != d && at - buf > d->name_len) {
		at -= d->name_len;
		memcpy(at, d->name, d->name_len);
		*--at = '/';
		d = d->parent;
	}
	spin_unlock(&dentry_name_lock);
	return *at == '\0' ? "/" : at;
}

/* Super options are those that the mount's own flags did not give. */
static const char *
super_options(const struct mount *m, char *buf, size_t n)
{
	bool readonly = (atomic_load_explicit(&m->super->flags, memory_order_relaxed) &
				SUPER_READONLY) != 0;
	memcpy(buf, readonly ? "ro" : "rw", 3);
	if (m->super->ops->show_options != NULL)
		m->super->ops->show_options(m->super, buf + 2, n - 2);
	return buf;
}

static const char *
mount_only_options(const struct mount *m, char *buf, size_t n)
{
	char *super = buf + n / 2;
	mount_options(m, buf, n / 2);
	super_options(m, super, n - n / 2);
	size_t all = strlen(buf), tail = strlen(super + 2);
	if (tail != 0 && all >= tail && strcmp(buf + all - tail, super + 2) == 0)
		buf[all - tail] = '\0';
	return buf;
}

static bool
show_mount_info(void *ctx, const struct mount *m, const char *name)
{
	struct visit *v = ctx;
	struct proc_text *t = v->text;
	/* Changes of the tree are held up while it is visited. */
	const struct mount *parent =
		atomic_load_explicit((struct mount * _Atomic *)&m->parent, memory_order_acquire);
	proc_printf(t, "%u %u %u:%u ", m->id, parent != NULL ? parent->id : m->id,
		DEV_MAJOR(m->super->dev), DEV_MINOR(m->super->dev));
	proc_write_escaped(t, name_in_super(m->root, v->name), "");
	proc_write_text(t, " ", 1);
	proc_write_escaped(t, name, "");
	proc_printf(t, " %s", mount_only_options(m, v->options, sizeof(v->options)));
	proc_printf(t, " - %s ", m->super->type->name);
	proc_write_escaped(t, *m->source != '\0' ? m->source : "none", "#");
	proc_printf(t, " %s\n", super_options(m, v->options, sizeof(v->options)));
	return !t->err;
}

static int
visit_mounts(struct proc_text *t, mount_visit_fn *fn)
{
	struct visit *v = kmalloc(sizeof(*v), 0);
	char *name = kmalloc(PATH_NAME_MAX, 0);
	int err = -ENOMEM;
	if (v != NULL && name != NULL) {
		v->text = t;
		v->name = name;
		err = mount_for_each(fn, v);
	}
	kfree(name);
	kfree(v);
	return err;
}

int
proc_show_mounts(struct proc_node *n, struct proc_text *t)
{
	return visit_mounts(t, show_mount);
}

int
proc_show_mountinfo(struct proc_node *n, struct proc_text *t)
{
	return visit_mounts(t, show_mount_info);
}
