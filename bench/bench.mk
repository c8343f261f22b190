# Benchmarks: osbench (one binary for Linux and swos), boot cost, memory, image size, scheduling. See bench/README.md.

build/bench/root/bin/osbench: bench/osbench.c
	@mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc -O2 -static -o $@ $< -lpthread

build/bench/root/bin/cpubench: bench/cpubench.c
	@mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc -O2 -static -o $@ $<

build/bench/base.img: build/bench/root/bin/osbench build/bench/root/bin/cpubench build/base.img
	$(Q)$(MAKE) image ROOT_EXTRA=build/bench/root OUT=$@

.PHONY: bench
bench: build/kernel.img build/base.img build/bench/base.img build/guest/base.img ## Print the benchmark tables with their ratios to Linux
	$(Q)$(PYTHON) bench/run.py $(BENCH)

# iperf3, unmodified, for swos and for Linux.
build/bench/iperf.stamp: bench/iperf-tree $(patsubst %,$(PORTS)/%.stamp,libc6 iperf3 libiperf0 libsctp1 libssl3)
	$(Q)mkdir -p $(@D)
	$(Q)bench/iperf-tree $(PORTS) build/bench/iperf
	$(Q)touch $@

build/bench/iperf.img: build/bench/iperf.stamp build/base.img
	$(Q)$(MAKE) image ROOT_EXTRA=build/bench/iperf OUT=$@

.PHONY: campaign-iperf
campaign-iperf: build/kernel.img build/bench/iperf.img ## Bulk by iperf3 in swos and Linux beside it: loopback, to and from the host over a tap
	$(Q)$(PYTHON) bench/iperf.py $(IPERF)
