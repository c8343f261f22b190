/* SPDX-License-Identifier: MIT */
/* Linux/arm64: flags of open, *at calls, fcntl, flock, fallocate, memfd and the lock structure. */
#ifndef ABI_LINUX_FCNTL_H
#define ABI_LINUX_FCNTL_H

#include <stddef.h>
#include <stdint.h>

#define O_ACCMODE   00000003u
#define O_RDONLY    00000000u
#define O_WRONLY    00000001u
#define O_RDWR      00000002u
#define O_CREAT     00000100u
#define O_EXCL      00000200u
#define O_NOCTTY    00000400u
#define O_TRUNC     00001000u
#define O_APPEND    00002000u
#define O_NONBLOCK  00004000u
#define O_DSYNC     00010000u
#define O_ASYNC     00020000u
#define O_DIRECTORY 00040000u
#define O_NOFOLLOW  00100000u
#define O_DIRECT    00200000u
#define O_LARGEFILE 00400000u
#define O_NOATIME   01000000u
#define O_CLOEXEC   02000000u
#define O_SYNC      04010000u
#define O_PATH      010000000u
#define O_TMPFILE   020040000u

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_REMOVEDIR        0x200u
#define AT_EACCESS          0x200u
#define AT_SYMLINK_FOLLOW   0x400u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_STATX_SYNC_TYPE  0x6000u

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u

#define RESOLVE_NO_XDEV       0x01u
#define RESOLVE_NO_MAGICLINKS 0x02u
#define RESOLVE_NO_SYMLINKS   0x04u
#define RESOLVE_BENEATH       0x08u
#define RESOLVE_IN_ROOT       0x10u
#define RESOLVE_CACHED        0x20u

#define FALLOC_FL_KEEP_SIZE  1u
#define FALLOC_FL_PUNCH_HOLE 2u

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#define F_DUPFD         0u
#define F_GETFD         1u
#define F_SETFD         2u
#define F_GETFL         3u
#define F_SETFL         4u
#define F_GETLK         5u
#define F_SETLK         6u
#define F_SETLKW        7u
#define F_SETOWN        8u
#define F_GETOWN        9u
#define F_SETSIG        10u
#define F_GETSIG        11u
#define F_SETOWN_EX     15u
#define F_GETOWN_EX     16u
#define F_OFD_GETLK     36u
#define F_OFD_SETLK     37u
#define F_OFD_SETLKW    38u
#define F_DUPFD_CLOEXEC 1030u
#define F_SETPIPE_SZ    1031u
#define F_GETPIPE_SZ    1032u
#define F_ADD_SEALS     1033u
#define F_GET_SEALS     1034u

#define FD_CLOEXEC 1u

/* F_SETOWN_EX */
#define F_OWNER_TID  0
#define F_OWNER_PID  1
#define F_OWNER_PGRP 2
struct linux_f_owner_ex {
	int32_t type;
	int32_t pid;
};

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

/* preadv2, pwritev2 */
#define RWF_HIPRI  0x01u
#define RWF_DSYNC  0x02u
#define RWF_SYNC   0x04u
#define RWF_NOWAIT 0x08u
#define RWF_APPEND 0x10u

#define F_SEAL_SEAL         0x01u
#define F_SEAL_SHRINK       0x02u
#define F_SEAL_GROW         0x04u
#define F_SEAL_WRITE        0x08u
#define F_SEAL_FUTURE_WRITE 0x10u

#define MFD_CLOEXEC       0x01u
#define MFD_ALLOW_SEALING 0x02u
#define MFD_HUGETLB       0x04u
#define MFD_NOEXEC_SEAL   0x08u
#define MFD_EXEC          0x10u

#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

/* struct flock, of fcntl's record locks. */
struct linux_flock {
	int16_t l_type;
	int16_t l_whence;
	int32_t pad;
	int64_t l_start;
	int64_t l_len;
	int32_t l_pid;
	int32_t pad2;
};
_Static_assert(offsetof(struct linux_flock, l_start) == 8, "flock.l_start");
_Static_assert(offsetof(struct linux_flock, l_pid) == 24, "flock.l_pid");
_Static_assert(sizeof(struct linux_flock) == 32, "flock");

struct linux_open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
_Static_assert(sizeof(struct linux_open_how) == 24, "open_how");

#endif
