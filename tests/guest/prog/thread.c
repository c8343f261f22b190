/* SPDX-License-Identifier: MIT */
/* Threads as musl makes them: many, for long and for short, with their locks, on all CPUs at once. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static void *
return_argument(void *arg)
{
	return arg;
}

static void
start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	int err = pthread_create(t, NULL, fn, arg);
	if (err != 0)
		guest_fail(__FILE__, __LINE__, "pthread_create: errno %d", err);
}

GUEST_TEST(thread_create_join)
{
	for (intptr_t i = 0; i < 1000; i++) {
		pthread_t t;
		void *result;
		start(&t, return_argument, (void *)i);
		CHECK_EQ(pthread_join(t, &result), 0);
		CHECK_EQ((intptr_t)result, i);
	}
}

static atomic_int detached_count;

static void *
count_one(void *arg)
{
	atomic_fetch_add(&detached_count, 1);
	return NULL;
}

GUEST_TEST(thread_detached)
{
	pthread_attr_t attr;
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	for (int i = 0; i < 1000; i++) {
		pthread_t t;
		CHECK_EQ(pthread_create(&t, &attr, count_one, NULL), 0);
		if (i % 50 == 0)
			CHECK_SOON(atomic_load(&detached_count) == i + 1);
	}
	CHECK_SOON(atomic_load(&detached_count) == 1000);
}

static void *
wait_for_post(void *arg)
{
	sem_wait(arg);
	return (void *)(intptr_t)gettid();
}

static void
live_at_once(int n)
{
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	pthread_attr_t attr;
	sem_t sem;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	CHECK_EQ(sem_init(&sem, 0, 0), 0);
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t[i], &attr, wait_for_post, &sem), 0);
	for (int i = 0; i < n; i++)
		CHECK_EQ(sem_post(&sem), 0);
	intptr_t last = 0;
	for (int i = 0; i < n; i++) {
		void *tid;
		CHECK_EQ(pthread_join(t[i], &tid), 0);
		CHECK((intptr_t)tid != last && (intptr_t)tid != getpid());
		last = (intptr_t)tid;
	}
	free(t);
}

GUEST_TEST(thread_many_live)
{
	live_at_once(150);
}

GUEST_TEST_FLAGS(stress_live_threads, GUEST_SLOW)
{
	live_at_once(1000);
}

static void *
compare_ids(void *arg)
{
	CHECK_EQ(getpid(), *(pid_t *)arg);
	CHECK(gettid() != getpid());
	CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), 0), 0);
	return NULL;
}

GUEST_TEST(thread_ids)
{
	pthread_t t;
	pid_t pid = getpid();
	CHECK_EQ(gettid(), pid);
	start(&t, compare_ids, &pid);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* Thread-local data stays with its thread through switches and calls. */
static _Thread_local volatile long local = 5;

static void *
use_local(void *arg)
{
	CHECK_EQ(local, 5);
	local = (intptr_t)arg;
	for (int i = 0; i < 300; i++) {
		sched_yield();
		CHECK_EQ(local, (intptr_t)arg + i);
		local++;
	}
	return NULL;
}

GUEST_TEST(thread_local_storage)
{
	pthread_t t[12];
	for (intptr_t i = 0; i < 12; i++)
		start(&t[i], use_local, (void *)(i * 100000));
	for (int i = 0; i < 12; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(local, 5);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *
add_under_mutex(void *arg)
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

GUEST_TEST(thread_mutex)
{
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		start(&t[i], add_under_mutex, NULL);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(counter, 40000);
}

/* A ring of threads hands a token round: each wake-up matters, one that is lost stops it. */
enum { RING = 8, LAPS = 100 };
static pthread_cond_t ring_cond[RING];
static int token;

static void *
pass_token(void *arg)
{
	int me = (int)(intptr_t)arg;
	pthread_mutex_lock(&mutex);
	for (int lap = 0; lap < LAPS; lap++) {
		while (token != me)
			pthread_cond_wait(&ring_cond[me], &mutex);
		token = (me + 1) % RING;
		counter++;
		pthread_cond_signal(&ring_cond[token]);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

GUEST_TEST(thread_cond_ring)
{
	pthread_t t[RING];
	for (int i = 0; i < RING; i++)
		pthread_cond_init(&ring_cond[i], NULL);
	for (intptr_t i = 0; i < RING; i++)
		start(&t[i], pass_token, (void *)i);
	for (int i = 0; i < RING; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(counter, RING * LAPS);
}

/* A bounded queue between producers and consumers, with broadcasts. */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int queued, produced, consumed;
enum { ITEMS = 4000 };

static void *
produce(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (produced < ITEMS) {
		while (queued == 8 && produced < ITEMS)
			pthread_cond_wait(&changed, &mutex);
		if (produced < ITEMS) {
			produced++;
			queued++;
		}
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *
consume(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (consumed < ITEMS) {
		while (queued == 0 && consumed < ITEMS)
			pthread_cond_wait(&changed, &mutex);
		if (queued > 0) {
			consumed++;
			queued--;
		}
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

GUEST_TEST(thread_cond_broadcast)
{
	pthread_t t[6];
	for (int i = 0; i < 6; i++)
		start(&t[i], i & 1 ? produce : consume, NULL);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(produced, ITEMS);
	CHECK_EQ(consumed, ITEMS);
	CHECK_EQ(queued, 0);
}

static pthread_barrier_t barrier;
static atomic_int arrived;

static void *
meet(void *arg)
{
	for (int i = 0; i < 300; i++) {
		atomic_fetch_add(&arrived, 1);
		pthread_barrier_wait(&barrier);
		CHECK(atomic_load(&arrived) >= (i + 1) * 6);
	}
	return NULL;
}

GUEST_TEST(thread_barrier)
{
	pthread_t t[6];
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 6), 0);
	for (int i = 0; i < 6; i++)
		start(&t[i], meet, NULL);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(atomic_load(&arrived), 1800);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile int left_half, right_half;

static void *
read_or_write(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		if (i % 8 == (int)(intptr_t)arg) {
			pthread_rwlock_wrlock(&rwlock);
			left_half++;
			if (i % 16 == 0)
				sched_yield();
			right_half++;
			pthread_rwlock_unlock(&rwlock);
		} else {
			pthread_rwlock_rdlock(&rwlock);
			CHECK_EQ(left_half, right_half);
			pthread_rwlock_unlock(&rwlock);
		}
	}
	return NULL;
}

GUEST_TEST(thread_rwlock)
{
	pthread_t t[6];
	for (intptr_t i = 0; i < 6; i++)
		start(&t[i], read_or_write, (void *)i);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(left_half, 6 * 250);
}

GUEST_TEST(thread_timed_waits)
{
	struct timespec soon;
	sem_t sem;
	CHECK_EQ(sem_init(&sem, 0, 0), 0);
	double from = guest_now();
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_nsec -= 1000000000;
		soon.tv_sec++;
	}
	CHECK_ERRNO(sem_timedwait(&sem, &soon), ETIMEDOUT);
	CHECK(guest_now() - from >= 0.0199);
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&changed, &mutex, &soon), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static void
clean_up(void *arg)
{
	sem_post(arg);
}

static void *
cancel_me(void *arg)
{
	pthread_cleanup_push(clean_up, arg);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

GUEST_TEST(thread_cancel)
{
	sem_t sem;
	sem_init(&sem, 0, 0);
	for (int i = 0; i < 50; i++) {
		pthread_t t;
		void *result;
		start(&t, cancel_me, &sem);
		if (i & 1)
			sched_yield();
		CHECK_EQ(pthread_cancel(t), 0);
		CHECK_EQ(pthread_join(t, &result), 0);
		CHECK(result == PTHREAD_CANCELED);
	}
}

/* fork copies the calling thread alone, whatever the others are doing. */
static atomic_bool stop;

static void *
disturb(void *arg)
{
	while (!atomic_load(&stop)) {
		char *p = mmap(
			NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		for (int i = 0; i < 65536; i += 4096)
			p[i] = 1;
		munmap(p, 65536);
	}
	return NULL;
}

GUEST_TEST(thread_fork_while_others_run)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		start(&t[i], disturb, NULL);
	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			volatile char *page = malloc(100000);
			page[50000] = 1;
			_exit(gettid() == getpid() ? 0 : 1);
		}
		CHECK_EQ(guest_reap(pid), 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

/* Threads that map, unmap, protect and fault the same range; the page they hit belongs to it or the call failed. */
static char *range;
enum { RANGE = 64 * 4096 };

static void *
remap(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	for (int i = 0; i < 400; i++) {
		seed = seed * 1103515245 + 12345;
		size_t at = (seed >> 8) % 48 * 4096, len = ((seed >> 16) % 16 + 1) * 4096;
		switch (seed >> 28) {
		case 0 ... 5:
			CHECK(mmap(range + at, len, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				      0) != MAP_FAILED);
			break;
		case 6 ... 8:
			CHECK_EQ(madvise(range + at, len, MADV_DONTNEED), 0);
			break;
		default:
			for (size_t k = 0; k < len; k += 4096)
				range[at + k] = (char)i;
		}
	}
	return NULL;
}

GUEST_TEST(thread_remap_one_range)
{
	pthread_t t[4];
	range = mmap(NULL, RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (intptr_t i = 0; i < 4; i++)
		start(&t[i], remap, (void *)(i * 7919 + 1));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	munmap(range, RANGE);
}
