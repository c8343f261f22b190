# The kernel: every source below kernel/ and lib/ that the kernel links.

KERNEL_SRC := $(sort $(shell find kernel -path '*/vdso/*' -prune -o -name '*.c' -print -o -name '*.S' -print))
include kernel/arch/aarch64/vdso/vdso.mk
KERNEL_LIB_SRC := $(sort $(wildcard lib/base/*.c lib/fdt/*.c lib/elf/*.c lib/image/*.c lib/tty/*.c lib/crypto/*.c \
	lib/text/*.c lib/identity/*.c lib/wire/*.c) \
	lib/freestanding/string.c lib/freestanding/sodium.c)
KERNEL_OBJ := $(patsubst %,$(BUILD)/k/%.o,$(basename $(KERNEL_SRC) $(KERNEL_LIB_SRC)))
KERNEL_OBJ += $(BUILD)/k/$(GEN)/syscall_table.o
KERNEL_LDS := kernel/arch/aarch64/kernel.lds
KERNEL_SODIUM := $(BUILD)/k/libsodium.a

# The first page tables are made before the kernel is relocated and its stack guard chosen, with the MMU off.
KERNEL_CFLAGS_kernel_arch_aarch64_boot_map := -fno-stack-protector -mstrict-align

# What runs at boot, when something is configured, or to be read by people is made small, not fast.
KERNEL_COLD := kernel/fs/proc/% kernel/net/sock/netlink/% kernel/net/ip/ioctl% kernel/net/ip/ra kernel/net/ip/nd \
	kernel/net/ip/addr kernel/net/ip/dad% kernel/net/ip/slaac% kernel/net/ip/mcast% kernel/net/sysctl kernel/net/link/config \
	kernel/arch/aarch64/boot_map kernel/dev/irq/% kernel/dev/rng/% kernel/syscall/trace lib/fdt/% lib/image/% lib/identity/%
$(filter $(KERNEL_COLD:%=$(BUILD)/k/%.o),$(KERNEL_OBJ)): KERNEL_CFLAGS += -Os

$(BUILD)/k/kernel/fs/base/mount.o: | $(GEN)/trusted_keys.h

KERNEL_LDFLAGS := -T $(KERNEL_LDS) -pie --no-dynamic-linker -z notext -z norelro -z max-page-size=4096 \
	--pack-dyn-relocs=relr --build-id=none --gc-sections -Bsymbolic -z separate-loadable-segments

# Linked twice: first with an empty symbol table, then with that of the first link, which lies behind the code and moves
# none of it.
KERNEL_SYMBOLS := $(BUILD)/k/symbols
KERNEL_LINKED  := $(KERNEL_OBJ) $(KERNEL_SODIUM)

$(KERNEL_SYMBOLS)/none.S: tools/gen/symbols.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/gen/symbols.py /dev/null $@

$(KERNEL_SYMBOLS)/table.S: $(KERNEL_SYMBOLS)/first.elf tools/gen/symbols.py
	$(Q)$(NM) -n $< >$(@D)/first.nm
	$(Q)$(PYTHON) tools/gen/symbols.py $(@D)/first.nm $@

$(KERNEL_SYMBOLS)/%.o: $(KERNEL_SYMBOLS)/%.S
	$(Q)$(CC) $(filter-out -g,$(KERNEL_ASFLAGS)) -c -o $@ $<

$(KERNEL_SYMBOLS)/first.elf: $(KERNEL_LINKED) $(KERNEL_SYMBOLS)/none.o $(KERNEL_LDS) kernel/kernel.mk
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_LINKED) $(KERNEL_SYMBOLS)/none.o

$(BUILD)/kernel.elf: $(KERNEL_LINKED) $(KERNEL_SYMBOLS)/table.o $(KERNEL_LDS) kernel/kernel.mk
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $@.new $(KERNEL_LINKED) $(KERNEL_SYMBOLS)/table.o
	$(Q)$(NM) -n $@.new | grep -i ' t ' | cmp - <(grep -i ' t ' $(KERNEL_SYMBOLS)/first.nm)
	$(Q)mv $@.new $@

$(BUILD)/kernel.img: $(BUILD)/kernel.elf
	$(Q)$(OBJCOPY) -O binary $< $@
