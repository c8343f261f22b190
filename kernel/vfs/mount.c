/* SPDX-License-Identifier: MIT */
/* Mounts: the tree, looking up what is mounted, and the calls that change it. */
#include "vfs/mount.h"

#include <string.h>

#include "arch/uaccess.h"
#include "core/mutex.h"
#include "mm/slab.h"
#include "proc/view.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

static struct mutex mount_mutex;
struct spinlock mount_lock = SPINLOCK_INIT("mounts");
_Atomic uint32_t mount_seq;
static struct list_node mounts = LIST_INIT(mounts); /* [mount_mutex] */
static struct mount *free_mounts;                   /* [mount_lock] by next_here */
static struct slab_cache *mount_cache;
static uint32_t next_id = 20; /* [mount_lock] */

void
mount_init(void)
{
	mutex_init(&mount_mutex, "mounts");
	mount_cache = slab_cache_create("mount", sizeof(struct mount), 0);
}

static void
links_begin(void) ACQUIRES(mount_lock)
{
	spin_lock(&mount_lock);
	atomic_fetch_add_explicit(&mount_seq, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* the odd count before the changes */
}

static void
links_end(void) RELEASES(mount_lock)
{
	atomic_fetch_add_explicit(&mount_seq, 1, memory_order_release);
	spin_unlock(&mount_lock);
}

static inline struct mount *
load_link(struct mount *_Atomic *p)
{
	return atomic_load_explicit(p, memory_order_acquire);
}

bool
mount_parent(struct mount *m, struct path *out)
{
	spin_lock(&mount_lock);
	struct mount *parent = load_link(&m->parent);
	*out = (struct path){parent, parent != NULL ? m->mountpoint : NULL};
	path_get(out);
	spin_unlock(&mount_lock);
	return parent != NULL;
}

/* Takes over references on s and root; on failure puts them. */
static struct mount *
mount_create(struct super *s, struct dentry *root, uint32_t flags, const char *source)
{
	char *copy = kstrdup(source);
	if (copy == NULL)
		goto fail;
	spin_lock(&mount_lock);
	struct mount *m = free_mounts;
	if (m != NULL)
		free_mounts = load_link(&m->next_here);
	uint32_t id = ++next_id;
	spin_unlock(&mount_lock);
	if (m == NULL) {
		m = slab_alloc(mount_cache, KM_ZERO);
		if (m == NULL)
			goto fail;
	}
	atomic_store_explicit(&m->flags, flags & MOUNT_FLAGS, memory_order_relaxed);
	m->root = root;
	m->super = s;
	m->mountpoint = NULL;
	atomic_store_explicit(&m->parent, NULL, memory_order_relaxed);
	atomic_store_explicit(&m->next_here, NULL, memory_order_relaxed);
	list_init(&m->node);
	m->nr_children = 0;
	m->id = id;
	atomic_store_explicit(&m->writers, 0, memory_order_relaxed);
	m->source = copy;
	/* From here on a stale look may take a reference: the sequence count tells it that it was wrong. */
	atomic_store_explicit(&m->refs.count, 1, memory_order_release);
	return m;
fail:
	kfree(copy);
	dentry_put(root);
	super_put(s);
	return NULL;
}

/* The last reference is gone; it is attached nowhere. Its memory stays a mount's. */
void
mount_destroy(struct mount *m)
{
	struct dentry *root = m->root;
	struct super *s = m->super;
	kfree(m->source);
	spin_lock(&mount_lock);
	atomic_store_explicit(&m->next_here, free_mounts, memory_order_relaxed);
	free_mounts = m;
	spin_unlock(&mount_lock);
	dentry_put(root);
	super_put(s);
}

struct mount *
mount_internal(struct super *s)
{
	dentry_get(s->root);
	return mount_create(s, s->root, 0, s->type->name);
}

/* mount_mutex is held. Takes over the caller's reference on m; takes its own on where. */
static void
attach(struct mount *m, const struct path *where)
{
	path_get(where);
	where->mount->nr_children++;
	list_add_tail(&mounts, &m->node);
	links_begin();
	atomic_store_explicit(&m->parent, where->mount, memory_order_relaxed);
	m->mountpoint = where->dentry;
	atomic_store_explicit(
		&m->next_here, load_link(&where->dentry->mounted), memory_order_relaxed);
	atomic_store_explicit(&where->dentry->mounted, m, memory_order_release);
	atomic_fetch_or_explicit(&m->flags, MOUNT_ATTACHED, memory_order_relaxed);
	links_end();
}

/* Takes m off its mount point, which *where gets with its references; mount_lock is held, links are changing. */
static void
unlink_mount(struct mount *m, struct path *where)
{
	*where = (struct path){load_link(&m->parent), m->mountpoint};
	struct mount *_Atomic *link = &m->mountpoint->mounted;
	while (load_link(link) != m)
		link = &load_link(link)->next_here;
	atomic_store_explicit(link, load_link(&m->next_here), memory_order_relaxed);
	atomic_store_explicit(&m->next_here, NULL, memory_order_relaxed);
	atomic_store_explicit(&m->parent, NULL, memory_order_relaxed);
	m->mountpoint = NULL;
	atomic_fetch_and_explicit(&m->flags, ~MOUNT_ATTACHED, memory_order_relaxed);
}

/* mount_mutex is held. busy_refs: fails with -EBUSY if there are more references; 0: never. Puts the attachment's. */
static int
detach(struct mount *m, uint32_t busy_refs)
{
	struct path where;
	links_begin();
	if (busy_refs != 0 && refcount_read(&m->refs) > busy_refs) {
		links_end();
		return -EBUSY;
	}
	unlink_mount(m, &where);
	links_end();
	list_del_init(&m->node);
	where.mount->nr_children--;
	path_put(&where);
	mount_put(m);
	return 0;
}

/* Detaches what is mounted below m, leaves first, then m itself; mount_mutex is held. */
static void
detach_tree(struct mount *m)
{
	for (;;) {
		struct mount *leaf = m, *c;
		while (leaf->nr_children != 0) {
			list_for_each_entry (c, &mounts, node) {
				if (load_link(&c->parent) == leaf)
					break;
			}
			leaf = c;
		}
		bool last = leaf == m;
		(void)detach(leaf, 0); /* cannot be busy */
		if (last)
			return;
	}
}

/* With the mount point's own lock, so that nobody removes it meanwhile. */
static void
lock_mount_point(const struct path *where) NO_LOCK_ANALYSIS
{
	rw_write_lock(&dentry_inode(where->dentry)->lock);
	mutex_lock(&mount_mutex);
}

static void
unlock_mount_point(const struct path *where) NO_LOCK_ANALYSIS
{
	mutex_unlock(&mount_mutex);
	rw_write_unlock(&dentry_inode(where->dentry)->lock);
}

static int
check_mount_point(const struct path *where, const struct dentry *root)
{
	struct inode *i = dentry_inode(where->dentry);
	bool dir = (i->mode & S_IFMT) == S_IFDIR,
	     root_dir = (dentry_inode(root)->mode & S_IFMT) == S_IFDIR;
	if (dir != root_dir)
		return -ENOTDIR;
	if (dentry_is_deleted(where->dentry))
		return -ENOENT;
	uint32_t flags = mount_flags(where->mount);
	if (!(flags & MOUNT_ATTACHED) && where->mount != view_initial()->root.mount)
		return -EINVAL;
	/* What the table does not hold would not be found again. */
	if (where->dentry->parent != where->dentry &&
		!(atomic_load_explicit(&where->dentry->flags, memory_order_relaxed) &
			DENTRY_HASHED))
		return -EINVAL;
	return 0;
}

/* Mounts root of s (references taken over) at where. */
static int
mount_at(const struct path *where, struct super *s, struct dentry *root, uint32_t flags,
	const char *source)
{
	struct mount *m = mount_create(s, root, flags, source);
	if (m == NULL)
		return -ENOMEM;
	lock_mount_point(where);
	int err = check_mount_point(where, m->root);
	if (err == 0)
		attach(m, where);
	unlock_mount_point(where);
	if (err != 0)
		mount_put(m);
	return err;
}

static const struct fs_type *
find_type(const char *name)
{
	const struct fs_type *t = NULL;
	while ((t = fs_type_next(t)) != NULL && strcmp(t->name, name) != 0)
		;
	return t;
}

static bool
is_mount_root(const struct path *p)
{
	return p->dentry == p->mount->root;
}

static int
mount_new(const struct path *where, const char *type_name, const char *source, uint32_t flags,
	const char *options)
{
	const struct fs_type *type = find_type(type_name);
	if (type == NULL)
		return -ENODEV;
	struct super *s;
	int err = type->mount(type, source, (flags & MS_RDONLY) ? SUPER_READONLY : 0, options, &s);
	if (err != 0)
		return err;
	/* As Linux: the same again on top of itself is a mistake. */
	if (where->mount->super == s && is_mount_root(where)) {
		super_put(s);
		return -EBUSY;
	}
	dentry_get(s->root);
	return mount_at(where, s, s->root, flags, source);
}

/* The first mount of a view: its root. */
static int
mount_root(struct view *v, struct super *s, const char *source, uint32_t flags)
{
	dentry_get(s->root);
	struct mount *m = mount_create(s, s->root, flags, source);
	if (m == NULL)
		return -ENOMEM;
	mutex_lock(&mount_mutex);
	list_add(&mounts, &m->node);
	dentry_get(m->root);
	v->root = (struct path){m, m->root};
	mutex_unlock(&mount_mutex);
	return 0;
}

int
vfs_mount_super(struct super *s, const char *source, const char *target, uint32_t flags)
{
	struct view *v = view_initial();
	if (v->root.mount == NULL)
		return mount_root(v, s, source, flags);
	struct path where;
	int err = path_lookup(NULL, target, LOOKUP_FOLLOW, &where);
	if (err != 0) {
		super_put(s);
		return err;
	}
	dentry_get(s->root);
	err = mount_at(&where, s, s->root, flags, source);
	path_put(&where);
	return err;
}

int
vfs_mount(const char *fs_type, const char *source, const char *target, uint32_t flags,
	const char *options)
{
	const struct fs_type *type = find_type(fs_type);
	if (type == NULL)
		return -ENODEV;
	struct super *s;
	int err = type->mount(type, source, (flags & MS_RDONLY) ? SUPER_READONLY : 0,
		options != NULL ? options : "", &s);
	return err != 0 ? err : vfs_mount_super(s, source, target, flags);
}

/* --- The calls. --- */

static int
do_bind(const struct path *where, const char *source, uint32_t flags)
{
	struct path from;
	if (flags & MS_REC)
		return -EINVAL; /* what is mounted below does not come along, and is not silently left out */
	int err = path_lookup(NULL, source, LOOKUP_FOLLOW, &from);
	if (err != 0)
		return err;
	super_get(from.dentry->super);
	dentry_get(from.dentry);
	err = mount_at(where, from.dentry->super, from.dentry,
		(flags & MOUNT_FLAGS) | mount_flags(from.mount), from.mount->source);
	path_put(&from);
	return err;
}

static bool
super_has_writers(const struct super *s)
{
	struct mount *m;
	list_for_each_entry (m, &mounts, node) {
		if (m->super == s && atomic_load_explicit(&m->writers, memory_order_acquire) > 0)
			return true;
	}
	return false;
}

/* Makes a super read-only or writable, and hands new options to it; mount_mutex is held. */
static int
remount_super(struct super *s, uint32_t flags, const char *options)
{
	uint32_t want = flags & MS_RDONLY ? SUPER_READONLY : 0;
	bool change =
		(atomic_load_explicit(&s->flags, memory_order_relaxed) & SUPER_READONLY) != want;
	if (want && change) {
		if (super_has_writers(s))
			return -EBUSY;
		int err = super_sync(s);
		if (err != 0)
			return err;
	}
	if (s->ops->remount == NULL)
		return change ? (want ? -EINVAL : -EROFS) : 0;
	int err = s->ops->remount(s, want, options);
	if (err != 0)
		return err;
	if (want)
		atomic_fetch_or_explicit(&s->flags, SUPER_READONLY, memory_order_release);
	else
		atomic_fetch_and_explicit(&s->flags, ~SUPER_READONLY, memory_order_release);
	return 0;
}

static int
do_remount(const struct path *where, uint32_t flags, const char *options)
{
	struct mount *m = where->mount;
	if (!is_mount_root(where))
		return -EINVAL;
	int err = 0;
	mutex_lock(&mount_mutex);
	if (!(flags & MS_BIND))
		err = remount_super(m->super, flags, options);
	else if ((flags & MS_RDONLY) && atomic_load_explicit(&m->writers, memory_order_acquire) > 0)
		err = -EBUSY;
	if (err == 0)
		atomic_store_explicit(&m->flags,
			(mount_flags(m) & ~MOUNT_FLAGS) | (flags & MOUNT_FLAGS),
			memory_order_release);
	mutex_unlock(&mount_mutex);
	return err;
}

/* Whether p lies in m or in what is mounted below it; mount_mutex is held. */
static bool
is_below(const struct path *p, struct mount *m)
{
	for (struct mount *at = p->mount; at != NULL; at = load_link(&at->parent))
		if (at == m)
			return true;
	return false;
}

static int
do_move(const struct path *where, const char *source)
{
	struct path from, old;
	int err = path_lookup(NULL, source, LOOKUP_FOLLOW, &from);
	if (err != 0)
		return err;
	struct mount *m = from.mount;
	lock_mount_point(where);
	err = check_mount_point(where, m->root);
	if (err == 0 && (!is_mount_root(&from) || !(mount_flags(m) & MOUNT_ATTACHED)))
		err = -EINVAL;
	if (err == 0 && is_below(where, m))
		err = -ELOOP;
	if (err == 0) {
		links_begin();
		unlink_mount(m, &old);
		links_end();
		list_del_init(&m->node);
		old.mount->nr_children--;
		attach(m, where);
	}
	unlock_mount_point(where);
	if (err == 0)
		path_put(&old);
	path_put(&from);
	return err;
}

static int
do_mount(const struct path *where, const char *source, const char *type, uint32_t flags,
	const char *options)
{
	if (flags & MS_REMOUNT)
		return do_remount(where, flags, options);
	if (flags & MS_BIND)
		return do_bind(where, source, flags);
	if (flags & (MS_SHARED | MS_SLAVE | MS_UNBINDABLE))
		return -EINVAL; /* mounts do not propagate */
	if (flags & MS_PRIVATE)
		return is_mount_root(where) ? 0 : -EINVAL;
	if (flags & MS_MOVE)
		return do_move(where, source);
	return mount_new(where, type, source, flags, options);
}

/* A string that may be a null pointer (then empty). kfree(). */
static int
get_string(uaddr_t from, size_t max, char **out)
{
	char *s = kmalloc(max, 0);
	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s[0] = '\0';
	if (!uaddr_is_null(from)) {
		ssize_t len = copy_string_from_user(s, from, max);
		if (len < 0 || (size_t)len >= max) {
			kfree(s);
			return len < 0 ? (int)len : -ENAMETOOLONG;
		}
	}
	*out = s;
	return 0;
}

int64_t
sys_mount(uaddr_t source, uaddr_t target, uaddr_t type, uint64_t flags, uaddr_t data)
{
	char *ksource = NULL, *ktype = NULL, *options = NULL;
	struct path where;
	if (!cred_can(current_cred(), LINUX_CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
		flags &= ~(uint64_t)MS_MAGIC_MASK;
	int err = get_string(source, PATH_NAME_MAX, &ksource);
	if (err == 0)
		err = get_string(type, 64, &ktype);
	if (err == 0)
		err = get_string(data, PAGE_SIZE, &options);
	if (err == 0)
		err = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &where);
	if (err == 0) {
		err = do_mount(&where, ksource, ktype, (uint32_t)flags, options);
		path_put(&where);
	}
	kfree(options);
	kfree(ktype);
	kfree(ksource);
	return err;
}

int64_t
sys_umount2(uaddr_t target, uint32_t flags)
{
	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (!cred_can(current_cred(), LINUX_CAP_SYS_ADMIN))
		return -EPERM;
	struct path p;
	int err =
		path_lookup_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &p);
	if (err != 0)
		return err;
	struct mount *m = p.mount;
	if (!is_mount_root(&p) || (flags & MNT_EXPIRE)) {
		path_put(&p);
		return -EINVAL;
	}
	/* The mount's own reference keeps the root's dentry: only references on the mount tell whether it is used. */
	dentry_put(p.dentry);
	err = super_sync(m->super);
	mutex_lock(&mount_mutex);
	if (!(mount_flags(m) & MOUNT_ATTACHED))
		err = m == view_initial()->root.mount ? -EBUSY : -EINVAL;
	else if (flags & MNT_DETACH)
		detach_tree(m);
	else if (err == 0)
		err = m->nr_children != 0 ? -EBUSY : detach(m, 2);
	mutex_unlock(&mount_mutex);
	mount_put(m);
	return err;
}

/* --- Showing. --- */

int
mount_for_each(mount_visit_fn *fn, void *ctx)
{
	char *name = kmalloc(PATH_NAME_MAX, 0);
	if (name == NULL)
		return -ENOMEM;
	struct mount *m;
	mutex_lock(&mount_mutex);
	list_for_each_entry (m, &mounts, node) {
		struct path p = {m, m->root};
		ssize_t len = path_name(&p, name, PATH_NAME_MAX);
		if (len > 0 && name[0] == '/' && !fn(ctx, m, name))
			break;
	}
	mutex_unlock(&mount_mutex);
	kfree(name);
	return 0;
}

static void
append(char *buf, size_t n, const char *s)
{
	size_t at = strnlen(buf, n - 1);
	while (*s != '\0' && at + 1 < n)
		buf[at++] = *s++;
	buf[at] = '\0';
}

void
mount_options(const struct mount *m, char *buf, size_t n)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} words[] = {{MS_NOSUID, ",nosuid"}, {MS_NODEV, ",nodev"}, {MS_NOEXEC, ",noexec"},
		{MS_NOATIME, ",noatime"}, {MS_NODIRATIME, ",nodiratime"},
		{MS_NOSYMFOLLOW, ",nosymfollow"}};
	uint32_t flags = mount_flags(m);
	buf[0] = '\0';
	append(buf, n, (flags & MS_RDONLY) || (m->super->flags & SUPER_READONLY) ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (flags & words[i].flag)
			append(buf, n, words[i].text);
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)) && !(m->super->flags & SUPER_READONLY))
		append(buf, n, ",relatime");
	size_t at = strlen(buf);
	if (m->super->ops->show_options != NULL && at + 1 < n)
		m->super->ops->show_options(m->super, buf + at, n - at);
}
