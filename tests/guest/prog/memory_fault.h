/* SPDX-License-Identifier: MIT */
/*
 * Touching memory that may not be there: an access gives the signal that it raised instead of ending the process.
 * Works in any thread; each thread has its own record.
 */
#ifndef MEMORY_FAULT_H
#define MEMORY_FAULT_H

#include <stdbool.h>

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#define PAGE 4096ul

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The last fault of this thread. */
struct memory_fault {
	int signal; /* 0: none */
	int code;   /* si_code */
	void *address;
};
extern _Thread_local struct memory_fault memory_last;

/* Each returns the signal that the access raised, or 0. The handlers are installed by the first. */
int memory_read(const volatile void *at, unsigned char *value); /* value may be NULL */
int memory_write(volatile void *at, unsigned char value);
int memory_call(void *code, int *result);

/* Anonymous private memory, readable and writable; fails the test if there is none. */
unsigned char *memory_map(size_t pages);
/* Whether all bytes of [at, at + n) have the value. */
bool memory_is(const void *at, unsigned char value, size_t n);

#endif
