/* SPDX-License-Identifier: MIT */
/* swos's own calls about the security context, and init's report that the machine has booted. */
#include "abi/swos.h"
#include "arch/uaccess.h"
#include "core/log_ring.h"
#include "core/panic_count.h"
#include "proc/internal.h"
#include "syscall_protos.h"

int64_t
sys_swos_boot_healthy(void)
{
	panic_counter_clear();
	log_boot_done();
	return 0;
}

/* What the credentials of a principal's session are; groups are the caller's. */
static int
login_as(const struct swos_login *l)
{
	struct user_account *a = user_account_get(l->uid);
	if (a == NULL)
		return -ENOMEM;
	struct cred *c = cred_copy(current_cred());
	if (c == NULL) {
		user_account_put(a);
		return -ENOMEM;
	}
	user_account_put(c->account);
	c->account = a;
	c->uid = c->euid = c->suid = c->fsuid = c->principal = l->uid;
	c->gid = c->egid = c->sgid = c->fsgid = l->gid;
	c->session = l->session;
	c->caps = c->caps_saved = l->caps;
	linux_caps_of_uid(&c->lcaps, l->uid);
	c->keep_caps = false;
	cred_install(c);
	return 0;
}

int64_t
sys_swos_login(uaddr_t login)
{
	struct swos_login l;
	if (copy_from_user(&l, login, sizeof(l)) != 0)
		return -EFAULT;
	if (l.size != sizeof(l) || (l.caps & ~CAP_ALL) != 0 || l.uid == UINT32_MAX ||
		l.gid == UINT32_MAX)
		return -EINVAL;
	return login_as(&l);
}

int64_t
sys_swos_context(uaddr_t context)
{
	struct swos_context out = {.size = sizeof(out)};
	uint32_t size;
	if (get_user_u32(&size, context) != 0)
		return -EFAULT;
	if (size < sizeof(out))
		return -EINVAL;
	const struct cred *c = current_cred();
	out.principal = c->principal;
	out.session = c->session;
	out.caps = c->caps;
	return copy_to_user(context, &out, sizeof(out));
}
