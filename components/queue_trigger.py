"""The manifest's trigger `queue`: which uploads become messages, and how many tasks take them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from components import units
from components.model import Model, sentence

# A task extends the visibility of what it works on when a third of it is over. In the rest, one heartbeat may fail,
# with all its tries and timeouts, and the next one must still come in time.
MIN_VISIBILITY_SECONDS = 2 * units.SECONDS["min"]
MAX_VISIBILITY_SECONDS = 12 * units.SECONDS["h"]  # Source: Amazon SQS quotas
DEFAULT_VISIBILITY_SECONDS = 3 * units.SECONDS["min"]
MAX_TASKS, MAX_CONCURRENCY, MAX_TARGET, MAX_SEGMENT = 500, 100, 1000, 10
DEFAULT_TARGET = 5

_FOLDER = re.compile(r"[A-Za-z0-9!_.'()-]+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._-]{0,30}")


def _prefix(text: str) -> str:
    folders = text.removesuffix("/").split("/")
    if not all(_FOLDER.fullmatch(folder) and folder not in (".", "..") for folder in folders):
        raise ValueError(
            "is not a folder for uploads: plain folder names, such as 'uploads/', no wildcards, none empty"
        )
    if not text.endswith("/"):
        raise ValueError(f"would also take '{text}-other'; nearest: '{text}/'")
    return text


def _suffix(text: str) -> str:
    if not text.startswith("."):
        raise ValueError(f"does not begin with a dot; nearest: '.{text}'")
    if not _SUFFIX.fullmatch(text):
        raise ValueError("is not the end of a file's name, such as '.jpg' or '.tar.gz'")
    return text.lower()


def _visibility(value: object) -> int:
    seconds = units.seconds(value)
    if seconds < MIN_VISIBILITY_SECONDS:
        raise ValueError(
            "is shorter than the heartbeat needs: when one fails, the message reappears while it is worked on; "
            f"nearest: {units.duration_text(MIN_VISIBILITY_SECONDS)}"
        )
    return units.within(seconds, MIN_VISIBILITY_SECONDS, MAX_VISIBILITY_SECONDS, units.duration_text)


def _duration(high: int) -> BeforeValidator:
    return BeforeValidator(lambda value: units.within(units.seconds(value), 1, high, units.duration_text))


Prefix = Annotated[str, AfterValidator(_prefix)]
Suffix = Annotated[str, AfterValidator(_suffix)]
Cooldown = Annotated[int, _duration(units.SECONDS["h"])]
Latency = Annotated[int, _duration(12 * units.SECONDS["h"])]
Visibility = Annotated[int, BeforeValidator(_visibility)]
Target = Annotated[int, Field(ge=1, le=MAX_TARGET)]
MinTasks = Annotated[int, Field(ge=0, le=MAX_TASKS)]
MaxTasks = Annotated[int, Field(ge=1, le=MAX_TASKS)]


class Cooldowns(Model):
    """Seconds between two changes of the number of tasks, upwards and downwards."""

    out_seconds: Cooldown = Field(default=60, alias="out")
    in_seconds: Cooldown = Field(default=300, alias="in")


class QueueTrigger(Model):
    """Uploads below `prefix` that end in one of `suffixes`, in any case (none: all uploads), become messages.

    fifo: those of a folder are worked on one after the other, in their order. No task is added that would find no
        folder of its own; tasks are taken away when the queue has drained.
    tenant: the folder at this level below the prefix, counted from 1, has a share of its own: it does not keep others
        waiting. With fifo, it is the folder whose order is kept.
    target: messages for each task. Or latency_seconds, how long a message may wait, and processing_seconds, what one
        takes.
    min_tasks, max_tasks: bounds of the number of tasks.
    work: `cpu` runs messages in processes, `io` in threads; concurrency: how many at a time in one task.
    effect: `once`: handle() is not run again for what it has done; `repeatable`: it may be.
    visibility_seconds: how long a message stays hidden after a task that vanished without a word.
    """

    prefix: Prefix
    suffixes: Annotated[tuple[Suffix, ...], Field(strict=False)] = ()  # or no list could become a tuple here
    fifo: bool = False
    tenant: Annotated[int, Field(ge=1, le=MAX_SEGMENT)] | None = None
    latency_seconds: Latency | None = Field(default=None, alias="latency")
    processing_seconds: Latency | None = Field(default=None, alias="processing", validate_default=True)
    target: Target | None = None
    min_tasks: MinTasks = Field(default=0, alias="min")
    max_tasks: MaxTasks = Field(default=10, alias="max", validate_default=True)
    cooldown: Cooldowns = Cooldowns()
    work: Literal["cpu", "io"] = "cpu"
    concurrency: Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)] = 1
    effect: Literal["once", "repeatable"] = "once"
    visibility_seconds: Visibility = Field(default=DEFAULT_VISIBILITY_SECONDS, alias="visibility")

    @property
    def backlog_target(self) -> int:
        """Messages for each task: as given, or as many as a task ends within the latency."""
        if self.latency_seconds is None or self.processing_seconds is None:
            return self.target or DEFAULT_TARGET
        return self.concurrency * self.latency_seconds // self.processing_seconds

    @field_validator("suffixes")
    @classmethod
    def _some(cls, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        if not suffixes:
            raise sentence("is an empty list; leave the key out to take every upload")
        return suffixes

    @field_validator("processing_seconds")
    @classmethod
    def _with_latency(cls, processing: int | None, info: ValidationInfo) -> int | None:
        if "latency_seconds" in info.data:
            check_goal(info.data["latency_seconds"], processing)
        return processing

    @field_validator("cooldown")
    @classmethod
    def _of_use(cls, cooldown: Cooldowns, info: ValidationInfo) -> Cooldowns:
        if info.data.get("fifo") and "out_seconds" in cooldown.model_fields_set:
            raise sentence("has no use for out with fifo: tasks follow the message groups at once")
        return cooldown

    @field_validator("target")
    @classmethod
    def _instead_of_latency(cls, target: int | None, info: ValidationInfo) -> int | None:
        if target is not None and info.data.get("latency_seconds") is not None:
            raise sentence("follows from latency and processing; give either")
        return target

    @field_validator("max_tasks")
    @classmethod
    def _not_below_min(cls, most: int, info: ValidationInfo) -> int:
        if "min_tasks" in info.data:
            check_tasks(info.data["min_tasks"], most)
        return most


def check_goal(latency: int | None, processing: int | None) -> None:
    """Raises an error in words, about processing, unless it and latency are given or none is, and both can be kept."""
    if latency is None and processing is not None:
        raise sentence("has a meaning only with latency")
    if latency is not None and processing is None:
        raise sentence("is missing; latency needs it")
    if latency is not None and processing is not None and processing > latency:
        longer = f"{units.duration_text(processing)} is longer than latency, {units.duration_text(latency)}"
        raise sentence(f"{longer}: no number of tasks is fast enough")


def check_tasks(least: int, most: int) -> None:
    """Raises an error in words, about the largest number of tasks, if the smallest is above it."""
    if least > most:
        raise sentence(f"{most} is less than min, {least}")
