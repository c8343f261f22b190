/* SPDX-License-Identifier: MIT */
/*
 * Exceptions other than system calls and interrupts: page faults, and everything that becomes a signal or a panic.
 */
#define LOG_SOURCE "trap"
#include <aarch64/traps.h>

#include "arch/signal.h"
#include "arch/uaccess.h"
#include "core/cpu.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "mm/kmap.h"
#include "mm/space.h"
#include "proc/process.h"
#include "proc/task.h"

#include <aarch64/extable.h>
#include <aarch64/features.h>
#include <aarch64/sysregs.h>

#define PSTATE_IRQ_MASKED (1u << 7)

void trap_from_user(struct trap_frame *frame, uint64_t esr, uint64_t far);
void trap_from_kernel(struct trap_frame *frame, uint64_t esr, uint64_t far);
void trap_fiq(struct trap_frame *frame, uint64_t esr);
void trap_serror(struct trap_frame *frame, uint64_t esr);
void trap_bad_mode(struct trap_frame *frame, uint64_t esr);
void trap_user_aarch32(struct trap_frame *frame, uint64_t esr);
void trap_stack_overflow(struct trap_frame *frame, uint64_t esr, uint64_t far) NORETURN;
void irq_from_user(struct trap_frame *frame);
void irq_from_kernel(struct trap_frame *frame);

static uint32_t
exception_class(uint64_t esr)
{
	return (uint32_t)(esr >> ESR_EC_SHIFT) & 63;
}

static uint32_t
fault_access(uint64_t esr)
{
	uint32_t ec = exception_class(esr);
	if (ec == ESR_EC_INSN_LOWER || ec == ESR_EC_INSN_SAME)
		return PROT_BIT_EXEC;
	/* Cache maintenance by address reports a write but needs only read access. */
	return (esr & ESR_WNR) && !(esr & ESR_CM) ? PROT_BIT_WRITE : PROT_BIT_READ;
}

static bool
is_page_fault(uint64_t esr)
{
	uint32_t type = esr & ESR_FSC_TYPE;
	return type == ESR_FSC_TRANSLATION || type == ESR_FSC_ACCESS || type == ESR_FSC_PERMISSION;
}

/* The signal for what vm_fault() said. */
static void
signal_for_fault(int err, uint64_t addr)
{
	switch (err) {
	case -EFAULT:
		signal_fault(SIGSEGV, SEGV_MAPERR, addr);
		break;
	case -EACCES:
		signal_fault(SIGSEGV, SEGV_ACCERR, addr);
		break;
	case -ENXIO:
	case -EIO:
		signal_fault(SIGBUS, BUS_ADRERR, addr);
		break;
	case -ENOMEM:
		signal_fault(SIGKILL, SI_KERNEL, addr);
		break;
	default: /* killed meanwhile: the way out sees it */
		break;
	}
}

static void
user_page_fault(uint64_t esr, uint64_t far)
{
	struct thread *t = arch_current();
	uint64_t addr = unlikely(far >= USER_END) ? arch_fault_untag(far) : far;
	int err = addr < USER_END ? vm_fault(t->space, addr, fault_access(esr)) : -EFAULT;
	if (likely(err == 0)) {
		current_task()->min_flt++;
		return;
	}
	if (err == -ENOMEM && process_out_of_memory())
		return;
	t->arch.fault_address = addr;
	t->arch.fault_esr = esr;
	signal_for_fault(err, far);
}

static void
user_abort(uint64_t esr, uint64_t far)
{
	if (likely(is_page_fault(esr))) {
		user_page_fault(esr, far);
		return;
	}
	arch_current()->arch.fault_address = arch_fault_untag(far);
	arch_current()->arch.fault_esr = esr;
	if ((esr & ESR_FSC_MASK) == ESR_FSC_ALIGNMENT)
		signal_fault(SIGBUS, BUS_ADRALN, far);
	else
		signal_fault(SIGBUS, BUS_OBJERR, far);
}

/* Which of IEEE 754's exceptions a trapped one was, as si_code. */
static int
fp_exception_code(uint64_t esr)
{
	if ((esr & (1 << 23)) == 0)
		return FPE_FLTUNK;
	if (esr & 1)
		return FPE_FLTINV;
	if (esr & 2)
		return FPE_FLTDIV;
	if (esr & 4)
		return FPE_FLTOVF;
	if (esr & 8)
		return FPE_FLTUND;
	if (esr & 16)
		return FPE_FLTRES;
	return FPE_FLTUNK;
}

/*
 * Reads of ID registers by EL0 (HWCAP_CPUID) are not emulated: the bit is not offered. What remains undefined is
 * SIGILL, as an unknown instruction.
 */
static void
user_undefined(struct trap_frame *frame)
{
	signal_fault(SIGILL, ILL_ILLOPC, frame->pc);
}

void
trap_from_user(struct trap_frame *frame, uint64_t esr, uint64_t far)
{
	arch_irq_enable();
	switch (exception_class(esr)) {
	case ESR_EC_DATA_LOWER:
	case ESR_EC_INSN_LOWER:
		user_abort(esr, far);
		break;
	case ESR_EC_PC_ALIGN:
		signal_fault(SIGBUS, BUS_ADRALN, frame->pc);
		break;
	case ESR_EC_SP_ALIGN:
		signal_fault(SIGBUS, BUS_ADRALN, frame->sp);
		break;
	case ESR_EC_FP_EXCEPTION:
		signal_fault(SIGFPE, fp_exception_code(esr), frame->pc);
		break;
	case ESR_EC_BRK64:
		signal_fault(SIGTRAP, TRAP_BRKPT, frame->pc);
		break;
	case ESR_EC_STEP_LOWER:
	case ESR_EC_BREAK_LOWER:
	case ESR_EC_WATCH_LOWER:
		signal_fault(SIGTRAP, TRAP_HWBKPT, frame->pc);
		break;
	case ESR_EC_FPAC:
		signal_fault(SIGILL, ILL_ILLOPN, frame->pc);
		break;
	default:
		user_undefined(frame);
		break;
	}
}

void
trap_user_aarch32(struct trap_frame *frame, uint64_t esr)
{
	arch_irq_enable();
	signal_fault(SIGILL, ILL_ILLOPC, frame->pc);
}

/* A fault of kernel code on a user address: resolved like the user's own, or turned into the access's error. */
static bool
kernel_user_fault(struct trap_frame *frame, uint64_t esr, uint64_t far)
{
	uint32_t flags;
	uint64_t fixup = extable_find(frame->pc, &flags);
	if (fixup == 0)
		return false;
	bool masked = (frame->pstate & PSTATE_IRQ_MASKED) != 0;
	if (!(flags & EX_NOFAULT) && !masked && far < USER_END && is_page_fault(esr)) {
		arch_irq_enable();
		struct vm_space *space = arch_current()->space;
		int err = space == NULL ? -EFAULT : vm_fault(space, far, fault_access(esr));
		bool again = err == 0 || (err == -ENOMEM && process_out_of_memory());
		arch_irq_disable();
		if (again)
			return true;
	}
	frame->pc = fixup;
	return true;
}

/* BRK immediates that the compiler's checks use. */
#define BRK_UBSAN      0x5500 /* to 0x55ff: the low byte is the check */
#define BRK_UBSAN_MASK 0xff00
#define BRK_KCFI       0x8000 /* to 0x83ff: registers of target and type */
#define BRK_KCFI_MASK  0xfc00

static void NORETURN
kernel_brk(struct trap_frame *frame, uint64_t esr)
{
	uint32_t imm = esr & 0xffff;
	if ((imm & BRK_KCFI_MASK) == BRK_KCFI)
		panic_trap(frame,
			"an indirect call went to the wrong kind of function: target=%#llx",
			(unsigned long long)frame->x[imm & 31]);
	if ((imm & BRK_UBSAN_MASK) == BRK_UBSAN)
		panic_trap(frame,
			"a compiler check failed: an array index is out of bounds (check %u)",
			imm & 0xff);
	panic_trap(frame, "unexpected breakpoint: imm=%#x", imm);
}

void
trap_from_kernel(struct trap_frame *frame, uint64_t esr, uint64_t far)
{
	switch (exception_class(esr)) {
	case ESR_EC_DATA_SAME:
		if (kernel_user_fault(frame, esr, far))
			return;
		if (kstack_is_guard(far))
			panic_trap(frame, "kernel stack overflow: address=%#llx",
				(unsigned long long)far);
		panic_trap(frame, "the kernel accessed %#llx, which it may not (esr=%#llx)",
			(unsigned long long)far, (unsigned long long)esr);
	case ESR_EC_INSN_SAME:
		panic_trap(frame, "the kernel jumped to %#llx (esr=%#llx)", (unsigned long long)far,
			(unsigned long long)esr);
	case ESR_EC_BRK64:
		kernel_brk(frame, esr);
	case ESR_EC_UNKNOWN:
		panic_trap(frame, "undefined instruction in the kernel");
	case ESR_EC_BTI:
		panic_trap(frame, "an indirect branch missed its landing pad");
	case ESR_EC_FPAC:
		panic_trap(frame, "a return address was forged (pointer authentication)");
	default:
		panic_trap(frame, "unexpected exception in the kernel: esr=%#llx far=%#llx",
			(unsigned long long)esr, (unsigned long long)far);
	}
}

void
trap_stack_overflow(struct trap_frame *frame, uint64_t esr, uint64_t far)
{
	panic_trap(frame, "kernel stack overflow: sp=%#llx esr=%#llx",
		(unsigned long long)frame->sp, (unsigned long long)esr);
}

void
trap_fiq(struct trap_frame *frame, uint64_t esr)
{
	panic_trap(frame, "unexpected FIQ");
}

void
trap_serror(struct trap_frame *frame, uint64_t esr)
{
	panic_trap(frame, "SError: the hardware reports an error (esr=%#llx)",
		(unsigned long long)esr);
}

void
trap_bad_mode(struct trap_frame *frame, uint64_t esr)
{
	panic_trap(frame, "exception on the wrong stack (esr=%#llx)", (unsigned long long)esr);
}

void
irq_from_user(struct trap_frame *frame)
{
	this_cpu()->irq_from_user = true;
	irq_handle();
}

void
irq_from_kernel(struct trap_frame *frame)
{
	this_cpu()->irq_from_user = false;
	irq_handle();
}
