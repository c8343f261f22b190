/* SPDX-License-Identifier: MIT */
/* Clocks, the vDSO, sleeping. */
#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static int64_t
ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t
by_call(clockid_t clock)
{
	struct timespec t;
	CHECK_EQ(syscall(SYS_clock_gettime, clock, &t), 0);
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return ns_of(t);
}

typedef int gettime_fn(clockid_t, struct timespec *);
typedef int gettimeofday_fn(struct timeval *, void *);

/* Looks a function up in the vDSO's dynamic symbols. */
static void *
vdso_function(const char *name)
{
	uintptr_t base = getauxval(AT_SYSINFO_EHDR);
	CHECK(base != 0);
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)base;
	CHECK(memcmp(e->e_ident, ELFMAG, SELFMAG) == 0);
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + e->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	uintptr_t bias = 0;
	for (int i = 0; i < e->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(base + ph[i].p_offset);
		if (ph[i].p_type == PT_LOAD)
			bias = base + ph[i].p_offset - ph[i].p_vaddr;
	}
	CHECK(dyn != NULL);
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;
	for (; dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t p = bias + dyn->d_un.d_ptr;
		if (dyn->d_tag == DT_SYMTAB)
			symbols = (const Elf64_Sym *)p;
		if (dyn->d_tag == DT_STRTAB)
			strings = (const char *)p;
		if (dyn->d_tag == DT_HASH)
			hash = (const uint32_t *)p;
	}
	CHECK(symbols != NULL && strings != NULL && hash != NULL);
	for (uint32_t i = 0; i < hash[1]; i++)
		if (strcmp(strings + symbols[i].st_name, name) == 0 && symbols[i].st_shndx != 0)
			return (void *)(bias + symbols[i].st_value);
	guest_fail(__FILE__, __LINE__, "the vDSO has no %s", name);
}

GUEST_TEST(vdso_agrees_with_the_calls)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
		CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_TAI,
		CLOCK_PROCESS_CPUTIME_ID};
	gettime_fn *gettime = (gettime_fn *)(uintptr_t)vdso_function("__kernel_clock_gettime");
	gettimeofday_fn *timeofday =
		(gettimeofday_fn *)(uintptr_t)vdso_function("__kernel_gettimeofday");
	gettime_fn *getres = (gettime_fn *)(uintptr_t)vdso_function("__kernel_clock_getres");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		for (int n = 0; n < 200; n++) {
			struct timespec t;
			int64_t before = by_call(clocks[i]);
			CHECK_EQ(gettime(clocks[i], &t), 0);
			int64_t after = by_call(clocks[i]);
			if (ns_of(t) < before || ns_of(t) > after)
				guest_fail(__FILE__, __LINE__,
					"clock %d: %lld is not between %lld and %lld",
					(int)clocks[i], (long long)ns_of(t), (long long)before,
					(long long)after);
		}
	struct timeval tv;
	struct timespec a, b;
	int64_t before = by_call(CLOCK_REALTIME);
	CHECK_EQ(timeofday(&tv, NULL), 0);
	int64_t now = (int64_t)tv.tv_sec * 1000000000 + (int64_t)tv.tv_usec * 1000;
	CHECK(now + 1000 >= before && now <= by_call(CLOCK_REALTIME));
	CHECK_EQ(getres(CLOCK_MONOTONIC, &a), 0);
	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &b), 0);
	CHECK_EQ(ns_of(a), ns_of(b));
	CHECK_EQ(gettime(99, &a), -EINVAL);
}

/* Time read on one CPU and then on another never goes back. */
static atomic_long latest;

static void *
race_clock(void *arg)
{
	long end = (long)by_call(CLOCK_MONOTONIC) + 500000000, now;
	do {
		long seen = atomic_load(&latest);
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		now = (long)ns_of(t);
		if (now < seen)
			guest_fail(__FILE__, __LINE__, "time went back by %ld ns", seen - now);
		while (seen < now && !atomic_compare_exchange_weak(&latest, &seen, now))
			;
	} while (now < end);
	return NULL;
}

GUEST_TEST(time_is_monotonic_across_cpus)
{
	pthread_t t[8];
	int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	for (int i = 0; i < n && i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, race_clock, NULL), 0);
	for (int i = 0; i < n && i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

GUEST_TEST(clock_errors)
{
	struct timespec t = {0, 0}, bad = {0, 1000000000};
	CHECK_ERRNO(syscall(SYS_clock_gettime, 99, &t), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_getres, 99, &t), EINVAL);
	CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL), 0);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &bad), EINVAL);
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	bad = (struct timespec){-1, 0};
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	CHECK_ERRNO(nanosleep((struct timespec *)8, NULL), EFAULT);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(99, 0, &t, NULL), EINVAL);
}

GUEST_TEST(nanosleep_lasts)
{
	static const long lengths[] = {0, 1, 1000, 50000, 1000000, 15000000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int n = 0; n < 5; n++) {
			struct timespec t = {0, lengths[i]};
			int64_t from = by_call(CLOCK_MONOTONIC);
			CHECK_EQ(nanosleep(&t, NULL), 0);
			CHECK(by_call(CLOCK_MONOTONIC) - from >= lengths[i]);
			from = by_call(CLOCK_REALTIME) + lengths[i];
			t = (struct timespec){from / 1000000000, from % 1000000000};
			CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL), 0);
			CHECK(by_call(CLOCK_REALTIME) >= from);
		}
}

/* A moment that has passed is no sleep; one that lies beyond all numbers is a long one. */
GUEST_TEST(nanosleep_extremes)
{
	struct timespec t = {0, 0}, end = {INT64_MAX, 999999999};
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (i)
				nanosleep(&end, NULL);
			else
				clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL);
			_exit(1);
		}
		guest_await_sleep(pid);
		guest_sleep_ms(20);
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(WTERMSIG(guest_reap(pid)), SIGKILL);
	}
}

/* Many sleepers with different ends, on all CPUs, also while nobody else runs: each wakes at its own time. */
static void *
sleep_own_time(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg * 2654435761u;
	for (int i = 0; i < 10; i++) {
		seed = seed * 1103515245 + 12345;
		struct timespec t = {0, (long)(seed >> 8) % 20000000};
		int64_t from = by_call(CLOCK_MONOTONIC);
		CHECK_EQ(nanosleep(&t, NULL), 0);
		int64_t slept = by_call(CLOCK_MONOTONIC) - from;
		CHECK(slept >= t.tv_nsec && slept < t.tv_nsec + 10000000000);
	}
	return NULL;
}

GUEST_TEST(nanosleep_many)
{
	pthread_t t[32];
	for (uintptr_t i = 0; i < 32; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, sleep_own_time, (void *)(i + 1)), 0);
	for (int i = 0; i < 32; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

/* CPU time passes while it is used, and only then; a process's is the sum of its threads'. */
static atomic_bool clock_was_read; /* until then its thread has to be there */

static void *
use_cpu(void *arg)
{
	int64_t from = by_call(CLOCK_THREAD_CPUTIME_ID);
	while (by_call(CLOCK_THREAD_CPUTIME_ID) - from < 60000000 || !atomic_load(&clock_was_read))
		;
	return NULL;
}

GUEST_TEST(cpu_clocks)
{
	pthread_t t[3];
	int64_t self, all = by_call(CLOCK_PROCESS_CPUTIME_ID);
	/* Sleep costs none; but a virtual CPU that its host stops goes on to charge who runs: one quiet try is enough. */
	int tries = 0;
	do {
		CHECK(tries++ < 20);
		self = by_call(CLOCK_THREAD_CPUTIME_ID);
		guest_sleep_ms(50);
	} while (by_call(CLOCK_THREAD_CPUTIME_ID) - self >= 40000000);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, use_cpu, NULL), 0);
	clockid_t clock;
	CHECK_EQ(pthread_getcpuclockid(t[0], &clock), 0);
	int64_t other = by_call(clock);
	CHECK_SOON(by_call(clock) > other);
	atomic_store(&clock_was_read, true);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	int64_t sum = by_call(CLOCK_PROCESS_CPUTIME_ID) - all;
	CHECK(sum >= 180000000);
	CHECK_EQ(clock_getcpuclockid(getpid(), &clock), 0);
	CHECK(by_call(clock) >= all + sum);
	struct rusage r;
	CHECK_EQ(getrusage(RUSAGE_SELF, &r), 0);
	int64_t used = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000LL +
		(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000LL;
	CHECK(used >= 180000000 && used <= by_call(CLOCK_PROCESS_CPUTIME_ID));
}
