import signal
import subprocess
import sys

import pytest

from sandbox.compute import memory

HOLD = "import sys, time; held = bytearray({size} * 1024**2); held[::4096] = b'x' * len(held[::4096]); {then}"


def started(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SAMPLE_SECONDS", 0.05)


def test_a_process_that_holds_more_than_the_task_has_is_killed():
    process = started(HOLD.format(size=200, then="time.sleep(60)"))
    assert memory.wait_within(process, 100) == -signal.SIGKILL


def test_the_largest_process_is_killed_and_the_one_that_started_it_can_say_so():
    child = HOLD.format(size=200, then="time.sleep(60)")
    parent = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]) == -9 and 7)"
    assert memory.wait_within(started(parent), 150) == 7


def test_a_process_within_its_memory_ends_by_itself():
    process = started(HOLD.format(size=20, then="time.sleep(0.3); sys.exit(3)"))
    assert memory.wait_within(process, 100) == 3
