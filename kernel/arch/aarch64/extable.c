/* SPDX-License-Identifier: MIT */
/* The exception table, and what uaccess.S must know about the CPU. */
#include "arch/uaccess.h"

#include <aarch64/extable.h>
#include <aarch64/sysregs.h>

#include "core/panic.h"

#define MMFR1_PAN_SHIFT 20

/* Both fields are distances from themselves. */
struct ex_entry {
	int32_t insn;
	int32_t fixup;
};
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

/* Whether PSTATE.PAN exists; read by uaccess.S. */
extern uint8_t uaccess_pan;
__attribute__((section(".data.ro_after_init"))) uint8_t uaccess_pan = 0;

static uint64_t
insn_of(const struct ex_entry *e)
{
	return (uint64_t)&e->insn + (uint64_t)(int64_t)e->insn;
}

uint64_t
extable_find(uint64_t pc, uint32_t *flags)
{
	const struct ex_entry *low = __ex_table_start, *high = __ex_table_end;
	while (low < high) {
		const struct ex_entry *mid = low + (high - low) / 2;
		uint64_t insn = insn_of(mid);
		if (insn == pc) {
			uint64_t fixup = (uint64_t)&mid->fixup + (uint64_t)(int64_t)mid->fixup;
			*flags = fixup & EX_NOFAULT;
			return fixup & ~(uint64_t)EX_NOFAULT;
		}
		if (insn < pc)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

void
uaccess_init(void)
{
	for (const struct ex_entry *e = __ex_table_start; e + 1 < __ex_table_end; e++)
		ASSERT(insn_of(e) < insn_of(e + 1));
	uaccess_pan = (sysreg_read(id_aa64mmfr1_el1) >> MMFR1_PAN_SHIFT & 15) != 0;
}
