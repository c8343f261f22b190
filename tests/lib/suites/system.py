# SPDX-License-Identifier: MIT
"""Scenarios of whole machines: every executable directly in tests/system."""

import os

from runner import Job
from suites import programs

ORDER = 70


def jobs(context):
    return [Job(os.path.relpath(p, "tests"), [os.path.abspath(p)], timeout=1200)
            for p in programs("tests/system")]
