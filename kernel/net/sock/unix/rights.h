/* SPDX-License-Identifier: MIT */
/*
 * Handles in flight (SCM_RIGHTS): taken from the sender's table with their rights, held by a message, put into the
 * receiver's. A handle travels only with the TRANSFER right, and arrives with exactly the rights that it left with.
 * What one user has in flight is bounded by RLIMIT_NOFILE. Sockets in flight that nobody can reach: gc.c.
 */
#ifndef NET_SOCK_UNIX_RIGHTS_H
#define NET_SOCK_UNIX_RIGHTS_H

#include "obj/object.h"
#include "rights.h"

struct cmsg_buffer;
struct file;
struct unix_sock;
struct user_account;

struct scm_handle {
	struct object *object; /* referenced */
	rights_t rights;
};

struct scm_rights {
	struct scm_rights *next;      /* of whoever frees several */
	struct user_account *account; /* who sent it, referenced, charged; NULL: not in flight */
	uint32_t n;
	struct scm_handle h[];
};

/* Room for n handles, none yet. NULL: out of memory. */
struct scm_rights *rights_alloc(uint32_t n) MUST_CHECK;
/* Adds the running task's handle fd; there is room. -EBADF, -EPERM: no TRANSFER right. */
int rights_add(struct scm_rights *r, int fd) MUST_CHECK;
/* Into flight, charged to the running task's user. -ETOOMANYREFS: nothing happened. */
int rights_depart(struct scm_rights *r) MUST_CHECK;
void rights_arrive(struct scm_rights *r); /* out of flight, the caller's again */
/* A second set of references, not in flight (MSG_PEEK). NULL: out of memory. */
struct scm_rights *rights_copy(const struct scm_rights *r) MUST_CHECK;
/* Drops everything, in flight or not; NULL is nothing. Closing what it held may free further rights: never recursive. */
void rights_free(struct scm_rights *r);
/* The AF_UNIX socket behind a handle, or NULL. */
struct unix_sock *rights_socket(const struct object *o);

/*
 * Delivery in two steps: begin() reserves numbers and writes the control message; end() installs the handles, or drops
 * them if that message could not be copied out. Handles that find no room are dropped, with MSG_CTRUNC.
 */
struct rights_delivery {
	struct scm_rights *rights; /* NULL: nothing to deliver */
	uint32_t n;                /* handles that have a number */
	int fds[253];
};
void rights_begin(struct rights_delivery *d, struct scm_rights *r, struct cmsg_buffer *out);
void rights_end(struct rights_delivery *d, bool install, bool cloexec);

/* gc.c */
void unix_gc_init(void);
void unix_gc_depart(struct scm_rights *r);
void unix_gc_arrive(struct scm_rights *r);
void unix_gc_lock(void);
void unix_gc_unlock(void);
/*
 * Frees sockets in flight that only each other's queues hold. now: do it; else only if it is due. closing: a file whose
 * handle is being closed, so that one reference of it does not count; or NULL. May sleep.
 */
void unix_gc(bool now, const struct file *closing);

#endif
