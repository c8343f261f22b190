#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goodput over lossy links: swos to Linux and back against Linux to Linux through the same relay (tests/relay), which
loses, reorders, doubles and delays segments by their number; every byte is checked at the other end.

usage: tests/net/relay.py [--seeds N] [--jobs N] [--only REGEX] [--algorithm NAME] [--quiet]

Prints medians of the seeds' goodput, and exit status 1 when swos's is below 0.9 times Linux's somewhere. `make
campaign-relay` runs it.
"""
import argparse
import concurrent.futures
import contextlib
import os
import queue
import re
import statistics
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from relay import linux_rig, swos_rig  # noqa: E402
from vm import VmError  # noqa: E402

BAR = 0.9
# 20 Mbit/s, a queue of 50 ms, 5 ms each way at least: slow enough that neither an emulated machine nor a busy host is
# what limits a transfer, and a round trip that hides what a segment takes to be handled.
LINK = {"rate": 20_000_000, "queue": 125_000, "delay_us": 5_000, "hold_us": 8_000}
LOSS1, LOSS5, REORDER = {"loss": 10_000}, {"loss": 50_000}, {"reorder": 100_000}
DUPLICATE, DELAY = {"duplicate": 20_000}, {"delay_us": 50_000}
# Name, bytes (some seconds' worth), what the link does.
LINKS = (
    ("clean", 4_000_000, {}),
    ("loss 1 %", 4_000_000, LOSS1),
    ("loss 5 %", 2_000_000, LOSS5),
    ("reorder 10 %", 4_000_000, REORDER),
    ("duplicate 2 %", 4_000_000, DUPLICATE),
    ("delay 50 ms", 4_000_000, DELAY),
    ("all, loss 1 %", 1_000_000, {**LOSS1, **REORDER, **DUPLICATE, **DELAY}),
    ("all, loss 5 %", 500_000, {**LOSS5, **REORDER, **DUPLICATE, **DELAY}),
)
ALGORITHMS = ("reno", "cubic")
SENDERS = ("swos to Linux", "Linux to swos")  # by the number of the end that sends


class Campaign:
    """Transfers that wait, rigs that make them, and what they gave."""

    def __init__(self, seeds, links, algorithms):
        self.links, self.algorithms = links, algorithms
        self.cells = [(link, algorithm, sender) for link in links for algorithm in algorithms for sender in (0, 1)]
        self.goodput = {}  # (cell, system) -> [bytes a second]
        self.lock = threading.Lock()
        self.work = {}
        for system in ("linux", "swos"):
            self.work[system] = queue.SimpleQueue()
            for seed in range(1, seeds + 1):
                for cell in self.cells:
                    self.work[system].put((cell, seed))

    def drain(self, system, verbose):
        """Makes one system's transfers on a rig of its own until none waits."""
        with (swos_rig() if system == "swos" else linux_rig()) as rig:
            while True:
                try:
                    cell, seed = self.work[system].get_nowait()
                except queue.Empty:
                    return
                (name, size, settings), algorithm, sender = cell
                seconds, info = rig.transfer(sender, seed, size, algorithm, **{**LINK, **settings})
                counts = rig.relay.counts()
                if any(c["refused"] for c in counts):
                    raise VmError(f"an end refused frames: {counts}")
                with self.lock:
                    self.goodput.setdefault((cell[0][0], algorithm, sender, system), []).append(size / seconds)
                    if verbose:
                        print(f"{system} {name}, {algorithm}, from end {sender}, seed {seed}: {seconds:.2f} s {info}; "
                              f"queue full {[c['queue_full'] for c in counts]}, lost {[c['lost'] for c in counts]}",
                              file=sys.stderr, flush=True)

    def run(self, jobs, verbose):
        with concurrent.futures.ThreadPoolExecutor(2 * jobs) as pool:
            for future in [pool.submit(self.drain, s, verbose) for s in ("linux", "swos") for _ in range(jobs)]:
                future.result()

    def table(self):
        """Prints it; whether a bar was missed."""
        missed = False
        print("| link | | Linux | swos | ratio |\n|---|---|---|---|---|")
        for (name, _, _), algorithm, sender in self.cells:
            linux, swos = (statistics.median(self.goodput[name, algorithm, sender, s]) for s in ("linux", "swos"))
            missed |= swos < BAR * linux
            print(f"| {name} | {algorithm}, {SENDERS[sender]} | {linux / 125000:.2f} | {swos / 125000:.2f} | "
                  f"{swos / linux:.2f}{'' if swos >= BAR * linux else ' MISSED'} |")
        return missed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="rigs of each system at a time")
    parser.add_argument("--only", default="", help="links whose name has this expression")
    parser.add_argument("--algorithm", choices=ALGORITHMS)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    # Neither ends nor link wait for who else works on this machine; all inherit it.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    campaign = Campaign(options.seeds, [link for link in LINKS if re.search(options.only, link[0])],
                        [a for a in ALGORITHMS if options.algorithm in (None, a)])
    campaign.run(options.jobs, not options.quiet)
    return 1 if campaign.table() else 0


if __name__ == "__main__":
    sys.exit(main())
