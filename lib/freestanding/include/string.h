/* SPDX-License-Identifier: MIT */
/*
 * What a kernel has of <string.h>: the functions that our shared code and the compiler call. mem.c has the four that
 * an architecture may replace; string.c the rest.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void *memchr(const void *from, int byte, size_t len);
void *memrchr(const void *from, int byte, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *wanted);
size_t strspn(const char *s, const char *set);
size_t strcspn(const char *s, const char *set);

#ifdef __SWOS_KERNEL__
/* -ffreestanding makes the compiler forget what these do; knowing it, it needs no call for a short, fixed length. */
#define memcpy(to, from, len)  __builtin_memcpy(to, from, len)
#define memmove(to, from, len) __builtin_memmove(to, from, len)
#define memset(to, byte, len)  __builtin_memset(to, byte, len)
#define memcmp(a, b, len)      __builtin_memcmp(a, b, len)
#endif
