/* SPDX-License-Identifier: MIT */
/*
 * Names of AF_UNIX sockets. A path is a node of type socket in a file system, found by its inode, whatever view or
 * stack the finder is of; an abstract name (a first byte of 0) belongs to the network stack. Bound once, a socket keeps
 * its name until it is closed; the node in the file system outlives it, and then connecting there is refused.
 */
#include "abi/linux/fcntl.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "net/net.h"
#include "net/sock/unix/unix.h"
#include "proc/process.h"
#include "vfs/names.h"
#include "vfs/vfs.h"

#include <string.h>

#define BUCKETS        256u
#define AUTOBIND_NAMES (1u << 20)

struct unix_stack {
	struct spinlock lock;
	uint32_t next_auto;                  /* [lock] */
	uint64_t key;                        /* [I] so that nobody can choose names that collide */
	struct list_node all;                /* [lock] struct unix_sock.all_node */
	struct unix_sock *abstract[BUCKETS]; /* [lock] */
};

/* Sockets bound to paths. Inodes are the file system's: they do not belong to a stack. */
static struct spinlock paths_lock = SPINLOCK_INIT("unix.paths");
static struct unix_sock *paths[BUCKETS]; /* [paths_lock] by inode */

/* The stack of views that have no network. */
static struct unix_stack *without_net;

struct unix_stack *
unix_stack_create(void)
{
	struct unix_stack *st = kzalloc(sizeof(*st));
	if (st == NULL)
		return NULL;
	spin_init(&st->lock, "unix.names");
	st->key = random_u64() | 1;
	st->next_auto = (uint32_t)random_u64();
	list_init(&st->all);
	return st;
}

int
unix_names_boot(void)
{
	without_net = unix_stack_create();
	return without_net != NULL ? 0 : -ENOMEM;
}

static struct unix_stack *
stack_of(const struct net_stack *net)
{
	return net != NULL && net->unix_names != NULL ? net->unix_names : without_net;
}

void
unix_stack_add(struct unix_sock *u)
{
	struct unix_stack *st = stack_of(u->s.net);
	spin_lock(&st->lock);
	list_add_tail(&st->all, &u->all_node);
	spin_unlock(&st->lock);
}

void
unix_addr_put(struct unix_addr *a)
{
	if (a != NULL && refcount_put(&a->refs))
		kfree(a);
}

static bool
is_abstract(const struct unix_addr *a)
{
	return a->bytes[UNIX_ADDR_MIN] == 0;
}

static struct unix_sock **
abstract_bucket(struct unix_stack *st, const struct unix_addr *a)
{
	uint64_t h = 0;
	for (uint32_t i = UNIX_ADDR_MIN; i < a->len; i++)
		h = (h + a->bytes[i] + 1) * st->key;
	return &st->abstract[(h >> 32) % BUCKETS];
}

static struct unix_sock **
path_bucket(const struct inode *i)
{
	return &paths[((uintptr_t)i / sizeof(*i)) % BUCKETS];
}

/* A name as the caller gave it. -EINVAL: none. A path gets its NUL, which len then counts. */
static int
addr_decode(const struct sock_addr *from, struct unix_addr *a)
{
	if (from->len <= UNIX_ADDR_MIN || from->len > sizeof(struct sockaddr_un) ||
		from->family != AF_UNIX)
		return -EINVAL;
	memset(a->bytes, 0, sizeof(a->bytes));
	memcpy(a->bytes, from->bytes, from->len);
	a->len = from->len;
	if (!is_abstract(a))
		a->len = UNIX_ADDR_MIN + (uint32_t)strlen((char *)a->bytes + UNIX_ADDR_MIN) + 1;
	return 0;
}

static const char *
addr_path(const struct unix_addr *a)
{
	return (const char *)a->bytes + UNIX_ADDR_MIN;
}

/* The socket with an abstract name of this type (or any: 0), or NULL; the lock is held. */
static struct unix_sock *
abstract_lookup(struct unix_stack *st, const struct unix_addr *a, int type)
{
	struct unix_sock *u = *abstract_bucket(st, a);
	for (; u != NULL; u = u->name_next) {
		const struct unix_addr *b = u->addr;
		if (b->len == a->len && memcmp(b->bytes, a->bytes, a->len) == 0 &&
			(type == 0 || u->s.type == type))
			break;
	}
	return u;
}

/* Publishes an abstract name unless a socket of this type has it. */
static int
abstract_insert(struct unix_sock *u, struct unix_addr *a)
{
	struct unix_stack *st = stack_of(u->s.net);
	int err = 0;
	spin_lock(&st->lock);
	if (abstract_lookup(st, a, u->s.type) != NULL) {
		err = -EADDRINUSE;
	} else {
		struct unix_sock **bucket = abstract_bucket(st, a);
		u->name_next = *bucket;
		atomic_store_explicit(&u->addr, a, memory_order_release);
		*bucket = u;
	}
	spin_unlock(&st->lock);
	return err;
}

static void
path_insert(struct unix_sock *u, struct unix_addr *a)
{
	struct unix_sock **bucket = path_bucket(dentry_inode(u->path.dentry));
	spin_lock(&paths_lock);
	u->name_next = *bucket;
	atomic_store_explicit(&u->addr, a, memory_order_release);
	*bucket = u;
	spin_unlock(&paths_lock);
}

/* Makes the node and publishes the socket; read_lock is held. */
static int
bind_path(struct unix_sock *u, struct unix_addr *a)
{
	if (!current_has_caps(CAP_FSREAD))
		return -EPERM;
	int err = vfs_make_socket(addr_path(a), &u->path);
	if (err != 0)
		return err == -EEXIST ? -EADDRINUSE : err;
	path_insert(u, a);
	return 0;
}

static struct unix_addr *
addr_alloc(void)
{
	struct unix_addr *a = kmalloc(sizeof(*a), KM_ZERO);
	if (a != NULL)
		refcount_init(&a->refs, 1);
	return a;
}

int
unix_bind(struct sock *s, const struct sock_addr *addr)
{
	struct unix_sock *u = unix_of(s);
	if (addr->len == UNIX_ADDR_MIN && addr->family == AF_UNIX)
		return unix_autobind(u);
	struct unix_addr *a = addr_alloc();
	if (a == NULL)
		return -ENOMEM;
	int err = addr_decode(addr, a);
	if (err == 0) {
		mutex_lock(&s->read_lock);
		if (u->addr != NULL)
			err = -EINVAL;
		else
			err = is_abstract(a) ? abstract_insert(u, a) : bind_path(u, a);
		mutex_unlock(&s->read_lock);
	}
	if (err != 0)
		unix_addr_put(a);
	return err;
}

int
unix_autobind(struct unix_sock *u)
{
	static const char digit[] = "0123456789abcdef";
	if (atomic_load_explicit(&u->addr, memory_order_acquire) != NULL)
		return 0;
	struct unix_addr *a = addr_alloc();
	if (a == NULL)
		return -ENOMEM;
	struct unix_stack *st = stack_of(u->s.net);
	a->len = UNIX_ADDR_MIN + 6;
	a->bytes[0] = AF_UNIX;
	mutex_lock(&u->s.read_lock);
	int err = u->addr != NULL ? -EEXIST : -EADDRINUSE;
	for (uint32_t tries = 0; err == -EADDRINUSE && tries < AUTOBIND_NAMES; tries++) {
		spin_lock(&st->lock);
		uint32_t n = st->next_auto++;
		spin_unlock(&st->lock);
		for (uint32_t i = 0; i < 5; i++)
			a->bytes[UNIX_ADDR_MIN + 1 + i] = (uint8_t)digit[n >> (16 - 4 * i) & 15];
		err = abstract_insert(u, a);
	}
	mutex_unlock(&u->s.read_lock);
	if (err != 0)
		unix_addr_put(a);
	if (err == -EEXIST)
		return 0;
	return err == -EADDRINUSE ? -ENOSPC : err;
}

static void
chain_remove(struct unix_sock **link, const struct unix_sock *u)
{
	while (*link != NULL && *link != u)
		link = &(*link)->name_next;
	if (*link != NULL)
		*link = u->name_next;
}

void
unix_unbind(struct unix_sock *u)
{
	struct unix_stack *st = stack_of(u->s.net);
	const struct unix_addr *a = u->addr;
	if (u->path.dentry != NULL) {
		spin_lock(&paths_lock);
		chain_remove(path_bucket(dentry_inode(u->path.dentry)), u);
		spin_unlock(&paths_lock);
	}
	spin_lock(&st->lock);
	if (a != NULL && is_abstract(a))
		chain_remove(abstract_bucket(st, a), u);
	list_del_init(&u->all_node);
	spin_unlock(&st->lock);
}

static int
find_path(const struct unix_addr *a, int type, struct unix_sock **out)
{
	struct path p;
	if (!current_has_caps(CAP_FSREAD))
		return -EPERM;
	int err = path_lookup(NULL, addr_path(a), LOOKUP_FOLLOW, &p);
	if (err != 0)
		return err;
	struct inode *i = dentry_inode(p.dentry);
	err = inode_permission(i, MAY_WRITE);
	if (err == 0 && (i->mode & S_IFMT) != S_IFSOCK)
		err = -ECONNREFUSED;
	if (err == 0) {
		spin_lock(&paths_lock);
		struct unix_sock *u = *path_bucket(i);
		while (u != NULL && dentry_inode(u->path.dentry) != i)
			u = u->name_next;
		if (u == NULL)
			err = -ECONNREFUSED;
		else if (u->s.type != type)
			err = -EPROTOTYPE;
		else
			unix_get(u);
		*out = u;
		spin_unlock(&paths_lock);
	}
	path_put(&p);
	return err;
}

int
unix_find(struct net_stack *net, const struct sock_addr *addr, int type, struct unix_sock **out)
{
	struct unix_addr a;
	*out = NULL;
	int err = addr_decode(addr, &a);
	if (err != 0)
		return err;
	if (!is_abstract(&a))
		return find_path(&a, type, out);
	struct unix_stack *st = stack_of(net);
	spin_lock(&st->lock);
	struct unix_sock *u = abstract_lookup(st, &a, type);
	if (u != NULL)
		unix_get(u);
	spin_unlock(&st->lock);
	*out = u;
	return u != NULL ? 0 : -ECONNREFUSED;
}

struct unix_sock *
unix_next(struct net_stack *net, struct unix_sock *after)
{
	struct unix_stack *st = stack_of(net);
	struct unix_sock *found = NULL;
	spin_lock(&st->lock);
	struct list_node *n = after == NULL ? st->all.next : after->all_node.next;
	/* One that was closed meanwhile is off the list and leads nowhere. */
	bool gone = after != NULL && list_empty(&after->all_node);
	for (; !gone && n != &st->all && found == NULL; n = n->next) {
		struct unix_sock *u = container_of(n, struct unix_sock, all_node);
		if (refcount_get_unless_zero(&u->s.refs))
			found = u;
	}
	spin_unlock(&st->lock);
	if (after != NULL)
		unix_put(after);
	return found;
}
