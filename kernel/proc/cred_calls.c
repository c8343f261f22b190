/* SPDX-License-Identifier: MIT */
/* The system calls on user and group ids, with Linux's rules. */
#include <string.h>

#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "syscall_protos.h"

#define ID_SAME     UINT32_MAX /* (uid_t)-1: leave it */
#define NGROUPS_MAX 65536

int64_t
sys_getuid(void)
{
	return current_cred()->uid;
}

int64_t
sys_geteuid(void)
{
	return current_cred()->euid;
}

int64_t
sys_getgid(void)
{
	return current_cred()->gid;
}

int64_t
sys_getegid(void)
{
	return current_cred()->egid;
}

static int
put_three(uaddr_t a, uaddr_t b, uaddr_t c, uint32_t x, uint32_t y, uint32_t z)
{
	return put_user_u32(a, x) != 0 || put_user_u32(b, y) != 0 || put_user_u32(c, z) != 0
		? -EFAULT
		: 0;
}

int64_t
sys_getresuid(uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
	const struct cred *c = current_cred();
	return put_three(ruid, euid, suid, c->uid, c->euid, c->suid);
}

int64_t
sys_getresgid(uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
	const struct cred *c = current_cred();
	return put_three(rgid, egid, sgid, c->gid, c->egid, c->sgid);
}

/* Installs c, a copy whose user ids were changed (or not). */
static int
install_uids(struct cred *c, const struct cred *old)
{
	if (c->uid != old->uid) {
		struct user_account *a = user_account_get(c->uid);
		if (a == NULL) {
			cred_put(c);
			return -ENOMEM;
		}
		user_account_put(c->account);
		c->account = a;
	}
	cred_changed_ids(c, old);
	linux_caps_changed_uids(c, old);
	cred_install(c);
	return 0;
}

static bool
is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == a || id == b || id == c;
}

int64_t
sys_setuid(uint32_t uid)
{
	const struct cred *old = current_cred();
	if (uid == ID_SAME)
		return -EINVAL;
	bool may = cred_can(old, LINUX_CAP_SETUID);
	if (!may && uid != old->uid && uid != old->suid)
		return -EPERM;
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (may)
		c->uid = c->suid = uid;
	c->euid = c->fsuid = uid;
	return install_uids(c, old);
}

int64_t
sys_setreuid(uint32_t ruid, uint32_t euid)
{
	const struct cred *old = current_cred();
	if (!cred_can(old, LINUX_CAP_SETUID)) {
		if (ruid != ID_SAME && ruid != old->uid && ruid != old->euid)
			return -EPERM;
		if (euid != ID_SAME && !is_one_of(euid, old->uid, old->euid, old->suid))
			return -EPERM;
	}
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (ruid != ID_SAME)
		c->uid = ruid;
	if (euid != ID_SAME)
		c->euid = euid;
	if (ruid != ID_SAME || (euid != ID_SAME && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return install_uids(c, old);
}

int64_t
sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid)
{
	const struct cred *old = current_cred();
	const uint32_t want[] = {ruid, euid, suid};
	for (size_t i = 0; i < ARRAY_SIZE(want) && !cred_can(old, LINUX_CAP_SETUID); i++)
		if (want[i] != ID_SAME && !is_one_of(want[i], old->uid, old->euid, old->suid))
			return -EPERM;
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (ruid != ID_SAME)
		c->uid = ruid;
	if (euid != ID_SAME)
		c->euid = euid;
	if (suid != ID_SAME)
		c->suid = suid;
	c->fsuid = c->euid;
	return install_uids(c, old);
}

int64_t
sys_setfsuid(uint32_t uid)
{
	const struct cred *old = current_cred();
	uid_t former = old->fsuid;
	if (uid == ID_SAME || uid == former)
		return former;
	if (!cred_can(old, LINUX_CAP_SETUID) && !is_one_of(uid, old->uid, old->euid, old->suid))
		return former;
	struct cred *c = cred_copy(old);
	if (c != NULL) {
		c->fsuid = uid;
		linux_caps_changed_fsuid(c, old);
		cred_install(c);
	}
	return former;
}

int64_t
sys_setgid(uint32_t gid)
{
	const struct cred *old = current_cred();
	if (gid == ID_SAME)
		return -EINVAL;
	bool may = cred_can(old, LINUX_CAP_SETGID);
	if (!may && gid != old->gid && gid != old->sgid)
		return -EPERM;
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (may)
		c->gid = c->sgid = gid;
	c->egid = c->fsgid = gid;
	cred_install(c);
	return 0;
}

int64_t
sys_setregid(uint32_t rgid, uint32_t egid)
{
	const struct cred *old = current_cred();
	if (!cred_can(old, LINUX_CAP_SETGID)) {
		if (rgid != ID_SAME && rgid != old->gid && rgid != old->egid)
			return -EPERM;
		if (egid != ID_SAME && !is_one_of(egid, old->gid, old->egid, old->sgid))
			return -EPERM;
	}
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (rgid != ID_SAME)
		c->gid = rgid;
	if (egid != ID_SAME)
		c->egid = egid;
	if (rgid != ID_SAME || (egid != ID_SAME && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	cred_install(c);
	return 0;
}

int64_t
sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	const struct cred *old = current_cred();
	const uint32_t want[] = {rgid, egid, sgid};
	for (size_t i = 0; i < ARRAY_SIZE(want) && !cred_can(old, LINUX_CAP_SETGID); i++)
		if (want[i] != ID_SAME && !is_one_of(want[i], old->gid, old->egid, old->sgid))
			return -EPERM;
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	if (rgid != ID_SAME)
		c->gid = rgid;
	if (egid != ID_SAME)
		c->egid = egid;
	if (sgid != ID_SAME)
		c->sgid = sgid;
	c->fsgid = c->egid;
	cred_install(c);
	return 0;
}

int64_t
sys_setfsgid(uint32_t gid)
{
	const struct cred *old = current_cred();
	gid_t former = old->fsgid;
	if (gid == ID_SAME || gid == former)
		return former;
	if (!cred_can(old, LINUX_CAP_SETGID) && !is_one_of(gid, old->gid, old->egid, old->sgid))
		return former;
	struct cred *c = cred_copy(old);
	if (c != NULL) {
		c->fsgid = gid;
		cred_install(c);
	}
	return former;
}

int64_t
sys_getgroups(int size, uaddr_t list)
{
	const struct group_list *g = current_cred()->groups;
	uint32_t n = g != NULL ? g->n : 0;
	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return n;
	if ((uint32_t)size < n)
		return -EINVAL;
	if (n != 0 && copy_to_user(list, g->gid, n * sizeof(gid_t)) != 0)
		return -EFAULT;
	return n;
}

static void
sift_down(gid_t *a, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && a[child + 1] > a[child])
			child++;
		if (a[root] >= a[child])
			return;
		gid_t t = a[root];
		a[root] = a[child];
		a[child] = t;
	}
}

/* Heap sort: in place, and no input makes it slow. */
static void
sort_groups(gid_t *a, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(a, i, n);
	for (size_t i = n; i-- > 1;) {
		gid_t t = a[0];
		a[0] = a[i];
		a[i] = t;
		sift_down(a, 0, i);
	}
}

int64_t
sys_setgroups(int size, uaddr_t list)
{
	if (!cred_can(current_cred(), LINUX_CAP_SETGID))
		return -EPERM;
	if (size < 0 || size > NGROUPS_MAX)
		return -EINVAL;
	struct group_list *g = NULL;
	if (size > 0) {
		size_t n = (size_t)size;
		g = kmalloc(sizeof(*g) + n * sizeof(gid_t), 0);
		if (g == NULL)
			return -ENOMEM;
		refcount_init(&g->refs, 1);
		g->n = (uint32_t)n;
		if (copy_from_user(g->gid, list, n * sizeof(gid_t)) != 0) {
			kfree(g);
			return -EFAULT;
		}
		sort_groups(g->gid, n);
	}
	struct cred *c = cred_copy(current_cred());
	if (c == NULL) {
		kfree(g);
		return -ENOMEM;
	}
	struct group_list *former = c->groups;
	c->groups = g;
	cred_install(c);
	if (former != NULL && refcount_put(&former->refs))
		kfree(former);
	return 0;
}
