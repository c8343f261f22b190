# What follows from the contract's tables.

ABI_GEN := $(GEN)/caps.h $(GEN)/rights.h $(GEN)/syscall_protos.h $(GEN)/syscall_table.c $(GEN)/swos_numbers.h
GENERATED += $(ABI_GEN)

$(GEN)/.abi: tools/gen/abi.py $(wildcard abi/*.tbl) | $(GEN)/
	$(Q)$(PYTHON) tools/gen/abi.py $(GEN)
	@touch $@
$(ABI_GEN): $(GEN)/.abi ;

$(GEN)/:
	@mkdir -p $@

.PHONY: reference
reference: ## Renew the generated reference pages under docs/reference
	$(Q)$(PYTHON) tools/gen/abi.py --reference docs/reference/syscalls.md
	$(Q)$(PYTHON) tools/gen/sysctl.py kernel/net/sysctl.def docs/reference/sysctl.md
