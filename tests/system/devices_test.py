#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtio devices and sources of randomness: present, absent, legacy, and such that the kernel does not drive."""

import array
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, contains, equal, main, test  # noqa: E402
from vm import Vm, debug_kernel  # noqa: E402

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
        poll = "read -t 0 </dev/random; echo $?; read -t 0 </dev/urandom; echo $?"
        said = guest.shell(poll)[1].split()
        if guest.shell("dmesg | grep -c random:.ready")[1].strip() == "0":  # on a slow host there were many interrupts by now
            equal(said, ["1", "0"], "whether the devices are ready, by select")
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


# ---- Writing: the debug kernel writes, flushes and reads back (kernel/dev/block/exercise.h); the host looks at the disk.

SEED, MEBIBYTES = 123456789, 4


def debug_machine(*devices):
    extra = tuple(word for device in devices for word in device)
    return Vm(kernel=debug_kernel(), base="initrd", smp=4, extra=extra)


def exercise(guest, disk, *parts):
    """Writes parts of a disk at once, (first MiB, MiBs) each; says what the shell says of each that failed."""
    jobs = "".join(f"(echo {disk} {first} {count} {SEED} >/proc/swos/disk) & " for first, count in parts)
    return guest.shell(f"{{ {jobs} wait; }} 2>&1; echo over")[1]


@test
def disks_are_written_and_flushed():
    """Requests of many segments, several in flight. The disk holds what was to be written where it was to be."""
    for shape in ("", ",queue-size=4,seg-max-adjust=off,indirect_desc=off,event_idx=off",
                  ",logical_block_size=4096,physical_block_size=4096"):
        with scratch_disk(MEBIBYTES << 20) as disk:
            with debug_machine(disk_arguments(disk, shape)) as guest:
                guest.login()
                said = exercise(guest, "vda", *((i, 1) for i in range(MEBIBYTES)))
                check("rror" not in said and "over" in said, f"with {shape!r}: {said}")
                stats = next(d["stats"] for d in guest.qmp.command("query-blockstats") if d.get("device") == "scratch")
                check(stats["flush_operations"] >= 1 and stats["wr_bytes"] == MEBIBYTES << 20, f"with {shape!r}: {stats}")
            words = array.array("Q", (at ^ SEED for at in range(0, MEBIBYTES << 20, 8)))
            with open(disk.name, "rb") as f:
                check(f.read() == words.tobytes(), f"with {shape!r} the disk holds something else")


@test
def writes_that_fail_are_errors():
    with scratch_disk(1 << 20) as disk, scratch_disk(1 << 20) as broken:
        readonly = ("-drive", f"if=none,id=scratch,file={disk.name},format=raw,readonly=on",
                    "-device", "virtio-blk-device,drive=scratch")
        bad = ("-drive", "if=none,id=bad,werror=report,driver=raw,file.driver=blkdebug,file.inject-error.0.event=none,"
               f"file.inject-error.0.iotype=write,file.image.driver=file,file.image.filename={broken.name}",
               "-device", "virtio-blk-device,drive=bad")
        for devices, reason in (((readonly,), "Read-only file system"), ((bad,), "(Input/output|I/O) error")):
            with debug_machine(*devices) as guest:
                guest.login()
                said = exercise(guest, "vda", (0, 1))
                check(re.search(reason, said), f"no {reason!r} in {said}")
                contains(exercise(guest, "vda", (1, 1)), "Invalid argument")  # beyond its end
                contains(exercise(guest, "vdb", (0, 1)), "No such device")
                equal(guest.shell("echo alive")[1].strip(), "alive")
        with open(disk.name, "rb") as f:
            check(f.read() == bytes(1 << 20), "a disk that is read-only was written")


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
