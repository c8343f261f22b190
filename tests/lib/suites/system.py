# SPDX-License-Identifier: MIT
"""Scenarios of whole machines: every executable directly in tests/system."""

import os

from runner import Job
from suites import programs

ORDER = 70
ALONE = {"tests/system/serve_test.py"}  # how long clients wait for an answer counts
LONG = ("image_test.py", "wires_test.py", "net_test.py", "devices_test.py")  # first, so that none is left alone in the end


def jobs(context):
    return [Job(os.path.relpath(p, "tests"), [os.path.abspath(p)], alone=p in ALONE)
            for p in sorted(programs("tests/system"), key=lambda p: os.path.basename(p) not in LONG)]
