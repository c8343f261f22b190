/* SPDX-License-Identifier: MIT */
/*
 * The first process: built by hand, since there is nobody to fork from. It begins in the kernel, on its first way to
 * user mode, with executing its program.
 */
#define LOG_SOURCE "init"
#include <string.h>

#include "abi/linux/fcntl.h"
#include "arch/thread.h"
#include "base/cmdline.h"
#include "core/log.h"
#include "core/main.h"
#include "core/panic.h"
#include "core/sched.h"
#include "mm/space.h"
#include "obj/handle.h"
#include "proc/internal.h"
#include "vfs/vfs.h"
#include "syscall/trace.h"

static const char *const init_environment[] = {
	"HOME=/", "TERM=linux", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", NULL};

static void
open_console(void)
{
	struct file *f;
	int err = file_open_name("/dev/console", O_RDWR | O_NOCTTY, &f);
	if (err != 0) {
		log_warn("cannot open /dev/console: err=%d", err);
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (i < 2)
			file_get(f);
		if (file_install(f, file_rights_for(O_RDWR), 0) < 0)
			return;
	}
}

/* In the new task, on its first way to user mode. */
static void
run_init(void)
{
	char path[PATH_NAME_MAX / 16] = "";
	bool chosen = cmdline_get_string(kernel_cmdline(), "init", path, sizeof(path)) > 0;
	const char *program = chosen ? path : "/sbin/init";
	const char *const argv[] = {program, NULL};
	open_console();
	int err = exec_kernel(program, argv, init_environment);
	if (err != 0)
		panic("cannot execute %s: error %d", program, -err);
}

static struct fs_context *
initial_fs(void)
{
	struct fs_context boot = {.umask = 022};
	spin_init(&boot.lock, "fs_context");
	if (path_lookup(NULL, "/", LOOKUP_DIRECTORY, &boot.root) != 0)
		return NULL;
	boot.cwd = boot.root;
	struct fs_context *fs = fs_context_copy(&boot);
	path_put(&boot.root);
	return fs;
}

static bool
fill_process(struct process *p)
{
	struct signal_actions *a = signal_actions_create();
	atomic_init(&p->actions, a);
	p->exit_signal = SIGCHLD;
	atomic_init(&p->flags, PROCESS_UNKILLABLE);
	return a != NULL;
}

void
task_start_init(void)
{
	int err;
	struct task *t = task_create("init", &err);
	struct process *p = process_create(NULL);
	struct cred *c = cred_create_initial();
	if (t == NULL || p == NULL || c == NULL || !fill_process(p))
		panic("no memory for init");
	t->process = t->thread.process = p;
	t->view = p->view;
	t->cred = c;
	atomic_fetch_add_explicit(&c->account->nr_tasks, 1, memory_order_relaxed);
	t->fs = initial_fs();
	t->handles = handle_table_create();
	t->pid_entry = pid_create(p->view, &err);
	if (t->fs == NULL || t->handles == NULL || t->pid_entry == NULL)
		panic("no memory for init");
	t->tid = t->pid_entry->nr;
	uint64_t flags = spin_lock_irq_save(&tree_lock);
	t->pid_entry->task = t;
	process_attach_locked(p, NULL, t->pid_entry);
	list_add_tail(&p->tasks, &t->process_node);
	p->nr_tasks = 1;
	spin_unlock_irq_restore(&tree_lock, flags);
	if (process_start_session(p, t->pid_entry) != 0)
		panic("no memory for init");
	memset(arch_thread_frame(&t->thread), 0, sizeof(struct trap_frame));
	arch_thread_setup_user(&t->thread);
	t->start = run_init;
	thread_set_flags(&t->thread, TF_NOTIFY);
	if (unlikely(trace_wants(t->process->pid)))
		thread_set_flags(&t->thread, TF_TRACE);
	sched_start(&t->thread);
}

void
proc_init(void)
{
	oom_init();
	pid_init();
	cred_init();
	vm_may_exceed_memlock = cred_may_exceed_memlock;
	process_init();
	task_init();
	signal_init();
	futex_init();
	posix_timers_init();
}
