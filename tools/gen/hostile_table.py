#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates the table of calls that the guest's hostile tests try, from abi/syscalls.tbl: hostile_table.py OUTFILE"""
import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # noqa: E402


def row(call):
    args = ", ".join(f'{{HOSTILE_{a.kind.upper()}, "{a.name}"}}' for a in call.args)
    return f'\t{{{call.number}, "{call.name}", {str(call.implemented).lower()}, {len(call.args)}, {{{args}}}}},'


def table(calls):
    lines = ["/* Generated from abi/syscalls.tbl by tools/gen/hostile_table.py. */",
             "const struct hostile_call hostile_calls[] = {"]
    lines += [row(c) for c in calls]
    lines += ["};", f"const uint32_t hostile_calls_count = {len(calls)};", ""]
    return "\n".join(lines)


def main():
    if len(sys.argv) != 2:
        print("usage: hostile_table.py OUTFILE", file=sys.stderr)
        return 2
    try:
        abi.write_if_changed(pathlib.Path(sys.argv[1]), table(abi.read_calls()))
    except (abi.TableError, ValueError) as e:
        print(f"hostile_table.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
