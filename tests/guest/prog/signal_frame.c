/* SPDX-License-Identifier: MIT */
/* What a handler is given and what it may change: frames, registers, stacks; faults and their addresses. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "guest.h"

static volatile sig_atomic_t caught, caught_code;
static volatile uintptr_t caught_addr, caught_pc;

static void
handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static void
note(int sig, siginfo_t *info, void *context)
{
	caught = sig;
}

/* --- Registers. --- */

static void
clobber(int sig, siginfo_t *info, void *context)
{
	caught++;
	__asm__ volatile("movi v0.2d, #0\n\tmovi v9.2d, #0\n\tmovi v30.2d, #0\n\tmov x1, #0\n\tmov "
			 "x17, #0\n\t"
			 "cmp xzr, xzr\n\tmsr fpsr, xzr\n\tmsr fpcr, xzr"
		:
		:
		: "v0", "v9", "v30", "x1", "x17", "cc");
}

/* kill(self) by hand: every register but x0 is as it was, however the handler used it. */
GUEST_TEST(signal_keeps_registers)
{
	handle(SIGUSR1, clobber, 0);
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t pid = (uint64_t)getpid(), bad, fpcr = 0x400000,
			 in = 0x1234567890abcdefULL + i;
		__asm__ volatile("msr fpcr, %3\n\t"
				 "mov x9, %2\n\tmov x17, %2\n\tmov x18, %2\n\tmov x26, %2\n\tmvn "
				 "x27, %2\n\tfmov d9, %2\n\t"
				 "fmov v30.d[1], %2\n\tfmov d0, %2\n\t"
				 "mov x0, %1\n\tmov x1, #10\n\tmov x8, #129\n\tsvc #0\n\t"
				 "mov %0, x0\n\teor x9, x9, %2\n\torr %0, %0, x9\n\teor x17, x17, "
				 "%2\n\torr %0, %0, x17\n\t"
				 "eor x18, x18, %2\n\torr %0, %0, x18\n\teor x26, x26, %2\n\torr "
				 "%0, %0, x26\n\t"
				 "mvn x27, x27\n\teor x27, x27, %2\n\torr %0, %0, x27\n\t"
				 "fmov x9, d9\n\teor x9, x9, %2\n\torr %0, %0, x9\n\t"
				 "fmov x9, v30.d[1]\n\teor x9, x9, %2\n\torr %0, %0, x9\n\t"
				 "fmov x9, d0\n\teor x9, x9, %2\n\torr %0, %0, x9\n\t"
				 "sub x1, x1, #10\n\torr %0, %0, x1\n\t"
				 "mrs x9, fpcr\n\teor x9, x9, %3\n\torr %0, %0, x9\n\tmsr fpcr, xzr"
			: "=&r"(bad)
			: "r"(pid), "r"(in), "r"(fpcr)
			: "x0", "x1", "x8", "x9", "x17", "x18", "x26", "x27", "v0", "v9", "v30",
			"memory", "cc");
		CHECK_EQ(bad, 0);
	}
	CHECK_EQ(caught, 200);
}

/* A handler reads and writes the registers of what it interrupted. */
static void
change_registers(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct fpsimd {
		uint32_t magic, size, fpsr, fpcr;
		__uint128_t vregs[32];
	} *fp = (struct fpsimd *)uc->uc_mcontext.__reserved;
	caught = fp->magic == 0x46508001 && fp->size == sizeof(*fp) &&
		uc->uc_mcontext.regs[19] == 0x1919;
	uc->uc_mcontext.regs[19] = 0x9191;
	fp->vregs[8] = 77;
}

GUEST_TEST(signal_changes_registers)
{
	uint64_t x19, d8;
	handle(SIGUSR1, change_registers, 0);
	__asm__ volatile("mov x19, #0x1919\n\tmov x0, %2\n\tmov x1, #10\n\tmov x8, #129\n\tsvc "
			 "#0\n\tmov %0, x19\n\tfmov %1, d8"
		: "=&r"(x19), "=&r"(d8)
		: "r"((uint64_t)getpid())
		: "x0", "x1", "x8", "x19", "d8", "memory");
	CHECK_EQ(caught, 1);
	CHECK_EQ(x19, 0x9191);
	CHECK_EQ(d8, 77);
}

/* --- Floating point under preemption. --- */

static bool
fp_loop(uint64_t seed, double seconds)
{
	double end = guest_now() + seconds;
	do {
		uint64_t bad;
		__asm__ volatile("dup v0.2d, %1\n\tdup v7.2d, %1\n\tdup v8.2d, %1\n\tdup v15.2d, "
				 "%1\n\tdup v16.2d, %1\n\t"
				 "dup v31.2d, %1\n\tmov x10, #20000\n"
				 "1:\tsub x10, x10, #1\n\tcbnz x10, 1b\n\t"
				 "eor v0.16b, v0.16b, v7.16b\n\teor v8.16b, v8.16b, v15.16b\n\teor "
				 "v16.16b, v16.16b, v31.16b\n\t"
				 "orr v0.16b, v0.16b, v8.16b\n\torr v0.16b, v0.16b, "
				 "v16.16b\n\tfmov x10, d0\n\t"
				 "fmov %0, v0.d[1]\n\torr %0, %0, x10\n\tfmov x10, d31\n\teor x10, "
				 "x10, %1\n\torr %0, %0, x10"
			: "=&r"(bad)
			: "r"(seed)
			: "x10", "v0", "v7", "v8", "v15", "v16", "v31");
		if (bad != 0)
			return false;
	} while (guest_now() < end);
	return true;
}

static void
fp_process(void *arg)
{
	CHECK(fp_loop(*(uint64_t *)arg, 0.5));
}

static void *
fp_thread(void *arg)
{
	CHECK(fp_loop((uint64_t)(uintptr_t)arg, 0.5));
	return NULL;
}

/* More busy users of the registers than CPUs, in processes and threads, with signals that use them too. */
GUEST_TEST(fp_is_each_threads_own)
{
	enum { N = 6 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pid[16];
	pthread_t t[N];
	struct itimerval tick = {{0, 1000}, {0, 1000}};
	int processes = cpus > 8 ? 8 : (int)cpus + 1;
	for (int i = 0; i < processes; i++) {
		uint64_t seed = 0x0101010101010101ULL * (uint64_t)(i + 1);
		pid[i] = guest_spawn(fp_process, &seed);
	}
	handle(SIGALRM, clobber, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &tick, NULL), 0);
	for (uintptr_t i = 0; i < N; i++)
		CHECK_EQ(pthread_create(
				 &t[i], NULL, fp_thread, (void *)(0x1111111111111111ULL * (i + 1))),
			0);
	CHECK(fp_loop(0xfefefefefefefefe, 0.5));
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK(caught > 0);
	for (int i = 0; i < processes; i++)
		CHECK_EQ(guest_reap(pid[i]), 0);
}

/* --- Stacks. --- */

static char alternate[65536] __attribute__((aligned(16)));
static volatile uintptr_t stack_inside;
static stack_t stack_state;

static void
note_stack(int sig, siginfo_t *info, void *context)
{
	caught = sig;
	stack_inside = (uintptr_t)__builtin_frame_address(0);
	CHECK_EQ(sigaltstack(NULL, &stack_state), 0);
}

static bool
on_alternate(uintptr_t at)
{
	return at - (uintptr_t)alternate < sizeof(alternate);
}

GUEST_TEST(signal_altstack)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, old;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	handle(SIGUSR2, note_stack, 0);
	raise(SIGUSR1);
	CHECK(on_alternate(stack_inside));
	CHECK_EQ(stack_state.ss_flags, SS_ONSTACK);
	raise(SIGUSR2);
	CHECK(!on_alternate(stack_inside));
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == (void *)alternate && old.ss_size == sizeof(alternate) &&
		old.ss_flags == 0);
	ss.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = 78;
	CHECK_ERRNO(syscall(SYS_sigaltstack, &ss, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_sigaltstack, 8, NULL), EFAULT);
	ss.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	raise(SIGUSR1);
	CHECK(!on_alternate(stack_inside));
}

static void
change_stack_inside(int sig, siginfo_t *info, void *context)
{
	stack_t ss = {.ss_flags = SS_DISABLE};
	caught = sigaltstack(&ss, NULL) == -1 && errno == EPERM;
}

GUEST_TEST(signal_altstack_in_use)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	handle(SIGUSR1, change_stack_inside, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK_EQ(caught, 1);
}

#define AUTODISARM INT_MIN /* the topmost bit */

GUEST_TEST(signal_altstack_autodisarm)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate), .ss_flags = AUTODISARM},
		old;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(on_alternate(stack_inside));
	CHECK_EQ(stack_state.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == (void *)alternate && old.ss_flags == AUTODISARM); /* back again */
}

static void
overflow(int depth)
{
	volatile char big[4096];
	big[0] = (char)depth;
	if (depth > 0)
		overflow(depth + 1);
	big[1] = big[0];
}

static void
exit_7(int sig, siginfo_t *info, void *context)
{
	_exit(on_alternate((uintptr_t)__builtin_frame_address(0)) ? 7 : 8);
}

static void
overflow_stack(void *arg)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	sigaltstack(&ss, NULL);
	handle(SIGSEGV, exit_7, SA_ONSTACK);
	overflow(1);
}

static void
overflow_stack_without_alternate(void *arg)
{
	handle(SIGSEGV, exit_7, 0);
	overflow(1);
}

GUEST_TEST(signal_stack_overflow)
{
	CHECK_EQ(WEXITSTATUS(guest_fork(overflow_stack, NULL)), 7);
	CHECK_EQ(WTERMSIG(guest_fork(overflow_stack_without_alternate, NULL)), SIGSEGV);
}

/* A frame that cannot be written is a SIGSEGV, and if that one's cannot either, the end. */
static void
signal_without_stack(void *arg)
{
	handle(SIGUSR1, note, 0);
	handle(SIGSEGV, exit_7, *(int *)arg ? SA_ONSTACK : 0);
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	sigaltstack(&ss, NULL);
	__asm__ volatile(
		"mov x8, #129\n\tmov x0, %0\n\tmov x1, #10\n\tmov sp, #4096\n\tsvc #0\n\tbrk #1"
		:
		: "r"((uint64_t)getpid())
		: "x0", "x1", "x8", "memory");
}

GUEST_TEST(signal_frame_unwritable)
{
	int on_alternate_stack = 1;
	CHECK_EQ(WEXITSTATUS(guest_fork(signal_without_stack, &on_alternate_stack)), 7);
	on_alternate_stack = 0;
	CHECK_EQ(WTERMSIG(guest_fork(signal_without_stack, &on_alternate_stack)), SIGSEGV);
}

/* --- Faults. --- */

static void
skip(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	caught = sig;
	caught_code = info->si_code;
	caught_addr = (uintptr_t)info->si_addr;
	caught_pc = uc->uc_mcontext.pc;
	uc->uc_mcontext.pc += 4;
}

static void
expect_fault(int sig, int code)
{
	CHECK_EQ(caught, sig);
	CHECK_EQ(caught_code, code);
	caught = caught_code = 0;
}

static void
load(volatile void *at)
{
	__asm__ volatile("ldrb w0, [%0]" : : "r"(at) : "x0", "memory");
}

static void
store(volatile void *at)
{
	__asm__ volatile("strb wzr, [%0]" : : "r"(at) : "memory");
}

GUEST_TEST(fault_addresses)
{
	handle(SIGSEGV, skip, 0);
	handle(SIGBUS, skip, 0);
	static const uintptr_t unmapped[] = {
		0, 0x10, 0xfff, 0x7fffffffffff0ULL, 0xffff000000000000ULL, 0xfffffffffffffff0ULL};
	for (size_t i = 0; i < sizeof(unmapped) / sizeof(unmapped[0]); i++) {
		store((volatile char *)unmapped[i]);
		expect_fault(SIGSEGV, SEGV_MAPERR);
		if (unmapped[i] < 0x1000000000000ULL)
			CHECK_EQ(caught_addr, unmapped[i]);
		load((volatile char *)unmapped[i]);
		expect_fault(SIGSEGV, SEGV_MAPERR);
	}
	char *p = mmap(NULL, 12288, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_NONE), 0);
	CHECK_EQ(munmap(p + 8192, 4096), 0);
	load(p);
	CHECK_EQ(caught, 0);
	store(p + 5);
	expect_fault(SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 5);
	load(p + 4096 + 9);
	expect_fault(SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 4096 + 9);
	load(p + 8192);
	expect_fault(SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 8192);
	munmap(p, 8192);
	store((volatile char *)(uintptr_t)exit_7); /* the program's own code */
	expect_fault(SIGSEGV, SEGV_ACCERR);
}

static sigjmp_buf back;

static void
jump_back(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	caught = sig;
	caught_code = info->si_code;
	caught_addr = (uintptr_t)info->si_addr;
	caught_pc = uc->uc_mcontext.pc;
	siglongjmp(back, 1);
}

static void
call(uintptr_t at)
{
	if (sigsetjmp(back, 1) == 0)
		((void (*)(void))at)();
}

/* Loads and stores ignore the top byte of a pointer; calls do not; si_addr has it only for who asks for it. */
GUEST_TEST(fault_tags_are_ignored)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	char *tagged = (char *)((uintptr_t)p | 0x5aull << 56);
	handle(SIGSEGV, skip, 0);
	p[0] = 7;
	store(tagged);
	store(tagged + 4096 + 9); /* where nothing is yet */
	CHECK_EQ(caught, 0);
	CHECK_EQ(p[0], 0);
	int fd[2];
	CHECK_EQ(pipe(fd), 0);
	CHECK_ERRNO(write(fd[1], tagged, 1), EFAULT);
	CHECK_EQ(munmap(p, 4096), 0);
	store(tagged + 3);
	expect_fault(SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 3);
	handle(SIGSEGV, skip, 0x800 /* SA_EXPOSE_TAGBITS */);
	load(tagged + 3);
	expect_fault(SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(caught_addr, (uintptr_t)tagged + 3);
	munmap(p + 4096, 4096);
}

GUEST_TEST(fault_on_execution)
{
	handle(SIGSEGV, jump_back, 0);
	handle(SIGBUS, jump_back, 0);
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p[0] = 0xd65f03c0; /* ret */
	call((uintptr_t)p);
	expect_fault(SIGSEGV, SEGV_ACCERR);
	CHECK_EQ(caught_addr, p);
	CHECK_EQ(caught_pc, p);
	call(0x1000);
	expect_fault(SIGSEGV, SEGV_MAPERR);
	CHECK_EQ(caught_addr, 0x1000);
	call((uintptr_t)exit_7 + 2); /* between two instructions */
	expect_fault(SIGBUS, BUS_ADRALN);
	CHECK_EQ(caught_addr, (uintptr_t)exit_7 + 2);
	call(0xffff000000001000);
	CHECK_EQ(caught, SIGSEGV);
	munmap(p, 4096);
}

GUEST_TEST(fault_instructions)
{
	handle(SIGILL, skip, 0);
	handle(SIGTRAP, skip, 0);
	handle(SIGSEGV, skip, 0);
	handle(SIGBUS, skip, 0);
	uintptr_t at;
	__asm__ volatile("adr %0, 1f\n1:\t.inst 0x00000000" : "=r"(at) : : "memory");
	expect_fault(SIGILL, ILL_ILLOPC);
	CHECK_EQ(caught_addr, at);
	CHECK_EQ(caught_pc, at);
	__asm__ volatile("adr %0, 1f\n1:\tmsr ttbr0_el1, xzr" : "=r"(at) : : "memory");
	CHECK_EQ(caught, SIGILL);
	CHECK_EQ(caught_addr, at);
	caught = 0;
	__asm__ volatile("adr %0, 1f\n1:\tbrk #7" : "=r"(at) : : "memory");
	expect_fault(SIGTRAP, TRAP_BRKPT);
	CHECK_EQ(caught_addr, at);
	__asm__ volatile("hlt #0" : : : "memory");
	CHECK_EQ(caught, SIGILL);
	caught = 0;
	__asm__ volatile("smc #0" : : : "memory");
	CHECK_EQ(caught, SIGILL);
	caught = 0;
	/* An exclusive access must be aligned. */
	__asm__ volatile("ldxr x0, [%0]" : : "r"((uintptr_t)alternate + 1) : "x0", "memory");
	expect_fault(SIGBUS, BUS_ADRALN);
	CHECK_EQ(caught_addr, (uintptr_t)alternate + 1);
}

static void
nothing(int sig)
{
	(void)sig;
}

/* What libraries use without asking: the counter, cache maintenance, zeroing by blocks. The rest of the machine is shut. */
GUEST_TEST(instructions_of_user_mode)
{
	static uint8_t memory[4096] __attribute__((aligned(2048)));
	uint64_t ctr, dczid, from, to, frequency;
	handle(SIGILL, skip, 0);
	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	__asm__ volatile("mrs %0, dczid_el0" : "=r"(dczid));
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(from) : : "memory");
	CHECK((ctr >> 31 & 1) == 1 && frequency != 0);
	CHECK((dczid & 16) == 0); /* DC ZVA may be used */
	size_t block = (size_t)4 << (dczid & 15);
	memset(memory, 0xff, sizeof(memory));
	__asm__ volatile("dc zva, %0" : : "r"(memory + 2048) : "memory");
	for (size_t i = 0; i < sizeof(memory); i++)
		CHECK_EQ(memory[i], i >= 2048 && i < 2048 + block ? 0 : 0xff);
	__asm__ volatile("dc cvac, %0\n\tdc cvau, %0\n\tdc civac, %0\n\tdsb ish\n\t"
			 "ic ivau, %0\n\tdsb ish\n\tisb"
		:
		: "r"(memory)
		: "memory");
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(to) : : "memory");
	CHECK(to >= from);
	/* Waiting is allowed, as in Linux: the waits of a program that spins end with the next interrupt, or at once. */
	struct itimerval soon = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	signal(SIGALRM, nothing);
	setitimer(ITIMER_REAL, &soon, NULL);
	__asm__ volatile("sevl\n\twfe\n\twfi" : : : "memory");
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK_EQ(caught, 0);
	/* Data that was not written back may not be thrown away, no timer set, nobody's cycles counted. */
	__asm__ volatile("dc ivac, %0" : : "r"(memory) : "memory");
	CHECK_EQ(caught, SIGILL);
	caught = 0;
	__asm__ volatile("msr cntv_ctl_el0, xzr" : : : "memory");
	CHECK_EQ(caught, SIGILL);
	caught = 0;
	__asm__ volatile("mrs %0, pmccntr_el0" : "=r"(from));
	CHECK_EQ(caught, SIGILL);
}

/* QEMU's CPUs do not trap floating-point exceptions: SIGFPE comes from kill alone, with the sender's word for it. */
GUEST_TEST(fault_sigfpe_is_delivered)
{
	handle(SIGFPE, skip, 0);
	__asm__ volatile("mov x0, %0\n\tmov x1, #8\n\tmov x8, #129\n\tsvc #0\n\tnop"
		:
		: "r"((uint64_t)getpid())
		: "x0", "x1", "x8", "memory");
	expect_fault(SIGFPE, SI_USER);
}

/* Beyond the end of a mapped file. */
GUEST_TEST(fault_past_end_of_file)
{
	char name[] = "/tmp/busXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(ftruncate(fd, 100), 0);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	handle(SIGBUS, skip, 0);
	store(p + 4000); /* in the last page */
	CHECK_EQ(caught, 0);
	store(p + 4096 + 10);
	expect_fault(SIGBUS, BUS_ADRERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 4096 + 10);
	munmap(p, 8192);
	close(fd);
}

/* An address that a call is given is an error, not a signal. */
GUEST_TEST(fault_in_a_call_is_an_error)
{
	int p[2];
	handle(SIGSEGV, skip, 0);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERRNO(write(p[1], (void *)16, 10), EFAULT);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_ERRNO(read(p[0], (void *)16, 1), EFAULT);
	CHECK_EQ(caught, 0);
}

static void
fault_blocked(void *arg)
{
	sigset_t set;
	if (*(int *)arg & 1) {
		sigfillset(&set);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	if (*(int *)arg & 2)
		signal(SIGSEGV, SIG_IGN);
	else
		handle(SIGSEGV, skip, 0);
	store((volatile char *)8);
	store((volatile char *)8);
	_exit(0);
}

GUEST_TEST(fault_cannot_be_ignored)
{
	for (int how = 0; how < 4; how++) {
		int status = guest_fork(fault_blocked, &how);
		if (how == 0)
			CHECK_EQ(status, 0);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

/* --- What sigreturn is given. --- */

static int garbage_kind;
static unsigned garbage_seed;

static void
spoil_frame(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint32_t *records = (uint32_t *)uc->uc_mcontext.__reserved;
	uint8_t *bytes = (uint8_t *)context;
	switch (garbage_kind) {
	case 0:
		uc->uc_mcontext.pstate = 5; /* EL1 */
		break;
	case 1:
		uc->uc_mcontext.pstate |= 0x3c0; /* interrupts masked */
		break;
	case 2:
		uc->uc_mcontext.pstate |= 0x10; /* 32 bits */
		break;
	case 3:
		records[0] = 0x12345678; /* no record that anybody knows */
		break;
	case 4:
		records[1] = 0;
		break;
	case 5:
		records[1] = 0xfffffff0;
		break;
	case 6:
		records[0] = records[1] = 0; /* none at all */
		break;
	case 7:
		uc->uc_mcontext.pc = 0xffff000000000000ULL;
		break;
	case 8:
		uc->uc_mcontext.pc = 0;
		break;
	case 9:
		uc->uc_mcontext.sp = 0xffff000000000000ULL;
		uc->uc_mcontext.pc = (uintptr_t)overflow;
		break;
	default:
		for (int i = 0; i < 40; i++) {
			garbage_seed = garbage_seed * 1103515245 + 12345;
			bytes[(garbage_seed >> 8) % (sizeof(*uc) - 3800)] =
				(uint8_t)(garbage_seed >> 24);
		}
	}
}

static void
return_to_garbage(void *arg)
{
	garbage_kind = *(int *)arg;
	garbage_seed = (unsigned)garbage_kind * 7919;
	handle(SIGUSR1, spoil_frame, 0);
	raise(SIGUSR1);
	_exit(0);
}

static void
return_without_frame(void *arg)
{
	static const uintptr_t stacks[] = {
		0, 8, 16, 0x7ffffffffff0, 0xffff000000000000, 0xfffffffffffffff0};
	__asm__ volatile("mov x8, #139\n\tmov sp, %0\n\tsvc #0\n\tbrk #1"
		:
		: "r"(stacks[*(int *)arg])
		: "x8", "memory");
}

GUEST_TEST(sigreturn_garbage)
{
	for (int kind = 0; kind < 10; kind++) {
		int status = guest_fork(return_to_garbage, &kind);
		if (!WIFSIGNALED(status) ||
			(WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS))
			guest_fail(__FILE__, __LINE__, "kind %d: status %#x", kind, status);
	}
	/* With random damage any end will do; what loops is ended after a while. */
	for (int kind = 10; kind < 110; kind++) {
		pid_t pid = guest_spawn(return_to_garbage, &kind);
		double end = guest_now() + 0.2;
		while (waitpid(pid, NULL, WNOHANG) == 0)
			if (guest_now() > end)
				kill(pid, SIGKILL);
	}
	for (int i = 0; i < 6; i++)
		CHECK_EQ(WTERMSIG(guest_fork(return_without_frame, &i)), SIGSEGV);
}

/* Flags of PSTATE that are the program's come back, no others. */
static void
set_flags(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uc->uc_mcontext.pstate |= 0xf0000000;
}

GUEST_TEST(sigreturn_restores_flags)
{
	uint64_t nzcv;
	handle(SIGUSR1, set_flags, 0);
	__asm__ volatile("msr nzcv, xzr\n\tmov x0, %1\n\tmov x1, #10\n\tmov x8, #129\n\tsvc "
			 "#0\n\tmrs %0, nzcv"
		: "=&r"(nzcv)
		: "r"((uint64_t)getpid())
		: "x0", "x1", "x8", "memory", "cc");
	CHECK_EQ(nzcv, 0xf0000000);
}

/* A process that gives no SA_RESTORER (as static glibc does) returns through the vDSO. */
static volatile uintptr_t return_address;

static void
note_return_address(int sig)
{
	return_address = (uintptr_t)__builtin_return_address(0);
}

GUEST_TEST(signal_without_restorer)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} sa = {.handler = note_return_address};
	CHECK_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 8), 0);
	for (int i = 0; i < 3; i++)
		raise(SIGUSR1);
	uintptr_t vdso = getauxval(33); /* AT_SYSINFO_EHDR */
	CHECK(vdso != 0 && return_address - vdso < 65536);
}
