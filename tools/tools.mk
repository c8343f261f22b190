# Host programs. The keys that sign development images are made once and kept outside the tree, so that a clean build
# and a second checkout accept the images that are already there.

TOOL_LIB  := $(BUILD)/host/lib.a
KEY_TOOL  := $(BUILD)/host/swos-key
IMG_TOOL  := $(BUILD)/host/swos-image
KEY_DIR   ?= $(CACHE)/keys
DEV_KINDS := base package bundle
DEV_KEYS  := $(DEV_KINDS:%=$(KEY_DIR)/development-%.key)
# The key that signs the base image, and the keys that the kernel trusts: a release names its own.
BASE_KEY     ?= $(KEY_DIR)/development-base.key
TRUSTED_KEYS ?= $(DEV_KEYS)

$(BUILD)/host/tools/%.o: HOST_CFLAGS += -D_GNU_SOURCE

# Only the objects that a program refers to are linked.
$(TOOL_LIB): $(LIB_SRC:%.c=$(BUILD)/host/%.o) lib/lib.mk
	$(Q)rm -f $@; $(AR) rcs $@ $(filter %.o,$^)

$(KEY_TOOL): $(patsubst %.c,$(BUILD)/host/%.o,$(sort $(wildcard tools/key/*.c))) $(TOOL_LIB) $(SODIUM_HOST)
	$(Q)$(CC) -o $@ $^ -lpthread

$(IMG_TOOL): $(patsubst %.c,$(BUILD)/host/%.o,$(sort $(wildcard tools/image/*.c)) tools/key/keyfile.c) $(TOOL_LIB) \
		$(SODIUM_HOST)
	$(Q)$(CC) -o $@ $^ -lpthread

# Two checkouts may get here at once; a key that exists is never replaced.
$(DEV_KEYS): $(KEY_DIR)/development-%.key: | $(KEY_TOOL)
	@mkdir -p -m 700 $(@D)
	$(Q)flock $(@D) sh -c 'test -e $@ || $(KEY_TOOL) generate --kind $* --out $@ >&2'

# Not in GENERATED, for which the objects of swos-key itself wait: what includes it names it as a prerequisite.
$(GEN)/trusted_keys.h: $(TRUSTED_KEYS) $(KEY_TOOL)
	@mkdir -p $(@D)
	$(Q)$(KEY_TOOL) header --out $@ $(TRUSTED_KEYS)
	$(Q)touch $@

.PHONY: tools
tools: $(KEY_TOOL) $(IMG_TOOL) ## Build the host programs swos-key and swos-image
test-bins: $(KEY_TOOL) $(IMG_TOOL)

# Images for the fuzzer to begin with.
$(BUILD)/fuzz/seeds/image.stamp: tests/fuzz/image_seeds $(IMG_TOOL) $(KEY_TOOL)
	$(Q)tests/fuzz/image_seeds $(IMG_TOOL) $(KEY_TOOL) $(BUILD)/fuzz/seeds/image
	$(Q)touch $@
# And key files, as a key is nothing that a fuzzer finds.
$(BUILD)/fuzz/seeds/keyfile.stamp: $(KEY_TOOL)
	@mkdir -p $(BUILD)/fuzz/seeds/keyfile
	$(Q)$(KEY_TOOL) generate --force --kind bundle --out $(BUILD)/fuzz/seeds/keyfile/key >/dev/null
	$(Q)touch $@
test-bins test-fuzz campaign-fuzz: $(BUILD)/fuzz/seeds/image.stamp $(BUILD)/fuzz/seeds/keyfile.stamp
