#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images that a trusted key has signed although they are wrong: each is refused before mount, with one line that says why.

The signature does not stand in for the checks: a tool with a bug, or a key in the wrong hands, makes such images.
"""

import os
import re
import stat
import struct
import subprocess

import ed25519
from harness import check, contains, equal, main, test
from vm import Vm, build_path

TMP = os.environ.get("TEST_TMP", "/tmp")
KEY = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swos", "keys",
                   "development-base.key")
HEADER, ENTRY, CONTENT = 256, 40, 56
SIGNED_AT, ENTRY_COUNT_AT, NAMES_AT, TREE_AT, TREE_LENGTH_AT, PAYLOAD_AT, PAYLOAD_LENGTH_AT = 48, 64, 88, 104, 112, 120, 128
NAME_LENGTH, MODE, UID, MTIME, PARENT, ATTRIBUTES, REF, COUNT = 4, 6, 8, 16, 24, 28, 32, 36  # of an entry
SIZE, PAYLOAD, TREE, ROOT = 0, 8, 16, 24  # of a content
# The sample's entries: 0 / 1 /d 2 /link 3 /d/file 4 /d/other; contents: 0 /d/file's, three blocks; 1 /d/other's.


def write(name, data):
    path = os.path.join(TMP, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def number(image, offset):
    return struct.unpack_from("<Q", image, offset)[0]


def sample():
    """An image of five entries, as the tools make and sign it with the development key."""
    path = os.path.join(TMP, "sample.img")
    if not os.path.exists(path):
        write("sample/d/file", b"x" * 9000)
        write("sample/d/other", b"y")
        os.symlink("d/file", os.path.join(TMP, "sample", "link"))
        subprocess.run([build_path("host/swos-image"), "pack", "--root", os.path.join(TMP, "sample"), "--out", path, "--key",
                        KEY, "--kind", "base", "--name", "sample", "--generation", "1", "--development"], check=True)
    with open(path, "rb") as f:
        return f.read()


def signed(image):
    """The image with the signature that the development key gives what it holds."""
    with open(KEY, encoding="ascii") as f:
        seed = bytes.fromhex(re.search(r"^secret: (\w+)$", f.read(), re.M).group(1))
    length = number(image, SIGNED_AT)
    if length > len(image):  # a header that lies: what there is
        length = len(image) - 64
    return image[:length] + ed25519.sign(seed, image[:length]) + image[length + 64:]


def changed(*changes):
    """The sample with bytes at offsets, signed."""
    image = bytearray(sample())
    for offset, data in changes:
        image[offset:offset + len(data)] = data
    return signed(bytes(image))


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def entry(index, field):
    return HEADER + index * ENTRY + field


def content(index, field):
    return HEADER + struct.unpack_from("<I", sample(), ENTRY_COUNT_AT)[0] * ENTRY + index * CONTENT + field


def name(text):
    """Where a name stands in the sample."""
    start = number(sample(), NAMES_AT)
    return start + sample()[start:number(sample(), SIGNED_AT)].index(text)


def refused(image, reason, base="initrd"):
    with Vm(base=base, base_image=write("wrong.img", image), append="panic=1") as vm:
        said = vm.wait_for(r"^PANIC: nothing to mount as /: (.+)\n", panic=True).group(1)
        contains(said, reason)
        check("signature" not in said, f"refused for its signature: {said}")
        vm.wait_for(r"reset in 1 s", panic=True)
        equal(len(re.findall(r"^\[.*image is refused", vm.text, re.M)), 1, "lines that say it is refused")
        vm.expect_absent(r"swos-base generation")


def refuse_all(cases):
    for reason, *changes in cases:
        refused(changed(*changes), reason)


@test
def what_is_signed_here_is_accepted():
    """The builder's signature is the tools', and the sample is wrong in nothing but that it holds little."""
    equal(signed(sample()) == sample(), True, "the same signature")
    with Vm(base="initrd", base_image=write("right.img", sample()), append="panic=1") as vm:
        vm.wait_for(r"initrd: sample generation 1")
        vm.wait_for(r"^PANIC: cannot mount /dev", panic=True)


@test
def extents_that_overlap_or_leave():
    image = sample()
    first, payload = number(image, content(0, PAYLOAD)), number(image, PAYLOAD_AT)
    refuse_all([
        ("payload (gap or overlap)", (content(1, PAYLOAD), u64(first))),
        ("payload (gap or overlap)", (content(1, PAYLOAD), u64(first + 4096))),
        ("payload (gap or overlap)", (content(1, PAYLOAD), u64(number(image, content(1, PAYLOAD)) + 4096))),
        ("payload (gap or overlap)", (content(0, PAYLOAD), u64(0))),
        ("payload (gap or overlap)", (content(0, PAYLOAD), u64(1 << 63))),
        ("tree (gap or overlap)", (content(0, TREE), u64(payload))),
        ("tree (gap or overlap)", (content(1, TREE), u64(number(image, TREE_AT)))),
        ("size exceeds the payload", (content(0, SIZE), u64(1 << 62))),
        ("size exceeds the payload", (content(0, SIZE), u64(2**64 - 1))),
        ("(gap or overlap)", (content(0, SIZE), u64(4 * 4096))),
        ("(gap or overlap)", (TREE_AT, u64(payload))),
        ("(gap or overlap)", (PAYLOAD_AT, u64(0))),
        ("length of the payload", (PAYLOAD_LENGTH_AT, u64(1 << 63))),
        ("length of the tree", (TREE_LENGTH_AT, u64(1 << 63))),
        ("names (gap or overlap)", (NAMES_AT, u64(HEADER))),
    ])
    refused(changed((content(1, PAYLOAD), u64(first))), "payload (gap or overlap)", base="virtio")


@test
def trees_that_are_none():
    refuse_all([
        ("first child (cycle", (entry(1, REF), u32(0))),
        ("first child (cycle", (entry(1, REF), u32(1))),
        ("cycle", (entry(0, COUNT), u32(1))),
        ("children out of range", (entry(1, COUNT), u32(2**32 - 1))),
        ("parent", (entry(3, PARENT), u32(0))),
        ("parent", (entry(1, PARENT), u32(1))),
        ("out of range or out of order", (entry(3, REF), u32(7))),
    ])


@test
def names_that_lead_elsewhere():
    d, other = name(b"d"), name(b"other")
    refuse_all([
        ("unsafe name", (entry(1, NAME_LENGTH), u16(0))),
        ("unsafe name", (d, b"/")),
        ("unsafe name", (d, b"\0")),
        ("unsafe name", (d, b".")),
        ("unsafe name", (other, b".."), (entry(4, NAME_LENGTH), u16(2))),
        ("unsafe name", (other, b"../x")),
        ("name out of range", (entry(4, NAME_LENGTH), u16(65535))),
        ("not sorted or not unique", (other, b"aaaaa")),
        ("symlink target", (entry(2, COUNT), u32(0))),
        ("symlink target", (entry(2, REF), u32(2**32 - 1))),
    ])


@test
def entries_that_are_something_else():
    refuse_all([
        ("neither file nor directory", (entry(3, MODE), u16(stat.S_IFCHR | 0o644))),
        ("owner or group is -1", (entry(3, UID), u32(2**32 - 1))),
        ("time before 1970", (entry(3, MTIME), u64(2**63))),
        ("unknown attributes", (entry(3, ATTRIBUTES), u32(1 << 31))),
        ("attributes on what is not a file", (entry(1, ATTRIBUTES), u32(1))),
    ])


@test
def padding_that_holds_something():
    image = sample()
    refuse_all([
        ("padding after the names is not zero", (number(image, SIGNED_AT) - 1, b"\1")),
        ("padding of the image name is not zero", (136 + 63, b"x")),
        ("reserved bytes are not zero", (255, b"\1")),
    ])


main()
