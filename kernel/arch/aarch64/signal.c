/* SPDX-License-Identifier: MIT */
/*
 * AArch64: signal frames in Linux's format (struct rt_sigframe with a list of records in the reserved area of the
 * sigcontext: FP/SIMD, ESR for faults, terminator), and the registers' side of restarting system calls.
 *
 * What comes back by rt_sigreturn(2) is user data: every record's size is checked against the area that is left,
 * and of PSTATE only condition flags and the like are taken.
 */
#include <string.h>

#include "abi/linux/auxv.h"
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

/* What is written in one piece: from the siginfo, or from the ucontext, to the FP/SIMD record's registers. */
struct frame_head {
	uint8_t info[SIGINFO_USER_SIZE];
	uint64_t uc_flags, uc_link;
	struct sigaltstack_user stack;
	sigmask_t mask;
	uint8_t unused[128 - sizeof(sigmask_t)];
	uint64_t pad;
	uint64_t fault_address;
	uint64_t regs[31];
	uint64_t sp, pc, pstate, pad2;
	struct sigrecord fp;
	uint32_t fpsr, fpcr;
};
_Static_assert(offsetof(struct frame_head, fault_address) == SIGINFO_USER_SIZE + 176, "mcontext");
_Static_assert(sizeof(struct frame_head) == SIGINFO_USER_SIZE + 176 + 288 + 16, "head");

#define OFFSET_VREGS (sizeof(struct frame_head))
#define OFFSET_TAIL  (OFFSET_VREGS + 32 * sizeof(__uint128_t))

struct frame_tail {
	struct sigrecord_esr esr; /* left out when no fault brought the signal */
	struct sigrecord end;
	uint64_t pad;
};

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

static void
fill_head(struct frame_head *h, const struct trap_frame *f, const struct task *t, sigmask_t mask)
{
	const struct arch_thread *at = &t->thread.arch;
	h->uc_flags = h->uc_link = 0;
	h->stack.sp = t->sig.alt_sp;
	h->stack.size = t->sig.alt_size;
	h->stack.flags = t->sig.alt_size == 0 ? SS_DISABLE
					      : (on_alternate_stack(t, f->sp) ? SS_ONSTACK : 0) |
			(t->sig.alt_flags & SS_AUTODISARM);
	h->stack.pad = 0;
	h->mask = mask;
	memset(h->unused, 0, sizeof(h->unused));
	h->pad = h->pad2 = 0;
	h->fault_address = at->fault_address;
	memcpy(h->regs, f->x, sizeof(h->regs));
	h->sp = f->sp;
	h->pc = f->pc;
	h->pstate = f->pstate;
	h->fp = (struct sigrecord){SIGRECORD_FPSIMD, sizeof(struct sigrecord_fpsimd)};
	h->fpsr = at->fp.fpsr;
	h->fpcr = at->fp.fpcr;
}

static void
fill_info(uint8_t *to, const struct siginfo *info)
{
	memcpy(to, info, sizeof(*info));
	memset(to + sizeof(*info), 0, SIGINFO_USER_SIZE - sizeof(*info));
}

static int
write_frame(uint64_t base, const struct trap_frame *f, const struct task *t,
	const struct siginfo *info, sigmask_t mask)
{
	struct frame_head head __attribute__((uninitialized)); /* every byte is set below */
	struct frame_tail tail = {.end = {0, 0}};
	fill_head(&head, f, t, mask);
	/* Programs read the siginfo only if they asked for it: then it must be there. */
	size_t skip = SIGINFO_USER_SIZE;
	if (info != NULL) {
		fill_info(head.info, info);
		skip = 0;
	}
	const void *end = &tail.end;
	size_t end_size = sizeof(tail.end);
	if (t->thread.arch.fault_esr != 0) {
		tail.esr = (struct sigrecord_esr){
			{SIGRECORD_ESR, sizeof(tail.esr)}, t->thread.arch.fault_esr};
		end = &tail;
		end_size = sizeof(tail);
	}
	if (copy_to_user((uaddr_t){base + skip}, (uint8_t *)&head + skip, sizeof(head) - skip) ||
		copy_to_user((uaddr_t){base + OFFSET_VREGS}, t->thread.arch.fp.q,
			sizeof(t->thread.arch.fp.q)) ||
		copy_to_user((uaddr_t){base + OFFSET_TAIL}, end, end_size))
		return -EFAULT;
	return 0;
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
		write_frame(base, f, t, (act->flags & SA_SIGINFO) ? info : NULL, mask) != 0)
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

/* Finds the FP/SIMD record. 0 with *fp its address (0: there is none); -EINVAL if the list makes no sense. */
static int
find_records(uint64_t area, size_t size, uint64_t *fp)
{
	size_t at = 0;
	bool extra_seen = false;
	*fp = 0;
	for (;;) {
		struct sigrecord r;
		if (size - at < sizeof(r))
			return -EINVAL;
		if (copy_from_user(&r, (uaddr_t){area + at}, sizeof(r)) != 0)
			return -EFAULT;
		if (r.magic == 0)
			return r.size == 0 ? 0 : -EINVAL;
		if (r.size < sizeof(r) || r.size % 16 != 0 || r.size > size - at)
			return -EINVAL;
		if (r.magic == SIGRECORD_FPSIMD) {
			if (*fp != 0 || r.size != sizeof(struct sigrecord_fpsimd))
				return -EINVAL;
			*fp = area + at;
		} else if (r.magic == SIGRECORD_EXTRA) {
			if (extra_seen)
				return -EINVAL;
			extra_seen =
				true; /* we never write one: nothing in it is ours to restore */
		} else if (r.magic != SIGRECORD_ESR) {
			return -EINVAL;
		}
		at += r.size;
	}
}

static int
restore_fp(struct task *t, uint64_t record)
{
	struct fp_state *fp = &t->thread.arch.fp;
	uint32_t status[2];
	if (copy_from_user(status, (uaddr_t){record + offsetof(struct sigrecord_fpsimd, fpsr)},
		    sizeof(status)) ||
		copy_from_user(fp->q, (uaddr_t){record + offsetof(struct sigrecord_fpsimd, vregs)},
			sizeof(fp->q)))
		return -EFAULT;
	fp->fpsr = status[0];
	fp->fpcr = status[1];
	return 0;
}

/* Registers, FP state, mask and alternate stack from the frame at f->sp. */
static int
restore_frame(struct trap_frame *f, struct task *t)
{
	/* ucontext up to and with the general registers */
	struct {
		uint64_t flags, link;
		struct sigaltstack_user stack;
		sigmask_t mask;
		uint8_t unused[128 - sizeof(sigmask_t)];
		uint64_t pad, fault_address;
		uint64_t regs[31];
		uint64_t sp, pc, pstate;
	} uc __attribute__((uninitialized)); /* filled by the copy */
	_Static_assert(offsetof(__typeof__(uc), fault_address) == 176, "mcontext");
	uint64_t base = f->sp + offsetof(struct sigframe_user, uc), fp;
	if ((f->sp & 15) != 0 || copy_from_user(&uc, (uaddr_t){base}, sizeof(uc)) != 0)
		return -EFAULT;
	if ((uc.pstate & (PSTATE_MODE | PSTATE_DAIF)) != 0)
		return -EINVAL;
	uint64_t area = base + offsetof(struct ucontext_user, mcontext.records);
	int err = find_records(area, sizeof(((struct sigcontext_user *)0)->records), &fp);
	if (err != 0)
		return err;
	if (fp == 0)
		return -EINVAL;
	arch_thread_save_live(); /* TLS stays; FP is overwritten next */
	err = restore_fp(t, fp);
	arch_thread_load_live();
	if (err != 0)
		return err;
	memcpy(f->x, uc.regs, sizeof(f->x));
	f->sp = uc.sp;
	f->pc = uc.pc;
	f->pstate = uc.pstate & PSTATE_USER;
	signal_set_mask(uc.mask);
	signal_restore_altstack(&uc.stack);
	return 0;
}

int64_t
sys_rt_sigreturn(void)
{
	struct task *t = current_task();
	struct trap_frame *f = arch_thread_frame(&t->thread);
	t->restart.fn = NULL;
	f->syscall = -1; /* whatever x0 becomes, it is no call's result */
	if (restore_frame(f, t) != 0) {
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
