/* SPDX-License-Identifier: MIT */
/*
 * execve: a new program in the running process.
 *
 * The new address space is built completely before anything of the old program is touched; what can fail comes first
 * (file, arguments, credentials, image, copies of what is shared), then the other tasks are ended, and from there on
 * nothing fails.
 */
#include "proc/exec_elf.h"

#include <string.h>

#include "abi/linux/fcntl.h"
#include "abi/linux/mount.h"
#include "arch/thread.h"
#include "base/fmt.h"
#include "core/sched.h"
#include "elf/script.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "obj/handle.h"
#include "proc/internal.h"
#include "syscall_protos.h"
#include "vfs/walk.h"

_Static_assert(EXEC_HEAD_SIZE >= SCRIPT_LINE_MAX, "a script's first line is read with the head");

struct exec {
	struct exec_args args;
	struct file *file;
	const char *filename;          /* as the caller named the program */
	char fd_name[32 + NAME_SHORT]; /* what a program that was named by a descriptor is called */
	struct cred *new_cred;         /* NULL: they stay */
	bool secure;                   /* ids change: AT_SECURE, not dumpable */
	bool name_ends;                /* it goes by a descriptor that exec closes */
	/*
	 * Of its own, in place of what may be shared with other processes when it counts, once the other tasks have
	 * gone; NULL: it cannot be shared then.
	 */
	struct handle_table *handles;
	struct signal_actions *actions;
	struct fs_context *fs; /* for set-id programs alone */
	struct exec_image image;
};

int
exec_open(int dirfd, const char *name, uint32_t lookup, struct file **out)
{
	WALK_ON_STACK(w);
	int err = walk_begin(&w, dirfd, name, lookup);
	if (err != 0)
		return err;
	err = walk_all(&w, name);
	if (err == 0 && (w.file != NULL || !(w.rights & RIGHT_EXEC)))
		err = -EACCES;
	if (err == 0 && (w.inode->mode & S_IFMT) == S_IFLNK)
		err = -ELOOP;
	if (err == 0)
		err = file_open_exec(&w.path, out);
	walk_end(&w);
	return err;
}

/* The file is a script: its interpreter takes its place, the script's name becomes an argument. */
static int
follow_script(struct exec *x, char *line, size_t n)
{
	char *interpreter, *option;
	const char *script =
		x->args.nr_prefix != 0 ? x->args.prefix[x->args.nr_prefix - 1] : x->filename;
	struct file *f;
	int err = script_parse(line, n, &interpreter, &option);
	if (err == 0 && x->name_ends)
		err = -ENOENT; /* the interpreter could not open it */
	if (err != 0)
		return err;
	/* The name is copied before what it replaces is freed. */
	char *name = kstrdup(script);
	if (name == NULL)
		return -ENOMEM;
	err = exec_args_push_script(&x->args, interpreter, option, name);
	kfree(name);
	if (err == 0)
		err = exec_open(AT_FDCWD, interpreter, LOOKUP_FOLLOW, &f);
	if (err != 0)
		return err;
	file_put(x->file);
	x->file = f;
	return 0;
}

/* Reads the first bytes of what is to be run, through scripts. Returns how many there are. */
static ssize_t
resolve(struct exec *x, uint8_t *head)
{
	for (int depth = 0;; depth++) {
		ssize_t n = file_read_at(x->file, head, EXEC_HEAD_SIZE, 0);
		if (n < 2 || head[0] != '#' || head[1] != '!')
			return n;
		if (depth == EXEC_SCRIPTS_MAX)
			return -ELOOP;
		int err = follow_script(x, (char *)head, (size_t)n);
		if (err != 0)
			return err;
	}
}

/* Whether another process than the running one shares its file context. */
static bool
fs_is_shared(void)
{
	struct task *t, *self = current_task();
	uint32_t own = 0;
	uint64_t flags = spin_lock_irq_save(&self->process->lock);
	list_for_each_entry (t, &self->process->tasks, process_node)
		own += t->fs == self->fs;
	spin_unlock_irq_restore(&self->process->lock, flags);
	return refcount_read(&self->fs->refs) > own;
}

/* Set-id bits count unless the mount, the process or another that shares its file context says no. */
static bool
set_id_allowed(const struct exec *x, const struct cred *old)
{
	const struct mount *m = x->file->path.mount;
	return !old->no_new_privs && (m == NULL || !(mount_flags(m) & MS_NOSUID)) &&
		!fs_is_shared();
}

/* The ids that the program runs with. Set-id bits change ids; capabilities only ever shrink (cred_changed_ids()). */
static int
prepare_cred(struct exec *x)
{
	const struct cred *old = current_cred();
	const struct inode *i = x->file->inode;
	uid_t euid = old->euid;
	gid_t egid = old->egid;
	if ((i->mode & (S_ISUID | S_ISGID)) && set_id_allowed(x, old)) {
		if (i->mode & S_ISUID)
			euid = i->uid;
		if ((i->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
			egid = i->gid;
	}
	x->secure = euid != old->uid || egid != old->gid;
	struct linux_caps caps;
	linux_caps_exec(&caps, old, euid);
	if (memcmp(&caps, &old->lcaps, sizeof(caps)) == 0 && !old->keep_caps && euid == old->euid &&
		old->suid == euid && old->fsuid == euid && egid == old->egid && old->sgid == egid &&
		old->fsgid == egid)
		return 0;
	x->new_cred = cred_copy(old);
	if (x->new_cred == NULL)
		return -ENOMEM;
	x->new_cred->euid = x->new_cred->suid = x->new_cred->fsuid = euid;
	x->new_cred->egid = x->new_cred->sgid = x->new_cred->fsgid = egid;
	cred_changed_ids(x->new_cred, old);
	x->new_cred->lcaps = caps;
	x->new_cred->keep_caps = false;
	return 0;
}

/*
 * What must not be shared with other processes from now on: memory for it, as the other tasks may still begin and end to
 * share. Whoever is alone with something stays so.
 */
static int
prepare_private(struct exec *x)
{
	struct task *t = current_task();
	struct process *p = t->process;
	struct signal_actions *a = atomic_load_explicit(&p->actions, memory_order_relaxed);
	if ((*(volatile uint32_t *)&p->nr_tasks > 1 || refcount_read(&a->refs) > 1) &&
		(x->actions = signal_actions_create()) == NULL)
		return -ENOMEM;
	if (x->secure && refcount_read(&t->fs->refs) > 1 &&
		(x->fs = fs_context_copy(t->fs)) == NULL)
		return -ENOMEM;
	if (atomic_load_explicit(&t->handles->users, memory_order_acquire) > 1 &&
		(x->handles = handle_table_copy(t->handles)) == NULL)
		return -ENOMEM;
	return 0;
}

/* Out of line, so that its buffer is gone when the image is committed. */
static __attribute__((noinline)) int
prepare(struct exec *x)
{
	uint8_t head[EXEC_HEAD_SIZE] __attribute__((uninitialized)); /* read from the file */
	ssize_t n = resolve(x, head);
	if (n < 0)
		return (int)n;
	int err = prepare_cred(x);
	if (err != 0)
		return err;
	const struct cred *cred = x->new_cred != NULL ? x->new_cred : current_cred();
	err = exec_load(
		&x->image, x->file, head, (size_t)n, &x->args, x->filename, cred, x->secure);
	return err == 0 ? prepare_private(x) : err;
}

/* The running task takes the process's number, whose task has exited. Under tree_lock and p->lock. */
static void
become_leader_locked(struct task *t, struct process *p)
{
	struct process *child;
	list_for_each_entry (child, &p->children, sibling)
		if (child->parent_tid == t->tid)
			child->parent_tid = p->pid;
	t->pid_entry->task = NULL;
	pid_settle_locked(t->pid_entry);
	t->pid_entry = p->pid_entry;
	t->pid_entry->task = t;
	t->tid = p->pid;
}

/* Ends all other tasks. -EAGAIN: another task was first to exec, or the process is being killed. */
static int
end_other_tasks(struct task *t, struct process *p)
{
	if (p->nr_tasks == 1 && t->tid == p->pid)
		return 0;
	struct task *other;
	int err = 0;
	uint64_t flags = spin_lock_irq_save(&p->lock);
	if (process_flags(p) & (PROCESS_EXITING | PROCESS_EXECING)) {
		err = -EAGAIN;
	} else {
		atomic_fetch_or_explicit(&p->flags, PROCESS_EXECING, memory_order_relaxed);
		list_for_each_entry (other, &p->tasks, process_node) {
			if (other == t)
				continue;
			thread_set_flags(&other->thread, TF_EXIT | TF_KILLED);
			signal_wake_task(other,
				1u << THREAD_SLEEPING | 1u << THREAD_SLEEPING_KILL |
					1u << THREAD_STOPPED);
		}
	}
	spin_unlock_irq_restore(&p->lock, flags);
	if (err != 0)
		return err;
	err = wait_event(&p->exec_wait, WAIT_KILLABLE, DEADLINE_NEVER,
		*(volatile uint32_t *)&p->nr_tasks == 1);
	if (err == 0)
		exit_release_memory(
			t); /* what it holds there, it holds by the number that it has */
	flags = spin_lock_irq_save(&tree_lock);
	spin_lock(&p->lock);
	atomic_fetch_and_explicit(&p->flags, ~PROCESS_EXECING, memory_order_relaxed);
	if (err == 0 && t->tid != p->pid)
		become_leader_locked(t, p);
	spin_unlock(&p->lock);
	spin_unlock_irq_restore(&tree_lock, flags);
	return err == 0 ? 0 : -EAGAIN;
}

static void
take_handles(struct task *t, struct exec *x)
{
	struct handle_table *old = t->handles;
	if (x->handles != NULL && atomic_load_explicit(&old->users, memory_order_acquire) > 1) {
		uint64_t flags = spin_lock_irq_save(&t->process->lock);
		t->handles = x->handles;
		spin_unlock_irq_restore(&t->process->lock, flags);
		x->handles = NULL;
		handle_table_put_user(old);
	}
	handle_table_close_cloexec(t->handles);
}

static void
take_fs(struct task *t, struct exec *x)
{
	struct fs_context *old = t->fs;
	if (x->fs == NULL || refcount_read(&old->refs) == 1)
		return;
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	t->fs = x->fs;
	spin_unlock_irq_restore(&t->process->lock, flags);
	x->fs = NULL;
	fs_context_put(old);
}

static void
set_comm(struct task *t, const char *filename)
{
	const char *slash = strrchr(filename, '/');
	const char *base = slash != NULL ? slash + 1 : filename;
	size_t n = strnlen(base, sizeof(t->thread.name) - 1);
	memcpy(t->thread.name, base, n);
	memset(t->thread.name + n, 0, sizeof(t->thread.name) - n);
}

static void
reset_signals(struct task *t, struct process *p, struct exec *x)
{
	if (signal_unshare_actions(p, x->actions))
		x->actions = NULL;
	signal_reset_handlers(p);
	signal_flush_timers(t);
	t->sig.alt_sp = t->sig.alt_size = 0;
	t->sig.alt_flags = 0;
	t->restart.fn = NULL;
}

static void
reset_registers(struct task *t, const struct exec_image *image)
{
	struct trap_frame *f = arch_thread_frame(&t->thread);
	memset(f, 0, sizeof(*f));
	f->pc = image->entry;
	f->sp = image->layout.sp;
	f->syscall = -1;
	t->thread.arch.fault_address = t->thread.arch.fault_esr = 0;
	arch_thread_reset_user(&t->thread);
	arch_thread_load_live();
	thread_set_flags(&t->thread, TF_NOTIFY); /* all registers are loaded on the way out */
}

/* Memory, credentials and who may look into it: others see the old ones or the new. */
static void
change_program(struct exec *x, struct task *t, struct process *p)
{
	struct vm_space *old = t->thread.space;
	const struct cred *old_cred = NULL;
	uint32_t clear = PROCESS_MEMBARRIER | (x->secure ? 0 : PROCESS_NOT_DUMPABLE),
		 set = PROCESS_HAS_EXECED | (x->secure ? PROCESS_NOT_DUMPABLE : 0);
	exit_release_memory(t);
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	p->exit_signal = SIGCHLD;
	spin_lock(&p->lock);
	t->thread.space = x->image.space;
	arch_space_switch(x->image.space);
	atomic_fetch_and_explicit(&p->flags, ~clear, memory_order_relaxed);
	atomic_fetch_or_explicit(&p->flags, set, memory_order_relaxed);
	if (x->secure)
		t->pdeath_signal = 0;
	if (x->new_cred != NULL)
		old_cred = cred_install_locked(x->new_cred);
	spin_unlock(&p->lock);
	spin_unlock_irq_restore(&tree_lock, flags);
	x->image.space = NULL;
	x->new_cred = NULL;
	vfork_complete(t);
	if (old != NULL)
		vm_space_put(old);
	if (old_cred != NULL)
		cred_put(old_cred);
}

/* What the old program had is closed before who may look into the new one sees it. */
static void
commit(struct exec *x, struct task *t, struct process *p)
{
	posix_timers_delete_all(p);
	take_handles(t, x);
	take_fs(t, x);
	change_program(x, t, p);
	reset_signals(t, p, x);
	set_comm(t, x->filename);
	reset_registers(t, &x->image);
}

static void
release(struct exec *x)
{
	if (x->image.space != NULL)
		vm_space_put(x->image.space);
	if (x->handles != NULL)
		handle_table_put_user(x->handles);
	if (x->actions != NULL)
		signal_actions_put(x->actions);
	if (x->fs != NULL)
		fs_context_put(x->fs);
	if (x->new_cred != NULL)
		cred_put(x->new_cred);
	if (x->file != NULL)
		file_put(x->file);
	exec_args_free(&x->args);
}

/* x->filename, x->file and x->args are there; everything is released. */
static int
run(struct exec *x)
{
	struct task *t = current_task();
	int err = prepare(x);
	if (err == 0)
		err = end_other_tasks(t, t->process);
	if (err == 0)
		commit(x, t, t->process);
	release(x);
	return err;
}

/* Fields that are released whatever happens. The rest is set before it is read. */
static void
begin(struct exec *x)
{
	exec_args_init(&x->args, current_rlimit(RLIMIT_STACK));
	x->name_ends = false;
	x->file = NULL;
	x->new_cred = NULL;
	x->handles = NULL;
	x->actions = NULL;
	x->fs = NULL;
	x->image.space = NULL;
}

/* What a program found through a descriptor is called, as on Linux. -ENAMETOOLONG. */
static int
name_by_descriptor(struct exec *x, int dirfd, const char *name)
{
	int n = base_snprintf(x->fd_name, sizeof(x->fd_name),
		*name != '\0' ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, name);
	uint32_t flags = 0;
	x->filename = x->fd_name;
	x->name_ends = handle_get_flags(current_task()->handles, dirfd, &flags) == 0 &&
		(flags & HANDLE_CLOEXEC) != 0;
	return n < (int)sizeof(x->fd_name) ? 0 : -ENAMETOOLONG;
}

/* Whether t became a user who had too many tasks, and still has. */
static bool
is_over_nproc(struct task *t)
{
	if (likely(!t->over_nproc))
		return false;
	tasks_reap();
	t->over_nproc = cred_tasks_over_limit(t->cred);
	return t->over_nproc;
}

static int64_t
exec_user(int dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, uint32_t lookup)
{
	struct exec x __attribute__((uninitialized)); /* begin() sets what needs to be */
	NAME_ON_STACK(name);
	int err = name_get(&name, path, lookup);
	if (err != 0)
		return err;
	if (unlikely(is_over_nproc(current_task()))) {
		name_put(&name);
		return -EAGAIN;
	}
	begin(&x);
	x.filename = name.s;
	if (dirfd != AT_FDCWD && name.s[0] != '/')
		err = name_by_descriptor(&x, dirfd, name.s);
	if (err == 0)
		err = exec_open(dirfd, name.s, lookup, &x.file);
	if (err == 0)
		err = exec_args_from_user(&x.args, argv, envp);
	if (err == 0)
		err = run(&x);
	else
		release(&x);
	name_put(&name);
	return err;
}

int64_t
sys_execve(uaddr_t path, uaddr_t argv, uaddr_t envp)
{
	return exec_user(AT_FDCWD, path, argv, envp, LOOKUP_FOLLOW);
}

int64_t
sys_execveat(int dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, uint32_t flags)
{
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	uint32_t lookup = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : LOOKUP_FOLLOW;
	return exec_user(
		dirfd, path, argv, envp, lookup | ((flags & AT_EMPTY_PATH) ? LOOKUP_EMPTY : 0));
}

int
exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec x __attribute__((uninitialized));
	begin(&x);
	x.filename = path;
	int err = exec_open(AT_FDCWD, path, LOOKUP_FOLLOW, &x.file);
	if (err == 0)
		err = exec_args_from_kernel(&x.args, argv, envp);
	if (err == 0)
		return run(&x);
	release(&x);
	return err;
}
