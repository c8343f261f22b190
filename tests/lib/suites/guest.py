# SPDX-License-Identifier: MIT
"""Programs in the guest, many to a boot: every executable directly in tests/guest runs some of them."""

import os

from runner import Job
from suites import programs

ORDER = 60


def jobs(context):
    return [Job(os.path.relpath(p, "tests"), [os.path.abspath(p)], timeout=1200) for p in programs("tests/guest")]
