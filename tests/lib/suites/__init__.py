# SPDX-License-Identifier: MIT
"""The suites of tests/run, one module each; tests/lib/runner.py says what a suite is."""

import os


def programs(directory):
    """The executable files directly in a directory, in order."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    paths = [os.path.join(directory, n) for n in names]
    return [p for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)]
