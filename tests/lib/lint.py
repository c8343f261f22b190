#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks of our own sources, one `ok` or `not ok` line for each: lint.py format | tidy | deep-tidy | cppcheck.

`tidy` lets the analyzer follow a function's paths to a part of its own bound, and not at all in tests, which takes a
quarter of the time; `deep-tidy` (make campaign-tidy) to the whole, everywhere.

What clang-tidy found nothing in is remembered in the user's cache, by the contents of the file, of all that it
includes, of the flags, of every .clang-tidy and by clang-tidy's version: a second run, in another clone too, checks what
has changed.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", "build")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swos", "lint")
KEPT_SECONDS = 30 * 24 * 3600  # what nobody asked for as long is forgotten
FOLDERS = ("abi", "boot", "kernel", "lib", "user", "tools", "tests")
ANALYZER_BOUND = 75000  # nodes of what it follows of a function; clang's default is 225,000
CPPCHECK = ["cppcheck", "--quiet", "--std=c11", "--platform=unix64", "--inline-suppr", "--error-exitcode=1",
            "--enable=warning,portability", "--suppressions-list=tests/lib/cppcheck.txt",
            "--template={file}:{line}: {severity}: {message} [{id}]", "-D__SWOS_KERNEL__", "-D__clang__",
            "-U__ASSEMBLER__"]


def sources(*suffixes):
    found = []
    for folder in FOLDERS:
        for path, _, names in os.walk(folder):
            found += [os.path.join(path, n) for n in names if n.endswith(suffixes)]
    return sorted(found)


def run(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False)
    return done.returncode, done.stdout


def report(name, failed, output, why):
    if failed:
        print(output, end="" if output.endswith("\n") else "\n")
        print(f"not ok {name}: {why}", flush=True)
    else:
        print(f"ok {name}", flush=True)
    return not failed


def formatted(paths):
    """Whether clang-format would change none of paths, and what it says."""
    status, output = run(["clang-format-19", "--dry-run", "-Werror", *paths])
    return status == 0, output


def check_format():
    good, paths = True, sources(".c", ".h")
    for first in range(0, len(paths), 50):  # one by one, most of the time is the program's start
        some = paths[first:first + 50]
        all_good, _ = formatted(some)
        for path in some:
            fine, output = (True, "") if all_good else formatted([path])
            good &= report(path, not fine, output, f"clang-format-19 -i {path} changes it")
    return good


def read(path):
    with open(path, "rb") as f:
        return f.read()


@functools.cache
def digest(path):
    return hashlib.sha256(read(path)).digest()


def bounded(path):
    if path.startswith("tests/"):
        return ["--checks=-clang-analyzer-*"]
    return ["--extra-arg=-Xclang", "--extra-arg=-analyzer-config", "--extra-arg=-Xclang",
            f"--extra-arg=max-nodes={ANALYZER_BOUND}"]


class Tidy:
    def __init__(self, options):
        """options(path): what clang-tidy is told besides a path and its flags."""
        self.options, self.includes = options, {}
        with open(os.path.join(BUILD, "lint", "flags"), encoding="utf-8") as f:
            self.flags = dict(line.strip().partition(" ")[::2] for line in f)
        common = hashlib.sha256(run(["clang-tidy-19", "--version"])[1].encode())
        for path in [*sources(".clang-tidy"), ".clang-tidy"]:
            common.update(path.encode() + digest(path))
        self.common = common.digest()
        os.makedirs(CACHE, exist_ok=True)

    def flags_of(self, path):
        parts = [p for p in self.flags if path == p or path.startswith(p + "/")]
        return self.flags[max(parts, key=len)].split() if parts else []

    def look_at_includes(self, paths):
        """What each includes, of all at once: one by one it would take longer than many a check. A path that says nothing is
        left out, and then checked each time."""
        database = os.path.join(BUILD, "lint", "compile_commands.json")
        with open(database, "w", encoding="utf-8") as f:
            json.dump([{"directory": ROOT, "file": p, "arguments": ["clang-19", *self.flags_of(p), "-w", "-c", p, "-o", p]}
                       for p in paths], f)
        _, rules = run(["clang-scan-deps-19", "-j", str(os.cpu_count() or 1), f"-compilation-database={database}",
                        "-format=make"])
        for rule in rules.replace("\\\n", " ").splitlines():
            target, _, names = rule.partition(": ")
            self.includes[target] = sorted(os.path.relpath(n, ROOT) if n.startswith(ROOT + "/") else os.path.realpath(n)
                                           for n in names.split())

    def stamp(self, path, flags):
        """The file that is there if nothing was found in path as it and what it includes are now; None: unknown."""
        if path not in self.includes:
            return None
        key = hashlib.sha256(self.common + "\0".join([path] + self.options(path) + flags).encode())
        for included in self.includes[path]:
            key.update(included.encode() + b"\0" + digest(included))
        return os.path.join(CACHE, key.hexdigest())

    def check(self, path):
        """Returns whether it failed, and the output."""
        flags = self.flags_of(path)
        stamp = self.stamp(path, flags)
        if stamp and os.path.exists(stamp):
            os.utime(stamp)
            return False, ""
        status, output = run(["clang-tidy-19", "--quiet", *self.options(path), path, "--"] + flags)
        if status == 0 and stamp:
            with open(stamp, "w", encoding="utf-8"):
                pass
        return status != 0, output

    def forget_old(self):
        for entry in os.scandir(CACHE):
            if time.time() - entry.stat().st_mtime > KEPT_SECONDS:
                os.unlink(entry)


def check_tidy(options):
    tidy, good = Tidy(options), True
    paths = sources(".c")
    tidy.look_at_includes(paths)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for path, (failed, output) in zip(paths, pool.map(tidy.check, paths)):
            good &= report(path, failed, output, "clang-tidy-19 found something")
    tidy.forget_old()
    return good


def check_cppcheck():
    known = os.path.join(BUILD, "lint", "cppcheck")
    os.makedirs(known, exist_ok=True)
    status, output = run(CPPCHECK + [f"--cppcheck-build-dir={known}", f"-j{os.cpu_count() or 1}",
                                     "-I.", "-Ilib", "-Ikernel", "-Ikernel/arch/include",
                                     "-Ikernel/arch/aarch64/include"] + sources(".c"))
    return report("cppcheck", status != 0, output, "cppcheck found something")


CHECKS = {"format": check_format, "tidy": lambda: check_tidy(bounded), "deep-tidy": lambda: check_tidy(lambda _: []),
          "cppcheck": check_cppcheck}

if __name__ == "__main__":
    os.chdir(ROOT)
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    sys.exit(0 if CHECKS[sys.argv[1]]() else 1)
