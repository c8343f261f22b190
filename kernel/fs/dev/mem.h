/* SPDX-License-Identifier: MIT */
/* null, zero, full, random, urandom: devices without hardware. */
#ifndef FS_DEV_MEM_H
#define FS_DEV_MEM_H

void mem_devices_register(void); /* boot; panics when there is no memory */

#endif
