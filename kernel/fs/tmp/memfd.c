/* SPDX-License-Identifier: MIT */
/* memfd_create: a tmpfs file without a name, and the seals that fix parts of it for good. */
#include <string.h>

#include "arch/uaccess.h"
#include "core/panic.h"
#include "fs/tmp/tmpfs.h"
#include "mm/object.h"
#include "proc/task.h"
#include "syscall_protos.h"
#include "vfs/mount.h"

#define MEMFD_PREFIX   "memfd:"
#define MEMFD_NAME_MAX (255 - (sizeof(MEMFD_PREFIX) - 1))
#define SEALS_ALL      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static struct fs_type memfd_type = {.name = "memfd", .nodev = true};
static struct mount *memfd_mount; /* [I] */

void
memfd_init(void)
{
	struct tmpfs_options options;
	struct super *s;
	if (tmpfs_options("nr_inodes=0,mode=700", &options) != 0 ||
		tmpfs_create(&memfd_type, &options, SUPER_NODEV, 0, &s) != 0 ||
		(memfd_mount = mount_internal(s)) == NULL)
		panic("no memory for memfd");
}

/* "memfd:NAME" from the user's name. -EINVAL: too long. */
static int
get_name(char name[256], uaddr_t from)
{
	memcpy(name, MEMFD_PREFIX, sizeof(MEMFD_PREFIX) - 1);
	ssize_t len =
		copy_string_from_user(name + sizeof(MEMFD_PREFIX) - 1, from, MEMFD_NAME_MAX + 1);
	if (len < 0)
		return (int)len;
	return (size_t)len > MEMFD_NAME_MAX ? -EINVAL : 0;
}

static int
memfd_open(const char *name, uint32_t flags, struct file **out)
{
	struct inode *i;
	int err = tmpfs_inode_create(memfd_mount->super, NULL, S_IFREG | 0777, 0, &i);
	if (err != 0)
		return err;
	i->nlink = 0;
	i->flags |= INODE_ANON;
	if (flags & MFD_ALLOW_SEALING)
		atomic_store_explicit(&tmpfs_node_of(i)->seals, 0, memory_order_relaxed);
	if (flags & MFD_NOEXEC_SEAL) {
		i->mode &= ~0111u;
		atomic_store_explicit(&tmpfs_node_of(i)->seals, 0, memory_order_relaxed);
	}
	struct path p = {memfd_mount, dentry_create_anon(memfd_mount->super, name, i)};
	if (p.dentry == NULL)
		return -ENOMEM;
	err = file_open_path(&p, O_RDWR | O_LARGEFILE, out);
	dentry_put(p.dentry);
	return err;
}

int64_t
sys_memfd_create(uaddr_t uname, uint32_t flags)
{
	char name[256];
	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	if ((flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	int err = get_name(name, uname);
	if (err != 0)
		return err;
	struct file *f;
	err = memfd_open(name, flags, &f);
	if (err != 0)
		return err;
	return file_install(f, file_rights_for(O_RDWR), flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}

static int
add_seals(struct file *f, uint32_t new)
{
	struct inode *i = f->inode;
	struct tmpfs_node *n = tmpfs_node_of(i);
	if (new & ~SEALS_ALL)
		return -EINVAL;
	if ((file_flags(f) & O_ACCMODE) == O_RDONLY)
		return -EPERM;
	int err = 0;
	rw_write_lock(&i->lock);
	uint32_t old = atomic_load_explicit(&n->seals, memory_order_relaxed);
	if (old & F_SEAL_SEAL)
		err = -EPERM;
	if (err == 0) {
		/* The seal first, then the count: who maps does it the other way round (mmap_sealable()). */
		atomic_store(&n->seals, old | new);
		if ((new & ~old &F_SEAL_WRITE) && atomic_load(&i->object->writable_maps) != 0) {
			atomic_store(&n->seals, old);
			err = -EBUSY;
		}
	}
	rw_write_unlock(&i->lock);
	return err;
}

int64_t
file_seals_fcntl(struct file *f, uint32_t cmd, uint64_t arg)
{
	struct inode *i = f->inode;
	if (i == NULL || i->ops != &tmpfs_file_inode_ops)
		return -EINVAL;
	if (cmd == F_ADD_SEALS)
		return add_seals(f, (uint32_t)arg);
	return atomic_load_explicit(&tmpfs_node_of(i)->seals, memory_order_relaxed);
}
