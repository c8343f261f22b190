# One toolchain for kernel, userland, host tools and tests: clang 19, lld 19, llvm 19.

LLVM     := 19
CC       := clang-$(LLVM)
LD       := ld.lld-$(LLVM)
AR       := llvm-ar-$(LLVM)
NM       := llvm-nm-$(LLVM)
OBJCOPY  := llvm-objcopy-$(LLVM)
OBJDUMP  := llvm-objdump-$(LLVM)
PYTHON   := python3
CACHE    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/swos

# DEBUG=1 builds the checking kernel (heap checker, lock-order checker, fault injection) beside the normal one.
DEBUG ?=
BUILD := build$(if $(DEBUG),/debug)
GEN   := build/gen

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wimplicit-fallthrough \
	-Wthread-safety -Wno-unused-parameter -Werror
CSTD := -std=gnu17

# Everything that is linked by more than one of kernel, user and host includes itself as "base/list.h" etc.
INCLUDES := -I. -Ilib -I$(GEN)

KERNEL_CFLAGS := --target=aarch64-none-elf $(CSTD) $(WARN) -O2 -g -ffreestanding -fno-builtin-printf -nostdlibinc \
	-isystem lib/freestanding/include $(INCLUDES) -Ikernel -Ikernel/arch/include -Ikernel/arch/aarch64/include \
	-D__SWOS_KERNEL__ -mgeneral-regs-only -mno-outline-atomics -fpie -fdirect-access-external-data -fvisibility=hidden -fno-common \
	-fno-strict-aliasing -fno-delete-null-pointer-checks -fwrapv -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -ffunction-sections -fdata-sections \
	-mbranch-protection=standard -fstack-protector-strong -fsanitize=kcfi -ftrivial-auto-var-init=zero \
	-fsanitize=array-bounds -fsanitize-trap=array-bounds -mstack-protector-guard=global \
	$(if $(DEBUG),-DSWOS_DEBUG)
KERNEL_ASFLAGS := --target=aarch64-none-elf -g $(INCLUDES) -Ikernel -Ikernel/arch/include \
	-Ikernel/arch/aarch64/include -D__ASSEMBLER__ -D__SWOS_KERNEL__ -mbranch-protection=standard

HOST_CFLAGS := $(CSTD) $(WARN) -O2 -g $(INCLUDES)
SAN_CFLAGS  := $(CSTD) $(WARN) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(INCLUDES) -DSWOS_TEST
TSAN_CFLAGS := $(CSTD) $(WARN) -O1 -g -fno-omit-frame-pointer -fsanitize=thread $(INCLUDES) -DSWOS_TEST
FUZZ_CFLAGS := $(SAN_CFLAGS) -fsanitize=fuzzer-no-link
