/* SPDX-License-Identifier: MIT */
/*
 * The calls that move data: sendto, recvfrom, sendmsg, recvmsg and their plurals. read(2) and write(2) come by sock.c.
 * Control messages are copied into kernel memory before a family sees them, and out after it is done; handles that
 * came with a message are installed last, when nothing can fail any more.
 */
#include "arch/uaccess.h"
#include "core/timer.h"
#include "mm/slab.h"
#include "net/sock/cmsg.h"
#include "net/sock/msg.h"
#include "net/sock/sock.h"
#include "net/sock/unix/rights.h"
#include "proc/process.h"
#include "proc/time.h"
#include "syscall_protos.h"

#define CMSG_FAST     64u /* on the stack */
#define MESSAGES_MAX  1024u
#define USER_FLAGS    (~(1u << 31)) /* MSG_CMSG_COMPAT is not the user's */
#define CONTROL_LIMIT 0x7fffffffu

static uint32_t
call_flags(const struct file *f, uint32_t flags)
{
	return file_nonblock(f) ? flags | MSG_DONTWAIT : flags;
}

int64_t
sys_sendto(struct file *f, uaddr_t buf, size_t len, uint32_t flags, uaddr_t addr, int addrlen)
{
	struct sock *s;
	struct sock_addr a __attribute__((uninitialized));
	int err = sock_of_file(f, &s);
	if (err != 0)
		return err;
	if (unlikely(!user_range_ok(buf, len)))
		return -EFAULT;
	a.len = 0;
	if (!uaddr_is_null(addr)) {
		err = sock_addr_from_user(&a, addr, addrlen);
		if (err != 0)
			return err;
	}
	struct iter from = iter_user(buf, min(len, ITER_TRANSFER_MAX));
	struct sock_msg msg = {
		.iter = &from,
		.addr = &a,
		.flags = call_flags(f, flags & USER_FLAGS),
	};
	return s->ops->send(s, &msg);
}

int64_t
sys_recvfrom(struct file *f, uaddr_t buf, size_t len, uint32_t flags, uaddr_t addr, uaddr_t addrlen)
{
	struct sock *s;
	struct sock_addr a __attribute__((uninitialized));
	int err = sock_of_file(f, &s);
	if (err != 0)
		return err;
	if (unlikely(!user_range_ok(buf, len)))
		return -EFAULT;
	a.len = 0;
	struct iter to = iter_user(buf, min(len, ITER_TRANSFER_MAX));
	struct sock_msg msg = {
		.iter = &to,
		.addr = uaddr_is_null(addr) ? NULL : &a,
		.flags = call_flags(f, flags & USER_FLAGS),
	};
	ssize_t n = s->ops->recv(s, &msg);
	if (n >= 0 && msg.addr != NULL) {
		err = sock_addr_to_user(&a, addr, addrlen);
		if (err != 0)
			return err;
	}
	return n;
}

/* Everything that a struct msghdr names, in kernel memory. */
struct call_msg {
	struct msghdr_user user;
	struct iter_vector vector;
	struct iter iter;
	struct sock_addr addr;
	struct cmsg_buffer cmsg;
	uint64_t fast[CMSG_FAST / 8];
};
/* Uninitialised on purpose: call_msg_get() fills what is used. */
#define CALL_MSG_ON_STACK(m) struct call_msg m __attribute__((uninitialized))

static void
call_msg_put(struct call_msg *m)
{
	iter_vector_put(&m->vector);
	if (m->cmsg.data != (uint8_t *)m->fast)
		kfree(m->cmsg.data);
}

static int
cmsg_alloc(struct call_msg *m, uint32_t n)
{
	m->cmsg.data = n <= CMSG_FAST ? (uint8_t *)m->fast : kmalloc(n, 0);
	m->cmsg.len = m->cmsg.data != NULL ? n : 0;
	return m->cmsg.data != NULL ? 0 : -ENOBUFS;
}

/* The part that both directions share. 0 (then call_msg_put()) or -errno. */
static int
call_msg_get(struct call_msg *m, uaddr_t at)
{
	m->addr.len = 0;
	m->cmsg = (struct cmsg_buffer){.data = (uint8_t *)m->fast};
	int err = copy_from_user(&m->user, at, sizeof(m->user));
	if (err != 0)
		return err;
	if ((int32_t)m->user.namelen < 0)
		return -EINVAL;
	m->user.namelen = m->user.name == 0 ? 0 : min(m->user.namelen, SOCKADDR_MAX);
	if (m->user.iovlen > ITER_SEGMENTS_MAX)
		return -EMSGSIZE;
	return iter_vector_get(&m->vector, (uaddr_t){m->user.iov}, m->user.iovlen, &m->iter);
}

static int
get_for_send(struct call_msg *m, uaddr_t at)
{
	int err = call_msg_get(m, at);
	if (err != 0)
		return err;
	err = sock_addr_from_user(&m->addr, (uaddr_t){m->user.name}, m->user.namelen);
	uint64_t len = m->user.controllen;
	if (err == 0 && len != 0) {
		err = len > CMSG_IN_MAX ? -ENOBUFS : cmsg_alloc(m, (uint32_t)len);
		if (err == 0)
			err = copy_from_user(m->cmsg.data, (uaddr_t){m->user.control}, len);
	}
	if (err != 0)
		call_msg_put(m);
	return err;
}

static ssize_t
send_message(struct file *f, struct sock *s, uaddr_t at, uint32_t flags)
{
	CALL_MSG_ON_STACK(m);
	int err = get_for_send(&m, at);
	if (err != 0)
		return err;
	struct sock_msg msg = {
		.iter = &m.iter,
		.addr = &m.addr,
		.cmsg = m.cmsg.len != 0 ? &m.cmsg : NULL,
		.flags = call_flags(f, flags & USER_FLAGS),
	};
	ssize_t n = s->ops->send(s, &msg);
	call_msg_put(&m);
	return n;
}

int64_t
sys_sendmsg(struct file *f, uaddr_t msg, uint32_t flags)
{
	struct sock *s;
	int err = sock_of_file(f, &s);
	return err != 0 ? err : send_message(f, s, msg, flags);
}

static int
get_for_recv(struct call_msg *m, uaddr_t at)
{
	int err = call_msg_get(m, at);
	if (err != 0)
		return err;
	uint64_t len = m->user.control == 0 ? 0 : m->user.controllen;
	if (len > CONTROL_LIMIT)
		err = -ENOBUFS;
	else if (len != 0)
		err = cmsg_alloc(m, (uint32_t)min(len, (uint64_t)CMSG_OUT_MAX));
	if (err != 0)
		call_msg_put(m);
	return err;
}

/* Copies a received message's name, control messages and flags out; handles are installed if all of that worked. */
static int
put_received(struct call_msg *m, struct sock_msg *msg, uaddr_t at)
{
	struct rights_delivery d;
	uint32_t cloexec = msg->flags & MSG_CMSG_CLOEXEC;
	rights_begin(&d, m->cmsg.rights, &m->cmsg);
	m->cmsg.rights = NULL;
	uint32_t flags = msg->out_flags | cloexec | (m->cmsg.truncated ? MSG_CTRUNC : 0);
	int err = 0;
	if (msg->addr != NULL) {
		uint32_t n = min(m->user.namelen, m->addr.len);
		err = copy_to_user((uaddr_t){m->user.name}, m->addr.bytes, n);
		if (err == 0)
			err = put_user_u32(uaddr_offset(at, offsetof(struct msghdr_user, namelen)),
				m->addr.len);
	}
	if (err == 0 && m->cmsg.used != 0)
		err = copy_to_user((uaddr_t){m->user.control}, m->cmsg.data, m->cmsg.used);
	if (err == 0)
		err = put_user_u64(
			uaddr_offset(at, offsetof(struct msghdr_user, controllen)), m->cmsg.used);
	if (err == 0)
		err = put_user_u32(uaddr_offset(at, offsetof(struct msghdr_user, flags)), flags);
	rights_end(&d, err == 0, cloexec != 0);
	return err;
}

static ssize_t
recv_message(struct file *f, struct sock *s, uaddr_t at, uint32_t flags)
{
	CALL_MSG_ON_STACK(m);
	int err = get_for_recv(&m, at);
	if (err != 0)
		return err;
	struct sock_msg msg = {
		.iter = &m.iter,
		.addr = m.user.name != 0 ? &m.addr : NULL,
		.cmsg = &m.cmsg,
		.flags = call_flags(f, flags & USER_FLAGS),
	};
	ssize_t n = s->ops->recv(s, &msg);
	if (n >= 0) {
		err = put_received(&m, &msg, at);
		if (err != 0)
			n = err;
	}
	call_msg_put(&m);
	return n;
}

int64_t
sys_recvmsg(struct file *f, uaddr_t msg, uint32_t flags)
{
	struct sock *s;
	int err = sock_of_file(f, &s);
	return err != 0 ? err : recv_message(f, s, msg, flags);
}

static uaddr_t
nth_message(uaddr_t msgs, uint32_t i)
{
	return uaddr_offset(msgs, (uint64_t)i * sizeof(struct mmsghdr_user));
}

static int
put_length(uaddr_t at, ssize_t n)
{
	return put_user_u32(uaddr_offset(at, offsetof(struct mmsghdr_user, len)), (uint32_t)n);
}

int64_t
sys_sendmmsg(struct file *f, uaddr_t msgs, uint32_t n, uint32_t flags)
{
	struct sock *s;
	int err = sock_of_file(f, &s);
	if (err != 0)
		return err;
	n = min(n, MESSAGES_MAX);
	uint32_t done = 0;
	while (done < n) {
		uaddr_t at = nth_message(msgs, done);
		ssize_t sent = send_message(f, s, at, flags);
		err = sent < 0 ? (int)sent : put_length(at, sent);
		if (err != 0)
			break;
		done++;
		if (signal_pending())
			break;
		sched_point();
	}
	return done != 0 ? (int64_t)done : err;
}

/* The rest of the timeout, which Linux writes back. */
static int
put_rest(uaddr_t timeout, nsec_t deadline)
{
	if (uaddr_is_null(timeout) || deadline == DEADLINE_NEVER)
		return 0;
	nsec_t now = time_now();
	return timespec_to_user(timeout, now < deadline ? deadline - now : 0);
}

int64_t
sys_recvmmsg(struct file *f, uaddr_t msgs, uint32_t n, uint32_t flags, uaddr_t timeout)
{
	struct sock *s;
	nsec_t deadline;
	int err = sock_of_file(f, &s);
	if (err == 0)
		err = deadline_from_user(
			timeout, &deadline); /* looked at after each message, as Linux does */
	if (err != 0)
		return err;
	n = min(n, MESSAGES_MAX);
	uint32_t done = 0;
	while (done < n) {
		uaddr_t at = nth_message(msgs, done);
		ssize_t got = recv_message(f, s, at, flags & ~MSG_WAITFORONE);
		err = got < 0 ? (int)got : put_length(at, got);
		if (err != 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (time_now() >= deadline && deadline != DEADLINE_NEVER)
			break;
		sched_point();
	}
	if (done == 0)
		return err;
	/* What ended it after the first message is told by the next call. */
	if (err != 0 && err != -EAGAIN && err > -ERESTARTSYS && err != -EINTR)
		atomic_store_explicit(&s->error, -err, memory_order_release);
	err = put_rest(timeout, deadline);
	return err != 0 ? err : (int64_t)done;
}
