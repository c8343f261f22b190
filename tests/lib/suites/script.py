# SPDX-License-Identifier: MIT
"""Packet scripts of TCP on our core and on the host's Linux: see docs/scripts.md."""

from runner import Job

ORDER = 16


def jobs(context):
    return [Job("script/tcp", ["tests/script/play"], timeout=600)]
