#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TCP over a link that loses, reorders, doubles and delays: every byte arrives in its place, both ways, by both kinds of
congestion control. How fast is another question: tests/net/relay.py."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "run"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.dont_write_bytecode = True

from harness import check, main, test  # noqa: E402
from relay import swos_rig  # noqa: E402
from wire import check_frames  # noqa: E402

LINK = {"rate": 20_000_000, "queue": 125_000, "delay_us": 5_000, "hold_us": 8_000, "loss": 20_000, "reorder": 100_000,
        "duplicate": 20_000}
SIZE = 400_000


@test
def every_byte_arrives_over_a_lossy_link():
    with swos_rig() as rig:
        for seed, algorithm in ((1, "reno"), (2, "cubic")):
            for sender in (0, 1):
                rig.transfer(sender, seed, SIZE, algorithm, **LINK)
                data = rig.relay.counts()[sender]
                check(data["lost"] > 0 and data["late"] > 0 and data["doubled"] > 0, f"the link was kind: {data}")
        check_frames(rig.ends[0].guest)


main()
