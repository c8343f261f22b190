# The guest tests' program, static musl, and an image that holds it in /tests.

GUEST_PROG_SRC := $(sort $(wildcard tests/guest/prog/*.c tests/guest/prog/*/*.c))
GUEST_PROG_OBJ := $(GUEST_PROG_SRC:%.c=build/guest/%.o)

build/guest/tests/guest/prog/%.o: tests/guest/prog/%.c $(FLAGFILES) ports/ports.mk | $(GENERATED) $(SYSROOT_STAMP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MUSL_CFLAGS) $(WARN) $(INCLUDES) -Itests/guest/prog -D_GNU_SOURCE -MMD -MP -c -o $@ $<

# Every call of the contract, for the hostile tests.
build/gen/hostile_calls.h: tools/gen/hostile_table.py tools/gen/abi.py abi/syscalls.tbl
	@mkdir -p $(@D)
	$(Q)$(PYTHON) $< $@
	$(Q)touch $@

build/guest/tests/guest/prog/hostile.o: build/gen/hostile_calls.h

build/guest/root/tests/guest: $(GUEST_PROG_OBJ)
	@mkdir -p $(@D)
	$(Q)$(MUSL_LD) -o $@ $^ $(MUSL_LIBS)

# The same program again, with the attribute wx.
build/guest/root/tests/guest-wx: build/guest/root/tests/guest
	$(Q)ln -f $< $@

# What the host's tests of the network talk to.
PEERS := build/guest/root/tests/echo build/guest/root/tests/transfer build/guest/root/tests/passed
$(PEERS): build/guest/root/tests/%: build/guest/tests/guest/peer/%.o
	@mkdir -p $(@D)
	$(Q)$(MUSL_LD) -o $@ $^ $(MUSL_LIBS)

build/guest/tests/guest/peer/%.o: tests/guest/peer/%.c $(FLAGFILES) ports/ports.mk | $(GENERATED) $(SYSROOT_STAMP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MUSL_CFLAGS) $(WARN) $(INCLUDES) -D_GNU_SOURCE -MMD -MP -c -o $@ $<

build/guest/base.img: build/guest/root/tests/guest-wx $(PEERS) build/base.img
	$(Q)$(MAKE) image ROOT_EXTRA=build/guest/root WX=/tests/guest-wx OUT=$@

test-bins: build/kernel.img build/guest/base.img
-include $(shell find build/guest -name '*.d' 2>/dev/null)
