/* SPDX-License-Identifier: MIT */
/* What a process's address space tells: maps, smaps, command line, environment, auxiliary vector, program. */
#include <string.h>

#include "abi/linux/stat.h"
#include "fs/proc/internal.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/usage.h"

#define MAPS_NAME_COLUMN 73 /* as Linux on 64-bit machines */

/* --- Areas. --- */

void
proc_find_program(struct vm_space *s, struct proc_program *out)
{
	*out = (struct proc_program){0};
	rw_read_lock(&s->lock);
	for (struct vm_area *a = vm_area_find(s, 0); a != NULL; a = vm_area_next(a)) {
		bool exec = (a->flags & VM_EXEC) != 0;
		if (a->file == NULL)
			continue;
		if (s->exe == NULL || a->file->inode != s->exe->inode) {
			out->library_pages += exec ? (a->end - a->start) >> PAGE_SHIFT : 0;
			continue;
		}
		if (exec) {
			if (out->code_start == 0)
				out->code_start = a->start;
			out->code_end = a->end;
			out->code_pages += (a->end - a->start) >> PAGE_SHIFT;
		} else if (a->flags & VM_WRITE) {
			if (out->data_start == 0)
				out->data_start = a->start;
			out->data_end = a->end;
		}
	}
	rw_read_unlock(&s->lock);
}

static const char *
anonymous_name(const struct vm_space *s, const struct vm_area *a)
{
	if (a->flags & VM_HEAP)
		return "[heap]";
	if (a->flags & VM_VDSO)
		return (a->flags & VM_EXEC) ? "[vdso]" : "[vvar]";
	if (s->stack_top != 0 && a->start < s->stack_top && a->end >= s->stack_top)
		return "[stack]";
	if (a->object != NULL && (a->object->flags & OBJ_SHARED_ANON))
		return "/dev/zero (deleted)";
	return NULL;
}

/* name: room for PATH_NAME_MAX bytes. */
static void
show_area(struct proc_text *t, const struct vm_space *s, const struct vm_area *a, char *name)
{
	size_t line = t->len;
	const struct file *f = a->file;
	uint64_t dev = f != NULL && f->inode != NULL ? f->inode->super->dev : 0;
	uint64_t ino = f != NULL && f->inode != NULL ? f->inode->ino : 0;
	proc_printf(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		(unsigned long long)a->start, (unsigned long long)a->end,
		(a->flags & VM_READ) ? 'r' : '-', (a->flags & VM_WRITE) ? 'w' : '-',
		(a->flags & VM_EXEC) ? 'x' : '-', (a->flags & VM_SHARED) ? 's' : 'p',
		(unsigned long long)(f != NULL ? a->offset : 0), DEV_MAJOR(dev), DEV_MINOR(dev),
		(unsigned long long)ino);
	const char *shown = anonymous_name(s, a);
	if (f != NULL && f->path.dentry != NULL)
		shown = path_name(&f->path, name, PATH_NAME_MAX) >= 0 ? name : "(too long)";
	if (shown != NULL) {
		proc_pad_to(t, line, MAPS_NAME_COLUMN);
		for (const char *c = shown; *c != '\0'; c += strcspn(c, "\n")) {
			if (*c == '\n') {
				proc_write_text(t, "\\012", 4);
				c++;
			}
			proc_write_text(t, c, strcspn(c, "\n"));
		}
	}
	proc_write_text(t, "\n", 1);
}

/* As Linux's, without those of what is not there: huge pages, swap. */
static void
show_area_flags(struct proc_text *t, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		char name[3];
	} names[] = {{VM_READ, "rd"}, {VM_WRITE, "wr"}, {VM_EXEC, "ex"}, {VM_SHARED, "sh"},
		{VM_MAYREAD, "mr"}, {VM_MAYWRITE, "mw"}, {VM_MAYEXEC, "me"}, {VM_GROWSDOWN, "gd"},
		{VM_LOCKED, "lo"}, {VM_DONTFORK, "dc"}, {VM_NORESERVE, "nr"}, {VM_WIPEONFORK, "wf"},
		{VM_DONTDUMP, "dd"}};
	proc_printf(t, "VmFlags:");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			proc_printf(t, " %s", names[i].name);
	proc_printf(t, "\n");
}

struct usage_row {
	const char *name;
	uint64_t bytes;
};

static void
show_rows(struct proc_text *t, const struct usage_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		proc_printf(t, "%-16s%8llu kB\n", rows[i].name,
			(unsigned long long)rows[i].bytes / 1024);
}

/* locked: bytes, a page's share of them where others map it too. */
static void
show_usage(struct proc_text *t, const struct vm_usage *u, uint64_t locked)
{
	uint64_t resident = vm_usage_pages(u);
	const struct usage_row rows[] = {{"Rss:", resident * PAGE_SIZE}, {"Pss:", u->share},
		{"Shared_Clean:", u->shared_clean * PAGE_SIZE},
		{"Shared_Dirty:", u->shared_dirty * PAGE_SIZE},
		{"Private_Clean:", u->private_clean * PAGE_SIZE},
		{"Private_Dirty:", u->private_dirty * PAGE_SIZE},
		{"Referenced:", u->referenced * PAGE_SIZE}, {"Anonymous:", u->anon * PAGE_SIZE},
		{"LazyFree:", 0}, {"AnonHugePages:", 0}, {"Swap:", 0}, {"SwapPss:", 0},
		{"Locked:", locked}};
	show_rows(t, rows, ARRAY_SIZE(rows));
}

static void
show_area_usage(struct proc_text *t, const struct vm_area *a)
{
	struct vm_usage u = {0};
	vm_area_usage(a, &u);
	const struct usage_row rows[] = {{"Size:", a->end - a->start},
		{"KernelPageSize:", PAGE_SIZE}, {"MMUPageSize:", PAGE_SIZE}};
	show_rows(t, rows, ARRAY_SIZE(rows));
	show_usage(t, &u, a->flags & VM_LOCKED ? u.share : 0);
	show_area_flags(t, a->flags);
}

/* All areas' together. */
int
proc_show_smaps_rollup(struct proc_node *n, struct proc_text *t)
{
	struct vm_space *s = proc_node_space(n);
	if (s == NULL)
		return 0;
	struct vm_usage u = {0};
	uint64_t start = 0, end = 0, locked = 0;
	rw_read_lock(&s->lock);
	for (struct vm_area *a = vm_area_find(s, 0); a != NULL; a = vm_area_next(a)) {
		uint64_t before = u.share;
		vm_area_usage(a, &u);
		if (a->flags & VM_LOCKED)
			locked += u.share - before;
		if (end == 0)
			start = a->start;
		end = a->end;
	}
	rw_read_unlock(&s->lock);
	vm_space_put(s);
	size_t line = t->len;
	proc_printf(t, "%08llx-%08llx ---p 00000000 00:00 0 ", (unsigned long long)start,
		(unsigned long long)end);
	proc_pad_to(t, line, MAPS_NAME_COLUMN);
	proc_printf(t, "[rollup]\n");
	show_usage(t, &u, locked);
	return 0;
}

/* The cursor is the address from which on areas have not been shown. */
static int
show_areas(struct proc_node *n, struct proc_text *t, bool usage)
{
	struct vm_space *s = proc_node_space(n);
	if (s == NULL)
		return 0;
	char *name = kmalloc(PATH_NAME_MAX, 0);
	int err = name == NULL ? -ENOMEM : 0;
	if (err == 0) {
		rw_read_lock(&s->lock);
		struct vm_area *a = vm_area_find(s, t->cursor);
		for (; a != NULL && !proc_text_full(t); a = vm_area_next(a)) {
			show_area(t, s, a, name);
			if (usage)
				show_area_usage(t, a);
			t->cursor = a->end;
		}
		t->more = a != NULL;
		rw_read_unlock(&s->lock);
	}
	kfree(name);
	vm_space_put(s);
	return err;
}

int
proc_show_maps(struct proc_node *n, struct proc_text *t)
{
	return show_areas(n, t, false);
}

int
proc_show_smaps(struct proc_node *n, struct proc_text *t)
{
	return show_areas(n, t, true);
}

/* --- Memory as files. --- */

/* Bytes start .. end of a space as a file. */
static ssize_t
read_range(struct vm_space *s, uint64_t start, uint64_t end, struct iter *to, uint64_t *pos)
{
	if (end <= start || *pos >= end - start || to->count == 0)
		return 0;
	uint8_t *page = kmalloc(PAGE_SIZE, 0);
	if (page == NULL)
		return -ENOMEM;
	ssize_t done = 0;
	while (to->count != 0 && *pos < end - start) {
		size_t want = (size_t)min(end - start - *pos, (uint64_t)PAGE_SIZE);
		want = min(want, to->count);
		ssize_t got = vm_access(s, start + *pos, page, want, false);
		if (got <= 0)
			break; /* unmapped since: the file ends here */
		size_t copied = iter_copy_to(to, page, (size_t)got);
		done += (ssize_t)copied;
		*pos += copied;
		if (copied < (size_t)got) {
			done = done != 0 ? done : -EFAULT;
			break;
		}
	}
	kfree(page);
	return done;
}

/*
 * The end of the command line. A program that writes a title of its own over its arguments, and the last NUL with them,
 * means the string that begins there; it may run on into the environment, a page at most.
 */
static uint64_t
command_line_end(struct vm_space *s)
{
	uint64_t start = s->arg_start, end = s->arg_end;
	char last;
	if (end <= start || vm_access(s, end - 1, &last, 1, false) != 1 || last == '\0')
		return end;
	if (s->env_start != end || s->env_end < end)
		return end;
	size_t room = (size_t)min(s->env_end - start, (uint64_t)PAGE_SIZE);
	char *title = kmalloc(room, 0);
	if (title == NULL)
		return end;
	ssize_t got = vm_access(s, start, title, room, false);
	if (got > 0)
		end = start + strnlen(title, (size_t)got);
	kfree(title);
	return end;
}

ssize_t
proc_read_cmdline(struct proc_node *n, struct iter *to, uint64_t *pos)
{
	struct vm_space *s = proc_node_space(n);
	if (s == NULL)
		return 0;
	ssize_t done = read_range(s, s->arg_start, command_line_end(s), to, pos);
	vm_space_put(s);
	return done;
}

ssize_t
proc_read_environ(struct proc_node *n, struct iter *to, uint64_t *pos)
{
	struct vm_space *s = proc_node_space(n);
	if (s == NULL)
		return 0;
	ssize_t done = read_range(s, s->env_start, s->env_end, to, pos);
	vm_space_put(s);
	return done;
}

ssize_t
proc_read_auxv(struct proc_node *n, struct iter *to, uint64_t *pos)
{
	struct vm_space *s = proc_node_space(n);
	if (s == NULL)
		return 0;
	size_t words = 0;
	while (words + 2 <= ARRAY_SIZE(s->auxv) && s->auxv[words] != 0)
		words += 2;
	size_t bytes = min(words + 2, ARRAY_SIZE(s->auxv)) * sizeof(s->auxv[0]);
	ssize_t done = 0;
	if (*pos < bytes && to->count != 0) {
		size_t want = min(bytes - (size_t)*pos, to->count);
		size_t copied = iter_copy_to(to, (const uint8_t *)s->auxv + *pos, want);
		*pos += copied;
		done = copied != 0 ? (ssize_t)copied : -EFAULT;
	}
	vm_space_put(s);
	return done;
}

/* --- The program. --- */

static int
exe_path(const struct proc_node *n, struct path *out)
{
	struct vm_space *s = proc_node_space(n);
	*out = (struct path){0};
	if (s == NULL)
		return -ENOENT;
	rw_read_lock(&s->lock);
	if (s->exe != NULL && s->exe->path.dentry != NULL) {
		*out = s->exe->path;
		path_get(out);
	}
	rw_read_unlock(&s->lock);
	vm_space_put(s);
	return out->dentry != NULL ? 0 : -ENOENT;
}

ssize_t
proc_readlink_exe(struct proc_node *n, char *buf, size_t size)
{
	struct path p;
	int err = exe_path(n, &p);
	if (err != 0)
		return err;
	ssize_t len = path_name(&p, buf, size);
	path_put(&p);
	return len;
}

int
proc_follow_exe(struct proc_node *n, struct magic_target *out)
{
	return exe_path(n, &out->path);
}
