/* SPDX-License-Identifier: MIT */
/*
 * The calls on sockets that move no data: they are made, named, connected, accepted, adjusted, shut down. Each decodes
 * everything it was given, then acts. Moving data: message.c.
 */
#include "arch/uaccess.h"
#include "net/net.h"
#include "net/sock/filter.h"
#include "net/sock/msg.h"
#include "net/sock/sock.h"
#include "proc/process.h"
#include "syscall_protos.h"

#define OPTION_MAX 1024u /* bytes of an option's value in kernel memory */

int
sock_refuse(int err, int fd)
{
	struct file_ref ref;
	if (file_borrow(fd, 0, &ref) != 0)
		return err;
	if (ref.file->ops != &sock_file_ops && !(ref.file->kind & FILE_PATH_ONLY))
		err = -ENOTSOCK;
	file_return(&ref);
	return err;
}

int
sock_addr_from_user(struct sock_addr *a, uaddr_t from, int64_t len)
{
	a->len = 0;
	a->family = AF_UNSPEC;
	if (len < 0 || len > (int64_t)SOCKADDR_MAX)
		return -EINVAL;
	if (len == 0)
		return 0;
	int err = copy_from_user(a->bytes, from, (size_t)len);
	if (err != 0)
		return err;
	if (len == 1)
		a->bytes[1] = 0; /* half a family is none that exists */
	a->len = (uint32_t)len;
	return 0;
}

int
sock_addr_to_user(const struct sock_addr *a, uaddr_t to, uaddr_t len_at)
{
	uint32_t room;
	int err = get_user_u32(&room, len_at);
	if (err != 0)
		return err;
	if ((int32_t)room < 0)
		return -EINVAL;
	uint32_t n = min(room, a->len);
	if (n != 0)
		err = copy_to_user(to, a->bytes, n);
	return err != 0 ? err : put_user_u32(len_at, a->len);
}

/* What socket and socketpair take apart: the family, the type without its flags, the flags. */
static int
decode_kind(int domain, int type, int protocol, const struct sock_family **family)
{
	uint32_t flags = (uint32_t)type & ~SOCK_TYPE_MASK, kind = (uint32_t)type & SOCK_TYPE_MASK;
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if (domain < 0 || domain >= AF_MAX)
		return -EAFNOSUPPORT;
	if (kind > SOCK_PACKET)
		return -EINVAL;
	*family = sock_find_family(domain);
	if (*family == NULL)
		return -EAFNOSUPPORT;
	return current_has_caps((*family)->need((int)kind, protocol)) ? 0 : -EPERM;
}

static int
create(const struct sock_family *family, int type, int protocol, struct sock **out)
{
	int kind = (int)((uint32_t)type & SOCK_TYPE_MASK);
	return family->create(sock_current_net(), kind, protocol, out);
}

int64_t
sys_socket(int domain, int type, int protocol)
{
	const struct sock_family *family;
	struct sock *s;
	int err = decode_kind(domain, type, protocol, &family);
	if (err == 0)
		err = create(family, type, protocol, &s);
	return err != 0 ? err : sock_install(s, (uint32_t)type & ~SOCK_TYPE_MASK, RIGHT_ALL);
}

/* Puts two files (references taken over) into the table and tells the user their numbers. */
static int
install_pair(struct file *const f[2], uint32_t flags, uaddr_t fds)
{
	struct handle_table *t = current_task()->handles;
	int fd[2] = {-1, -1}, err = 0;
	for (int i = 0; i < 2 && err == 0; i++) {
		fd[i] = handle_reserve(t, 0, handle_limit());
		if (fd[i] < 0)
			err = fd[i];
	}
	if (err == 0)
		err = copy_to_user(fds, fd, sizeof(fd));
	for (int i = 0; i < 2; i++) {
		if (err == 0) {
			handle_install(t, fd[i], &f[i]->obj, RIGHT_ALL,
				(flags & SOCK_CLOEXEC) ? HANDLE_CLOEXEC : 0);
		} else {
			if (fd[i] >= 0)
				handle_unreserve(t, fd[i]);
			file_put(f[i]);
		}
	}
	return err;
}

/* Two files for a pair of sockets that are connected; references taken over. */
static int
pair_files(struct sock *const s[2], uint32_t flags, struct file *f[2])
{
	int err = sock_make_file(s[0], flags, &f[0]);
	int err2 = sock_make_file(s[1], flags, &f[1]);
	if (err == 0 && err2 == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (f[i] != NULL)
			file_put(f[i]);
	}
	return -ENOMEM;
}

int64_t
sys_socketpair(int domain, int type, int protocol, uaddr_t fds)
{
	const struct sock_family *family;
	struct sock *s[2];
	int err = decode_kind(domain, type, protocol, &family);
	if (err != 0)
		return err;
	err = create(family, type, protocol, &s[0]);
	if (err != 0)
		return err;
	err = create(family, type, protocol, &s[1]);
	if (err == 0) {
		err = s[0]->ops->pair != NULL ? s[0]->ops->pair(s[0], s[1]) : -EOPNOTSUPP;
		if (err != 0)
			s[1]->ops->close(s[1]);
		if (err != 0)
			sock_put(s[1]);
	}
	if (err != 0) {
		s[0]->ops->close(s[0]);
		sock_put(s[0]);
		return err;
	}
	uint32_t flags = (uint32_t)type & ~SOCK_TYPE_MASK;
	struct file *f[2];
	err = pair_files(s, flags, f);
	return err != 0 ? err : install_pair(f, flags, fds);
}

int64_t
sys_bind(struct file *f, uaddr_t addr, int addrlen)
{
	struct sock *s;
	struct sock_addr a;
	int err = sock_of_file(f, &s);
	if (err == 0)
		err = sock_addr_from_user(&a, addr, addrlen);
	return err != 0 ? err : s->ops->bind(s, &a);
}

int64_t
sys_listen(struct file *f, int backlog)
{
	struct sock *s;
	int err = sock_of_file(f, &s);
	if (err != 0)
		return err;
	/* A negative one is a large one, as it is to Linux. */
	uint32_t most = s->net == NULL
		? SOMAXCONN
		: atomic_load_explicit(&s->net->core.somaxconn, memory_order_relaxed);
	return s->ops->listen(s, (uint32_t)backlog > most ? (int)most : backlog);
}

int64_t
sys_connect(struct file *f, uaddr_t addr, int addrlen)
{
	struct sock *s;
	struct sock_addr a;
	int err = sock_of_file(f, &s);
	if (err == 0)
		err = sock_addr_from_user(&a, addr, addrlen);
	return err != 0 ? err : s->ops->connect(s, &a, file_flags(f) & O_NONBLOCK);
}

/* Where accept's caller wants the peer's address; null: nowhere. */
struct accept_out {
	uaddr_t addr, len;
};

/* Waits for a connection, makes its file and installs it at fd, which is reserved. */
static int
accept_into(const struct file_ref *listener, uint32_t flags, const struct accept_out *out, int fd)
{
	struct sock *s, *child;
	int err = sock_of_file(listener->file, &s);
	if (err == 0)
		err = s->ops->accept(s, file_flags(listener->file) & O_NONBLOCK, &child);
	if (err != 0)
		return err;
	struct file *f;
	struct sock_addr a;
	bool named = uaddr_is_null(out->addr) || child->ops->getname(child, true, &a) == 0;
	err = sock_make_file(child, flags, &f);
	if (err != 0)
		return err;
	if (!named)
		err = -ECONNABORTED;
	else if (!uaddr_is_null(out->addr))
		err = sock_addr_to_user(&a, out->addr, out->len);
	if (err != 0) {
		file_put(f);
		return err;
	}
	handle_install(current_task()->handles, fd, &f->obj, listener->rights,
		(flags & SOCK_CLOEXEC) ? HANDLE_CLOEXEC : 0);
	return 0;
}

int64_t
sys_accept4(int fd, uaddr_t addr, uaddr_t addrlen, uint32_t flags)
{
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	struct file_ref ref;
	struct sock *s;
	int err = file_borrow(fd, RIGHT_LISTEN, &ref);
	if (err != 0)
		return sock_refuse(err, fd);
	int child = sock_of_file(ref.file, &s);
	if (child == 0)
		child = handle_reserve(current_task()->handles, 0, handle_limit());
	if (child >= 0) {
		struct accept_out out = {addr, addrlen};
		err = accept_into(&ref, flags, &out, child);
		if (err != 0) {
			handle_unreserve(current_task()->handles, child);
			child = err;
		}
	}
	file_return(&ref);
	return child;
}

int64_t
sys_accept(int fd, uaddr_t addr, uaddr_t addrlen)
{
	return sys_accept4(fd, addr, addrlen, 0);
}

static int64_t
get_name(struct file *f, bool peer, uaddr_t addr, uaddr_t addrlen)
{
	struct sock *s;
	struct sock_addr a;
	int err = sock_of_file(f, &s);
	if (err == 0)
		err = s->ops->getname(s, peer, &a);
	return err != 0 ? err : sock_addr_to_user(&a, addr, addrlen);
}

int64_t
sys_getsockname(struct file *f, uaddr_t addr, uaddr_t addrlen)
{
	return get_name(f, false, addr, addrlen);
}

int64_t
sys_getpeername(struct file *f, uaddr_t addr, uaddr_t addrlen)
{
	return get_name(f, true, addr, addrlen);
}

int64_t
sys_shutdown(int fd, int how)
{
	static const rights_t need[] = {
		[SHUT_RD] = RIGHT_READ,
		[SHUT_WR] = RIGHT_WRITE,
		[SHUT_RDWR] = RIGHT_READ | RIGHT_WRITE,
	};
	bool known = how >= SHUT_RD && how <= SHUT_RDWR;
	struct file_ref ref;
	struct sock *s;
	int err = file_borrow(fd, known ? need[how] : 0, &ref);
	if (err != 0)
		return sock_refuse(err, fd);
	err = sock_of_file(ref.file, &s);
	if (err == 0)
		err = known ? s->ops->shutdown(s, how) : -EINVAL;
	file_return(&ref);
	return err;
}

int64_t
sys_setsockopt(struct file *f, int level, int name, uaddr_t value, int len)
{
	struct sock *s;
	uint64_t buf[OPTION_MAX / 8] __attribute__((uninitialized));
	int err = sock_of_file(f, &s);
	if (err != 0)
		return err;
	if (len < 0)
		return -EINVAL;
	/* No option is longer; of a longer value only the beginning counts. */
	uint32_t n = min((uint32_t)len, OPTION_MAX);
	err = copy_from_user(buf, value, n);
	if (err != 0)
		return err;
	if (level == SOL_SOCKET)
		return sock_set_option(s, name, buf, n);
	return s->ops->setsockopt(s, level, name, buf, n);
}

int64_t
sys_getsockopt(struct file *f, int level, int name, uaddr_t value, uaddr_t len)
{
	struct sock *s;
	uint64_t buf[OPTION_MAX / 8] __attribute__((uninitialized));
	uint32_t room, n;
	int err = sock_of_file(f, &s);
	if (err == 0)
		err = get_user_u32(&room, len);
	if (err != 0)
		return err;
	if ((int32_t)room < 0)
		return -EINVAL;
	n = min(room, OPTION_MAX);
	if (level == SOL_SOCKET && name == SO_GET_FILTER) {
		int64_t count = sock_filter_get(s, value, room);
		return count < 0 ? count : put_user_u32(len, (uint32_t)count);
	}
	if (level == SOL_SOCKET)
		err = sock_get_option(s, name, buf, &n);
	else
		err = s->ops->getsockopt(s, level, name, buf, &n);
	if (err == 0)
		err = copy_to_user(value, buf, n);
	return err != 0 ? err : put_user_u32(len, n);
}
