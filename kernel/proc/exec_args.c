/* SPDX-License-Identifier: MIT */
/*
 * Strings of a new program: collected from the old space, placed on the new stack. exec_args.h has the contract.
 *
 * The stack, from the top: a null word, the file's name, environment strings, argument strings, platform name, random
 * bytes, alignment, auxiliary vector, environment pointers, argument pointers, argc.
 */
#include "proc/exec_args.h"

#include <string.h>

#include "abi/linux/auxv.h"
#include "arch/uaccess.h"
#include "core/sched.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "proc/signal.h"

static const char platform[] = "aarch64";

void
exec_args_init(struct exec_args *a, uint64_t stack_limit)
{
	memset(a, 0, sizeof(*a));
	list_init(&a->pages);
	/* A quarter of the stack, at most 6 MiB, at least what one string may have. */
	a->limit = max(min(stack_limit / 4, MIB(6)), EXEC_STRING_MAX);
}

void
exec_args_free(struct exec_args *a)
{
	struct page *p, *tmp;
	list_for_each_entry_safe (p, tmp, &a->pages, lru)
		page_put(p);
	list_init(&a->pages);
	for (uint32_t i = 0; i < a->nr_prefix; i++)
		kfree(a->prefix[i]);
	a->nr_prefix = 0;
}

static bool
over_limit(const struct exec_args *a)
{
	size_t pointers = (a->argc + (size_t)a->envc) * sizeof(uint64_t);
	return a->bytes + pointers > a->limit;
}

/* Where the next string byte goes, and how many fit there; NULL: out of memory. */
static char *
room(struct exec_args *a, size_t *n)
{
	size_t used = a->bytes & PAGE_MASK;
	struct page *p;
	if (used == 0) {
		p = page_alloc(0, 0, PAGE_KERNEL);
		if (p == NULL)
			return NULL;
		list_add_tail(&a->pages, &p->lru);
	} else {
		p = list_last_entry(&a->pages, struct page, lru);
	}
	*n = PAGE_SIZE - used;
	return (char *)page_to_virt(p) + used;
}

/* A page begun for a string of which nothing was kept would be lost count of: strings always keep something. */
static int
add_user_string(struct exec_args *a, uaddr_t from)
{
	size_t total = 0;
	for (;;) {
		size_t n;
		char *to = room(a, &n);
		if (to == NULL)
			return -ENOMEM;
		ssize_t len = copy_string_from_user(to, from, n);
		if (len < 0)
			return (int)len;
		bool ended = (size_t)len < n;
		size_t done = ended ? (size_t)len + 1 : n;
		a->bytes += done;
		total += done;
		if (total > EXEC_STRING_MAX || over_limit(a))
			return -E2BIG;
		if (ended)
			return 0;
		from = uaddr_offset(from, done);
		if (signal_killed())
			return -EINTR;
		sched_point();
	}
}

static int
add_kernel_string(struct exec_args *a, const char *s)
{
	size_t left = strlen(s) + 1;
	while (left > 0) {
		size_t n;
		char *to = room(a, &n);
		if (to == NULL)
			return -ENOMEM;
		n = min(n, left);
		memcpy(to, s, n);
		a->bytes += n;
		s += n;
		left -= n;
	}
	return over_limit(a) ? -E2BIG : 0;
}

static int
add_user_vector(struct exec_args *a, uaddr_t vector, uint32_t *count)
{
	if (uaddr_is_null(vector))
		return 0; /* Linux takes a missing vector for an empty one */
	for (;; vector = uaddr_offset(vector, sizeof(uint64_t))) {
		uint64_t s;
		if (get_user_u64(&s, vector) != 0)
			return -EFAULT;
		if (s == 0)
			return 0;
		++*count;
		int err = add_user_string(a, (uaddr_t){s});
		if (err != 0)
			return err;
	}
}

/* A program always finds an argument 0, if only an empty one. */
static int
end_arguments(struct exec_args *a)
{
	int err = 0;
	if (a->argc == 0) {
		a->argc = 1;
		err = add_kernel_string(a, "");
	}
	a->arg_bytes = a->bytes;
	return err;
}

int
exec_args_from_user(struct exec_args *a, uaddr_t argv, uaddr_t envp)
{
	int err = add_user_vector(a, argv, &a->argc);
	if (err == 0)
		err = end_arguments(a);
	return err == 0 ? add_user_vector(a, envp, &a->envc) : err;
}

int
exec_args_from_kernel(struct exec_args *a, const char *const *argv, const char *const *envp)
{
	int err = 0;
	for (; err == 0 && *argv != NULL; argv++, a->argc++)
		err = add_kernel_string(a, *argv);
	if (err == 0)
		err = end_arguments(a);
	for (; err == 0 && *envp != NULL; envp++, a->envc++)
		err = add_kernel_string(a, *envp);
	return err;
}

static int
push_prefix(struct exec_args *a, const char *s)
{
	if (a->nr_prefix == EXEC_PREFIX_MAX)
		return -ELOOP;
	char *copy = kstrdup(s);
	if (copy == NULL)
		return -ENOMEM;
	a->prefix[a->nr_prefix++] = copy;
	a->prefix_bytes += strlen(s) + 1;
	return 0;
}

static void
drop_first_argument(struct exec_args *a)
{
	if (a->nr_prefix > 0) {
		char *s = a->prefix[--a->nr_prefix];
		a->prefix_bytes -= strlen(s) + 1;
		kfree(s);
		return;
	}
	struct page *p;
	a->argc--;
	list_for_each_entry (p, &a->pages, lru) {
		const char *s = page_to_virt(p);
		size_t len = strnlen(s, PAGE_SIZE);
		a->skip += len;
		if (len < PAGE_SIZE) {
			a->skip++;
			return;
		}
	}
}

int
exec_args_push_script(
	struct exec_args *a, const char *interpreter, const char *option, const char *script)
{
	drop_first_argument(a);
	int err = push_prefix(a, script);
	if (err == 0 && option != NULL)
		err = push_prefix(a, option);
	return err == 0 ? push_prefix(a, interpreter) : err;
}

/* Writes to the new space, from low addresses to high ones, a page at a time. */
struct writer {
	struct vm_space *space;
	uint64_t at;
	size_t n;
	int err;
	uint8_t *buf; /* PAGE_SIZE bytes */
};

static void
write_flush(struct writer *w)
{
	if (w->err == 0 && w->n != 0 &&
		vm_access(w->space, w->at, w->buf, w->n, true) != (ssize_t)w->n)
		w->err = -EFAULT;
	w->at += w->n;
	w->n = 0;
}

static void
write_bytes(struct writer *w, const void *from, size_t n)
{
	const uint8_t *p = from;
	while (n > 0) {
		size_t part = min(n, PAGE_SIZE - w->n);
		memcpy(w->buf + w->n, p, part);
		w->n += part;
		p += part;
		n -= part;
		if (w->n == PAGE_SIZE)
			write_flush(w);
	}
}

static void
write_word(struct writer *w, uint64_t v)
{
	write_bytes(w, &v, sizeof(v));
}

/* Calls for the address of each string in the pages, from byte skip on, count of them. */
static void
write_string_pointers(struct writer *w, const struct exec_args *a, uint64_t strings)
{
	uint32_t left_args = a->argc, left = a->argc + a->envc;
	if (left_args == 0)
		write_word(w, 0);
	size_t offset = 0;
	bool begin = true;
	struct page *p;
	list_for_each_entry (p, &a->pages, lru) {
		const char *s = page_to_virt(p);
		size_t size = min(PAGE_SIZE, a->bytes - offset);
		size_t i = a->skip > offset ? min(a->skip - offset, size) : 0;
		while (i < size && left > 0) {
			if (begin) {
				write_word(w, strings + offset + i - a->skip);
				begin = false;
				left--;
				if (left_args > 0 && --left_args == 0)
					write_word(w, 0);
			}
			size_t len = strnlen(s + i, size - i);
			i += len;
			if (i < size) {
				begin = true;
				i++;
			}
		}
		offset += size;
	}
}

static void
write_strings(struct writer *w, const struct exec_args *a)
{
	for (uint32_t i = a->nr_prefix; i-- > 0;)
		write_bytes(w, a->prefix[i], strlen(a->prefix[i]) + 1);
	size_t offset = 0;
	struct page *p;
	list_for_each_entry (p, &a->pages, lru) {
		size_t size = min(PAGE_SIZE, a->bytes - offset);
		size_t i = a->skip > offset ? min(a->skip - offset, size) : 0;
		write_bytes(w, (char *)page_to_virt(p) + i, size - i);
		offset += size;
	}
}

static void
write_vectors(struct writer *w, const struct exec_args *a, uint64_t strings, const uint64_t *auxv,
	size_t nr)
{
	write_word(w, a->nr_prefix + a->argc);
	uint64_t at = strings;
	for (uint32_t i = a->nr_prefix; i-- > 0;) {
		write_word(w, at);
		at += strlen(a->prefix[i]) + 1;
	}
	write_string_pointers(w, a, at);
	write_word(w, 0); /* ends the environment */
	write_bytes(w, auxv, nr * sizeof(*auxv));
}

static void
fill_auxv(uint64_t *auxv, size_t nr, uint64_t name, uint64_t platform_at, uint64_t random)
{
	for (size_t i = 0; i + 1 < nr; i += 2) {
		if (auxv[i] == AT_EXECFN)
			auxv[i + 1] = name;
		else if (auxv[i] == AT_PLATFORM)
			auxv[i + 1] = platform_at;
		else if (auxv[i] == AT_RANDOM)
			auxv[i + 1] = random;
	}
}

int
exec_args_place(struct exec_args *a, struct vm_space *space, uint64_t top, const char *filename,
	uint64_t *auxv, size_t nr_auxv, const uint8_t random[16], struct exec_layout *out)
{
	size_t name_len = strlen(filename) + 1;
	uint64_t name = top - sizeof(uint64_t) - name_len;
	uint64_t strings = name - (a->prefix_bytes + a->bytes - a->skip);
	uint64_t platform_at = strings - sizeof(platform);
	uint64_t random_at = round_down(platform_at - 16, 16);
	size_t words = 1 + (size_t)a->nr_prefix + a->argc + 1 + a->envc + 1 + nr_auxv;
	uint64_t sp = round_down(random_at - words * sizeof(uint64_t), 16);
	fill_auxv(auxv, nr_auxv, name, platform_at, random_at);

	struct page *p = page_alloc(0, 0, PAGE_KERNEL);
	if (p == NULL)
		return -ENOMEM;
	struct writer w = {.space = space, .at = sp, .buf = page_to_virt(p)};
	static const uint8_t zeroes[32];
	write_vectors(&w, a, strings, auxv, nr_auxv);
	write_bytes(&w, zeroes, random_at - (w.at + w.n));
	write_bytes(&w, random, 16);
	write_bytes(&w, zeroes, platform_at - (w.at + w.n));
	write_bytes(&w, platform, sizeof(platform));
	write_strings(&w, a);
	write_bytes(&w, filename, name_len);
	write_word(&w, 0);
	write_flush(&w);
	page_put(p);
	out->sp = sp;
	out->arg_start = strings;
	out->arg_end = out->env_start = strings + a->prefix_bytes + a->arg_bytes - a->skip;
	out->env_end = name;
	return w.err;
}
