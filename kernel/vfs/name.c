/* SPDX-License-Identifier: MIT */
/* Names from user space. */
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "vfs/walk.h"

static int
name_get_long(struct name *n, uaddr_t from)
{
	char *s = kmalloc(PATH_NAME_MAX, 0);
	if (s == NULL)
		return -ENOMEM;
	/* From the start again: what the short copy saw may have changed, and is not used. */
	ssize_t len = copy_string_from_user(s, from, PATH_NAME_MAX);
	if (len < 0 || len >= PATH_NAME_MAX) {
		kfree(s);
		return len < 0 ? (int)len : -ENAMETOOLONG;
	}
	n->s = s;
	n->len = (size_t)len;
	return 0;
}

int
name_get(struct name *n, uaddr_t from, uint32_t flags)
{
	ssize_t len = copy_string_from_user(n->inline_s, from, NAME_SHORT);
	if (unlikely(len < 0))
		return (int)len;
	n->s = n->inline_s;
	n->len = (size_t)len;
	if (unlikely(len >= NAME_SHORT)) {
		int err = name_get_long(n, from);
		if (err != 0)
			return err;
	}
	if (unlikely(n->len == 0) && !(flags & LOOKUP_EMPTY)) {
		name_put(n);
		return -ENOENT;
	}
	return 0;
}

void
name_put_long(struct name *n)
{
	kfree(n->s);
}
