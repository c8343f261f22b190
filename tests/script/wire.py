# SPDX-License-Identifier: MIT
"""Segments as scripts see them, TCP headers as the wire has them, and the numbers that relate the two.

A script counts sequence numbers from each side's SYN; Space knows where those are.
"""

import struct
from dataclasses import dataclass, field

FLAG_BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}
IP_CE, IP_ECT = 1, 2  # as lib/wire/tcp.h has them
MOD = 1 << 32


@dataclass
class Segment:
    """flags: letters; sequence numbers: relative, those of the header where it is raw; options: name -> value or None."""

    flags: str = "A"
    seq: int = 0
    length: int = 0
    ack: int | None = None
    win: object = None
    urg: int | None = None
    ip: int | None = None
    options: dict | None = field(default=None)

    def __str__(self):
        text = f"{self.flags} {self.seq}" + (f"+{self.length}" if self.length else "")
        if self.ack is not None:
            text += f" ack {self.ack}"
        if self.win is not None:
            text += f" win {self.win}"
        if self.urg is not None:
            text += f" urg {self.urg}"
        if self.ip:
            text += " ce" if self.ip & IP_CE else " ect"
        if self.options is not None:
            text += " {" + ", ".join(" ".join([k] + _words(v)) for k, v in self.options.items()) + "}"
        return text


def _words(value):
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return ["-".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value]
    return [str(value)]


def signed(n):
    """The sequence number nearest to 0."""
    n %= MOD
    return n - MOD if n >= MOD // 2 else n


class Space:
    """Where the two sides' sequence numbers, and the stack's last timestamp, are."""

    def __init__(self, peer_iss):
        self.peer, self.stack, self.last_ts = peer_iss, 0, 0

    def encode(self, seg, ports):
        """The header of a segment from the peer: bytes. ports: the peer's and the stack's."""
        bits = sum(FLAG_BITS[f] for f in seg.flags)
        options = self._encode_options(seg.options or {})
        head = struct.pack(
            ">HHIIBBHHH", ports[0], ports[1], (self.peer + seg.seq) % MOD,
            (self.stack + seg.ack) % MOD if seg.ack is not None else 0,
            (20 + len(options)) // 4 << 4, bits, 65535 if seg.win is None else seg.win, 0, seg.urg or 0)
        return head + options

    def _encode_options(self, options):
        out = b""
        for name, value in options.items():
            if name == "mss":
                out += struct.pack(">BBH", 2, 4, value)
            elif name == "ws":
                out += struct.pack(">BBB", 3, 3, value)
            elif name == "sackok":
                out += b"\4\2"
            elif name == "ts":
                echo = self.last_ts if value[1] == "last" else value[1]
                out += struct.pack(">BBII", 8, 10, value[0] % MOD, echo % MOD)
            elif name == "sack":
                out += struct.pack(">BB", 5, 2 + 8 * len(value))
                for start, end in value:
                    out += struct.pack(">II", (self.stack + start) % MOD, (self.stack + end) % MOD)
            elif name == "raw":
                out += bytes.fromhex(value)
        return out + b"\1" * (-len(out) % 4)

    def decode(self, header, length, ip):
        """A segment from the stack. A SYN tells where its numbers begin."""
        _, _, seq, ack, offset, bits, win, _, urg = struct.unpack(">HHIIBBHHH", header[:20])
        if bits & FLAG_BITS["S"]:
            self.stack = seq
        seg = Segment("".join(f for f, b in FLAG_BITS.items() if bits & b), signed(seq - self.stack), length,
                      win=win, ip=ip, options=self._decode_options(header[20:(offset >> 4) * 4]))
        if bits & FLAG_BITS["A"]:
            seg.ack = signed(ack - self.peer)
        if bits & FLAG_BITS["U"]:
            seg.urg = urg
        if "ts" in seg.options:
            self.last_ts = seg.options["ts"][0]
        return seg

    def _decode_options(self, data):
        out = {}
        while data and data[0] != 0:
            if data[0] == 1:
                data = data[1:]
                continue
            kind, size = data[0], data[1]
            body = data[2:size]
            if kind == 2:
                out["mss"] = struct.unpack(">H", body)[0]
            elif kind == 3:
                out["ws"] = body[0]
            elif kind == 4:
                out["sackok"] = None
            elif kind == 8:
                out["ts"] = struct.unpack(">II", body)
            elif kind == 5:
                edges = [signed(e - self.peer) for e in struct.unpack(f">{len(body) // 4}I", body)]
                out["sack"] = list(zip(edges[::2], edges[1::2]))
            else:
                out["raw"] = data[:size].hex()
            data = data[size:]
        return out


def differences(want, got):
    """Why got is not the segment that a script wants: a list of texts. PSH counts only where the script says P."""
    found = []
    if set(want.flags) - {"P"} != set(got.flags) - {"P"} or ("P" in want.flags and "P" not in got.flags):
        found.append("flags")
    for name in ("seq", "length"):
        if getattr(want, name) != getattr(got, name):
            found.append(name)
    if "A" in want.flags and want.ack is not None and want.ack != got.ack:
        found.append("ack")
    if want.win is not None and not _bounds(want.win, got.win):
        found.append("win")
    if want.urg is not None and want.urg != got.urg:
        found.append("urg")
    if want.ip is not None and want.ip != (got.ip or 0):
        found.append("ip")
    if want.options is not None and not _options_match(want.options, got.options):
        found.append("options")
    return found


def _bounds(want, got):
    if isinstance(want, str):
        limit = int(want[2:])
        return got >= limit if want.startswith(">=") else got <= limit
    return want == got


def _options_match(want, got):
    if want.keys() != got.keys():
        return False
    for name, value in want.items():
        pairs = zip(value, got[name]) if name == "ts" else [(value, got[name])]
        if any(w != "any" and w != g for w, g in pairs):
            return False
    return True
