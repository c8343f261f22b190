/* SPDX-License-Identifier: MIT */
/*
 * Futexes: waiting for a word of user memory to change, and waking who waits.
 *
 * A waiter stands on the list of its key's bucket. It counts itself in the bucket before it reads the word, and a
 * waker looks at the count after its word was written (both with full barriers): so a waker that finds no waiter is
 * one whose new value the waiter will see. Waiters are woken and moved under their bucket's lock, and a waiter takes
 * that lock before its record goes: nobody touches a record that is gone.
 *
 * Locks: bucket->lock, two of them by address; run-queue locks inside. Never taken in interrupts.
 */
#include "abi/linux/futex.h"

#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/space.h"
#include "proc/internal.h"
#include "proc/time.h"
#include "syscall_protos.h"

#define BUCKETS    256u
#define WAKE_FLAGS (1u << THREAD_SLEEPING)

struct bucket {
	struct spinlock lock;
	_Atomic uint32_t waiters; /* on the list, or about to be */
	struct list_node list;    /* [lock] struct futex_waiter */
} __attribute__((aligned(64)));

struct futex_waiter {
	struct list_node node;         /* [bucket lock] */
	struct thread *thread;         /* [I] */
	struct vm_futex_key key;       /* [bucket lock] its object is referenced */
	struct bucket *_Atomic bucket; /* [bucket lock] */
	uint32_t bitset;               /* [I] */
	bool woken;                    /* [bucket lock] */
};

static struct bucket buckets[BUCKETS];

static struct bucket *
bucket_of(const struct vm_futex_key *k)
{
	uint64_t h = (k->base >> 4) ^ (k->offset >> 2);
	h *= 0x9e3779b97f4a7c15ULL;
	return &buckets[(h >> 40) % BUCKETS];
}

static bool
same_key(const struct vm_futex_key *a, const struct vm_futex_key *b)
{
	return a->offset == b->offset && a->base == b->base;
}

/* A private futex is named by its address alone: nothing to look up. */
static int
get_key(uaddr_t u, bool private, struct vm_futex_key *key)
{
	struct vm_space *s = arch_current()->space;
	if (u.addr % sizeof(uint32_t) != 0)
		return -EINVAL;
	if (!user_range_ok(u, sizeof(uint32_t)))
		return -EFAULT;
	if (likely(private)) {
		*key = (struct vm_futex_key){.base = (uint64_t)s, .offset = u.addr};
		return 0;
	}
	/* What it names is known only where there is something, as Linux finds by faulting it in. */
	uint32_t word;
	int err = get_user_u32(&word, u);
	return err != 0 ? err : vm_futex_key(s, u.addr, true, key);
}

static void
put_key(struct vm_futex_key *key)
{
	if (key->object != NULL)
		vm_object_put(key->object);
}

/* Reads the word under the bucket's lock; if its page is not there, without it. 1: try again with the lock. */
static int
read_word_locked(struct bucket *b, uaddr_t u, uint32_t *value) NO_LOCK_ANALYSIS
{
	if (likely(get_user_u32_nofault(value, u) == 0))
		return 0;
	spin_unlock(&b->lock);
	return get_user_u32(value, u) != 0 ? -EFAULT : 1;
}

/* Enters w if the word still has the expected value. The thread is marked asleep on success. */
static int
enqueue_if_equal(struct futex_waiter *w, uaddr_t u, uint32_t expected) NO_LOCK_ANALYSIS
{
	struct bucket *b = bucket_of(&w->key);
	uint32_t value;
	int err;
	atomic_fetch_add_explicit(&b->waiters, 1, memory_order_seq_cst);
	arch_mb();
	do {
		spin_lock(&b->lock);
		err = read_word_locked(b, u, &value);
	} while (err == 1);
	if (err == 0) {
		if (value != expected) {
			err = -EAGAIN;
		} else {
			atomic_store_explicit(&w->bucket, b, memory_order_relaxed);
			list_add_tail(&b->list, &w->node);
			wait_prepare(WAIT_INTERRUPTIBLE);
		}
		spin_unlock(&b->lock);
	}
	if (err != 0)
		atomic_fetch_sub_explicit(&b->waiters, 1, memory_order_relaxed);
	return err;
}

/* Takes w off its list, wherever it is now. Whether it was woken before. */
static bool
dequeue(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = atomic_load_explicit(&w->bucket, memory_order_acquire);
		spin_lock(&b->lock);
		if (b == atomic_load_explicit(&w->bucket, memory_order_relaxed)) {
			bool woken = w->woken;
			if (!woken) {
				list_del(&w->node);
				atomic_fetch_sub_explicit(&b->waiters, 1, memory_order_relaxed);
			}
			spin_unlock(&b->lock);
			return woken;
		}
		spin_unlock(&b->lock);
	}
}

/* Until when a waiter waits. */
struct futex_deadline {
	nsec_t at; /* DEADLINE_NEVER */
	enum time_base base;
};

static int
wait_until_woken(struct futex_waiter *w, const struct futex_deadline *until)
{
	int err;
	do {
		err = until->base == TIME_WALL ? wait_sleep_wall(WAIT_INTERRUPTIBLE, until->at)
					       : wait_sleep(WAIT_INTERRUPTIBLE, until->at);
		if (err != 0 || *(volatile bool *)&w->woken)
			break;
		wait_prepare(WAIT_INTERRUPTIBLE);
	} while (!*(volatile bool *)&w->woken);
	wait_finish();
	return dequeue(w) ? 0 : err;
}

/* 0: woken; -EAGAIN: another value; -ETIMEDOUT; -ERESTARTSYS. */
static int
futex_wait(uaddr_t u, bool private, uint32_t expected, uint32_t bitset,
	const struct futex_deadline *until)
{
	struct futex_waiter w = {.thread = arch_current(), .bitset = bitset};
	int err = get_key(u, private, &w.key);
	if (err != 0)
		return err;
	err = enqueue_if_equal(&w, u, expected);
	if (err == 0)
		err = wait_until_woken(&w, until);
	put_key(&w.key);
	return err;
}

static void
wake_waiter(struct bucket *b, struct futex_waiter *w)
{
	list_del(&w->node);
	atomic_fetch_sub_explicit(&b->waiters, 1, memory_order_relaxed);
	*(volatile bool *)&w->woken = true;
	sched_wake_states(w->thread, WAKE_FLAGS);
}

static int
wake_key(const struct vm_futex_key *key, uint32_t n, uint32_t bitset)
{
	struct bucket *b = bucket_of(key);
	struct futex_waiter *w, *tmp;
	int woken = 0;
	arch_mb(); /* the caller's new value before the look at the count */
	if (atomic_load_explicit(&b->waiters, memory_order_seq_cst) == 0)
		return 0;
	sched_hold_kicks();
	spin_lock(&b->lock);
	list_for_each_entry_safe (w, tmp, &b->list, node) {
		if ((uint32_t)woken >= n)
			break;
		if ((w->bitset & bitset) == 0 || !same_key(&w->key, key))
			continue;
		wake_waiter(b, w);
		woken++;
	}
	spin_unlock(&b->lock);
	sched_release_kicks();
	return woken;
}

static int
futex_wake(uaddr_t u, bool private, uint32_t n, uint32_t bitset)
{
	struct vm_futex_key key;
	int err = get_key(u, private, &key);
	if (err != 0)
		return err;
	/* Linux's n is signed, and one is woken even for none. */
	int woken = wake_key(&key, (int32_t)n < 1 ? 1 : n, bitset);
	put_key(&key);
	return woken;
}

void
futex_wake_address(uaddr_t u, uint32_t n)
{
	(void)!futex_wake(u, false, n, UINT32_MAX);
}

static void
lock_two(struct bucket *a, struct bucket *b) NO_LOCK_ANALYSIS
{
	if (a == b) {
		spin_lock(&a->lock);
		return;
	}
	spin_lock(a < b ? &a->lock : &b->lock);
	spin_lock(a < b ? &b->lock : &a->lock);
}

static void
unlock_two(struct bucket *a, struct bucket *b) NO_LOCK_ANALYSIS
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* The waiter now waits for key, with the reference on its object that the caller took for it. */
static void
move_waiter(struct bucket *from, struct bucket *to, struct futex_waiter *w,
	const struct vm_futex_key *key)
{
	w->key = *key;
	if (from == to)
		return;
	list_del(&w->node);
	list_add_tail(&to->list, &w->node);
	atomic_fetch_sub_explicit(&from->waiters, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&to->waiters, 1, memory_order_seq_cst);
	atomic_store_explicit(&w->bucket, to, memory_order_release);
}

/* Both locks held. *moved: how many waiters no longer have their reference on from's object. */
static int
requeue_locked(struct bucket *b1, const struct vm_futex_key *from, struct bucket *b2,
	const struct vm_futex_key *to, uint32_t wake, uint32_t move, uint32_t *moved)
{
	struct futex_waiter *w, *tmp;
	uint32_t woken = 0;
	*moved = 0;
	list_for_each_entry_safe (w, tmp, &b1->list, node) {
		if (!same_key(&w->key, from))
			continue;
		if (woken < wake) {
			wake_waiter(b1, w);
			woken++;
		} else if (*moved < move) {
			if (to->object != NULL)
				vm_object_get(to->object);
			move_waiter(b1, b2, w, to);
			++*moved;
		} else {
			break;
		}
	}
	return (int)(woken + *moved);
}

static int
requeue_keys(uaddr_t u, struct vm_futex_key *from, struct vm_futex_key *to, uint32_t wake,
	uint32_t move, const uint32_t *expected)
{
	struct bucket *b1 = bucket_of(from), *b2 = bucket_of(to);
	uint32_t moved, value;
	for (;;) {
		lock_two(b1, b2);
		if (expected == NULL || get_user_u32_nofault(&value, u) == 0)
			break;
		unlock_two(b1, b2);
		if (get_user_u32(&value, u) != 0)
			return -EFAULT;
	}
	if (expected != NULL && value != *expected) {
		unlock_two(b1, b2);
		return -EAGAIN;
	}
	if (same_key(from, to))
		move = 0; /* already where they would go */
	sched_hold_kicks();
	int n = requeue_locked(b1, from, b2, to, wake, move, &moved);
	unlock_two(b1, b2);
	sched_release_kicks();
	for (; from->object != NULL && moved > 0; moved--)
		vm_object_put(from->object);
	return n;
}

/* Wakes some waiters of u and lets others wait on u2; with expected, only if *u has that value. */
static int
futex_requeue(
	uaddr_t u, uaddr_t u2, bool private, uint32_t wake, uint32_t move, const uint32_t *expected)
{
	struct vm_futex_key from, to;
	if ((int32_t)wake < 0 || (int32_t)move < 0)
		return -EINVAL;
	int err = get_key(u, private, &from);
	if (err != 0)
		return err;
	err = get_key(u2, private, &to);
	if (err == 0) {
		err = requeue_keys(u, &from, &to, wake, move, expected);
		put_key(&to);
	}
	put_key(&from);
	return err;
}

static uint32_t
op_result(uint32_t op, uint32_t old, uint32_t arg)
{
	switch (op) {
	case FUTEX_OP_SET:
		return arg;
	case FUTEX_OP_ADD:
		return old + arg;
	case FUTEX_OP_OR:
		return old | arg;
	case FUTEX_OP_ANDN:
		return old & ~arg;
	default:
		return old ^ arg;
	}
}

static bool
op_compare(uint32_t cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == arg;
	case FUTEX_OP_CMP_NE:
		return old != arg;
	case FUTEX_OP_CMP_LT:
		return old < arg;
	case FUTEX_OP_CMP_LE:
		return old <= arg;
	case FUTEX_OP_CMP_GT:
		return old > arg;
	default:
		return old >= arg;
	}
}

/* Applies the operation to *u atomically. *old: its former value. */
static int
apply_op(uaddr_t u, uint32_t op, uint32_t arg, uint32_t *old)
{
	uint32_t seen;
	if (get_user_u32(&seen, u) != 0)
		return -EFAULT;
	for (;;) {
		uint32_t expected = seen;
		int err = user_cmpxchg_u32(u, expected, op_result(op, expected, arg), &seen);
		if (err == -EFAULT || (err == 0 && seen == expected)) {
			*old = expected;
			return err;
		}
		if (signal_killed())
			return -EINTR;
		sched_point();
	}
}

static int
futex_wake_op(uaddr_t u, uaddr_t u2, bool private, uint32_t wake, uint32_t wake2, uint32_t encoded)
{
	uint32_t op = (encoded >> 28) & 7, cmp = (encoded >> 24) & 15;
	int32_t op_arg = (int32_t)(encoded << 8) >> 20, cmp_arg = (int32_t)(encoded << 20) >> 20;
	uint32_t old;
	if (op > FUTEX_OP_XOR || cmp > FUTEX_OP_CMP_GE)
		return -ENOSYS;
	uint32_t arg = (uint32_t)op_arg;
	if (encoded & (FUTEX_OP_OPARG_SHIFT << 28))
		arg = 1u << (arg & 31);
	if (u2.addr % sizeof(uint32_t) != 0)
		return -EINVAL;
	int err = apply_op(u2, op, arg, &old);
	if (err != 0)
		return err;
	int woken = futex_wake(u, private, wake, UINT32_MAX);
	if (woken < 0 || !op_compare(cmp, (int32_t)old, cmp_arg))
		return woken;
	int more = futex_wake(u2, private, wake2, UINT32_MAX);
	return more < 0 ? more : woken + more;
}

/* Flags of a wait that is to be restarted. */
#define RESTART_PRIVATE 1u
#define RESTART_WALL    2u

/* restart_syscall(2): the deadline is absolute. */
static int64_t
futex_wait_restart(struct restart_block *r)
{
	struct futex_deadline until = {
		.at = r->args[4], .base = (r->args[3] & RESTART_WALL) ? TIME_WALL : TIME_MONOTONIC};
	int err = futex_wait((uaddr_t){r->args[0]}, (r->args[3] & RESTART_PRIVATE) != 0,
		(uint32_t)r->args[1], (uint32_t)r->args[2], &until);
	return err == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : err;
}

static int
wait_deadline(uaddr_t timeout, int op, struct futex_deadline *until)
{
	struct timespec_user ts;
	*until = (struct futex_deadline){.at = DEADLINE_NEVER, .base = TIME_MONOTONIC};
	if (uaddr_is_null(timeout))
		return 0;
	int err = timespec_from_user(timeout, &ts);
	if (err != 0)
		return err;
	nsec_t ns = timespec_to_ns(&ts);
	until->at = (op & FUTEX_CMD_MASK) == FUTEX_WAIT ? deadline_after(ns) : ns;
	if ((op & FUTEX_CMD_MASK) != FUTEX_WAIT && (op & FUTEX_CLOCK_REALTIME))
		until->base = TIME_WALL;
	return 0;
}

static int64_t
do_wait(uaddr_t u, int op, uint32_t value, uaddr_t timeout, uint32_t bitset)
{
	bool private = (op & FUTEX_PRIVATE_FLAG) != 0;
	struct futex_deadline until;
	if (bitset == 0)
		return -EINVAL;
	int err = wait_deadline(timeout, op, &until);
	if (err != 0)
		return err;
	err = futex_wait(u, private, value, bitset, &until);
	if (err != -ERESTARTSYS || until.at == DEADLINE_NEVER)
		return err;
	uint64_t flags =
		(private ? RESTART_PRIVATE : 0) | (until.base == TIME_WALL ? RESTART_WALL : 0);
	current_task()->restart = (struct restart_block){
		.fn = futex_wait_restart, .args = {u.addr, value, bitset, flags, until.at}};
	return -ERESTART_RESTARTBLOCK;
}

int64_t
sys_futex(uaddr_t u, int op, uint32_t val, uaddr_t timeout, uaddr_t u2, uint32_t val3)
{
	int cmd = op & FUTEX_CMD_MASK;
	bool private = (op & FUTEX_PRIVATE_FLAG) != 0;
	uint32_t val2 = (uint32_t)timeout.addr;
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return do_wait(u, op, val, timeout, UINT32_MAX);
	case FUTEX_WAIT_BITSET:
		return do_wait(u, op, val, timeout, val3);
	case FUTEX_WAKE:
		return futex_wake(u, private, val, UINT32_MAX);
	case FUTEX_WAKE_BITSET:
		return val3 == 0 ? -EINVAL : futex_wake(u, private, val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(u, u2, private, val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(u, u2, private, val, val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(u, u2, private, val, val2, val3);
	default:
		return -ENOSYS; /* priority inheritance among them */
	}
}

/* One lock that a dying task may hold: marked, and the next waiter woken. */
static int
robust_death(struct task *t, uaddr_t u, bool pending)
{
	uint32_t value, seen;
	if (u.addr % sizeof(uint32_t) != 0 || get_user_u32(&value, u) != 0)
		return -EFAULT;
	for (;;) {
		if (pending && (value & FUTEX_TID_MASK) == 0) {
			futex_wake_address(u, 1); /* it died between unlocking and waking */
			return 0;
		}
		if ((value & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return 0;
		uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		int err = user_cmpxchg_u32(u, value, dead, &seen);
		if (err == -EFAULT)
			return err;
		if (err == 0 && seen == value)
			break;
		value = seen;
		sched_point();
	}
	if (value & FUTEX_WAITERS)
		futex_wake_address(u, 1);
	return 0;
}

/* Goes through the list of locks that the running task may hold. The list is the program's: it may be anything. */
void
futex_exit_robust(struct task *t)
{
	struct robust_list_head_user head;
	uaddr_t at = t->robust_list;
	t->robust_list = (uaddr_t){0};
	if (copy_from_user(&head, at, sizeof(head)) != 0)
		return;
	uint64_t pending = head.pending & ~1ULL, entry = head.next;
	for (int i = 0; i < ROBUST_LIST_MAX && (entry & ~1ULL) != at.addr; i++) {
		uint64_t next, node = entry & ~1ULL;
		int err = get_user_u64(&next, (uaddr_t){node});
		if (node != pending &&
			robust_death(t, (uaddr_t){node + head.futex_offset}, false) != 0)
			return;
		if (err != 0)
			return;
		entry = next;
		sched_point();
	}
	if (pending != 0)
		(void)!robust_death(t, (uaddr_t){pending + head.futex_offset}, true);
}

int64_t
sys_set_robust_list(uaddr_t head, size_t len)
{
	if (len != sizeof(struct robust_list_head_user))
		return -EINVAL;
	current_task()->robust_list = head;
	return 0;
}

int64_t
sys_get_robust_list(int pid, uaddr_t head, uaddr_t len)
{
	struct task *t = current_task();
	uaddr_t list = t->robust_list;
	if (pid != 0 && pid != t->tid) {
		t = task_find(pid);
		if (t == NULL)
			return -ESRCH;
		const struct cred *c = task_cred(t);
		bool may = t->process == current_process() || cred_may_signal(c);
		cred_put(c);
		list = t->robust_list;
		task_put(t);
		if (!may)
			return -EPERM;
	}
	if (put_user_u64(len, sizeof(struct robust_list_head_user)) != 0 ||
		put_user_u64(head, list.addr) != 0)
		return -EFAULT;
	return 0;
}

void
futex_init(void)
{
	for (uint32_t i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex");
		list_init(&buckets[i].list);
	}
}
