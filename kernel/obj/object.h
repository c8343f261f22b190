/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects that user space reaches through handles: reference counted, typed, destroyed by their type.
 */
#ifndef OBJ_OBJECT_H
#define OBJ_OBJECT_H

#include "core/refcount.h"
#include "core/types.h"

struct object;

struct object_type {
	const char *name;
	void (*destroy)(struct object *o); /* the last reference is gone; may sleep */
};

struct object {
	const struct object_type *type; /* [I] */
	refcount_t refs;
};

static inline void
object_init(struct object *o, const struct object_type *type)
{
	o->type = type;
	refcount_init(&o->refs, 1);
}

static inline void
object_get(struct object *o)
{
	refcount_get(&o->refs);
}

/* Drops a reference; the last one destroys. May sleep: never under a spin lock. */
static inline void
object_put(struct object *o)
{
	if (refcount_put(&o->refs))
		o->type->destroy(o);
}

#endif
