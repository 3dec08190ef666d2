"""Whose job is next in a queue with a share policy.

AWS documents what the numbers mean, not the formula. Here an identifier's use is what it runs now and what it has run,
in vCPUs averaged over the decay time, what is longer ago counting less; times its weight factor. The least is next.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Protocol

from sandbox.compute.batch.declared import SharePolicy


class Candidate(Protocol):
    """share: its identifier. priority: among the jobs of the same identifier, the higher first. order: of arrival."""

    share: str
    priority: int
    order: int


class Shares:
    """What the identifiers of one queue use. `now` is any clock in seconds that only goes forward."""

    def __init__(self, policy: SharePolicy):
        self._policy = policy
        self._running: dict[str, float] = {}
        self._average: dict[str, float] = {}
        self._at: dict[str, float] = {}

    def started(self, identifier: str, vcpus: float, now: float) -> None:
        self._settle(identifier, now)
        self._running[identifier] = self._running.get(identifier, 0) + vcpus

    def ended(self, identifier: str, vcpus: float, now: float) -> None:
        self.started(identifier, -vcpus, now)

    def use(self, identifier: str, now: float) -> float:
        """vCPUs, weighted."""
        self._settle(identifier, now)
        return (self._running.get(identifier, 0) + self._average[identifier]) * self._policy.weight(identifier)

    def next(self, candidates: Iterable[Candidate], now: float) -> list[Candidate]:
        """The candidates, the one that is next first."""
        use: dict[str, float] = {}

        def rank(job: Candidate) -> tuple[float, int, int]:
            if job.share not in use:
                use[job.share] = self.use(job.share, now)
            return use[job.share], -job.priority, job.order

        return sorted(candidates, key=rank)

    def available(self, max_vcpus: float, active: Collection[str]) -> float:
        """vCPUs that the active identifiers may use, the rest being held back for others."""
        return max_vcpus * (1 - (self._policy.reservation / 100) ** len(active)) if active else max_vcpus

    def _settle(self, identifier: str, now: float) -> None:
        """Bring the average up to date."""
        kept = math.exp(-max(0.0, now - self._at.get(identifier, now)) / self._policy.decay_seconds)
        running = self._running.get(identifier, 0)
        self._average[identifier] = running + (self._average.get(identifier, 0) - running) * kept
        self._at[identifier] = now
