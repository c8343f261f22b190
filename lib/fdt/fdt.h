/* SPDX-License-Identifier: MIT */
/*
 * A reader of flattened device trees (Devicetree Specification 0.4, chapters 2, 3 and 5; DTB version 17).
 *
 * fdt_open() checks the whole structure once: every token, name and property lies inside the blob, names end,
 * nodes nest properly and not deeper than FDT_MAX_DEPTH. Everything else relies on that check and on the blob not
 * changing afterwards, and never reads outside the blob, whatever the values in it are.
 *
 * Pure: no allocation, no globals, no locks, does not sleep. A node is the offset of its token in the structure block
 * (0 is the root); a negative one is an errno. Pointers that are handed out point into the blob.
 */
#ifndef FDT_FDT_H
#define FDT_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FDT_HEADER_SIZE = 40,
	FDT_MAX_SIZE = 2 << 20,
	FDT_MAX_DEPTH = 32,
	FDT_ROOT = 0,
};

struct fdt {
	const uint8_t *structure, *strings, *reserved;
	uint32_t structure_size, strings_size, reserved_count;
	uint32_t total_size; /* of the blob, as its header has it */
	uint32_t boot_cpu;   /* physical id of the CPU that booted */
};

struct fdt_property {
	const char *name;
	const uint8_t *data;
	uint32_t len;
};

/*
 * Checks the blob and describes it in *tree. max_len is how many bytes may be read at all.
 * -EINVAL: not a device tree, or a broken one; -EPROTONOSUPPORT: another version; -EFBIG: larger than max_len or
 * FDT_MAX_SIZE. *tree is defined only on success.
 */
[[nodiscard]] int fdt_open(struct fdt *tree, const void *blob, size_t max_len);

/* The size in the header of what may be a device tree, from its first FDT_HEADER_SIZE bytes; -EINVAL if it is none. */
[[nodiscard]] int fdt_peek_size(const void *header);

/* The name with its unit address, "pl011@9000000"; that of the root is empty. */
const char *fdt_name(const struct fdt *tree, int node);

/* *at begins as 0; false after the last property of the node. */
bool fdt_next_property(
	const struct fdt *tree, int node, uint32_t *at, struct fdt_property *property);
bool fdt_get(const struct fdt *tree, int node, const char *name, struct fdt_property *property);
bool fdt_has(const struct fdt *tree, int node, const char *name);
bool fdt_get_u32(const struct fdt *tree, int node, const char *name, uint32_t *value);
/* A number of one or two cells. */
bool fdt_get_number(const struct fdt *tree, int node, const char *name, uint64_t *value);
/* The first string of a property; NULL if there is none or it does not end. */
const char *fdt_get_string(const struct fdt *tree, int node, const char *name);
/* Where in a list of strings one is; negative if it is not there. */
int fdt_string_index(const struct fdt *tree, int node, const char *name, const char *string);
bool fdt_is_compatible(const struct fdt *tree, int node, const char *model);
/* `status` is absent, "okay" or "ok". */
bool fdt_is_enabled(const struct fdt *tree, int node);

/*
 * The node of a path, or -ENOENT. A path that does not begin with a slash begins with a name of /aliases; it ends at a
 * colon, as in `stdout-path`. A component without a unit address fits the first node of that name.
 */
int fdt_find_path(const struct fdt *tree, const char *path);
int fdt_find_phandle(const struct fdt *tree, uint32_t phandle);
/* The next compatible node after `from` in the tree's order; begins with from = -1. */
int fdt_find_compatible(const struct fdt *tree, int from, const char *model);

/* The memory reservation block: i < tree->reserved_count. */
void fdt_reserved(const struct fdt *tree, uint32_t i, uint64_t *base, uint64_t *size);

/*
 * A walk over all nodes in the tree's order, that knows the ancestors of where it is: what decodes addresses and
 * interrupts needs them.
 */
struct fdt_walk {
	const struct fdt *tree;
	uint32_t next;
	int depth; /* of the current node; the root's is 0 */
	int path[FDT_MAX_DEPTH];
	uint32_t irq_phandle; /* the interrupt parent that was looked up last, */
	int irq_parent;       /* and its node */
};

void fdt_walk_begin(struct fdt_walk *walk, const struct fdt *tree);
/* False after the last node. */
bool fdt_walk_next(struct fdt_walk *walk);
/* The next node, but not one below the current one. */
bool fdt_walk_next_outside(struct fdt_walk *walk);
/* The next node that is enabled together with all its ancestors. */
bool fdt_walk_next_enabled(struct fdt_walk *walk);
/* Stands on a node that is known by its offset. -ENOENT if no node begins there. */
int fdt_walk_to(struct fdt_walk *walk, const struct fdt *tree, int node);

static inline int
fdt_walk_node(const struct fdt_walk *walk)
{
	return walk->path[walk->depth];
}

/* The parent, or -ENOENT for the root. */
int fdt_walk_parent(const struct fdt_walk *walk);

/*
 * The index-th pair of `reg`, translated to CPU addresses through the `ranges` of every bus above.
 * -ENOENT: there is no such pair; -ENXIO: a bus does not map it; -EOPNOTSUPP: cells that are no plain numbers, as on
 * PCI; -ERANGE: it wraps. Size 0 is possible.
 */
[[nodiscard]] int fdt_reg(
	const struct fdt_walk *walk, uint32_t index, uint64_t *base, uint64_t *size);
/* The index-th address of `reg` as it stands there, for nodes that are on no bus, as CPUs. */
[[nodiscard]] int fdt_unit(const struct fdt_walk *walk, uint32_t index, uint64_t *unit);

enum { FDT_IRQ_RISING = 1, FDT_IRQ_FALLING = 2, FDT_IRQ_HIGH = 4, FDT_IRQ_LOW = 8 };

struct fdt_irq {
	uint32_t intid; /* as the GIC numbers it: PPIs from 16, SPIs from 32 */
	uint32_t trigger;
};

/*
 * The index-th interrupt of the node, of `interrupts-extended` or `interrupts`, wired to a GIC.
 * -ENOENT: there is none; -EOPNOTSUPP: it is wired to something else; -EINVAL: a number that no GIC has.
 */
[[nodiscard]] int fdt_irq(struct fdt_walk *walk, uint32_t index, struct fdt_irq *irq);

/* 2 or 3 if the node is a GIC of that architecture version (4 reads as 3), 0 if it is none. */
int fdt_gic_version(const struct fdt *tree, int node);

#endif
