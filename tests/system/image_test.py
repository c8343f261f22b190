#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The base image: the ways it comes, what is refused, and what a flipped block costs."""

import hashlib
import itertools
import os
import shutil
import struct
import subprocess

from harness import check, contains, equal, main, test
from vm import Vm, build_path, run_in_guest

TMP = os.environ.get("TEST_TMP", "/tmp")
REFUSED = r"the image is refused: (.+)\n"
PANIC = r"^PANIC: nothing to mount as /: (.+)\n"
DEVELOPMENT_KEYS = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swos", "keys")

HEADER_SIZE = 256
SIGNED_LENGTH_AT, TREE_LENGTH_AT, PAYLOAD_AT = 48, 112, 120


def read_image(path=None):
    with open(path or build_path("base.img"), "rb") as f:
        return f.read()


def number(image, offset):
    return struct.unpack_from("<Q", image, offset)[0]


def write_image(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def flipped(image, offset, mask=1):
    return image[:offset] + bytes([image[offset] ^ mask]) + image[offset + 1:]


def small_tree():
    """A tree with little in it: what is tried is whether it is mounted."""
    root = os.path.join(TMP, "tree")
    os.makedirs(os.path.join(root, "sbin"), exist_ok=True)
    with open(os.path.join(root, "sbin", "init"), "w", encoding="ascii") as f:
        f.write("no program\n")
    return root


def pack(out, key, *options, kind="base"):
    subprocess.run([build_path("host/swos-image"), "pack", "--root", small_tree(), "--out", out, "--key", key,
                    "--kind", kind, "--name", "test", "--generation", "1", "--development", *options], check=True)
    return out


def new_key(kind="base"):
    path = os.path.join(TMP, f"new-{kind}.key")
    if not os.path.exists(path):
        subprocess.run([build_path("host/swos-key"), "generate", "--kind", kind, "--out", path], check=True,
                       stdout=subprocess.DEVNULL)
    return path


def refused(path, base="initrd", until_reset=False, **more):
    """Boots, and returns the reason that the panic gives. The second until the reset is a busy one: it is waited for once."""
    with Vm(base=base, base_image=path, append="panic=1", **more) as vm:
        reason = vm.wait_for(PANIC, panic=True).group(1)
        check("error" not in reason, f"the reason is a number: {reason}")
        vm.wait_for(r"reset in 1 s", panic=True)
        if until_reset:
            equal(vm.wait_exit(), "guest-reset", "the end")
        vm.expect_absent(r"^login: ")
        return reason


# ---- What is refused

@test
def flipped_header():
    image = read_image()
    for offset in (0, 8, 12, 16, 21, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 199, 255):
        reason = refused(write_image("flipped", flipped(image, offset)))
        print(f"byte {offset}: {reason}")


@test
def flipped_metadata_and_signature():
    image = read_image()
    signed = number(image, SIGNED_LENGTH_AT)
    offsets = [HEADER_SIZE, HEADER_SIZE + 6, signed // 3, signed // 2, signed - 1, signed, signed + 31, signed + 63]
    for offset in offsets:
        contains(refused(write_image("flipped", flipped(image, offset, 0x80))), "signature")
    contains(refused(write_image("flipped", flipped(image, signed // 2)), base="virtio"), "signature")


@test
def cut_short():
    image = read_image()
    signed = number(image, SIGNED_LENGTH_AT)
    for length in (512, 4096, signed, signed + 64, len(image) // 2 & ~511, len(image) - 4096):
        print(f"{length} bytes: {refused(write_image('cut', image[:length]))}")
        refused(write_image("cut", image[:length]), base="virtio")
    refused(write_image("cut", image[:len(image) - 1]))
    refused(write_image("cut", image[:100]))


@test
def not_an_image():
    for data in (b"\0" * 65536, b"SWOSBASE" + b"\xff" * 65528, b"SWOSBASE" + b"\0" * 65528, os.urandom(65536)):
        refused(write_image("rubbish", data))
        refused(write_image("rubbish", data), base="virtio")


@test
def signed_by_another_key():
    for base in ("initrd", "virtio"):
        contains(refused(pack(os.path.join(TMP, "stranger"), new_key()), base=base, until_reset=True), "key")


@test
def signed_by_another_kind_of_key():
    """A package's image under the trusted package key is no base; nor is one whose header only says base."""
    key = os.path.join(DEVELOPMENT_KEYS, "development-package.key")
    path = pack(os.path.join(TMP, "package"), key, kind="package")
    refused(path)
    image = read_image(path)
    refused(write_image("lies", image[:16] + struct.pack("<I", 1) + image[20:]))


@test
def padding_that_is_not_zero():
    image = read_image()
    signed = number(image, SIGNED_LENGTH_AT)
    names_end = number(image, 88) + number(image, 96)
    if names_end < signed:
        refused(write_image("padding", flipped(image, signed - 1)))
    refused(write_image("padding", flipped(image, 136 + 63)))


# ---- What is taken

@test
def longer_device():
    path = write_image("longer", read_image() + os.urandom(1 << 20))
    for base in ("virtio", "initrd"):
        equal(run_in_guest("cat /etc/motd", base=base, base_image=path)[0], 0, f"status from {base}")


@test
def initrd_wins_over_disk():
    with Vm(base="both") as vm:
        vm.wait_for(r"initrd: swos-base generation")
        vm.wait_for(r"holds an image too; the initrd wins")
        vm.wait_for(r"^login: ")


@test
def initrd_of_nearly_half_the_memory():
    data = os.urandom(1 << 20)
    tree = os.path.join(TMP, "large")
    os.makedirs(tree)
    with open(os.path.join(tree, "large"), "wb") as f:
        for i in range(56):
            f.write(data[i:] + data[:i])
    image = os.path.join(TMP, "large.img")
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={tree}", f"OUT={image}"], check=True, stdout=subprocess.DEVNULL)
    check(os.path.getsize(image) > 60 << 20, "the image is smaller than it was meant to be")
    with open(os.path.join(tree, "large"), "rb") as f:
        wanted = hashlib.md5(f.read()).hexdigest()
    status, output = run_in_guest("md5sum /large", base="initrd", base_image=image, mem="128M")
    equal(status, 0, "status")
    contains(output, wanted)
    os.unlink(image)


@test
def bad_initrd_leaves_the_disk():
    bad = write_image("bad", flipped(read_image(), 300))
    with Vm(base="virtio", extra=("-initrd", bad)) as vm:
        vm.wait_for(r"initrd: " + REFUSED)
        vm.wait_for(r"vd[a-z]: swos-base generation")
        vm.wait_for(r"^login: ")


@test
def disks_are_told_apart_by_what_they_hold():
    """Whatever the order: an empty disk, a refused image and the right one."""
    empty = write_image("empty", bytes(1 << 20))
    bad = write_image("bad", flipped(read_image(), 300))
    drives = {"a": empty, "b": bad, "c": build_path("base.img")}
    for order in itertools.permutations(drives):
        extra = []
        for name in order:
            extra += ["-drive", f"if=none,id={name},file={drives[name]},format=raw,readonly=on",
                      "-device", f"virtio-blk-device,drive={name}"]
        with Vm(base="none", extra=tuple(extra)) as vm:
            vm.wait_for(r"vd[a-z]: swos-base generation")
            vm.wait_for(r"^login: ")


# ---- Blocks

CONTENT = 40  # blocks of the file whose blocks are flipped
TREE_CONTENT = 200  # blocks of a file with tree nodes on two levels


def block_text(name, index):
    return f"{name} block {index:06d}\n".encode().ljust(4096, b".")


def image_with_files():
    """A base image with two files whose blocks can be found in it."""
    root, path = os.path.join(TMP, "extra"), os.path.join(TMP, "files.img")
    os.makedirs(os.path.join(root, "opt", "test"), exist_ok=True)
    for name, blocks in (("flat", CONTENT), ("deep", TREE_CONTENT)):
        with open(os.path.join(root, "opt", "test", name), "wb") as f:
            f.write(b"".join(block_text(name, i) for i in range(blocks)))
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={root}", f"OUT={path}"], check=True,
                   stdout=subprocess.DEVNULL)
    return read_image(path)


def read_block(vm, name, index):
    """Reads a block with dd; its exit status."""
    return vm.shell(f"dd if=/opt/test/{name} of=/tmp/block bs=4096 skip={index} count=1 2>/tmp/why")[0]


@test
def flipped_payload_is_an_error_of_that_read():
    image = image_with_files()
    at = image.index(block_text("flat", 17))
    path = write_image("payload", flipped(image, at + 1000))
    for base, smp in (("initrd", 1), ("virtio", 4)):
        with Vm(base=base, base_image=path, smp=smp) as vm:
            vm.login()
            for _ in range(3):
                check(read_block(vm, "flat", 17) != 0, "the flipped block was read")
                contains(vm.shell("cat /tmp/why")[1], "Input/output error")
            for index in (0, 16, 18, CONTENT - 1):
                equal(read_block(vm, "flat", index), 0, f"status of block {index}")
                contains(vm.shell("head -c 18 /tmp/block")[1], f"flat block {index:06d}")
            check(vm.shell("cat /opt/test/flat >/tmp/all")[0] != 0, "the whole file was read")
            equal(vm.shell("cat /opt/test/deep | wc -c")[1].strip(), str(TREE_CONTENT * 4096))
            if base == "initrd":
                status, said = vm.shell("selftest")
                equal(status, 1, "status of the self-test")
                contains(said, "selftest: image: FAILED: /opt/test/flat: I/O error\nselftest: FAILED\n")
            equal(vm.shell("dmesg | grep -c 'block 17 of file'")[1].strip(), "1", "lines in the log")
            equal(vm.shell("ls / >/dev/null")[0], 0)


@test
def flipped_tree_node_is_an_error_of_what_it_covers():
    image = image_with_files()
    payload, nodes = number(image, PAYLOAD_AT), number(image, TREE_LENGTH_AT)
    first = payload - nodes
    clean = write_image("clean", image)
    listed = subprocess.run([build_path("host/swos-image"), "verify", clean], capture_output=True, text=True,
                            check=False)
    equal(listed.returncode, 0, f"swos-image verify: {listed.stderr}")
    # Which node is which file's is seen by what the host's tool finds bad.
    for node in range(first, payload, 4096):
        bad = flipped(image, node + 20)
        path = write_image("node", bad)
        said = subprocess.run([build_path("host/swos-image"), "verify", path], capture_output=True, text=True,
                              check=False)
        if "/opt/test/deep" in said.stdout + said.stderr:
            break
    else:
        raise AssertionError("no tree node belongs to the file")
    with Vm(base="initrd", base_image=path) as vm:
        vm.login()
        check(vm.shell("cat /opt/test/deep >/dev/null")[0] != 0, "the file was read")
        equal(vm.shell("cat /opt/test/flat | wc -c")[1].strip(), str(CONTENT * 4096))
        equal(vm.shell("cat /etc/motd >/dev/null")[0], 0)


def mapping_image():
    """The files that can be found in the image, and the program that maps them."""
    program = os.path.join(TMP, "extra", "tests", "guest")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    shutil.copy(build_path("guest/root/tests/guest"), program)
    return image_with_files()


@test
def flipped_block_is_a_bus_error_where_it_is_mapped():
    image = mapping_image()
    path = write_image("mapped", flipped(image, image.index(block_text("flat", 21)) + 4095))
    for base, smp in (("initrd", 2), ("virtio", 4)):
        with Vm(base=base, base_image=path, smp=smp) as vm:
            vm.login()
            for _ in range(3):
                equal(vm.shell("/tests/guest +touch_block /opt/test/flat 21")[0], 135, "status of touching the block")
            for index in (0, 20, 22, CONTENT - 1):
                equal(vm.shell(f"/tests/guest +touch_block /opt/test/flat {index}")[0], 0, f"touching block {index}")
            equal(vm.shell("dmesg | grep -c 'block 21 of file'")[1].strip(), "1", "lines in the log")


def disk_reads(vm):
    """Read requests that the base image's disk has had so far."""
    stats = {d["device"]: d["stats"] for d in vm.qmp.command("query-blockstats")}
    return stats["base"]["rd_operations"]


@test
def reading_in_order_is_read_ahead():
    """Large requests when a file is read in order, and only what is wanted when it is not; a bad block costs itself."""
    blocks = 1500
    root, path = os.path.join(TMP, "long"), os.path.join(TMP, "long.img")
    os.makedirs(root, exist_ok=True)
    content = b"".join(block_text("long", i) for i in range(blocks))
    with open(os.path.join(root, "long"), "wb") as f:
        f.write(content)
    subprocess.run(["make", "-s", "image", f"ROOT_EXTRA={root}", f"OUT={path}"], check=True,
                   stdout=subprocess.DEVNULL)
    bad = write_image("long-bad", flipped(read_image(path), read_image(path).index(block_text("long", 700))))
    with Vm(base="virtio", base_image=path, smp=4) as vm:
        vm.login()
        vm.shell("dd if=/long of=/dev/null bs=4096 skip=1400 count=1 2>/dev/null; md5sum /etc/motd; seq 1 2 | sort")
        before = disk_reads(vm)
        for index in range(5, 1300, 130):
            equal(vm.shell(f"dd if=/long of=/dev/null bs=4096 skip={index} count=1 2>/dev/null")[0], 0, "dd")
        scattered = disk_reads(vm) - before
        check(scattered <= 32, f"{scattered} requests for 10 blocks, apart from each other, and their tree nodes")
        before = disk_reads(vm)
        contains(vm.shell("md5sum /long")[1], hashlib.md5(content).hexdigest())
        ordered = disk_reads(vm) - before
        check(ordered < blocks / 8, f"{ordered} requests for {blocks} blocks in order")
    with Vm(base="virtio", base_image=bad, smp=4) as vm:
        vm.login()
        for _ in range(2):
            check(vm.shell("cat /long >/tmp/got")[0] != 0, "the whole file was read")
            equal(vm.shell("wc -c </tmp/got")[1].strip(), str(700 * 4096), "bytes before the bad block")
        equal(vm.shell("dd if=/long bs=4096 skip=701 2>/dev/null | wc -c")[1].strip(), str((blocks - 701) * 4096))
        equal(vm.shell("dmesg | grep -c 'block 700 of file'")[1].strip(), "1", "lines in the log")


@test
def flipped_program_does_not_run():
    """A page of code that does not match ends the program by SIGBUS or keeps it from starting; others run."""
    image = read_image(build_path("guest/base.img"))
    with open(build_path("guest/root/tests/guest"), "rb") as f:
        program = f.read()
    at = image.index(program[4096:8192])
    for offset in range(at - 4096, at - 4096 + len(program) // 2, 4096):
        image = flipped(image, offset + 8)
    path = write_image("program", image)
    with Vm(base="initrd", base_image=path) as vm:
        vm.login()
        status, _ = vm.shell("/tests/guest -l")
        check(status in (126, 127, 135), f"status of the flipped program is {status}")
        equal(vm.shell("busybox true")[0], 0)


main()
