# SPDX-License-Identifier: MIT
"""Bugs that were: every executable directly in tests/regress, named after its bug."""

import os

from runner import Job
from suites import programs

ORDER = 80


def jobs(context):
    return [Job(os.path.relpath(p, "tests"), [os.path.abspath(p)]) for p in programs("tests/regress")]
