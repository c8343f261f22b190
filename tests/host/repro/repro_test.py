#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same sources in another folder, with other times and another umask, give the same kernel and the same base image."""

import hashlib
import os
import shutil
import subprocess

from harness import main, test

BUILD = os.environ.get("BUILD", "build")
ELSEWHERE = os.path.join(os.environ.get("TEST_TMP", "/tmp"), "another", "and", "deeper", "folder")
HERE = os.path.abspath(os.path.join(os.environ.get("TEST_TMP", "/tmp"), "here.img"))


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def copy_sources(to):
    """What git knows or would add, as files of now."""
    for name in output("git", "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and os.path.lexists(name):
            os.makedirs(os.path.join(to, os.path.dirname(name)), exist_ok=True)
            shutil.copy(name, os.path.join(to, name), follow_symlinks=False)


def make(folder, *what):
    """Runs make as a user would. What is built gets the time of the first commit: what lies in this folder may be older
    than the last one, and an image's files keep times that are older than the given one."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
    epoch = output("git", "log", "--reverse", "--format=%ct").split()[0]
    done = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", f"SOURCE_DATE_EPOCH={epoch}", *what], cwd=folder, env=env,
                          umask=0o077, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"the build failed: {done.stdout}")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def differing(folder):
    """The programs and files of the image that are not the same, as a hint where to look."""
    names = [os.path.relpath(os.path.join(d, f), BUILD) for part in ("user/bin", "base")
             for d, _, files in os.walk(os.path.join(BUILD, part)) for f in files if not f.endswith((".d", ".debug"))]
    other = os.path.join(folder, "build")
    return [n for n in sorted(names) if os.path.isfile(os.path.join(other, n))
            and os.path.isfile(os.path.join(BUILD, n)) and digest(os.path.join(BUILD, n)) != digest(os.path.join(other, n))]


@test
def another_folder_gives_the_same_images():
    copy_sources(ELSEWHERE)
    make(ELSEWHERE, "build/kernel.img", "build/base.img")
    make(".", "image", f"OUT={HERE}")  # build/base.img may be older than the last commit
    pairs = {"kernel.img": os.path.join(BUILD, "kernel.img"), "base.img": HERE}
    wrong = [i for i, here in pairs.items() if digest(here) != digest(os.path.join(ELSEWHERE, "build", i))]
    if wrong:
        raise AssertionError(f"not the same: {', '.join(wrong)}; see {', '.join(differing(ELSEWHERE)[:20])}")
    shutil.rmtree(ELSEWHERE)


main()
