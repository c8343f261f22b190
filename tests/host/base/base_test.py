#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the base image is made with: fetching by lock file, merging trees, applet names, identity lines."""

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time

from harness import contains, equal, main, test

BUILD = os.environ.get("BUILD", "build")
PASSWD = os.path.abspath(os.path.join(BUILD, "host/swos-passwd"))
WORK = tempfile.mkdtemp(dir=os.environ.get("TEST_TMP"))


def path(*parts):
    return os.path.join(WORK, *parts)


def run(*argv, **kwargs):
    return subprocess.run(argv, capture_output=True, text=True, **kwargs)


def ok(*argv, **kwargs):
    done = run(*argv, **kwargs)
    equal(done.returncode, 0, f"status of {' '.join(argv)} ({done.stderr.strip()})")
    return done.stdout


def refused(reason, *argv, status=1, **kwargs):
    done = run(*argv, **kwargs)
    equal(done.returncode, status, f"status of {' '.join(argv)}")
    contains(done.stderr, reason)


def write(name, text="", mode=0o644):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path(name), mode)
    return path(name)


def read(name):
    with open(path(name), encoding="utf-8") as f:
        return f.read()


def make_tree(name):
    write(f"{name}/usr/bin/ls", "busybox")
    write(f"{name}/etc/motd", "old")
    os.symlink("usr/bin", path(name, "bin"))
    os.symlink("usr", path(name, "loop"))
    os.symlink("/etc", path(name, "outside"))
    os.symlink("/run/etc/hosts", path(name, "etc/hosts"))
    return path(name)


# ---- merge


@test
def merge_follows_links_to_directories_of_the_tree():
    tree = make_tree("m1")
    write("x1/bin/ls", "mine", 0o755)
    write("x1/new/file", "n")
    ok("base/merge", path("x1"), tree)
    equal(os.readlink(path("m1/bin")), "usr/bin")
    equal(read("m1/usr/bin/ls"), "mine")
    equal(stat.S_IMODE(os.stat(path("m1/usr/bin/ls")).st_mode), 0o755, "mode")
    equal(read("m1/new/file"), "n")


@test
def merge_never_writes_to_what_it_replaces():
    tree = make_tree("m2")
    os.link(path("m2/etc/motd"), path("kept"))
    write("x2/etc/motd", "new")
    write("x2/etc/hosts", "real")
    ok("base/merge", path("x2"), tree)
    equal(read("m2/etc/motd"), "new")
    equal(read("kept"), "old")
    equal(os.path.islink(path("m2/etc/hosts")), False, "link")


@test
def merge_never_leaves_the_tree():
    tree = make_tree("m3")
    write("x3/outside/swos-merge-test", "x")
    ok("base/merge", path("x3"), tree)
    equal(os.path.exists("/etc/swos-merge-test"), False)
    equal(read("m3/outside/swos-merge-test"), "x")


@test
def merge_keeps_modes_of_directories_that_are_there():
    tree = make_tree("m4")
    os.chmod(path("m4/etc"), 0o755)
    write("x4/etc/file")
    os.chmod(path("x4/etc"), 0o700)
    os.mkdir(path("x4/mine"), 0o711)
    os.chmod(path("x4/mine"), 0o711)
    ok("base/merge", path("x4"), tree)
    equal(stat.S_IMODE(os.stat(path("m4/etc")).st_mode), 0o755, "mode")
    equal(stat.S_IMODE(os.stat(path("m4/mine")).st_mode), 0o711, "mode")


@test
def merge_refuses_what_fits_nowhere():
    tree = make_tree("m5")
    write("x5/usr", "a file")
    refused("is a directory", "base/merge", path("x5"), tree)
    os.makedirs(path("x5b"))
    os.mkfifo(path("x5b/fifo"))
    refused("neither", "base/merge", path("x5b"), tree)


# ---- applets


@test
def applets_are_found_in_the_program():
    names = ["[", "[["] + sorted(f"applet{i:03}" for i in range(120)) + ["ls", "zcat"]
    program = b"\x7fELF junk\0" + "\0".join(names).encode() + b"\0\0Usage: more\0"
    with open(path("busybox"), "wb") as f:
        f.write(program)
    equal(ok("base/busybox-applets", path("busybox")).split(), names, "names")
    with open(path("busybox"), "wb") as f:
        f.write(program.replace(b"\0[\0[[\0", b"\0[\0"))
    refused("not where", "base/busybox-applets", path("busybox"))


# ---- identities


@test
def identity_lines_pass_their_own_check():
    line = ok(PASSWD, "line", "ann", "7", "8", "9", "SPAWN,NET", "/home/ann", "/bin/sh", input="secret\n")
    fields = line.rstrip("\n").split(":")
    equal(fields[:5], ["ann", "7", "8", "9", "SPAWN,NET"], "fields")
    contains(fields[5], "$argon2id$v=19$m=19456,t=2,p=1$")
    store = write("store", line)
    ok(PASSWD, "check", store)
    write("store", line + line)
    refused("store:2: this name or uid is there already", PASSWD, "check", store)
    write("store", "# fine\n\nann:7\n")
    refused("store:3: malformed line", PASSWD, "check", store)
    locked = ok(PASSWD, "line", "bob", "7", "8", "9", "-", "/", "/bin/false", "--locked")
    equal(locked, "bob:7:8:9:-:!:/:/bin/false\n")


@test
def identity_lines_that_are_refused():
    line = (PASSWD, "line", "ann", "7", "8", "9", "SPAWN", "/home/ann", "/bin/sh")
    refused("no password", *line, input="")
    refused("empty or too long", *line, input="\n")
    refused("empty or too long", *line, input="x" * 300 + "\n")
    refused("no valid line", *line[:6], "TEA", *line[7:], input="secret\n")
    refused("no valid line", *line[:2], "a:b", *line[3:], input="secret\n")
    refused("usage", PASSWD, status=2)


# ---- staging and packing


IMAGE = os.path.abspath(os.path.join(BUILD, "host/swos-image"))


def stage(name, umask):
    """The standard tree, staged with a umask; its folder."""
    old = os.umask(umask)
    try:
        ok("base/stage", path(name), "base/development/passwd")
    finally:
        os.umask(old)
    return path(name)


def key():
    if not os.path.exists(path("base.key")):
        ok(os.path.join(BUILD, "host/swos-key"), "generate", "--kind", "base", "--out", path("base.key"))
    return path("base.key")


def image_command(tree, out, extra=""):
    return ["base/image", IMAGE, key(), tree, out, extra, "--generation", "1", "--epoch", "1700000000"]


@test
def staging_twice_gives_the_same_image():
    """Whatever the umask, the folder and the time: the same bytes, and no trace of the folder that it was built in."""
    images = []
    for name, umask in (("stage1", 0o022), ("deeper/stage2", 0o077)):
        os.makedirs(os.path.dirname(path(name)), exist_ok=True)
        ok(*image_command(stage(name, umask), path("staged.img")))
        with open(path("staged.img"), "rb") as f:
            images.append(f.read())
    equal(images[0] == images[1], True, "whether the images are the same")
    equal(images[0].count(os.getcwd().encode()), 0, "mentions of the folder that it was built in")


@test
def extra_trees_of_every_kind():
    tree = stage("plain", 0o022)
    motd = read("plain/etc/motd")
    extra, out = path("extra"), path("extra.img")
    write("extra/etc/motd", "new")  # in place of the standard tree's
    write("extra/usr/local/setuid", "x", 0o4755)
    write(f"extra/{'n' * 255}", "long")
    write(f"extra/{'/'.join(['d' * 200] * 6)}/f", "deep")
    os.symlink("nowhere", os.path.join(extra, "dangling"))
    os.symlink("/etc/passwd", os.path.join(extra, "absolute"))
    ok(*image_command(tree, out, extra))
    ok(IMAGE, "extract", out, "--to", path("unpacked"))
    equal(read("unpacked/etc/motd"), "new")
    equal(read(f"unpacked/{'n' * 255}"), "long")
    equal(read(f"unpacked/{'/'.join(['d' * 200] * 6)}/f"), "deep")
    equal(os.readlink(path("unpacked/dangling")), "nowhere")
    equal(os.readlink(path("unpacked/absolute")), "/etc/passwd")
    line = next(n for n in ok(IMAGE, "list", out).splitlines() if n.endswith(" /usr/local/setuid"))
    contains(line, "-rwsr-xr-x")
    equal(read("plain/etc/motd"), motd, "the standard tree's file")


@test
def extra_trees_that_are_refused():
    tree, out = make_tree("strict"), path("refused.img")
    refused("is no directory", *image_command(tree, out, path("absent")))
    refused("is no directory", *image_command(tree, out, write("a_file")))
    os.makedirs(path("special"))
    os.mkfifo(path("special/fifo"))
    refused("fifo is neither", *image_command(tree, out, path("special")))
    write("over/etc", "a file")
    refused("is a directory", *image_command(tree, out, path("over")))
    equal(os.path.exists(out), False, "an image")
    equal([n for n in os.listdir(WORK) if n.startswith("strict.")], [], "left-over trees")


# ---- fetching, from a cache alone


def make_ports(name, version="1.0"):
    """A ports folder with a lock for one package, and a cache that holds it. Returns fetch, cache and record."""
    write(f"{name}/pkg/DEBIAN/control",
          f"Package: thing\nVersion: {version}\nArchitecture: arm64\nMaintainer: x\nDescription: x\n")
    write(f"{name}/pkg/usr/share/thing", "content")
    archives = path(name, "cache/archives")
    os.makedirs(archives)
    file = f"thing_{version}_arm64.deb"
    ok("dpkg-deb", "--root-owner-group", "-b", path(name, "pkg"), os.path.join(archives, file))
    with open(os.path.join(archives, file), "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    os.makedirs(path(name, "ports"))
    shutil.copy("ports/fetch", path(name, "ports/fetch"))
    write(f"{name}/ports/lock", f"thing arm64 {version} {digest} {file}\n")
    return path(name, "ports/fetch"), path(name, "cache"), os.path.join(archives, file)


@test
def fetch_takes_what_the_cache_has():
    fetch, cache, _ = make_ports("f1")
    ok(fetch, "--cache", cache, "unpack", "thing", path("f1/out"))
    equal(read("f1/out/usr/share/thing"), "content")
    equal(os.path.exists(os.path.join(cache, "apt")), False, "use of apt")
    write("f1/out/usr/share/stale")
    ok(fetch, "--cache", cache, "unpack", "thing", path("f1/out"))
    equal(os.path.exists(path("f1/out/usr/share/stale")), False, "left-over")


@test
def fetch_replaces_what_a_broken_download_left():
    """A cached file that is not what the lock names is not used; nor is what an interrupted unpacking left."""
    fetch, cache, record = make_ports("f3")
    with open(record, "r+b") as f:
        f.truncate(100)
    os.makedirs(path("f3/out"))
    write("f3/out/half", "x")
    sources = {**os.environ, "PATH": write_tools("f3/bin", "echo 'E: Version 1.0 was not found' >&2; exit 100")}
    done = run(fetch, "--cache", cache, "unpack", "thing", path("f3/out"), env=sources)
    equal(done.returncode, 1, "status")
    for part in ("thing 1.0, which ports/lock names, cannot be fetched", "was not found", "run `make lock`"):
        contains(done.stderr, part)
    equal(os.path.exists(path("f3/out/half")), True, "what was there before")
    equal([n for n in os.listdir(path("f3")) if n.startswith("tmp")], [], "left-over folders")


def write_tools(name, script):
    """A PATH whose apt-get updates, and does as the script says for all else."""
    text = "#!/bin/sh\nfor word; do [ \"$word\" != update ] || exit 0; done\n" + script + "\n"
    write(f"{name}/apt-get", text, 0o755)
    return path(name) + ":" + os.environ["PATH"]


@test
def fetch_may_run_many_times_at_once():
    fetch, cache, _ = make_ports("f4")
    running = [subprocess.Popen([fetch, "--cache", cache, "unpack", "thing", path(f"f4/out{n}")]) for n in range(8)]
    equal([p.wait() for p in running], [0] * 8, "statuses")
    equal([read(f"f4/out{n}/usr/share/thing") for n in range(8)], ["content"] * 8, "contents")


@test
def fetch_says_what_the_lock_lacks():
    fetch, cache, _ = make_ports("f2")
    refused("ports/lock has no other", fetch, "--cache", cache, "unpack", "other", path("f2/out"))
    write("f2/ports/lock", "thing arm64\n")
    refused("5 words wanted", fetch, "--cache", cache, "unpack", "thing", path("f2/out"))
    os.unlink(path("f2/ports/lock"))
    refused("make lock", fetch, "--cache", cache, "unpack", "thing", path("f2/out"))


@test
def a_commit_after_the_staging_gives_the_same_image():
    """What is ours has the image's time, not the clock's at which it was staged; Debian's files keep their own."""
    tomorrow = int(time.time()) + 86400
    ok("base/stage", path("staged"), "base/development/passwd")
    ok(os.path.join(BUILD, "host/swos-key"), "generate", "--kind", "base", "--out", path("stage.key"))
    ok(os.path.join(BUILD, "host/swos-image"), "pack", "--root", path("staged"), "--out", path("staged.img"), "--key",
       path("stage.key"), "--kind", "base", "--name", "swos-base", "--generation", "1", "--epoch", str(tomorrow))
    listing = ok(os.path.join(BUILD, "host/swos-image"), "list", path("staged.img"))
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(tomorrow))
    others = [line.split()[6] for line in listing.splitlines() if line.startswith("-") and when not in line]
    theirs = ("/usr/bin/bash", "/usr/bin/busybox", "/usr/lib/terminfo/", "/usr/share/doc/")
    equal([name for name in others if not name.startswith(theirs)], [], "files with another time")
    contains("\n".join(others), "/usr/bin/bash")


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(WORK)
