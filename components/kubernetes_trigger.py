"""The manifest's trigger `kubernetes`: a worker as a Job, one with many indexes, or a CronJob."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from components import units
from components.model import Model, sentence
from components.schedule_trigger import SCHEDULED_AT, Timezone
from schedules import Crontab

SOURCE = "source"
"""What the input of an index says beside the trigger's `input`: the source that it is for."""

# Above, Kubernetes asks for maxFailedIndexes. Source: JobSpec, Kubernetes API reference.
MAX_COMPLETIONS = 10_000
MAX_RETRIES = 20
# The controller looks every ten seconds, and may miss what is shorter. Source: CronJob, Kubernetes documentation.
SHORTEST_DEADLINE = 10
MAX_SOURCES_BYTES = 1_000_000  # a ConfigMap holds 1 MiB. Source: ConfigMaps, Kubernetes documentation
DAY = units.LONG_SECONDS["d"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CLASS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")


def _schedule(text: str) -> str:
    Crontab.parse(text)
    return text


def _starting_deadline(value: object) -> int:
    return units.within(units.seconds(value), SHORTEST_DEADLINE, DAY, units.duration_text)


def _ttl(value: object) -> int:
    return units.within(units.long_seconds(value), 60, 30 * DAY, units.duration_text)


def _priority_class(name: str) -> str:
    if not _CLASS.fullmatch(name):
        raise ValueError("is not the name of a priority class: lower-case letters, digits, dashes and dots")
    return name


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    name = source.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise sentence("needs a name: letters, digits and ._-, at most 63")
    if _PASSWORD.search(json.dumps(source)):
        raise sentence("holds a password in plain text; keep the URL in AWS Secrets Manager, under 'secrets'")
    return dict(source)


Source = Annotated[dict[str, Any], AfterValidator(_source)]


class History(Model):
    """How many Jobs of a CronJob stay, with their logs, when the next ones have come."""

    succeeded: Annotated[int, Field(ge=0, le=100)] = 3
    failed: Annotated[int, Field(ge=0, le=100)] = 3


class KubernetesTrigger(Model):
    """The worker runs in a Kubernetes cluster.

    schedule: five fields of a crontab, by the clock of `timezone`: a CronJob. None: a Job that runs once whenever it
        was changed.
    concurrency: what becomes of a Job that is due while the one before has not ended.
    starting_deadline_seconds: a Job that could not begin so long after it was due is left out.
    suspend: nothing begins until somebody does it by hand.
    completions: how many indexes; with sources their number. parallelism: pods at a time.
    retries_per_index: how often a failing index is tried again; of a Job without indexes, that.
    ttl_seconds: when the finished Job of a CronJob is removed.
    priority_class: of the cluster.
    sources: one for each index, with a name of its own and whatever else the worker's input asks of a source.
    input: what every index gets, together with its source and, of a CronJob, `scheduled_at`.
    """

    schedule: Annotated[str, AfterValidator(_schedule)] | None = None
    timezone: Timezone = "UTC"
    concurrency: Literal["Allow", "Forbid", "Replace"] = "Forbid"
    starting_deadline_seconds: Annotated[int, BeforeValidator(_starting_deadline)] = Field(
        default=300, alias="starting_deadline"
    )
    history: History = History()
    suspend: bool = False
    ttl_seconds: Annotated[int, BeforeValidator(_ttl)] = Field(default=DAY, alias="ttl")
    sources: Annotated[tuple[Source, ...], Field(strict=False)] = ()
    completions: Annotated[int, Field(ge=1, le=MAX_COMPLETIONS)] | None = None
    parallelism: Annotated[int, Field(ge=1)] = 1
    retries_per_index: Annotated[int, Field(ge=0, le=MAX_RETRIES)] = Field(default=3, alias="retries_per_index")
    priority_class: Annotated[str, AfterValidator(_priority_class)] | None = Field(default=None, alias="priority_class")
    input: dict[str, Any] = Field(default={})

    @field_validator("timezone", "concurrency", "starting_deadline_seconds", "history")
    @classmethod
    def _of_a_cron_job(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("schedule", "wrong") is None:
            raise sentence("has a meaning only with a schedule")
        return value

    @field_validator("ttl_seconds")
    @classmethod
    def _of_what_the_stack_does_not_declare(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("schedule", "wrong") is None:
            raise sentence(
                "would remove the Job that the stack declares, and the next refresh would run it again; it has a "
                "meaning only with a schedule"
            )
        return value

    @field_validator("sources")
    @classmethod
    def _apart(cls, sources: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        if not sources:
            raise sentence("is an empty list; leave the key out for a Job without sources")
        names = [source["name"] for source in sources]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise sentence(f"has two with the name '{twice[0]}', of which one would overwrite what the other wrote")
        if len(sources) > MAX_COMPLETIONS or len(json.dumps(sources)) > MAX_SOURCES_BYTES:
            raise sentence(f"is too long: at most {MAX_COMPLETIONS} sources, and {MAX_SOURCES_BYTES // 1000} kB in all")
        return sources

    @field_validator("completions")
    @classmethod
    def _each_index_a_source(cls, completions: int, info: ValidationInfo) -> int:
        count = len(info.data.get("sources", ()))
        if count and completions > count:
            left = f"index {count}" if completions == count + 1 else f"indexes {count} to {completions - 1}"
            raise sentence(f"is {completions}, and {left} would have no source; leave it out: {count}, as sources has")
        if count and completions < count:
            raise sentence(f"is {completions}, and of {count} sources the last would have no index; leave it out")
        return completions

    @field_validator("input")
    @classmethod
    def _without_its_own(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in (SOURCE, SCHEDULED_AT):
            if name in given:
                raise sentence(f"has {name}, which the platform adds; leave it out")
        return given

    @model_validator(mode="after")
    def _no_more_at_a_time_than_in_all(self) -> KubernetesTrigger:
        if self.parallelism > self.size:
            raise sentence(
                f"has parallelism {self.parallelism} and {self.size} "
                f"completion{'s' if self.size > 1 else ''}: at most as many run as there are"
            )
        return self

    @property
    def size(self) -> int:
        """How many pods must succeed."""
        return self.completions or len(self.sources) or 1

    @property
    def indexed(self) -> bool:
        return bool(self.sources) or self.size > 1

    def inputs(self) -> Iterator[dict[str, Any]]:
        """What the indexes are given, but for the time of a CronJob."""
        for source in self.sources or (None,):
            yield self.input | ({SOURCE: source} if source else {})


def unfit_name(worker: str) -> str:
    """Why a worker's name could not be that of its objects; empty if it could."""
    if worker.endswith("_"):
        return "ends with _, and its objects in Kubernetes with a dash, which is refused there; choose another name"
    if worker == "default":
        return "is the name of a service account that every namespace has; choose another"
    return ""
