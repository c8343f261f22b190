/* SPDX-License-Identifier: MIT */
/* ioctl on sockets: what the family knows first, then what is asked of interfaces through any socket. */
#include "arch/uaccess.h"
#include "net/ip/ioctl.h"
#include "net/sock/sock.h"
#include "vfs/async.h"

int64_t
sock_file_ioctl(struct file *f, uint32_t cmd, uint64_t arg)
{
	struct sock *s = f->priv;
	uint32_t owner;
	int err;
	switch (cmd) {
	case FIOSETOWN:
	case SIOCSPGRP:
		err = get_user_u32(&owner, (uaddr_t){arg});
		return err != 0 ? err : file_owner_fcntl(f, F_SETOWN, owner);
	case FIOGETOWN:
	case SIOCGPGRP: {
		int64_t who = file_owner_fcntl(f, F_GETOWN, 0);
		return put_user_u32((uaddr_t){arg}, (uint32_t)who);
	}
	default:
		break;
	}
	int64_t result = s->ops->ioctl(s, cmd, arg);
	if (result == -ENOTTY && s->net != NULL && ip_ioctl_is_known(cmd))
		result = ip_ioctl(s->net, s->family == AF_INET6 ? AF_INET6 : AF_INET, cmd, arg);
	return result;
}
