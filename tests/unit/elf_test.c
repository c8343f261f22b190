/* SPDX-License-Identifier: MIT */
/* The ELF decoder: real files of another hand, and every field of made ones at its extremes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "elf/elf.h"
#include "tests/unit/test.h"

enum { FILE_SIZE = 0x20000, TABLE = 64, HEADERS_MAX = 8, HEADER = 56 };

static const struct elf_rules user = {.low = 0x10000, .high = UINT64_C(1) << 48};
static const struct elf_rules user_wx = {
	.low = 0x10000, .high = UINT64_C(1) << 48, .flags = ELF_ALLOW_WX};

struct file {
	uint8_t bytes[TABLE + HEADERS_MAX * HEADER];
	uint32_t count;
};

static void
put(uint8_t *at, uint64_t value, int n)
{
	for (int i = 0; i < n; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static struct file
make(enum elf_type type, uint64_t entry)
{
	struct file f = {.bytes = {0x7f, 'E', 'L', 'F', 2, 1, 1}};
	put(f.bytes + 16, type, 2);
	put(f.bytes + 18, 183, 2);
	put(f.bytes + 20, 1, 4);
	put(f.bytes + 24, entry, 8);
	put(f.bytes + 32, TABLE, 8);
	put(f.bytes + 52, 64, 2);
	put(f.bytes + 54, HEADER, 2);
	return f;
}

static void
add(struct file *f, uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t filesz,
	uint64_t memsz)
{
	uint8_t *h = f->bytes + TABLE + HEADER * f->count++;
	put(h, type, 4);
	put(h + 4, flags, 4);
	put(h + 8, offset, 8);
	put(h + 16, vaddr, 8);
	put(h + 24, vaddr, 8);
	put(h + 32, filesz, 8);
	put(h + 40, memsz, 8);
	put(h + 48, 0x1000, 8);
	put(f->bytes + 56, f->count, 2);
}

/* The table is read from a copy of just its size, so that the sanitizer sees every byte read past it. */
static int
decode(const struct file *f, const struct elf_rules *rules, struct elf_image *image)
{
	int err = elf_read_header(image, f->bytes, sizeof(f->bytes), FILE_SIZE);
	if (err)
		return err;
	CHECK(image->table.len <= ELF_TABLE_MAX);
	CHECK(image->table.offset + image->table.len <= FILE_SIZE);
	uint8_t *table = calloc(1, image->table.len);
	for (uint64_t i = 0; i < image->table.len; i++)
		if (image->table.offset + i < sizeof(f->bytes))
			table[i] = f->bytes[image->table.offset + i];
	err = elf_read_table(image, table, rules);
	struct elf_segment s;
	uint64_t end = 0;
	for (uint32_t at = 0; !err && elf_next_segment(image, table, &at, &s);) {
		CHECK(s.memsz > 0 && s.filesz <= s.memsz && s.vaddr >= end);
		CHECK(s.offset + s.filesz <= FILE_SIZE);
		end = s.vaddr + s.memsz;
		CHECK(end <= rules->high);
	}
	free(table);
	return err;
}

static struct file
usual(void)
{
	struct file f = make(ELF_EXEC, 0x400100);
	add(&f, 1, ELF_R | ELF_X, 0, 0x400000, 0x1800, 0x1800);
	add(&f, 1, ELF_R | ELF_W, 0x1800, 0x402800, 0x100, 0x2000);
	add(&f, 3, ELF_R, 0x200, 0x400200, 20, 20);
	add(&f, 0x6474e551, ELF_R | ELF_W, 0, 0, 0, 0);
	return f;
}

TEST(elf_usual_file)
{
	struct elf_image image;
	struct file f = usual();
	CHECK_EQ(decode(&f, &user, &image), 0);
	CHECK_EQ(image.type, ELF_EXEC);
	CHECK_EQ(image.entry, 0x400100);
	CHECK_EQ(image.start, 0x400000);
	CHECK_EQ(image.brk, 0x404800);
	CHECK_EQ(image.end, 0x405000);
	CHECK_EQ(image.segment_count, 2);
	CHECK_EQ(image.headers_address, 0x400040);
	CHECK_EQ(image.interp.offset, 0x200);
	CHECK_EQ(image.interp.len, 20);
	CHECK_EQ(image.stack_flags, ELF_R | ELF_W);
	CHECK_EQ(image.alignment, 4096);
}

static void
check_real(const char *path, bool has_interp)
{
	static uint8_t bytes[4 << 20];
	FILE *file = fopen(path, "rb");
	if (!file)
		test_fail(__FILE__, __LINE__, "cannot open %s", path);
	size_t size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	struct elf_image image;
	CHECK_EQ(elf_read_header(&image, bytes, 4096, size), 0);
	CHECK_EQ(elf_read_table(&image, bytes + image.table.offset, &user), 0);
	CHECK_EQ(image.type, ELF_DYN);
	CHECK_EQ(image.segment_count, 2);
	CHECK_EQ(image.headers_address, 64);
	CHECK_EQ(image.alignment, 65536);
	CHECK_EQ(image.interp.len != 0, has_interp);
	if (has_interp) {
		CHECK_EQ(elf_check_interp(bytes + image.interp.offset, image.interp.len), 0);
		CHECK_STR((const char *)bytes + image.interp.offset, "/lib/ld-linux-aarch64.so.1");
	}
}

TEST(elf_debians_libc_and_loader)
{
	check_real("/usr/aarch64-linux-gnu/lib/libc.so.6", true);
	check_real("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", false);
}

TEST(elf_not_ours)
{
	static const struct {
		int at, n;
		uint64_t value;
	} changes[] = {{0, 1, 0x7e}, {1, 1, 'e'}, {4, 1, 1}, {5, 1, 2}, {6, 1, 0}, {16, 2, 1},
		{16, 2, 4}, {18, 2, 62}, {18, 2, 0}, {20, 4, 0}, {54, 2, 55}, {54, 2, 32},
		{54, 2, 0xffff}, {56, 2, 0}, {56, 2, 0xffff}, {56, 2, 1171}, {32, 8, FILE_SIZE},
		{32, 8, FILE_SIZE - 4 * HEADER + 1}, {32, 8, UINT64_MAX},
		{32, 8, UINT64_MAX - 100}};
	struct elf_image image;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct file f = usual();
		put(f.bytes + changes[i].at, changes[i].value, changes[i].n);
		CHECK_EQ(elf_read_header(&image, f.bytes, sizeof(f.bytes), FILE_SIZE), -ENOEXEC);
	}
	struct file f = usual();
	CHECK_EQ(elf_read_header(&image, f.bytes, 63, FILE_SIZE), -ENOEXEC);
	CHECK_EQ(elf_read_header(&image, f.bytes, 64, 63), -ENOEXEC);
	CHECK_EQ(elf_read_header(&image, f.bytes, 0, FILE_SIZE), -ENOEXEC);
	put(f.bytes + 56, 1170, 2);
	CHECK_EQ(elf_read_header(&image, f.bytes, sizeof(f.bytes), FILE_SIZE), 0);
}

/* A file with one changed 64-bit field of its second segment. */
static int
decode_changed(int field, uint64_t value)
{
	struct elf_image image;
	struct file f = usual();
	put(f.bytes + TABLE + HEADER + field, value, 8);
	return decode(&f, &user, &image);
}

TEST(elf_broken_segments)
{
	CHECK_EQ(decode_changed(8, FILE_SIZE), -ENOEXEC);          /* offset at the end */
	CHECK_EQ(decode_changed(8, 0xffffffffffffe800), -ENOEXEC); /* offset wraps */
	CHECK_EQ(decode_changed(8, 0x1810), -ENOEXEC); /* offset and address differ in the page */
	CHECK_EQ(decode_changed(16, 0x401000), -ENOEXEC);           /* overlap */
	CHECK_EQ(decode_changed(16, 0x300800), -ENOEXEC);           /* out of order */
	CHECK_EQ(decode_changed(16, 0xfffffffffffff800), -ENOEXEC); /* address wraps */
	CHECK_EQ(decode_changed(16, (UINT64_C(1) << 48) - 0x800),
		-ENOEXEC);                              /* beyond the user's range */
	CHECK_EQ(decode_changed(32, 0x2001), -ENOEXEC); /* more in the file than in memory */
	CHECK_EQ(decode_changed(32, UINT64_MAX), -ENOEXEC);
	CHECK_EQ(decode_changed(40, UINT64_MAX), -ENOEXEC);
	CHECK_EQ(decode_changed(40, 0), -ENOEXEC); /* bytes of the file for no memory */
	CHECK_EQ(decode_changed(48, UINT64_C(1) << 40), -ENOEXEC);
	CHECK_EQ(decode_changed(48, 0), 0);
	CHECK_EQ(decode_changed(48, 12345), 0); /* no power of two: as on Linux, ignored */
	CHECK_EQ(decode_changed(40, (UINT64_C(1) << 48) - 0x402800), 0);
	CHECK_EQ(decode_changed(40, (UINT64_C(1) << 48) - 0x402800 + 1), -ENOEXEC);
}

TEST(elf_fields_at_extremes)
{
	static const uint64_t extremes[] = {0, 1, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff,
		UINT64_C(1) << 47, UINT64_C(1) << 48, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX - 4095, UINT64_MAX};
	struct elf_image image;
	for (int at = 0; at < TABLE + 4 * HEADER; at += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(extremes); i++) {
			struct file f = usual();
			put(f.bytes + at, extremes[i], at % 8 ? 4 : 8);
			int err = decode(&f, &user, &image);
			CHECK(err == 0 || err == -ENOEXEC || err == -EACCES);
		}
	}
}

TEST(elf_empty_segments_are_skipped)
{
	struct elf_image image;
	struct file f = usual();
	add(&f, 1, ELF_R, 0, 0, 0, 0);
	CHECK_EQ(decode(&f, &user, &image), 0);
	CHECK_EQ(image.segment_count, 2);
	f = make(ELF_EXEC, 0x400000);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	add(&f, 1, ELF_R | ELF_X, 0, 0x400000, 0, 0);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
}

TEST(elf_write_and_execute)
{
	struct elf_image image;
	struct file f = make(ELF_EXEC, 0x400000);
	add(&f, 1, ELF_R | ELF_W | ELF_X, 0, 0x400000, 0x1000, 0x1000);
	CHECK_EQ(decode(&f, &user, &image), -EACCES);
	CHECK_EQ(decode(&f, &user_wx, &image), 0);
	f = usual();
	put(f.bytes + TABLE + 3 * HEADER + 4, 7, 4);
	CHECK_EQ(decode(&f, &user, &image), 0);
	CHECK_EQ(image.stack_flags, ELF_R | ELF_W | ELF_X);
}

TEST(elf_entry_must_be_executable)
{
	struct elf_image image;
	struct file f = usual();
	put(f.bytes + 24, 0x402800, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	put(f.bytes + 24, 0, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	put(f.bytes + 24, 0x4017ff, 8);
	CHECK_EQ(decode(&f, &user, &image), 0);
	put(f.bytes + 24, 0x401800, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
}

TEST(elf_low_addresses)
{
	struct elf_image image;
	struct file f = make(ELF_EXEC, 0xf000);
	add(&f, 1, ELF_R | ELF_X, 0, 0xf000, 0x1000, 0x1000);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	f = make(ELF_DYN, 0);
	add(&f, 1, ELF_R | ELF_X, 0, 0, 0x1000, 0x1000);
	CHECK_EQ(decode(&f, &user, &image), 0);
	f = make(ELF_DYN, 0);
	add(&f, 1, ELF_R | ELF_X, 0, 0, 0x1000, (UINT64_C(1) << 48) - 0x10000);
	CHECK_EQ(decode(&f, &user, &image), 0);
	f = make(ELF_DYN, 0);
	add(&f, 1, ELF_R | ELF_X, 0, 0, 0x1000, (UINT64_C(1) << 48) - 0xffff);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
}

/* The second segment begins in the page in which the first one ends. */
static int
decode_sharing(uint64_t first_memsz, uint64_t offset, uint64_t filesz)
{
	struct elf_image image;
	struct file f = make(ELF_EXEC, 0x400000);
	add(&f, 1, ELF_R | ELF_X, 0, 0x400000, 0x1800, first_memsz);
	add(&f, 1, ELF_R | ELF_W, offset, 0x401a00, filesz, 0x1000);
	return decode(&f, &user, &image);
}

TEST(elf_segments_that_share_a_page)
{
	CHECK_EQ(decode_sharing(0x1800, 0x1a00, 0x100), 0);
	CHECK_EQ(decode_sharing(0x1800, 0x2a00, 0x100), -ENOEXEC); /* another page of the file */
	CHECK_EQ(decode_sharing(0x1900, 0x1a00, 0x100),
		-ENOEXEC); /* zeros in what the second one maps */
	CHECK_EQ(decode_sharing(0x1800, 0x1a00, 0), -ENOEXEC); /* zeros where the first one ends */
}

TEST(elf_interp)
{
	struct elf_image image;
	struct file f = usual();
	put(f.bytes + TABLE + 2 * HEADER + 32, 4097, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	put(f.bytes + TABLE + 2 * HEADER + 32, 0, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	put(f.bytes + TABLE + 2 * HEADER + 32, 20, 8);
	put(f.bytes + TABLE + 2 * HEADER + 8, FILE_SIZE - 19, 8);
	CHECK_EQ(decode(&f, &user, &image), -ENOEXEC);
	CHECK_EQ(elf_check_interp("/lib/ld.so", 11), 0);
	CHECK_EQ(elf_check_interp("/lib/ld.so", 10), -ENOEXEC);
	CHECK_EQ(elf_check_interp("/lib\0d.so", 10), -ENOEXEC);
	CHECK_EQ(elf_check_interp("", 1), -ENOEXEC);
	CHECK_EQ(elf_check_interp("", 0), -ENOEXEC);
}

TEST(elf_headers_in_no_segment)
{
	struct elf_image image;
	struct file f = make(ELF_DYN, 0x1000);
	add(&f, 1, ELF_R | ELF_X, 0x1000, 0x1000, 0x1000, 0x1000);
	CHECK_EQ(decode(&f, &user, &image), 0);
	CHECK_EQ(image.headers_address, 0);
}

TEST(elf_property_notes)
{
	uint8_t note[48] = {0};
	put(note, 4, 4);
	put(note + 4, 32, 4);
	put(note + 8, 5, 4);
	memcpy(note + 12, "GNU", 4);
	put(note + 16, 0xc0000001, 4);
	put(note + 20, 3, 4);
	put(note + 32, 0xc0000000, 4);
	put(note + 36, 4, 4);
	put(note + 40, 3, 4);
	CHECK_EQ(elf_read_property(note, 48), ELF_FEATURE_BTI | ELF_FEATURE_PAC);
	put(note + 4, 28, 4);
	CHECK_EQ(elf_read_property(note, 44), ELF_FEATURE_BTI | ELF_FEATURE_PAC);
	for (size_t n = 0; n < 44; n++)
		CHECK_EQ(elf_read_property(note, n), 0);
	put(note, 0xffffffff, 4);
	CHECK_EQ(elf_read_property(note, 48), 0);
	put(note, 4, 4);
	put(note + 4, 0xffffffff, 4);
	CHECK_EQ(elf_read_property(note, 48), 0);
	put(note + 4, 32, 4);
	put(note + 20, 0xfffffff0, 4);
	CHECK_EQ(elf_read_property(note, 48), 0);
}
