/* SPDX-License-Identifier: MIT */
/* What uname and sysinfo fill in. */
#ifndef ABI_LINUX_UTSNAME_H
#define ABI_LINUX_UTSNAME_H

#include <stdint.h>

struct utsname_user {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

struct sysinfo_user {
	int64_t uptime;
	uint64_t loads[3]; /* 16.16 */
	uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t pad2;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad3;
};
_Static_assert(sizeof(struct sysinfo_user) == 112, "struct sysinfo");

#endif
