/* SPDX-License-Identifier: MIT */
/* Threads and futexes: creation in numbers, exit, exec and kill among threads, waiting and waking. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "abi/linux/futex.h"
#include "guest.h"

#define PRIVATE FUTEX_PRIVATE_FLAG
#define LOCK_PI 6
#define OP(op, arg, cmp, cmp_arg) \
	(((op) & 15u) << 28 | ((cmp) & 15u) << 24 | ((arg) & 0xfffu) << 12 | ((cmp_arg) & 0xfffu))

static long
futex(void *u, int op, uint32_t val, const void *timeout, void *u2, uint32_t val3)
{
	return syscall(SYS_futex, u, op, val, timeout, u2, val3);
}

static void *
nothing(void *arg)
{
	return arg;
}

GUEST_TEST(thread_create_join)
{
	for (intptr_t i = 0; i < 300; i++) {
		pthread_t t;
		void *result;
		CHECK_EQ(pthread_create(&t, NULL, nothing, (void *)i), 0);
		CHECK_EQ(pthread_join(t, &result), 0);
		CHECK_EQ((intptr_t)result, i);
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int arrived;
static bool go;

static void *
rendezvous(void *arg)
{
	pthread_mutex_lock(&mutex);
	arrived++;
	pthread_cond_broadcast(&cond);
	while (!go)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

GUEST_TEST(thousand_threads)
{
	enum { N = 1000 };
	static pthread_t t[N];
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&t[i], &attr, rendezvous, NULL), 0);
	pthread_mutex_lock(&mutex);
	while (arrived < N)
		pthread_cond_wait(&cond, &mutex);
	go = true;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static int counter;
static void *
contend(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

GUEST_TEST(mutex_contention)
{
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, contend, NULL), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(counter, 40000);
}

static void *
forever(void *arg)
{
	if (arg != NULL)
		for (;;)
			__asm__ volatile("");
	for (;;)
		pause();
}

static void
start_two(void)
{
	pthread_t t;
	pthread_create(&t, NULL, forever, NULL);
	pthread_create(&t, NULL, forever, (void *)1);
	usleep(2000);
}

static void
exit_with_threads(void *arg)
{
	start_two();
	_exit(5);
}

static void *
exec_here(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit $(($$ == $0 ? 6 : 1))", (char *)arg, (char *)NULL);
	return NULL;
}

static void
exec_in_thread(void *arg)
{
	static char pid[16];
	snprintf(pid, sizeof(pid), "%d", getpid());
	start_two();
	pthread_t t;
	pthread_create(&t, NULL, exec_here, pid);
	for (;;)
		pause();
}

static void
exec_in_leader(void *arg)
{
	start_two();
	execl("/bin/sh", "sh", "-c", "exit 8", (char *)NULL);
}

static void *
exit_process(void *arg)
{
	usleep(5000);
	_exit(9);
}

static void
leader_exits_first(void *arg)
{
	pthread_t t;
	pthread_create(&t, NULL, exit_process, NULL);
	syscall(SYS_exit, 0);
}

GUEST_TEST(thread_exit_exec)
{
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(guest_fork(exit_with_threads, NULL), 5 << 8);
		CHECK_EQ(guest_fork(exec_in_thread, NULL), 6 << 8);
		CHECK_EQ(guest_fork(exec_in_leader, NULL), 8 << 8);
		CHECK_EQ(guest_fork(leader_exits_first, NULL), 9 << 8);
	}
}

GUEST_TEST(kill_threaded_process)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			start_two();
			forever(NULL);
		}
		usleep(i * 1000);
		CHECK_EQ(kill(pid, i & 1 ? SIGKILL : SIGTERM), 0);
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
	}
}

GUEST_TEST(futex_errors)
{
	uint32_t word = 1, *p = &word;
	struct timespec ts = {0, 1000000}, bad = {0, 1000000000};
	CHECK_ERRNO(futex(p, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(p, FUTEX_WAIT, 1, &ts, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(p, FUTEX_WAIT, 1, &bad, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((char *)p + 1, FUTEX_WAIT, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((void *)8, FUTEX_WAIT, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex((void *)(~0ull << 48), FUTEX_WAIT | PRIVATE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(p, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(p, LOCK_PI, 1, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(p, 77, 1, NULL, NULL, 0), ENOSYS);
	CHECK_EQ(futex(p, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 5000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	CHECK_ERRNO(futex(p, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &ts, NULL, ~0u), ETIMEDOUT);
}

GUEST_TEST(futex_shared)
{
	_Atomic uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(word != MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		while (atomic_load(word) == 0)
			futex((void *)word, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(3);
	}
	usleep(5000);
	atomic_store(word, 1);
	futex((void *)word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	munmap((void *)word, 4096);
}

static _Atomic uint32_t first, second;
static _Atomic int awake;

static void *
wait_on_first(void *arg)
{
	futex(&first, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0);
	awake++;
	return NULL;
}

GUEST_TEST(futex_requeue)
{
	enum { N = 6 };
	pthread_t t[N];
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_on_first, NULL), 0);
	usleep(20000);
	CHECK_ERRNO(futex(&first, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)100L, &second, 5), EAGAIN);
	long n = futex(&first, FUTEX_CMP_REQUEUE | PRIVATE, 2, (void *)100L, &second, 0);
	CHECK_EQ(n, N);
	usleep(20000);
	CHECK_EQ(awake, 2);
	CHECK_EQ(futex(&first, FUTEX_WAKE | PRIVATE, 100, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&second, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0), 1);
	CHECK_EQ(futex(&second, FUTEX_WAKE | PRIVATE, 100, NULL, NULL, 0), N - 3);
	for (int i = 0; i < N; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

GUEST_TEST(futex_wake_op)
{
	uint32_t a = 0, b = 5;
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1L, &b, OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)), 0);
	CHECK_EQ(b, 8);
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1L, &b, OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_GT, 1)), 0);
	CHECK_EQ(b, 0);
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP | PRIVATE, 1, (void *)1L, &b,
			 OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_LT, 1)), 0);
	CHECK_EQ(b, 16);
}

static void *
lock_and_die(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

GUEST_TEST(robust_mutex)
{
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &attr);
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, lock_and_die, m), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		raise(SIGKILL);
	}
	CHECK_EQ(pthread_mutex_lock(m) == 0 ? pthread_mutex_unlock(m) : 0, 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	int r = pthread_mutex_lock(m);
	CHECK(r == EOWNERDEAD || r == 0 || r == ENOTRECOVERABLE);
	munmap(m, 4096);
}

GUEST_TEST(clone_errors)
{
	CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM);
	uint64_t args[12] = {0};
	CHECK_ERRNO(syscall(SYS_clone3, args, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone3, args, 5000), E2BIG);
	CHECK_ERRNO(syscall(SYS_clone3, (void *)8, 88), EFAULT);
	args[11] = 1;
	CHECK_ERRNO(syscall(SYS_clone3, args, sizeof(args)), E2BIG);
	args[11] = 0;
	args[4] = 1000;
	CHECK_ERRNO(syscall(SYS_clone3, args, sizeof(args)), EINVAL);
	args[4] = SIGCHLD;
	long pid = syscall(SYS_clone3, args, sizeof(args));
	if (pid == 0)
		_exit(4);
	int status;
	CHECK(pid > 0);
	CHECK_EQ(waitpid((pid_t)pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 4);
}
