/* SPDX-License-Identifier: MIT */
/* Signals as Linux/arm64 programs see them: numbers, siginfo, sigaction, alternate stacks, the signal frame. */
#ifndef ABI_LINUX_SIGNAL_H
#define ABI_LINUX_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPWR    30
#define SIGSYS    31
#define SIGRTMIN  32
#define NSIG      64 /* the highest number */

#define SA_NOCLDSTOP      0x00000001u
#define SA_NOCLDWAIT      0x00000002u
#define SA_SIGINFO        0x00000004u
#define SA_UNSUPPORTED    0x00000400u
#define SA_EXPOSE_TAGBITS 0x00000800u
#define SA_RESTORER       0x04000000u
#define SA_ONSTACK        0x08000000u
#define SA_RESTART        0x10000000u
#define SA_NODEFER        0x40000000u
#define SA_RESETHAND      0x80000000u

#define SIG_DFL 0ULL
#define SIG_IGN 1ULL

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SS_ONSTACK    1u
#define SS_DISABLE    2u
#define SS_AUTODISARM 0x80000000u
#define MINSIGSTKSZ   5120u

/* si_code: who sent it. Values above 0 are the kernel's, by signal. */
#define SI_USER    0
#define SI_KERNEL  0x80
#define SI_QUEUE   (-1)
#define SI_TIMER   (-2)
#define SI_MESGQ   (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO   (-5)
#define SI_TKILL   (-6)

#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_ILLADR    3
#define ILL_ILLTRP    4
#define ILL_PRVOPC    5
#define ILL_PRVREG    6
#define ILL_COPROC    7
#define ILL_BADSTK    8
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define FPE_FLTSUB    8
#define FPE_FLTUNK    14
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define TRAP_HWBKPT   4
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define POLL_IN       1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_ERR      4
#define POLL_PRI      5
#define POLL_HUP      6

typedef uint64_t sigmask_t; /* signal n is bit n - 1 */
#define SIGMASK(sig) (1ULL << ((sig) - 1))

/* The part of siginfo_t that is ever filled; user space sees it followed by zeroes up to 128 bytes. */
struct siginfo {
	int32_t signo, error, code, pad;
	union {
		struct {
			int32_t pid;  /* also the timer's id */
			uint32_t uid; /* also the timer's overrun count */
			union {
				uint64_t value; /* SI_QUEUE, SI_TIMER */
				int32_t status; /* SIGCHLD */
			};
			int64_t utime, stime; /* SIGCHLD, in ticks of 10 ms */
		};
		struct {
			uint64_t addr; /* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
			uint16_t addr_lsb;
		};
		struct {
			int64_t band; /* SIGIO */
			int32_t fd;
		};
		struct {
			uint64_t call_addr; /* SIGSYS */
			int32_t syscall;
			uint32_t arch;
		};
		uint64_t words[4];
	};
};
#define SIGINFO_USER_SIZE 128
_Static_assert(sizeof(struct siginfo) == 48, "siginfo");
_Static_assert(offsetof(struct siginfo, pid) == 16, "siginfo.pid");
_Static_assert(offsetof(struct siginfo, value) == 24, "siginfo.value");
_Static_assert(offsetof(struct siginfo, utime) == 32, "siginfo.utime");
_Static_assert(offsetof(struct siginfo, fd) == 24, "siginfo.fd");

struct sigaction_user { /* rt_sigaction(2) */
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	sigmask_t mask;
};
_Static_assert(sizeof(struct sigaction_user) == 32, "sigaction");

struct sigaltstack_user {
	uint64_t sp;
	uint32_t flags, pad;
	uint64_t size;
};
_Static_assert(sizeof(struct sigaltstack_user) == 24, "stack_t");

struct sigevent_user { /* 64 bytes */
	uint64_t value;
	int32_t signo;
	int32_t notify;
	int32_t tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct sigevent_user) == 64, "sigevent");
#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

/* struct sigcontext and its records (arch/arm64). */
struct sigcontext_user {
	uint64_t fault_address;
	uint64_t regs[31];
	uint64_t sp, pc, pstate;
	uint64_t pad; /* records are 16-byte aligned */
	uint8_t records[4096];
};
struct ucontext_user {
	uint64_t flags, link;
	struct sigaltstack_user stack;
	sigmask_t mask;
	uint8_t unused[128 - sizeof(sigmask_t)];
	uint64_t pad;
	struct sigcontext_user mcontext;
};
struct sigframe_user {
	uint8_t info[SIGINFO_USER_SIZE];
	struct ucontext_user uc;
};
_Static_assert(offsetof(struct ucontext_user, mcontext) == 176, "ucontext.uc_mcontext");
_Static_assert(offsetof(struct sigcontext_user, records) == 288, "sigcontext.__reserved");
_Static_assert(sizeof(struct sigframe_user) == 128 + 176 + 288 + 4096, "rt_sigframe");

struct sigrecord {
	uint32_t magic, size;
};
#define SIGRECORD_FPSIMD 0x46508001u
#define SIGRECORD_ESR    0x45535201u
#define SIGRECORD_EXTRA  0x45585401u
struct sigrecord_fpsimd {
	struct sigrecord head;
	uint32_t fpsr, fpcr;
	__uint128_t vregs[32];
};
struct sigrecord_esr {
	struct sigrecord head;
	uint64_t esr;
};
_Static_assert(sizeof(struct sigrecord_fpsimd) == 528, "fpsimd_context");

#endif
