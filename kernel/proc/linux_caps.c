/* SPDX-License-Identifier: MIT */
/*
 * Linux's capabilities: what of root's powers over ids, files and limits a task has. They are part of its credentials,
 * and only what swos lets root do is theirs: swos' own capabilities decide on top of them (abi/caps.tbl).
 *
 * As on Linux without securebits: giving up uid 0 gives them up, exec as root gives them back within the bounding set.
 * Files carry none. There is no ambient set.
 */
#include "arch/uaccess.h"
#include "proc/internal.h"
#include "syscall_protos.h"

struct capability_header {
	uint32_t version;
	int32_t pid;
};
struct capability_data {
	uint32_t effective, permitted, inheritable;
};

void
linux_caps_of_uid(struct linux_caps *caps, uid_t uid)
{
	uint64_t all = uid == 0 ? LINUX_CAPS_ALL : 0;
	*caps = (struct linux_caps){.effective = all, .permitted = all, .bounding = LINUX_CAPS_ALL};
}

void
linux_caps_changed_uids(struct cred *c, const struct cred *old)
{
	bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool has_root = c->uid == 0 || c->euid == 0 || c->suid == 0;
	if (had_root && !has_root && !c->keep_caps)
		c->lcaps.permitted = c->lcaps.effective = 0;
	if (old->euid == 0 && c->euid != 0)
		c->lcaps.effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->lcaps.effective = c->lcaps.permitted;
}

void
linux_caps_changed_fsuid(struct cred *c, const struct cred *old)
{
	if (old->fsuid == 0 && c->fsuid != 0)
		c->lcaps.effective &= ~LINUX_CAPS_FILES;
	if (old->fsuid != 0 && c->fsuid == 0)
		c->lcaps.effective |= c->lcaps.permitted & LINUX_CAPS_FILES;
}

void
linux_caps_exec(struct linux_caps *out, const struct cred *c, uid_t euid)
{
	const struct linux_caps *old = &c->lcaps;
	bool root = c->uid == 0 || euid == 0;
	*out = *old;
	out->permitted = root ? old->bounding | old->inheritable : 0;
	if (c->no_new_privs)
		out->permitted &= old->permitted;
	out->effective = euid == 0 ? out->permitted : 0;
}

/* The number of data elements that the header's version has; -EINVAL (and the version that we prefer). */
static int
read_header(uaddr_t user, struct capability_header *h, bool *probing)
{
	*probing = false;
	if (copy_from_user(h, user, sizeof(*h)) != 0)
		return -EFAULT;
	switch (h->version) {
	case CAPABILITY_VERSION_1:
		return 1;
	case CAPABILITY_VERSION_2:
	case CAPABILITY_VERSION_3:
		return 2;
	default:
		*probing = true;
		return put_user_u32(user, CAPABILITY_VERSION_3) != 0 ? -EFAULT : -EINVAL;
	}
}

int64_t
sys_capget(uaddr_t header, uaddr_t data)
{
	struct capability_header h;
	bool probing;
	int n = read_header(header, &h, &probing);
	if (n < 0)
		return probing && n == -EINVAL && uaddr_is_null(data) ? 0 : n;
	if (h.pid < 0)
		return -EINVAL;
	struct linux_caps caps = current_cred()->lcaps;
	if (h.pid != 0 && h.pid != current_task()->tid) {
		struct task *t = task_find(h.pid);
		if (t == NULL)
			return -ESRCH;
		const struct cred *c = task_cred(t);
		caps = c->lcaps;
		cred_put(c);
		task_put(t);
	}
	struct capability_data d[2] = {
		{(uint32_t)caps.effective, (uint32_t)caps.permitted, (uint32_t)caps.inheritable},
		{(uint32_t)(caps.effective >> 32), (uint32_t)(caps.permitted >> 32),
			(uint32_t)(caps.inheritable >> 32)}};
	if (uaddr_is_null(data))
		return 0;
	return copy_to_user(data, d, (size_t)n * sizeof(d[0]));
}

/* Sets only shrink, but for what is permitted, which may become effective and inheritable. */
static bool
may_set(const struct linux_caps *old, const struct linux_caps *new)
{
	uint64_t heritable = old->inheritable | old->permitted;
	if (old->effective >> LINUX_CAP_SETPCAP & 1)
		heritable = old->inheritable | old->bounding | old->permitted;
	return (new->inheritable & ~heritable) == 0 &&
		(new->inheritable & ~(old->inheritable | old->bounding)) == 0 &&
		(new->permitted & ~old->permitted) == 0 && (new->effective & ~new->permitted) == 0;
}

static int
install(const struct linux_caps *caps)
{
	struct cred *c = cred_copy(current_cred());
	if (c == NULL)
		return -ENOMEM;
	c->lcaps = *caps;
	cred_install(c);
	return 0;
}

int64_t
sys_capset(uaddr_t header, uaddr_t data)
{
	struct capability_header h;
	struct capability_data d[2] = {0};
	bool probing;
	int n = read_header(header, &h, &probing);
	if (n < 0)
		return n;
	if (h.pid != 0 && h.pid != current_task()->tid)
		return -EPERM;
	if (copy_from_user(d, data, (size_t)n * sizeof(d[0])) != 0)
		return -EFAULT;
	struct linux_caps new = current_cred()->lcaps;
	new.effective = (d[0].effective | (uint64_t)d[1].effective << 32) & LINUX_CAPS_ALL;
	new.permitted = (d[0].permitted | (uint64_t)d[1].permitted << 32) & LINUX_CAPS_ALL;
	new.inheritable = (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & LINUX_CAPS_ALL;
	return may_set(&current_cred()->lcaps, &new) ? install(&new) : -EPERM;
}

int64_t
linux_caps_read_bounding(uint64_t cap)
{
	return cap > LINUX_CAP_LAST ? -EINVAL
				    : (int64_t)(current_cred()->lcaps.bounding >> cap & 1);
}

int
linux_caps_drop_bounding(uint64_t cap)
{
	struct linux_caps new = current_cred()->lcaps;
	if (!cred_can(current_cred(), LINUX_CAP_SETPCAP))
		return -EPERM;
	if (cap > LINUX_CAP_LAST)
		return -EINVAL;
	new.bounding &= ~(1ULL << cap);
	return install(&new);
}

int
linux_caps_set_keep(uint64_t keep)
{
	if (keep > 1)
		return -EINVAL;
	struct cred *c = cred_copy(current_cred());
	if (c == NULL)
		return -ENOMEM;
	c->keep_caps = keep != 0;
	cred_install(c);
	return 0;
}
