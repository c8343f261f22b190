# The vDSO: built as a user-mode shared object, embedded in the kernel (vdso_image.S), its offsets in a header.

VDSO_DIR    := kernel/arch/aarch64/vdso
VDSO_CFLAGS := --target=aarch64-linux-gnu $(CSTD) $(WARN) -O2 -fPIC -ffreestanding -nostdlibinc -fvisibility=hidden \
	-isystem lib/freestanding/include -I. -I$(VDSO_DIR) -fno-stack-protector -mbranch-protection=none \
	-fasynchronous-unwind-tables -fomit-frame-pointer
VDSO_OBJ    := $(GEN)/vdso/vdso.o $(GEN)/vdso/sigreturn.o

$(GEN)/vdso/%.o: $(VDSO_DIR)/%.c $(VDSO_DIR)/data.h abi/linux/time.h $(VDSO_DIR)/vdso.mk mk/toolchain.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(VDSO_CFLAGS) -c -o $@ $<

$(GEN)/vdso/%.o: $(VDSO_DIR)/%.S $(VDSO_DIR)/vdso.mk mk/toolchain.mk
	@mkdir -p $(@D)
	$(Q)$(CC) --target=aarch64-linux-gnu -c -o $@ $<

$(GEN)/vdso.so: $(VDSO_OBJ) $(VDSO_DIR)/vdso.lds
	$(Q)$(LD) -shared -s -soname linux-vdso.so.1 --hash-style=both --build-id=none --eh-frame-hdr \
		-z max-page-size=4096 -T $(VDSO_DIR)/vdso.lds -o $@ $(VDSO_OBJ)

$(GEN)/vdso_offsets.h: $(GEN)/vdso.so
	$(Q)$(NM) -D $< | awk '$$3 ~ /^__kernel_rt_sigreturn(@|$$)/ { \
		print "/* Generated from the vDSO. */\n#define VDSO_SIGRETURN 0x" $$1 "ULL"; found = 1 } \
		END { exit !found }' >$@

GENERATED += $(GEN)/vdso_offsets.h

$(BUILD)/k/kernel/arch/aarch64/vdso_image.o: $(GEN)/vdso.so
