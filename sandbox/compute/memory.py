"""The memory of a task: what the kernel does on Fargate when a task holds more than its definition gives it."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable

import psutil

SAMPLE_SECONDS = 0.5

logger = logging.getLogger(__name__)


def wait_within(process: subprocess.Popen[bytes], limit_mib: int, killed: Callable[[], None] = lambda: None) -> int:
    """Wait for the process's end: its exit code. Meanwhile its largest descendant is killed whenever all hold too much.

    killed: called when that happens.
    Memory is looked at twice a second, so a peak between two looks goes unseen; pages that processes share count twice.
    """
    while True:
        try:
            return process.wait(SAMPLE_SECONDS)
        except subprocess.TimeoutExpired:
            _enforce(process.pid, limit_mib, killed)


def _enforce(pid: int, limit_mib: int, killed: Callable[[], None]) -> None:
    try:
        root = psutil.Process(pid)
        held = {one: one.memory_info().rss for one in (root, *root.children(recursive=True))}
        total = sum(held.values()) // 1024**2
        if total > limit_mib:
            logger.warning("a task held %d MiB and has %d: its largest process is killed", total, limit_mib)
            killed()
            max(held, key=lambda one: held[one]).kill()
    except psutil.NoSuchProcess:
        pass  # it ended while it was looked at
