# SPDX-License-Identifier: MIT
"""The language of packet scripts: docs/scripts.md describes it. parse() gives a Script or raises ScriptError."""

import errno
import os
import re
from dataclasses import dataclass, field

from wire import IP_CE, IP_ECT, FLAG_BITS, Segment

CALLS = {"listen", "connect", "accept", "write", "read", "readoob", "shutdown", "close", "set", "error"}
SETTINGS = {"mss", "cc", "ecn", "timestamps", "sack", "wscale", "cookies", "peer_iss", "rcvbuf"}


class ScriptError(Exception):
    """A script that is not one."""


@dataclass
class Event:
    """At low to high seconds after the event before (low == high: then, within the back end's tolerance)."""

    line: int
    text: str
    low: float
    high: float
    kind: str
    segment: Segment | None = None
    words: list = field(default_factory=list)
    result: int | None = None


@dataclass
class Script:
    """title: its first comment. fails: back end -> why it is known to fail there."""

    name: str
    title: str = ""
    settings: dict = field(default_factory=dict)
    fails: dict = field(default_factory=dict)
    events: list = field(default_factory=list)


def parse(path):
    """The script in a file."""
    script = Script(os.path.splitext(os.path.basename(path))[0])
    _read(script, path)
    if not script.title or not script.events:
        raise ScriptError(f"{path}: no title, or no events")
    return script


def _read(script, path):
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            try:
                _line(script, path, number, line.rstrip())
            except (ValueError, IndexError, KeyError) as err:
                raise ScriptError(f"{path}:{number}: {line.strip()!r}: {err}") from err


def _line(script, path, number, line):
    if line.startswith("#"):
        script.title = script.title or line[1:].strip()
        return
    line = line.split("#")[0].strip()
    if not line:
        return
    words = line.split()
    if words[0] == "include":
        _read(script, os.path.join(os.path.dirname(path), words[1]))
    elif words[0] == "use":
        if words[1] not in SETTINGS:
            raise ValueError(f"no setting {words[1]}")
        script.settings[words[1]] = words[2]
    elif words[0] == "fails":
        backend, why = line.split(None, 2)[1:]
        if backend == "linux" and not re.search(r"RFC \d+.*MUST", why):
            raise ValueError("what Linux fails is wrong, unless an RFC's MUST is named")
        script.fails[backend] = why
    else:
        script.events += _event(number, line)


def _event(number, line):
    when, kind, *rest = line.split(None, 2)
    low, high = _time(when)
    rest = rest[0] if rest else ""
    event = Event(number, line, low, high, kind)
    if kind in ("in", "out"):
        return _segments(event, rest)
    if kind in CALLS:
        rest, _, result = rest.partition("->")
        event.kind, event.words = "call", [kind] + rest.split()
        result = result.strip()
        if result:
            event.result = int(result) if result.isdigit() else -getattr(errno, result)
    elif kind in ("state", "icmp"):
        event.words = rest.split()
    elif kind == "info":
        event.words = [tuple(re.split(r"(<=|>=|=)", w)) for w in rest.split()]
    elif kind != "quiet":
        raise ValueError(f"no event {kind}")
    return [event]


def _time(word):
    low, _, high = word.lstrip("+").partition("~")
    return _seconds(low), _seconds(high or low)


def _seconds(word):
    for unit, factor in (("us", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if word.endswith(unit):
            return float(word[:-len(unit)]) * factor
    if float(word) != 0:
        raise ValueError("a time without a unit")
    return 0.0


def _segments(event, text):
    """One event, or with SEQ+TOTAL/SIZE one for each piece."""
    text, brace, options = text.partition("{")
    words = text.split()
    seg = Segment(words[0])
    if set(words[0]) - set(FLAG_BITS):
        raise ValueError(f"flags {words[0]}")
    seq, _, length = words[1].partition("+")
    total, _, size = length.partition("/")
    seg.seq, seg.length = int(seq), int(total or 0)
    _fields(seg, words[2:])
    if brace:
        seg.options = dict(_option(o) for o in options.rstrip().rstrip("}").split(",") if o.strip())
    pieces, done = [], 0
    step = int(size) if size else max(seg.length, 1)
    while done == 0 or done < seg.length:
        piece = Segment(**{**seg.__dict__, "seq": seg.seq + done, "length": min(step, seg.length - done)})
        times = (event.low, event.high) if done == 0 else (0.0, 0.0)
        pieces.append(Event(event.line, event.text, *times, event.kind, segment=piece))
        done += step
    return pieces


def _fields(seg, words):
    words = iter(words)
    for word in words:
        if word in ("ce", "ect", "noect"):
            seg.ip = {"ce": IP_CE | IP_ECT, "ect": IP_ECT, "noect": 0}[word]
        elif word in ("ack", "urg"):
            setattr(seg, word, int(next(words)))
        elif word == "win":
            value = next(words)
            seg.win = int(value) if value.isdigit() else value
        else:
            raise ValueError(f"what is {word}")


def _option(text):
    name, *values = text.split()
    if name == "sack":
        return name, [tuple(int(e) for e in v.split("-")) for v in values]
    if name == "raw":
        return name, values[0]
    if name not in ("mss", "ws", "sackok", "ts"):
        raise ValueError(f"no option {name}")
    values = [int(v) if v.isdigit() else v for v in values]
    if name == "ts":
        return name, tuple(values)
    return name, values[0] if values else None
