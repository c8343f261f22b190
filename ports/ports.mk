# Third-party code: fetched by name and hash (ports/lock), unpacked under build/ports, built here, never committed.

PORTS := build/ports

.PHONY: lock
lock: ## Renew ports/lock from what the archive has now
	ports/fetch --cache $(CACHE) lock

# build/ports/NAME.stamp: the package's files lie in build/ports/NAME.
$(PORTS)/%.stamp: ports/lock ports/fetch
	@mkdir -p $(@D)
	$(Q)ports/fetch --cache $(CACHE) unpack $* $(PORTS)/$*
	$(Q)touch $@

# The packages' stamps are no intermediate files to be deleted.
.SECONDARY:

# ---- libsodium -------------------------------------------------------------------------------------------------
# Its public headers are included as "sodium/….h"; its portable C becomes three archives.

SODIUM_SRC     := $(PORTS)/libsodium/src/libsodium
SODIUM_HEADERS := $(GEN)/sodium/version.h
SODIUM_HOST    := build/host/libsodium.a
SODIUM_USER    := build/user/libsodium.a
KERNEL_SODIUM  := $(BUILD)/k/libsodium.a
GENERATED      += $(SODIUM_HEADERS)

SODIUM_DEFS := -w -DSODIUM_STATIC=1 -DCONFIGURED=1 -DNATIVE_LITTLE_ENDIAN=1 -DHAVE_TI_MODE=1 -DHAVE_INLINE_ASM=1 \
	-DHAVE_ATOMIC_OPS=1 -DHAVE_WEAK_SYMBOLS=1 -fdebug-compilation-dir=. \
	-I$(SODIUM_SRC)/include/sodium -I$(GEN)/sodium
SODIUM_LIBC_DEFS := $(SODIUM_DEFS) -DHAVE_SYS_MMAN_H=1 -DHAVE_MMAP=1 -DHAVE_MLOCK=1 -DHAVE_MADVISE=1 \
	-DHAVE_MPROTECT=1 -DHAVE_EXPLICIT_BZERO=1 -DHAVE_SYS_RANDOM_H=1 -DHAVE_GETRANDOM=1 \
	-DHAVE_LINUX_COMPATIBLE_GETRANDOM=1 -DHAVE_NANOSLEEP=1 -DHAVE_POSIX_MEMALIGN=1 -DHAVE_GETPID=1 \
	-DHAVE_PTHREAD=1 -DHAVE_C_VARARRAYS=1

# What kernel, loader and tools verify and hash with. It needs mem*, and the glue in lib/freestanding/sodium.c.
SODIUM_KERNEL_C := crypto_sign/ed25519/ref10/open.c crypto_core/ed25519/ref10/ed25519_ref10.c \
	crypto_hash/sha256/cp/hash_sha256_cp.c crypto_hash/sha512/cp/hash_sha512_cp.c \
	crypto_stream/chacha20/stream_chacha20.c crypto_stream/chacha20/ref/chacha20_ref.c \
	crypto_verify/sodium/verify.c

# What signs and stores passwords needs more; what nothing calls is not linked.
SODIUM_LIBC_C := $(SODIUM_KERNEL_C) crypto_hash/sha256/hash_sha256.c crypto_hash/sha512/hash_sha512.c \
	crypto_sign/ed25519/ref10/keypair.c crypto_sign/ed25519/ref10/sign.c crypto_sign/ed25519/sign_ed25519.c \
	crypto_generichash/blake2b/generichash_blake2.c crypto_generichash/blake2b/ref/blake2b-compress-ref.c \
	crypto_generichash/blake2b/ref/blake2b-ref.c crypto_generichash/blake2b/ref/generichash_blake2b.c \
	crypto_generichash/crypto_generichash.c crypto_pwhash/argon2/argon2-core.c \
	crypto_pwhash/argon2/argon2-encoding.c crypto_pwhash/argon2/argon2-fill-block-ref.c \
	crypto_pwhash/argon2/argon2.c crypto_pwhash/argon2/blake2b-long.c crypto_pwhash/argon2/pwhash_argon2i.c \
	crypto_pwhash/argon2/pwhash_argon2id.c crypto_pwhash/crypto_pwhash.c crypto_core/hchacha20/core_hchacha20.c \
	crypto_core/hsalsa20/core_hsalsa20.c crypto_core/hsalsa20/ref2/core_hsalsa20_ref2.c \
	crypto_core/salsa/ref/core_salsa_ref.c crypto_onetimeauth/crypto_onetimeauth.c \
	crypto_onetimeauth/poly1305/donna/poly1305_donna.c crypto_onetimeauth/poly1305/onetimeauth_poly1305.c \
	crypto_scalarmult/curve25519/ref10/x25519_ref10.c crypto_scalarmult/curve25519/scalarmult_curve25519.c \
	crypto_stream/salsa20/ref/salsa20_ref.c crypto_stream/salsa20/stream_salsa20.c \
	randombytes/internal/randombytes_internal_random.c randombytes/randombytes.c \
	randombytes/sysrandom/randombytes_sysrandom.c sodium/codecs.c sodium/core.c sodium/runtime.c sodium/utils.c

$(SODIUM_HEADERS): $(PORTS)/libsodium.stamp ports/sodium-headers
	$(Q)ports/sodium-headers $(SODIUM_SRC)/include $(@D)

define sodium_archive
$(1): $$(SODIUM_HEADERS) ports/build-archive mk/toolchain.mk ports/ports.mk $(5)
	$$(Q)DEPS="$(4)" AR=$$(AR) ports/build-archive $$(CACHE) $$@ $$(CC) $(2) -- $$(addprefix $$(SODIUM_SRC)/,$(3))
endef

SODIUM_KERNEL_FLAGS = $(SODIUM_DEFS) $(KERNEL_CFLAGS) -w -fno-sanitize=array-bounds
SODIUM_HOST_FLAGS = $(SODIUM_LIBC_DEFS) -std=gnu17 -O2 -g -ffunction-sections -fdata-sections

$(eval $(call sodium_archive,$(KERNEL_SODIUM),$$(SODIUM_KERNEL_FLAGS),$(SODIUM_KERNEL_C),$(wildcard \
	lib/freestanding/include/*.h lib/freestanding/include/sys/*.h),))
$(eval $(call sodium_archive,$(SODIUM_HOST),$$(SODIUM_HOST_FLAGS),$(SODIUM_LIBC_C),,))

# ---- the sysroot of our own programs ---------------------------------------------------------------------------
# musl's headers and static library, and compiler-rt's builtins, where USER_CFLAGS and USER_LD look.

SYSROOT       := build/sysroot
SYSROOT_STAMP := $(SYSROOT)/stamp
COMPILER_RT   := usr/lib/llvm-19/lib/clang/19/lib/linux

$(SYSROOT_STAMP): $(PORTS)/musl-dev.stamp $(PORTS)/libclang-rt-19-dev.stamp ports/ports.mk
	$(Q)rm -rf $(SYSROOT)
	$(Q)mkdir -p $(SYSROOT)/lib
	$(Q)cp -a $(PORTS)/musl-dev/usr/include/aarch64-linux-musl $(SYSROOT)/include
	$(Q)cp -a $(PORTS)/musl-dev/usr/lib/aarch64-linux-musl/*.[ao] $(SYSROOT)/lib/
	$(Q)cp -a $(PORTS)/libclang-rt-19-dev/$(COMPILER_RT)/libclang_rt.builtins-aarch64.a $(SYSROOT)/lib/libbuiltins.a
	$(Q)cp -a $(PORTS)/libclang-rt-19-dev/$(COMPILER_RT)/clang_rt.crtbegin-aarch64.o $(SYSROOT)/lib/crtbegin.o
	$(Q)cp -a $(PORTS)/libclang-rt-19-dev/$(COMPILER_RT)/clang_rt.crtend-aarch64.o $(SYSROOT)/lib/crtend.o
	$(Q)touch $@

# How any program is compiled for and linked with musl; ours and third-party ones differ in warnings and includes.
MUSL_CFLAGS := --target=aarch64-linux-musl $(CSTD) -O2 -g -nostdlibinc -isystem $(SYSROOT)/include -fPIE \
	-mno-outline-atomics -ffunction-sections -fdata-sections -fno-strict-aliasing -fstack-protector-strong \
	-ftrivial-auto-var-init=zero -mbranch-protection=standard
MUSL_LD := $(LD) -static -pie --no-dynamic-linker -z text -z relro -z now -z noexecstack -z separate-code -z max-page-size=4096 \
	--gc-sections --build-id=none $(SYSROOT)/lib/rcrt1.o $(SYSROOT)/lib/crti.o $(SYSROOT)/lib/crtbegin.o
MUSL_LIBS := $(SYSROOT)/lib/libc.a $(SYSROOT)/lib/libbuiltins.a $(SYSROOT)/lib/crtend.o $(SYSROOT)/lib/crtn.o

$(eval $(call sodium_archive,$(SODIUM_USER),$$(SODIUM_LIBC_DEFS) $$(MUSL_CFLAGS),$(SODIUM_LIBC_C),,$(SYSROOT_STAMP)))

# ---- programs nobody here wrote, for the guest tests -----------------------------------------------------------
# build/ports-guest is a tree for ROOT_EXTRA: dynamic glibc programs in /opt/debian, with their libraries; sash, a static
# glibc one, in /opt/static; and bzip2, linked with musl at a fixed address, in /opt/musl.

GUEST_PORTS_TREE  := build/ports-guest
GUEST_PORTS_STAMP := build/ports-guest.stamp
GUEST_DEBS := libc6 coreutils libacl1 libattr1 libgmp10 libselinux1 libpcre2-8-0 dash mawk pigz zlib1g \
	python3.11-minimal libpython3.11-minimal libexpat1 sash iproute2 libmnl0 libcap2 libelf1 libbpf1 libbsd0 libmd0 \
	libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1

build/ports-guest.bzip2: $(PORTS)/bzip2.stamp $(SYSROOT_STAMP) ports/build-archive ports/ports.mk
	$(Q)AR=$(AR) ports/build-archive $(CACHE) $@.a $(CC) $(filter-out -fPIE,$(MUSL_CFLAGS)) -fno-pie -w \
		-fdebug-compilation-dir=. -D_FILE_OFFSET_BITS=64 -- $(addprefix $(PORTS)/bzip2/,bzip2.c blocksort.c \
		huffman.c crctable.c randtable.c compress.c decompress.c bzlib.c)
	$(Q)$(LD) -static --gc-sections -z max-page-size=4096 -s -o $@ $(SYSROOT)/lib/crt1.o $(SYSROOT)/lib/crti.o \
		$(SYSROOT)/lib/crtbegin.o $@.a $(MUSL_LIBS)

$(GUEST_PORTS_STAMP): $(GUEST_DEBS:%=$(PORTS)/%.stamp) build/ports-guest.bzip2 ports/guest-tree
	$(Q)ports/guest-tree $(PORTS) $(GUEST_PORTS_TREE) build/ports-guest.bzip2
	$(Q)touch $@

.PHONY: guest-ports
guest-ports: $(GUEST_PORTS_STAMP)
