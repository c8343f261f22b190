# SPDX-License-Identifier: MIT
"""Protocols between CPUs as spin models, searched exhaustively: tests/models/check for each tests/models/*.pml."""

import glob
import os

from runner import Job

ORDER = 35


def jobs(context):
    check = os.path.abspath("tests/models/check")
    models = sorted(glob.glob("tests/models/*.pml"))
    return [Job(f"models/{os.path.basename(p)[:-len('.pml')]}", [check, p]) for p in models]
