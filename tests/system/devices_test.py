#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtio devices and sources of randomness: present, absent, legacy, and such that the kernel does not drive."""

import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, contains, equal, main, test  # noqa: E402
from vm import Vm  # noqa: E402

NO_SEED = "dtb-randomness=off"
NO_SOURCE = r"random: no source of randomness: getrandom\(\) blocks"
READ_RANDOM = "head -c 100000 /dev/random | wc -c"


def reads_random(guest):
    guest.login()
    status, output = guest.shell(READ_RANDOM)
    equal((status, output.split()[-1]), (0, "100000"))


def scratch_disk(size=16 << 20):
    disk = tempfile.NamedTemporaryFile(prefix="swos-disk-")
    disk.truncate(size)
    return disk


def disk_arguments(disk, options):
    return ("-drive", f"if=none,id=scratch,file={disk.name},format=raw",
            "-device", f"virtio-blk-device,drive=scratch{options}")


@test
def seeded_by_firmware():
    with Vm(rng=False) as guest:
        guest.wait_for(r"random: ready, seeded by firmware$")
        reads_random(guest)
        guest.expect_absent(NO_SOURCE)


@test
def seeded_by_device():
    with Vm(machine=NO_SEED) as guest:
        guest.wait_for(r"virtio-mmio@\w+ gives seeds to the random number generator")
        guest.wait_for(r"random: ready, seeded by device$")
        reads_random(guest)
        guest.expect_absent(NO_SOURCE)


@test
def seeded_by_cpu():
    with Vm(machine=NO_SEED, rng=False, cpu="max,pauth-impdef=on", gic=3, smp=4) as guest:
        guest.wait_for(r"random: ready, seeded by cpu$")
        reads_random(guest)
        guest.expect_absent(NO_SOURCE)


@test
def no_seed_blocks_until_interrupts_gave_one():
    with Vm(machine=NO_SEED, rng=False, smp=2) as guest:
        guest.wait_for(NO_SOURCE)
        guest.login()
        equal(guest.shell("dmesg | grep -c random:.ready")[1].strip(), "0")
        poll = "read -t 0 </dev/random; echo $?; read -t 0 </dev/urandom; echo $?"
        equal(guest.shell(poll)[1].split(), ["1", "0"], "whether the devices are ready, by select")
        equal(guest.shell("dmesg | grep -c random:.ready")[1].strip(), "0")
        # Who only waits for it to be ready is woken too, on a machine that does nothing else.
        equal(guest.shell("export LC_ALL=C; read -t 50 -N 1 byte </dev/random; echo $?")[1].split()[-1], "0", "the wait")
        equal(guest.shell(poll)[1].split(), ["0", "0"], "whether the devices are ready, by select")
        status, output = guest.shell(READ_RANDOM)
        equal((status, output.split()[-1]), (0, "100000"))
        contains(guest.shell("dmesg")[1], "random: ready, seeded by interrupt timing")


class LegacyVm(Vm):
    """Its virtio transports are of version 1."""

    def start(self):
        command = self.machine.command

        def legacy():
            return [a.replace("force-legacy=false", "force-legacy=true") for a in command()]
        self.machine.command = legacy
        return super().start()


@test
def legacy_is_refused_by_name():
    line = r"legacy virtio devices are not driven: start QEMU with -global virtio-mmio.force-legacy=false$"
    with LegacyVm(base="initrd") as guest:
        guest.wait_for(line)
        guest.wait_for(r"login: ")
        equal(guest.text.count("legacy virtio"), 1, "count of the line")


@test
def iommu_is_refused():
    with scratch_disk() as disk, Vm(extra=disk_arguments(disk, ",iommu_platform=on")) as guest:
        guest.wait_for(r"wants its addresses translated \(VIRTIO_F_ACCESS_PLATFORM, iommu_platform=on\): not supported$")
        guest.wait_for(r"login: ")


@test
def types_without_a_driver():
    with Vm(extra=("-device", "virtio-balloon-device")) as guest:
        guest.wait_for(r"no driver for devices of type 5$")
        guest.wait_for(r"login: ")


@test
def disks_of_any_shape():
    shapes = (",serial=first-disk", ",indirect_desc=off", ",event_idx=off",
              ",logical_block_size=4096,physical_block_size=4096",
              ",queue-size=4,seg-max-adjust=off,indirect_desc=off,event_idx=off")
    for shape in shapes:
        with scratch_disk() as disk, Vm(extra=disk_arguments(disk, shape)) as guest:
            serial = ", serial first-disk" if "serial" in shape else ""
            guest.wait_for(r"vd[a-z]: 16 MiB" + serial + "$")
            guest.wait_for(r"login: ")


@test
def base_on_a_disk_with_little_room():
    for options in ("queue-size=4,seg-max-adjust=off,indirect_desc=off", "event_idx=off", "indirect_desc=off"):
        image = os.path.join(ROOT, os.environ.get("BUILD", "build"), "base.img")
        extra = ("-drive", f"if=none,id=base,file={image},format=raw,readonly=on",
                 "-device", "virtio-blk-device,drive=base," + options)
        with Vm(base="none", extra=extra, smp=4) as guest:
            guest.wait_for(r"vda: \d+ (KiB|MiB), read-only$")
            guest.login()
            status, output = guest.shell("cat /bin/busybox /bin/bash | wc -c")
            check(status == 0 and int(output.split()[-1]) > 1 << 20, output)


main()
