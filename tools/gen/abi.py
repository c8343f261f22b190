#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generates everything that follows from the contract's tables (abi/*.tbl).

usage: abi.py OUTDIR            headers and the dispatch table, for the kernel's build
       abi.py --reference FILE  the reference page of the system calls
"""
import pathlib
import re
import sys

ABI = pathlib.Path(__file__).resolve().parents[2] / "abi"

SCALARS = {
    "int": "int",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "i64": "int64_t",
    "size": "size_t",
    "mode": "uint32_t",
    "flags": "uint32_t",
    "fd": "int",
    "dirfd": "int",
    "uaddr": "uaddr_t",
    "path": "uaddr_t",
}
# An i64 that counts before the rights of the file argument do, or (length) that gives a call an error of its own without them.
POSITIONS = ("pos", "here", "length")
SWOS_BASE = 4096


class TableError(Exception):
    """A row that cannot be understood; the message names file and line."""


class Arg:
    def __init__(self, text, where):
        m = re.fullmatch(r"((?:file|sock)\(([A-Z0|]+)\)|[a-z0-9]+):(\w+)", text)
        if not m or (m.group(2) is None and m.group(1) not in (*SCALARS, *POSITIONS)):
            raise TableError(f"{where}: not an argument: {text!r}")
        self.position = m.group(1) if m.group(1) in POSITIONS else None
        self.is_socket = m.group(1).startswith("sock(")
        self.kind = "file" if m.group(2) else "i64" if self.position else m.group(1)
        self.rights = [] if m.group(2) in (None, "0") else m.group(2).split("|")
        self.name = m.group(3)

    def ctype(self):
        return "struct file *" if self.kind == "file" else SCALARS[self.kind]

    def declare(self):
        t = self.ctype()
        return t + ("" if t.endswith("*") else " ") + self.name

    def rights_mask(self):
        return " | ".join(f"RIGHT_{r}" for r in self.rights) or "0"

    def expression(self, register):
        if self.kind in ("uaddr", "path"):
            return f"(uaddr_t){{x[{register}]}}"
        return f"({SCALARS[self.kind]})x[{register}]"


class Call:
    def __init__(self, line, where):
        body, _, errors = line.partition("!")
        words = body.split()
        self.number = int(words[0])
        self.name = words[1]
        self.errors = errors.split()
        self.implemented = words[2:] != ["unimplemented"]
        self.caps, self.partial, self.blocks, self.args = [], [], False, []
        if not self.implemented:
            return
        if len(words) < 4 or words[3] not in ("b", "-"):
            raise TableError(f"{where}: wants: number name needs blocks arguments ! errors")
        caps = [] if words[2] == "-" else words[2].split("|")
        self.caps = [c for c in caps if not c.endswith("*")]  # the dispatcher's
        self.partial = [c[:-1] + " (for some uses)" for c in caps if c.endswith("*")]  # the handler's
        self.blocks = words[3] == "b"
        self.args = [Arg(w, where) for w in words[4:]]
        if len(self.args) > 6 or any(a.kind == "file" for a in self.args[1:]):
            raise TableError(f"{where}: at most six arguments; only the first may be a file")

    def caps_mask(self):
        return " | ".join(f"CAP_{c}" for c in self.caps) or "0"

    def prototype(self):
        return f"int64_t sys_{self.name}({', '.join(a.declare() for a in self.args) or 'void'})"


def rows(name):
    """Yields (where, line) for each row of a table."""
    path = ABI / name
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield f"abi/{name}:{number}", line


def read_calls():
    calls, seen = [], set()
    for where, line in rows("syscalls.tbl"):
        call = Call(line, where)
        if call.number in seen or call.name in seen:
            raise TableError(f"{where}: {call.number} {call.name} appears twice")
        seen |= {call.number, call.name}
        calls.append(call)
    return calls


def read_bits(name):
    """Tables of named bits: NAME BIT meaning. Returns (name, bit, meaning) tuples."""
    out = []
    for where, line in rows(name):
        words = line.split(None, 2)
        if len(words) != 3 or not words[1].isdigit() or int(words[1]) > 63:
            raise TableError(f"{where}: wants: NAME BIT meaning")
        out.append((words[0], int(words[1]), words[2]))
    return out


def bits_header(name, prefix, ctype, suffix):
    guard = f"GEN_{prefix}S_H"
    bits = read_bits(name)
    lines = [f"/* Generated from abi/{name} by tools/gen/abi.py. */", f"#ifndef {guard}", f"#define {guard}"]
    lines += [f"#define {prefix}_{n} (({ctype})1{suffix} << {bit}) /* {meaning} */" for n, bit, meaning in bits]
    lines.append(f"#define {prefix}_ALL (" + " | ".join(f"{prefix}_{n}" for n, _, _ in bits) + ")")
    lines.append(f"#define {prefix}_NAMES {{ " + ", ".join(f'[{bit}] = "{n}"' for n, bit, _ in bits) + " }")
    lines += ["#endif", ""]
    return "\n".join(lines)


def protos_header(calls):
    lines = ["/* Generated from abi/syscalls.tbl by tools/gen/abi.py: the handlers' prototypes. */",
             "#ifndef GEN_SYSCALL_PROTOS_H", "#define GEN_SYSCALL_PROTOS_H", '#include "core/types.h"', "struct file;"]
    lines += [c.prototype() + ";" for c in calls if c.implemented]
    lines += ["#endif", ""]
    return "\n".join(lines)


def refusal(call):
    """What a call returns when its descriptor has not the rights, an expression of err."""
    for i, a in enumerate(call.args):
        if a.is_socket:
            return "sock_refuse(err, (int)x[0])"
        if a.position == "length":
            return "file_refuse_cut(err, (int)x[0])"
        if a.position:
            refuse = f"file_refuse_at(err, (int)x[0], {a.expression(i)})"
            return refuse if a.position == "pos" else f"{a.expression(i)} == -1 ? err : {refuse}"
    return "err"


def wrapper(call):
    """The function that takes the registers apart, checks the rights of a file argument and calls the handler."""
    head = f"static int64_t\ncall_{call.name}(const uint64_t *x)\n{{\n"
    if not call.args or call.args[0].kind != "file":
        args = ", ".join(a.expression(i) for i, a in enumerate(call.args))
        return head + f"\treturn sys_{call.name}({args});\n}}\n"
    rest = [a.expression(i + 1) for i, a in enumerate(call.args[1:])]
    mask = call.args[0].rights_mask()
    return (f"static int64_t __attribute__((noinline))\nborrow_{call.name}(const uint64_t *x)\n{{\n"
            "\tstruct file_ref ref;\n"
            f"\tint err = file_borrow((int)x[0], {mask}, &ref);\n"
            f"\tif (err != 0)\n\t\treturn {refusal(call)};\n"
            f"\tint64_t result = sys_{call.name}({', '.join(['ref.file'] + rest)});\n"
            "\tfile_return(&ref);\n\treturn result;\n}\n\n" + head +
            f"\tstruct file *f = file_peek((int)x[0], {mask});\n"
            "\tif (unlikely(f == NULL))\n"
            f"\t\treturn borrow_{call.name}(x);\n"
            f"\treturn sys_{call.name}({', '.join(['f'] + rest)});\n}}\n")


def table_source(calls):
    out = ["/* Generated from abi/syscalls.tbl by tools/gen/abi.py: dispatch. */",
           '#include "caps.h"', '#include "rights.h"', '#include "syscall/syscall.h"',
           '#include "syscall_protos.h"', '#include "vfs/file.h"', '#include "net/sock/sock.h"', ""]
    out += [wrapper(c) for c in calls if c.implemented]
    for label, low, high in (("linux", 0, SWOS_BASE), ("swos", SWOS_BASE, 1 << 32)):
        group = [c for c in calls if low <= c.number < high]
        size = max(c.number for c in group) + 1 - low
        out.append(f"const struct syscall_entry syscall_{label}[] = {{")
        for c in group:
            fn = f"call_{c.name}" if c.implemented else "NULL"
            out.append(f"\t[{c.number - low}] = {{{fn}, {c.caps_mask()}}},")
        out.append("};")
        out.append(f"const uint32_t syscall_{label}_count = {size};")
        out.append(f"const struct syscall_info syscall_{label}_info[] = {{")
        for c in group:
            kinds = "".join(f"{{SYSCALL_ARG_{a.kind.upper()}, \"{a.name}\"}}, " for a in c.args)
            out.append(f'\t[{c.number - low}] = {{"{c.name}", {len(c.args)}, {{{kinds}}}}},')
        out.append("};")
        out.append("")
    return "\n".join(out)


def user_header(calls):
    lines = ["/* Generated from abi/syscalls.tbl by tools/gen/abi.py: numbers of swos's own calls. */",
             "#ifndef GEN_SWOS_NUMBERS_H", "#define GEN_SWOS_NUMBERS_H"]
    lines += [f"#define SYS_{c.name} {c.number}" for c in calls if c.number >= SWOS_BASE]
    lines += ["#endif", ""]
    return "\n".join(lines)


def reference(calls):
    lines = ["# System calls", "",
             "Generated from `abi/syscalls.tbl`; do not edit. *Needs*: capabilities of the security context, checked",
             "before anything else (EPERM), and rights of the handle. Calls that are not listed return ENOSYS and are",
             "counted by name in `/proc/swos/unimplemented`.", "",
             "| number | call | needs | may block | errors of its own |", "|---|---|---|---|---|"]
    for c in calls:
        if not c.implemented:
            continue
        rights = [r for a in c.args for r in a.rights]
        needs = ", ".join(c.caps + c.partial + [f"right {r}" for r in rights]) or "–"
        args = ", ".join(f"{a.kind} {a.name}" for a in c.args)
        lines.append(f"| {c.number} | `{c.name}({args})` | {needs} | {'yes' if c.blocks else 'no'} | "
                     f"{' '.join(c.errors) or '–'} |")
    return "\n".join(lines) + "\n"


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(argv):
    try:
        calls = read_calls()
        if len(argv) == 3 and argv[1] == "--reference":
            write_if_changed(pathlib.Path(argv[2]), reference(calls))
        elif len(argv) == 2 and not argv[1].startswith("-"):
            out = pathlib.Path(argv[1])
            write_if_changed(out / "caps.h", bits_header("caps.tbl", "CAP", "uint64_t", "ULL"))
            write_if_changed(out / "rights.h", bits_header("rights.tbl", "RIGHT", "uint32_t", "U"))
            write_if_changed(out / "syscall_protos.h", protos_header(calls))
            write_if_changed(out / "syscall_table.c", table_source(calls))
            write_if_changed(out / "swos_numbers.h", user_header(calls))
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (TableError, ValueError) as e:
        print(f"abi.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
