/* SPDX-License-Identifier: MIT */
/* Linux's capabilities: parts of what its root may do (capabilities(7)). Not swos' own, which are in abi/caps.tbl. */
#ifndef ABI_LINUX_CAPABILITY_H
#define ABI_LINUX_CAPABILITY_H

#define LINUX_CAP_CHOWN           0
#define LINUX_CAP_DAC_OVERRIDE    1
#define LINUX_CAP_DAC_READ_SEARCH 2
#define LINUX_CAP_FOWNER          3
#define LINUX_CAP_FSETID          4
#define LINUX_CAP_KILL            5
#define LINUX_CAP_SETGID          6
#define LINUX_CAP_SETUID          7
#define LINUX_CAP_SETPCAP         8
#define LINUX_CAP_LINUX_IMMUTABLE 9
#define LINUX_CAP_IPC_LOCK        14
#define LINUX_CAP_SYS_CHROOT      18
#define LINUX_CAP_SYS_PTRACE      19
#define LINUX_CAP_SYS_ADMIN       21
#define LINUX_CAP_SYS_BOOT        22
#define LINUX_CAP_SYS_NICE        23
#define LINUX_CAP_SYS_RESOURCE    24
#define LINUX_CAP_SYS_TIME        25
#define LINUX_CAP_MKNOD           27
#define LINUX_CAP_MAC_OVERRIDE    32
#define LINUX_CAP_WAKE_ALARM      35
#define LINUX_CAP_LAST            40
#define LINUX_CAPS_ALL            ((2ULL << LINUX_CAP_LAST) - 1)

/* What goes with the file-system uid. */
#define LINUX_CAPS_FILES                                                       \
	(1ULL << LINUX_CAP_CHOWN | 1ULL << LINUX_CAP_DAC_OVERRIDE |            \
		1ULL << LINUX_CAP_DAC_READ_SEARCH | 1ULL << LINUX_CAP_FOWNER | \
		1ULL << LINUX_CAP_FSETID | 1ULL << LINUX_CAP_LINUX_IMMUTABLE | \
		1ULL << LINUX_CAP_MKNOD | 1ULL << LINUX_CAP_MAC_OVERRIDE)

#define CAPABILITY_VERSION_1 0x19980330u
#define CAPABILITY_VERSION_2 0x20071026u
#define CAPABILITY_VERSION_3 0x20080522u

#endif
