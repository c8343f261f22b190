/* SPDX-License-Identifier: MIT */
/* Extended attributes: file systems may show some; none can be set. */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536

/* -ERANGE: too long (or empty, as Linux says it). */
static int
get_name(char name[XATTR_NAME_MAX + 1], uaddr_t from)
{
	ssize_t len = copy_string_from_user(name, from, XATTR_NAME_MAX + 1);
	if (len < 0)
		return (int)len;
	return len == 0 || len > XATTR_NAME_MAX ? -ERANGE : 0;
}

/* A size of 0 asks how much there is. */
static int64_t
get_value(struct inode *i, const char *name, uaddr_t value, size_t size)
{
	if (i == NULL || i->ops->getxattr == NULL)
		return -EOPNOTSUPP;
	size = min(size, (size_t)XATTR_SIZE_MAX);
	void *buf = size != 0 ? kmalloc(size, KM_ZERO) : NULL;
	if (size != 0 && buf == NULL)
		return -ENOMEM;
	int64_t len = i->ops->getxattr(i, name, buf, size);
	if (len > 0 && size != 0)
		len = (size_t)len > size                             ? -ERANGE
			: copy_to_user(value, buf, (size_t)len) != 0 ? -EFAULT
								     : len;
	kfree(buf);
	return len;
}

static int64_t
list_names(struct inode *i, uaddr_t list, size_t size)
{
	if (i == NULL || i->ops->listxattr == NULL)
		return 0;
	size = min(size, (size_t)XATTR_SIZE_MAX);
	char *buf = size != 0 ? kmalloc(size, KM_ZERO) : NULL;
	if (size != 0 && buf == NULL)
		return -ENOMEM;
	int64_t len = i->ops->listxattr(i, buf, size);
	if (len > 0 && size != 0)
		len = (size_t)len > size                            ? -ERANGE
			: copy_to_user(list, buf, (size_t)len) != 0 ? -EFAULT
								    : len;
	kfree(buf);
	return len;
}

/* The name, and the file at path: for walk_end(). */
static int
begin_at(
	struct walk *w, char name[XATTR_NAME_MAX + 1], uaddr_t path, uint32_t lookup, uaddr_t uname)
{
	int err = get_name(name, uname);
	return err == 0 ? walk_user(w, AT_FDCWD, path, lookup) : err;
}

static int64_t
get_at(uaddr_t path, uint32_t lookup, uaddr_t uname, uaddr_t value, size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	WALK_ON_STACK(w);
	int err = begin_at(&w, name, path, lookup, uname);
	if (err != 0)
		return err;
	int64_t result = get_value(w.inode, name, value, size);
	walk_end(&w);
	return result;
}

static int64_t
list_at(uaddr_t path, uint32_t lookup, uaddr_t list, size_t size)
{
	WALK_ON_STACK(w);
	int err = walk_user(&w, AT_FDCWD, path, lookup);
	if (err != 0)
		return err;
	int64_t result = list_names(w.inode, list, size);
	walk_end(&w);
	return result;
}

/* Setting and removing: the name and the file are looked at first, so that a mistake in them shows as what it is. */
static int64_t
refuse_at(uaddr_t path, uint32_t lookup, uaddr_t uname)
{
	char name[XATTR_NAME_MAX + 1];
	WALK_ON_STACK(w);
	int err = begin_at(&w, name, path, lookup, uname);
	if (err != 0)
		return err;
	err = w.file == NULL ? path_may_write(&w.path) : 0;
	walk_end(&w);
	return err != 0 ? err : -EOPNOTSUPP;
}

static int64_t
refuse_file(uaddr_t uname)
{
	char name[XATTR_NAME_MAX + 1];
	int err = get_name(name, uname);
	return err != 0 ? err : -EOPNOTSUPP;
}

int64_t
sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return refuse_at(path, LOOKUP_FOLLOW, name);
}

int64_t
sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return refuse_at(path, 0, name);
}

int64_t
sys_fsetxattr(struct file *f, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	return refuse_file(name);
}

int64_t
sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	return get_at(path, LOOKUP_FOLLOW, name, value, size);
}

int64_t
sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	return get_at(path, 0, name, value, size);
}

int64_t
sys_fgetxattr(struct file *f, uaddr_t uname, uaddr_t value, size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	int err = get_name(name, uname);
	return err != 0 ? err : get_value(f->inode, name, value, size);
}

int64_t
sys_listxattr(uaddr_t path, uaddr_t list, size_t size)
{
	return list_at(path, LOOKUP_FOLLOW, list, size);
}

int64_t
sys_llistxattr(uaddr_t path, uaddr_t list, size_t size)
{
	return list_at(path, 0, list, size);
}

int64_t
sys_flistxattr(struct file *f, uaddr_t list, size_t size)
{
	return list_names(f->inode, list, size);
}

int64_t
sys_removexattr(uaddr_t path, uaddr_t name)
{
	return refuse_at(path, LOOKUP_FOLLOW, name);
}

int64_t
sys_lremovexattr(uaddr_t path, uaddr_t name)
{
	return refuse_at(path, 0, name);
}

int64_t
sys_fremovexattr(struct file *f, uaddr_t name)
{
	return refuse_file(name);
}
