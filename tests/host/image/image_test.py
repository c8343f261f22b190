#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swos-image and swos-key as their users see them, with fsverity as the judge of digests and hash trees."""

import os
import resource
import shutil
import socket
import stat
import struct
import subprocess
import tempfile

from harness import check, contains, equal, main, test

BUILD = os.environ.get("BUILD", "build")
IMAGE = os.path.abspath(os.path.join(BUILD, "host/swos-image"))
KEY = os.path.abspath(os.path.join(BUILD, "host/swos-key"))
WORK = tempfile.mkdtemp(dir=os.environ.get("TEST_TMP"))
HEADER, ENTRY, CONTENT = 256, 40, 56


def path(*parts):
    return os.path.join(WORK, *parts)


def run(*argv, **kwargs):
    """Runs a program; what it says on standard output and standard error, and its status."""
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", **kwargs)


def ok(*argv, **kwargs):
    done = run(*argv, **kwargs)
    equal(done.returncode, 0, f"status of {' '.join(argv)} ({done.stderr.strip()})")
    return done.stdout


def refused(argv, reason, status=1):
    """The program fails with one line that holds the reason."""
    done = run(*argv)
    equal(done.returncode, status, f"status of {' '.join(argv)}")
    contains(done.stderr, reason)
    equal(done.stderr.count("\n"), 1, f"lines of {done.stderr!r}")
    return done.stderr


def key(name, kind="base"):
    if not os.path.exists(path(name)):
        ok(KEY, "generate", "--kind", kind, "--out", path(name))
    return path(name)


def write(name, data=b"", mode=0o644, when=1_600_000_000):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as f:
        f.write(data)
    os.chmod(name, mode)
    os.utime(name, (when, when))
    return name


def read(name):
    with open(name, "rb") as f:
        return f.read()


def pack_command(root, out, *more, signer="base.key", kind="base"):
    roots = [root] if isinstance(root, str) else root
    return [IMAGE, "pack", *[a for r in roots for a in ("--root", r)], "--out", out, "--key", key(signer, kind),
            "--kind", kind, "--name", "sample", "--generation", "9", *more]


def pack(root, out, *more, **kwargs):
    ok(*pack_command(root, out, *more, **kwargs))
    return out


def pattern(size, salt=0):
    return bytes((i * 7 + i // 4096 + salt) & 255 for i in range(size))


def tree(name, reverse=False):
    """A tree of everything that an image holds. The order in which it is made must not matter."""
    root = path(name)
    files = [("etc/motd", b"hello\n", 0o644), ("etc/none", b"", 0o600), ("bin/tool", pattern(4096), 0o755),
             ("bin/big", pattern(129 * 4096 + 100), 0o755), ("bin/same", pattern(4096), 0o644)]
    for file, data, mode in reversed(files) if reverse else files:
        write(os.path.join(root, file), data, mode)
    os.makedirs(os.path.join(root, "empty"))
    os.symlink("bin/tool", os.path.join(root, "link"))
    os.utime(os.path.join(root, "link"), (5, 5), follow_symlinks=False)
    for d in ("etc", "bin", "empty", ""):
        os.chmod(os.path.join(root, d), 0o755)
        os.utime(os.path.join(root, d), (1_500_000_000, 1_500_000_000))
    return root


def small_image():
    """An image of a few blocks, made once."""
    if not os.path.exists(path("small.img")):
        root = path("small")
        write(os.path.join(root, "d/file"), pattern(5000))
        write(os.path.join(root, "d/other"), b"x")
        os.symlink("d/file", os.path.join(root, "link"))
        pack(root, path("small.img"))
    return path("small.img")


def fields(image):
    return dict(line.split(": ", 1) for line in ok(IMAGE, "show", image).splitlines())


def metadata_length(image):
    return int(fields(image)["signed"]) + 64


def patched(image, offset, data):
    """A copy of the image with these bytes at offset."""
    copy = path("patched.img")
    content = bytearray(read(image))
    content[offset:offset + len(data)] = data
    write(copy, content)
    return copy


def entry_at(index, field=0):
    return HEADER + index * ENTRY + field


def content_at(image, index, field=0):
    return HEADER + int(fields(image)["entries"]) * ENTRY + index * CONTENT + field


@test
def same_input_gives_same_bytes():
    first = read(pack(tree("order1"), path("1.img"), "--development"))
    equal(read(pack(path("order1"), path("2.img"), "--development")) == first, True, "the second image")
    tree("elsewhere/order2", reverse=True)
    equal(read(pack(path("elsewhere/order2"), path("3.img"), "--development")) == first, True, "the moved tree's image")
    umask = os.umask(0o077)
    try:
        image = pack(path("order1"), path("umask.img"), "--development")
        equal(read(image) == first, True, "the image packed with another umask")
    finally:
        os.umask(umask)
    shutil.copytree(path("order1"), path("order3"), symlinks=True)
    equal(read(pack(path("order3"), path("4.img"))) == first, False, "an image without the development flag")


@test
def epoch_makes_a_fresh_checkout_reproducible():
    images = []
    for n in (1, 2):
        root = path(f"checkout{n}")
        write(os.path.join(root, "f"), b"x", when=1_700_000_000 + n)
        os.utime(root, (1_700_000_000 + n, 1_700_000_000 + n))
        images.append(read(pack(root, path(f"checkout{n}.img"), "--epoch", "1600000000")))
    check(images[0] == images[1], "images of two checkouts differ")
    contains(ok(IMAGE, "list", path("checkout1.img")), "2020-09-13T12:26:40Z /f")
    pack(path("checkout1"), path("late.img"), "--epoch", "2000000000")
    contains(ok(IMAGE, "list", path("late.img")), "2023-11-14T22:13:21Z /f")


@test
def extract_gives_back_what_was_packed():
    image = pack(tree("whole"), path("whole.img"))
    ok(IMAGE, "extract", image, "--to", path("back"), "--pub", path("base.key.pub"))
    equal(run("diff", "-r", "--no-dereference", path("whole"), path("back")).stdout, "", "difference")
    for name in ("", "etc", "bin/tool", "etc/none", "link"):
        a, b = os.lstat(path("whole", name)), os.lstat(path("back", name))
        equal((b.st_mode, b.st_mtime_ns), (a.st_mode, a.st_mtime_ns), f"mode and time of {name!r}")
    again = pack(path("back"), path("again.img"))
    check(read(again) == read(image), "the extracted tree packs differently")


@test
def extract_wants_an_empty_directory():
    image = pack(tree("full"), path("full.img"))
    write(path("taken/file"))
    refused([IMAGE, "extract", image, "--to", path("taken")], "is not empty")
    os.makedirs(path("free"))
    ok(IMAGE, "extract", image, "--to", path("free"))


@test
def same_contents_are_stored_once():
    root = path("shared")
    for n in range(20):
        write(os.path.join(root, f"f{n}"), pattern(9000))
    os.link(os.path.join(root, "f1"), os.path.join(root, "hard"))
    image = pack(root, path("shared.img"))
    equal(fields(image)["contents"], "1", "contents")
    equal(fields(image)["entries"], "22", "entries")


@test
def digests_are_those_of_fsverity():
    root = path("sizes")
    sizes = [0, 1, 4095, 4096, 4097, 8192, 127 * 4096, 128 * 4096 - 1, 128 * 4096, 128 * 4096 + 1, 129 * 4096,
             1_500_000, 3 << 20]
    for size in sizes:
        write(os.path.join(root, str(size)), pattern(size, salt=1))
    image = pack(root, path("sizes.img"))
    for size in sizes:
        ours = ok(IMAGE, "digest", image, f"/{size}").split()[0]
        theirs = ok("fsverity", "digest", os.path.join(root, str(size))).split()[0]
        equal(ours, theirs, f"digest of {size} bytes")
    refused([IMAGE, "digest", image, "/absent"], "has no /absent")
    refused([IMAGE, "digest", image, "/"], "not a file")


@test
def tree_nodes_are_those_of_fsverity():
    root = path("levels")
    file = write(os.path.join(root, "f"), pattern(1 << 20) * 64 + b"more than two levels hold")
    image = pack(root, path("levels.img"))
    ok("fsverity", "digest", "--out-merkle-tree=" + path("merkle"), file)
    start = metadata_length(image)
    wanted = read(path("merkle"))
    equal(fields(image)["tree"], str(len(wanted)), "length of the tree")
    check(read(image)[start:start + len(wanted)] == wanted, "the tree differs from fsverity's")


@test
def large_files_are_streamed():
    root = path("large")
    os.makedirs(root)
    with open(os.path.join(root, "model"), "wb") as f:
        f.truncate(96 << 20)
        f.seek(50 << 20)
        f.write(b"weights")
    limit = 24 << 20
    ok(*pack_command(root, path("large.img")),
       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    ok(IMAGE, "verify", path("large.img"), "--pub", path("base.key.pub"),
       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    os.unlink(path("large.img"))


@test
def list_shows_owners_modes_and_attributes_of_the_manifest():
    root = tree("owned")
    write(os.path.join(root, "a b"), b"")
    manifest = write(path("manifest"), b"# comment\n\n/etc/none uid=7 gid=8 mode=4711 # also here\n"
                     b"bin/tool attr=wx\n/a\\ b uid=1\n/ gid=3\n")
    image = pack(root, path("owned.img"), "--manifest", manifest, "--wx", "/bin/big")
    lines = {line.split(None, 6)[6]: line.split() for line in ok(IMAGE, "list", image).splitlines()}
    equal(lines["/etc/none"][:4], ["-rws--x--x", "-", "7", "8"], "none")
    equal(lines["/bin/tool"][:4], ["-rwxr-xr-x", "wx", "0", "0"], "tool")
    equal(lines["/bin/big"][1], "wx", "attributes of big")
    equal(lines["/a\\040b"][2], "1", "owner of a name with a space")
    equal(lines["/"][3], "3", "group of the root")
    equal(lines["/link -> bin/tool"][0], "lrwxrwxrwx", "mode of the link")


@test
def bad_manifests_are_refused_by_line():
    root = tree("bad_manifest")
    for text, reason in (("/absent uid=1", ":1: the tree does not hold /absent"), ("#\n/etc uid", ":2: KEY=VALUE"),
                         ("/etc uid=x", "not a value"), ("/etc uid=4294967295", "not a value"),
                         ("/etc uid=-1", "not a value"), ("/etc mode=10000", "not a value"),
                         ("/etc mode=9", "not a value"), ("/link mode=644", "not a value"),
                         ("/etc attr=wx", "not a value"), ("/etc color=red", "unknown key")):
        manifest = write(path("bad"), text.encode())
        refused(pack_command(root, path("no.img"), "--manifest", manifest), reason)
    refused(pack_command(root, path("no.img"), "--wx", "/etc"), "--wx /etc")
    check(not os.path.exists(path("no.img")), "an image was left behind")


@test
def each_bad_line_of_a_manifest_is_named():
    """The whole of what is said, line by line; good lines and comments between them are counted and not named."""
    root = tree("bad_lines")
    lines = (
        (b"/etc uid=7 # 1", None), (b"", None), (b"   # /absent", None),
        (b"/absent uid=1", "the tree does not hold /absent"), (b"etc/../etc uid=1", "the tree does not hold etc/../etc"),
        (b"/etc uid=1 color=red gid=x", "unknown key (mode, uid, gid, attr): color=red\nnot a value for this path: gid=x"),
        (b"\t/etc\tuid=+1", "not a value for this path: uid=+1"), (b"/etc uid=", "not a value for this path: uid="),
        (b"/etc gid=0x1", "not a value for this path: gid=0x1"), (b"/etc gid=99999999999999999999", 
         "not a value for this path: gid=99999999999999999999"), (b"/etc =1", "unknown key (mode, uid, gid, attr): =1"),
        (b"/etc uidx=1", "unknown key (mode, uid, gid, attr): uidx=1"), (b"/etc ui=1", "unknown key (mode, uid, gid, attr): ui=1"),
        (b"/etc mode=-1", "not a value for this path: mode=-1"), (b"/link attr=wx", "not a value for this path: attr=wx"),
        (b"/etc uid=1\0 gid=x", "a NUL ends this line early, after /etc uid=1"), (b"\0", "a NUL ends this line early, after "),
        (b"/e\\tc mode=755", None), (b"/etc\\", "the tree does not hold /etc\\"), (b"/etc mode", "KEY=VALUE is wanted, not mode"),
        (b"/etc gid=7\r", "not a value for this path: gid=7\r"), (b"x" * 100000, "the tree does not hold " + "x" * 100000),
        (b"/etc uid=y", "not a value for this path: uid=y"),  # no newline after the last
    )
    manifest = write(path("lines"), b"\n".join(line for line, _ in lines))
    with subprocess.Popen(pack_command(root, path("no.img"), "--manifest", manifest), stderr=subprocess.PIPE) as done:
        said = done.stderr.read().decode()
    equal(done.returncode, 1, "status")
    wanted = [f"swos-image: {manifest}:{n}: {what}" for n, (_, text) in enumerate(lines, 1) if text for what in text.split("\n")]
    equal(said.split("\n"), wanted + [""], "what is said")
    check(not os.path.exists(path("no.img")), "an image was left behind")


@test
def roots_are_merged_later_over_earlier():
    write(path("low/etc/keep"), b"keep")
    write(path("low/etc/change"), b"old")
    write(path("low/was_file"), b"f")
    write(path("low/was_dir/f"), b"f")
    write(path("high/etc/change"), b"new")
    write(path("high/etc/add"), b"add")
    write(path("high/was_file/inside"), b"i")
    write(path("high/was_dir"), b"now a file")
    image = pack([path("low"), path("high")], path("merged.img"))
    ok(IMAGE, "extract", image, "--to", path("merged"))
    found = sorted(os.path.relpath(os.path.join(d, f), path("merged")) for d, _, fs in os.walk(path("merged")) for f in fs)
    equal(found, ["etc/add", "etc/change", "etc/keep", "was_dir", "was_file/inside"], "files")
    equal(read(path("merged/etc/change")), b"new", "the changed file")


@test
def what_an_image_cannot_hold_is_refused_by_path():
    root = tree("special")
    os.mkfifo(os.path.join(root, "etc/fifo"))
    refused(pack_command(root, path("no.img")), "etc/fifo is neither")
    os.unlink(os.path.join(root, "etc/fifo"))
    here = os.getcwd()
    os.chdir(root)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("sock")
    os.chdir(here)
    refused(pack_command(root, path("no.img")), "sock is neither")
    os.unlink(os.path.join(root, "sock"))
    refused(pack_command(path("absent"), path("no.img")), "absent")
    check(not [f for f in os.listdir(WORK) if f.startswith("no.img")], "a file was left behind")


@test
def a_failed_pack_leaves_the_old_image():
    root = tree("kept")
    image = pack(root, path("kept.img"))
    before = read(image)
    os.mkfifo(os.path.join(root, "fifo"))
    refused(pack_command(root, image), "fifo")
    check(read(image) == before, "the old image changed")


@test
def verify_says_what_was_checked():
    image = small_image()
    contains(ok(IMAGE, "verify", image, "--pub", path("base.key.pub")), "signed by")
    contains(ok(IMAGE, "verify", image), "signature NOT checked")
    write(path("longer.img"), read(image) + b"x" * 5000)
    ok(IMAGE, "verify", path("longer.img"), "--pub", path("base.key.pub"))


@test
def every_flipped_byte_of_the_metadata_is_refused():
    image, copy = small_image(), path("flipped.img")
    data = read(image)
    shutil.copy(image, copy)
    equal(metadata_length(image), 4096, "length of the metadata")
    with open(copy, "r+b", buffering=0) as f:
        for i in range(4096):
            os.pwrite(f.fileno(), bytes([data[i] ^ (1 << i % 8)]), i)
            refused([IMAGE, "verify", copy, "--pub", path("base.key.pub")], copy)
            os.pwrite(f.fileno(), data[i:i + 1], i)
    ok(IMAGE, "verify", copy, "--pub", path("base.key.pub"))


@test
def every_other_flipped_byte_is_found_in_its_file():
    image, copy = small_image(), path("flipped.img")
    data = read(image)
    shutil.copy(image, copy)
    with open(copy, "r+b", buffering=0) as f:
        for i in range(4096, len(data), 97):
            os.pwrite(f.fileno(), bytes([data[i] ^ 0x10]), i)
            done = run(IMAGE, "verify", copy, "--pub", path("base.key.pub"))
            equal(done.returncode, 1, f"status with byte {i} flipped")
            contains(done.stderr, "does not match its digest")
            contains(done.stderr, "/d/file" if i < len(data) - 4096 else "/d/other")
            os.pwrite(f.fileno(), data[i:i + 1], i)


@test
def every_shorter_image_is_refused():
    image, copy = small_image(), path("short.img")
    data = read(image)
    for size in list(range(0, 4200, 13)) + list(range(4200, len(data), 997)) + [len(data) - 1]:
        write(copy, data[:size])
        reason = "not a SWOSBASE image" if size < HEADER else "cut short"
        refused([IMAGE, "verify", copy, "--pub", path("base.key.pub")], reason)


@test
def other_keys_are_refused():
    image = small_image()
    key("other.key")
    key("package.key", "package")
    refused([IMAGE, "verify", image, "--pub", path("other.key.pub")], "not trusted")
    refused([IMAGE, "verify", image, "--pub", path("package.key.pub")], "not trusted")
    ok(IMAGE, "verify", image, "--pub", path("package.key.pub"), "--pub", path("base.key.pub"))
    refused([IMAGE, "pack", "--root", path("small"), "--out", path("no.img"), "--key", path("package.key"), "--kind",
             "base", "--name", "x", "--generation", "1"], "signs images of the kind package only")
    refused([IMAGE, "pack", "--root", path("small"), "--out", path("no.img"), "--key", path("base.key.pub"), "--kind",
             "base", "--name", "x", "--generation", "1"], "is a public key")


@test
def a_key_under_another_kind_is_refused():
    image = small_image()
    text = read(path("base.key.pub")).replace(b"kind: base", b"kind: package")
    refused([IMAGE, "verify", image, "--pub", write(path("renamed.pub"), text)], "may not sign this kind")
    package = patched(image, 16, struct.pack("<I", 2))
    refused([IMAGE, "verify", package, "--pub", path("base.key.pub")], "may not sign this kind")


@test
def broken_structure_is_refused_with_its_reason():
    image = small_image()  # 0 / 1 d 2 link 3 d/file 4 d/other; contents 0 and 1
    cases = [
        (int(fields(image)["signed"]) - 1, b"\1", "padding after the names is not zero"),
        (content_at(image, 1, 8), read(image)[content_at(image, 0, 8):][:8], "gap or overlap"),
        (content_at(image, 0, 8), struct.pack("<Q", 1 << 63), "gap or overlap"),
        (content_at(image, 0, 0), struct.pack("<Q", 1 << 40), "size exceeds the payload"),
        (content_at(image, 0, 16), struct.pack("<Q", 8192), "gap or overlap"),
        (entry_at(1, 32), struct.pack("<I", 0), "cycle"),
        (entry_at(1, 32), struct.pack("<I", 1), "cycle"),
        (entry_at(0, 36), struct.pack("<I", 1), "cycle"),
        (entry_at(3, 24), struct.pack("<I", 0), "parent"),
        (entry_at(1, 4), struct.pack("<H", 0), "unsafe name"),
        (entry_at(1, 6), struct.pack("<H", stat.S_IFCHR | 0o644), "neither file nor directory"),
        (128, struct.pack("<Q", 1 << 62), "total length"),
    ]
    for offset, data, reason in cases:
        refused([IMAGE, "verify", patched(image, offset, data)], reason)
    names = int.from_bytes(read(image)[88:96], "little")
    for name in (b"/", b"\0", b"."):
        refused([IMAGE, "verify", patched(image, names, name)], "unsafe name")


@test
def a_broken_block_costs_only_its_file():
    image = small_image()
    data = read(image)
    broken = patched(image, len(data) - 3 * 4096, b"\xff")
    done = run(IMAGE, "extract", broken, "--to", path("partly"), "--pub", path("base.key.pub"))
    equal(done.returncode, 1, "status")
    contains(done.stderr, "file: block 0: does not match its digest")
    check(not os.path.exists(path("partly/d/file")), "the broken file was left behind")
    equal(read(path("partly/d/other")), b"x", "the other file")


@test
def control_characters_do_not_reach_the_terminal():
    write(path("evil/\x1b[31mred\n"), b"")
    image = pack(path("evil"), path("evil.img"))
    contains(ok(IMAGE, "list", image), "/\\033[31mred\\012\n")


@test
def only_files_are_replaced():
    """An image or a key takes the place of a file, not of a device, as --out /dev/full would have it."""
    small_image()
    os.mkfifo(path("pipe"))
    refused(pack_command(path("small"), path("pipe")), "not a regular file")
    refused([KEY, "generate", "--kind", "bundle", "--out", path("pipe"), "--force"], "not a regular file")
    refused([KEY, "header", "--out", path("pipe"), key("base.key")], "not a regular file")
    check(stat.S_ISFIFO(os.stat(path("pipe")).st_mode), "the pipe was replaced")


@test
def keys_are_private_and_never_replaced_unasked():
    ok(KEY, "generate", "--kind", "bundle", "--out", path("k"))
    equal(stat.S_IMODE(os.stat(path("k")).st_mode), 0o600, "mode of the secret half")
    before = read(path("k"))
    refused([KEY, "generate", "--kind", "bundle", "--out", path("k")], "left alone")
    os.unlink(path("k.pub"))
    refused([KEY, "generate", "--kind", "bundle", "--out", path("k")], "left alone")
    equal(read(path("k")), before, "the key")
    check(not os.path.exists(path("k.pub")), "a public half without its secret one")
    ok(KEY, "generate", "--kind", "bundle", "--out", path("k"), "--force")
    check(read(path("k")) != before, "--force did not replace the key")
    equal([f for f in os.listdir(WORK) if f.startswith("k.") and f != "k.pub"], [], "files left behind")


@test
def show_prints_both_halves_without_the_secret():
    ok(KEY, "generate", "--kind", "package", "--out", path("s"))
    secret = read(path("s")).decode().split("secret: ")[1].strip()
    both = ok(KEY, "show", path("s"), path("s.pub"))
    check(secret not in both, "the secret half was shown")
    equal(both.count("kind: package"), 2, "kinds")
    check("secret: " not in read(path("s.pub")).decode(), "the public half holds a secret")


@test
def damaged_keys_are_refused():
    good = read(key("base.key"))
    for text, reason in ((b"", "not a swos key"), (good[:-1], "not a swos key"), (good + b"x", "not a swos key"),
                         (good.replace(b"kind: base", b"kind: what"), "not a swos key"),
                         (b"\0" + good, "not a swos key"), (good + b"\n" * 2000, "not a swos key")):
        refused([KEY, "show", write(path("damaged"), text)], reason)
    equal([line.split(b":")[0] for line in good.splitlines()], [b"swos-secret-key", b"kind", b"id", b"public", b"secret"], "lines")
    digits = "lower-case hexadecimal digits"
    wanted = ('"swos-secret-key: 1" or "swos-public-key: 1"', '"kind: base", package or bundle', f'"id: " and 16 {digits}',
              f'"public: " and 64 {digits}', f'"secret: " and 64 {digits}', "the end of the file")
    for n, line in enumerate(good.splitlines(keepends=True)):  # missing, twice, changed
        name, value = line.split(b": ")
        for at, bad in ((n, b""), (n + 1, line * 2), (n, name + b":" + value), (n, name + b": \n"), (n, name + b": " + b"x" + value[1:]),
                        (n, line[:-1] + b"0\n"), (n, line[:-1] + b"\r\n"), (n, b" " + line), (n, name + b":  " + value)):
            damaged = write(path("damaged"), good.replace(line, bad))
            said = refused([KEY, "show", damaged], "not a swos key file")
            equal(said, f"swos-key: {damaged}:{at + 1}: not a swos key file: {wanted[at]} is wanted here\n", "what is said")
    upper = good.replace(b"id: ", b"id: A", 1)
    refused([KEY, "show", write(path("damaged"), upper)], ":3: not a swos key file")
    public = read(path("base.key.pub"))
    refused([KEY, "show", write(path("damaged"), public + good.splitlines(keepends=True)[4])], ":5: not a swos key file: the end")
    digit = good.rindex(b"secret: ") + 8
    flipped = good[:digit] + (b"1" if good[digit:digit + 1] == b"0" else b"0") + good[digit + 1:]
    refused([KEY, "show", write(path("damaged"), flipped)], "is damaged")


@test
def header_is_a_table_that_compiles():
    key("base.key")
    key("package.key", "package")
    out = path("trusted_keys.h")
    ok(KEY, "header", "--out", out, path("base.key.pub"), path("package.key"))
    equal(read(out).decode().count(".public_key"), 2, "keys")
    os.utime(out, (1, 1))
    ok(KEY, "header", "--out", out, path("base.key.pub"), path("package.key"))
    equal(os.stat(out).st_mtime, 1, "time of a header that did not change")
    write(path("use.c"), b'#include "trusted_keys.h"\n_Static_assert(sizeof(trusted_keys) / sizeof(trusted_keys[0]) =='
          b' 2, "");\nint main(void) { return trusted_keys[1].kind != IMAGE_PACKAGE; }\n')
    ok("clang-19", "-std=gnu17", "-Wall", "-Werror", "-Ilib", "-I" + WORK, "-o", path("use"), path("use.c"))
    ok(path("use"))


@test
def wrong_usage_has_status_2():
    for argv in ([IMAGE], [IMAGE, "what"], [IMAGE, "pack"], [IMAGE, "list"], [IMAGE, "list", "a", "b"],
                 [IMAGE, "digest", "a"], [IMAGE, "extract", "a"], [KEY], [KEY, "what"], [KEY, "generate"],
                 [KEY, "generate", "--kind", "what", "--out", path("x")], [KEY, "show"], [KEY, "header"]):
        refused(argv, "--help explains", status=2)
    for argv in (["--name", "A"], ["--generation", "-1"], ["--epoch", "x"], ["--kind", "what"]):
        refused(pack_command(tree("usage") if not os.path.exists(path("usage")) else path("usage"), path("x"), *argv),
                "--help explains", status=2)
    for tool in (IMAGE, KEY):
        contains(ok(tool, "--help"), "usage: ")


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(WORK)
