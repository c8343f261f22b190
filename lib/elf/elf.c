/* SPDX-License-Identifier: MIT */
/* Decoding ELF files for exec. elf.h has the contract. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "elf/elf.h"

enum {
	CLASS_64 = 2,
	DATA_LITTLE = 1,
	VERSION = 1,
	MACHINE_AARCH64 = 183,
	PROGRAM_HEADER_SIZE = 56,

	TYPE_LOAD = 1,
	TYPE_INTERP = 3,
	TYPE_GNU_STACK = 0x6474e551,
	TYPE_GNU_PROPERTY = 0x6474e553,

	NOTE_GNU_PROPERTY = 5,
	PROPERTY_AARCH64_FEATURES = 0xc0000000u,
};

#define ALIGNMENT_MAX GIB(1)

struct program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

static struct program_header
read_program_header(const void *table, uint32_t i)
{
	const uint8_t *p = (const uint8_t *)table + (size_t)i * PROGRAM_HEADER_SIZE;
	return (struct program_header){
		.type = load_le32(p),
		.flags = load_le32(p + 4) & (ELF_R | ELF_W | ELF_X),
		.offset = load_le64(p + 8),
		.vaddr = load_le64(p + 16),
		.filesz = load_le64(p + 32),
		.memsz = load_le64(p + 40),
		.align = load_le64(p + 48),
	};
}

static bool
in_file(const struct elf_image *image, uint64_t offset, uint64_t len)
{
	return offset <= image->file_size && len <= image->file_size - offset;
}

static bool
is_ours(const uint8_t *ident)
{
	return memcmp(ident, "\177ELF", 4) == 0 && ident[4] == CLASS_64 &&
		ident[5] == DATA_LITTLE && ident[6] == VERSION;
}

int
elf_read_header(struct elf_image *image, const void *bytes, size_t n, uint64_t file_size)
{
	*image = (struct elf_image){.file_size = file_size};
	if (n < ELF_HEADER_SIZE || file_size < ELF_HEADER_SIZE || !is_ours(bytes))
		return -ENOEXEC;
	const uint8_t *h = bytes;
	uint16_t type = load_le16(h + 16), entry_size = load_le16(h + 54),
		 count = load_le16(h + 56);
	if ((type != ELF_EXEC && type != ELF_DYN) || load_le16(h + 18) != MACHINE_AARCH64 ||
		load_le32(h + 20) != VERSION)
		return -ENOEXEC;
	if (entry_size != PROGRAM_HEADER_SIZE || count == 0 ||
		count > ELF_TABLE_MAX / PROGRAM_HEADER_SIZE)
		return -ENOEXEC;
	image->type = (enum elf_type)type;
	image->entry = load_le64(h + 24);
	image->table.offset = load_le64(h + 32);
	image->table.len = (uint64_t)count * PROGRAM_HEADER_SIZE;
	image->header_count = count;
	return in_file(image, image->table.offset, image->table.len) ? 0 : -ENOEXEC;
}

/* What is known of the segments so far. */
struct scan {
	const struct elf_rules *rules;
	struct program_header last; /* memsz 0: none yet */
	bool has_entry;
};

static int
check_segment(const struct elf_image *image, const struct program_header *h,
	const struct elf_rules *rules)
{
	uint64_t end;
	if (h->filesz > h->memsz || !in_file(image, h->offset, h->filesz))
		return -ENOEXEC;
	if (add_overflow(h->vaddr, h->memsz, &end) || end > rules->high)
		return -ENOEXEC;
	if (image->type == ELF_EXEC && round_down(h->vaddr, (uint64_t)ELF_PAGE) < rules->low)
		return -ENOEXEC;
	/* Without bytes of the file nothing is mapped from it, and the offset does not matter. */
	if (h->filesz && !is_aligned(h->vaddr - h->offset, (uint64_t)ELF_PAGE))
		return -ENOEXEC;
	if (h->align > ALIGNMENT_MAX)
		return -ENOEXEC;
	if ((h->flags & (ELF_W | ELF_X)) == (ELF_W | ELF_X) && !(rules->flags & ELF_ALLOW_WX))
		return -EACCES;
	return 0;
}

/* In one page, a later segment's mapping takes the place of an earlier one's: both must want the same there. */
static bool
may_follow(const struct program_header *last, const struct program_header *h)
{
	uint64_t last_end = last->vaddr + last->memsz;
	if (h->vaddr < last_end)
		return false;
	if (round_down(h->vaddr, (uint64_t)ELF_PAGE) > round_down(last_end - 1, (uint64_t)ELF_PAGE))
		return true;
	return last->filesz == last->memsz && h->filesz &&
		h->vaddr - h->offset == last->vaddr - last->offset;
}

static bool
holds(uint64_t start, uint64_t len, uint64_t at)
{
	return at >= start && at - start < len;
}

static int
add_segment(struct elf_image *image, struct scan *scan, const struct program_header *h)
{
	if (h->memsz == 0)
		return h->filesz ? -ENOEXEC : 0;
	int err = check_segment(image, h, scan->rules);
	if (err)
		return err;
	if (scan->last.memsz && !may_follow(&scan->last, h))
		return -ENOEXEC;
	if (image->segment_count++ == 0)
		image->start = round_down(h->vaddr, (uint64_t)ELF_PAGE);
	image->brk = h->vaddr + h->memsz;
	if (h->align > image->alignment && !(h->align & (h->align - 1)))
		image->alignment = h->align;
	if ((h->flags & ELF_X) && holds(h->vaddr, h->memsz, image->entry))
		scan->has_entry = true;
	if (!image->headers_address && holds(h->offset, h->filesz, image->table.offset) &&
		image->table.len <= h->filesz - (image->table.offset - h->offset))
		image->headers_address = h->vaddr + (image->table.offset - h->offset);
	scan->last = *h;
	return 0;
}

/* Of these there should be one; the first counts. */
static int
add_range(struct elf_image *image, struct elf_range *range, const struct program_header *h,
	uint64_t max)
{
	if (range->len)
		return 0;
	if (h->filesz == 0 || h->filesz > max || !in_file(image, h->offset, h->filesz))
		return -ENOEXEC;
	*range = (struct elf_range){.offset = h->offset, .len = h->filesz};
	return 0;
}

static int
add_header(struct elf_image *image, struct scan *scan, const struct program_header *h)
{
	switch (h->type) {
	case TYPE_LOAD:
		return add_segment(image, scan, h);
	case TYPE_INTERP:
		return add_range(image, &image->interp, h, ELF_INTERP_MAX);
	case TYPE_GNU_PROPERTY:
		/* They only make a program stricter: those that cannot be read are as good as absent. */
		(void)add_range(image, &image->property, h, ELF_PROPERTY_MAX);
		return 0;
	case TYPE_GNU_STACK:
		image->stack_flags = ELF_R | ELF_W | (h->flags & ELF_X);
		return 0;
	default:
		return 0;
	}
}

int
elf_read_table(struct elf_image *image, const void *table, const struct elf_rules *rules)
{
	struct scan scan = {.rules = rules};
	image->start = image->end = image->brk = image->headers_address = 0;
	image->interp = image->property = (struct elf_range){0};
	image->segment_count = 0;
	image->alignment = ELF_PAGE;
	image->stack_flags = ELF_R | ELF_W;
	for (uint32_t i = 0; i < image->header_count; i++) {
		struct program_header h = read_program_header(table, i);
		int err = add_header(image, &scan, &h);
		if (err)
			return err;
	}
	if (!image->segment_count || !scan.has_entry)
		return -ENOEXEC;
	if (add_overflow(round_down(image->brk - 1, (uint64_t)ELF_PAGE), ELF_PAGE, &image->end) ||
		image->end > rules->high || image->end - image->start > rules->high - rules->low)
		return -ENOEXEC;
	return 0;
}

bool
elf_next_segment(
	const struct elf_image *image, const void *table, uint32_t *at, struct elf_segment *segment)
{
	while (*at < image->header_count) {
		struct program_header h = read_program_header(table, (*at)++);
		if (h.type != TYPE_LOAD || h.memsz == 0)
			continue;
		*segment = (struct elf_segment){.vaddr = h.vaddr,
			.offset = h.offset,
			.filesz = h.filesz,
			.memsz = h.memsz,
			.flags = h.flags};
		return true;
	}
	*segment = (struct elf_segment){0};
	return false;
}

int
elf_check_interp(const void *bytes, size_t n)
{
	if (n < 2 || memchr(bytes, 0, n) != (const uint8_t *)bytes + n - 1)
		return -ENOEXEC;
	return 0;
}

/* The features among the properties of one note. */
static uint32_t
read_features(struct reader r)
{
	while (r.left >= 8) {
		uint32_t type = reader_le32(&r), len = reader_le32(&r);
		const uint8_t *data = reader_take(&r, len);
		if (!data)
			return 0;
		if (type == PROPERTY_AARCH64_FEATURES && len == 4)
			return load_le32(data) & (ELF_FEATURE_BTI | ELF_FEATURE_PAC);
		reader_take(&r, -len & 7); /* the padding of the last one may be missing */
	}
	return 0;
}

uint32_t
elf_read_property(const void *bytes, size_t n)
{
	struct reader r = reader_on(bytes, n);
	while (r.left >= 12 && !r.failed) {
		uint32_t name_len = reader_le32(&r), len = reader_le32(&r), type = reader_le32(&r);
		const uint8_t *name = reader_take(&r, ((uint64_t)name_len + 3) & ~UINT64_C(3));
		const uint8_t *data = name ? reader_take(&r, len) : NULL;
		if (!data)
			return 0;
		if (type == NOTE_GNU_PROPERTY && name_len == 4 && memcmp(name, "GNU", 4) == 0)
			return read_features(reader_on(data, len));
		reader_take(&r, -len & 7);
	}
	return 0;
}
