/* SPDX-License-Identifier: MIT */
/*
 * What a machine consists of, as the kernel needs to know it, whether a device tree or ACPI told it.
 *
 * Single things lie in struct platform; a thing that is absent has `present` false, a base of 0 or an INTID of 0. Of
 * what there can be any number of (memory, reservations, CPUs, virtio transports) nothing is stored: visitors
 * read the firmware's tables again, each time in the same order.
 *
 * Pure: no allocation, no globals, no locks, does not sleep. The tables must stay mapped and unchanged as long as the
 * platform is used; pointers in it point into them. Numbers come from outside: ranges never wrap, everything else (that
 * memory overlaps, that a device lies in memory) is the user's to check.
 */
#ifndef FDT_PLATFORM_H
#define FDT_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fdt/fdt.h"

struct platform;

struct platform_range {
	uint64_t base, size; /* bytes, not aligned to anything */
};

enum { PLATFORM_NO_MAP = 1 }; /* not even a cacheable mapping that nobody uses may exist */

struct platform_reserved {
	struct platform_range range;
	uint32_t flags; /* PLATFORM_NO_MAP */
};

struct platform_irq {
	uint32_t intid;   /* as the GIC numbers it; 0: none */
	uint32_t trigger; /* FDT_IRQ_RISING … FDT_IRQ_LOW; 0: unknown */
};

enum platform_start { PLATFORM_START_NONE, PLATFORM_START_PSCI, PLATFORM_START_SPIN_TABLE };

struct platform_cpu {
	uint64_t mpidr;            /* affinity fields only */
	enum platform_start start; /* NONE where the table does not say, as with a single CPU */
	uint64_t release_address;  /* of a spin table */
};

struct platform_virtio {
	struct platform_range registers;
	struct platform_irq irq;
	bool dma_coherent;
};

/* A visitor's callback: a result other than 0 ends the visit and is its result. */
typedef int (*platform_memory_fn)(void *context, const struct platform_range *memory);
typedef int (*platform_reserved_fn)(void *context, const struct platform_reserved *reserved);
typedef int (*platform_cpu_fn)(void *context, const struct platform_cpu *cpu);
typedef int (*platform_virtio_fn)(void *context, const struct platform_virtio *device);

struct platform_tables {
	int (*each_memory)(const struct platform *p, platform_memory_fn fn, void *context);
	int (*each_reserved)(const struct platform *p, platform_reserved_fn fn, void *context);
	int (*each_cpu)(const struct platform *p, platform_cpu_fn fn, void *context);
	int (*each_virtio)(const struct platform *p, platform_virtio_fn fn, void *context);
};

enum {
	PLATFORM_MAX_REDISTRIBUTORS = 64, /* regions of them, each for many CPUs */
};

struct platform_gic {
	uint32_t version; /* 2 or 3; 0: absent */
	struct platform_range distributor;
	struct platform_range cpu_interface; /* version 2 */
	uint32_t redistributor_count;        /* version 3 */
	uint64_t redistributor_stride;       /* 0: as the architecture has it */
	struct platform_range redistributors[PLATFORM_MAX_REDISTRIBUTORS];
	struct platform_range its; /* version 3, the first one */
	struct platform_range v2m; /* version 2, the first MSI frame */
};

struct platform_timer {
	struct platform_irq secure_physical, physical, virtual, hyp_physical, hyp_virtual;
	uint32_t frequency; /* Hz, only where firmware failed to set CNTFRQ_EL0; else 0 */
};

enum platform_uart_kind { PLATFORM_UART_NONE, PLATFORM_UART_PL011, PLATFORM_UART_SBSA };

struct platform_uart {
	enum platform_uart_kind kind; /* SBSA: a PL011 whose line settings are fixed */
	struct platform_range registers;
	struct platform_irq irq;
	uint64_t clock; /* Hz; 0: unknown */
	uint32_t baud;  /* that firmware wants; 0: leave it */
};

enum platform_conduit { PLATFORM_CONDUIT_NONE, PLATFORM_CONDUIT_HVC, PLATFORM_CONDUIT_SMC };

/* Function ids; 0 where PSCI 0.1 has none. */
struct platform_psci {
	enum platform_conduit conduit;
	uint32_t version; /* 1: as PSCI 0.1; 2: 0.2 or later, which PSCI_VERSION tells */
	uint32_t cpu_on, cpu_off, cpu_suspend, affinity_info, system_off, system_reset;
};

struct platform_rtc {
	struct platform_range registers; /* of a PL031 */
	struct platform_irq irq;
};

struct platform_bytes {
	const void *data;
	size_t len;
};

/* What a UEFI loader left for the kernel: physical addresses. */
struct platform_uefi {
	bool present;
	uint64_t system_table, memory_map;
	uint32_t memory_map_size, descriptor_size, descriptor_version;
};

struct platform {
	const struct platform_tables *tables;
	struct fdt fdt;       /* of a device tree */
	const char *model;    /* NULL: unknown */
	const char *bootargs; /* never NULL */
	struct platform_range initrd;
	struct platform_bytes rng_seed;
	uint64_t kaslr_seed; /* 0: none */
	struct platform_uefi uefi;
	struct platform_gic gic;
	struct platform_timer timer;
	struct platform_uart uart;
	struct platform_psci psci;
	struct platform_rtc rtc;
};

/*
 * Reads a device tree of which max_len bytes may be read. Returns 0, or fdt_open()'s error, with everything absent. What
 * is disabled, incomplete or out of range in the tree is absent in *out: that is for the kernel to miss.
 */
[[nodiscard]] int platform_from_fdt(const void *fdt, size_t max_len, struct platform *out);

/* Usable RAM. May hold what is reserved. */
int platform_each_memory(const struct platform *p, platform_memory_fn fn, void *context);
/* What firmware keeps for itself. Not in it: the tree, the initrd, the kernel; the kernel knows where they are. */
int platform_each_reserved(const struct platform *p, platform_reserved_fn fn, void *context);
/* The CPUs that may be started, the one that booted among them. */
int platform_each_cpu(const struct platform *p, platform_cpu_fn fn, void *context);
int platform_each_virtio(const struct platform *p, platform_virtio_fn fn, void *context);

#endif
