/* SPDX-License-Identifier: MIT */
/* /proc/PID and /proc/PID/task/TID: which processes there are, the tables of their names, and the small files. */
#include <string.h>

#include "core/sched.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "mm/page.h"
#include "mm/space.h"

/* --- Small files. --- */

static int
show_comm(struct proc_node *n, struct proc_text *t)
{
	char name[sizeof(((struct thread *)0)->name)];
	struct task *task = proc_node_task(n);
	memcpy(name, task != NULL ? task->thread.name : n->key.process->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	if (task != NULL)
		task_put(task);
	proc_printf(t, "%s\n", name);
	return 0;
}

/* For threads of the same process, which name each other. */
static int
write_comm(struct proc_node *n, char *text)
{
	if (n->key.process != arch_current()->process)
		return -EINVAL;
	struct task *task = proc_node_task(n);
	if (task == NULL)
		return -ESRCH;
	thread_set_name(&task->thread, text);
	task_put(task);
	return 0;
}

static int
show_limits(struct proc_node *n, struct proc_text *t)
{
	static const struct {
		const char *name, *unit;
	} rows[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	struct process *p = n->key.process;
	struct rlimit_user limits[RLIM_NLIMITS];
	uint64_t flags = spin_lock_irq_save(&p->lock);
	memcpy(limits, p->limits, sizeof(limits));
	spin_unlock_irq_restore(&p->lock, flags);
	proc_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		proc_printf(t, "%-25s ", rows[i].name);
		const uint64_t both[2] = {limits[i].cur, limits[i].max};
		for (int k = 0; k < 2; k++) {
			if (both[k] == RLIM_INFINITY)
				proc_printf(t, "%-20s ", "unlimited");
			else
				proc_printf(t, "%-20llu ", (unsigned long long)both[k]);
		}
		proc_printf(t, "%-10s\n", rows[i].unit);
	}
	return 0;
}

/* Thousandths of memory that the process has resident, moved by what it asked for. */
static int
show_oom_score(struct proc_node *n, struct proc_text *t)
{
	struct page_stats stats;
	int64_t score = PROC_READ(n->key.process->oom_score_adj);
	struct vm_space *s = proc_node_space(n);
	page_get_stats(&stats);
	if (s != NULL) {
		int64_t pages = s->rss_anon + s->rss_file + s->rss_shmem;
		score += max(pages, (int64_t)0) * 1000 / (int64_t)max(stats.total, (uint64_t)1);
		vm_space_put(s);
	}
	proc_printf(t, "%lld\n", (long long)min(max(score, (int64_t)0), (int64_t)2000));
	return 0;
}

static int
show_oom_score_adj(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "%d\n", PROC_READ(n->key.process->oom_score_adj));
	return 0;
}

/* A process makes itself a better victim; a worse one only if it is root's. */
static int
write_oom_score_adj(struct proc_node *n, char *text)
{
	struct process *p = n->key.process;
	int64_t value;
	if (!parse_integer(text, -1000, 1000, &value))
		return -EINVAL;
	if (p != arch_current()->process ||
		(value < p->oom_score_adj && !cred_can(vfs_cred(), LINUX_CAP_SYS_RESOURCE)))
		return -EACCES;
	atomic_store_explicit(&p->oom_score_adj, (int32_t)value, memory_order_relaxed);
	return 0;
}

/* There is one group of all, one personality, and no table of what threads wait for. */
static int
show_cgroup(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "0::/\n");
	return 0;
}

static int
show_personality(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "00000000\n");
	return 0;
}

static int
show_wchan(struct proc_node *n, struct proc_text *t)
{
	proc_printf(t, "0");
	return 0;
}

/* --- Directories as links. --- */

/*
 * Copies a path of t's context, referenced; whether it could. The context's lock is not irq-safe, so it may not be waited
 * for under the process's; and a reference on the context would look like somebody sharing it.
 */
static bool
try_fs_path(struct task *t, bool root, struct path *out) NO_LOCK_ANALYSIS
{
	uint64_t flags = spin_lock_irq_save(&t->process->lock);
	struct fs_context *fs = t->fs;
	bool got = fs == NULL || spin_trylock(&fs->lock);
	if (got && fs != NULL) {
		*out = root ? fs->root : fs->cwd;
		path_get(out);
		spin_unlock(&fs->lock);
	}
	spin_unlock_irq_restore(&t->process->lock, flags);
	return got;
}

static int
fs_path(const struct proc_node *n, bool root, struct path *out)
{
	struct task *t = proc_node_task(n);
	*out = (struct path){0};
	if (t == NULL)
		return -ENOENT;
	while (!try_fs_path(t, root, out))
		arch_relax();
	task_put(t);
	return out->dentry != NULL ? 0 : -ENOENT;
}

static ssize_t
readlink_fs(const struct proc_node *n, bool root, char *buf, size_t size)
{
	struct path p;
	int err = fs_path(n, root, &p);
	if (err != 0)
		return err;
	ssize_t len = path_name(&p, buf, size);
	path_put(&p);
	return len;
}

static ssize_t
readlink_cwd(struct proc_node *n, char *buf, size_t size)
{
	return readlink_fs(n, false, buf, size);
}

static ssize_t
readlink_root(struct proc_node *n, char *buf, size_t size)
{
	return readlink_fs(n, true, buf, size);
}

static int
follow_cwd(struct proc_node *n, struct magic_target *out)
{
	return fs_path(n, false, &out->path);
}

static int
follow_root(struct proc_node *n, struct magic_target *out)
{
	return fs_path(n, true, &out->path);
}

/* --- Threads. --- */

static const struct proc_dir tasks_dir;

/* What a process and each of its threads have; the last one is the process's alone. */
static const struct proc_entry entries[] = {
	{"auxv", S_IFREG | 0400, PROC_PRIVATE, .read = proc_read_auxv},
	{"cgroup", S_IFREG | 0444, .show = show_cgroup},
	{"cmdline", S_IFREG | 0444, .read = proc_read_cmdline},
	{"comm", S_IFREG | 0644, .show = show_comm, .write = write_comm},
	{"cwd", S_IFLNK | 0777, PROC_PRIVATE, .readlink = readlink_cwd, .follow = follow_cwd},
	{"environ", S_IFREG | 0400, PROC_PRIVATE, .read = proc_read_environ},
	{"exe", S_IFLNK | 0777, PROC_PRIVATE, .readlink = proc_readlink_exe,
		.follow = proc_follow_exe},
	{"fd", S_IFDIR | 0500, PROC_PRIVATE, .dir = &proc_fd_dir},
	{"fdinfo", S_IFDIR | 0500, PROC_PRIVATE, .dir = &proc_fdinfo_dir},
	{"limits", S_IFREG | 0444, .show = show_limits},
	{"maps", S_IFREG | 0444, PROC_PRIVATE, .show = proc_show_maps},
	{"mountinfo", S_IFREG | 0444, .show = proc_show_mountinfo},
	{"mounts", S_IFREG | 0444, .show = proc_show_mounts},
	{"net", S_IFDIR | 0555, .dir = &proc_net_dir},
	{"oom_score", S_IFREG | 0444, .show = show_oom_score},
	{"oom_score_adj", S_IFREG | 0644, .show = show_oom_score_adj, .write = write_oom_score_adj},
	{"personality", S_IFREG | 0400, PROC_PRIVATE, .show = show_personality},
	{"root", S_IFLNK | 0777, PROC_PRIVATE, .readlink = readlink_root, .follow = follow_root},
	{"smaps", S_IFREG | 0444, PROC_PRIVATE, .show = proc_show_smaps},
	{"smaps_rollup", S_IFREG | 0444, PROC_PRIVATE, .show = proc_show_smaps_rollup},
	{"stat", S_IFREG | 0444, .show = proc_show_pid_stat},
	{"statm", S_IFREG | 0444, .show = proc_show_pid_statm},
	{"status", S_IFREG | 0444, .show = proc_show_pid_status},
	{"wchan", S_IFREG | 0444, .show = show_wchan},
	{"task", S_IFDIR | 0555, .dir = &tasks_dir},
};

static const struct proc_dir task_dir = {
	.id = PROC_DIR_TASK, .count = ARRAY_SIZE(entries) - 1, .entries = entries};
static const struct proc_entry task_entry = {"", S_IFDIR | 0555, .dir = &task_dir};

static int
find_task(const struct proc_node *dir, uint32_t number, struct proc_key *child, uint32_t *mode)
{
	struct task *t = task_find((pid_t)number);
	if (t == NULL)
		return -ENOENT;
	if (t->process != dir->key.process) {
		task_put(t);
		return -ENOENT;
	}
	child->task = t;
	child->tid = (pid_t)number;
	process_get(child->process);
	return 0;
}

static bool
next_task(const struct proc_node *dir, uint32_t *number)
{
	pid_t nr = (pid_t)*number;
	struct task *t = process_task_next(dir->key.process, &nr);
	if (t == NULL)
		return false;
	task_put(t);
	*number = (uint32_t)nr;
	return true;
}

static const struct proc_numbers tasks = {
	.find = find_task, .next = next_task, .entry = &task_entry};
static const struct proc_dir tasks_dir = {.id = PROC_DIR_TASKS, .numbers = &tasks};

/* --- Processes. --- */

static const struct proc_dir pid_dir = {.id = PROC_DIR_PID, PROC_ENTRIES(entries)};
static const struct proc_entry pid_entry = {"", S_IFDIR | 0555, .dir = &pid_dir};

static int
find_process(const struct proc_node *dir, uint32_t number, struct proc_key *child, uint32_t *mode)
{
	struct process *p = process_find((pid_t)number);
	if (p == NULL)
		return -ENOENT;
	if (!proc_visible(p)) {
		process_put(p);
		return -ENOENT;
	}
	child->process = p;
	return 0;
}

static bool
next_process(const struct proc_node *dir, uint32_t *number)
{
	pid_t nr = (pid_t)*number;
	struct process *p;
	for (; (p = process_next(current_view(), &nr)) != NULL; nr++) {
		bool visible = proc_visible(p);
		process_put(p);
		if (visible) {
			*number = (uint32_t)nr;
			return true;
		}
		sched_point();
	}
	return false;
}

const struct proc_numbers proc_processes = {
	.find = find_process, .next = next_process, .entry = &pid_entry};
