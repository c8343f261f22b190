# SPDX-License-Identifier: MIT
"""Layout and static checks of our own sources; the clang-tidy job uses all processors by itself."""

from runner import Job

ORDER = 10


def jobs(context):
    return [Job(f"lint/{what}", ["tests/lib/lint.py", what], timeout=3600) for what in ("format", "cppcheck", "tidy")]
