/* SPDX-License-Identifier: MIT */
/* The table of principals. Until one is loaded, uid 0 is the only principal and may have everything. */
#include "proc/principals.h"

#include <string.h>

#include "caps.h"
#include "core/spinlock.h"
#include "mm/slab.h"

#define PRINCIPALS_MAX 65536

static struct spinlock lock = SPINLOCK_INIT("principals");
static const struct principal root = {0, CAP_ALL};
static const struct principal *table = &root; /* [lock] sorted by uid */
static uint32_t count = 1;                    /* [lock] */

static bool
find(uid_t uid, caps_t *caps)
{
	bool found = false;
	*caps = 0;
	spin_lock(&lock);
	for (uint32_t low = 0, high = count; low < high && !found;) {
		uint32_t mid = low + (high - low) / 2;
		if (table[mid].uid == uid) {
			*caps = table[mid].caps;
			found = true;
		} else if (table[mid].uid < uid) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	spin_unlock(&lock);
	return found;
}

bool
principal_known(uid_t uid)
{
	caps_t caps;
	return find(uid, &caps);
}

caps_t
principal_caps(uid_t uid)
{
	caps_t caps;
	(void)!find(uid, &caps);
	return caps;
}

int
principals_load(const struct principal *list, uint32_t n)
{
	if (n == 0 || n > PRINCIPALS_MAX)
		return -EINVAL;
	for (uint32_t i = 1; i < n; i++)
		if (list[i].uid <= list[i - 1].uid)
			return -EINVAL;
	struct principal *fresh = kmalloc(n * sizeof(*fresh), 0);
	if (fresh == NULL)
		return -ENOMEM;
	memcpy(fresh, list, n * sizeof(*fresh));
	spin_lock(&lock);
	const struct principal *old = table;
	table = fresh;
	count = n;
	spin_unlock(&lock);
	if (old != &root)
		kfree(old);
	return 0;
}
