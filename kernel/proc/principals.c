/* SPDX-License-Identifier: MIT */
/* The table of principals. Until one is loaded, uid 0 is the only principal and may have everything. */
#define LOG_SOURCE "proc"
#include "proc/principals.h"

#include <string.h>

#include "caps.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "identity/identity.h"
#include "mm/slab.h"
#include "vfs/vfs.h"

#define PRINCIPALS_MAX 65536
#define STORE_MAX      MIB(1)

/*
 * What a uid without an entry may have at most: it is nobody whom the identity store trusts with more. A server that
 * root starts and that drops to a uid of its own keeps working, and can log nobody in.
 */
#define CAPS_UNLISTED (CAP_SPAWN | CAP_FSREAD | CAP_TMPWRITE | CAP_NET)

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
	return find(uid, &caps) ? caps : CAPS_UNLISTED;
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

/* Inserts by uid; false if it is there already. */
static bool
insert(struct principal *list, uint32_t *n, const struct identity *id)
{
	uint32_t at = *n;
	while (at > 0 && list[at - 1].uid > id->uid)
		at--;
	if (at > 0 && list[at - 1].uid == id->uid)
		return false;
	memmove(&list[at + 1], &list[at], (*n - at) * sizeof(*list));
	list[at] = (struct principal){id->uid, id->caps & CAP_ALL};
	(*n)++;
	return true;
}

/* Makes the table from the store's text. -EINVAL: malformed, or a uid twice. */
static int
load_text(const char *text, size_t size)
{
	struct span rest = {text, size};
	struct identity id;
	uint32_t n = 0;
	int more;
	/* A principal's line is longer than its entry in the table. */
	struct principal *list = kvmalloc(size + sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	while ((more = identity_next(&rest, &id)) == 1 && insert(list, &n, &id))
		;
	int err = more == 0 ? principals_load(list, n) : -EINVAL;
	kvfree(list);
	return err;
}

void
principals_init(void)
{
	struct file *f;
	int err = file_open_name(IDENTITY_PATH, 0, &f);
	if (err == 0) {
		uint64_t size = f->inode->object != NULL ? f->inode->object->size : 0;
		char *text = size <= STORE_MAX ? kvmalloc(size + 1) : NULL;
		err = text == NULL ? -ENOMEM : 0;
		ssize_t n = err != 0 ? 0 : file_read_at(f, text, size, 0);
		if (err == 0)
			err = n < 0 ? (int)n : load_text(text, (size_t)n);
		kvfree(text);
		file_put(f);
	}
	if (err != 0)
		log_err("%s cannot be used: only root is a principal: error %d", IDENTITY_PATH,
			-err);
}
