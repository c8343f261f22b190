/* SPDX-License-Identifier: MIT */
/*
 * A program's address space, from its file: segments, interpreter, vDSO, stack. exec_elf.h has the contract.
 *
 * From the top of user space: the stack (random gap above), the room that it may grow into, mmap_base (random), below
 * which vDSO and interpreter lie; position-independent programs at two thirds of user space plus a random distance;
 * the heap after the program, at a random distance.
 */
#include "proc/exec_elf.h"

#include <string.h>

#include "abi/linux/auxv.h"
#include "abi/linux/fcntl.h"
#include "arch/hwcap.h"
#include "arch/vdso.h"
#include "dev/rng/random.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "proc/internal.h"
#include "vfs/vfs.h"

#define STACK_RANDOM_PAGES (1ULL << 22)
#define MMAP_RANDOM_PAGES  (1ULL << 28)
#define BRK_RANDOM_PAGES   (1ULL << 13)
#define STACK_GAP_MIN      MIB(128)
#define STACK_GAP_MAX      (USER_END / 6 * 5)
#define STACK_FIRST        KIB(128) /* mapped at once, beyond what the arguments take */
#define PIE_BASE           round_down(USER_END / 3 * 2, PAGE_SIZE)

#define VM_MAY (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

/* Where things go, and AT_RANDOM. Drawn once. */
struct exec_random {
	uint8_t at_random[16];
	uint64_t stack, mmap, brk, pie;
};

/* A file on its way in. */
struct elf_file {
	struct file *file;
	struct elf_image image;
	const uint8_t *table;
	uint8_t *allocated; /* the table, if it did not fit into the first bytes */
	uint64_t bias;
};

static void
elf_file_release(struct elf_file *e)
{
	kfree(e->allocated);
}

static int
read_exactly(struct file *f, void *to, size_t n, uint64_t offset)
{
	ssize_t got = file_read_at(f, to, n, offset);
	if (got < 0)
		return (int)got;
	return (size_t)got == n ? 0 : -ENOEXEC;
}

/* Checks headers and program headers. elf_file_release() in any case. */
static int
elf_file_open(struct elf_file *e, struct file *f, const uint8_t *head, size_t n, bool wx)
{
	e->file = f;
	e->allocated = NULL;
	struct vm_object *o = f->inode != NULL ? f->inode->object : NULL;
	if (o == NULL)
		return -EACCES;
	uint64_t size = atomic_load_explicit(&o->size, memory_order_relaxed);
	int err = elf_read_header(&e->image, head, n, size);
	if (err != 0)
		return err;
	const struct elf_range *t = &e->image.table;
	if (t->offset <= n && t->len <= n - t->offset) {
		e->table = head + t->offset;
	} else {
		e->allocated = kmalloc(t->len, 0);
		if (e->allocated == NULL)
			return -ENOMEM;
		e->table = e->allocated;
		err = read_exactly(f, e->allocated, t->len, t->offset);
		if (err != 0)
			return err;
	}
	struct elf_rules rules = {VM_MMAP_MIN, USER_END - PAGE_SIZE, wx ? ELF_ALLOW_WX : 0};
	return elf_read_table(&e->image, e->table, &rules);
}

static uint32_t
segment_flags(uint32_t elf_flags)
{
	return ((elf_flags & ELF_R) ? VM_READ : 0) | ((elf_flags & ELF_W) ? VM_WRITE : 0) |
		((elf_flags & ELF_X) ? VM_EXEC : 0) | VM_MAY;
}

static int
map_fixed(struct vm_space *s, uint64_t start, uint64_t end, uint32_t flags, struct vm_object *o,
	uint64_t offset, struct file *f)
{
	if (start >= end)
		return 0;
	int64_t at = vm_map(s, start, end - start, flags, VM_MAP_FIXED, o, offset, f);
	return at < 0 ? (int)at : 0;
}

/* The rest of a segment's last file page. */
static int
zero_tail(struct vm_space *s, uint64_t from, uint64_t to)
{
	static uint8_t zeroes[PAGE_SIZE]; /* never written: vm_access() only reads it */
	return vm_access(s, from, zeroes, to - from, true) == (ssize_t)(to - from) ? 0 : -EIO;
}

static int
map_segment(struct vm_space *s, const struct elf_file *e, const struct elf_segment *seg)
{
	uint64_t vaddr = seg->vaddr + e->bias;
	uint64_t start = round_down(vaddr, PAGE_SIZE), file_end = vaddr + seg->filesz;
	uint64_t file_pages = seg->filesz != 0 ? round_up(file_end, PAGE_SIZE) : start;
	uint32_t flags = segment_flags(seg->flags);
	int err = map_fixed(s, start, file_pages, flags, e->file->inode->object,
		seg->offset - (vaddr - start), e->file);
	if (err != 0 || seg->memsz == seg->filesz)
		return err;
	if (file_end < file_pages && (err = zero_tail(s, file_end, file_pages)) != 0)
		return err;
	return map_fixed(
		s, file_pages, round_up(vaddr + seg->memsz, PAGE_SIZE), flags, NULL, 0, NULL);
}

static int
map_segments(struct vm_space *s, const struct elf_file *e)
{
	struct elf_segment seg;
	for (uint32_t at = 0; elf_next_segment(&e->image, e->table, &at, &seg);) {
		int err = map_segment(s, e, &seg);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The interpreter goes where there is room for all of it, aligned as it wants. */
static int
map_interpreter(struct vm_space *s, struct elf_file *e)
{
	const struct elf_image *im = &e->image;
	if (im->type == ELF_DYN) {
		uint64_t span = im->end - im->start, slack = im->alignment - PAGE_SIZE;
		int64_t at = vm_map(s, 0, span + slack, VM_MAY, 0, NULL, 0, NULL);
		if (at < 0)
			return (int)at;
		uint64_t base = round_up((uint64_t)at, im->alignment);
		int err = vm_unmap(s, (uint64_t)at, span + slack);
		if (err != 0)
			return err;
		e->bias = base - im->start;
	} else {
		e->bias = 0;
	}
	return map_segments(s, e);
}

/* Reads and opens what PT_INTERP names. */
static int
open_interpreter(const struct elf_file *e, struct file **out)
{
	size_t n = e->image.interp.len;
	char *name = kmalloc(n, 0);
	if (name == NULL)
		return -ENOMEM;
	int err = read_exactly(e->file, name, n, e->image.interp.offset);
	if (err == 0)
		err = elf_check_interp(name, n);
	if (err == 0)
		err = exec_open(AT_FDCWD, name, LOOKUP_FOLLOW, out);
	kfree(name);
	return err;
}

/* Out of line: its buffer is on the stack only when there is an interpreter. */
static __attribute__((noinline)) int
load_interpreter(
	struct vm_space *s, const struct elf_file *program, uint64_t *base, uint64_t *entry)
{
	uint8_t head[EXEC_HEAD_SIZE] __attribute__((uninitialized)); /* read from the file */
	struct elf_file e = {0};
	struct file *f;
	int err = open_interpreter(program, &f);
	if (err != 0)
		return err;
	ssize_t n = file_read_at(f, head, sizeof(head), 0);
	err = n < 0 ? (int)n : elf_file_open(&e, f, head, (size_t)n, s->wx_allowed);
	if (err == 0)
		err = map_interpreter(s, &e);
	if (err == 0) {
		*base = e.image.start + e.bias;
		*entry = e.image.entry + e.bias;
	}
	elf_file_release(&e);
	file_put(f);
	return err;
}

/* May the program have memory that is both writable and executable (DESIGN §3)? */
static bool
may_have_wx(const struct file *f, const struct cred *cred)
{
	bool unsigned_code =
		(f->inode->flags & INODE_UNSIGNED) || (f->inode->super->flags & SUPER_UNSIGNED);
	return (cred->caps & CAP_WX) && ((f->inode->flags & INODE_WX) || unsigned_code);
}

static void
set_layout(struct vm_space *s, const struct exec_random *r)
{
	const struct rlimit_user *limits = current_process()->limits;
	s->limit_as = limits[RLIMIT_AS].cur;
	s->limit_data = limits[RLIMIT_DATA].cur;
	s->limit_stack = limits[RLIMIT_STACK].cur;
	s->limit_memlock = limits[RLIMIT_MEMLOCK].cur;
	uint64_t gap = round_up(min(max(s->limit_stack, STACK_GAP_MIN), STACK_GAP_MAX), PAGE_SIZE);
	s->stack_top = USER_END - PAGE_SIZE - (r->stack % STACK_RANDOM_PAGES) * PAGE_SIZE;
	s->mmap_base = USER_END - gap - (STACK_RANDOM_PAGES + 256) * PAGE_SIZE;
	uint64_t random = (r->mmap % MMAP_RANDOM_PAGES) * PAGE_SIZE;
	if (random < s->mmap_base / 2)
		s->mmap_base -= random;
}

static int
load_program(struct vm_space *s, struct elf_file *e, const struct exec_random *r)
{
	e->bias = 0;
	if (e->image.type == ELF_DYN) {
		uint64_t base = PIE_BASE + (r->pie % MMAP_RANDOM_PAGES) * PAGE_SIZE;
		e->bias = round_down(base, e->image.alignment) - e->image.start;
		if (e->image.end + e->bias > s->mmap_base ||
			e->image.end - e->image.start > PIE_BASE / 2)
			return -ENOMEM;
	}
	int err = map_segments(s, e);
	if (err != 0)
		return err;
	uint64_t brk = round_up(e->image.brk + e->bias, PAGE_SIZE) +
		(r->brk % BRK_RANDOM_PAGES) * PAGE_SIZE;
	s->brk_start = s->brk = brk;
	return 0;
}

static int
map_stack(struct vm_space *s, const struct exec_args *a)
{
	size_t strings = a->bytes + a->prefix_bytes;
	size_t pointers = ((size_t)a->argc + a->envc + a->nr_prefix) * sizeof(uint64_t);
	uint64_t need = round_up(strings + pointers + 2 * PAGE_SIZE + PATH_NAME_MAX, PAGE_SIZE);
	uint64_t size = max(need, min(need + STACK_FIRST, round_down(s->limit_stack, PAGE_SIZE)));
	int64_t at = vm_map(s, s->stack_top - size, size,
		VM_READ | VM_WRITE | VM_GROWSDOWN | VM_MAY, VM_MAP_FIXED_NOREPLACE, NULL, 0, NULL);
	return at >= 0 ? 0 : at == -EEXIST ? -ENOMEM : (int)at;
}

struct auxv_writer {
	uint64_t *at;
	size_t n;
};

static void
aux(struct auxv_writer *w, uint64_t type, uint64_t value)
{
	w->at[w->n++] = type;
	w->at[w->n++] = value;
}

static size_t
make_auxv(uint64_t *auxv, const struct vm_space *s, const struct elf_file *e, uint64_t interp_base,
	const struct cred *c, bool secure)
{
	struct auxv_writer w = {auxv, 0};
	const struct elf_image *im = &e->image;
	aux(&w, AT_SYSINFO_EHDR, s->vdso);
	aux(&w, AT_MINSIGSTKSZ, MINSIGSTKSZ);
	aux(&w, AT_HWCAP, arch_hwcap());
	aux(&w, AT_PAGESZ, PAGE_SIZE);
	aux(&w, AT_CLKTCK, 100);
	aux(&w, AT_PHDR, im->headers_address != 0 ? im->headers_address + e->bias : 0);
	aux(&w, AT_PHENT, im->table.len / im->header_count);
	aux(&w, AT_PHNUM, im->header_count);
	aux(&w, AT_BASE, interp_base);
	aux(&w, AT_FLAGS, 0);
	aux(&w, AT_ENTRY, im->entry + e->bias);
	aux(&w, AT_UID, c->uid);
	aux(&w, AT_EUID, c->euid);
	aux(&w, AT_GID, c->gid);
	aux(&w, AT_EGID, c->egid);
	aux(&w, AT_SECURE, secure);
	aux(&w, AT_RANDOM, 0);
	aux(&w, AT_HWCAP2, arch_hwcap2());
	aux(&w, AT_EXECFN, 0);
	aux(&w, AT_PLATFORM, 0);
	aux(&w, AT_NULL, 0);
	return w.n;
}

static int
place_args(struct exec_image *out, const struct elf_file *e, struct exec_args *args,
	const char *filename, uint64_t interp_base, const struct cred *cred, bool secure,
	const struct exec_random *r)
{
	struct vm_space *s = out->space;
	size_t n = make_auxv(s->auxv, s, e, interp_base, cred, secure);
	int err = exec_args_place(
		args, s, s->stack_top, filename, s->auxv, n, r->at_random, &out->layout);
	s->arg_start = out->layout.arg_start;
	s->arg_end = out->layout.arg_end;
	s->env_start = out->layout.env_start;
	s->env_end = out->layout.env_end;
	return err;
}

static int
build_space(struct exec_image *out, struct elf_file *e, struct exec_args *args,
	const char *filename, const struct cred *cred, bool secure)
{
	struct exec_random r __attribute__((uninitialized)); /* filled next */
	struct vm_space *s = out->space;
	uint64_t interp_base = 0;
	random_fill(&r, sizeof(r));
	set_layout(s, &r);
	int err = load_program(s, e, &r);
	if (err != 0)
		return err;
	out->entry = e->image.entry + e->bias;
	if ((err = map_stack(s, args)) != 0 || (err = vdso_map(s)) != 0)
		return err;
	if (e->image.interp.len != 0 &&
		(err = load_interpreter(s, e, &interp_base, &out->entry)) != 0)
		return err;
	return place_args(out, e, args, filename, interp_base, cred, secure, &r);
}

int
exec_load(struct exec_image *out, struct file *file, const uint8_t *head, size_t n,
	struct exec_args *args, const char *filename, const struct cred *cred, bool secure)
{
	struct elf_file e __attribute__((uninitialized)); /* elf_file_open() sets every field */
	bool wx = may_have_wx(file, cred);
	int err = elf_file_open(&e, file, head, n, wx);
	if (err != 0)
		goto out;
	err = -ENOMEM;
	out->space = vm_space_create();
	if (out->space == NULL)
		goto out;
	out->space->wx_allowed = wx;
	file_get(file);
	out->space->exe = file;
	err = build_space(out, &e, args, filename, cred, secure);
	if (err != 0) {
		vm_space_put(out->space);
		out->space = NULL;
	}
out:
	elf_file_release(&e);
	return err;
}
