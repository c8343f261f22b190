/* SPDX-License-Identifier: MIT */
/*
 * Decoder of what exec needs of an ELF file: 64-bit, little-endian, AArch64, types EXEC and DYN (System V gABI chapters
 * 4 and 5; AArch64 ELF ABI; GNU property notes).
 *
 * In three steps, since only the caller can read the file: elf_read_header() decodes the file's first bytes and tells
 * where the table of program headers lies; elf_read_table() checks the whole table, which the caller has read into a
 * buffer, and sums it up; elf_next_segment() then walks the segments, and cannot fail. The table must not change
 * between the last two.
 *
 * Pure: no allocation, no globals, no locks, does not sleep; the bytes need no alignment. Checked here, so that a loader
 * may rely on it: no sum wraps; every range of the file lies in it; segments ascend, do not overlap and lie in the
 * user's range; they may share a page only where both want the same page of the file there and the first of them
 * has nothing to be zeroed; the entry point lies in an executable one.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ELF_HEADER_SIZE = 64,
	ELF_TABLE_MAX = 64 << 10, /* bytes of program headers, as on Linux */
	ELF_INTERP_MAX = 4096,    /* bytes of the interpreter's path with its NUL */
	ELF_PROPERTY_MAX = 4096,  /* bytes of property notes that are looked at */
	ELF_PAGE = 4096,

	ELF_X = 1, /* flags of a segment */
	ELF_W = 2,
	ELF_R = 4,

	ELF_FEATURE_BTI = 1, /* all of the file's code has landing pads */
	ELF_FEATURE_PAC = 2,
};

enum elf_type { ELF_EXEC = 2, ELF_DYN = 3 };

struct elf_range {
	uint64_t offset, len; /* in the file; len 0: absent */
};

struct elf_image {
	enum elf_type type;
	uint64_t file_size;
	uint64_t entry;         /* as in the file: ELF_DYN adds its load bias, here and below */
	struct elf_range table; /* program headers */
	uint32_t header_count;

	/* By elf_read_table(): */
	uint64_t start, end; /* of all segments, whole pages */
	uint64_t brk;        /* where the last segment ends, not rounded */
	uint64_t alignment;  /* that the load address wants: a power of two, a page at least */
	/* of the program headers in memory, for AT_PHDR; 0: in no segment */
	uint64_t headers_address;
	uint32_t segment_count;
	struct elf_range interp; /* path of the interpreter with its NUL, for elf_check_interp() */
	struct elf_range property; /* notes for elf_read_property() */
	uint32_t stack_flags;      /* ELF_R | ELF_W, with ELF_X if the file wants that */
};

struct elf_segment {
	uint64_t vaddr, offset, filesz, memsz; /* memsz >= filesz, memsz > 0 */
	uint32_t flags;                        /* ELF_R | ELF_W | ELF_X */
};

enum { ELF_ALLOW_WX = 1 };

struct elf_rules {
	uint64_t low, high; /* where user memory may be: low <= address < high */
	uint32_t flags;     /* ELF_ALLOW_WX: a segment may be writable and executable */
};

/*
 * Decodes the first n bytes of a file. Returns 0 or -ENOEXEC. On success image->table lies in the file, is not empty,
 * and is not larger than ELF_TABLE_MAX.
 */
[[nodiscard]] int elf_read_header(
	struct elf_image *image, const void *bytes, size_t n, uint64_t file_size);

/*
 * Checks the image->table.len bytes of program headers. Returns 0; -ENOEXEC: broken or out of range; -EACCES: a segment is
 * writable and executable, against the rules (and nothing before it in the table is broken).
 */
[[nodiscard]] int elf_read_table(
	struct elf_image *image, const void *table, const struct elf_rules *rules);

/* The next segment that occupies memory; *at begins as 0. False after the last. */
bool elf_next_segment(const struct elf_image *image, const void *table, uint32_t *at,
	struct elf_segment *segment);

/* Whether the bytes of image->interp are a path: not empty, with one NUL, at its end. Returns 0 or -ENOEXEC. */
[[nodiscard]] int elf_check_interp(const void *bytes, size_t n);

/* The ELF_FEATURE_* of property notes; 0 if they are broken or say nothing about it. */
uint32_t elf_read_property(const void *bytes, size_t n);

#endif
