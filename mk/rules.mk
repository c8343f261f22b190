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
$(eval $(call object_rule,fuzz,$$(FUZZ_CFLAGS)))

$(BUILD)/k/%.o: %.S $(FLAGFILES) | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_ASFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
