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
#include "core/mutex.h"
#include "mm/area.h"
#include "mm/object.h"

struct file;

struct vm_space {
	refcount_t users; /* threads and other users; at 0 the map is torn down */
	struct arch_space arch;
	struct rwmutex lock;
	struct rb_root areas;           /* [lock] */
	uint32_t nr_areas;              /* [lock] */
	_Atomic(struct vm_area *) hint; /* [lock] the area of the last fault, or NULL */
	struct spinlock table_lock;     /* creation of page tables */
	_Atomic int64_t rss_anon, rss_file, rss_shmem;   /* pages */
	uint64_t total_vm, locked_vm, data_vm, stack_vm; /* [lock] pages */
	/* pages, high-water mark; brought up to date by vm_space_max_rss() */
	_Atomic uint64_t max_rss;
	uint32_t default_flags;  /* [lock] VM_LOCKED: mlockall(MCL_FUTURE) */
	bool default_onfault;    /* [lock] and MCL_ONFAULT: new areas are not populated */
	uint64_t brk_start, brk; /* [lock] */
	uint64_t mmap_base;      /* [I after exec] top-down allocation starts below it */
	uint64_t stack_top;      /* [I after exec] */
	uint64_t vdso;           /* [I after exec] */
	uint64_t arg_start, arg_end, env_start, env_end; /* [I after exec] for /proc */
	uint64_t auxv[64];                               /* [I after exec] for /proc */
	uint64_t limit_as, limit_data, limit_stack,
		limit_memlock; /* bytes; copied from the process's limits */
	struct file *exe;      /* [lock] referenced; /proc/self/exe */
	bool wx_allowed;       /* [I after exec] program and principal may have W+X */
};

#define VM_MMAP_MIN  KIB(64) /* nothing is mapped below it: a NULL pointer with an offset faults */
#define VM_AREAS_MAX 65530u  /* areas in a space */

/* Boot. */
void vm_space_init(void);
/* Set at boot by who knows: whether the running process may lock more memory than RLIMIT_MEMLOCK allows. */
extern bool (*vm_may_exceed_memlock)(void);
/* An empty space, one user, no limits, no W+X. NULL: out of memory. */
struct vm_space *vm_space_create(void) MUST_CHECK;
/* A copy-on-write copy of the running process's space. -ENOMEM undoes everything. */
int vm_space_fork(struct vm_space *from, struct vm_space **out) MUST_CHECK;
void vm_space_get(struct vm_space *s);
/* Drops a user; the last one unmaps and frees everything. May sleep. No CPU may still have it installed then. */
void vm_space_put(struct vm_space *s);
/* The largest resident size so far, in pages. */
uint64_t vm_space_max_rss(struct vm_space *s);
/*
 * Debug build: compares the page tables with the areas and the counters; panics where they differ. May sleep. Made at
 * each fork, of both, and at the end of each space.
 */
void vm_space_check(struct vm_space *s);

/*
 * Maps [addr, addr+len) (addr a hint, or exact with VM_MAP_FIXED*). vm_flags: VM_*, of which VM_MAY* bound what
 * mprotect may grant later. object may be NULL (private anonymous); references to object and file are taken.
 * offset: page aligned. Returns the address, or -EINVAL -ENOMEM -EEXIST -EACCES (W^X) -EPERM (below VM_MMAP_MIN)
 * -EAGAIN (RLIMIT_MEMLOCK) -EOVERFLOW (offset) as a negative. Any failure leaves the space as it was.
 */
#define VM_MAP_FIXED           1u
#define VM_MAP_FIXED_NOREPLACE 2u
#define VM_MAP_POPULATE        4u
int64_t vm_map(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t vm_flags,
	uint32_t map_flags, struct vm_object *object, uint64_t offset,
	struct file *file) MUST_CHECK;
/* 0, -EINVAL (alignment, range) or -ENOMEM (a split would need too many areas or memory). */
int vm_unmap(struct vm_space *s, uint64_t addr, uint64_t len) MUST_CHECK;
/* As mprotect(2): what lies before a hole or a refusal is changed. -ENOMEM (hole), -EACCES (VM_MAY*, W^X), -EINVAL. */
int vm_protect(struct vm_space *s, uint64_t addr, uint64_t len, uint32_t prot) MUST_CHECK;
/* Sets the program break to addr, or leaves it; returns the break. */
uint64_t vm_brk(struct vm_space *s, uint64_t addr);

/* The area that holds addr or the first one above it, and the one after a; call with s->lock held. */
static inline struct vm_area *
vm_area_find(struct vm_space *s, uint64_t addr)
{
	return area_find(&s->areas, addr);
}

static inline struct vm_area *
vm_area_next(struct vm_area *a)
{
	return area_next(a);
}

/*
 * Resolves a fault of the running thread's space at addr. access: PROT_BIT_READ, WRITE or EXEC. May sleep.
 * Returns 0 (retry the access) or a negative that says which signal: -EFAULT (SIGSEGV SEGV_MAPERR),
 * -EACCES (SIGSEGV SEGV_ACCERR), -ENXIO (SIGBUS BUS_ADRERR: past the end of the object), -EIO (SIGBUS: unreadable),
 * -ENOMEM (out of memory: kill), -ERESTARTSYS (killed meanwhile).
 */
int vm_fault(struct vm_space *s, uint64_t addr, uint32_t access) MUST_CHECK;

/*
 * Reads or writes a space's memory (another process's, or a new image's during exec) through its page tables,
 * faulting pages in. write breaks copy-on-write, also in areas that are not writable (as a debugger needs) if they
 * are private and may become writable: so who may call it on whose space is for the caller to check. Returns bytes
 * done (short at a hole) or -EFAULT if none. May sleep.
 */
ssize_t vm_access(struct vm_space *s, uint64_t addr, void *buf, size_t n, bool write) MUST_CHECK;

/*
 * A key that names the memory behind a user address, for futexes: private ones by (space, address), shared ones by
 * (object, offset). *object gets a reference for shared ones (else NULL).
 */
struct vm_futex_key {
	uint64_t base; /* space or object */
	uint64_t offset;
	struct vm_object *object;
};
int vm_futex_key(
	struct vm_space *s, uint64_t addr, bool shared, struct vm_futex_key *key) MUST_CHECK;

#endif
