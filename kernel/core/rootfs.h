/* SPDX-License-Identifier: MIT */
/* The root of the name space: a verified base image, from the initrd or a disk. */
#ifndef CORE_ROOTFS_H
#define CORE_ROOTFS_H

struct platform;

/* Mounts the base image on / and what init needs below it. Panics with the reason when nothing verifiable is there. */
void rootfs_mount(const struct platform *platform);

#endif
