/* SPDX-License-Identifier: MIT */
/* ELF files as exec reads them; what the decoder promises about those that it accepts is checked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "elf/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
check_segments(const struct elf_image *image, const uint8_t *table, const struct elf_rules *rules)
{
	struct elf_segment s;
	uint64_t end = 0;
	uint32_t count = 0;
	for (uint32_t at = 0; elf_next_segment(image, table, &at, &s); count++) {
		must(s.memsz && s.filesz <= s.memsz && s.vaddr >= end && s.vaddr >= image->start);
		must(s.offset + s.filesz >= s.offset && s.offset + s.filesz <= image->file_size);
		must((s.flags & 3) != 3 || (rules->flags & ELF_ALLOW_WX));
		end = s.vaddr + s.memsz;
		must(end > s.vaddr && end <= image->end && end <= rules->high);
	}
	must(count == image->segment_count && count && end == image->brk);
	must(image->end - image->start <= rules->high - rules->low);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image image;
	struct elf_rules rules = {.low = 0x10000, .high = UINT64_C(1) << 48};
	if (size == 0)
		return 0;
	rules.flags = data[size - 1] & ELF_ALLOW_WX;
	sink = elf_read_property(data, size);
	sink = (uint64_t)elf_check_interp(data, size);
	/* The first bytes are a page of the file, which is far larger, unless the last byte says otherwise. */
	uint64_t file_size = data[size - 1] & 2 ? size : size + (1 << 20);
	if (elf_read_header(&image, data, size, file_size))
		return 0;
	uint8_t *table = calloc(1, image.table.len);
	if (image.table.offset < size) {
		uint64_t n = size - image.table.offset;
		memcpy(table, data + image.table.offset, n < image.table.len ? n : image.table.len);
	}
	int err = elf_read_table(&image, table, &rules);
	must(err == 0 || err == -ENOEXEC || err == -EACCES);
	if (!err)
		check_segments(&image, table, &rules);
	free(table);
	return 0;
}
