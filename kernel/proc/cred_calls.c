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

/* --- The rules, which are the same for users and groups. may: the capability to have any. --- */

struct ids {
	uint32_t real, effective, saved, fs;
};

static bool
is_one_of(uint32_t id, const struct ids *i)
{
	return id == i->real || id == i->effective || id == i->saved;
}

static int
set_all(struct ids *i, bool may, uint32_t id)
{
	if (id == ID_SAME)
		return -EINVAL;
	if (!may && id != i->real && id != i->saved)
		return -EPERM;
	if (may)
		i->real = i->saved = id;
	i->effective = i->fs = id;
	return 0;
}

static int
set_two(struct ids *i, bool may, uint32_t real, uint32_t effective)
{
	const struct ids old = *i;
	if (!may && real != ID_SAME && real != old.real && real != old.effective)
		return -EPERM;
	if (!may && effective != ID_SAME && !is_one_of(effective, &old))
		return -EPERM;
	if (real != ID_SAME)
		i->real = real;
	if (effective != ID_SAME)
		i->effective = effective;
	if (real != ID_SAME || (effective != ID_SAME && effective != old.real))
		i->saved = i->effective;
	i->fs = i->effective;
	return 0;
}

static int
set_three(struct ids *i, bool may, uint32_t real, uint32_t effective, uint32_t saved)
{
	const struct ids old = *i;
	const uint32_t want[] = {real, effective, saved};
	uint32_t *const to[] = {&i->real, &i->effective, &i->saved};
	for (size_t k = 0; k < ARRAY_SIZE(want); k++) {
		if (want[k] == ID_SAME)
			continue;
		if (!may && !is_one_of(want[k], &old))
			return -EPERM;
		*to[k] = want[k];
	}
	i->fs = i->effective;
	return 0;
}

static bool
may_set_fs(const struct ids *i, bool may, uint32_t id)
{
	return id != ID_SAME && id != i->fs && (may || is_one_of(id, i));
}

/* --- Users. --- */

static struct ids
own_uids(void)
{
	const struct cred *c = current_cred();
	return (struct ids){c->uid, c->euid, c->suid, c->fsuid};
}

static bool
may_be_any_user(void)
{
	return cred_can(current_cred(), LINUX_CAP_SETUID);
}

/* err: of the rules; passed on. */
static int
install_uids(int err, const struct ids *i)
{
	const struct cred *old = current_cred();
	if (err != 0)
		return err;
	struct cred *c = cred_copy(old);
	if (c == NULL)
		return -ENOMEM;
	c->uid = i->real;
	c->euid = i->effective;
	c->suid = i->saved;
	c->fsuid = i->fs;
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
	/* Too many programs take it that this succeeds: those over their limit fail in exec, if they still are. */
	if (c->account != old->account)
		current_task()->over_nproc = c->uid != 0 && cred_tasks_over_limit(c);
	cred_install(c);
	return 0;
}

int64_t
sys_setuid(uint32_t uid)
{
	struct ids i = own_uids();
	int err = set_all(&i, may_be_any_user(), uid);
	return install_uids(err, &i);
}

int64_t
sys_setreuid(uint32_t ruid, uint32_t euid)
{
	struct ids i = own_uids();
	int err = set_two(&i, may_be_any_user(), ruid, euid);
	return install_uids(err, &i);
}

int64_t
sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid)
{
	struct ids i = own_uids();
	int err = set_three(&i, may_be_any_user(), ruid, euid, suid);
	return install_uids(err, &i);
}

/* The former one, whether it is changed or not. */
int64_t
sys_setfsuid(uint32_t uid)
{
	const struct ids i = own_uids();
	struct cred *c = may_set_fs(&i, may_be_any_user(), uid) ? cred_copy(current_cred()) : NULL;
	if (c != NULL) {
		c->fsuid = uid;
		linux_caps_changed_fsuid(c, current_cred());
		cred_install(c);
	}
	return i.fs;
}

/* --- Groups. --- */

static struct ids
own_gids(void)
{
	const struct cred *c = current_cred();
	return (struct ids){c->gid, c->egid, c->sgid, c->fsgid};
}

static bool
may_be_any_group(void)
{
	return cred_can(current_cred(), LINUX_CAP_SETGID);
}

static int
install_gids(int err, const struct ids *i)
{
	if (err != 0)
		return err;
	struct cred *c = cred_copy(current_cred());
	if (c == NULL)
		return -ENOMEM;
	c->gid = i->real;
	c->egid = i->effective;
	c->sgid = i->saved;
	c->fsgid = i->fs;
	cred_install(c);
	return 0;
}

int64_t
sys_setgid(uint32_t gid)
{
	struct ids i = own_gids();
	int err = set_all(&i, may_be_any_group(), gid);
	return install_gids(err, &i);
}

int64_t
sys_setregid(uint32_t rgid, uint32_t egid)
{
	struct ids i = own_gids();
	int err = set_two(&i, may_be_any_group(), rgid, egid);
	return install_gids(err, &i);
}

int64_t
sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	struct ids i = own_gids();
	int err = set_three(&i, may_be_any_group(), rgid, egid, sgid);
	return install_gids(err, &i);
}

int64_t
sys_setfsgid(uint32_t gid)
{
	const struct ids i = own_gids();
	struct cred *c = may_set_fs(&i, may_be_any_group(), gid) ? cred_copy(current_cred()) : NULL;
	if (c != NULL) {
		c->fsgid = gid;
		cred_install(c);
	}
	return i.fs;
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
