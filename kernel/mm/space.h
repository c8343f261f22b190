/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: an ordered tree of areas over a process's page tables.
 *
 * space->lock (rwmutex): write to change the map, read to fault. Private anonymous pages live in the page tables
 * alone (PAGE_ANON, refs counts the tables that map them); file, tmpfs and shared pages belong to their vm_object.
 * A private mapping of an object maps its pages read-only and copies them to PAGE_ANON pages when written.
 * Every change undoes itself when it fails half-way, unless Linux documents otherwise (munmap, mprotect up to a hole).
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "arch/mmu.h"
#include "arch/uaccess.h"
#include "base/rbtree.h"
#include "core/cpumask.h"
#include "core/mutex.h"
#include "mm/object.h"

struct file;

/* Area flags. */
#define VM_READ      PROT_BIT_READ
#define VM_WRITE     PROT_BIT_WRITE
#define VM_EXEC      PROT_BIT_EXEC
#define VM_SHARED    (1u << 8)
#define VM_GROWSDOWN (1u << 9)  /* a stack */
#define VM_NORESERVE (1u << 10)
#define VM_MAYREAD   (1u << 11) /* what mprotect may grant: from the handle's rights and the mount */
#define VM_MAYWRITE  (1u << 12)
#define VM_MAYEXEC   (1u << 13)
#define VM_DONTFORK  (1u << 14)
#define VM_WIPEONFORK (1u << 15)
#define VM_LOCKED    (1u << 16)
#define VM_HEAP      (1u << 17) /* brk's */
#define VM_VDSO      (1u << 18)
#define VM_DONTDUMP  (1u << 19)
#define VM_WX        (1u << 20) /* exempt from W^X: a JIT that may (DESIGN §3) */

struct vm_area {
	struct rb_node node;              /* [space->lock] by start, augmented with the largest gap */
	uint64_t start, end;              /* [space->lock] page aligned, end exclusive */
	uint64_t gap;                     /* [space->lock] free bytes between the previous area's end and start */
	uint64_t max_gap;                 /* [space->lock] largest gap in this subtree */
	uint32_t flags;                   /* [space->lock] VM_* */
	struct vm_space *space;           /* [I] */
	struct vm_object *object;         /* [space->lock] referenced; NULL: private anonymous */
	uint64_t offset;                  /* [space->lock] of start in the object, bytes, page aligned */
	struct list_node object_node;     /* [object->map_lock] */
	struct file *file;                /* [space->lock] referenced; what /proc/self/maps shows; NULL: none */
};

struct vm_space {
	refcount_t users;                 /* threads and other users; at 0 the map is torn down */
	struct arch_space arch;
	struct rwmutex lock;
	struct rb_root areas;             /* [lock] */
	uint32_t nr_areas;                /* [lock] */
	struct spinlock table_lock;       /* creation of page tables */
	_Atomic int64_t rss_anon, rss_file, rss_shmem; /* pages */
	uint64_t total_vm, locked_vm, data_vm, stack_vm; /* [lock] pages */
	uint64_t max_rss;                 /* pages, high-water mark */
	uint64_t brk_start, brk;          /* [lock] */
	uint64_t mmap_base;               /* [I after exec] top-down allocation starts below it */
	uint64_t stack_top;               /* [I after exec] */
	uint64_t vdso;                    /* [I after exec] */
	uint64_t arg_start, arg_end, env_start, env_end; /* [I after exec] for /proc */
	uint64_t auxv[64];                /* [I after exec] for /proc */
	uint64_t limit_as, limit_data, limit_stack, limit_memlock; /* bytes; copied from the process's limits */
	struct file *exe;                 /* [lock] referenced; /proc/self/exe */
	bool wx_allowed;                  /* [I after exec] program and principal may have W+X */
	void *pauth;                      /* reserved */
};

/* Boot. */
void vm_space_init(void);
/* An empty space, one user. NULL: out of memory. */
struct vm_space *vm_space_create(void) MUST_CHECK;
/* A copy-on-write copy of the running process's space. -ENOMEM undoes everything. */
int vm_space_fork(struct vm_space *from, struct vm_space **out) MUST_CHECK;
void vm_space_get(struct vm_space *s);
/* Drops a user; the last one unmaps and frees everything. May sleep. Not while it is installed as this CPU's only reference: see vm_space_switch. */
void vm_space_put(struct vm_space *s);

/*
 * Maps [addr, addr+len) (addr a hint, or exact with VM_MAP_FIXED*). object may be NULL (anonymous); a reference is
 * taken. offset: page aligned. Returns the address, or -EINVAL -ENOMEM -EEXIST -EACCES (W^X) -EPERM as a negative.
 */
#define VM_MAP_FIXED           1u
#define VM_MAP_FIXED_NOREPLACE 2u
#define VM_MAP_POPULATE        4u
int64_t vm_map(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t vm_flags, uint32_t map_flags,
	struct vm_object *object, uint64_t offset, struct file *file) MUST_CHECK;
int vm_unmap(struct vm_space *s, uint64_t addr, uint64_t len) MUST_CHECK;
int vm_protect(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t prot) MUST_CHECK;
/* The area that holds addr or the first one above it; call with s->lock held. */
struct vm_area *vm_area_find(struct vm_space *s, uint64_t addr);
struct vm_area *vm_area_next(struct vm_area *a);

/*
 * Resolves a fault of the running thread's space at addr. access: PROT_BIT_READ, WRITE or EXEC. May sleep.
 * Returns 0 (retry the access) or a negative that says which signal: -EFAULT (SIGSEGV SEGV_MAPERR),
 * -EACCES (SIGSEGV SEGV_ACCERR), -ENXIO (SIGBUS BUS_ADRERR: past the end of the object), -EIO (SIGBUS: unreadable),
 * -ENOMEM (out of memory: kill), -ERESTARTSYS (killed meanwhile).
 */
int vm_fault(struct vm_space *s, uint64_t addr, uint32_t access) MUST_CHECK;

/*
 * Reads or writes another process's memory (or a new image's stack during exec) through its page tables, faulting
 * pages in. write breaks copy-on-write. Returns bytes done (short at a hole) or -EFAULT if none. May sleep.
 */
ssize_t vm_access(struct vm_space *s, uint64_t addr, void *buf, size_t n, bool write) MUST_CHECK;

/*
 * A key that names the memory behind a user address, for futexes: private ones by (space, address), shared ones by
 * (object, offset). *object gets a reference for shared ones (else NULL).
 */
struct vm_futex_key {
	uint64_t base;  /* space or object */
	uint64_t offset;
	struct vm_object *object;
};
int vm_futex_key(struct vm_space *s, uint64_t addr, bool shared, struct vm_futex_key *key) MUST_CHECK;

/* The system calls' work (mm/mmap.c): brk, mmap, munmap, mremap, mprotect, madvise, mincore, msync, mlock family. */

#endif
