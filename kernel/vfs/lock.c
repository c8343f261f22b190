/* SPDX-License-Identifier: MIT */
/*
 * Record locks and flocks.
 *
 * A POSIX lock belongs to a handle table (so to a process and who shares its table), an OFD lock and a flock to an
 * open file. lock_mutex guards them all: they are few and short-lived. Whoever waits remembers the inode's
 * generation, which every release raises; and stands, for POSIX locks, in the list of waits, which is searched for
 * cycles. Allocation happens before lock_mutex is taken.
 */
#include "vfs/lock.h"

#include "abi/linux/fcntl.h"
#include "arch/uaccess.h"
#include "core/mutex.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

struct file_lock {
	struct list_node node;
	uint64_t start, end; /* inclusive */
	const void *owner;
	pid_t pid;    /* for F_GETLK; -1: OFD */
	uint8_t kind; /* enum lock_kind */
	bool write;
};

struct inode_locks {
	struct list_node node;    /* [lock_mutex] in all_locks */
	struct inode *inode;      /* [I] */
	struct list_node records; /* [lock_mutex] POSIX and OFD; an owner's together, by start */
	struct list_node flocks;  /* [lock_mutex] */
	struct wait_queue queue;
	_Atomic uint32_t generation; /* [lock_mutex to change] */
};

/* A wait for POSIX locks. */
struct lock_wait {
	struct list_node node;
	const void *owner, *holder;
};

static struct mutex lock_mutex;
static struct list_node waits = LIST_INIT(waits);         /* [lock_mutex] */
static struct list_node all_locks = LIST_INIT(all_locks); /* [lock_mutex] */

void
file_locks_init(void)
{
	mutex_init(&lock_mutex, "file locks");
}

static inline struct inode_locks *
locks_of(const struct inode *i)
{
	return atomic_load_explicit(
		(struct inode_locks * _Atomic *)&i->locks, memory_order_acquire);
}

/* The inode's locks, made if there are none yet; NULL: out of memory. */
static struct inode_locks *
locks_make(struct inode *i)
{
	struct inode_locks *l = locks_of(i), *none = NULL;
	if (l != NULL)
		return l;
	l = kzalloc(sizeof(*l));
	if (l == NULL)
		return NULL;
	l->inode = i;
	list_init(&l->records);
	list_init(&l->flocks);
	wait_queue_init(&l->queue, "file locks");
	mutex_lock(&lock_mutex);
	if (atomic_compare_exchange_strong(&i->locks, &none, l)) {
		list_add_tail(&all_locks, &l->node);
	} else {
		kfree(l);
		l = none;
	}
	mutex_unlock(&lock_mutex);
	return l;
}

void
lock_destroy_inode(struct inode *i)
{
	struct inode_locks *l = locks_of(i);
	mutex_lock(&lock_mutex);
	list_del(&l->node);
	mutex_unlock(&lock_mutex);
	kfree(l); /* no file is open, so no lock is held */
}

static bool
conflicts(const struct file_lock *held, const struct file_lock *want)
{
	return held->owner != want->owner && held->start <= want->end && want->start <= held->end &&
		(held->write || want->write);
}

static struct file_lock *
find_conflict(struct list_node *list, const struct file_lock *want)
{
	struct file_lock *l;
	list_for_each_entry (l, list, node) {
		if (conflicts(l, want))
			return l;
	}
	return NULL;
}

/* Who waits, waits for one holder at a time: follow that until it ends, or comes back to owner. */
static bool
would_deadlock(const void *owner, const void *holder)
{
	for (int i = 0; i < 64; i++) {
		const void *next = NULL;
		struct lock_wait *w;
		list_for_each_entry (w, &waits, node) {
			if (w->owner == holder) {
				next = w->holder;
				break;
			}
		}
		if (next == NULL)
			return false;
		if (next == owner)
			return true;
		holder = next;
	}
	return false;
}

static void
drop(struct file_lock *l)
{
	list_del(&l->node);
	kfree(l);
}

/* Puts l among its owner's, by start: F_GETLK shows the first that is in the way. */
static void
records_insert(struct list_node *list, struct file_lock *l)
{
	struct list_node *before = list;
	struct file_lock *at;
	bool among = false;
	list_for_each_entry (at, list, node) {
		/* What was freed has left the list, which the analyser cannot know. */
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
		bool same = at->owner == l->owner && at->kind == l->kind;
		if (same ? at->start > l->start : among) {
			before = &at->node;
			break;
		}
		among |= same;
	}
	list_add_tail(before, &l->node);
}

/*
 * Makes [want->start, want->end] want's, or nobody's (unlock): what the owner has there is cut, split or merged into
 * want. Uses *spare when one lock becomes two.
 */
static void
records_apply(struct list_node *list, struct file_lock *want, bool unlock, struct file_lock **spare)
{
	struct file_lock *l, *next;
	list_for_each_entry_safe (l, next, list, node) {
		if (l->owner != want->owner || l->kind != want->kind)
			continue;
		if (!unlock && l->write == want->write) {
			bool before = l->end < want->start && want->start - l->end > 1;
			bool after = l->start > want->end && l->start - want->end > 1;
			if (before || after)
				continue;
			want->start = min(want->start, l->start);
			want->end = max(want->end, l->end);
			drop(l);
		} else if (l->end < want->start || l->start > want->end) {
			continue;
		} else if (l->start < want->start && l->end > want->end) {
			struct file_lock *right = *spare;
			*spare = NULL;
			*right = *l;
			right->start = want->end + 1;
			l->end = want->start - 1;
			records_insert(list, right);
			break; /* the owner's locks do not overlap: no other one meets want */
		} else if (l->start < want->start) {
			l->end = want->start - 1;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
		} else {
			drop(l);
		}
	}
	if (!unlock)
		records_insert(list, want);
}

static void
released(struct inode_locks *locks)
{
	atomic_fetch_add_explicit(&locks->generation, 1, memory_order_release);
	wake_all(&locks->queue, 0);
}

static bool
moved_on(struct inode_locks *locks, uint32_t generation)
{
	return atomic_load_explicit(&locks->generation, memory_order_acquire) != generation;
}

/* Waits for a release; lock_mutex is held, and held again afterwards. */
static int
wait_for_release(struct inode_locks *locks, const struct file_lock *want, const void *holder)
	REQUIRES(lock_mutex)
{
	struct lock_wait wait = {.owner = want->owner, .holder = holder};
	if (want->kind == LOCK_POSIX) {
		if (would_deadlock(want->owner, holder))
			return -EDEADLK;
		list_add_tail(&waits, &wait.node);
	}
	uint32_t generation = atomic_load_explicit(&locks->generation, memory_order_relaxed);
	mutex_unlock(&lock_mutex);
	int err = wait_event(
		&locks->queue, WAIT_INTERRUPTIBLE, DEADLINE_NEVER, moved_on(locks, generation));
	mutex_lock(&lock_mutex);
	if (want->kind == LOCK_POSIX)
		list_del(&wait.node);
	return err;
}

/* Sets (or removes) a record lock; want is allocated by the caller and taken over when 0 is returned for a lock. */
static int
records_set(struct inode_locks *locks, struct file_lock *want, bool unlock, bool wait)
{
	struct file_lock *spare = kmalloc(sizeof(*spare), 0), *holder;
	if (spare == NULL)
		return -ENOLCK;
	int err = 0;
	mutex_lock(&lock_mutex);
	while (!unlock && err == 0 && (holder = find_conflict(&locks->records, want)) != NULL)
		err = wait ? wait_for_release(locks, want, holder->owner) : -EAGAIN;
	if (err == 0) {
		records_apply(&locks->records, want, unlock, &spare);
		released(locks); /* also a lock that became weaker */
	}
	mutex_unlock(&lock_mutex);
	kfree(spare);
	return err;
}

/* From struct flock to [start, end]. */
static int
decode_range(struct file *f, const struct linux_flock *in, struct file_lock *out)
{
	int64_t base = 0;
	if (in->l_whence == SEEK_CUR) {
		mutex_lock(&f->pos_lock);
		base = (int64_t)f->pos;
		mutex_unlock(&f->pos_lock);
	} else if (in->l_whence == SEEK_END) {
		struct kstat st;
		int err = file_stat(f, &st);
		if (err != 0)
			return err;
		base = (int64_t)st.size;
	} else if (in->l_whence != SEEK_SET) {
		return -EINVAL;
	}
	int64_t start, end;
	if (add_overflow(base, in->l_start, &start))
		return -EOVERFLOW;
	if (in->l_len > 0) {
		if (add_overflow(start, in->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (in->l_len < 0) {
		end = start - 1;
		if (add_overflow(start, in->l_len, &start))
			return -EINVAL;
	} else {
		end = INT64_MAX;
	}
	if (start < 0)
		return -EINVAL;
	out->start = (uint64_t)start;
	out->end = (uint64_t)end;
	return 0;
}

static int
records_get(struct inode_locks *locks, const struct file_lock *want, struct linux_flock *io)
{
	io->l_type = F_UNLCK;
	if (locks == NULL)
		return 0;
	mutex_lock(&lock_mutex);
	const struct file_lock *l = find_conflict(&locks->records, want);
	if (l != NULL) {
		io->l_type = l->write ? F_WRLCK : F_RDLCK;
		io->l_whence = SEEK_SET;
		io->l_start = (int64_t)l->start;
		io->l_len = l->end == INT64_MAX ? 0 : (int64_t)(l->end - l->start + 1);
		io->l_pid = l->pid;
	}
	mutex_unlock(&lock_mutex);
	return 0;
}

static int
check_access(const struct file *f, int type)
{
	uint32_t mode = atomic_load_explicit((_Atomic uint32_t *)&f->flags, memory_order_relaxed) &
		O_ACCMODE;
	if (type == F_RDLCK && mode == O_WRONLY)
		return -EBADF;
	if (type == F_WRLCK && mode == O_RDONLY)
		return -EBADF;
	return 0;
}

/* Whether the running task's handle fd still is the file. */
static bool
still_open(const struct file *f, int fd)
{
	struct file_ref ref;
	if (file_borrow(fd, 0, &ref) != 0)
		return false;
	bool same = ref.file == f;
	file_return(&ref);
	return same;
}

/*
 * Sets a lock, for which fd was used. Closing gives a process's locks back: one that was set when another thread had
 * closed fd already would stay for ever.
 */
static int
record_lock(struct file *f, int fd, const struct file_lock *request, bool wait)
{
	struct inode_locks *locks = locks_make(f->inode);
	struct file_lock *want = kmalloc(sizeof(*want), 0);
	int err = -ENOLCK;
	if (locks != NULL && want != NULL) {
		*want = *request;
		err = records_set(locks, want, false, wait);
	}
	if (err != 0) {
		kfree(want);
	} else if (request->kind == LOCK_POSIX && !still_open(f, fd)) {
		lock_release_posix(f, current_task()->handles);
		err = -EBADF;
	}
	return err;
}

static int
record_command(struct file *f, int fd, uint32_t cmd, struct linux_flock *io)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	bool unlock = io->l_type == F_UNLCK;
	if ((io->l_type != F_RDLCK && io->l_type != F_WRLCK && !unlock) || (get && unlock) ||
		(ofd && io->l_pid != 0))
		return -EINVAL;
	struct file_lock request = {
		.owner = ofd ? (const void *)f : (const void *)current_task()->handles,
		.pid = ofd ? -1 : current_process()->pid,
		.kind = ofd ? LOCK_OFD : LOCK_POSIX,
		.write = io->l_type == F_WRLCK,
	};
	int err = decode_range(f, io, &request);
	if (err != 0)
		return err;
	struct inode_locks *locks = locks_of(f->inode);
	if (get)
		return records_get(locks, &request, io);
	if (unlock)
		return locks == NULL ? 0 : records_set(locks, &request, true, false);
	err = check_access(f, io->l_type);
	if (err != 0)
		return err;
	return record_lock(f, fd, &request, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

int64_t
file_lock_fcntl(struct file *f, int fd, uint32_t cmd, uaddr_t lock)
{
	struct linux_flock io;
	if (f->inode == NULL || (f->kind & FILE_PATH_ONLY))
		return f->inode == NULL ? -EINVAL : -EBADF;
	int err = copy_from_user(&io, lock, sizeof(io));
	if (err == 0)
		err = record_command(f, fd, cmd, &io);
	if (err == 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK))
		err = copy_to_user(lock, &io, sizeof(io));
	return err;
}

/* Removes an owner's locks of a kind; whether there were any. */
static bool
remove_owned(struct list_node *list, const void *owner)
{
	bool any = false;
	struct file_lock *l, *next;
	list_for_each_entry_safe (l, next, list, node) {
		if (l->owner == owner) {
			drop(l);
			any = true;
		}
	}
	return any;
}

void
lock_release_posix(struct file *f, struct handle_table *t)
{
	struct inode_locks *locks = locks_of(f->inode);
	if (locks == NULL)
		return;
	mutex_lock(&lock_mutex);
	if (remove_owned(&locks->records, t))
		released(locks);
	mutex_unlock(&lock_mutex);
}

void
lock_release_file(struct file *f)
{
	struct inode_locks *locks = locks_of(f->inode);
	if (locks == NULL)
		return;
	mutex_lock(&lock_mutex);
	bool any = remove_owned(&locks->records, f);
	any |= remove_owned(&locks->flocks, f);
	if (any)
		released(locks);
	mutex_unlock(&lock_mutex);
}

/* A flock that is to be changed goes first: as Linux, another may get it in between. */
static int
flock_set(struct inode_locks *locks, struct file_lock *want, bool wait)
{
	int err = 0;
	struct file_lock *holder;
	mutex_lock(&lock_mutex);
	if (remove_owned(&locks->flocks, want->owner))
		released(locks);
	while (err == 0 && (holder = find_conflict(&locks->flocks, want)) != NULL)
		err = wait ? wait_for_release(locks, want, holder->owner) : -EAGAIN;
	if (err == 0)
		list_add_tail(&locks->flocks, &want->node);
	mutex_unlock(&lock_mutex);
	return err;
}

int64_t
sys_flock(struct file *f, int operation)
{
	int type = operation & ~LOCK_NB;
	if (type != LOCK_SH && type != LOCK_EX && type != LOCK_UN)
		return -EINVAL;
	if (f->inode == NULL || (f->kind & FILE_PATH_ONLY))
		return -EBADF;
	struct inode_locks *locks = type == LOCK_UN ? locks_of(f->inode) : locks_make(f->inode);
	if (type == LOCK_UN) {
		if (locks == NULL)
			return 0;
		mutex_lock(&lock_mutex);
		if (remove_owned(&locks->flocks, f))
			released(locks);
		mutex_unlock(&lock_mutex);
		return 0;
	}
	struct file_lock *want = kmalloc(sizeof(*want), 0);
	if (locks == NULL || want == NULL) {
		kfree(want);
		return -ENOLCK;
	}
	*want = (struct file_lock){.end = INT64_MAX,
		.owner = f,
		.pid = current_process()->pid,
		.kind = LOCK_FLOCK,
		.write = type == LOCK_EX};
	int err = flock_set(locks, want, !(operation & LOCK_NB));
	if (err != 0)
		kfree(want);
	return err;
}

void
file_locks_for_each(file_lock_visit_fn *fn, void *ctx)
{
	static const char *const kinds[] = {"POSIX", "OFDLCK", "FLOCK"};
	struct inode_locks *locks;
	mutex_lock(&lock_mutex);
	list_for_each_entry (locks, &all_locks, node) {
		struct list_node *lists[] = {&locks->records, &locks->flocks};
		for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
			struct file_lock *l;
			list_for_each_entry (l, lists[i], node)
				fn(ctx, kinds[l->kind], l->write, l->pid, locks->inode->super->dev,
					locks->inode->ino, l->start, l->end);
		}
	}
	mutex_unlock(&lock_mutex);
}
