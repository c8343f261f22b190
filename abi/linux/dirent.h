/* SPDX-License-Identifier: MIT */
/* Linux/arm64: what getdents64 writes. */
#ifndef ABI_LINUX_DIRENT_H
#define ABI_LINUX_DIRENT_H

#include <stddef.h>
#include <stdint.h>

#define DT_UNKNOWN 0u
#define DT_FIFO    1u
#define DT_CHR     2u
#define DT_DIR     4u
#define DT_BLK     6u
#define DT_REG     8u
#define DT_LNK     10u
#define DT_SOCK    12u

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off; /* where the next entry is */
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[]; /* NUL-terminated; the record is a multiple of 8 long */
};
_Static_assert(offsetof(struct linux_dirent64, d_reclen) == 16, "dirent64.d_reclen");
_Static_assert(offsetof(struct linux_dirent64, d_name) == 19, "dirent64.d_name");

#endif
