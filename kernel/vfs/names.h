/* SPDX-License-Identifier: MIT */
/* Names that other parts of the kernel make. */
#ifndef VFS_NAMES_H
#define VFS_NAMES_H

#include "vfs/path.h"

#define VFS_SOCKET_NAME_MAX 108 /* bytes of the name, with its NUL */

/*
 * Makes a node of type socket, 0777 less the umask, as the running task, whose context's FSREAD is the caller's to
 * check. 0 and the node's path, referenced; -EEXIST, -EACCES, -EROFS, -EPERM and what walks give.
 */
int vfs_make_socket(const char *name, struct path *out) MUST_CHECK;

#endif
