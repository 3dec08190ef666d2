"""What a workflow consists of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Path = tuple[str | int, ...]
Kind = Literal["batch", "task", "function"]
OVER_PREFIX, OVER_ITEMS, OVER_COUNT = "prefix", "items", "count"


@dataclass(frozen=True)
class Mistake:
    """path: from the top of workflow.yaml to what is wrong. wrong: so that "value wrong" reads as a sentence."""

    path: Path
    wrong: str
    right: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One job of a Batch worker, one task of another worker, or one call of a function, with its input.

    name: of the worker or the function; empty if it could not be read.
    """

    kind: Kind
    name: str
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FanOut:
    """One piece of work for each object below a prefix, each item of a list, or each number from 0 on.

    over: which of the three. value: the prefix, the reference to a list, the number of pieces.
    bucket: `uploads` or `results`, where the prefix is. concurrency: pieces at a time. tolerate: percent of the pieces
    that may fail.
    """

    over: str
    value: str | int
    bucket: str = "uploads"
    concurrency: int = 40
    tolerate: int = 0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """timeout: seconds until its work counts as failed, the wait in the queue included; None for what follows from the
    worker. attempts: None as the worker's manifest says; of a function 1. backoff: seconds before a function's second
    attempt, then doubled. catch: the stage that follows its failure. next: the stage that follows its success; None for
    the next of the list. end: none follows.
    """

    name: str
    work: Work
    fan_out: FanOut | None = None
    timeout: int | None = None
    attempts: int | None = None
    backoff: int = 10
    catch: str | None = None
    compensate: Work | None = None
    next: str | None = None
    end: bool = False


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """input: JSON Schema of an execution's input; empty if it could not be read. timeout: seconds for everything.

    notify: on which ends, `success` and `failure`.
    """

    name: str
    description: str
    input: Mapping[str, Any]
    stages: Sequence[Stage]
    timeout: int
    notify: Sequence[str] = ("failure",)


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a job may get. up_to: bytes of input, None for any. memory: MiB. queue, definition: names in AWS. share:
    identifier, None for a queue without shares."""

    up_to: int | None
    vcpu: float
    memory: int
    queue: str
    definition: str
    share: str | None = None


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Whoever does a stage's work.

    kind: what it can be used as. input: JSON Schema of what it takes. sizes: of a Batch worker, ascending. target: name
    of a task's family, or a function's. timeout, attempts: of one piece of work.
    """

    kind: Kind
    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    sizes: Sequence[Size] = ()
    target: str = ""
    timeout: int = 300
    attempts: int = 1


def stages_of(workflow: Workflow) -> dict[str, Stage]:
    return {stage.name: stage for stage in workflow.stages}


def following(workflow: Workflow) -> dict[str, str | None]:
    """Stage → the one that comes after its success; None where the workflow ends."""
    names = [stage.name for stage in workflow.stages]
    after = dict(zip(names, [*names[1:], None], strict=True))
    return {stage.name: None if stage.end else stage.next or after[stage.name] for stage in workflow.stages}


def nearest(wanted: str, known: Iterable[str]) -> str:
    """What to say after a name that is not there."""
    words = list(dict.fromkeys(known))
    near = difflib.get_close_matches(wanted, words, n=1, cutoff=0.5)
    choice = ", ".join(words) or "none"
    return f"nearest: '{near[0]}' ({choice})" if near else f"allowed: {choice}"
