/* SPDX-License-Identifier: MIT */
/*
 * Handle tables, pipes, event counters, poll and epoll with real threads: the kernel's own sources in a mock of what
 * lies below them. A host thread is a task; sleeping is a condition variable; user memory is the host's. Threads carry
 * on until each has done a number of rounds: a lost wake-up shows as a test that hangs, which an alarm ends.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef TIMER_ABSTIME /* the kernel has its own */
#include "arch/uaccess.h"
#include "arch/vdso.h"
#include "core/panic.h"
#include "core/sched.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/time.h"
#include "syscall_protos.h"
#include "vfs/async.h"
#include "vfs/epoll.h"
#include "vfs/pipe.h"
#include "vfs/poll.h"
#include "vfs/vfs.h"

#include "tests/unit/test.h"

#define DEADLINE_SECONDS 120

/* What the kernel reads without a lock on purpose: a barrier pairs with the other side (core/wait.h). */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:wait_queue_active\nrace:wake_n\nrace:list_empty\n";
}

struct mock_task {
	struct task task;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

_Thread_local struct thread *mock_current;
static struct process the_process;
static _Atomic int64_t live_pages, live_objects;

/* Below the sources under test. */

void
spin_lock_contended(struct spinlock *l)
{
	uint32_t expected;
	do {
		sched_yield();
		expected = 0;
	} while (!atomic_compare_exchange_weak_explicit(
		&l->locked, &expected, 1, memory_order_acquire, memory_order_relaxed));
}

static struct mock_task *
mock_of(struct thread *t)
{
	return container_of(t, struct mock_task, task.thread);
}

void
sched_hold_kicks(void)
{
}

void
sched_release_kicks(void)
{
}

bool
sched_wake_states(struct thread *t, uint32_t states)
{
	struct mock_task *m = mock_of(t);
	pthread_mutex_lock(&m->mutex);
	bool asleep = (states >> t->state) & 1;
	if (asleep) {
		t->state = THREAD_RUNNING;
		pthread_cond_signal(&m->cond);
	}
	pthread_mutex_unlock(&m->mutex);
	return asleep;
}

void
schedule(void)
{
	struct mock_task *m = mock_of(mock_current);
	pthread_mutex_lock(&m->mutex);
	while (m->task.thread.state != THREAD_RUNNING)
		pthread_cond_wait(&m->cond, &m->mutex);
	pthread_mutex_unlock(&m->mutex);
}

nsec_t
time_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nsec_t)t.tv_sec * NSEC_PER_SEC + (nsec_t)t.tv_nsec;
}

/* A timer is a host thread that sleeps: good enough for deadlines that are not meant to be met. */
void
timer_start(struct timer *t, nsec_t deadline)
{
	panic("no test sleeps with a deadline");
}

bool
timer_cancel(struct timer *t)
{
	return false;
}

bool
timer_cancel_sync(struct timer *t)
{
	return false;
}

struct time_scale time_scale;

void
vdso_update(const struct time_scale *scale, uint64_t realtime_offset)
{
}

struct slab_cache {
	size_t size;
};

struct slab_cache *
slab_cache_create(const char *name, size_t size, size_t align)
{
	static struct slab_cache caches[32];
	static uint32_t n;
	caches[n].size = size;
	return &caches[n++];
}

/* What is not asked to be zero is not. */
static void *
some_memory(size_t n, uint32_t flags)
{
	live_objects++;
	void *p = malloc(n);
	memset(p, (flags & KM_ZERO) ? 0 : 0xa5, n);
	return p;
}

void *
slab_alloc(struct slab_cache *c, uint32_t flags)
{
	return some_memory(c->size, flags);
}

void
slab_free(struct slab_cache *c, void *p)
{
	live_objects--;
	free(p);
}

struct slab_cache *kmalloc_caches[KMALLOC_CLASSES];

void *
kmalloc_any(size_t n, uint32_t flags)
{
	return some_memory(n, flags);
}

void *
kzalloc(size_t n)
{
	return kmalloc(n, KM_ZERO);
}

void *
kvmalloc(size_t n)
{
	return kmalloc(n, KM_ZERO);
}

void
kfree(const void *p)
{
	live_objects -= p != NULL;
	free((void *)p);
}

void
kvfree(void *p)
{
	kfree(p);
}

#define MOCK_PAGES 2048u
_Alignas(PAGE_SIZE) uint8_t mock_ram[MOCK_PAGES * PAGE_SIZE];
_Alignas(struct page) uint8_t mock_pages[MOCK_PAGES * sizeof(struct page)];
static pthread_mutex_t ram_lock = PTHREAD_MUTEX_INITIALIZER;
static struct page *free_pages; /* [ram_lock] each begins with a pointer to the next */
static uint64_t pages_used;     /* [ram_lock] never handed out: those from here on */

struct page *
page_alloc(uint32_t order, uint32_t flags, enum page_kind kind)
{
	pthread_mutex_lock(&ram_lock);
	struct page *p = free_pages;
	if (p != NULL)
		free_pages = *(struct page **)page_to_virt(p);
	else
		p = pfn_to_page(pages_used++);
	pthread_mutex_unlock(&ram_lock);
	if (order != 0 || page_to_pfn(p) >= MOCK_PAGES)
		abort();
	live_pages++;
	refcount_init(&p->refs, 1);
	return p;
}

void
page_free(struct page *p, uint32_t order)
{
	live_pages--;
	memset(page_to_virt(p), 0xdd, PAGE_SIZE);
	pthread_mutex_lock(&ram_lock);
	*(struct page **)page_to_virt(p) = free_pages;
	free_pages = p;
	pthread_mutex_unlock(&ram_lock);
}

void
page_destroy(struct page *p)
{
	page_free(p, 0);
}

int
user_cmpxchg_u32(uaddr_t u, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	*seen = expected;
	return 0;
}

static _Atomic uint32_t signals_sent;

void
signal_send_self(int sig)
{
	signals_sent++;
}

int
signal_begin_mask_user(uaddr_t mask, uint64_t size)
{
	return 0;
}

void
signal_end_mask(bool interrupted)
{
}

int
timespec_from_user(uaddr_t from, struct timespec_user *ts)
{
	return copy_from_user(ts, from, sizeof(*ts));
}

int
timespec_to_user(uaddr_t to, nsec_t ns)
{
	struct timespec_user ts = ns_to_timespec(ns);
	return copy_to_user(to, &ts, sizeof(ts));
}

void
ktime_now(struct ktimespec *out)
{
	*out = (struct ktimespec){0};
}

uint64_t
current_rlimit(uint32_t resource)
{
	return RLIM_INFINITY;
}

void
file_owner_free(struct file *f)
{
}

void
lock_release_file(struct file *f)
{
}

void
lock_release_posix(struct file *f, struct handle_table *owner)
{
}

void
inode_write_put(struct inode *i)
{
}

void
inode_allow_write(struct inode *i)
{
}

void
inode_destroy(struct inode *i)
{
}

void
path_put(const struct path *p)
{
}

static struct user_account account = {.refs.count = 1};

void
user_account_put(struct user_account *a)
{
	CHECK(!refcount_put(&a->refs));
}

/* The tests. */

static struct handle_table *shared;
static const struct cred root = {
	.account = &account, .lcaps = {.effective = LINUX_CAPS_ALL, .permitted = LINUX_CAPS_ALL}};
const struct cred vfs_kernel_cred;

static void
task_begin(struct mock_task *m)
{
	*m = (struct mock_task){0};
	pthread_mutex_init(&m->mutex, NULL);
	pthread_cond_init(&m->cond, NULL);
	m->task.handles = shared;
	m->task.cred = &root;
	m->task.process = m->task.thread.process = &the_process;
	mock_current = &m->task.thread;
}

struct start {
	void (*run)(void *);
	void *arg;
	pthread_t thread;
};

static void *
thread_main(void *arg)
{
	struct start *s = arg;
	struct mock_task m;
	task_begin(&m);
	s->run(s->arg);
	handle_table_put_user(shared);
	return NULL;
}

static void
start(struct start *s, void (*run)(void *), void *arg)
{
	*s = (struct start){run, arg, 0};
	handle_table_get_user(shared);
	CHECK_EQ(pthread_create(&s->thread, NULL, thread_main, s), 0);
}

static void
join(struct start *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		pthread_join(s[i].thread, NULL);
}

static struct mock_task main_task;
static int64_t objects_before;

static void
begin(void)
{
	static bool ready;
	if (!ready) {
		ready = true;
		for (uint32_t i = 0; i < KMALLOC_CLASSES; i++)
			kmalloc_caches[i] = slab_cache_create("kmalloc", KMALLOC_MAX, 0);
		handle_init();
		file_init_cache();
		pipe_init();
		for (uint32_t i = 0; i < RLIM_NLIMITS; i++)
			the_process.limits[i] = (struct rlimit_user){RLIM_INFINITY, RLIM_INFINITY};
	}
	alarm(DEADLINE_SECONDS);
	objects_before = live_objects;
	shared = handle_table_create();
	task_begin(&main_task);
}

static void
end(void)
{
	handle_table_put_user(shared);
	CHECK_EQ(live_pages, 0);
	CHECK_EQ(live_objects, objects_before);
	CHECK_EQ(account.nr_pipe_pages, 0);
}

static int64_t
do_read(int fd, void *buf, size_t n)
{
	struct file_ref ref;
	int64_t result = file_borrow(fd, RIGHT_READ, &ref);
	if (result == 0) {
		result = sys_read(ref.file, (uaddr_t){(uint64_t)buf}, n);
		file_return(&ref);
	}
	return result;
}

static int64_t
do_write(int fd, const void *buf, size_t n)
{
	struct file_ref ref;
	int64_t result = file_borrow(fd, RIGHT_WRITE, &ref);
	if (result == 0) {
		result = sys_write(ref.file, (uaddr_t){(uint64_t)buf}, n);
		file_return(&ref);
	}
	return result;
}

static void
make_pipe(int fds[2], uint32_t flags)
{
	CHECK_EQ(sys_pipe2((uaddr_t){(uint64_t)fds}, flags), 0);
}

static int
do_close(int fd)
{
	struct object *o = handle_remove(shared, fd);
	return o == NULL ? -EBADF : handle_closed(shared, o);
}

TEST(handles_grow_and_are_reused_lowest_first)
{
	begin();
	int fds[2];
	make_pipe(fds, 0);
	CHECK_EQ(fds[0], 0);
	CHECK_EQ(fds[1], 1);
	struct file_ref ref;
	CHECK_EQ(file_borrow(0, RIGHT_READ, &ref), 0);
	for (int i = 2; i < 3000; i++) {
		CHECK_EQ(handle_reserve(shared, 0, 3000), i);
		file_get(ref.file);
		handle_install(shared, i, &ref.file->obj, RIGHT_READ, i % 2 ? HANDLE_CLOEXEC : 0);
	}
	CHECK_EQ(handle_reserve(shared, 0, 3000), -EMFILE);
	CHECK_EQ(do_close(77), 0);
	CHECK_EQ(do_close(77), -EBADF);
	CHECK_EQ(do_close(1500), 0);
	CHECK_EQ(handle_next(shared, 77), 78);
	CHECK_EQ(handle_reserve(shared, 100, 3000), 1500);
	CHECK_EQ(handle_next(shared, 1500), 1501); /* reserved is not open */
	CHECK_EQ(handle_reserve(shared, 0, 3000), 77);
	handle_unreserve(shared, 77);
	struct handle_table *copy = handle_table_copy(shared);
	CHECK_EQ(copy->count, 2998);
	CHECK_EQ(handle_next(copy, 1500), 1501);
	CHECK_EQ(handle_reserve(copy, 0, 3000), 77);
	handle_unreserve(copy, 77);
	handle_table_close_cloexec(copy);
	CHECK_EQ(handle_next(copy, 3), 4);
	handle_table_put_user(copy);
	file_return(&ref);
	handle_unreserve(shared, 1500);
	end();
}

TEST(handle_rights_only_shrink_and_errors_are_told_apart)
{
	begin();
	int fds[2];
	make_pipe(fds, 0);
	handle_ref_t ref;
	CHECK_EQ(handle_borrow(shared, fds[0], RIGHT_WRITE, &ref, NULL), -EBADF);
	CHECK_EQ(handle_borrow(shared, 9, 0, &ref, NULL), -EBADF);
	CHECK_EQ(handle_borrow(shared, -1, 0, &ref, NULL), -EBADF);
	struct file_ref f;
	CHECK_EQ(file_borrow(fds[0], 0, &f), 0);
	int h = handle_reserve(shared, 0, 100);
	file_get(f.file);
	handle_install(shared, h, &f.file->obj, RIGHT_READ, 0);
	struct file_ref g;
	CHECK_EQ(file_borrow(h, RIGHT_DUP, &g), -EPERM);
	CHECK_EQ(file_borrow(h, RIGHT_WRITE | RIGHT_DUP, &g), -EBADF);
	CHECK_EQ(file_borrow(h, RIGHT_READ, &g), 0);
	file_return(&g);
	file_return(&f);
	CHECK_EQ(handle_replace(shared, 200, 100, &f.file->obj, 0, 0), -EBADF);
	file_get(f.file);
	CHECK_EQ(handle_replace(shared, 99, 100, &f.file->obj, RIGHT_READ, 0), 0);
	CHECK_EQ(handle_next(shared, h + 1), 99);
	end();
}

/* A byte of a stream is made of its place in it. */
static char
byte_at(uint64_t place)
{
	return (char)(place * 31 + place / 4096 * 7);
}

#define STREAM_BYTES (8u << 20)

struct stream {
	int fd;
	unsigned seed;
	size_t most; /* bytes in one call */
};

static void
stream_write(void *arg)
{
	struct stream *s = arg;
	static _Thread_local char buf[200000];
	for (uint64_t done = 0; done < STREAM_BYTES;) {
		size_t n = 1 + (size_t)rand_r(&s->seed) % s->most;
		n = min(n, (size_t)(STREAM_BYTES - done));
		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(done + i);
		CHECK_EQ(do_write(s->fd, buf, n), n);
		done += n;
	}
	CHECK_EQ(do_close(s->fd), 0);
}

static void
stream_read(void *arg)
{
	struct stream *s = arg;
	static _Thread_local char buf[200000];
	uint64_t done = 0;
	for (;;) {
		size_t most = 1 + (size_t)rand_r(&s->seed) % s->most;
		int64_t n = do_read(s->fd, buf, most);
		CHECK(n >= 0 && n <= (int64_t)most);
		if (n == 0)
			break;
		for (int64_t i = 0; i < n; i++)
			CHECK_EQ(buf[i], byte_at(done + (uint64_t)i));
		done += (uint64_t)n;
	}
	CHECK_EQ(done, STREAM_BYTES);
}

static void
stream(size_t write_most, size_t read_most, uint32_t size)
{
	begin();
	int fds[2];
	make_pipe(fds, 0);
	if (size != 0) {
		struct file_ref f;
		CHECK_EQ(file_borrow(fds[0], 0, &f), 0);
		CHECK_EQ(pipe_fcntl(f.file, F_SETPIPE_SZ, size), size);
		file_return(&f);
	}
	struct stream in = {fds[0], 1, read_most}, out = {fds[1], 2, write_most};
	struct start threads[2];
	start(&threads[0], stream_write, &out);
	start(&threads[1], stream_read, &in);
	join(threads, 2);
	end();
}

TEST(pipe_carries_a_stream_in_large_pieces)
{
	stream(200000, 200000, 0);
}

TEST(pipe_carries_a_stream_in_middling_pieces)
{
	stream(9000, 5000, 0);
}

TEST(pipe_carries_a_stream_through_one_page)
{
	stream(6000, 7000, 4096);
}

/* Many writers and readers of records: none is torn, none is lost, none is read twice. */
#define WRITERS 4
#define READERS 4
#define RECORDS 20000
#define RECORD  64

static int records_fd[2];
static _Atomic uint64_t records_sum, records_count;

static void
records_write(void *arg)
{
	uint64_t record[RECORD / 8];
	uint64_t who = (uint64_t)(uintptr_t)arg;
	for (uint64_t i = 1; i <= RECORDS; i++) {
		for (int k = 0; k < RECORD / 8; k++)
			record[k] = who << 32 | i;
		CHECK_EQ(do_write(records_fd[1], record, sizeof(record)), sizeof(record));
	}
}

static void
records_read(void *arg)
{
	uint64_t record[RECORD / 8] = {0};
	int64_t n;
	while ((n = do_read(records_fd[0], record, sizeof(record))) != 0) {
		CHECK_EQ(n, sizeof(record));
		for (int k = 1; k < RECORD / 8; k++)
			CHECK_EQ(record[k], record[0]);
		records_sum += record[0];
		records_count++;
	}
}

static void
records(uint32_t flags)
{
	begin();
	make_pipe(records_fd, flags);
	records_sum = records_count = 0;
	struct start writers[WRITERS], readers[READERS];
	uint64_t expected = 0;
	for (uint64_t i = 0; i < READERS; i++)
		start(&readers[i], records_read, NULL);
	for (uint64_t i = 0; i < WRITERS; i++) {
		start(&writers[i], records_write, (void *)(uintptr_t)i);
		expected += (i << 32) * RECORDS + (uint64_t)RECORDS * (RECORDS + 1) / 2;
	}
	join(writers, WRITERS);
	CHECK_EQ(do_close(records_fd[1]), 0);
	join(readers, READERS);
	CHECK_EQ(records_count, WRITERS * RECORDS);
	CHECK_EQ(records_sum, expected);
	end();
}

TEST(pipe_records_stay_whole_among_many)
{
	records(0);
}

TEST(pipe_packets_stay_whole_among_many)
{
	records(O_DIRECT);
}

/*
 * By reference: one thread puts pages into a pipe and another one bytes, two move what is there to the next pipe.
 * The end reads. Sums tell of what was lost, doubled or written over.
 */
enum { LENT_PAGES = 2000, LENT_WRITES = 4000, LENT_BYTES = 999 };
static int lent_fd[4];

static void
lend_pages(void *arg)
{
	struct file_ref out;
	CHECK_EQ(file_borrow(lent_fd[1], RIGHT_WRITE, &out), 0);
	for (int i = 0; i < LENT_PAGES; i++) {
		struct page *page = page_alloc(0, 0, PAGE_KERNEL);
		memset(page_to_virt(page), i % 100, PAGE_SIZE);
		CHECK_EQ(out.file->ops->send_pages(out.file, &page, 100, 1000, 0), 1000);
		page_put(page);
	}
	file_return(&out);
}

static void
write_bytes(void *arg)
{
	char bytes[LENT_BYTES];
	for (int i = 0; i < LENT_WRITES; i++) {
		memset(bytes, i % 100, sizeof(bytes));
		CHECK_EQ(do_write(lent_fd[1], bytes, sizeof(bytes)), sizeof(bytes));
	}
}

static void
move_on(void *arg)
{
	struct file_ref in;
	CHECK_EQ(file_borrow(lent_fd[0], RIGHT_READ, &in), 0);
	while (sys_splice(in.file, (uaddr_t){0}, lent_fd[3], (uaddr_t){0}, 10000, 0) > 0)
		;
	file_return(&in);
}

TEST(pipe_lends_pages_and_takes_them)
{
	begin();
	make_pipe(lent_fd, 0);
	make_pipe(lent_fd + 2, 0);
	struct start writers[2], movers[2];
	start(&writers[0], lend_pages, NULL);
	start(&writers[1], write_bytes, NULL);
	for (int i = 0; i < 2; i++)
		start(&movers[i], move_on, NULL);
	static char got[20000];
	uint64_t left = LENT_PAGES * 1000ULL + LENT_WRITES * LENT_BYTES, sum = 0, lent = 0,
		 written = 0;
	while (left != 0) {
		int64_t n = do_read(lent_fd[2], got, min(left, sizeof(got)));
		CHECK(n > 0);
		for (int64_t i = 0; i < n; i++)
			sum += (uint64_t)got[i];
		left -= (uint64_t)n;
	}
	for (uint64_t i = 0; i < LENT_PAGES; i++)
		lent += i % 100 * 1000;
	for (uint64_t i = 0; i < LENT_WRITES; i++)
		written += i % 100 * LENT_BYTES;
	CHECK_EQ(sum, lent + written);
	join(writers, 2);
	CHECK_EQ(do_close(lent_fd[1]), 0);
	join(movers, 2);
	for (int i = 0; i < 4; i++)
		CHECK(i == 1 || do_close(lent_fd[i]) == 0);
	end();
}

TEST(pipe_holds_its_size_wherever_it_stands)
{
	begin();
	int fds[2];
	static char buf[70000];
	make_pipe(fds, O_NONBLOCK);
	for (int round = 0; round < 50; round++) {
		size_t n = 1 + (size_t)round * 997 % 5000;
		CHECK_EQ(do_write(fds[1], buf, n), n);
		CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), n);
		CHECK_EQ(do_write(fds[1], buf, sizeof(buf)), 65536);
		CHECK_EQ(do_write(fds[1], buf, 1), -EAGAIN);
		CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), 65536);
		CHECK_EQ(do_read(fds[0], buf, 1), -EAGAIN);
	}
	end();
}

TEST(pipe_packets_end_reads_and_lose_what_is_not_read)
{
	begin();
	int fds[2];
	char buf[5000];
	make_pipe(fds, O_NONBLOCK | O_DIRECT);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(do_write(fds[1], buf, 10), 10);
	CHECK_EQ(do_write(fds[1], buf, 20), 20);
	CHECK_EQ(do_write(fds[1], buf, 5000), 5000); /* two packets */
	CHECK_EQ(do_read(fds[0], buf, 4), 4);
	CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), 20);
	CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), 4096);
	CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), 904);
	CHECK_EQ(do_read(fds[0], buf, sizeof(buf)), -EAGAIN);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(do_write(fds[1], buf, 1), 1);
	CHECK_EQ(do_write(fds[1], buf, 1), -EAGAIN);
	end();
}

TEST(pipe_ends_tell_each_other_of_their_end)
{
	begin();
	int fds[2];
	char c = 'c';
	make_pipe(fds, 0);
	CHECK_EQ(do_write(fds[1], &c, 1), 1);
	CHECK_EQ(do_close(fds[1]), 0);
	CHECK_EQ(do_read(fds[0], &c, 1), 1);
	CHECK_EQ(do_read(fds[0], &c, 1), 0);
	CHECK_EQ(do_close(fds[0]), 0);
	make_pipe(fds, 0);
	CHECK_EQ(do_close(fds[0]), 0);
	signals_sent = 0;
	CHECK_EQ(do_write(fds[1], &c, 1), -EPIPE);
	CHECK_EQ(signals_sent, 1);
	end();
}

TEST(pipe_shrinks_only_to_what_it_holds)
{
	begin();
	int fds[2];
	static char buf[70000], back[70000];
	make_pipe(fds, O_NONBLOCK);
	struct file_ref f;
	CHECK_EQ(file_borrow(fds[1], 0, &f), 0);
	CHECK_EQ(pipe_fcntl(f.file, F_GETPIPE_SZ, 0), 65536);
	CHECK_EQ(do_write(fds[1], buf, 3000), 3000);
	CHECK_EQ(do_read(fds[0], back, 2000), 2000);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = byte_at(i);
	CHECK_EQ(do_write(fds[1], buf, 20000), 20000);
	CHECK_EQ(pipe_fcntl(f.file, F_SETPIPE_SZ, 4096), -EBUSY);
	CHECK_EQ(pipe_fcntl(f.file, F_SETPIPE_SZ, 100000), 131072);
	CHECK_EQ(pipe_fcntl(f.file, F_SETPIPE_SZ, 32768), 32768);
	CHECK_EQ(do_read(fds[0], back, sizeof(back)), 21000);
	CHECK_MEM(back + 1000, buf, 20000);
	CHECK_EQ(pipe_fcntl(f.file, F_SETPIPE_SZ, 0), 4096);
	CHECK_EQ(do_write(fds[1], buf, 5000), 4096);
	file_return(&f);
	end();
}

/* Tokens that threads pass around over event counters, each thread waiting by poll or epoll. */
#define STATIONS 4
#define LAPS     5000

static int station_fd[STATIONS];

static void
wait_by_poll(int fd)
{
	struct {
		int32_t fd;
		int16_t events, revents;
	} p[2] = {{-1, POLLIN, 0}, {fd, POLLIN, 0}};
	CHECK_EQ(sys_ppoll((uaddr_t){(uint64_t)p}, 2, (uaddr_t){0}, (uaddr_t){0}, 8), 1);
	CHECK_EQ(p[1].revents, POLLIN);
}

struct event_user {
	uint32_t events, pad;
	uint64_t data;
};

static int
epoll_on(int fd, uint32_t events)
{
	int ep = (int)sys_epoll_create1(0);
	CHECK(ep >= 0);
	struct event_user e = {.events = events, .data = 42};
	CHECK_EQ(sys_epoll_ctl(ep, 1, fd, (uaddr_t){(uint64_t)&e}), 0);
	return ep;
}

static void
wait_by_epoll(int ep)
{
	struct event_user e[20];
	CHECK_EQ(sys_epoll_pwait(ep, (uaddr_t){(uint64_t)e}, 20, -1, (uaddr_t){0}, 8), 1);
	CHECK_EQ(e[0].data, 42);
	CHECK(e[0].events & POLLIN);
}

static void
station(void *arg)
{
	int me = (int)(intptr_t)arg, next = (me + 1) % STATIONS;
	int ep = epoll_on(station_fd[me], me % 4 < 2 ? POLLIN : POLLIN | 1u << 31);
	for (int lap = 0; lap < LAPS; lap++) {
		uint64_t n = 0;
		if (me % 2 == 0)
			wait_by_poll(station_fd[me]);
		else
			wait_by_epoll(ep);
		CHECK_EQ(do_read(station_fd[me], &n, sizeof(n)), sizeof(n));
		CHECK_EQ(n, 1);
		CHECK_EQ(do_write(station_fd[next], &n, sizeof(n)), sizeof(n));
	}
	CHECK_EQ(do_close(ep), 0);
}

TEST(poll_and_epoll_lose_no_wakeup)
{
	begin();
	struct start threads[STATIONS];
	for (int i = 0; i < STATIONS; i++) {
		station_fd[i] = (int)sys_eventfd2(i == 0, 0);
		CHECK(station_fd[i] >= 0);
	}
	for (int i = 0; i < STATIONS; i++)
		start(&threads[i], station, (void *)(intptr_t)i);
	join(threads, STATIONS);
	end();
}

TEST(epoll_entries_die_with_their_file)
{
	begin();
	int fds[2];
	char c = 0;
	make_pipe(fds, 0);
	int ep = epoll_on(fds[0], POLLIN);
	CHECK_EQ(do_write(fds[1], &c, 1), 1);
	wait_by_epoll(ep);
	wait_by_epoll(ep); /* level-triggered */
	CHECK_EQ(do_close(fds[0]), 0);
	struct event_user e[4];
	CHECK_EQ(sys_epoll_pwait(ep, (uaddr_t){(uint64_t)e}, 4, 0, (uaddr_t){0}, 8), 0);
	end();
}

TEST(epoll_edges_and_one_shots_report_once)
{
	begin();
	int fds[2];
	char c = 0;
	struct event_user e[4];
	make_pipe(fds, 0);
	int edge = epoll_on(fds[0], POLLIN | 1u << 31), once = epoll_on(fds[0], POLLIN | 1u << 30);
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(do_write(fds[1], &c, 1), 1);
		wait_by_epoll(edge);
		CHECK_EQ(sys_epoll_pwait(edge, (uaddr_t){(uint64_t)e}, 4, 0, (uaddr_t){0}, 8), 0);
		if (round == 0)
			wait_by_epoll(once);
		CHECK_EQ(sys_epoll_pwait(once, (uaddr_t){(uint64_t)e}, 4, 0, (uaddr_t){0}, 8), 0);
	}
	e[0] = (struct event_user){.events = POLLIN | 1u << 30, .data = 42};
	CHECK_EQ(sys_epoll_ctl(once, 3, fds[0], (uaddr_t){(uint64_t)e}), 0);
	wait_by_epoll(once);
	end();
}

TEST(epoll_sets_nest_five_deep_and_not_in_circles)
{
	begin();
	int fds[2], sets[6];
	char c = 0;
	struct event_user e = {.events = POLLIN, .data = 42};
	make_pipe(fds, 0);
	sets[0] = epoll_on(fds[0], POLLIN);
	for (int i = 1; i < 5; i++)
		sets[i] = epoll_on(sets[i - 1], POLLIN);
	sets[5] = (int)sys_epoll_create1(0);
	CHECK_EQ(sys_epoll_ctl(sets[5], 1, sets[4], (uaddr_t){(uint64_t)&e}), -ELOOP);
	CHECK_EQ(sys_epoll_ctl(sets[0], 1, sets[4], (uaddr_t){(uint64_t)&e}), -ELOOP);
	CHECK_EQ(sys_epoll_ctl(sets[0], 1, sets[0], (uaddr_t){(uint64_t)&e}), -EINVAL);
	CHECK_EQ(do_write(fds[1], &c, 1), 1);
	wait_by_epoll(sets[4]);
	wait_by_poll(sets[4]);
	CHECK_EQ(do_read(fds[0], &c, 1), 1);
	struct event_user none[2];
	CHECK_EQ(sys_epoll_pwait(sets[4], (uaddr_t){(uint64_t)none}, 2, 0, (uaddr_t){0}, 8), 0);
	end();
}

/* Threads that close, replace and use the same few descriptors: each use gets a file or EBADF, and nothing leaks. */
#define SLOTS  4
#define ROUNDS 20000

static void
scramble(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = rand_r(&seed) % SLOTS;
		uint64_t n = 1;
		switch (rand_r(&seed) % 4) {
		case 0: {
			int64_t r = do_close(fd);
			CHECK(r == 0 || r == -EBADF);
			break;
		}
		case 1: {
			int64_t r = sys_eventfd2(1, O_NONBLOCK);
			CHECK(r >= 0);
			if (r >= SLOTS)
				CHECK_EQ(do_close((int)r), 0);
			break;
		}
		case 2: {
			int64_t r = do_write(fd, &n, sizeof(n));
			CHECK(r == sizeof(n) || r == -EBADF);
			break;
		}
		default: {
			struct file_ref ref;
			if (file_borrow(fd, 0, &ref) != 0)
				break;
			file_get(ref.file);
			int other = rand_r(&seed) % SLOTS;
			int err = handle_replace(shared, other, 64, &ref.file->obj, ref.rights, 0);
			CHECK(err == 0 || err == -EBUSY);
			if (err != 0)
				file_put(ref.file);
			file_return(&ref);
		}
		}
	}
}

TEST(handles_survive_threads_that_close_and_replace_them)
{
	begin();
	struct start threads[4];
	for (uint32_t i = 0; i < 4; i++)
		start(&threads[i], scramble, (void *)(uintptr_t)(i + 1));
	join(threads, 4);
	end();
}
