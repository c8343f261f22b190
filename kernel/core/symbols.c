/* SPDX-License-Identifier: MIT */
/*
 * Finding functions by address in the table that tools/gen/symbols.py makes; its layout stands there. In the first of
 * the kernel's two links the table is empty.
 */
#include "core/symbols.h"

#define PAIRS     128
#define BLOCK     32 /* symbols in a block */
#define NAME_SIZE 64
#define NAMES     8 /* answers that are valid at the same time */
#define DEPTH_MAX PAIRS

struct symbol_table {
	uint32_t count, blocks, size;
	uint8_t pairs[PAIRS][2];
	struct {
		uint32_t address, place;
	} block[];
};

extern const struct symbol_table kernel_symbols;
extern char kernel_start[];

/* The last block that begins at or before the address. There is one. */
static uint32_t
find_block(const struct symbol_table *t, uint32_t address)
{
	uint32_t low = 0, high = t->blocks;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (t->block[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static const uint8_t *
read_varint(const uint8_t *p, uint32_t *value)
{
	*value = 0;
	for (uint32_t shift = 0;; shift += 7) {
		*value |= (uint32_t)(*p & 127) << shift;
		if ((*p++ & 128) == 0)
			return p;
	}
}

/* Unpacks a name of len bytes. A pair's number is higher than those of the pairs in it, so the stack suffices. */
static void
unpack(const struct symbol_table *t, const uint8_t *p, uint32_t len, char *out)
{
	uint8_t stack[DEPTH_MAX + 1];
	uint32_t n = 0;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t depth = 0;
		stack[depth++] = p[i];
		while (depth > 0) {
			uint8_t c = stack[--depth];
			if (c >= 128 && depth + 2 <= sizeof(stack)) {
				stack[depth++] = t->pairs[c - 128][1];
				stack[depth++] = t->pairs[c - 128][0];
			} else if (n < NAME_SIZE - 1) {
				out[n++] = (char)c;
			}
		}
	}
	out[n] = '\0';
}

const char *
symbol_find(uint64_t pc, uint64_t *offset)
{
	static char names[NAMES][NAME_SIZE];
	static _Atomic uint32_t next;
	const struct symbol_table *t = &kernel_symbols;
	uint64_t address = pc - (uint64_t)kernel_start;
	*offset = 0;
	if (pc < (uint64_t)kernel_start || address >= t->size || t->blocks == 0 ||
		address < t->block[0].address)
		return NULL;
	uint32_t b = find_block(t, (uint32_t)address);
	const uint8_t *p = (const uint8_t *)&t->block[t->blocks] + t->block[b].place, *name = NULL;
	uint32_t at = t->block[b].address, found = at, len = 0;
	for (uint32_t i = b * BLOCK; i < t->count && i < (b + 1) * BLOCK; i++) {
		uint32_t distance;
		p = read_varint(p, &distance);
		at += distance * 4;
		if (at > address)
			break;
		found = at;
		len = *p++;
		name = p;
		p += len;
	}
	if (name == NULL)
		return NULL;
	char *out = names[atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % NAMES];
	unpack(t, name, len, out);
	*offset = address - found;
	return out;
}
