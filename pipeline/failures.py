"""One worker's failure does not keep the others from being tried; in the end the step fails with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botocore.exceptions import BotoCoreError, ClientError


class StepFailed(Exception):
    """A worker's image cannot be built, does not run or cannot be released; the text says why, for people."""


def each(workers: Iterable[str], step: Callable[[str], None]) -> None:
    """Do the step for every worker. StepFailed with the reason of each that failed."""
    failed: dict[str, str] = {}
    for worker in workers:
        try:
            step(worker)
        except (StepFailed, BotoCoreError, ClientError) as error:
            failed[worker] = str(error)
            print(f"{worker}: FAILED: {error}", flush=True)
    if failed:
        raise StepFailed("; ".join(f"{worker}: {reason}" for worker, reason in failed.items()))
