/* SPDX-License-Identifier: MIT */
/* Programs made by hand: the first instructions see a clean machine; headers that make no sense are refused. */
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest.h"

/* Exits with what is wrong: 1 a register, 2 a floating-point register, 3 fpcr or fpsr, 4 the stack's alignment; else 40 + argc. */
__asm__(".pushsection .rodata\n.balign 8\ncode_clean:\n"
	"orr x1, x1, x2\n orr x1, x1, x3\n orr x1, x1, x4\n orr x1, x1, x5\n orr x1, x1, x6\n orr "
	"x1, x1, x7\n"
	"orr x1, x1, x8\n orr x1, x1, x9\n orr x1, x1, x10\n orr x1, x1, x11\n orr x1, x1, x12\n "
	"orr x1, x1, x13\n"
	"orr x1, x1, x14\n orr x1, x1, x15\n orr x1, x1, x16\n orr x1, x1, x17\n orr x1, x1, x18\n "
	"orr x1, x1, x19\n"
	"orr x1, x1, x20\n orr x1, x1, x21\n orr x1, x1, x22\n orr x1, x1, x23\n orr x1, x1, x24\n "
	"orr x1, x1, x25\n"
	"orr x1, x1, x26\n orr x1, x1, x27\n orr x1, x1, x28\n orr x1, x1, x29\n orr x1, x1, x30\n "
	"mrs x2, tpidr_el0\n"
	"orr x1, x1, x2\n mov x0, #1\n cbnz x1, 9f\n"
	"orr v0.16b, v0.16b, v1.16b\n orr v0.16b, v0.16b, v8.16b\n orr v0.16b, v0.16b, v15.16b\n"
	"orr v0.16b, v0.16b, v16.16b\n orr v0.16b, v0.16b, v31.16b\n fmov x1, d0\n fmov x2, "
	"v0.d[1]\n orr x1, x1, x2\n"
	"mov x0, #2\n cbnz x1, 9f\n mrs x1, fpcr\n mrs x2, fpsr\n orr x1, x1, x2\n mov x0, #3\n "
	"cbnz x1, 9f\n"
	"mov x1, sp\n and x1, x1, #15\n mov x0, #4\n cbnz x1, 9f\n ldr x0, [sp]\n add x0, x0, #40\n"
	"9: mov x8, #94\n svc #0\n"
	/* Exits with 1 unless the 64 bytes after the file's part of the next segment, and its last ones, are zero. */
	"code_bss:\n mov x1, #0x500000\n add x1, x1, #0x10\n mov x3, #64\n mov x0, #0\n"
	"1: ldrb w2, [x1], #1\n orr x0, x0, x2\n subs x3, x3, #1\n b.ne 1b\n"
	"mov x1, #0x500000\n add x1, x1, #2, lsl #12\n ldr x2, [x1, #0xff8]\n orr x0, x0, x2\n str "
	"x1, [x1, #0xff8]\n cmp "
	"x0, #0\n cset x0, ne\n"
	"mov x8, #94\n svc #0\n"
	/* Exits with 43. */
	"code_43: mov x0, #43\n mov x8, #94\n svc #0\n"
	"code_end:\n.popsection");
extern const char code_clean[], code_bss[], code_43[], code_end[];

static char path[] = "/tmp/guest-elf";

struct image {
	Elf64_Ehdr e;
	Elf64_Phdr p[3];
	char interp[64];
	char code[1024];
	char data[2048]; /* 16 bytes of it belong to the second segment */
};

#define TEXT 0x400000ul
#define DATA 0x500000ul

/* A program with code, and a page-straddling data segment with zero-filled memory. */
static struct image
good(const char *code)
{
	struct image im = {
		.e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			.e_type = ET_EXEC,
			.e_machine = EM_AARCH64,
			.e_version = EV_CURRENT,
			.e_entry = TEXT + offsetof(struct image, code),
			.e_phoff = offsetof(struct image, p),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2},
		.p = {{.p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_vaddr = TEXT,
			      .p_filesz = offsetof(struct image, data),
			      .p_memsz = offsetof(struct image, data),
			      .p_align = 4096},
			{.p_type = PT_LOAD,
				.p_flags = PF_R | PF_W,
				.p_offset = 0,
				.p_vaddr = DATA,
				.p_filesz = 16,
				.p_memsz = 0x3000,
				.p_align = 4096}},
	};
	memcpy(im.code, code, (size_t)(code_end - code));
	memset(im.data, 0xee, sizeof(im.data));
	return im;
}

static void
make_file(const char *name, const struct image *im, size_t n)
{
	unlink(name);
	int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0755);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, im, n), (ssize_t)n);
	close(fd);
}

/* Runs it; the exit status, or the negative errno, or 1000 and the signal. */
static int
run(char *const argv[])
{
	int p[2], err = 0;
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char *envp[] = {NULL};
		execve(path, argv, envp);
		(void)!write(p[1], &errno, sizeof(errno));
		_exit(0);
	}
	close(p[1]);
	(void)!read(p[0], &err, sizeof(err));
	close(p[0]);
	int status = guest_reap(pid);
	return err != 0 ? -err : WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static char *const two_arguments[] = {"elf", "one", NULL}, *const no_arguments[] = {NULL};

static int
run_image(const struct image *im)
{
	make_file(path, im, sizeof(*im));
	int r = run(two_arguments);
	CHECK_EQ(unlink(path), 0);
	return r;
}

GUEST_TEST(elf_starts_clean)
{
	struct image im = good(code_clean);
	make_file(path, &im, sizeof(im));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(run(two_arguments), 42);
	/* Without arguments there is still an empty one, and a stack. */
	CHECK_EQ(run(no_arguments), 41);
	CHECK_EQ(run(NULL), 41);
	CHECK_EQ(unlink(path), 0);
	im = good(code_bss);
	CHECK_EQ(run_image(&im), 0);
}

GUEST_TEST(elf_position_independent)
{
	struct image im = good(code_43);
	im.e.e_type = ET_DYN;
	im.e.e_entry -= TEXT;
	im.p[0].p_vaddr -= TEXT;
	im.p[1].p_vaddr -= TEXT;
	CHECK_EQ(run_image(&im), 43);
}

/* The interpreter gets control, not the program. */
GUEST_TEST(elf_interpreter)
{
	struct image im = good(code_clean), interp = good(code_43);
	interp.e.e_type = ET_DYN;
	interp.e.e_entry -= TEXT;
	interp.p[0].p_vaddr -= TEXT;
	interp.p[1].p_vaddr -= TEXT;
	make_file("/tmp/guest-interp", &interp, sizeof(interp));
	strcpy(im.interp, "/tmp/guest-interp");
	im.p[2] = (Elf64_Phdr){.p_type = PT_INTERP,
		.p_offset = offsetof(struct image, interp),
		.p_filesz = 18,
		.p_memsz = 18};
	im.e.e_phnum = 3;
	CHECK_EQ(run_image(&im), 43);
	CHECK_EQ(chmod("/tmp/guest-interp", 0644), 0);
	CHECK_EQ(run_image(&im), -EACCES);
	CHECK_EQ(unlink("/tmp/guest-interp"), 0);
	CHECK_EQ(run_image(&im), -ENOENT);
	make_file("/tmp/guest-interp", (const struct image *)"no program at all, just text", 28);
	CHECK(run_image(&im) < 0);
	CHECK_EQ(unlink("/tmp/guest-interp"), 0);
	im.p[2].p_filesz = im.p[2].p_memsz = 17; /* no terminator */
	CHECK_EQ(run_image(&im), -ENOEXEC);
	im.p[2].p_filesz = im.p[2].p_memsz = 1 << 20;
	CHECK(run_image(&im) < 0);
}

GUEST_TEST(elf_headers_are_checked)
{
	static const struct {
		const char *what;
		size_t offset;
		uint8_t size;
		uint64_t value;
	} bad[] = {
		{"magic", offsetof(Elf64_Ehdr, e_ident), 1, 0x7e},
		{"type", offsetof(Elf64_Ehdr, e_type), 2, ET_REL},
		{"type", offsetof(Elf64_Ehdr, e_type), 2, ET_CORE},
		{"machine", offsetof(Elf64_Ehdr, e_machine), 2, EM_X86_64},
		{"size of a program header", offsetof(Elf64_Ehdr, e_phentsize), 2, 55},
		{"number of program headers", offsetof(Elf64_Ehdr, e_phnum), 2, 0},
		{"number of program headers", offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff},
		{"place of the program headers", offsetof(Elf64_Ehdr, e_phoff), 8, 1 << 20},
		{"place of the program headers", offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 8},
		{"file size above memory size", offsetof(struct image, p[1].p_memsz), 8, 1},
		{"misaligned offset", offsetof(struct image, p[0].p_offset), 8, 8},
		{"kernel address", offsetof(struct image, p[1].p_vaddr), 8, 0xffff000000000000},
		{"address at the end of user space", offsetof(struct image, p[1].p_vaddr), 8,
			0xfffffffff000},
		{"null address", offsetof(struct image, p[1].p_vaddr), 8, 0},
		{"huge memory", offsetof(struct image, p[1].p_memsz), 8, 1ULL << 62},
		{"memory size that wraps", offsetof(struct image, p[1].p_memsz), 8,
			UINT64_MAX - 4096},
		{"offset that wraps", offsetof(struct image, p[1].p_offset), 8, UINT64_MAX - 4095},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct image im = good(code_43);
		CHECK_EQ(run_image(&im), 43);
		memcpy((char *)&im + bad[i].offset, &bad[i].value, bad[i].size);
		int r = run_image(&im);
		/* Linux finds some of it out too late, and does not mind a null address. */
		bool refused = r == -ENOEXEC || r == -ENOMEM || r == -EINVAL || r == -EPERM;
		if (!refused && (guest_is_swos() || r < 0))
			guest_fail(__FILE__, __LINE__, "%s %#llx: %d", bad[i].what,
				(unsigned long long)bad[i].value, r);
	}
}

GUEST_TEST(elf_short_files)
{
	struct image im = good(code_43);
	for (size_t n = 0; n < offsetof(struct image, p[2]); n += 7) {
		make_file(path, &im, n);
		CHECK_EQ(run(two_arguments), -ENOEXEC);
	}
	CHECK_EQ(unlink(path), 0);
}

/* Nothing to execute there: refused, or a fault of the new program's own. */
GUEST_TEST(elf_entry_points)
{
	struct image im = good(code_43);
	static const uint64_t bad[] = {0x10000, 0xffff000000000000, DATA};
	for (int i = 0; i < 3; i++) {
		im.e.e_entry = bad[i];
		int r = run_image(&im);
		CHECK(r == 1000 + SIGSEGV || r == -ENOEXEC);
	}
}

/* Random damage to everything but the code: whatever happens, it happens to that process. */
GUEST_TEST(elf_random_damage)
{
	unsigned seed = 7;
	for (int round = 0; round < 300; round++) {
		struct image im = good(code_43);
		for (int i = 0; i < 3; i++) {
			seed = seed * 1103515245 + 12345;
			((uint8_t *)&im)[(seed >> 8) % offsetof(struct image, interp)] =
				(uint8_t)(seed >> 24);
		}
		run_image(&im);
	}
}
