/* SPDX-License-Identifier: MIT */
/* Flattened device trees: addresses through buses, interrupts to a GIC. fdt.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "fdt/fdt.h"

enum {
	GIC_SPI = 0,
	GIC_PPI = 1,
	GIC_EXTENDED_SPI = 2,
	GIC_EXTENDED_PPI = 3,

	MAX_CELLS = 4, /* a description with more cells to a number is nonsense */
};

/* How many cells an address and a size of the node's children have. */
struct cells {
	uint32_t address, size;
};

static struct cells
child_cells(const struct fdt *tree, int node)
{
	struct cells c = {.address = 2, .size = 1};
	fdt_get_u32(tree, node, "#address-cells", &c.address);
	fdt_get_u32(tree, node, "#size-cells", &c.size);
	return c;
}

static bool
are_numbers(struct cells c)
{
	return c.address >= 1 && c.address <= 2 && c.size <= 2;
}

static uint64_t
read_cells(struct reader *r, uint32_t cells)
{
	uint64_t value = 0;
	while (cells--)
		value = value << 32 | reader_be32(r);
	return value;
}

/* Looks an address up in the `ranges` of a bus; `above` are the cells of the bus's own address. */
static int
translate(const struct fdt *tree, int bus, struct cells here, struct cells above, uint64_t *address)
{
	struct fdt_property ranges;
	if (!fdt_get(tree, bus, "ranges", &ranges))
		return -ENXIO;
	if (ranges.len == 0)
		return 0;
	if (!are_numbers(here) || !are_numbers(above))
		return -EOPNOTSUPP;
	struct reader r = reader_on(ranges.data, ranges.len);
	while (r.left) {
		uint64_t child = read_cells(&r, here.address);
		uint64_t parent = read_cells(&r, above.address);
		uint64_t size = read_cells(&r, here.size);
		if (r.failed)
			return -EINVAL;
		if (*address < child || *address - child >= size)
			continue;
		return add_overflow(parent, *address - child, address) ? -ERANGE : 0;
	}
	return -ENXIO;
}

/* The index-th pair of `reg`, as it stands there. */
static int
read_reg(
	const struct fdt_walk *walk, uint32_t index, struct cells c, uint64_t *base, uint64_t *size)
{
	struct fdt_property reg;
	*base = *size = 0;
	if (!fdt_get(walk->tree, fdt_walk_node(walk), "reg", &reg))
		return -ENOENT;
	if (!are_numbers(c))
		return -EOPNOTSUPP;
	uint64_t pair = (c.address + c.size) * 4;
	if ((index + UINT64_C(1)) * pair > reg.len)
		return -ENOENT;
	struct reader r = reader_on(reg.data + index * pair, pair);
	*base = read_cells(&r, c.address);
	*size = read_cells(&r, c.size);
	return 0;
}

int
fdt_unit(const struct fdt_walk *walk, uint32_t index, uint64_t *unit)
{
	uint64_t size;
	*unit = 0;
	if (walk->depth < 1)
		return -ENOENT;
	return read_reg(walk, index, child_cells(walk->tree, fdt_walk_parent(walk)), unit, &size);
}

int
fdt_reg(const struct fdt_walk *walk, uint32_t index, uint64_t *base, uint64_t *size)
{
	*base = *size = 0;
	if (walk->depth < 1)
		return -ENOENT;
	struct cells here = child_cells(walk->tree, fdt_walk_parent(walk));
	int err = read_reg(walk, index, here, base, size);
	for (int bus = walk->depth - 1; bus > 0 && !err; bus--) {
		struct cells above = child_cells(walk->tree, walk->path[bus - 1]);
		err = translate(walk->tree, walk->path[bus], here, above, base);
		here = above;
	}
	uint64_t end;
	if (!err && *size && add_overflow(*base, *size - 1, &end))
		err = -ERANGE;
	if (err)
		*base = *size = 0;
	return err;
}

int
fdt_gic_version(const struct fdt *tree, int node)
{
	static const char *const version2[] = {"arm,gic-400", "arm,cortex-a15-gic",
		"arm,cortex-a9-gic", "arm,cortex-a7-gic", "arm,pl390"};
	if (fdt_is_compatible(tree, node, "arm,gic-v3"))
		return 3;
	for (size_t i = 0; i < ARRAY_SIZE(version2); i++)
		if (fdt_is_compatible(tree, node, version2[i]))
			return 2;
	return 0;
}

/* Three cells as the GIC's bindings have them; further cells name an affinity, which does not matter here. */
static int
decode_gic(const uint8_t *cells, struct fdt_irq *irq)
{
	static const struct {
		uint32_t first, count;
	} kinds[] = {[GIC_SPI] = {32, 988},
		[GIC_PPI] = {16, 16},
		[GIC_EXTENDED_SPI] = {4096, 1024},
		[GIC_EXTENDED_PPI] = {1056, 64}};
	uint32_t kind = load_be32(cells), number = load_be32(cells + 4);
	if (kind >= ARRAY_SIZE(kinds) || number >= kinds[kind].count)
		return -EINVAL;
	irq->intid = kinds[kind].first + number;
	irq->trigger = load_be32(cells + 8) & 0xf;
	return 0;
}

/* Finds a controller by its handle and remembers it: most devices of a tree have the same. */
static int
controller(struct fdt_walk *walk, uint32_t phandle)
{
	if (walk->irq_parent < 0 || walk->irq_phandle != phandle) {
		walk->irq_phandle = phandle;
		walk->irq_parent = fdt_find_phandle(walk->tree, phandle);
	}
	return walk->irq_parent;
}

/* The nearest `interrupt-parent` above or on the node, or the nearest ancestor that is itself a controller. */
static int
inherited_controller(struct fdt_walk *walk)
{
	for (int d = walk->depth; d >= 0; d--) {
		uint32_t phandle;
		if (fdt_get_u32(walk->tree, walk->path[d], "interrupt-parent", &phandle))
			return controller(walk, phandle);
		if (d < walk->depth && fdt_has(walk->tree, walk->path[d], "interrupt-controller"))
			return walk->path[d];
	}
	return -ENOENT;
}

static int
controller_cells(const struct fdt *tree, int node, uint32_t *cells)
{
	if (node < 0)
		return node;
	if (!fdt_get_u32(tree, node, "#interrupt-cells", cells) || *cells == 0 ||
		*cells > MAX_CELLS)
		return -EINVAL;
	return 0;
}

static int
decode_at(
	const struct fdt *tree, int parent, uint32_t cells, const uint8_t *at, struct fdt_irq *irq)
{
	if (cells < 3 || !fdt_gic_version(tree, parent))
		return -EOPNOTSUPP;
	return decode_gic(at, irq);
}

static int
extended_irq(
	struct fdt_walk *walk, const struct fdt_property *list, uint32_t index, struct fdt_irq *irq)
{
	struct reader r = reader_on(list->data, list->len);
	while (r.left) {
		uint32_t cells;
		int parent = controller(walk, reader_be32(&r));
		int err = r.failed ? -EINVAL : controller_cells(walk->tree, parent, &cells);
		if (err)
			return err;
		const uint8_t *at = reader_take(&r, cells * 4);
		if (!at)
			return -EINVAL;
		if (index-- == 0)
			return decode_at(walk->tree, parent, cells, at, irq);
	}
	return -ENOENT;
}

int
fdt_irq(struct fdt_walk *walk, uint32_t index, struct fdt_irq *irq)
{
	struct fdt_property list;
	uint32_t cells;
	*irq = (struct fdt_irq){0};
	if (fdt_get(walk->tree, fdt_walk_node(walk), "interrupts-extended", &list))
		return extended_irq(walk, &list, index, irq);
	if (!fdt_get(walk->tree, fdt_walk_node(walk), "interrupts", &list))
		return -ENOENT;
	int parent = inherited_controller(walk);
	int err = controller_cells(walk->tree, parent, &cells);
	if (err)
		return err;
	if ((index + UINT64_C(1)) * cells * 4 > list.len)
		return -ENOENT;
	return decode_at(walk->tree, parent, cells, list.data + (size_t)index * cells * 4, irq);
}
