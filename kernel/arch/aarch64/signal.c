/* SPDX-License-Identifier: MIT */
/*
 * AArch64: signal frames in Linux's format (struct rt_sigframe with a list of records in the reserved area of the
 * sigcontext: FP/SIMD, ESR for faults, terminator), and the registers' side of restarting system calls.
 *
 * What comes back by rt_sigreturn(2) is user data: every record's size is checked against the area that is left,
 * and of PSTATE only condition flags and the like are taken.
 */
#include <string.h>

#include <aarch64/sigrecord.h>

#include "arch/signal.h"
#include "arch/thread.h"
#include "arch/uaccess.h"
#include "arch/vdso.h"
#include "mm/space.h"
#include "proc/internal.h"
#include "syscall_protos.h"

#define NR_RESTART_SYSCALL 128

#define PSTATE_MODE  0x1fULL
#define PSTATE_DAIF  (0xfULL << 6)
#define PSTATE_BTYPE (3ULL << 10)
#define PSTATE_SSBS  (1ULL << 12)
#define PSTATE_DIT   (1ULL << 24)
#define PSTATE_TCO   (1ULL << 25)
#define PSTATE_NZCV  (0xfULL << 28)
#define PSTATE_USER  (PSTATE_NZCV | PSTATE_DIT | PSTATE_TCO | PSTATE_SSBS | PSTATE_BTYPE)

/*
 * The parts of a frame, each written and read in one piece; what lies between them is left as it is. The general
 * registers have the same order in the user's frame and in ours.
 */
struct part_head { /* at uc */
	uint64_t flags, link;
	struct sigaltstack_user stack;
	sigmask_t mask;
};
struct part_fp { /* from uc.mcontext.pad on */
	uint64_t pad;
	struct sigrecord head;
	uint32_t fpsr, fpcr;
};
struct part_tail { /* behind the FP registers; without esr when no fault brought the signal */
	struct sigrecord_esr esr;
	struct sigrecord end;
};

#define OFFSET_UC    offsetof(struct sigframe_user, uc)
#define OFFSET_REGS  offsetof(struct sigframe_user, uc.mcontext.regs)
#define OFFSET_PAD   offsetof(struct sigframe_user, uc.mcontext.pad)
#define OFFSET_VREGS (OFFSET_PAD + sizeof(struct part_fp))
#define OFFSET_TAIL  (OFFSET_VREGS + 32 * sizeof(__uint128_t))
#define REGS_SIZE    (OFFSET_PAD - OFFSET_REGS)
_Static_assert(
	offsetof(struct trap_frame, x) == 0 && offsetof(struct trap_frame, pstate) + 8 == REGS_SIZE,
	"the trap frame begins with what a sigcontext has");
_Static_assert(offsetof(struct trap_frame, sp) == offsetof(struct sigcontext_user, sp) - 8, "sp");
_Static_assert(sizeof(struct part_fp) == 24 && sizeof(struct part_head) == 48, "no padding");

void fp_state_load(const struct fp_state *fp);

/* A frame record above the signal frame, so that unwinders step over it. */
struct frame_record {
	uint64_t fp, lr;
};

static bool
on_alternate_stack(const struct task *t, uint64_t sp)
{
	return !(t->sig.alt_flags & SS_AUTODISARM) && t->sig.alt_size != 0 && sp > t->sig.alt_sp &&
		sp - t->sig.alt_sp <= t->sig.alt_size;
}

static uint64_t
choose_stack(const struct task *t, const struct trap_frame *f, const struct sigaction_user *act)
{
	bool on_alt = on_alternate_stack(t, f->sp);
	if ((act->flags & SA_ONSTACK) && !on_alt && t->sig.alt_size != 0)
		return t->sig.alt_sp + t->sig.alt_size;
	return f->sp;
}

static int
write_info(uint64_t base, const struct siginfo *info)
{
	uint8_t buf[SIGINFO_USER_SIZE] __attribute__((uninitialized)); /* every byte is set below */
	memcpy(buf, info, sizeof(*info));
	memset(buf + sizeof(*info), 0, SIGINFO_USER_SIZE - sizeof(*info));
	return copy_to_user((uaddr_t){base}, buf, sizeof(buf));
}

static int
write_tail(uint64_t at, uint64_t fault_esr)
{
	struct part_tail tail = {{{SIGRECORD_ESR, sizeof(tail.esr)}, fault_esr}, {0, 0}};
	if (likely(fault_esr == 0))
		return put_user_u64((uaddr_t){at}, 0);
	return copy_to_user((uaddr_t){at}, &tail, sizeof(tail));
}

static int
write_frame(uint64_t base, const struct trap_frame *f, const struct task *t, sigmask_t mask)
{
	const struct arch_thread *at = &t->thread.arch;
	struct part_head head = {
		.stack = {.sp = t->sig.alt_sp,
			.flags = (t->sig.alt_size == 0 ? SS_DISABLE
						       : (on_alternate_stack(t, f->sp) ? SS_ONSTACK
										       : 0)) |
				(t->sig.alt_flags & SS_AUTODISARM),
			.size = t->sig.alt_size},
		.mask = mask,
	};
	struct part_fp fp = {
		0, {SIGRECORD_FPSIMD, sizeof(struct sigrecord_fpsimd)}, at->fp.fpsr, at->fp.fpcr};
	if (copy_to_user((uaddr_t){base + OFFSET_UC}, &head, sizeof(head)) != 0 ||
		put_user_u64((uaddr_t){base + OFFSET_REGS - 8}, at->fault_address) != 0 ||
		copy_to_user((uaddr_t){base + OFFSET_REGS}, f->x, REGS_SIZE) != 0 ||
		copy_to_user((uaddr_t){base + OFFSET_PAD}, &fp, sizeof(fp)) != 0 ||
		copy_to_user((uaddr_t){base + OFFSET_VREGS}, at->fp.q, sizeof(at->fp.q)) != 0)
		return -EFAULT;
	return write_tail(base + OFFSET_TAIL, at->fault_esr);
}

uint64_t
arch_fault_untag(uint64_t addr)
{
	return addr & (1ULL << 55) ? addr
				   : addr & UINT64_MAX >> 8; /* bit 55 says whose half it is */
}

int
arch_signal_push(struct trap_frame *f, int sig, const struct siginfo *info,
	const struct sigaction_user *act, sigmask_t mask)
{
	struct task *t = current_task();
	uint64_t top = round_down(choose_stack(t, f, act), 16);
	uint64_t need = sizeof(struct sigframe_user) + sizeof(struct frame_record);
	if (top < need || top > USER_END)
		return -EFAULT;
	/* An alternate stack that is in use must not be left downwards: the next frame would go astray. */
	if (on_alternate_stack(t, f->sp) && !on_alternate_stack(t, top - need))
		return -EFAULT;
	uint64_t record = top - sizeof(struct frame_record);
	uint64_t base = record - sizeof(struct sigframe_user);
	struct frame_record link = {f->x[29], f->x[30]};
	arch_thread_save_live();
	if (copy_to_user((uaddr_t){record}, &link, sizeof(link)) != 0 ||
		write_frame(base, f, t, mask) != 0)
		return -EFAULT;
	/* Programs read the siginfo only if they asked for it. */
	if ((act->flags & SA_SIGINFO) && write_info(base, info) != 0)
		return -EFAULT;

	f->x[0] = (uint64_t)sig;
	f->x[1] = base;
	f->x[2] = base + offsetof(struct sigframe_user, uc);
	f->x[29] = record;
	f->x[30] = (act->flags & SA_RESTORER) ? act->restorer
					      : vdso_sigreturn_address(t->thread.space->vdso);
	f->sp = base;
	f->pc = act->handler;
	f->pstate &= ~(PSTATE_BTYPE | PSTATE_TCO);
	f->syscall = -1;
	t->thread.arch.fault_address = 0;
	t->thread.arch.fault_esr = 0;
	if (t->sig.alt_flags & SS_AUTODISARM) {
		t->sig.alt_sp = t->sig.alt_size = 0;
		t->sig.alt_flags = SS_DISABLE;
	}
	return 0;
}

/* Finds the FP/SIMD record of a frame that is not as we wrote it. -EINVAL if the list makes no sense or has none. */
static int
find_records(uint64_t area, size_t size, uint64_t *fp)
{
	struct sigrecord_walk w = {.size = size};
	int more;
	do {
		struct sigrecord r;
		if (size - w.at < sizeof(r))
			return -EINVAL;
		if (copy_from_user(&r, (uaddr_t){area + w.at}, sizeof(r)) != 0)
			return -EFAULT;
		more = sigrecord_step(&w, &r);
	} while (more > 0);
	*fp = area + w.fpsimd;
	return more;
}

/* Loaded from a copy of its own: the thread's place for it is overwritten whenever the copying sleeps. */
static int
restore_fp(uint64_t record)
{
	struct fp_state fp __attribute__((uninitialized)); /* filled by the copies */
	uint64_t status;
	_Static_assert(offsetof(struct sigrecord_fpsimd, fpcr) ==
			offsetof(struct sigrecord_fpsimd, fpsr) + 4,
		"");
	if (get_user_u64(&status, (uaddr_t){record + offsetof(struct sigrecord_fpsimd, fpsr)}) !=
			0 ||
		copy_from_user(fp.q, (uaddr_t){record + offsetof(struct sigrecord_fpsimd, vregs)},
			sizeof(fp.q)))
		return -EFAULT;
	fp.fpsr = (uint32_t)status;
	fp.fpcr = (uint32_t)(status >> 32);
	fp_state_load(&fp);
	return 0;
}

/* Whether the records are an FP/SIMD one and the end, as nearly always: then two looks tell. */
static bool
records_are_plain(uint64_t base)
{
	uint64_t first, second;
	return get_user_u64(&first, (uaddr_t){base + OFFSET_PAD + 8}) == 0 &&
		first == (SIGRECORD_FPSIMD | sizeof(struct sigrecord_fpsimd) << 32) &&
		get_user_u64(&second, (uaddr_t){base + OFFSET_TAIL}) == 0 && second == 0;
}

/* What was in the registers is lost when this fails: the program gets SIGSEGV then. */
static int
restore_frame(struct trap_frame *f)
{
	struct part_head head __attribute__((uninitialized)); /* filled by the copy */
	uint64_t base = f->sp, fp = base + OFFSET_PAD + 8;
	int err = 0;
	if ((base & 15) != 0 ||
		copy_from_user(&head, (uaddr_t){base + OFFSET_UC}, sizeof(head)) != 0)
		return -EFAULT;
	if (unlikely(!records_are_plain(base)))
		err = find_records(fp, sizeof(((struct sigcontext_user *)0)->records), &fp);
	if (err == 0)
		err = restore_fp(fp);
	if (err == 0)
		err = copy_from_user(f->x, (uaddr_t){base + OFFSET_REGS}, REGS_SIZE);
	if ((f->pstate & (PSTATE_MODE | PSTATE_DAIF)) != 0)
		err = -EINVAL;
	f->pstate &= PSTATE_USER;
	if (err != 0)
		return err;
	signal_set_mask(head.mask);
	signal_restore_altstack(&head.stack);
	return 0;
}

int64_t
sys_rt_sigreturn(void)
{
	struct task *t = current_task();
	struct trap_frame *f = arch_thread_frame(&t->thread);
	t->restart.fn = NULL;
	f->syscall = -1; /* whatever x0 becomes, it is no call's result */
	if (unlikely(restore_frame(f) != 0)) {
		signal_fault(SIGSEGV, SEGV_MAPERR, f->sp);
		return 0;
	}
	thread_set_flags(&t->thread, TF_NOTIFY); /* all registers are loaded on the way out */
	return (int64_t)f->x[0];
}

int
arch_syscall_interrupted(const struct trap_frame *f)
{
	int64_t result = (int64_t)f->x[0];
	if (f->syscall < 0 || result > -ERESTARTSYS || result < -ERESTART_RESTARTBLOCK)
		return 0;
	return (int)-result;
}

void
arch_syscall_set_eintr(struct trap_frame *f)
{
	f->x[0] = (uint64_t)-EINTR;
	f->syscall = -1;
}

void
arch_syscall_restart(struct trap_frame *f)
{
	f->x[0] = f->orig_x0;
	f->pc -= 4;
	f->syscall = -1;
}

void
arch_syscall_restart_block(struct trap_frame *f)
{
	f->x[8] = NR_RESTART_SYSCALL;
	arch_syscall_restart(f);
}
