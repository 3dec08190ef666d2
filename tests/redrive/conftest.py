from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchctl import letters, redrive
from tests.mocked_aws import mocked_aws
from tests.redrive.redrive_support import REGION, Clock, Queues


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with mocked_aws(REGION):
        yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(redrive, "time", found)
    monkeypatch.setattr(letters, "WAIT_SECONDS", 0)
    return found


@pytest.fixture(params=[False, True], ids=["standard", "fifo"])
def queues(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    """A queue with its dead-letter queue, of either kind, on a service without move tasks."""
    monkeypatch.setattr(letters.DeadLetters, "can_move", False)
    found = Queues(clock, fifo=request.param)
    yield found
    found.delete()
