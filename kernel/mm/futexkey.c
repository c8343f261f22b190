/* SPDX-License-Identifier: MIT */
/* What a user address names, for futexes: a place in an object where that is shared, else in the space itself. */
#include "mm/space_impl.h"

int
vm_futex_key(struct vm_space *s, uint64_t addr, bool shared, struct vm_futex_key *key)
{
	*key = (struct vm_futex_key){.base = (uint64_t)s, .offset = addr};
	if (addr >= USER_END)
		return -EFAULT;
	if (!shared)
		return 0;
	rw_read_lock(&s->lock);
	const struct vm_area *a = area_find(&s->areas, addr);
	int err = a != NULL && a->start <= addr ? 0 : -EFAULT;
	if (err == 0 && (a->flags & VM_SHARED) && a->object != NULL) {
		vm_object_get(a->object);
		key->object = a->object;
		key->base = (uint64_t)a->object;
		key->offset = area_offset_at(a, addr);
	}
	rw_read_unlock(&s->lock);
	return err;
}
