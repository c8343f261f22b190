#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every row of docs/conformance names a test that exists, or a deviation with its reason; every number has a row."""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# How many requirements of each kind RFC 9293's appendix B numbers: each has a row.
NUMBERED = {"rfc9293": {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}}
PROOF = re.compile(r"(script|unit|guest) ([a-z0-9_-]+)$")


def known_tests():
    """Names of scripts, and of unit tests."""
    scripts = {os.path.basename(p)[:-len(".script")] for p in glob.glob(ROOT + "/tests/script/tcp/*.script")}
    units = set()
    for path in glob.glob(ROOT + "/tests/unit/*.c") + glob.glob(ROOT + "/tests/netstack/*.c"):
        with open(path, encoding="utf-8") as f:
            units.update(re.findall(r"^TEST\((\w+)\)", f.read(), re.M))
    guests = set()
    for path in glob.glob(ROOT + "/tests/guest/prog/**/*.c", recursive=True):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        guests.update(re.findall(r"^GUEST_TEST\((\w+)\)", text, re.M))
        guests.update("tcp_" + name for name in re.findall(r"^\w*TEST\w*\((\w+)\)", text, re.M))
    return {"script": scripts, "unit": units, "guest": guests}


def rows(path):
    """Number and proof of each row."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if line.startswith("|") and cells[0] != "#" and not cells[0].startswith("-"):
                yield cells[0], cells[-1] if len(cells) == 4 else ""


def judge(proof, tests):
    """What a proof is (tested, deviation), and what is wrong with it."""
    if re.match(r"deviation: \S", proof):
        return "deviation", None
    if match := re.match(r"see (\S+\.md)$", proof):
        there = os.path.exists(f"{ROOT}/docs/conformance/{match[1]}")
        return "tested", None if there else f"no table {match[1]}"
    for part in proof.split(", "):
        match = PROOF.match(part)
        if not match:
            return "", f"no proof: {proof!r}"
        if match[2] not in tests[match[1]]:
            return "", f"no {match[1]} test {match[2]}"
    return "tested", None


def unmapped(name, numbers):
    """Numbered requirements that no row is about."""
    there = set(re.findall(r"[A-Z]+-\d+", " ".join(numbers)))
    wanted = [f"{kind}-{n}" for kind, last in NUMBERED.get(name, {}).items() for n in range(1, last + 1)]
    return [f"{number}: no row" for number in wanted if number not in there]


def main():
    """One line for each table."""
    tests, failed = known_tests(), 0
    paths = sorted(glob.glob(ROOT + "/docs/conformance/rfc*.md"))
    for path in paths:
        name, count = os.path.basename(path)[:-3], {}
        wrong = unmapped(name, [number for number, _ in rows(path)])
        for number, proof in rows(path):
            kind, why = judge(proof, tests)
            count[kind] = count.get(kind, 0) + 1
            wrong += [f"{number}: {why}"] if why else []
        total = ", ".join(f"{n} {kind}" for kind, n in sorted(count.items()))
        failed += bool(wrong or not count)
        print(f"not ok {name}: {'; '.join(wrong) or 'no rows'}" if wrong or not count else f"ok {name}: {total}")
    return failed != 0 or len(paths) != 7


if __name__ == "__main__":
    sys.exit(main())
