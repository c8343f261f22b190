/* SPDX-License-Identifier: MIT */
/* The calls about the system as a whole: uname, host name, sysinfo. */
#include "abi/linux/utsname.h"

#include <string.h>

#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/uts.h"
#include "syscall_protos.h"

int64_t
sys_uname(uaddr_t buf)
{
	struct utsname_user u = {.sysname = UTS_SYSNAME,
		.release = UTS_RELEASE,
		.version = UTS_VERSION,
		.machine = UTS_MACHINE};
	struct view *v = current_view();
	spin_lock(&v->lock);
	memcpy(u.nodename, v->hostname, sizeof(u.nodename));
	memcpy(u.domainname, v->domainname, sizeof(u.domainname));
	spin_unlock(&v->lock);
	return copy_to_user(buf, &u, sizeof(u));
}

static int64_t
set_view_name(char *field, uaddr_t name, int len)
{
	char buf[HOSTNAME_MAX + 1] = "";
	if (len < 0 || len > HOSTNAME_MAX)
		return -EINVAL;
	if (!cred_can(current_cred(), LINUX_CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(buf, name, (size_t)len) != 0)
		return -EFAULT;
	struct view *v = current_view();
	spin_lock(&v->lock);
	memcpy(field, buf, sizeof(buf));
	spin_unlock(&v->lock);
	return 0;
}

int64_t
sys_sethostname(uaddr_t name, int len)
{
	return set_view_name(current_view()->hostname, name, len);
}

int64_t
sys_setdomainname(uaddr_t name, int len)
{
	return set_view_name(current_view()->domainname, name, len);
}

int64_t
sys_sysinfo(uaddr_t info)
{
	struct page_stats pages;
	struct sched_load load;
	page_get_stats(&pages);
	sched_get_load(&load);
	struct sysinfo_user s = {
		.uptime = (int64_t)(time_now() / NSEC_PER_SEC),
		.totalram = pages.total * PAGE_SIZE,
		.freeram = pages.free * PAGE_SIZE,
		.bufferram = 0,
		.procs = (uint16_t)min(tasks_count(), (uint32_t)UINT16_MAX),
		.mem_unit = 1,
	};
	for (int i = 0; i < 3; i++)
		s.loads[i] = load.avg[i];
	return copy_to_user(info, &s, sizeof(s));
}
