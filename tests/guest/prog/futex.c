/* SPDX-License-Identifier: MIT */
/* futex: waiting and waking by value, bit set and address; requeues; timeouts; what a dying thread leaves behind. */
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

#include "guest.h"

enum {
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256,
	FUTEX_WAIT_PRIVATE = FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
	FUTEX_WAKE_PRIVATE = FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
	FUTEX_REQUEUE_PRIVATE = FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG,
	FUTEX_CMP_REQUEUE_PRIVATE = FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG,
	FUTEX_WAKE_OP_PRIVATE = FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
	FUTEX_WAIT_BITSET_PRIVATE = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
	FUTEX_WAKE_BITSET_PRIVATE = FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG,
	FUTEX_OP_SET = 0,
	FUTEX_OP_ADD = 1,
	FUTEX_OP_OR = 2,
	FUTEX_OP_ANDN = 3,
	FUTEX_OP_XOR = 4,
	FUTEX_OP_CMP_EQ = 0,
	FUTEX_OP_CMP_NE = 1,
	FUTEX_OP_CMP_LT = 2,
	FUTEX_OP_CMP_LE = 3,
	FUTEX_OP_CMP_GT = 4,
};
#define FUTEX_OP(op, arg, cmp, cmparg)                                                    \
	((uint32_t)(op) << 28 | (uint32_t)(cmp) << 24 | ((uint32_t)(arg) & 0xfff) << 12 | \
		((uint32_t)(cmparg) & 0xfff))
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u

typedef volatile uint32_t word_t;

static long
futex(word_t *u, int op, uint32_t val, const struct timespec *timeout, word_t *u2, uint32_t val3)
{
	return syscall(SYS_futex, u, op, val, timeout, u2, val3);
}

/* The forms that take a number where others take a timeout. */
static long
futex2(word_t *u, int op, uint32_t val, uint32_t val2, word_t *u2, uint32_t val3)
{
	return syscall(SYS_futex, u, op, val, (unsigned long)val2, u2, val3);
}

struct waiter {
	pthread_t thread;
	word_t *word;
	int op;
	uint32_t bits;
	atomic_int tid;
	atomic_int result; /* -1: still waiting; else 0 or errno */
};

static void *
wait_once(void *arg)
{
	struct waiter *w = arg;
	atomic_store(&w->tid, gettid());
	long r = futex(w->word, w->op, *w->word, NULL, NULL, w->bits);
	atomic_store(&w->result, r == 0 ? 0 : errno);
	return NULL;
}

static void
start_waiter(struct waiter *w, word_t *word, int op, uint32_t bits)
{
	*w = (struct waiter){.word = word, .op = op, .bits = bits};
	atomic_store(&w->result, -1);
	CHECK_EQ(pthread_create(&w->thread, NULL, wait_once, w), 0);
	CHECK_SOON(atomic_load(&w->tid) != 0);
	guest_await_sleep(atomic_load(&w->tid));
}

static void
finish_waiter(struct waiter *w)
{
	CHECK_EQ(pthread_join(w->thread, NULL), 0);
	CHECK_EQ(atomic_load(&w->result), 0);
}

GUEST_TEST(futex_returns_at_once)
{
	word_t w = 5;
	CHECK_ERRNO(futex(&w, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0), EAGAIN);
	CHECK_EQ(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&w, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0), 0);
	CHECK_EQ(futex2(&w, FUTEX_REQUEUE_PRIVATE, 1, 1, &w, 0), 0);
	CHECK_ERRNO(futex2(&w, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, &w, 6), EAGAIN);
}

GUEST_TEST(futex_refuses)
{
	word_t w = 0, other = 0;
	word_t *odd = (word_t *)((uintptr_t)&w + 2), *null = NULL,
	       *kernel = (word_t *)0xffff000000000000ULL;
	struct timespec bad = {0, 1000000000}, negative = {-1, 0};
	CHECK_ERRNO(futex(odd, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(null, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(null, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(null, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(kernel, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(kernel, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT, 0, &negative, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT, 0, (struct timespec *)8, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex2(&w, FUTEX_REQUEUE, (uint32_t)-1, 1, &other, 0), EINVAL);
	CHECK_ERRNO(futex2(&w, FUTEX_REQUEUE, 1, 1, null, 0), EFAULT);
	CHECK_ERRNO(futex2(&w, FUTEX_CMP_REQUEUE, 1, 1, odd, 0), EINVAL);
	CHECK_ERRNO(futex(&w, 77, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(&w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
}

GUEST_TEST(futex_wakes_as_many_as_asked)
{
	static struct waiter w[6];
	word_t word = 1;
	for (int shared = 0; shared < 2; shared++) {
		int private = shared ? 0 : FUTEX_PRIVATE_FLAG, woken;
		for (int i = 0; i < 6; i++)
			start_waiter(&w[i], &word, FUTEX_WAIT | private, 0);
		CHECK_EQ(futex(&word, FUTEX_WAKE | private, 2, NULL, NULL, 0), 2);
		/* First come, first served. */
		finish_waiter(&w[0]);
		finish_waiter(&w[1]);
		for (int i = 2; i < 6; i++)
			CHECK_EQ(atomic_load(&w[i].result), -1);
		woken = (int)futex(&word, FUTEX_WAKE | private, INT32_MAX, NULL, NULL, 0);
		CHECK_EQ(woken, 4);
		for (int i = 2; i < 6; i++)
			finish_waiter(&w[i]);
	}
}

GUEST_TEST(futex_bitset)
{
	static struct waiter a, b, c;
	word_t word = 0;
	start_waiter(&a, &word, FUTEX_WAIT_BITSET_PRIVATE, 1);
	start_waiter(&b, &word, FUTEX_WAIT_BITSET_PRIVATE, 2);
	start_waiter(&c, &word, FUTEX_WAIT_BITSET_PRIVATE, 3);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2), 2);
	finish_waiter(&b);
	finish_waiter(&c);
	CHECK_EQ(atomic_load(&a.result), -1);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
	finish_waiter(&a);
}

GUEST_TEST(futex_requeue)
{
	static struct waiter w[6];
	word_t from = 0, to = 0;
	for (int i = 0; i < 6; i++)
		start_waiter(&w[i], &from, FUTEX_WAIT_PRIVATE, 0);
	CHECK_ERRNO(futex2(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, 9, &to, 1), EAGAIN);
	CHECK_EQ(futex2(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, 3, &to, 0), 4);
	finish_waiter(&w[0]);
	CHECK_EQ(futex(&to, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 3);
	for (int i = 1; i < 4; i++)
		finish_waiter(&w[i]);
	CHECK_EQ(futex2(&from, FUTEX_REQUEUE_PRIVATE, 0, 1, &to, 0), 1);
	CHECK_EQ(futex(&from, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
	finish_waiter(&w[5]);
	CHECK_EQ(futex(&to, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 1);
	finish_waiter(&w[4]);
}

/* A waiter that was moved ends its wait there: by a signal, and by its thread's end. */
GUEST_TEST(futex_requeued_waiter_is_killed)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			static struct waiter w;
			static word_t from, to[64];
			start_waiter(&w, &from, i & 1 ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, 0);
			if (i & 1)
				CHECK_EQ(futex2(&from, FUTEX_REQUEUE, 0, 1, &to[i], 0), 1);
			else
				CHECK_EQ(futex2(&from, FUTEX_REQUEUE_PRIVATE, 0, 1, &to[i], 0), 1);
			_exit(0);
		}
		CHECK_EQ(guest_reap(pid), 0);
	}
}

GUEST_TEST(futex_wake_op)
{
	static struct waiter a, b;
	word_t one = 0, two = 10;
	start_waiter(&a, &one, FUTEX_WAIT_PRIVATE, 0);
	start_waiter(&b, &two, FUTEX_WAIT_PRIVATE, 0);
	/* two += 5, and its waiters are woken if it was 10. */
	CHECK_EQ(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, &two,
			 FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10)),
		2);
	CHECK_EQ(two, 15);
	finish_waiter(&a);
	finish_waiter(&b);
	start_waiter(&b, &two, FUTEX_WAIT_PRIVATE, 0);
	CHECK_EQ(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, &two,
			 FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_GT, 15)),
		0);
	CHECK_EQ(two, 7);
	CHECK_EQ(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, &two,
			 FUTEX_OP(FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_LE, 7)),
		1);
	CHECK_EQ(two, 4);
	finish_waiter(&b);
	CHECK_EQ(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, &two,
			 FUTEX_OP(FUTEX_OP_OR | 8, 4, FUTEX_OP_CMP_NE, 0)),
		0);
	CHECK_EQ(two, 4 | 16);
	CHECK_EQ(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, &two,
			 FUTEX_OP(FUTEX_OP_XOR, 0xfff, FUTEX_OP_CMP_LT, 0)),
		0);
	CHECK_EQ(two, ~(4u | 16)); /* the argument has 12 bits and a sign */
	CHECK_ERRNO(futex2(&one, FUTEX_WAKE_OP_PRIVATE, 1, 1, (word_t *)16,
			    FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)),
		EFAULT);
}

GUEST_TEST(futex_timeouts)
{
	word_t w = 0;
	struct timespec t = {0, 20000000}, abs;
	double from = guest_now();
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT);
	CHECK(guest_now() - from >= 0.02);
	t = (struct timespec){0, 0};
	CHECK_ERRNO(futex(&w, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
	for (int real = 0; real < 2; real++) {
		clockid_t clock = real ? CLOCK_REALTIME : CLOCK_MONOTONIC;
		int op = FUTEX_WAIT_BITSET_PRIVATE | (real ? FUTEX_CLOCK_REALTIME : 0);
		clock_gettime(clock, &abs);
		CHECK_ERRNO(futex(&w, op, 0, &abs, NULL, 1), ETIMEDOUT); /* that was already */
		abs.tv_nsec += 20000000;
		if (abs.tv_nsec >= 1000000000) {
			abs.tv_nsec -= 1000000000;
			abs.tv_sec++;
		}
		CHECK_ERRNO(futex(&w, op, 0, &abs, NULL, 1), ETIMEDOUT);
		clock_gettime(clock, &t);
		CHECK(t.tv_sec > abs.tv_sec ||
			(t.tv_sec == abs.tv_sec && t.tv_nsec >= abs.tv_nsec));
	}
	abs = (struct timespec){INT64_MAX, 999999999}; /* for ever is no error */
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_BITSET_PRIVATE, 1, &abs, NULL, 1), EAGAIN);
}

/* Set, then wake: nobody who saw the old value stays asleep, whichever CPUs it happens on. */
static word_t turn;

static void *
take_turns(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;
	for (int i = 0; i < 2000; i++) {
		uint32_t v;
		while ((v = turn) % 2 != me)
			if (futex(&turn, FUTEX_WAIT_PRIVATE, v, NULL, NULL, 0) != 0)
				CHECK(errno == EAGAIN);
		turn = v + 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

GUEST_TEST(futex_ping_pong)
{
	pthread_t t[2];
	for (uintptr_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, take_turns, (void *)i), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(turn, 4000);
}

/* Waiters, wakers, requeuers and timeouts of the same few words, until a count of wake-ups is used up. */
static word_t words[4];
static atomic_bool over;

static void *
storm_waiter(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	while (!atomic_load(&over)) {
		seed = seed * 1103515245 + 12345;
		word_t *w = &words[seed >> 16 & 3];
		struct timespec t = {0, (long)(seed >> 18 & 1023) * 1000};
		long r = futex(w, FUTEX_WAIT_PRIVATE, *w, &t, NULL, 0);
		CHECK(r == 0 || errno == ETIMEDOUT || errno == EAGAIN);
	}
	return NULL;
}

static void *
storm_waker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < 8000; i++) {
		seed = seed * 1103515245 + 12345;
		word_t *a = &words[seed >> 16 & 3], *b = &words[seed >> 18 & 3];
		long r = 0;
		switch (seed >> 20 & 3) {
		case 0:
			__atomic_fetch_add(a, 1, __ATOMIC_SEQ_CST);
			r = futex(a, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0);
			break;
		case 1:
			r = futex2(a, FUTEX_REQUEUE_PRIVATE, 1, 2, b, 0);
			break;
		case 2:
			r = futex2(a, FUTEX_CMP_REQUEUE_PRIVATE, 0, 9, b, *a);
			break;
		default:
			r = futex(a, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, ~0u);
		}
		CHECK(r >= 0 || errno == EAGAIN);
	}
	return NULL;
}

GUEST_TEST(futex_storm)
{
	pthread_t waiter[6], waker[3];
	for (uintptr_t i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&waiter[i], NULL, storm_waiter, (void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&waker[i], NULL, storm_waker, (void *)(i + 77)), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(waker[i], NULL), 0);
	atomic_store(&over, true);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(waiter[i], NULL), 0);
}

static void
wait_shared(void *arg)
{
	word_t *w = arg;
	while (*w == 0)
		futex(w, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* A word in shared memory, at different addresses, of anonymous memory and of a file. */
GUEST_TEST(futex_across_processes)
{
	char name[] = "/tmp/futexXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	CHECK_EQ(ftruncate(fd, 8192), 0);
	for (int file = 0; file < 2; file++) {
		int flags = MAP_SHARED | (file ? 0 : MAP_ANONYMOUS);
		word_t *w = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, file ? fd : -1, 0);
		CHECK(w != MAP_FAILED);
		word_t *same =
			file ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 4096) : w + 1024;
		CHECK(same != MAP_FAILED);
		pid_t pid[3];
		for (int i = 0; i < 3; i++) {
			pid[i] = guest_spawn(wait_shared, (void *)(w + 1024));
			guest_await_sleep(pid[i]);
		}
		CHECK_EQ(futex(w, FUTEX_WAKE, 9, NULL, NULL, 0), 0); /* another word */
		CHECK_EQ(futex(same, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0),
			0); /* private is another name space */
		*same = 1;
		CHECK_EQ(futex(same, FUTEX_WAKE, 9, NULL, NULL, 0), 3);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(guest_reap(pid[i]), 0);
		munmap((void *)w, 8192);
		if (file)
			munmap((void *)same, 4096);
	}
	close(fd);
}

/* Private memory is private even if the futex is not: a copy of a fork is another word. */
GUEST_TEST(futex_private_memory_is_per_process)
{
	static word_t w;
	pid_t pid = fork();
	if (pid == 0) {
		struct timespec t = {0, 50000000};
		_exit(futex(&w, FUTEX_WAIT, 0, &t, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1);
	}
	guest_await_sleep(pid);
	w = 1;
	CHECK_EQ(futex(&w, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(guest_reap(pid), 0);
}

static void
nothing(int sig)
{
}

static void *
interrupt(void *arg)
{
	guest_await_sleep(*(pid_t *)arg);
	syscall(SYS_tgkill, getpid(), *(pid_t *)arg, SIGUSR1);
	return NULL;
}

GUEST_TEST(futex_interrupted)
{
	word_t w = 0;
	pid_t me = gettid();
	pthread_t t;
	struct sigaction sa = {.sa_handler = nothing};
	struct timespec ten = {10, 0};
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pthread_create(&t, NULL, interrupt, &me), 0);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINTR);
	pthread_join(t, NULL);
	CHECK_EQ(pthread_create(&t, NULL, interrupt, &me), 0);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_PRIVATE, 0, &ten, NULL, 0), EINTR);
	pthread_join(t, NULL);
	/* Without a timeout SA_RESTART restarts it; with one it never does. */
	sa.sa_flags = SA_RESTART;
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	CHECK_EQ(pthread_create(&t, NULL, interrupt, &me), 0);
	CHECK_ERRNO(futex(&w, FUTEX_WAIT_PRIVATE, 0, &ten, NULL, 0), EINTR);
	pthread_join(t, NULL);
}

/* --- Robust lists. --- */

struct node {
	struct node *next;
	word_t lock;
};
struct robust_head {
	void *next;
	long offset;
	void *pending;
};

static struct shared {
	struct robust_head head;
	struct node node[3];
} *shared;

static void *
die_with_locks(void *arg)
{
	struct shared *s = arg;
	pid_t me = gettid();
	for (int i = 0; i < 3; i++) {
		s->node[i].next = i < 2 ? &s->node[i + 1] : (struct node *)&s->head;
		s->node[i].lock = (uint32_t)me;
	}
	s->node[1].lock |= FUTEX_WAITERS;
	s->node[2].lock = (uint32_t)me + 1; /* somebody else's by now */
	s->head = (struct robust_head){&s->node[0], offsetof(struct node, lock), NULL};
	CHECK_EQ(syscall(SYS_set_robust_list, &s->head, sizeof(s->head)), 0);
	syscall(SYS_exit, 0);
	return NULL;
}

static void
die_in_process(void *arg)
{
	die_with_locks(arg);
}

GUEST_TEST(futex_robust_list)
{
	shared = guest_shared_page();
	for (int process = 0; process < 2; process++) {
		memset(shared, 0, sizeof(*shared));
		if (process) {
			CHECK_EQ(guest_fork(die_in_process, shared), 0);
		} else {
			pthread_t t;
			CHECK_EQ(pthread_create(&t, NULL, die_with_locks, shared), 0);
		}
		CHECK_SOON(shared->node[0].lock == FUTEX_OWNER_DIED);
		CHECK_SOON(shared->node[1].lock == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
		CHECK((shared->node[2].lock & FUTEX_OWNER_DIED) == 0);
	}
	munmap(shared, 4096);
}

/* Lists that a program made up: they end at a fault or after a bound, and nothing else happens. */
static void
die_with_bad_list(void *arg)
{
	static struct robust_head head;
	static struct node loop;
	loop.next = &loop;
	loop.lock = 0;
	switch (*(int *)arg) {
	case 0:
		head = (struct robust_head){(void *)16, 0, NULL};
		break;
	case 1:
		head = (struct robust_head){&loop, offsetof(struct node, lock), NULL};
		break;
	case 2:
		head = (struct robust_head){&loop, LONG_MIN, &loop};
		break;
	case 3:
		head = (struct robust_head){(void *)-16, 1, (void *)-1};
		break;
	default:
		syscall(SYS_set_robust_list, (void *)0xffff000000000000, sizeof(head));
		_exit(0);
	}
	syscall(SYS_set_robust_list, &head, sizeof(head));
	_exit(0);
}

GUEST_TEST(futex_bad_robust_lists)
{
	for (int i = 0; i < 5; i++)
		guest_fork_ok(die_with_bad_list, &i);
	struct robust_head *head;
	size_t len;
	CHECK_ERRNO(syscall(SYS_set_robust_list, NULL, 23), EINVAL);
	CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
	CHECK_EQ(len, 24);
	CHECK_ERRNO(syscall(SYS_get_robust_list, 1 << 21, &head, &len), ESRCH);
}

/* A private futex is its address, a shared one is what is there. */
GUEST_TEST(futex_shared_of_nothing)
{
	int fd = open("/tmp/futex", O_RDWR | O_CREAT | O_TRUNC, 0600), word = 0;
	CHECK_EQ(ftruncate(fd, 4096), 0);
	int *at[3] = {mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)};
	CHECK_EQ(munmap(at[0], 4096), 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_ERRNO(syscall(SYS_futex, at[i], FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
		CHECK_ERRNO(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, at[i], 0), EFAULT);
		CHECK_EQ(syscall(SYS_futex, at[i], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
	}
	munmap(at[1], 4096);
	munmap(at[2], 4096);
	close(fd);
	unlink("/tmp/futex");
}

static pthread_mutex_t *robust;

static void
lock_and_die(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(robust), 0);
	raise(SIGKILL);
}

GUEST_TEST(futex_robust_mutex)
{
	pthread_mutexattr_t a;
	robust = guest_shared_page();
	CHECK_EQ(pthread_mutexattr_init(&a), 0);
	CHECK_EQ(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutex_init(robust, &a), 0);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(WTERMSIG(guest_fork(lock_and_die, NULL)), SIGKILL);
		CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
		CHECK_EQ(pthread_mutex_consistent(robust), 0);
		CHECK_EQ(pthread_mutex_unlock(robust), 0);
	}
	munmap(robust, 4096);
}
