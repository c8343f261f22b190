/* SPDX-License-Identifier: MIT */
/*
 * The structures that swos's own system calls exchange, as both the kernel and programs see them.
 *
 * Each begins with its own size: a caller sets it to the size that it was compiled with. Fields are only ever added at
 * the end, so that a kernel tells an older caller by a smaller size.
 */
#ifndef ABI_SWOS_H
#define ABI_SWOS_H

#include <stddef.h>
#include <stdint.h>

/*
 * swos_login(): the security context that the calling process takes on, with all user and group ids set to uid and
 * gid. Supplementary groups stay as they are.
 */
struct swos_login {
	uint32_t size;
	uint32_t uid; /* also the principal */
	uint32_t gid;
	uint32_t session;
	uint64_t caps; /* CAP_* */
};

/* swos_context(): the security context of the calling process. */
struct swos_context {
	uint32_t size;
	uint32_t principal;
	uint32_t session;
	uint32_t reserved; /* 0 */
	uint64_t caps;     /* CAP_* */
};

_Static_assert(offsetof(struct swos_login, uid) == 4, "swos_login.uid");
_Static_assert(offsetof(struct swos_login, gid) == 8, "swos_login.gid");
_Static_assert(offsetof(struct swos_login, session) == 12, "swos_login.session");
_Static_assert(offsetof(struct swos_login, caps) == 16, "swos_login.caps");
_Static_assert(sizeof(struct swos_login) == 24, "swos_login");
_Static_assert(offsetof(struct swos_context, principal) == 4, "swos_context.principal");
_Static_assert(offsetof(struct swos_context, session) == 8, "swos_context.session");
_Static_assert(offsetof(struct swos_context, reserved) == 12, "swos_context.reserved");
_Static_assert(offsetof(struct swos_context, caps) == 16, "swos_context.caps");
_Static_assert(sizeof(struct swos_context) == 24, "swos_context");

#endif
