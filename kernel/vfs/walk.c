/* SPDX-License-Identifier: MIT */
/*
 * Path walks: components, "..", symlinks, magic links, mounts.
 *
 * A step costs a look in the name table and a reference on what it finds. Only a name that is not in the table of a
 * file system that does not keep all its names there takes the directory's lock and asks the file system.
 */
#include <string.h>

#include "mm/slab.h"
#include "proc/view.h"
#include "vfs/walk.h"

#define LINKS_MAX 40 /* as Linux: -ELOOP */

static inline void
drop_position(struct walk *w)
{
	if (w->owned & WALK_OWNS_DENTRY)
		dentry_put(w->path.dentry);
	if (w->owned & WALK_OWNS_MOUNT)
		mount_put(w->path.mount);
	w->owned &= (uint8_t)~(WALK_OWNS_DENTRY | WALK_OWNS_MOUNT);
}

/* Takes over both references. */
static void
move_to(struct walk *w, const struct path *p)
{
	drop_position(w);
	w->path = *p;
	w->owned |= WALK_OWNS_DENTRY | WALK_OWNS_MOUNT;
	w->inode = dentry_inode(p->dentry);
}

/*
 * The task's root or working directory. Nobody but the task can change a context that it alone uses, so then it is
 * borrowed. Returns whether references were taken.
 */
static inline bool
context_path(bool root, struct path *out)
{
	if (unlikely(arch_current()->process == NULL)) {
		*out = view_initial()->root;
		return false;
	}
	struct fs_context *fs = current_task()->fs;
	if (likely(refcount_read(&fs->refs) == 1)) {
		*out = root ? fs->root : fs->cwd;
		return false;
	}
	spin_lock(&fs->lock);
	*out = root ? fs->root : fs->cwd;
	path_get(out);
	spin_unlock(&fs->lock);
	return true;
}

static inline void
need_root(struct walk *w)
{
	if (w->root.mount == NULL && context_path(true, &w->root))
		w->owned |= WALK_OWNS_ROOT;
}

/* An absolute name or symlink begins. */
static inline int
to_root(struct walk *w)
{
	if (unlikely(w->flags & LOOKUP_BENEATH))
		return -EXDEV;
	need_root(w);
	if (unlikely(w->flags & LOOKUP_NO_XDEV) && w->root.mount != w->path.mount)
		return -EXDEV;
	drop_position(w);
	w->path = w->root;
	w->inode = dentry_inode(w->path.dentry);
	return 0;
}

static inline void
walk_init(struct walk *w, uint32_t flags)
{
	w->path = (struct path){0};
	w->inode = NULL;
	w->cred = vfs_cred();
	w->root = (struct path){0};
	w->flags = flags;
	w->owned = 0;
	w->links = 0;
	w->slash = false;
	w->last_type = LAST_ROOT;
	w->buffer = NULL;
	w->file = NULL;
	w->rights = RIGHT_ALL;
	w->dir.file = NULL;
}

/* path is set, borrowed or owned. */
static int
start_here(struct walk *w, const char *name)
{
	w->inode = dentry_inode(w->path.dentry);
	if (unlikely(w->flags & LOOKUP_SCOPED)) {
		w->moves = tree_moves();
		w->root = w->path;
		path_get(&w->root);
		w->owned |= WALK_OWNS_ROOT;
		if (*name == '/' && (w->flags & LOOKUP_BENEATH)) {
			walk_end(w);
			return -EXDEV;
		}
	}
	return 0;
}

int
walk_begin_at(struct walk *w, const struct path *base, const char *name, uint32_t flags)
{
	if (base == NULL)
		return walk_begin(w, AT_FDCWD, name, flags);
	walk_init(w, flags);
	w->path = *base;
	if (*name != '/' || (flags & LOOKUP_SCOPED))
		return start_here(w, name);
	int err = to_root(w);
	if (err != 0)
		walk_end(w);
	return err;
}

static int
begin_at_handle(struct walk *w, int dirfd, const char *name)
{
	int err = file_borrow(dirfd, 0, &w->dir);
	if (err != 0) {
		w->dir.file = NULL;
		return err;
	}
	struct file *f = w->dir.file;
	w->rights = w->dir.rights;
	if (f->path.dentry == NULL) {
		if (*name != '\0') {
			walk_end(w);
			return -ENOTDIR;
		}
		file_get(f);
		w->file = f;
		return 0;
	}
	w->path = f->path;
	return start_here(w, name);
}

int
walk_begin(struct walk *w, int dirfd, const char *name, uint32_t flags)
{
	walk_init(w, flags);
	if (*name == '/' && !(flags & (LOOKUP_SCOPED | LOOKUP_NO_XDEV)))
		return to_root(w);
	if (dirfd != AT_FDCWD)
		return begin_at_handle(w, dirfd, name);
	if (context_path(false, &w->path))
		w->owned = WALK_OWNS_DENTRY | WALK_OWNS_MOUNT;
	int err = start_here(w, name);
	if (err == 0 && *name == '/' && (flags & LOOKUP_NO_XDEV)) {
		err = to_root(w);
		if (err != 0)
			walk_end(w);
	}
	return err;
}

void
walk_end(struct walk *w)
{
	drop_position(w);
	if (unlikely(w->owned & WALK_OWNS_ROOT))
		path_put(&w->root);
	if (unlikely(w->buffer != NULL))
		kfree(w->buffer);
	if (unlikely(w->file != NULL))
		file_put(w->file);
	if (w->dir.file != NULL)
		file_return(&w->dir);
}

/* Moves to a child of the current directory; takes over the reference. */
static inline void
enter(struct walk *w, struct dentry *d, struct inode *i)
{
	if (w->owned & WALK_OWNS_DENTRY)
		dentry_put(w->path.dentry);
	w->owned |= WALK_OWNS_DENTRY;
	w->path.dentry = d;
	w->inode = i;
}

/* Goes down into what is mounted here. */
static int
cross_mounts(struct walk *w)
{
	struct mount *m;
	while (atomic_load_explicit(&w->path.dentry->mounted, memory_order_relaxed) != NULL &&
		(m = mount_on(w->path.mount, w->path.dentry)) != NULL) {
		if (w->flags & LOOKUP_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		drop_position(w);
		w->path = (struct path){m, m->root}; /* the root is the mount's */
		w->owned |= WALK_OWNS_MOUNT;
		w->inode = dentry_inode(m->root);
	}
	return 0;
}

/* To the parent, leaving mounts by their roots, never above the root. */
static int
to_parent_of_here(struct walk *w)
{
	for (;;) {
		if (path_equal(&w->path, &w->root))
			return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
		if (w->path.dentry != w->path.mount->root)
			break;
		struct path p;
		if (!mount_parent(w->path.mount, &p))
			return 0;
		if (w->flags & LOOKUP_NO_XDEV) {
			path_put(&p);
			return -EXDEV;
		}
		move_to(w, &p);
	}
	struct path p = {w->path.mount, dentry_parent(w->path.dentry)};
	mount_get(p.mount);
	move_to(w, &p);
	return 0;
}

/* "..". A directory that was moved meanwhile may have another parent than the way here had: then a scope would be left. */
static int
walk_up(struct walk *w)
{
	need_root(w);
	int err = to_parent_of_here(w);
	if (unlikely(w->flags & LOOKUP_SCOPED) && err == 0 && tree_moves() != w->moves)
		err = -EAGAIN;
	return err != 0 ? err : cross_mounts(w);
}

static int
follow_magic(struct walk *w, struct dentry *d, const char *rest)
{
	if (w->flags & LOOKUP_NO_MAGIC)
		return -ELOOP;
	struct magic_target target = {.rights = w->rights};
	int err = dentry_inode(d)->ops->follow(d, &target);
	if (err != 0)
		return err;
	w->rights &= target.rights;
	if ((w->flags & LOOKUP_SCOPED) ||
		((w->flags & LOOKUP_NO_XDEV) && target.path.mount != w->path.mount))
		err = -EXDEV;
	else if (target.file != NULL && *rest != '\0')
		err = -ENOTDIR;
	if (target.file == NULL) {
		if (err != 0)
			path_put(&target.path);
		else
			move_to(w, &target.path);
		return err;
	}
	if (err != 0) {
		file_put(target.file);
		return err;
	}
	drop_position(w);
	w->path = (struct path){0};
	w->inode = NULL;
	w->file = target.file;
	return 0;
}

/* A new buffer with the target of symlink i and the rest of the name, for the caller to free; or -errno. */
static int
expand_link(struct inode *i, const char *rest, char **out)
{
	size_t rest_len = strlen(rest);
	uint32_t known = 0;
	const char *target = i->ops->get_link != NULL ? i->ops->get_link(i, &known) : NULL;
	size_t room = target != NULL ? known : PATH_NAME_MAX;
	char *s = kmalloc(room + rest_len + 2, 0);
	if (s == NULL)
		return -ENOMEM;
	ssize_t len = known;
	if (target != NULL)
		memcpy(s, target, known);
	else
		len = i->ops->readlink != NULL ? i->ops->readlink(i, s, room) : -EINVAL;
	if (len <= 0) {
		kfree(s);
		return len == 0 ? -ENOENT : (int)len;
	}
	size_t at = (size_t)len;
	if (rest_len != 0)
		s[at++] = '/';
	memcpy(s + at, rest, rest_len);
	s[at + rest_len] = '\0';
	*out = s;
	return 0;
}

/* Goes where symlink d in the current directory leads; w->next is what is left to walk. Puts d. */
static int
follow_link(struct walk *w, struct dentry *d, const char *rest)
{
	struct inode *i = dentry_inode(d);
	int err = -ELOOP;
	if ((w->flags & LOOKUP_NO_SYMLINK) || w->links >= LINKS_MAX ||
		(mount_flags(w->path.mount) & MS_NOSYMFOLLOW))
		goto out;
	w->links++;
	if (i->ops->follow != NULL) {
		err = follow_magic(w, d, rest);
		w->next = rest;
		goto out;
	}
	char *buffer;
	err = expand_link(i, rest, &buffer);
	if (err != 0)
		goto out;
	kfree(w->buffer); /* rest was in it */
	w->buffer = buffer;
	w->next = buffer;
	if (*buffer == '/')
		err = to_root(w);
out:
	dentry_put(d);
	return err;
}

static int
lookup_slow(struct dentry *dir, const char *name, uint32_t len, uint32_t hash, struct dentry **out)
{
	struct inode *i = dentry_inode(dir);
	if (i->ops->lookup == NULL)
		return -ENOENT;
	rw_write_lock(&i->lock);
	int err = dentry_find_hashed(dir, name, len, hash, out);
	rw_write_unlock(&i->lock);
	return err;
}

/*
 * What a step is when the table does not simply have the name: d is NULL (ask the file system), negative, or a
 * symlink to be followed. The component is in w->last, last_len, last_hash, slash.
 */
static int __attribute__((noinline))
step_slow(struct walk *w, struct dentry *d, const char *rest, bool follow)
{
	if (d == NULL) {
		int err = lookup_slow(w->path.dentry, w->last, w->last_len, w->last_hash, &d);
		if (err != 0)
			return err;
	}
	struct inode *i = dentry_inode(d);
	if (i == NULL) {
		dentry_put(d);
		return -ENOENT;
	}
	if ((i->mode & S_IFMT) == S_IFLNK && follow) {
		if (*rest == '\0' && w->slash) /* and what a link leads to is followed as well */
			w->flags |= LOOKUP_DIRECTORY | LOOKUP_FOLLOW;
		int err = *rest == '\0' ? may_follow_last(w, i) : 0;
		if (err == 0)
			return follow_link(w, d, rest);
		dentry_put(d);
		return err;
	}
	enter(w, d, i);
	return cross_mounts(w);
}

/* Enters a component, or begins to follow it (then w->next is where to go on; it is rest before). */
static inline __attribute__((always_inline)) int
step(struct walk *w, const char *name, uint32_t len, uint32_t hash, const char *rest, bool follow)
{
	struct dentry *d = dentry_lookup(w->path.dentry, name, len, hash);
	struct inode *i;
	if (unlikely(d == NULL || (i = dentry_inode(d)) == NULL ||
		    ((i->mode & S_IFMT) == S_IFLNK && follow))) {
		w->last = name;
		w->last_len = len;
		w->last_hash = hash;
		return step_slow(w, d, rest, follow);
	}
	enter(w, d, i);
	if (unlikely(atomic_load_explicit(&d->mounted, memory_order_relaxed) != NULL) &&
		!((w->flags & LOOKUP_NO_MOUNT) && *rest == '\0'))
		return cross_mounts(w);
	return 0;
}

static inline enum walk_last
component_type(const char *name, uint32_t len)
{
	if (likely(name[0] != '.') || len > 2)
		return LAST_NAME;
	if (len == 1)
		return LAST_DOT;
	return name[1] == '.' ? LAST_DOTDOT : LAST_NAME;
}

/* All components, or all but the last. */
static int
walk_components(struct walk *w, const char *s, bool to_parent)
{
	for (;;) {
		while (*s == '/')
			s++;
		if (unlikely(*s == '\0')) {
			w->last_type = LAST_ROOT;
			w->slash = false;
			return 0;
		}
		if (unlikely(w->inode == NULL || !is_dir(w->inode)))
			return -ENOTDIR;
		int err = may_search(w->cred, w->inode);
		if (unlikely(err != 0))
			return err;
		const char *name = s;
		uint32_t len, hash = dentry_hash_name(name, &len);
		s += len;
		bool slash = *s == '/';
		while (*s == '/')
			s++;
		if (unlikely(len > 255))
			return -ENAMETOOLONG;
		enum walk_last type = component_type(name, len);
		bool last = *s == '\0';
		w->slash = slash;
		if (last && to_parent) {
			w->last = name;
			w->last_len = len;
			w->last_hash = hash;
			w->last_type = (uint8_t)type;
			return 0;
		}
		w->next = s;
		if (likely(type == LAST_NAME))
			err = step(w, name, len, hash, s,
				!last || slash || (w->flags & LOOKUP_FOLLOW));
		else if (type == LAST_DOTDOT)
			err = walk_up(w);
		if (unlikely(err != 0))
			return err;
		s = w->next;
		if (last) {
			if (unlikely(slash))
				w->flags |= LOOKUP_DIRECTORY;
			if (*s == '\0')
				return 0;
		}
	}
}

int
walk_all(struct walk *w, const char *name)
{
	int err = walk_components(w, name, false);
	if (unlikely(err == 0 && (w->flags & LOOKUP_DIRECTORY)) &&
		(w->inode == NULL || !is_dir(w->inode)))
		err = -ENOTDIR;
	return err;
}

int
walk_to_parent(struct walk *w, const char *name)
{
	return walk_components(w, name, true);
}

int
walk_last(struct walk *w)
{
	int err = 0;
	w->next = NULL;
	if (likely(w->last_type == LAST_NAME)) {
		err = step(w, w->last, w->last_len, w->last_hash, "",
			w->slash || (w->flags & LOOKUP_FOLLOW));
		if (unlikely(err == 0 && w->slash))
			w->flags |= LOOKUP_DIRECTORY;
	} else if (w->last_type == LAST_DOTDOT) {
		err = walk_up(w);
	}
	if (unlikely(err == 0 && w->next == NULL && (w->flags & LOOKUP_DIRECTORY)) &&
		(w->inode == NULL || !is_dir(w->inode)))
		err = -ENOTDIR;
	return err;
}

int
walk_user(struct walk *w, int dirfd, uaddr_t uname, uint32_t flags)
{
	NAME_ON_STACK(n);
	int err = name_get(&n, uname, flags);
	if (unlikely(err != 0))
		return err;
	err = walk_begin(w, dirfd, n.s, flags);
	if (likely(err == 0)) {
		err = walk_all(w, n.s);
		if (unlikely(err != 0))
			walk_end(w);
	}
	name_put(&n);
	return err;
}

static int
finish_path(struct walk *w, int err, struct path *out)
{
	if (err == 0 && w->file != NULL)
		err = -ENXIO;
	if (err == 0)
		walk_take(w, out);
	walk_end(w);
	return err;
}

int
path_lookup(const struct path *base, const char *name, uint32_t flags, struct path *out)
{
	WALK_ON_STACK(w);
	*out = (struct path){0};
	if (*name == '\0' && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	int err = walk_begin_at(&w, base, name, flags);
	if (err != 0)
		return err;
	return finish_path(&w, walk_all(&w, name), out);
}

int
path_lookup_user(int dirfd, uaddr_t name, uint32_t flags, struct path *out)
{
	WALK_ON_STACK(w);
	*out = (struct path){0};
	int err = walk_user(&w, dirfd, name, flags);
	return err != 0 ? err : finish_path(&w, 0, out);
}

void
path_get(const struct path *p)
{
	if (p->mount != NULL)
		mount_get(p->mount);
	if (p->dentry != NULL)
		dentry_get(p->dentry);
}

void
path_put(const struct path *p)
{
	if (p->dentry != NULL)
		dentry_put(p->dentry);
	if (p->mount != NULL)
		mount_put(p->mount);
}
