# The kernel: every source below kernel/ and lib/ that the kernel links.

KERNEL_SRC := $(sort $(shell find kernel -name '*.c' -o -name '*.S'))
KERNEL_LIB_SRC := $(sort $(wildcard lib/base/*.c lib/fdt/*.c lib/elf/*.c lib/image/*.c lib/tty/*.c lib/crypto/*.c \
	lib/text/*.c lib/identity/*.c) \
	lib/freestanding/string.c lib/freestanding/sodium.c)
KERNEL_OBJ := $(patsubst %,$(BUILD)/k/%.o,$(basename $(KERNEL_SRC) $(KERNEL_LIB_SRC)))
KERNEL_LDS := kernel/arch/aarch64/kernel.lds
KERNEL_SODIUM := $(BUILD)/k/libsodium.a

# The first page tables are made before the kernel is relocated and its stack guard chosen, with the MMU off.
KERNEL_CFLAGS_kernel_arch_aarch64_boot_map := -fno-stack-protector -mstrict-align

KERNEL_LDFLAGS := -T $(KERNEL_LDS) -pie --no-dynamic-linker -z notext -z norelro -z max-page-size=4096 \
	--pack-dyn-relocs=relr --build-id=none --gc-sections -Bsymbolic -z separate-loadable-segments

$(BUILD)/kernel.elf: $(KERNEL_OBJ) $(KERNEL_SODIUM) $(KERNEL_LDS) kernel/kernel.mk
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJ) $(KERNEL_SODIUM)

$(BUILD)/kernel.img: $(BUILD)/kernel.elf
	$(Q)$(OBJCOPY) -O binary $< $@
