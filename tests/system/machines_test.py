#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions on every kind of machine: numbers of CPUs, interrupt controllers, processors, ways of the base image, and
each optional device present and absent. Each pair of choices is on some machine; on each somebody logs in, works, and
powers it off."""

import itertools
import os
import re
import subprocess

from harness import check, contains, equal, main, test
from vm import Machine, Vm, VmError, build_path

TMP = os.environ.get("TEST_TMP", "/tmp")

CHOICES = {
    "smp": (1, 4, 8),
    "gic": (2, 3),
    "cpu": ("cortex-a72", "max,pauth-impdef=on"),
    "base": ("virtio", "initrd", "both"),
    "rng": (True, False),
    "disk": (True, False),
    "nic": (True, False),
    "rtc": (True, False),
}


def pairs_of(row):
    return set(itertools.combinations(sorted(row.items()), 2))


def cover():
    """Few machines that have every pair of choices among them: of all, again and again the one with most new pairs."""
    every = [dict(zip(CHOICES, row)) for row in itertools.product(*CHOICES.values())]
    left, rows = set().union(*map(pairs_of, every)), []
    while left:
        rows.append(max(every, key=lambda row: len(pairs_of(row) & left)))
        left -= pairs_of(rows[-1])
    return rows


# ---- Machines with fewer devices than QEMU gives

def tree_without(nodes, name, **machine):
    """The device tree of such a machine without these nodes, as arguments of QEMU."""
    path = os.path.join(TMP, name + ".dtb")
    options = Machine(base="none", rng=False, **machine)
    options.machine = ",".join(filter(None, (options.machine, f"dumpdtb={path}")))
    argv = options.command()
    at = argv.index("-kernel")  # whose tree it is does not depend on it
    subprocess.run(argv[:at] + argv[at + 2:], check=True, capture_output=True)
    for node in nodes:
        subprocess.run(["fdtput", "-r", path, node], check=True)
    return ("-dtb", path)


def scratch_disk():
    path = os.path.join(TMP, "scratch")
    with open(path, "wb") as f:
        f.truncate(4 << 20)
    return path


def machine_of(row):
    """What class Vm is to be called with for a row of CHOICES."""
    options = {k: row[k] for k in ("smp", "gic", "cpu", "base", "rng")}
    extra = []
    if not row["rtc"]:
        extra += tree_without(["/pl031@9010000"], "no-rtc", **{k: row[k] for k in ("smp", "gic", "cpu")})
    if row["nic"]:
        extra += ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-device,netdev=net"]
    return options | {"disks": (scratch_disk(),) if row["disk"] else (), "extra": tuple(extra)}


# ---- What is done on each

def run(vm, command, wanted):
    status, output = vm.shell(command)
    equal((status, output.strip()), (0, wanted), f"status and output of {command!r}")


def start_cat(vm):
    """Runs cat, and sees that it reads: the shell would take keys in another way."""
    vm.send("echo re''ady; cat\n")
    vm.wait_for(r"^ready\n")
    vm.send("hello\n")
    vm.wait_for(r"^hello\nhello\n")


def session(vm, cpus):
    """The console, processes, signals, files and the base image's blocks, in a minute's work."""
    vm.login()
    run(vm, "nproc; uname -m; grep -c ^processor /proc/cpuinfo", f"{cpus}\naarch64\n{cpus}")
    run(vm, "seq 30000 | sort -rn | tail -n 1 | tr 1 x", "x")
    run(vm, "for i in 1 2 3 4 5 6 7 8; do (seq 2000 | gzip | gunzip | md5sum) & done | sort -u | wc -l", "1")
    run(vm, "cp /bin/busybox /tmp/copy && cmp /bin/busybox /tmp/copy && cat /bin/bash | wc -c >/tmp/n && test -s /tmp/n "
            "&& echo same", "same")
    start_cat(vm)
    vm.send("\x1a")
    vm.wait_for(r"Stopped +.*cat$")
    vm.wait_for(r"# $")
    status, output = vm.shell("sleep 100 & kill -9 %1; kill %2; wait %2; echo status $?")
    check(status == 0 and "status 143" in output, f"{status} and {output!r} from what ends two jobs")
    start_cat(vm)
    vm.send("\x03")
    vm.wait_for(r"# $")
    vm.send("echo up and up\n")
    vm.wait_for(r"^up and up$")
    vm.wait_for(r"# $")
    vm.send("\x1b[A\n")
    vm.wait_for(r"^up and up$")
    vm.wait_for(r"# $")
    run(vm, "head -c 1000 /dev/urandom | wc -c", "1000")


def works(smp, **machine):
    with Vm(smp=smp, **machine) as vm:
        session(vm, smp)
        log = vm.shell("dmesg")[1]
        year = int(vm.shell("date +%Y")[1])
        vm.send("poweroff\n")
        equal(vm.wait_exit(), "guest-shutdown", "how it ends")
        vm.expect_absent("PANIC|BUG|refused to")
    return log, year


def check_row(row):
    log, year = works(**machine_of(row))
    check(log.count("\n") < 24, f"the log is not short: {log}")
    check(year > 2000 if row["rtc"] else year == 1970, f"the year is {year}")
    equal("no real-time clock" in log, not row["rtc"], "whether the clock's absence is told")
    equal("gives seeds" in log, row["rng"], "whether the log has a source of seeds")
    equal(bool(re.search(r"vd[a-z]: 4096 KiB|vd[a-z]: 4 MiB", log)), row["disk"], "whether the log has the disk")
    if row["base"] == "both":
        contains(log, "the initrd wins")


@test
def each_pair_of_choices():
    rows = cover()
    for row in rows:
        name = " ".join(f"{k}={v}" for k, v in row.items())
        print(name, flush=True)
        try:
            check_row(row)
        except (AssertionError, VmError) as e:
            raise AssertionError(f"{name}: {e}") from e
    print(f"{len(rows)} machines")


@test
def processors_with_everything():
    works(4, cpu="max", gic=3, base="initrd")


@test
def started_at_the_hypervisors_level():
    works(4, cpu="max,pauth-impdef=on", gic=3, machine="virtualization=on")
    works(2, cpu="cortex-a72", gic=2, machine="virtualization=on", base="initrd")


def works_behind_a_loader(smp, says, **machine):
    """Through tests/system/mmu_loader.S, which says where it runs."""
    image, size = build_path("kernel.img"), 0x43fff000
    extra = ("-device", f"loader,file={image},addr=0x44000000,force-raw=on",
             "-device", f"loader,addr={size:#x},data={os.path.getsize(image)},data-len=8")
    with Vm(smp=smp, kernel=build_path("test/mmu_loader.img"), extra=extra, **machine) as vm:
        vm.wait_for(f"^loader: {says}, MMU on$")
        session(vm, smp)
        vm.send("poweroff\n")
        equal(vm.wait_exit(), "guest-shutdown", "how it ends")


@test
def entered_with_the_mmu_on():
    works_behind_a_loader(4, "at EL1", cpu="cortex-a72", gic=2, base="initrd")
    works_behind_a_loader(4, "at EL2", cpu="max,pauth-impdef=on", gic=3, machine="virtualization=on")


@test
def other_processors_and_sizes_of_memory():
    works(4, cpu="cortex-a53", gic=2, base="initrd", mem="128M")
    works(2, cpu="cortex-a57", gic=3, mem="4G")


@test
def a_tree_with_nothing_optional():
    """No clock, no virtio transport, no PCI, no flash, no GPIO, no firmware channel: a console and an initrd."""
    nodes = [f"/virtio_mmio@{0xa000000 + i * 0x200:x}" for i in range(32)]
    nodes += ["/pl031@9010000", "/pcie@10000000", "/flash@0", "/gpio-keys", "/pl061@9030000", "/fw-cfg@9020000",
              "/platform-bus@c000000", "/pmu"]
    for smp, gic in ((1, 2), (4, 3)):
        extra = tree_without(nodes, f"bare{gic}", smp=smp, gic=gic)
        log, year = works(smp, gic=gic, base="initrd", rng=False, extra=extra)
        equal(year, 1970, "year")
        check("virtio" not in log, log)


main()
