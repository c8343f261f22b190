# Userland of our own: static-pie programs linked with musl. Everything else in the image is Debian's.

USER_CFLAGS := $(MUSL_CFLAGS) $(WARN) -fdebug-compilation-dir=. $(INCLUDES) -Iuser -Iuser/lib -Iuser/lib/swos/include -D_GNU_SOURCE

build/user/%.o: %.c $(FLAGFILES) ports/ports.mk user/user.mk | $(GENERATED) $(SYSROOT_STAMP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

# What our programs share of lib/.
USER_LIB_SRC := $(sort $(wildcard lib/text/*.c lib/wire/*.c lib/dhcp/*.c lib/netconf/*.c)) lib/identity/identity.c \
	lib/identity/caps.c lib/service/service.c lib/base/cmdline.c

build/user/lib.a: $(USER_LIB_SRC:%.c=build/user/%.o)
	$(Q)rm -f $@; $(AR) rcsD $@ $^

# user_program NAME, SOURCES, FURTHER ARCHIVES
define user_program
USER_PROGRAMS += build/user/bin/$(1)
build/user/bin/$(1): $$(patsubst %.c,build/user/%.o,$(2)) build/user/lib.a $(3) $$(SYSROOT_STAMP) user/user.mk
	@mkdir -p $$(@D)
	$$(Q)$$(MUSL_LD) -o $$@.debug $$(filter %.o %.a,$$^) $$(MUSL_LIBS)
	$$(Q)$$(OBJCOPY) --strip-all $$@.debug $$@
endef

USER_PROGRAMS :=
$(eval $(call user_program,init,$(sort $(wildcard user/init/*.c)),))
$(eval $(call user_program,login,$(sort $(wildcard user/login/*.c)),$(SODIUM_USER)))
$(eval $(call user_program,id,user/cmd/id.c,))
$(eval $(call user_program,power,user/cmd/power.c,))
$(eval $(call user_program,selftest,user/cmd/selftest.c,$(SODIUM_USER)))
$(eval $(call user_program,each,user/each/each.c,))
$(eval $(call user_program,netinfo,$(sort $(wildcard user/netinfo/*.c)) user/lib/rtnl/rtnl.c,))
$(eval $(call user_program,netd,$(sort $(wildcard user/netd/*.c)) user/lib/rtnl/rtnl.c,))

.PHONY: user
user: $(USER_PROGRAMS)

# Host program that makes and checks identity stores.
HOST_IDENTITY_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,user/host/swos-passwd.c lib/text/span.c lib/identity/identity.c \
	lib/identity/caps.c)

$(BUILD)/host/swos-passwd: $(HOST_IDENTITY_OBJ) $(SODIUM_HOST)
	$(Q)$(CC) -o $@ $^

# mk/rules.mk reads the dependencies below $(BUILD); userland is the same whatever the kernel is built for.
ifneq ($(BUILD),build)
-include $(shell find build/user -name '*.d' 2>/dev/null)
endif
