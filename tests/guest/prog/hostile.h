/* SPDX-License-Identifier: MIT */
/*
 * Hostile system calls: every argument of every call in abi/syscalls.tbl with every value that a kernel might trip over.
 *
 * hostile_world.c makes what a call needs to get anywhere (files, descriptors, memory), hostile_values.c the arguments,
 * hostile.c runs and supervises.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum hostile_kind {
	HOSTILE_INT,
	HOSTILE_U32,
	HOSTILE_U64,
	HOSTILE_I64,
	HOSTILE_SIZE,
	HOSTILE_MODE,
	HOSTILE_FLAGS,
	HOSTILE_FD,
	HOSTILE_DIRFD,
	HOSTILE_UADDR,
	HOSTILE_PATH,
	HOSTILE_FILE,
};

struct hostile_call {
	uint32_t number;
	const char *name;
	bool implemented;
	uint8_t nargs;
	struct {
		enum hostile_kind kind;
		const char *name;
	} args[6];
};
extern const struct hostile_call hostile_calls[];
extern const uint32_t hostile_calls_count;

/* What the calls of one process work on. */
struct hostile_world {
	unsigned char *data; /* HOSTILE_DATA bytes, readable and writable; nothing behind them */
	unsigned char *end;  /* of data: the first byte that is not there */
	unsigned char *readonly; /* a page */
	unsigned char *none;     /* a page that may not be touched */
	unsigned char *scratch;  /* HOSTILE_SCRATCH pages for calls that change mappings */
	pid_t pid;
};
#define HOSTILE_DATA     65536ul
#define HOSTILE_SCRATCH  32ul
#define HOSTILE_FD_FIRST 10 /* descriptors that the world keeps open */
#define HOSTILE_FDS      32

/* A small generator: the same values on each run. */
static inline uint64_t
hostile_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Makes the memory, and the directory dir, which becomes the working directory. */
void hostile_world_create(struct hostile_world *w, const char *dir);
/* Replaces what earlier calls have taken away. */
void hostile_world_refresh(struct hostile_world *w, uint64_t seed);
/* Takes dir away with what is mounted in it. */
void hostile_world_remove(const char *dir);

/* How many values an argument is tried with; the value at index. */
uint32_t hostile_values_count(void);
uint64_t hostile_value(const struct hostile_world *w, uint32_t index);
/* A value that the call might accept. */
uint64_t hostile_plausible(
	const struct hostile_world *w, const struct hostile_call *c, unsigned arg, uint64_t random);
/* Whether the call would do no more than what it is for: end the test, the machine or the console. */
bool hostile_is_barred(
	const struct hostile_world *w, const struct hostile_call *c, const uint64_t *args);

#endif
