# How a source becomes an object, for each place that links it. An object depends on the flags' own files.

FLAGFILES := mk/toolchain.mk mk/rules.mk

define object_rule
$(BUILD)/$(1)/%.o: %.c $(FLAGFILES) | $(GENERATED)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(2) -MMD -MP -c -o $$@ $$<
endef

$(eval $(call object_rule,k,$$(KERNEL_CFLAGS) $$(KERNEL_CFLAGS_$$(subst /,_,$$*))))
$(eval $(call object_rule,host,$$(HOST_CFLAGS)))
$(eval $(call object_rule,asan,$$(SAN_CFLAGS)))
$(eval $(call object_rule,tsan,$$(TSAN_CFLAGS)))
$(eval $(call object_rule,tsan/cpus,$$(CPUS_TEST_CFLAGS) $$(TSAN_CFLAGS)))
$(eval $(call object_rule,tsan/net,$$(NETSTACK_CFLAGS) $$(CPUS_TEST_CFLAGS) $$(TSAN_CFLAGS)))
$(eval $(call object_rule,fuzz,$$(FUZZ_CFLAGS)))
$(eval $(call object_rule,fuzz/net,$$(NETSTACK_CFLAGS) $$(CPUS_TEST_CFLAGS) $$(FUZZ_CFLAGS)))

$(BUILD)/k/%.o: %.S $(FLAGFILES) | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_ASFLAGS) -MMD -MP -c -o $@ $<

# Third-party trees below build/ have their own ideas of what *.d is; the debug kernel's are for its own make, and what
# tests build in build/test is nobody's: a file of theirs may be half written just now.
-include $(shell find $(BUILD) \( -path build/ports -o -path 'build/base*' -o -path $(BUILD)/debug -o -path build/test \) \
	-prune -o -name '*.d' -type f -print 2>/dev/null)
