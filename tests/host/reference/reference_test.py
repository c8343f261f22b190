#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reference pages have what there is: system calls and settings as their tables say now, every word of the kernel's
command line, every command with every option; and every machine that the guest's tests know is in a job of the suite."""

import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "guest"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.dont_write_bytecode = True

import guest_test  # noqa: E402
from harness import check, contains, equal, main, test  # noqa: E402
from suites import guest  # noqa: E402


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def sources(*folders):
    """The text of every C source under the folders, by path."""
    paths = [p for f in folders for p in glob.glob(f"{f}/**/*.c", root_dir=ROOT, recursive=True)]
    return {p: read(p) for p in sorted(paths)}


def generated(*argv):
    """What a generator writes to the file that is its last argument."""
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "page")
        subprocess.run([sys.executable, *argv, path], cwd=ROOT, check=True)
        return read(path)


@test
def generated_pages_are_those_of_the_tables():
    for page, argv in (("syscalls", ("tools/gen/abi.py", "--reference")),
                       ("sysctl", ("tools/gen/sysctl.py", "kernel/net/sysctl.def"))):
        check(read(f"docs/reference/{page}.md") == generated(*argv), f"{page}.md is old: run make reference")


@test
def every_word_of_the_command_line_is_told():
    read_by = re.compile(r'cmdline_(?:get|has)\w*\([^,]*?(?:\(\))?, "([\w-]+)"')
    used = {m.group(1) for text in sources("kernel", "user").values() for m in read_by.finditer(text)}
    check({"run", "init", "nokaslr", "trace", "loglevel"} <= used, f"what is read was not found: {used}")
    table = read("docs/boot.md").split("## Command line")[1].split("\n## ")[0]
    told = set(re.findall(r"(?:^\| |, )`([\w-]+)", table, re.M)) - {"word"}
    equal(sorted(told), sorted(used), "words in docs/boot.md")


def options_of(text):
    """The options that a program's source hands to getopt() or compares its arguments with."""
    found = {f"-{c}" for letters in re.findall(r'getopt\w*\(argc, argv, "([^"]*)"', text) for c in letters if c != ":"}
    found |= {f"--{name}" for name in re.findall(r'\{"([\w-]+)", (?:no|required)_argument', text)}
    found |= set(re.findall(r'strcmp\(argv\[\w+\], "(--[\w-]+)"', text))
    return found - {"--help", "-h"}


@test
def every_command_is_told_with_its_options():
    page = read("docs/reference/commands.md")
    links = re.search(r"for name in ([\w ]+); do\n\tln -s power", read("base/stage")).group(1).split()
    programs = re.search(r"for program in ([\w ]+); do", read("base/stage")).group(1).split()
    ours = (set(programs) - {"power"}) | set(links) | {"each", "swos-key", "swos-image", "swos-passwd"}
    told = set(re.findall(r"`([a-z-]+)[^`]*`", "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))))
    check(ours <= told, f"not in commands.md: {ours - told}")
    for path, text in sources("user", "tools").items():
        for option in options_of(text):
            check(re.search(rf"`{option}[ `]", page), f"commands.md has no {option} of {path}")
    for name in ("swos-key", "swos-image", "swos-passwd"):
        tool = os.path.join(ROOT, os.environ.get("BUILD", "build"), "host", name)
        said = subprocess.run([tool, "--help"], check=True, capture_output=True, text=True).stdout
        for verb in re.findall(rf"(?:usage:| {{6}}) {name} ([\w|]+)", said):
            for word in verb.split("|"):
                contains(page, word)


@test
def every_machine_of_the_guest_tests_is_in_a_job():
    jobs = [m for machines in guest.MACHINES["tests/guest/guest_test.py"] for m in machines]
    equal(sorted(jobs), sorted([*guest_test.MACHINES, "late", "storm"]), "machines in the suite")
    for path in glob.glob(f"{ROOT}/tests/*/*_test.py") + glob.glob(f"{ROOT}/tests/host/*/*_test.py"):
        check(os.access(path, os.X_OK), f"{path} is not executable: no suite runs it")


if __name__ == "__main__":
    main()
