/* SPDX-License-Identifier: MIT */
/* Open files: their memory, their end, and how a descriptor becomes one. */
#include "vfs/file.h"

#include "abi/linux/resource.h"
#include "mm/slab.h"
#include "vfs/async.h"
#include "vfs/epoll.h"
#include "vfs/walk.h"

static struct slab_cache *file_cache;

void
file_init_cache(void)
{
	file_cache = slab_cache_create("file", sizeof(struct file), 0);
	epoll_init();
}

/* Every field is set here: the memory comes from the cache as it was left. */
struct file *
file_alloc(void)
{
	struct file *f = slab_alloc(file_cache, 0);
	if (unlikely(f == NULL))
		return NULL;
	object_init(&f->obj, &file_object_type);
	f->obj.handle_flags = HANDLE_FILE;
	f->ops = NULL;
	atomic_store_explicit(&f->flags, 0, memory_order_relaxed);
	f->kind = 0;
	mutex_init(&f->pos_lock, "file position");
	f->pos = 0;
	f->path = (struct path){0};
	f->inode = NULL;
	f->priv = NULL;
	atomic_store_explicit(&f->watchers, NULL, memory_order_relaxed);
	atomic_store_explicit(&f->owner, NULL, memory_order_relaxed);
	return f;
}

void
file_free(struct file *f)
{
	slab_free(file_cache, f);
}

struct file *
file_create(const struct file_ops *ops, void *priv, uint32_t flags, uint32_t kind)
{
	struct file *f = file_alloc();
	if (f == NULL)
		return NULL;
	f->ops = ops;
	f->priv = priv;
	f->kind = kind;
	atomic_store_explicit(&f->flags, flags, memory_order_relaxed);
	return f;
}

static inline bool
has_locks(const struct inode *i)
{
	return i != NULL &&
		atomic_load_explicit(
			(struct inode_locks * _Atomic *)&i->locks, memory_order_relaxed) != NULL;
}

static void
file_destroy(struct object *o)
{
	struct file *f = file_of(o);
	struct inode *i = f->inode;
	if (unlikely(atomic_load_explicit(&f->watchers, memory_order_acquire) != NULL))
		epoll_file_gone(f);
	if (unlikely(atomic_load_explicit(&f->owner, memory_order_relaxed) != NULL))
		file_owner_free(f);
	if (unlikely(has_locks(i)))
		lock_release_file(f);
	if (f->ops->release != NULL)
		f->ops->release(f);
	if (f->kind & FILE_WRITER) {
		inode_write_put(i);
		atomic_fetch_sub_explicit(&f->path.mount->writers, 1, memory_order_release);
	}
	if (f->kind & FILE_DENIES_WRITE)
		inode_allow_write(i);
	if (f->path.dentry != NULL)
		path_put(&f->path);
	else if (i != NULL)
		inode_put(i);
	file_free(f);
}

static int
file_close(struct object *o, struct handle_table *t)
{
	struct file *f = file_of(o);
	if (unlikely(has_locks(f->inode)))
		lock_release_posix(f, t);
	return f->ops->flush != NULL ? f->ops->flush(f) : 0;
}

const struct object_type file_object_type = {
	.name = "file",
	.destroy = file_destroy,
	.close = file_close,
};

int
file_borrow(int fd, rights_t need, struct file_ref *out)
{
	*out = (struct file_ref){0};
	handle_ref_t ref;
	rights_t rights;
	int err = handle_borrow(current_task()->handles, fd, need, &ref, &rights);
	if (err != 0)
		return err;
	struct object *o = handle_ref_object(ref);
	struct file *f = o->type == &file_object_type ? file_of(o) : NULL;
	/* A directory's handle has WRITE for what is done through it, not to it. */
	if (f == NULL ||
		(need != 0 &&
			((f->kind & FILE_PATH_ONLY) ||
				((f->kind & FILE_DIRECTORY) && (need & RIGHT_WRITE))))) {
		handle_return(ref);
		return -EBADF;
	}
	*out = (struct file_ref){f, ref, rights};
	return 0;
}

int
file_refuse_at(int err, int fd, int64_t offset)
{
	struct file_ref ref;
	if (offset < 0)
		return -EINVAL;
	if (file_borrow(fd, 0, &ref) != 0)
		return err;
	if (!(ref.file->kind & (FILE_SEEKABLE | FILE_PATH_ONLY)))
		err = -ESPIPE;
	file_return(&ref);
	return err;
}

int
file_refuse_cut(int err, int fd)
{
	struct file_ref ref;
	if (file_borrow(fd, 0, &ref) != 0)
		return err;
	if (!(ref.file->kind & FILE_PATH_ONLY))
		err = -EINVAL;
	file_return(&ref);
	return err;
}

uint32_t
handle_limit(void)
{
	return (uint32_t)min(current_rlimit(RLIMIT_NOFILE), (uint64_t)HANDLES_MAX);
}

int
file_install(struct file *f, rights_t rights, uint32_t open_flags)
{
	struct handle_table *t = current_task()->handles;
	int fd = handle_reserve(t, 0, handle_limit());
	if (fd < 0)
		file_put(f);
	else
		handle_install(
			t, fd, &f->obj, rights, (open_flags & O_CLOEXEC) ? HANDLE_CLOEXEC : 0);
	return fd;
}
