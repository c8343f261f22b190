# SPDX-License-Identifier: MIT
"""The pure cores on the host under ASan and UBSan: one program, tests/unit."""

from runner import Job

ORDER = 20


def jobs(context):
    return [Job("unit", [context.path("asan", "unit")], timeout=600)]
