/* SPDX-License-Identifier: MIT */
/* How the parts of the reader say why they refuse: each function stores the reason and returns -EBADMSG. */
#ifndef IMAGE_INTERNAL_H
#define IMAGE_INTERNAL_H

#include <errno.h>
#include <string.h>
#include "base/reader.h"
#include "image/image.h"

#define IMAGE_FIELD(base, type, field) ((base) + offsetof(struct image_disk_##type, field))

static inline int
image_fail(struct image_error *why, enum image_where where, uint64_t index, const char *what)
{
	if (why)
		*why = (struct image_error){.what = what, .where = where, .index = index};
	return -EBADMSG;
}

static inline int
image_fail_values(struct image_error *why, enum image_where where, uint64_t index, const char *what,
	uint64_t found, uint64_t wanted)
{
	image_fail(why, where, index, what);
	if (why) {
		why->has_values = true;
		why->found = found;
		why->wanted = wanted;
	}
	return -EBADMSG;
}

#endif
