"""`kubernetes-job-ends`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import CRON_JOBS, JOB, inside
from policies.values import number

SPECS: dict[str, tuple[str, ...]] = {JOB: ("spec",), **dict.fromkeys(CRON_JOBS, ("spec", "jobTemplate", "spec"))}
RETRIES = ("backoffLimit", "backoffLimitPerIndex")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    spec = resource.get(*SPECS[resource.type])
    yield from _deadline(resource, inside(spec, "activeDeadlineSeconds"), config["maxSeconds"])
    retries = [inside(spec, key) for key in RETRIES]
    if UNKNOWN in retries:
        yield unsettled(resource, "how often it is tried")
    elif retries == [None, None]:
        yield refuse(
            resource,
            "does not say how often it is tried, and Kubernetes tries six times more. Set backoffLimit, or "
            "backoffLimitPerIndex where it has indexes.",
        )


def _deadline(resource: Resource, value: object, most: float) -> Iterable[Finding]:
    seconds = number(value)
    if value is UNKNOWN:
        yield unsettled(resource, "its activeDeadlineSeconds")
    elif value is None:
        yield refuse(
            resource,
            "has no activeDeadlineSeconds, so that a Job that hangs goes on for ever. Set it to the longest time that "
            "the work may take, all tries together.",
        )
    elif seconds is None or seconds < 0:
        yield refuse(resource, "has an activeDeadlineSeconds that is no number of seconds.")
    elif seconds > most:
        yield refuse(resource, f"has activeDeadlineSeconds {seconds:.0f}, and at most {most:.0f} may be. Lower it.")


RULE = ResourceRule(
    id="kubernetes-job-ends",
    theme="baseline",
    description="A Job is given up in the end, and is tried a certain number of times.",
    why="A Job that hangs holds its nodes for ever, and with concurrency policy Forbid keeps every later one from "
    "beginning; one that fails is tried six times more unless it says otherwise.",
    steps="Set `activeDeadlineSeconds`, and `backoffLimit` or `backoffLimitPerIndex`, in the Job's spec; of a CronJob, "
    "in the spec of its jobTemplate.",
    unknown="Advises at preview when one of them is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset(SPECS),
    parameters={
        "maxSeconds": {
            "type": "integer", "minimum": 1, "default": 1_209_600,
            "description": "Longest deadline of a Job, in seconds; two weeks.",
        },
    },
    check=check,
)  # fmt: skip
