/* SPDX-License-Identifier: MIT */
/* A place in the name space: a mount and a name in it. Copied by value; references counted by path_get/path_put. */
#ifndef VFS_PATH_H
#define VFS_PATH_H

#include "core/types.h"

struct mount;
struct dentry;

struct path {
	struct mount *mount;
	struct dentry *dentry;
};

void path_get(const struct path *p);
void path_put(const struct path *p); /* harmless on an empty path; may sleep */

static inline bool
path_equal(const struct path *a, const struct path *b)
{
	return a->mount == b->mount && a->dentry == b->dentry;
}

/* How a name is looked up. */
#define LOOKUP_FOLLOW     1u /* follow a symlink in the last component */
#define LOOKUP_DIRECTORY  2u /* the result must be a directory: -ENOTDIR */
#define LOOKUP_EMPTY      4u /* an empty name is the base itself (AT_EMPTY_PATH) */
#define LOOKUP_NO_SYMLINK 8u /* any symlink: -ELOOP (RESOLVE_NO_SYMLINKS) */
#define LOOKUP_BENEATH    16u
#define LOOKUP_IN_ROOT    32u
#define LOOKUP_SCOPED     (LOOKUP_BENEATH | LOOKUP_IN_ROOT)
#define LOOKUP_NO_XDEV    64u
#define LOOKUP_NO_MAGIC   128u
#define LOOKUP_NO_MOUNT   256u /* do not cross a mount point in the last component */

#define PATH_NAME_MAX 4096 /* with the NUL */

/*
 * Resolves name, a kernel string, from base (dirfd's path, or the running task's working directory when NULL) as
 * the running task (in a kernel thread: as the kernel, from the initial view's root): search permission on each
 * directory. The context's FSREAD is the call table's business. 0 and a referenced *out, or -errno.
 */
int path_lookup(
	const struct path *base, const char *name, uint32_t flags, struct path *out) MUST_CHECK;
/* The same for a user string and a dirfd (AT_FDCWD: -100). -ENAMETOOLONG, -EFAULT. */
int path_lookup_user(int dirfd, uaddr_t name, uint32_t flags, struct path *out) MUST_CHECK;

/*
 * Writes the absolute name as seen from the running task's root, NUL-terminated; "(unreachable)" prefix and " (deleted)"
 * suffix as Linux. Its length, or -ENAMETOOLONG. Never sleeps.
 */
ssize_t path_name(const struct path *p, char *buf, size_t n) MUST_CHECK;

#endif
