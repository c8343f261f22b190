#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the reference page of the network's settings from their table.

usage: sysctl.py TABLE FILE     TABLE is kernel/net/sysctl.def
"""
import pathlib
import re
import sys

FOLDERS = {"CORE": "core", "UNIX": "unix", "IP4": "ipv4", "IP6": "ipv6", "CONF4": "ipv4/conf/NAME", "CONF6": "ipv6/conf/NAME",
           "NEIGH6": "ipv6/neigh/NAME"}
NAMES = {"INT32_MAX": str(2**31 - 1), "UINT32_MAX": str(2**32 - 1)}
HEADER = """\
# Settings of the network

Generated from `kernel/net/sysctl.def`; do not edit. Below `/proc/sys/net`, as numbers in Linux's format. Changing one takes
NETADMIN, and acts at once. NAME is an interface, `all` (written: all interfaces and those to come; read: those to come) or
`default` (those to come); `neigh` has interfaces only. What has no range cannot be changed.

| setting | range | what |
|---|---|---|
"""


def split(text):
    """The arguments of a macro: at commas outside parentheses and strings."""
    args, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"' and text[i - 1] != "\\":
            quoted = not quoted
        elif not quoted and c in "()":
            depth += 1 if c == "(" else -1
        elif not quoted and depth == 0 and c == ",":
            args.append(text[start:i].strip())
            start = i + 1
    return args + [text[start:].strip()]


def rows(source):
    for m in re.finditer(r"^SYSCTL_(\w+)\(((?:[^\n]|\n\t)*)\)$", source, re.M):
        name, count, _, low, high, _, what = split(m.group(2))
        what = "".join(re.findall(r'"([^"]*)"', what))
        low, high = NAMES.get(low, low), NAMES.get(high, high)
        span = f"{low} to {high}" if int(count) else f"always {high}"
        if int(count) > 1:
            span = f"{count} of {span}"
        yield f"{FOLDERS[m.group(1)]}/{name}", span, what


def main(argv):
    if len(argv) != 3:
        sys.exit(__doc__)
    table = "".join(f"| `{n}` | {s} | {w} |\n" for n, s, w in rows(pathlib.Path(argv[1]).read_text(encoding="utf-8")))
    pathlib.Path(argv[2]).write_text(HEADER + table, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv)
