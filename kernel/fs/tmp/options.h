/* SPDX-License-Identifier: MIT */
/* tmpfs's mount options. Pure: tests and fuzzers link it. */
#ifndef FS_TMP_OPTIONS_H
#define FS_TMP_OPTIONS_H

#include <stdint.h>

struct tmpfs_options {
	uint64_t size;      /* bytes; 0: no limit */
	uint64_t nr_inodes; /* 0: no limit */
	uint32_t mode;      /* of the root, permission bits */
	uint32_t uid, gid;  /* of the root */
	uint32_t given;     /* TMPFS_GIVEN_* */
};
#define TMPFS_GIVEN_SIZE   1u
#define TMPFS_GIVEN_INODES 2u

/*
 * Reads "size=64m,mode=1777,…" over what *out holds. Numbers may have k, m, g; size also % of ram. Returns 0; -EINVAL:
 * an option that is not known, or a value that is none (*out then holds what was read before it).
 */
[[nodiscard]] int tmpfs_parse_options(const char *s, uint64_t ram, struct tmpfs_options *out);

#endif
