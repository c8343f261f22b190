# SPDX-License-Identifier: MIT
"""Plays a script on a back end and says where they part.

A back end has: early, late (seconds of tolerance) and share (of the time waited, added to both); now(); inject(ip,
header, length); icmp(words, seq); call(words) -> result or -errno; receive(until) -> (time, ip, length, header) or
None, passing time only as far as what it returns; info(name) -> number; close().
"""

from wire import Space, Segment, differences

STATES = ["", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
          "LAST_ACK", "LISTEN", "CLOSING"]
PEER_PORT, STACK_PORT = 40000, 8080


class Mismatch(Exception):
    """What the stack did is not what the script says."""


class Player:
    """One run of one script."""

    def __init__(self, script, backend):
        self.script, self.backend = script, backend
        self.space = Space(int(script.settings.get("peer_iss", 1 << 30)))
        self.base = backend.now()
        self.log = []
        self.active = any(e.words[:1] == ["connect"] for e in script.events)

    def run(self):
        """Raises Mismatch; log then tells what happened up to there."""
        for event in self.script.events:
            try:
                getattr(self, "_" + event.kind)(event)
            except Mismatch as err:
                raise Mismatch(f"line {event.line}: {event.text}\n  {err}") from None
        self._nothing_more(self.backend.now())

    def ports(self):
        """The peer's and the stack's."""
        return (STACK_PORT, PEER_PORT) if self.active else (PEER_PORT, STACK_PORT)

    def _note(self, at, arrow, what):
        self.log.append(f"{at:9.4f} {arrow} {what}")

    def _take(self, until):
        """The next segment from the stack, with its time, or None."""
        got = self.backend.receive(until)
        if got is None:
            return None, until
        at, ip, length, header = got
        seg = self.space.decode(header, length, ip)
        self._note(at, ">", seg)
        return seg, at

    def _nothing_more(self, until):
        seg, _ = self._take(until)
        if seg is not None:
            raise Mismatch(f"sent, and not in the script: {seg}")

    def _pass(self, event):
        """Time up to the event's passes; what is sent meanwhile waits to be compared."""
        self.base += event.low
        self.backend.sleep(self.base)

    def _in(self, event):
        self._pass(event)
        self._note(self.base, "<", event.segment)
        header = self.space.encode(event.segment, self.ports())
        self.backend.inject(event.segment.ip or 0, header, event.segment.length)

    def _out(self, event):
        b = self.backend
        low = self.base + event.low - b.early - event.low * b.share
        high = self.base + event.high + b.late + event.high * b.share
        seg, at = self._take(high)
        if seg is None:
            raise Mismatch(f"not sent by {high - self.base:.3f} s")
        if at < low or at > high:
            raise Mismatch(f"sent after {at - self.base:.4f} s: {seg}")
        wrong = differences(event.segment, seg)
        if wrong:
            raise Mismatch(f"sent with other {', '.join(wrong)}: {seg}")
        self.base = at

    def _call(self, event):
        self._pass(event)
        result = self.backend.call(event.words)
        self._note(self.base, "call", f"{' '.join(event.words)} -> {result}")
        want = event.result
        if want is not None and result != want or want is None and result < 0:
            raise Mismatch(f"returned {result}")

    def _icmp(self, event):
        self._pass(event)
        seq = (self.space.stack + int(event.words[-1])) % (1 << 32)
        self.backend.icmp(event.words, seq, self.space.encode(Segment("A", 0), self.ports()))

    def _quiet(self, event):
        self.base += event.low
        self._nothing_more(self.base)

    def _state(self, event):
        self._pass(event)
        state = STATES[self.backend.info("state")]
        if state not in event.words:
            raise Mismatch(f"state is {state}")

    def _info(self, event):
        self._pass(event)
        for name, op, value in event.words:
            got, value = self.backend.info(name), int(value)
            if not {"=": got == value, "<=": got <= value, ">=": got >= value}[op]:
                raise Mismatch(f"{name} is {got}")
