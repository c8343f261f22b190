/* SPDX-License-Identifier: MIT */
/* Listing directories. */
#include <string.h>

#include "abi/linux/dirent.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

/* Writes struct linux_dirent64 to user memory. An entry's d_off is known when the next one comes. */
struct user_dir {
	struct dir_context ctx;
	uaddr_t at, last; /* last: the d_off of the last entry, null before the first */
	size_t left;
	int err;
};

static bool
emit_user(struct dir_context *ctx, const char *name, size_t len, uint64_t ino, uint32_t type)
{
	struct user_dir *u = container_of(ctx, struct user_dir, ctx);
	/* Uninitialised on purpose: only the part that is set is copied out. */
	union {
		struct linux_dirent64 entry;
		uint8_t bytes[offsetof(struct linux_dirent64, d_name) + 256 + 8];
	} record __attribute__((uninitialized));
	size_t size = round_up(offsetof(struct linux_dirent64, d_name) + len + 1, (size_t)8);
	if (unlikely(len > 255)) {
		u->err = -EIO;
		return false;
	}
	if (size > u->left) {
		if (uaddr_is_null(u->last))
			u->err = -EINVAL; /* no room for even one */
		return false;
	}
	memset(record.bytes + size - 8, 0, 8);
	record.entry.d_ino = ino;
	record.entry.d_off = 0;
	record.entry.d_reclen = (uint16_t)size;
	record.entry.d_type = (uint8_t)type;
	memcpy(record.entry.d_name, name, len);
	record.entry.d_name[len] = '\0';
	int err = copy_to_user(u->at, &record, size);
	if (err == 0 && !uaddr_is_null(u->last))
		err = put_user_u64(u->last, ctx->pos);
	if (err != 0) {
		u->err = err;
		return false;
	}
	u->last = uaddr_offset(u->at, offsetof(struct linux_dirent64, d_off));
	u->at = uaddr_offset(u->at, size);
	u->left -= size;
	return true;
}

int64_t
sys_getdents64(struct file *f, uaddr_t buf, uint32_t size)
{
	if (f->ops->readdir == NULL)
		return -ENOTDIR;
	struct user_dir u = {.ctx.emit = emit_user, .at = buf, .left = size};
	struct inode *i = f->inode;
	mutex_lock(&f->pos_lock);
	u.ctx.pos = f->pos;
	rw_read_lock(&i->lock);
	int err = dentry_is_deleted(f->path.dentry) ? -ENOENT : f->ops->readdir(f, &u.ctx);
	rw_read_unlock(&i->lock);
	bool any = !uaddr_is_null(u.last);
	if (any) {
		f->pos = u.ctx.pos;
		if (put_user_u64(u.last, u.ctx.pos) != 0)
			err = -EFAULT;
	}
	mutex_unlock(&f->pos_lock);
	file_accessed(f);
	if (any)
		return err == -EFAULT ? err : (int64_t)(size - u.left);
	return u.err != 0 ? u.err : err;
}

bool
dir_emit_dots(struct file *f, struct dir_context *ctx)
{
	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, f->inode->ino, dir_type_of_mode(S_IFDIR)))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		struct dentry *parent = dentry_parent(f->path.dentry);
		bool more = ctx->emit(
			ctx, "..", 2, dentry_inode(parent)->ino, dir_type_of_mode(S_IFDIR));
		dentry_put(parent);
		if (!more)
			return false;
		ctx->pos = 2;
	}
	return true;
}

/* A position is the cookie of the entry that comes next, or a smaller one that is gone. */
int
pinned_readdir(struct file *f, struct dir_context *ctx)
{
	struct dentry *dir = f->path.dentry, *d;
	if (!dir_emit_dots(f, ctx))
		return 0;
	list_for_each_entry (d, &dir->children, sibling) {
		if (d->cookie < ctx->pos)
			continue;
		struct inode *i = dentry_inode(d);
		ctx->pos = d->cookie;
		if (!ctx->emit(ctx, d->name, d->name_len, i->ino, dir_type_of_mode(i->mode)))
			return 0;
		ctx->pos = d->cookie + 1;
		sched_point();
	}
	return 0;
}
