/* SPDX-License-Identifier: MIT */
/* What the identity store says of principals: who is one, and what he may have. */
#ifndef PROC_PRINCIPALS_H
#define PROC_PRINCIPALS_H

#include "core/types.h"

struct principal {
	uid_t uid;
	caps_t caps;
};

/* Boot, once the base image is mounted: reads the identity store, which its signature covers. May sleep. */
void principals_init(void);

bool principal_known(uid_t uid);
/* The principal's mask; for who is none, what anybody may have at most. */
caps_t principal_caps(uid_t uid);
/* Replaces the table. list: sorted by uid, no uid twice; copied. -ENOMEM, -EINVAL. */
int principals_load(const struct principal *list, uint32_t n) MUST_CHECK;

#endif
