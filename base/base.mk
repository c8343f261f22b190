# The base image: the standard tree, staged in build/base, packed and signed.
#
#   make image ROOT_EXTRA=dir OUT=file    with dir merged over the standard tree
#
# A release names its own identities and key: `make image RELEASE=1 IDENTITIES=store BASE_KEY=key OUT=file`; the image
# is then no development image: it has no known password and refuses run=.

RELEASE    ?=
IDENTITIES ?= base/development/passwd
GENERATION ?= 1
ROOT_EXTRA ?=
OUT        ?= $(if $(ROOT_EXTRA),build/image.img,build/base.img)

# Files made by the build get the commit's time, so that the same commit gives the same image.
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

BASE_PORTS := bash-static busybox-static libsodium musl-dev ncurses-base
BASE_TREE  := build/base
BASE_STAMP := build/base.stamp

IMAGE_OPTIONS = --generation $(GENERATION) --epoch $(SOURCE_DATE_EPOCH) $(if $(RELEASE),,--development) \
	$(foreach path,$(WX),--wx $(path))

$(BASE_STAMP): $(USER_PROGRAMS) $(BASE_PORTS:%=$(PORTS)/%.stamp) $(IDENTITIES) $(shell find base -type f) LICENSE \
		$(BUILD)/host/swos-passwd
	$(Q)$(BUILD)/host/swos-passwd check $(IDENTITIES)
	$(Q)base/stage $(BASE_TREE) $(IDENTITIES)
	$(Q)touch $@

build/base.img: $(BASE_STAMP) $(IMG_TOOL) $(BASE_KEY) base/image
	$(Q)base/image $(IMG_TOOL) $(BASE_KEY) $(BASE_TREE) $@ "" $(IMAGE_OPTIONS)

.PHONY: image
image: $(BASE_STAMP) $(IMG_TOOL) $(BASE_KEY) ## A base image with ROOT_EXTRA=dir merged over the standard tree, as OUT=file
ifneq ($(RELEASE),)
	$(if $(filter base/development/%,$(IDENTITIES)),$(error RELEASE=1 wants IDENTITIES=store with the release's own principals))
	$(if $(filter $(DEV_KEYS),$(BASE_KEY)),$(error RELEASE=1 wants BASE_KEY=key: a development key signs no release))
endif
	$(Q)base/image $(IMG_TOOL) $(BASE_KEY) $(BASE_TREE) "$(OUT)" "$(ROOT_EXTRA)" $(IMAGE_OPTIONS)
