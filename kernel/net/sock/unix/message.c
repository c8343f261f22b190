/* SPDX-License-Identifier: MIT */
/* Messages of AF_UNIX: their memory, the queues that they stand in, what goes along with the bytes. */
#include "net/sock/cmsg.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/sock/charge.h"
#include "net/sock/unix/rights.h"
#include "net/sock/unix/unix.h"
#include "proc/process.h"

#include <string.h>

static struct slab_cache *msg_cache;

void
unix_msg_init_cache(void)
{
	msg_cache = slab_cache_create("unix_msg", UNIX_MSG_SIZE, 0);
}

static void
bufs_free(struct unix_msg *m)
{
	for (struct unix_buf *b = m->bufs, *next; b != NULL; b = next) {
		next = b->next;
		kfree(b);
	}
}

/* Buffers for what does not fit into the message itself, filled from the iterator. */
static int
bufs_fill(struct unix_msg *m, struct iter *from, uint32_t left)
{
	struct unix_buf **link = &m->bufs;
	while (left != 0) {
		struct unix_buf *b = kmalloc(sizeof(*b), 0);
		if (b == NULL)
			return -ENOMEM;
		b->next = NULL;
		*link = b;
		link = &b->next;
		m->truesize += UNIX_BUF_SIZE;
		uint32_t part = min(left, UNIX_BUF_DATA);
		if (iter_copy_from(from, b->data, part) != part)
			return -EFAULT;
		left -= part;
	}
	return 0;
}

/* A message of n bytes of the running process, which are still to be put there. -ENOMEM, -ENOBUFS. */
static int
msg_alloc(const struct unix_sock *u, uint32_t n, struct unix_msg **out)
{
	struct net_stack *net = u->s.net;
	*out = NULL;
	if (net != NULL && net_memory_is_short(net))
		return -ENOBUFS;
	struct unix_msg *m = slab_alloc(msg_cache, 0);
	if (unlikely(m == NULL))
		return -ENOMEM;
	const struct cred *c = current_cred();
	m->next = NULL;
	m->net = net;
	m->sender = NULL;
	m->rights = NULL;
	m->bufs = NULL;
	m->creds = (struct ucred_user){current_process()->pid, c->uid, c->gid};
	m->len = n;
	m->pos = 0;
	m->truesize = UNIX_MSG_SIZE;
	m->nr_pages = 0;
	m->stamp = 0;
	*out = m;
	return 0;
}

/* Its memory is all there: charged until unix_msg_free(). */
static void
msg_charge(const struct unix_msg *m)
{
	if (m->net != NULL)
		net_memory_add(m->net, m->truesize);
}

int
unix_msg_of_pages(struct unix_sock *u, struct page **pages, uint32_t offset, uint32_t n,
	struct unix_msg **out)
{
	int err = msg_alloc(u, n, out);
	if (err != 0)
		return err;
	struct unix_msg *m = *out;
	m->page_offset = offset;
	m->nr_pages = (uint32_t)((offset + n + PAGE_MASK) >> PAGE_SHIFT);
	m->truesize += m->nr_pages * (uint32_t)PAGE_SIZE;
	for (uint32_t i = 0; i < m->nr_pages; i++)
		m->pages[i] = page_get(pages[i]);
	msg_charge(m);
	return 0;
}

int
unix_msg_make(struct unix_sock *u, struct iter *from, uint32_t n, struct unix_msg **out)
{
	int err = msg_alloc(u, n, out);
	if (unlikely(err != 0))
		return err;
	struct unix_msg *m = *out;
	uint32_t part = min(n, UNIX_MSG_DATA);
	err = iter_copy_from(from, m->data, part) == part ? 0 : -EFAULT;
	if (unlikely(n > part) && err == 0)
		err = bufs_fill(m, from, n - part);
	if (unlikely(err != 0)) {
		bufs_free(m);
		slab_free(msg_cache, m);
		*out = NULL;
		return err;
	}
	msg_charge(m);
	return 0;
}

/* Takes a datagram off the charge of who sent it. */
static void
uncharge(struct unix_sock *sender, uint32_t truesize)
{
	bool was = unix_writable(sender);
	atomic_fetch_sub_explicit(&sender->sent, truesize, memory_order_release);
	if (!was && unix_writable(sender))
		sock_wake(&sender->s, SOCK_WRITE_EVENTS & ~(POLLHUP | POLLERR));
	unix_put(sender);
}

void
unix_msg_free(struct unix_msg *m)
{
	if (m->net != NULL)
		net_memory_add(m->net, -(int64_t)m->truesize);
	if (unlikely(m->rights != NULL))
		rights_free(m->rights);
	if (m->sender != NULL)
		uncharge(m->sender, m->truesize);
	if (m->bufs != NULL)
		bufs_free(m);
	for (uint32_t i = 0; i < m->nr_pages; i++)
		page_put(m->pages[i]);
	slab_free(msg_cache, m);
}

/* unix_msg_copy() of a message that refers to pages. */
static uint32_t
copy_from_pages(const struct unix_msg *m, uint32_t offset, uint32_t n, struct iter *to)
{
	uint32_t done = 0, at = m->page_offset + offset;
	while (done < n) {
		uint32_t within = at & PAGE_MASK,
			 part = min(n - done, (uint32_t)PAGE_SIZE - within);
		const uint8_t *from = page_to_virt(m->pages[at >> PAGE_SHIFT]);
		uint32_t copied = (uint32_t)iter_copy_to(to, from + within, part);
		done += copied;
		at += copied;
		if (copied != part)
			break;
	}
	return done;
}

uint32_t
unix_msg_copy(const struct unix_msg *m, uint32_t offset, uint32_t n, struct iter *to)
{
	if (unlikely(m->nr_pages != 0))
		return copy_from_pages(m, offset, n, to);
	uint32_t done = 0;
	if (offset < UNIX_MSG_DATA && n != 0) {
		uint32_t part = min(n, UNIX_MSG_DATA - offset);
		done = (uint32_t)iter_copy_to(to, m->data + offset, part);
		if (done != part)
			return done;
	}
	uint32_t start = UNIX_MSG_DATA; /* of b's bytes in the message */
	for (const struct unix_buf *b = m->bufs; b != NULL && done < n; b = b->next) {
		uint32_t at = offset + done;
		if (at - start < UNIX_BUF_DATA) {
			uint32_t part = min(n - done, UNIX_BUF_DATA - (at - start));
			uint32_t copied = (uint32_t)iter_copy_to(to, b->data + (at - start), part);
			done += copied;
			if (copied != part)
				break;
		}
		start += UNIX_BUF_DATA;
	}
	return done;
}

void
unix_queue_add(struct unix_sock *u, struct unix_msg *m)
{
	m->next = NULL;
	if (u->first == NULL)
		atomic_store_explicit(&u->first, m, memory_order_release);
	else
		u->last->next = m;
	u->last = m;
	u->queued++;
	atomic_store_explicit(&u->used, u->used + m->truesize, memory_order_relaxed);
}

struct unix_msg *
unix_queue_take(struct unix_sock *u)
{
	struct unix_msg *m = u->first;
	if (m != NULL) {
		atomic_store_explicit(&u->first, m->next, memory_order_release);
		u->queued--;
		atomic_store_explicit(&u->used, u->used - m->truesize, memory_order_release);
	}
	return m;
}

void
unix_queue_purge(struct unix_sock *u)
{
	spin_lock(&u->s.lock);
	struct unix_msg *m = u->first;
	atomic_store_explicit(&u->first, NULL, memory_order_release);
	u->last = NULL;
	u->queued = 0;
	atomic_store_explicit(&u->used, 0, memory_order_release);
	spin_unlock(&u->s.lock);
	for (struct unix_msg *next; m != NULL; m = next) {
		next = m->next;
		unix_msg_free(m);
	}
}

/* What a sender may say of itself: its own numbers; anything, if it could become that. */
static int
creds_check(const struct ucred_user *u)
{
	const struct cred *c = current_cred();
	if (u->uid == UINT32_MAX || u->gid == UINT32_MAX)
		return -EINVAL;
	if (u->pid != current_process()->pid && !cred_can(c, LINUX_CAP_SYS_ADMIN))
		return -EPERM;
	if (u->uid != c->uid && u->uid != c->euid && u->uid != c->suid &&
		!cred_can(c, LINUX_CAP_SETUID))
		return -EPERM;
	if (u->gid != c->gid && u->gid != c->egid && u->gid != c->sgid &&
		!cred_can(c, LINUX_CAP_SETGID))
		return -EPERM;
	return 0;
}

/* How many handles all SCM_RIGHTS messages together name. -EINVAL. */
static int
count_handles(const struct cmsg_buffer *b, uint32_t *n)
{
	uint32_t at = 0;
	struct cmsg_item item;
	int more;
	*n = 0;
	while ((more = cmsg_next(b, &at, &item)) > 0) {
		if (item.level != SOL_SOCKET)
			continue;
		if (item.type != SCM_RIGHTS && item.type != SCM_CREDENTIALS)
			return -EINVAL;
		if (item.type == SCM_CREDENTIALS && item.len != sizeof(struct ucred_user))
			return -EINVAL;
		if (item.type == SCM_RIGHTS)
			*n += item.len / (uint32_t)sizeof(int32_t);
		if (*n > SCM_MAX_FD)
			return -EINVAL;
	}
	return more;
}

static int
add_handles(struct scm_rights *r, const struct cmsg_item *item)
{
	int err = 0;
	for (uint32_t i = 0; i < item->len / sizeof(int32_t) && err == 0; i++) {
		int32_t fd;
		memcpy(&fd, item->data + i * sizeof(fd), sizeof(fd));
		err = rights_add(r, fd);
	}
	return err;
}

static int
cmsg_parse(const struct cmsg_buffer *b, struct scm_rights **rights, struct ucred_user *creds)
{
	uint32_t n, at = 0;
	*rights = NULL;
	int err = count_handles(b, &n);
	if (err != 0)
		return err;
	struct scm_rights *r = NULL;
	if (n != 0) {
		r = rights_alloc(n);
		if (r == NULL)
			return -ENOMEM;
	}
	struct cmsg_item item;
	while (err == 0 && cmsg_next(b, &at, &item) > 0) {
		if (item.level != SOL_SOCKET)
			continue;
		if (item.type == SCM_RIGHTS) {
			err = r != NULL ? add_handles(r, &item) : 0;
		} else {
			memcpy(creds, item.data, sizeof(*creds));
			err = creds_check(creds);
		}
	}
	if (err != 0) {
		rights_free(r);
		r = NULL;
	}
	*rights = r;
	return err;
}

int
unix_cmsg_begin(const struct cmsg_buffer *b, struct scm_rights **rights, struct ucred_user *creds)
{
	int err = cmsg_parse(b, rights, creds);
	if (err != 0 || *rights == NULL)
		return err;
	err = rights_depart(*rights);
	if (err == -ETOOMANYREFS) {
		unix_gc(true, NULL);
		err = rights_depart(*rights);
	}
	if (err != 0) {
		rights_free(*rights);
		*rights = NULL;
	}
	return err;
}

void
unix_cmsg_deliver(struct unix_sock *u, struct sock_msg *msg, const struct ucred_user *creds,
	struct scm_rights *rights)
{
	bool want =
		(atomic_load_explicit(&u->s.opts, memory_order_relaxed) & SOCK_OPT_PASSCRED) != 0;
	if (msg->cmsg == NULL || msg->cmsg->len == 0) {
		if (want || rights != NULL)
			msg->out_flags |= MSG_CTRUNC;
		rights_free(rights);
		return;
	}
	if (want)
		cmsg_put(msg->cmsg, SOL_SOCKET, SCM_CREDENTIALS, creds, sizeof(*creds));
	msg->cmsg->rights = rights;
}

void
unix_fill_name(const struct unix_sock *u, struct sock_addr *out)
{
	const struct unix_addr *a =
		u == NULL ? NULL : atomic_load_explicit(&u->addr, memory_order_acquire);
	if (a != NULL) {
		out->len = a->len;
		memcpy(out->bytes, a->bytes, a->len);
	} else {
		out->len = UNIX_ADDR_MIN;
		out->family = AF_UNIX;
	}
}
