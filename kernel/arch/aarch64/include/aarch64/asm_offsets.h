/* SPDX-License-Identifier: MIT */
/* Offsets that assembly uses; asserted against the structures in thread.c. */
#ifndef AARCH64_ASM_OFFSETS_H
#define AARCH64_ASM_OFFSETS_H

#define FRAME_SIZE    288
#define FRAME_X30     240
#define FRAME_PC      256
#define FRAME_ORIG_X0 272
#define FRAME_SYSCALL 280

#define THREAD_IS_USER    112
#define THREAD_PAUTH      120
#define THREAD_USER_KEYS  144
#define THREAD_KERNEL_KEY 128
#define THREAD_CPU        768
#define THREAD_FLAGS      776

#define CPU_OVERFLOW_STACK 8

#define EXIT_WORK_MASK 0x1f

#endif
