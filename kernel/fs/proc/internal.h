/* SPDX-License-Identifier: MIT */
/*
 * What the files of procfs share: nodes (inodes), the tables that say which names a directory has, and generators.
 *
 * A directory is a table of struct proc_entry, one per fixed name, and perhaps a struct proc_numbers for names that
 * are numbers (processes, threads, handles) or a struct proc_names for other names that come and go (interfaces). An entry's function is called with the node that stands for it; the node
 * holds references on its process and task, whose memory therefore stays, but which may have exited: generators find
 * out and answer -ESRCH.
 * Nothing here sleeps, allocates or writes text with a process's lock held: values are copied out first.
 */
#ifndef FS_PROC_INTERNAL_H
#define FS_PROC_INTERNAL_H

#include "fs/proc/text.h"
#include "proc/process.h"
#include "vfs/vfs.h"

struct proc_dir;
struct proc_node;

/* What a node is about; references on both. */
struct proc_key {
	struct process *process; /* NULL: the system */
	struct task *task;       /* one thread of it; NULL: the process as a whole */
	pid_t tid;               /* the number that it was found by: exec may give it another */
	uint32_t number; /* the last number in its path, or that of the last thing it names */
};

struct proc_entry {
	const char *name;
	uint32_t mode;     /* type and permissions */
	uint32_t flags;    /* PROC_* */
	caps_t write_caps; /* what opening it for writing takes, besides permission */
	/* Regular files: one of show (text, made as a whole or in pieces: text.h) and read (transfers at *pos). */
	int (*show)(struct proc_node *n, struct proc_text *t);
	ssize_t (*read)(struct proc_node *n, struct iter *to, uint64_t *pos);
	/* text: a whole write, NUL-terminated, without white space at its end. */
	int (*write)(struct proc_node *n, char *text);
	/* Symlinks, as in struct inode_ops; follow makes it a magic one. */
	ssize_t (*readlink)(struct proc_node *n, char *buf, size_t size);
	int (*follow)(struct proc_node *n, struct magic_target *out);
	const struct proc_dir *dir; /* directories */
	const void *data;           /* its functions' own */
};
#define PROC_PRIVATE 1u /* only for who passes proc_check_access() */
#define PROC_SETTING 2u /* who has write_caps has the permissions of its owner, root */

/* Names that are numbers. */
struct proc_numbers {
	/*
	 * What number is in dir: *child is dir's key without references; gets its own (0), or -ENOENT. mode: the entry's,
	 * may be changed.
	 */
	int (*find)(const struct proc_node *dir, uint32_t number, struct proc_key *child,
		uint32_t *mode);
	/* The first number >= *number that exists; false: none. */
	bool (*next)(const struct proc_node *dir, uint32_t *number);
	const struct proc_entry *entry;
};

/* Names of things that have numbers which never change: interfaces. The number is the child's key. */
#define PROC_NAME_MAX 32u /* with its NUL */
struct proc_names {
	/* The number of what is called name in dir; false: nothing is. */
	bool (*find)(const struct proc_node *dir, const char *name, size_t len, uint32_t *number);
	/* The first number >= *number that exists, and its name; false: none. */
	bool (*next)(const struct proc_node *dir, uint32_t *number, char name[PROC_NAME_MAX]);
	const struct proc_entry *entry;
};

struct proc_dir {
	uint32_t id; /* PROC_DIR_*: part of inode numbers */
	uint32_t count;
	const struct proc_entry *entries;
	const struct proc_numbers *numbers; /* NULL: none */
	const struct proc_names *names;     /* NULL: none; a directory has numbers or names */
	bool numbered; /* the key's number is part of its names' inode numbers: handles, interfaces */
};
#define PROC_ENTRIES(a) .count = ARRAY_SIZE(a), .entries = (a)

enum {
	PROC_DIR_ROOT = 1,
	PROC_DIR_PID,
	PROC_DIR_TASKS,
	PROC_DIR_TASK,
	PROC_DIR_FD,
	PROC_DIR_FDINFO,
	PROC_DIR_SYS,
	PROC_DIR_SYS_KERNEL,
	PROC_DIR_SYS_RANDOM,
	PROC_DIR_SYS_VM,
	PROC_DIR_SYS_FS,
	PROC_DIR_TTY,
	PROC_DIR_SWOS,
	PROC_DIR_NET,
	PROC_DIR_SYS_NET,
	PROC_DIR_SYS_CORE,
	PROC_DIR_SYS_IP4,
	PROC_DIR_SYS_CONF4S,
	PROC_DIR_SYS_CONF4,
	PROC_DIR_SYS_IP6,
	PROC_DIR_SYS_CONF6S,
	PROC_DIR_SYS_CONF6,
	PROC_DIR_SYS_NEIGH6S,
	PROC_DIR_SYS_NEIGH6,
	PROC_DIR_SYS_UNIX,
	PROC_DIR_END,
};

struct proc_node {
	struct inode inode;
	const struct proc_entry *entry; /* [I] */
	struct proc_key key;            /* [I] */
};

static inline struct proc_node *
proc_node_of(const struct inode *i)
{
	return container_of((struct inode *)i, struct proc_node, inode);
}

/* node.c. Takes over key's references, on failure too. NULL: out of memory. */
struct proc_node *proc_node_create(struct super *s, const struct proc_entry *e,
	const struct proc_key *key, uint32_t mode, uint64_t ino) MUST_CHECK;
struct proc_node *proc_root_create(struct super *s) MUST_CHECK;
void proc_node_destroy(struct inode *i);
void proc_node_init_cache(void);
/* -EACCES for an entry that is PROC_PRIVATE and not for the running task. */
int proc_node_check(const struct proc_node *n) MUST_CHECK;

/* Takes the references that a copy of key needs. */
void proc_key_get(const struct proc_key *key);
/* Of a name with a fixed place in dir's table; of what has been found, PROC_SLOT_NUMBER. */
#define PROC_SLOT_NUMBER 255u
uint64_t proc_inode_number(const struct proc_key *key, const struct proc_dir *dir, uint32_t slot);
/* Of what has a number in dir. */
uint64_t proc_child_inode_number(const struct proc_node *dir, uint32_t number);

/* dir.c */
extern const struct file_ops proc_dir_ops;
int proc_dir_lookup(struct inode *i, struct dentry *d);

/* file.c */
extern const struct file_ops proc_text_ops, proc_raw_ops;
int proc_file_open(struct inode *i, struct file *f);

/* access.c */
/* Whether the running task may know that p exists. */
bool proc_visible(struct process *p);
/* Whether it may look into what n is about: 0, -EACCES, or -ESRCH when that is gone. */
int proc_check_access(const struct proc_node *n) MUST_CHECK;
/* Whether what n is about has been reaped, or the thread has another number. */
bool proc_gone(const struct proc_node *n);
/* With references; NULL: there is none (any more). n's thread, or any thread of its process, the leader if it lives. */
struct task *proc_node_task(const struct proc_node *n) MUST_CHECK;
/* NULL also if n is private and the running task may not look into what the space belongs to at this moment. */
struct vm_space *proc_node_space(const struct proc_node *n) MUST_CHECK;
struct handle_table *proc_node_handles(const struct proc_node *n) MUST_CHECK;
const struct cred *proc_node_cred(const struct proc_node *n) MUST_CHECK;

/* The number that p or t (if not NULL) has. */
static inline pid_t
proc_node_id(const struct proc_node *n)
{
	return n->key.task != NULL ? n->key.tid : n->key.process->pid;
}

/* What is read from a structure whose owner may be changing it: one access, any of the values it had. */
#define PROC_READ(x) (*(const volatile __typeof__(x) *)&(x))

/* "1.50" from nanoseconds, as arguments for "%llu.%02llu"; clock ticks, of which there are 100 a second. */
#define PROC_TICKS(ns) ((unsigned long long)((ns) / (NSEC_PER_SEC / 100)))
#define PROC_SECONDS(ns)                           \
	(unsigned long long)((ns) / NSEC_PER_SEC), \
		(unsigned long long)((ns) / (NSEC_PER_SEC / 100) % 100)

/* Tables, by file. */
extern const struct proc_entry proc_root_entry;            /* root.c */
extern const struct proc_numbers proc_processes;           /* pid.c */
extern const struct proc_dir proc_fd_dir, proc_fdinfo_dir; /* fd.c */
extern const struct proc_dir proc_sys_dir;                 /* sys.c */
extern const struct proc_dir proc_sys_net_dir;             /* sys_net.c */
extern const struct proc_dir proc_swos_dir;                /* swos.c */
extern const struct proc_dir proc_net_dir;                 /* net.c */
extern const struct proc_dir proc_tty_dir;                 /* devices.c */

typedef int proc_show_fn(struct proc_node *n, struct proc_text *t);
typedef ssize_t proc_read_fn(struct proc_node *n, struct iter *to, uint64_t *pos);
typedef int proc_write_fn(struct proc_node *n, char *text);
typedef ssize_t proc_readlink_fn(struct proc_node *n, char *buf, size_t size);
typedef int proc_follow_fn(struct proc_node *n, struct magic_target *out);

/* system.c */
proc_show_fn proc_show_cpuinfo, proc_show_uptime, proc_show_loadavg, proc_show_stat,
	proc_show_version, proc_show_cmdline, proc_show_interrupts;
/* memory.c */
proc_show_fn proc_show_meminfo, proc_show_vmstat, proc_show_slabinfo, proc_show_swaps;
/* Pages of slabs that reclaim can empty. */
uint64_t proc_reclaimable_slab_pages(void);
/* devices.c */
proc_show_fn proc_show_devices, proc_show_partitions, proc_show_filesystems;
/* mounts.c */
proc_show_fn proc_show_mounts, proc_show_mountinfo;
/* status.c */
proc_show_fn proc_show_pid_stat, proc_show_pid_status, proc_show_pid_statm;
/* pid_memory.c */
proc_show_fn proc_show_maps, proc_show_smaps, proc_show_smaps_rollup;
proc_read_fn proc_read_cmdline, proc_read_environ, proc_read_auxv;
proc_readlink_fn proc_readlink_exe;
proc_follow_fn proc_follow_exe;
/* The areas of a program's own file; zeroes where there are none. space->lock is taken. */
struct proc_program {
	uint64_t code_start, code_end, data_start, data_end;
	uint64_t code_pages, library_pages; /* executable: of the program, of other files */
};
struct vm_space;
void proc_find_program(struct vm_space *s, struct proc_program *out);

void procfs_boot_id_init(void); /* sys.c */

#endif
