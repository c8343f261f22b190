/* SPDX-License-Identifier: MIT */
/* Signals: sending, masks, handlers and their frames, stops, waiting, faults, restarted calls. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "guest.h"

static volatile sig_atomic_t caught, caught_code;
static volatile uintptr_t caught_addr;

static void
count(int sig)
{
	caught++;
}

static void
note(int sig, siginfo_t *info, void *context)
{
	caught = sig;
	caught_code = info->si_code;
	caught_addr = (uintptr_t)info->si_addr;
}

static void
handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

GUEST_TEST(signal_defaults)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
		SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT,
		SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, 40, 64};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			syscall(SYS_kill, getpid(), ends[i]);
			_exit(0);
		}
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), ends[i]);
	}
	CHECK_EQ(kill(getpid(), SIGCHLD), 0);
	CHECK_EQ(kill(getpid(), SIGWINCH), 0);
	CHECK_EQ(kill(getpid(), SIGURG), 0);
	CHECK_EQ(kill(getpid(), SIGCONT), 0);
}

GUEST_TEST(signal_errors)
{
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK_ERRNO(kill(getpid(), -1), EINVAL);
	CHECK_ERRNO(kill(4194303, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 4194303, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
	struct sigaction sa = {.sa_handler = SIG_IGN};
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, &sa, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGTERM, NULL, NULL, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 7, &sa, NULL, 8), EINVAL);
}

GUEST_TEST(signal_mask_and_pending)
{
	sigset_t set, old;
	handle(SIGUSR1, count, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(caught, 0);
	CHECK_EQ(sigpending(&set), 0);
	CHECK(sigismember(&set, SIGUSR1));
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(caught, 1);
}

static volatile int order[8], nr_order;
static void
in_order(int sig, siginfo_t *info, void *context)
{
	order[nr_order++] = info->si_value.sival_int;
}

GUEST_TEST(signal_realtime_queue)
{
	struct sigaction sa = {.sa_sigaction = in_order, .sa_flags = SA_SIGINFO};
	int rt = SIGRTMIN + 3;
	sigfillset(&sa.sa_mask);
	CHECK_EQ(sigaction(rt, &sa, NULL), 0);
	CHECK_EQ(sigaction(rt + 1, &sa, NULL), 0);
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, rt);
	sigaddset(&set, rt + 1);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sigqueue(getpid(), rt + 1, (union sigval){.sival_int = 10 + i}), 0);
		CHECK_EQ(sigqueue(getpid(), rt, (union sigval){.sival_int = i}), 0);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_EQ(nr_order, 6);
	/* Each handler's mask holds the rest back, so they run one after the other, lowest number first. */
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(order[i], i);
		CHECK_EQ(order[3 + i], 10 + i);
	}
}

GUEST_TEST(signal_queue_limit)
{
	struct rlimit r = {8, 8};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &r), 0);
	int n = 0;
	while (n < 100 && sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = n}) == 0)
		n++;
	CHECK(n <= 8 && n >= 4);
	CHECK_EQ(errno, EAGAIN);
}

GUEST_TEST(signal_keeps_registers)
{
	/* Floating point registers and flags survive a handler that changes them. */
	handle(SIGUSR1, count, 0);
	for (int i = 0; i < 200; i++) {
		double d = i * 1.5, e;
		uint64_t x26 = 0x1234567890abcdefULL + (uint64_t)i, got26, got27;
		__asm__ volatile("fmov d9, %d2\n\tfmov d30, %d2\n\tmov x26, %3\n\tmvn x27, %3\n\t"
				 "mov x0, %4\n\tmov x8, #129\n\tmov x1, #10\n\tsvc #0\n\t"
				 "fadd d9, d9, d30\n\tfmov %d0, d9\n\tmov %1, x26\n\tstr x27, [%5]"
			: "=&w"(e), "=&r"(got26)
			: "w"(d), "r"(x26), "r"((uint64_t)getpid()), "r"(&got27)
			: "x0", "x1", "x8", "x26", "x27", "d9", "d30", "memory");
		CHECK(e == 2 * d);
		CHECK(got26 == x26);
		CHECK(got27 == ~x26);
	}
	CHECK_EQ(caught, 200);
}

static void
clobber_fp(int sig)
{
	__asm__ volatile("movi v9.2d, #0\n\tmovi v30.2d, #0\n\tmsr fpsr, xzr" : : : "v9", "v30");
	caught++;
}

GUEST_TEST(signal_keeps_fp)
{
	handle(SIGUSR1, clobber_fp, 0);
	double e, d = 7.25;
	__asm__ volatile("fmov d9, %d1\n\tmov x0, %2\n\tmov x8, #129\n\tmov x1, #10\n\tsvc "
			 "#0\n\tfmov %d0, d9"
		: "=&w"(e)
		: "w"(d), "r"((uint64_t)getpid())
		: "x0", "x1", "x8", "d9", "memory");
	CHECK(e == d);
	CHECK_EQ(caught, 1);
}

GUEST_TEST(signal_altstack)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;
	struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	raise(SIGUSR1);
	CHECK_EQ(caught, SIGUSR1);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == (void *)stack && old.ss_size == sizeof(stack) && old.ss_flags == 0);
	ss.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_size = sizeof(stack);
	ss.ss_flags = 77;
	CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
	ss.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
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
exit_7(int sig)
{
	_exit(7);
}

static void
overflow_stack(void *arg)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigaltstack(&ss, NULL);
	handle(SIGSEGV, exit_7, SA_ONSTACK);
	overflow(1);
}

GUEST_TEST(signal_stack_overflow)
{
	int status = guest_fork(overflow_stack, NULL);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

GUEST_TEST(signal_resethand_nodefer)
{
	handle(SIGUSR1, count, SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction sa;
	CHECK_EQ(sigaction(SIGUSR1, NULL, &sa), 0);
	CHECK(sa.sa_handler == SIG_DFL);
	CHECK_EQ(caught, 1);
}

static void
segv_write(void *arg)
{
	struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESETHAND};
	sigaction(SIGSEGV, &sa, NULL);
	*(volatile int *)arg = 1;
}

static void
jump_over(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	note(sig, info, context);
	uc->uc_mcontext.pc += 4;
}

GUEST_TEST(signal_faults)
{
	struct sigaction sa = {.sa_sigaction = jump_over, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	volatile int *null = (volatile int *)(uintptr_t)0x10;
	__asm__ volatile("str wzr, [%0]" : : "r"(null) : "memory");
	CHECK_EQ(caught, SIGSEGV);
	CHECK_EQ(caught_code, SEGV_MAPERR);
	CHECK_EQ(caught_addr, 0x10);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__asm__ volatile("strb wzr, [%0]" : : "r"(p + 5) : "memory");
	CHECK_EQ(caught, SIGSEGV);
	CHECK_EQ(caught_code, SEGV_ACCERR);
	CHECK_EQ(caught_addr, (uintptr_t)p + 5);
	munmap(p, 4096);
	caught = 0;
	__asm__ volatile(".inst 0x00000000" : : : "memory");
	CHECK_EQ(caught, SIGILL);
	CHECK_EQ(caught_code, ILL_ILLOPC);
	caught = 0;
	__asm__ volatile("brk #7" : : : "memory");
	CHECK_EQ(caught, SIGTRAP);
	CHECK_EQ(caught_code, TRAP_BRKPT);
	(void)segv_write;
}

static void
fault_blocked(void *arg)
{
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGSEGV, SIG_IGN);
	*(volatile int *)(uintptr_t)8 = 1;
}

GUEST_TEST(signal_fault_cannot_be_ignored)
{
	int status = guest_fork(fault_blocked, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void
bad_frame(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uc->uc_mcontext.pstate = 5; /* EL1 */
}

static void
return_to_el1(void *arg)
{
	struct sigaction sa = {.sa_sigaction = bad_frame, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
}

static void
return_without_frame(void *arg)
{
	syscall(SYS_rt_sigreturn);
}

GUEST_TEST(signal_bad_sigreturn)
{
	int status = guest_fork(return_to_el1, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = guest_fork(return_without_frame, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void
write_later(pid_t to, int fd)
{
	usleep(20000);
	kill(to, SIGUSR1);
	usleep(20000);
	(void)!write(fd, "x", 1);
	_exit(0);
}

GUEST_TEST(signal_restart)
{
	for (int restart = 0; restart < 2; restart++) {
		int p[2];
		char c;
		CHECK_EQ(pipe(p), 0);
		caught = 0;
		handle(SIGUSR1, count, restart ? SA_RESTART : 0);
		pid_t me = getpid(), pid = fork();
		if (pid == 0)
			write_later(me, p[1]);
		errno = 0;
		ssize_t n = read(p[0], &c, 1);
		CHECK_EQ(n, restart ? 1 : -1);
		CHECK_EQ(errno, restart ? 0 : EINTR);
		CHECK_EQ(caught, 1);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		close(p[0]);
		close(p[1]);
	}
}

GUEST_TEST(nanosleep_remainder)
{
	struct timespec ts = {10, 0}, rem = {0, 0};
	struct itimerval it = {.it_value = {0, 50000}};
	handle(SIGALRM, count, 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERRNO(nanosleep(&ts, &rem), EINTR);
	CHECK(rem.tv_sec == 9 && rem.tv_nsec > 0);
	alarm(GUEST_SECONDS);
	ts = (struct timespec){0, 1000000000};
	CHECK_ERRNO(nanosleep(&ts, NULL), EINVAL);
	double t = guest_now();
	ts = (struct timespec){0, 30000000};
	CHECK_EQ(nanosleep(&ts, NULL), 0);
	CHECK(guest_now() - t >= 0.03);
}

GUEST_TEST(stopped_sleep_goes_on)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct timespec ts = {0, 300000000};
		double t = guest_now();
		_exit(nanosleep(&ts, NULL) == 0 && guest_now() - t >= 0.3 ? 0 : 1);
	}
	int status;
	usleep(20000);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

GUEST_TEST(stop_and_kill)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	int status;
	siginfo_t info = {0};
	CHECK_EQ(kill(pid, SIGTSTP), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGTSTP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGTERM), 0); /* waits until it is continued */
	usleep(20000);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

GUEST_TEST(kill_busy_process)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0)
			for (;;)
				__asm__ volatile("");
		if (i & 1)
			usleep(2000);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
	}
}

GUEST_TEST(sigsuspend_and_timedwait)
{
	sigset_t set, none;
	siginfo_t info;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	handle(SIGUSR1, count, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK_EQ(caught, 1);
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	struct timespec ts = {0, 10000000};
	CHECK_ERRNO(sigtimedwait(&set, &info, &ts), EAGAIN);
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		usleep(10000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(caught, 1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

GUEST_TEST(sigchld_ignored_reaps)
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 10; i++)
		if (fork() == 0)
			_exit(i);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

static void *
wait_in_thread(void *arg)
{
	sigset_t set;
	int sig;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigwait(&set, &sig);
	return (void *)(intptr_t)sig;
}

GUEST_TEST(signal_to_thread)
{
	pthread_t t;
	sigset_t set;
	void *result;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(pthread_create(&t, NULL, wait_in_thread, NULL), 0);
	usleep(5000);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0); /* to whoever waits for it */
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK_EQ((intptr_t)result, SIGUSR2);
	CHECK_EQ(pthread_create(&t, NULL, wait_in_thread, NULL), 0);
	CHECK_EQ(pthread_kill(t, SIGUSR2), 0);
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK_EQ((intptr_t)result, SIGUSR2);
}

GUEST_TEST(itimers_fire)
{
	struct itimerval it = {.it_value = {0, 5000}, .it_interval = {0, 5000}}, off = {0}, old;
	handle(SIGALRM, count, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	double t = guest_now();
	while (caught < 5)
		CHECK(guest_now() - t < 30);
	CHECK(guest_now() - t >= 0.024);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 5000);
	caught = 0;
	handle(SIGVTALRM, count, SA_RESTART);
	handle(SIGPROF, count, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
	while (caught < 3)
		CHECK(guest_now() - t < 50);
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &off, NULL), 0);
	caught = 0;
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	while (caught < 3)
		CHECK(guest_now() - t < 50);
	CHECK_EQ(setitimer(ITIMER_PROF, &off, NULL), 0);
}

GUEST_TEST(posix_timers_fire)
{
	timer_t id;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4};
	struct itimerspec its = {.it_value = {0, 2000000}, .it_interval = {0, 1000000}}, got;
	struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	ev.sigev_value.sival_int = 77;
	CHECK_EQ(sigaction(SIGRTMIN + 4, &sa, NULL), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &id), 0);
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK_EQ(timer_settime(id, 0, &its, NULL), 0);
	usleep(20000);
	siginfo_t info;
	CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 4);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_EQ(info.si_value.sival_int, 77);
	CHECK(info.si_overrun > 5);
	CHECK_EQ(timer_gettime(id, &got), 0);
	CHECK(got.it_interval.tv_nsec == 1000000 && got.it_value.tv_nsec <= 1000000);
	CHECK_EQ(timer_delete(id), 0);
	CHECK_ERRNO(syscall(SYS_timer_delete, 12345), EINVAL);
}

static void
burn(void *arg)
{
	for (;;)
		__asm__ volatile("");
}

GUEST_TEST(cpu_limit)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit r = {1, 2};
		setrlimit(RLIMIT_CPU, &r);
		burn(NULL);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}
