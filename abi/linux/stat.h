/* SPDX-License-Identifier: MIT */
/* Linux/arm64: what stat, statx and statfs fill in, and device numbers. */
#ifndef ABI_LINUX_STAT_H
#define ABI_LINUX_STAT_H

#include <stddef.h>
#include <stdint.h>

/* A device number as user space has it: 12 bits of major, 20 of minor. */
#define DEV_MAKE(major, minor)                                           \
	(((uint64_t)(minor) & 0xff) | ((uint64_t)(major) & 0xfff) << 8 | \
		((uint64_t)(minor) & 0xfff00) << 12)
#define DEV_MAJOR(dev) ((uint32_t)((dev) >> 8 & 0xfff))
#define DEV_MINOR(dev) ((uint32_t)(((dev) & 0xff) | ((dev) >> 12 & 0xfff00)))

struct linux_stat {
	uint64_t st_dev;
	uint64_t st_ino;
	uint32_t st_mode;
	uint32_t st_nlink;
	uint32_t st_uid;
	uint32_t st_gid;
	uint64_t st_rdev;
	uint64_t pad1;
	int64_t st_size;
	int32_t st_blksize;
	int32_t pad2;
	int64_t st_blocks;
	int64_t st_atime_sec;
	uint64_t st_atime_nsec;
	int64_t st_mtime_sec;
	uint64_t st_mtime_nsec;
	int64_t st_ctime_sec;
	uint64_t st_ctime_nsec;
	uint32_t unused[2];
};
_Static_assert(offsetof(struct linux_stat, st_mode) == 16, "stat.st_mode");
_Static_assert(offsetof(struct linux_stat, st_rdev) == 32, "stat.st_rdev");
_Static_assert(offsetof(struct linux_stat, st_size) == 48, "stat.st_size");
_Static_assert(offsetof(struct linux_stat, st_blksize) == 56, "stat.st_blksize");
_Static_assert(offsetof(struct linux_stat, st_blocks) == 64, "stat.st_blocks");
_Static_assert(offsetof(struct linux_stat, st_atime_sec) == 72, "stat.st_atime");
_Static_assert(sizeof(struct linux_stat) == 128, "stat");

#define STATX_TYPE        0x001u
#define STATX_MODE        0x002u
#define STATX_NLINK       0x004u
#define STATX_UID         0x008u
#define STATX_GID         0x010u
#define STATX_ATIME       0x020u
#define STATX_MTIME       0x040u
#define STATX_CTIME       0x080u
#define STATX_INO         0x100u
#define STATX_SIZE        0x200u
#define STATX_BLOCKS      0x400u
#define STATX_BASIC_STATS 0x7ffu
#define STATX_BTIME       0x800u
#define STATX_MNT_ID      0x1000u
#define STATX_RESERVED    0x80000000u

#define STATX_ATTR_IMMUTABLE  0x00000010u
#define STATX_ATTR_MOUNT_ROOT 0x00002000u
#define STATX_ATTR_VERITY     0x00100000u

struct linux_statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t pad;
};

struct linux_statx {
	uint32_t stx_mask;
	uint32_t stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink;
	uint32_t stx_uid;
	uint32_t stx_gid;
	uint16_t stx_mode;
	uint16_t pad1;
	uint64_t stx_ino;
	uint64_t stx_size;
	uint64_t stx_blocks;
	uint64_t stx_attributes_mask;
	struct linux_statx_time stx_atime, stx_btime, stx_ctime, stx_mtime;
	uint32_t stx_rdev_major;
	uint32_t stx_rdev_minor;
	uint32_t stx_dev_major;
	uint32_t stx_dev_minor;
	uint64_t stx_mnt_id;
	uint64_t spare[13];
};
_Static_assert(offsetof(struct linux_statx, stx_ino) == 32, "statx.stx_ino");
_Static_assert(offsetof(struct linux_statx, stx_atime) == 64, "statx.stx_atime");
_Static_assert(offsetof(struct linux_statx, stx_rdev_major) == 128, "statx.stx_rdev_major");
_Static_assert(offsetof(struct linux_statx, stx_mnt_id) == 144, "statx.stx_mnt_id");
_Static_assert(sizeof(struct linux_statx) == 256, "statx");

struct linux_statfs {
	uint64_t f_type;
	uint64_t f_bsize;
	uint64_t f_blocks;
	uint64_t f_bfree;
	uint64_t f_bavail;
	uint64_t f_files;
	uint64_t f_ffree;
	uint64_t f_fsid;
	uint64_t f_namelen;
	uint64_t f_frsize;
	uint64_t f_flags;
	uint64_t f_spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "statfs");

#define ST_RDONLY      1u
#define ST_NOSUID      2u
#define ST_NODEV       4u
#define ST_NOEXEC      8u
#define ST_VALID       0x20u
#define ST_NOATIME     0x400u
#define ST_NODIRATIME  0x800u
#define ST_RELATIME    0x1000u
#define ST_NOSYMFOLLOW 0x2000u

/* f_type of files without a name. */
#define PIPEFS_MAGIC     0x50495045u
#define ANON_INODE_MAGIC 0x09041934u

#endif
