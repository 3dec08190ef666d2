"""What the sections of the demonstration share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.settings import Settings
from sandbox.cloud import Cloud
from sandbox.deployment import Deployment
from sandbox.receivers import Receivers


@dataclass(frozen=True)
class Scene:
    """A stack that is up. project: its folder."""

    project: Path
    settings: Settings
    deployment: Deployment
    receivers: Receivers

    @property
    def cloud(self) -> Cloud:
        return self.deployment.cloud


@dataclass(frozen=True)
class Outcome:
    """What a section came to. summary: lines for people. problems: what went wrong, in words."""

    summary: Sequence[str]
    problems: Sequence[str] = ()
