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
	if (len == 0) { /* it was longer a moment ago */
		kfree(s);
		return -ENOENT;
	}
	n->s = s;
	n->len = (size_t)len;
	return 0;
}

/* What name_get() did not finish: a fault, an empty name, or a long one. */
int
name_get_slow(struct name *n, uaddr_t from, uint32_t flags, ssize_t len)
{
	if (len < 0)
		return (int)len;
	if (len == 0)
		return flags & LOOKUP_EMPTY ? 0 : -ENOENT;
	return name_get_long(n, from);
}

void
name_put_long(struct name *n)
{
	kfree(n->s);
}
