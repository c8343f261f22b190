/* SPDX-License-Identifier: MIT */
/*
 * What rights a socket's handle must have for each call: accept and shutdown, which look themselves, with handles that
 * lack some; the others by the table that dispatch looks after. And what rights an accepted socket has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/timer.h"
#include "net/sock/cmsg.h"
#include "net/sock/sock.h"
#include "net/sock/unix/rights.h"
#include "obj/handle.h"
#include "syscall_protos.h"
#include "tests/netstack/netstack.h"
#include "tests/netstack/uni.h"
#include "tests/unit/test.h"
#include "vfs/file.h"

#define PORT 7000u

/* --- One handle, in place of the caller's table --- */

static struct file *held_file;
static rights_t held_rights, new_rights;
static struct object *new_object; /* what was installed, its reference taken over */

int
file_borrow(int fd, rights_t need, struct file_ref *out)
{
	rights_t missing = need & ~held_rights;
	*out = (struct file_ref){.file = held_file, .rights = held_rights};
	return missing != 0 ? handle_missing_error(missing) : 0;
}

uint32_t
handle_limit(void)
{
	return 1024;
}

int
handle_reserve(struct handle_table *t, uint32_t from, uint32_t limit)
{
	return 4;
}

void
handle_unreserve(struct handle_table *t, int h)
{
}

void
handle_install(struct handle_table *t, int h, struct object *o, rights_t rights, uint32_t flags)
{
	CHECK(new_object == NULL);
	new_object = o;
	new_rights = rights;
}

int
handle_borrow(struct handle_table *t, int h, rights_t need, handle_ref_t *out, rights_t *rights)
{
	object_get(&held_file->obj);
	*out = (handle_ref_t){(uintptr_t)&held_file->obj | 1};
	if (rights != NULL)
		*rights = held_rights;
	return 0;
}

/* --- What messages of AF_UNIX need besides --- */

const struct object_type file_object_type = {.name = "file"};

uint64_t
current_rlimit(uint32_t which)
{
	return 1024;
}

void
user_account_put(struct user_account *a)
{
}

void
unix_gc_lock(void)
{
}

void
unix_gc_unlock(void)
{
}

void
unix_gc_depart(struct scm_rights *r)
{
}

void
unix_gc_arrive(struct scm_rights *r)
{
}

static void
destroy(struct object *o)
{
	struct file *f = container_of(o, struct file, obj);
	f->ops->release(f);
	free(f);
}

static const struct object_type type = {.name = "file", .destroy = destroy};

struct file *
file_create(const struct file_ops *ops, void *priv, uint32_t flags, uint32_t kind)
{
	struct file *f = calloc(1, sizeof(*f));
	CHECK(f != NULL);
	object_init(&f->obj, &type);
	f->ops = ops;
	f->priv = priv;
	f->flags = flags;
	f->kind = kind;
	return f;
}

static struct file *
file_of_socket(struct sock *s)
{
	struct file *f;
	CHECK_EQ(sock_make_file(s, 0, &f), 0);
	return f;
}

/* A listener, and so many connections that wait to be accepted. */
static struct sock *
listen_to(struct net_stack *net, struct sock **clients, uint32_t n)
{
	struct sock *l = netstack_socket(net, AF_INET, SOCK_STREAM);
	struct sock_addr a = netstack_loopback(AF_INET, PORT);
	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 8), 0);
	for (uint32_t i = 0; i < n; i++) {
		clients[i] = netstack_socket(net, AF_INET, SOCK_STREAM);
		CHECK_EQ(clients[i]->ops->connect(clients[i], &a, 0), 0);
	}
	return l;
}

TEST(rights_of_a_listener_are_those_of_what_it_accepts)
{
	static const rights_t lacking[] = {0, RIGHT_ALL & ~RIGHT_LISTEN, RIGHT_READ | RIGHT_WRITE};
	static const rights_t enough[] = {
		RIGHT_LISTEN, RIGHT_LISTEN | RIGHT_READ, RIGHT_ALL & ~RIGHT_TRANSFER, RIGHT_ALL};
	uaddr_t nowhere = {0};
	struct net_stack *net = uni_begin();
	struct sock *clients[ARRAY_SIZE(enough)];
	held_file = file_of_socket(listen_to(net, clients, ARRAY_SIZE(enough)));
	for (uint32_t i = 0; i < ARRAY_SIZE(lacking); i++) {
		held_rights = lacking[i];
		CHECK_EQ(sys_accept(3, nowhere, nowhere), -EPERM);
		CHECK(new_object == NULL);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(enough); i++) {
		held_rights = enough[i];
		CHECK_EQ(sys_accept(3, nowhere, nowhere), 4);
		CHECK_EQ(new_rights, enough[i]);
		object_put(new_object);
		new_object = NULL;
		netstack_close(clients[i]);
	}
	file_put(held_file);
}

TEST(rights_of_a_socket_say_which_half_may_be_shut_down)
{
	struct net_stack *net = uni_begin();
	struct sock *client, *l = listen_to(net, &client, 1);
	held_file = file_of_socket(client);
	held_rights = RIGHT_ALL & ~RIGHT_READ;
	CHECK_EQ(sys_shutdown(3, 0), -EBADF);
	CHECK_EQ(sys_shutdown(3, 2), -EBADF);
	CHECK_EQ(sys_shutdown(3, 1), 0);
	held_rights = RIGHT_READ;
	CHECK_EQ(sys_shutdown(3, 1), -EBADF);
	CHECK_EQ(sys_shutdown(3, 0), 0);
	file_put(held_file);
	netstack_close(l);
}

/* Whoever made a handle may have left that out. */
TEST(rights_to_go_in_a_message_are_transfer)
{
	struct net_stack *net = uni_begin();
	struct sock *s = netstack_socket(net, AF_INET, SOCK_STREAM);
	struct scm_rights *r = rights_alloc(1);
	struct rights_delivery d;
	uint8_t control[64];
	struct cmsg_buffer out = {.data = control, .len = sizeof(control)};
	held_file = file_of_socket(s);
	held_rights = RIGHT_ALL & ~RIGHT_TRANSFER;
	CHECK_EQ(rights_add(r, 3), -EPERM);
	CHECK_EQ(r->n, 0);
	CHECK_EQ(refcount_read(&held_file->obj.refs), 1);
	held_rights = RIGHT_TRANSFER | RIGHT_READ;
	CHECK_EQ(rights_add(r, 3), 0);
	CHECK_EQ(r->n, 1);
	CHECK_EQ(refcount_read(&held_file->obj.refs), 2);
	/* Who gets it has no more than who sent it had. */
	rights_begin(&d, r, &out);
	rights_end(&d, true, false);
	CHECK(new_object == &held_file->obj);
	CHECK_EQ(new_rights, RIGHT_TRANSFER | RIGHT_READ);
	CHECK_EQ(refcount_read(&held_file->obj.refs), 2);
	object_put(new_object);
	new_object = NULL;
	file_put(held_file);
}

TEST(rights_of_the_other_socket_calls_stand_in_the_table)
{
	static const char *const rows[][2] = {{"bind", "SETATTR"}, {"listen", "LISTEN"},
		{"connect", "SETATTR"}, {"getsockname", "GETATTR"}, {"getpeername", "GETATTR"},
		{"sendto", "WRITE"}, {"sendmsg", "WRITE"}, {"sendmmsg", "WRITE"},
		{"recvfrom", "READ"}, {"recvmsg", "READ"}, {"recvmmsg", "READ"},
		{"setsockopt", "SETATTR"}, {"getsockopt", "GETATTR"}};
	FILE *f = fopen("abi/syscalls.tbl", "r");
	char line[512], name[64], wanted[64];
	uint32_t found = 0;
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%*u %63s", name) != 1)
			continue;
		for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
			if (strcmp(name, rows[i][0]) != 0)
				continue;
			snprintf(wanted, sizeof(wanted), " sock(%s):fd ", rows[i][1]);
			CHECK(strstr(line, wanted) != NULL);
			found++;
		}
	}
	fclose(f);
	CHECK_EQ(found, ARRAY_SIZE(rows));
}
