/* SPDX-License-Identifier: MIT */
/*
 * Debug build: writes a part of a disk, flushes, reads it back and compares, for tests of drivers by who sees the disk
 * from outside. Whatever was there is lost.
 */
#ifndef DEV_BLOCK_EXERCISE_H
#define DEV_BLOCK_EXERCISE_H

#ifdef SWOS_DEBUG
/*
 * text: "NAME FIRST COUNT SEED", a device, the first MiB, how many, and a number: then the 64-bit word (little endian)
 * at each offset of the disk is offset ^ SEED. Sleeps. 0; -EINVAL, -ENODEV, -ENOMEM; -EROFS, -EIO as the device gives
 * them; -EILSEQ: it read something else than it wrote.
 */
int block_exercise(const char *text) __attribute__((warn_unused_result));
#endif

#endif
