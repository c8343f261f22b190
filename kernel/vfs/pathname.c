/* SPDX-License-Identifier: MIT */
/* From a path back to its name. */
#include <string.h>

#include "proc/view.h"
#include "vfs/walk.h"

/* A name that grows from the end of a buffer to its beginning. */
struct backwards {
	char *begin, *at;
	bool overflow;
};

static void
prepend(struct backwards *b, const char *s, size_t n)
{
	if (b->overflow || (size_t)(b->at - b->begin) < n) {
		b->overflow = true;
		return;
	}
	b->at -= n;
	memcpy(b->at, s, n);
}

/* Only compared, never followed: no references needed. */
static struct path
current_root(void)
{
	if (arch_current()->process == NULL)
		return view_initial()->root;
	struct fs_context *fs = current_task()->fs;
	if (fs == NULL)
		return view_initial()->root; /* an exiting task */
	spin_lock(&fs->lock);
	struct path root = fs->root;
	spin_unlock(&fs->lock);
	return root;
}

/* Adds the names from p up to root; false if root is not above it. mount_lock and dentry_name_lock are held. */
static bool
prepend_names(struct backwards *b, const struct path *p, const struct path *root)
{
	struct mount *m = p->mount;
	struct dentry *d = p->dentry;
	while (!(m == root->mount && d == root->dentry)) {
		if (d == m->root || d->parent == d) {
			struct mount *parent =
				atomic_load_explicit(&m->parent, memory_order_relaxed);
			if (d == m->root && parent != NULL) {
				d = m->mountpoint;
				m = parent;
				continue;
			}
			if (!(atomic_load_explicit(&d->flags, memory_order_relaxed) & DENTRY_ANON))
				return false;
			prepend(b, d->name, d->name_len);
			prepend(b, "/", 1);
			return true;
		}
		prepend(b, d->name, d->name_len);
		prepend(b, "/", 1);
		d = d->parent;
	}
	return true;
}

ssize_t
path_name(const struct path *p, char *buf, size_t n)
{
	if (n == 0)
		return -ENAMETOOLONG;
	struct backwards b = {.begin = buf, .at = buf + n};
	prepend(&b, "", 1);
	if (dentry_is_deleted(p->dentry))
		prepend(&b, " (deleted)", 10);
	struct path root = current_root();
	char *end = b.at;
	spin_lock(&mount_lock);
	spin_lock(&dentry_name_lock);
	bool reachable = prepend_names(&b, p, &root);
	spin_unlock(&dentry_name_lock);
	spin_unlock(&mount_lock);
	if (b.at == end)
		prepend(&b, "/", 1);
	if (!reachable)
		prepend(&b, "(unreachable)", 13);
	if (b.overflow)
		return -ENAMETOOLONG;
	size_t len = (size_t)(buf + n - b.at);
	memmove(buf, b.at, len);
	return (ssize_t)len - 1;
}
