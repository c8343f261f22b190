# Test binaries and the targets that run them. Everything is run by tests/run, which aggregates the suites.
#
#   build/asan/unit      every tests/unit/*.c with lib/ and UNIT_KERNEL_SRC, under ASan and UBSan
#   build/tsan/NAME      each tests/tsan/NAME.c with the same harness, lib/ and TSAN_KERNEL_SRC, under TSan
#   build/tsan/cpus-test tests/tsan/cpus: the kernel's scheduler and what interrupts leave for later, likewise
#   build/tsan/net-test  tests/tsan/net: sockets, TCP and all below them on that machine, likewise
#   build/asan/netstack  tests/netstack: the same on one CPU in virtual time, under ASan and UBSan
#   build/fuzz/NAME      each tests/fuzz/NAME_fuzz.c with lib/ and FUZZ_KERNEL_SRC, under libFuzzer, ASan and UBSan;
#                        seeds in tests/fuzz/corpus/NAME, and generated ones in build/fuzz/seeds/NAME
#
# Pure sources of the kernel that such a binary links as well are named here, by their path.
UNIT_KERNEL_SRC += kernel/mm/area.c kernel/dev/bus/virtqueue.c kernel/fs/tmp/options.c kernel/fs/proc/format.c \
	kernel/fs/proc/net_format.c
UNIT_KERNEL_SRC += kernel/net/sock/cmsg.c kernel/net/sock/bpf.c
TSAN_KERNEL_SRC += $(patsubst %,kernel/core/%.c,wait mutex wallclock) kernel/obj/handle.c \
	$(patsubst %,kernel/vfs/%.c,file iter rw pipe pipe_move splice sendpages poll epoll eventfd)
FUZZ_KERNEL_SRC += kernel/dev/bus/virtqueue.c kernel/fs/tmp/options.c kernel/fs/proc/format.c
# Parsers of the host's tools.
FUZZ_TOOL_SRC := tools/image/manifest.c tools/image/node.c tools/key/keyfile.c
FUZZ_KERNEL_SRC += $(FUZZ_TOOL_SRC)
$(FUZZ_TOOL_SRC:%.c=$(BUILD)/fuzz/%.o): FUZZ_CFLAGS += -D_GNU_SOURCE
# The list of records of a signal frame is AArch64's.
UNIT_KERNEL_SRC += kernel/arch/aarch64/sigrecord.c
FUZZ_KERNEL_SRC += kernel/arch/aarch64/sigrecord.c
SIGRECORD_SRC := kernel/arch/aarch64/sigrecord tests/unit/sigrecord_test tests/fuzz/sigrecord_fuzz
SIGRECORD_CFLAGS := -Ikernel/arch/aarch64/include
$(SIGRECORD_SRC:%=$(BUILD)/asan/%.o): SAN_CFLAGS += $(SIGRECORD_CFLAGS)
$(SIGRECORD_SRC:%=$(BUILD)/fuzz/%.o): FUZZ_CFLAGS += $(SIGRECORD_CFLAGS)
# The network's cores, over a mock of pages and slabs: for both.
NET_KERNEL_SRC += tests/unit/net_mock/net_mock.c
NET_KERNEL_SRC += kernel/net/pkt.c kernel/net/link/gso.c kernel/net/link/gro.c kernel/net/link/steer_hash.c
NET_KERNEL_SRC += $(patsubst %,kernel/net/%.c,link/neigh_core ip/port_match) \
	$(patsubst %,kernel/net/ip/%.c,fib frag_core reply_limit mcast_core srcaddr_core dad_core slaac_core)
NET_KERNEL_SRC += $(patsubst %,kernel/net/sock/netlink/%.c,attr decode encode)
# IP as a whole, all but its calls, its thread and the sockets above it, over a mock of time, locks and interfaces.
IP_KERNEL_SRC := $(filter-out $(NET_KERNEL_SRC) kernel/net/ip/ioctl% \
	kernel/net/udp/udp_sock.c kernel/net/udp/udp_data.c, \
	kernel/net/hash.c kernel/net/sysctl.c $(wildcard kernel/net/ip/*.c kernel/net/udp/*.c) kernel/net/link/arp.c kernel/net/link/neigh.c)
IP_KERNEL_SRC += tests/unit/ip_mock/ip_mock.c
UNIT_KERNEL_SRC += $(NET_KERNEL_SRC) $(IP_KERNEL_SRC)
FUZZ_KERNEL_SRC += $(NET_KERNEL_SRC) $(IP_KERNEL_SRC)
FUZZ_KERNEL_SRC += kernel/net/sock/cmsg.c kernel/net/sock/bpf.c
# What the lossy link decides.
UNIT_KERNEL_SRC += tests/relay/link.c tests/relay/pending.c

FUZZ_SECONDS ?= 4
FUZZ_JOBS    ?= 2

SODIUM_HOST ?= $(wildcard build/host/libsodium.a)

# TCP's core stands alone: unit tests, simulator, fuzzers and explorer link it as it is.
TCP_CORE_SRC := $(wildcard kernel/net/tcp/core_*.c)
UNIT_KERNEL_SRC += $(TCP_CORE_SRC)
FUZZ_KERNEL_SRC += $(TCP_CORE_SRC)
EXPLORE_BIN := $(BUILD)/explore/tcp
$(EXPLORE_BIN): $(patsubst %.c,$(BUILD)/host/%.o,tests/explore/tcp.c $(TCP_CORE_SRC) lib/wire/tcp.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

# The same core for packet scripts (tests/script), under ASan and UBSan.
SCRIPT_BIN := $(BUILD)/script/core
test-bins: $(SCRIPT_BIN)
$(SCRIPT_BIN): $(patsubst %.c,$(BUILD)/asan/%.o,$(wildcard tests/script/core/*.c) $(TCP_CORE_SRC) lib/wire/tcp.c)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^

UNIT_SRC   := $(sort $(wildcard tests/unit/*.c))
TSAN_NAMES := $(sort $(patsubst tests/tsan/%.c,%,$(wildcard tests/tsan/*.c)))
FUZZ_NAMES := $(sort $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c)))
UNIT_BIN   := $(BUILD)/asan/unit
TSAN_BIN   := $(TSAN_NAMES:%=$(BUILD)/tsan/%)
FUZZ_BIN   := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)

# This test is the kernel's allocators in a mock of the machine: its headers come before the kernel's own.
MM_TEST_CFLAGS := -Itests/unit/mm_mock -Ikernel -Ikernel/arch/include -Ikernel/arch/aarch64/include
$(BUILD)/asan/tests/unit/mm_test.o: SAN_CFLAGS += $(MM_TEST_CFLAGS)

# These include a source of the kernel's, and stand in for the headers that it needs.
$(BUILD)/asan/tests/unit/lockdep_test.o $(BUILD)/asan/tests/unit/timerwheel_test.o \
	$(BUILD)/asan/kernel/fs/proc/net_format.o $(BUILD)/asan/tests/unit/procfs_net_test.o: SAN_CFLAGS += -Ikernel
$(BUILD)/asan/tests/unit/panic_count_test.o: SAN_CFLAGS += -Ikernel -Ikernel/arch/include

# Tests of the network's cores are named net_*, and so are its fuzz targets. Their headers: the mock's, then the kernel's.
NET_KERNEL_SRC += kernel/dev/net/virtio_net_frame.c kernel/dev/net/virtio_net_rss.c
NET_TEST_CFLAGS := -Itests/unit/net_mock -Itests/tsan/mock -Ikernel -Ikernel/arch/include -Ikernel/arch/aarch64/include
NET_TEST_SRC = $(NET_KERNEL_SRC) $(wildcard tests/unit/net_*.c)
NET_FUZZ_SRC = $(NET_KERNEL_SRC) $(wildcard tests/fuzz/net*.c)
$(foreach s,$(NET_TEST_SRC),$(eval $(BUILD)/asan/$(s:.c=.o): SAN_CFLAGS += $(NET_TEST_CFLAGS)))
$(foreach s,$(NET_FUZZ_SRC),$(eval $(BUILD)/fuzz/$(s:.c=.o): FUZZ_CFLAGS += $(NET_TEST_CFLAGS)))

# IP's own find its mock before the others.
IP_TEST_CFLAGS := -Itests/unit/ip_mock $(NET_TEST_CFLAGS)
$(foreach s,$(IP_KERNEL_SRC) tests/unit/net_stack_test.c tests/unit/net_routers_test.c tests/unit/net_attack_test.c tests/unit/net_sysctl_test.c tests/host/net/tap.c,$(eval $(BUILD)/asan/$(s:.c=.o): \
	override SAN_CFLAGS := -Itests/unit/ip_mock $(SAN_CFLAGS) $(NET_TEST_CFLAGS)))
$(foreach s,$(IP_KERNEL_SRC) tests/fuzz/net_stack_fuzz.c,$(eval $(BUILD)/fuzz/$(s:.c=.o): \
	override FUZZ_CFLAGS := -Itests/unit/ip_mock $(FUZZ_CFLAGS) $(NET_TEST_CFLAGS)))

# The kernel's sources under TSan find the mock of the machine before the machine.
FILES_TEST_CFLAGS := -Itests/tsan/mock -Ikernel -Ikernel/arch/include -Ikernel/arch/aarch64/include
HOSTED_SRC := tests/hosted/panic.c tests/hosted/usermem.c
FILES_TEST_SRC := tests/tsan/files.c $(HOSTED_SRC) $(TSAN_KERNEL_SRC)
$(FILES_TEST_SRC:%.c=$(BUILD)/tsan/%.o): TSAN_CFLAGS += $(FILES_TEST_CFLAGS)

# The kernel's core on several CPUs (tests/tsan/cpus/machine.h): objects of their own, since this machine is another one.
CPUS_KERNEL_SRC := $(patsubst %,kernel/core/%.c,sched thread timer timerwheel softirq epoch wait wallclock ipi irq mutex \
	loadavg)
CPUS_TEST_CFLAGS := -Itests/tsan/cpus -Ikernel -Ikernel/arch/include -Ikernel/arch/aarch64/include
CPUS_BIN := $(BUILD)/tsan/cpus-test
$(CPUS_BIN): $(patsubst %.c,$(BUILD)/tsan/cpus/%.o,$(wildcard tests/tsan/cpus/*.c) tests/hosted/panic.c \
		$(CPUS_KERNEL_SRC)) \
		$(BUILD)/tsan/tests/unit/main.o $(BUILD)/tsan/lib.a
	$(Q)$(CC) -fsanitize=thread -o $@ $^ -lpthread

# The network as a whole, from sockets down to interfaces (tests/netstack/netstack.h), over such a machine.
NETSTACK_CFLAGS := -Itests/netstack
NETSTACK_SRC := tests/netstack/netstack.c tests/hosted/usermem.c kernel/vfs/iter.c $(wildcard kernel/net/*.c kernel/net/link/*.c) \
	$(wildcard kernel/net/udp/*.c kernel/net/tcp/*.c) $(filter-out kernel/net/ip/ioctl%,$(wildcard kernel/net/ip/*.c)) \
	$(filter-out %/calls.c %/ioctl.c %/message.c,$(wildcard kernel/net/sock/*.c))
NET_TSAN_BIN := $(BUILD)/tsan/net-test
$(NET_TSAN_BIN): $(patsubst %.c,$(BUILD)/tsan/net/%.o,$(wildcard tests/tsan/net/*.c) $(NETSTACK_SRC)) \
		$(patsubst %.c,$(BUILD)/tsan/cpus/%.o,tests/tsan/cpus/machine.c tests/hosted/panic.c $(CPUS_KERNEL_SRC)) \
		$(BUILD)/tsan/tests/unit/main.o $(BUILD)/tsan/lib.a $(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=thread -o $@ $^ -lpthread

# What a test does not use of lib/ is not linked, so that it needs no more than what it tests.
define lib_archive
$(BUILD)/$(1)/lib.a: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(LIB_SRC) $(2)) $(MAKEFILE_LIST)
	$(Q)rm -f $$@; $(AR) rcs $$@ $$(filter %.o,$$^)
endef

$(eval $(call lib_archive,asan,$(UNIT_KERNEL_SRC)))
$(eval $(call lib_archive,tsan,$(TSAN_KERNEL_SRC) $(HOSTED_SRC)))
$(eval $(call lib_archive,fuzz,$(FUZZ_KERNEL_SRC)))

$(UNIT_BIN): $(UNIT_SRC:%.c=$(BUILD)/asan/%.o) $(BUILD)/asan/lib.a $(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^ -lpthread

$(TSAN_BIN): $(BUILD)/tsan/%: $(BUILD)/tsan/tests/tsan/%.o $(BUILD)/tsan/tests/unit/main.o $(BUILD)/tsan/lib.a \
		$(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=thread -o $@ $^ -lpthread

# The same on one CPU in virtual time: fuzzers of what comes in, of sockets' calls, and attacks.
UNI_SRC := tests/netstack/uni.c tests/hosted/panic.c $(filter-out kernel/net/worker.c,$(NETSTACK_SRC)) \
	$(patsubst %,kernel/core/%.c,timer timerwheel softirq epoch wait wallclock mutex)
$(BUILD)/fuzz/net/lib.a: $(patsubst %.c,$(BUILD)/fuzz/net/%.o,$(UNI_SRC))
	$(Q)rm -f $@; $(AR) rcs $@ $^
NET_FUZZ_NAMES := $(sort $(patsubst tests/fuzz/net/%_fuzz.c,%,$(wildcard tests/fuzz/net/*_fuzz.c)))
NET_FUZZ_BIN   := $(NET_FUZZ_NAMES:%=$(BUILD)/fuzz/%)
$(NET_FUZZ_BIN): $(BUILD)/fuzz/%: $(BUILD)/fuzz/net/tests/fuzz/net/%_fuzz.o $(BUILD)/fuzz/net/lib.a $(BUILD)/fuzz/lib.a \
		$(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^
UNI_BIN := $(BUILD)/asan/netstack
$(UNI_BIN): $(patsubst %.c,$(BUILD)/fuzz/net/%.o,tests/netstack/peer.c kernel/net/sock/calls.c kernel/net/sock/unix/rights.c $(wildcard tests/netstack/*_test.c)) $(BUILD)/fuzz/net/lib.a \
		$(BUILD)/asan/tests/unit/main.o $(BUILD)/fuzz/lib.a $(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^ -lpthread

$(FUZZ_BIN): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%_fuzz.o $(BUILD)/fuzz/lib.a $(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^

# The same IP stack on a tap interface, for tests/host/net.
NET_TAP := $(BUILD)/asan/net_tap
$(NET_TAP): $(BUILD)/asan/tests/host/net/tap.o $(BUILD)/asan/lib.a $(SODIUM_HOST)
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^ -lpthread

# The guest's tests of TCP sockets for this machine's Linux, which judges them: tests/host/net/linux_test.py.
GUEST_TCP     := $(BUILD)/host/guest_tcp
GUEST_TCP_SRC := tests/guest/prog/main.c tests/guest/prog/stamp_util.c $(filter-out %/rights.c %/account.c,$(wildcard tests/guest/prog/tcp/*.c))
$(GUEST_TCP_SRC:%.c=$(BUILD)/host/%.o): HOST_CFLAGS += -D_GNU_SOURCE
$(GUEST_TCP): $(GUEST_TCP_SRC:%.c=$(BUILD)/host/%.o)
	$(Q)$(CC) -o $@ $^ -lpthread

# Device trees as QEMU makes them, for the tests of the reader and as seeds of its fuzzer.
QEMU       := qemu-system-aarch64 -nographic -nodefaults -nic none
DTB_NAMES  := v2-1 v3-8 v2-virtualization v2-secure v3-boot
DTB_ARGS_v2-1              := -M virt,gic-version=2 -cpu cortex-a72 -smp 1 -m 128M
DTB_ARGS_v3-8              := -M virt,gic-version=3 -cpu max -smp 8 -m 5G
DTB_ARGS_v2-virtualization := -M virt,gic-version=2,virtualization=on -cpu cortex-a72 -smp 2 -m 256M
DTB_ARGS_v2-secure         := -M virt,gic-version=2,secure=on -cpu cortex-a72 -smp 4 -m 1G
DTB_ARGS_v3-boot           := -M virt,gic-version=3 -cpu max -smp 4 -m 256M -append 'run="echo hi" panic=5'
DTBS       := $(DTB_NAMES:%=$(BUILD)/dtb/%.dtb)

$(BUILD)/dtb/%.dtb: tests/tests.mk
	@mkdir -p $(@D) $(BUILD)/fuzz/seeds/fdt
	$(Q)head -c 65536 /dev/zero >$(BUILD)/dtb/$*.kernel
	$(Q)$(QEMU) $(DTB_ARGS_$*) -kernel $(BUILD)/dtb/$*.kernel -initrd $(BUILD)/dtb/$*.kernel \
		-machine dumpdtb=$@ >$(BUILD)/dtb/$*.log 2>&1 || { cat $(BUILD)/dtb/$*.log; exit 1; }
	$(Q)dtc -q -I dtb -O dtb -o $(BUILD)/fuzz/seeds/fdt/$*.dtb $@

# A loader that enters the kernel with the MMU on, for tests/system/machines_test.py.
MMU_LOADER := build/test/mmu_loader.img
test-bins: $(MMU_LOADER)
$(MMU_LOADER): tests/system/mmu_loader.S
	@mkdir -p $(@D)
	$(Q)$(CC) --target=aarch64-none-elf -c -o $(@:.img=.o) $<
	$(Q)$(LD) -Ttext=0 --entry=0 -o $(@:.img=.elf) $(@:.img=.o)
	$(Q)$(OBJCOPY) -O binary $(@:.img=.elf) $@

# What clang-tidy compiles each part of the tree with; the longest path that fits a source counts (tests/lib/lint.py).
LINT_FLAGS := $(BUILD)/lint/flags
.PHONY: $(LINT_FLAGS)
$(LINT_FLAGS): | $(GENERATED)
	$(shell mkdir -p $(@D))$(file >$@,kernel $(KERNEL_CFLAGS))
	$(file >>$@,lib $(KERNEL_CFLAGS))
	$(file >>$@,user $(USER_CFLAGS))
	$(file >>$@,user/host $(HOST_CFLAGS) -D_GNU_SOURCE)
	$(file >>$@,tools $(HOST_CFLAGS) -D_GNU_SOURCE)
	$(file >>$@,tests $(HOST_CFLAGS) -DSWOS_TEST)
	$(file >>$@,tests/unit/mm_test.c $(HOST_CFLAGS) -DSWOS_TEST $(MM_TEST_CFLAGS))
	$(file >>$@,tests/unit/lockdep_test.c $(HOST_CFLAGS) -DSWOS_TEST -Ikernel)
	$(file >>$@,tests/unit/panic_count_test.c $(HOST_CFLAGS) -DSWOS_TEST -Ikernel -Ikernel/arch/include)
	$(file >>$@,tests/unit/procfs_net_test.c $(HOST_CFLAGS) -DSWOS_TEST -Ikernel)
	$(foreach s,$(filter tests/%,$(sort $(NET_TEST_SRC) $(NET_FUZZ_SRC))),$(file >>$@,$(s) $(HOST_CFLAGS) \
		-DSWOS_TEST $(NET_TEST_CFLAGS)))
	$(file >>$@,tests/unit/timerwheel_test.c $(HOST_CFLAGS) -DSWOS_TEST -Ikernel)
	$(foreach s,tests/unit/ip_mock tests/unit/net_stack_test.c tests/unit/net_routers_test.c tests/unit/net_attack_test.c tests/unit/net_sysctl_test.c tests/fuzz/net_stack_fuzz.c tests/host/net,\
		$(file >>$@,$(s) $(HOST_CFLAGS) -DSWOS_TEST $(IP_TEST_CFLAGS)))
	$(foreach s,tests/tsan tests/hosted,$(file >>$@,$(s) $(HOST_CFLAGS) -DSWOS_TEST $(FILES_TEST_CFLAGS)))
	$(file >>$@,tests/tsan/cpus $(HOST_CFLAGS) -DSWOS_TEST $(CPUS_TEST_CFLAGS))
	$(foreach s,tests/tsan/net tests/netstack tests/fuzz/net,$(file >>$@,$(s) $(HOST_CFLAGS) -DSWOS_TEST $(NETSTACK_CFLAGS) $(CPUS_TEST_CFLAGS)))
	$(foreach s,tests/unit/sigrecord_test.c tests/fuzz/sigrecord_fuzz.c,$(file >>$@,$(s) $(HOST_CFLAGS) -DSWOS_TEST \
		$(SIGRECORD_CFLAGS)))
	$(file >>$@,tests/guest $(USER_CFLAGS))

# Floods come from a program on this machine.
NET_FLOOD := build/host/flood
test-bins: $(NET_FLOOD)
$(NET_FLOOD): build/host/tests/net/flood.o
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

# A lossy link between two ends (tests/relay), and the program that sends over it, for this machine's Linux.
RELAY    := build/host/relay
TRANSFER := build/host/transfer
test-bins: $(RELAY) $(TRANSFER)
$(RELAY): $(patsubst %.c,build/host/%.o,$(wildcard tests/relay/*.c))
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

$(TRANSFER): build/host/tests/guest/peer/transfer.o
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

.PHONY: campaign-net-scale campaign-net-flood campaign-relay
campaign-relay: all build/guest/base.img $(RELAY) $(TRANSFER) ## Goodput over lossy links against Linux's, a median of RELAY_SEEDS (10) (docs/campaigns.md)
	tests/net/relay.py $(if $(RELAY_SEEDS),--seeds $(RELAY_SEEDS))

campaign-net-scale: all build/guest/base.img ## 20,000 TCP connections over a tap: memory of each (docs/campaigns.md)
	tests/net/scale.py

campaign-net-flood: all build/guest/base.img $(NET_FLOOD) ## SYN, ACK and RST floods beside a transfer (docs/campaigns.md)
	tests/net/flood.py $(FLOOD_SECONDS)

.PHONY: campaign-explore test test-unit test-tsan test-fuzz campaign-fuzz campaign-ltp test-bins lint
# The programs nobody here wrote: two tests of whole machines want them, and may run side by side.
test-bins: $(GUEST_PORTS_STAMP)
test-bins: $(EXPLORE_BIN) $(UNIT_BIN) $(NET_TAP) $(GUEST_TCP) $(TSAN_BIN) $(CPUS_BIN) $(NET_TSAN_BIN) $(FUZZ_BIN) $(NET_FUZZ_BIN) $(UNI_BIN) $(DTBS) $(LINT_FLAGS)

RUN_TESTS = BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tests/run

test: all test-bins ## Everything that CI runs
	@$(RUN_TESTS)

test-unit: $(UNIT_BIN) $(UNI_BIN) $(DTBS) ## The pure cores on this machine, under sanitizers
	@$(RUN_TESTS) unit

test-tsan: $(TSAN_BIN) $(CPUS_BIN) $(NET_TSAN_BIN)
	@$(RUN_TESTS) tsan

test-fuzz: $(FUZZ_BIN) $(NET_FUZZ_BIN) $(DTBS) ## Each fuzz target for FUZZ_SECONDS (4)
	@$(RUN_TESTS) --jobs $(FUZZ_JOBS) fuzz

lint: $(LINT_FLAGS) ## Layout and static checks of our sources
	@$(RUN_TESTS) lint

.PHONY: campaign-tidy
campaign-tidy: $(LINT_FLAGS) ## clang-tidy of all sources, its analyzer to its whole bound
	@BUILD=$(BUILD) $(PYTHON) tests/lib/lint.py deep-tidy

campaign-fuzz: $(FUZZ_BIN) $(NET_FUZZ_BIN) $(DTBS) ## Each fuzz target for an hour (FUZZ_SECONDS), keeping what it finds in build/fuzz
	@$(MAKE) test-fuzz FUZZ_SECONDS=$(if $(filter command line,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),3600)

campaign-ltp: all ## Cases of a built Linux Test Project in the guest: LTP=dir, LTP_EXPECT=list, LTP_ONLY=regex (docs/oracle.md)
	$(if $(LTP),,$(error campaign-ltp wants LTP=dir; see docs/oracle.md))
	@BUILD=$(BUILD) tools/oracle/ltp $(LTP) $(if $(LTP_EXPECT),--expect $(LTP_EXPECT)) $(if $(LTP_ONLY),--only '$(LTP_ONLY)') --mem 2G

campaign-explore: $(EXPLORE_BIN) ## TCP's core explored deeper than CI does: EXPLORE_DEPTH (8)
	$(EXPLORE_BIN) -d $(or $(EXPLORE_DEPTH),8)
	$(EXPLORE_BIN) -d $(or $(EXPLORE_DEPTH),8) -n
	$(EXPLORE_BIN) -d $(or $(EXPLORE_DEPTH),8) -s

.PHONY: campaign-script
campaign-script: $(SCRIPT_BIN) ## Random traces on TCP's core and on the host's Linux: SCRIPT_TRACES (200) of them, SCRIPT_SEED (1) first
	BUILD=$(BUILD) tests/script/random_traces -s $(or $(SCRIPT_SEED),1) -n $(or $(SCRIPT_TRACES),200)
