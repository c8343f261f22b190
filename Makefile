# swos. `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
Q := $(if $(V),,@)

.DEFAULT_GOAL := all

ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell mk/setup && echo ok),ok)
$(error setup failed: see the message above)
endif
endif

include mk/toolchain.mk
GENERATED :=
-include abi/abi.mk ports/ports.mk lib/lib.mk tools/tools.mk kernel/kernel.mk user/user.mk base/base.mk \
	tests/tests.mk tests/guest/guest.mk bench/bench.mk
include mk/rules.mk

SMP    ?= 4
MEM    ?= 512M
APPEND ?=
GDB_PORT ?= 1234
NIC    ?= forward
VM_RUN = $(PYTHON) tools/run/vm.py --smp $(SMP) --mem $(MEM) $(if $(APPEND),--append '$(APPEND)') \
	$(if $(NIC),--nic '$(NIC)')

.PHONY: all run debug help clean
all: build/kernel.img build/base.img ## Build the kernel and the development base image

run: all ## Boot to a login on this terminal, print the page's URL; SMP=4 MEM=512M APPEND='...' NIC=none vary it
	$(Q)$(VM_RUN)

# Without pointer authentication: QEMU does not tell gdb which bits of a return address are its signature.
debug: all ## The same, stopped, with a gdb stub (GDB_PORT=1234); prints the gdb command that loads symbols
	$(Q)$(PYTHON) tools/run/vm.py --smp $(SMP) --mem $(MEM) --append 'nokaslr $(APPEND)' \
		--cpu max,pauth=off --gdb $(GDB_PORT)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort -u

clean: ## Remove everything that was built (the cache of fetched packages stays)
	rm -rf build
