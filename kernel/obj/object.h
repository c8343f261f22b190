/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects that user space reaches through handles: reference counted, typed, destroyed by their type.
 */
#ifndef OBJ_OBJECT_H
#define OBJ_OBJECT_H

#include "core/refcount.h"
#include "core/types.h"

struct handle_table;
struct object;

struct object_type {
	const char *name;
	void (*destroy)(struct object *o); /* the last reference is gone; may sleep */
	/* A handle to it was removed from t, its reference is still held; -errno is close(2)'s result. NULL: nothing to do. */
	int (*close)(struct object *o, struct handle_table *t);
};

struct object {
	const struct object_type *type; /* [I] */
	refcount_t refs;
	/* [I once it has a handle] HANDLE_* that each handle to it carries */
	uint32_t handle_flags;
};

static inline void
object_init(struct object *o, const struct object_type *type)
{
	o->type = type;
	refcount_init(&o->refs, 1);
	o->handle_flags = 0;
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
