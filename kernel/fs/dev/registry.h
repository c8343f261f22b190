/* SPDX-License-Identifier: MIT */
/* The registry of devices, within fs/dev. */
#ifndef FS_DEV_REGISTRY_H
#define FS_DEV_REGISTRY_H

#include "core/types.h"

struct file_ops;

/* -EEXIST: that number is taken; -ENOMEM. */
int device_add(uint32_t mode, uint64_t rdev, const struct file_ops *fops, void *priv) MUST_CHECK;

#endif
