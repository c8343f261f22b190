/* SPDX-License-Identifier: MIT */
/* What the system says it is: uname(2), /proc/version. */
#ifndef PROC_UTS_H
#define PROC_UTS_H

#define UTS_SYSNAME "Linux" /* whose ABI it has */
#define UTS_RELEASE "6.1.0-swos"
#define UTS_VERSION "#1 SMP swos"
#define UTS_MACHINE "aarch64"

#endif
