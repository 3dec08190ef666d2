"""`kubernetes-job-ends`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.kubernetes.pods import CRON_JOB, JOB, inside
from policies.values import number

SPECS = {JOB: ("spec",), CRON_JOB: ("spec", "jobTemplate", "spec")}
RETRIES = ("backoffLimit", "backoffLimitPerIndex")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    spec = resource.get(*SPECS[resource.type])
    yield from _within(resource, "activeDeadlineSeconds", inside(spec, "activeDeadlineSeconds"), config["maxSeconds"])
    retries = [inside(spec, key) for key in RETRIES]
    if UNKNOWN in retries:
        yield unsettled(resource, "how often it is tried")
    elif retries == [None, None]:
        yield refuse(
            resource,
            "does not say how often it is tried, and Kubernetes tries six times more. Set backoffLimit, or "
            "backoffLimitPerIndex where it has indexes.",
        )
    if resource.type == CRON_JOB:
        ttl = inside(spec, "ttlSecondsAfterFinished")
        yield from _within(resource, "ttlSecondsAfterFinished", ttl, config["maxTtlSeconds"])


def _within(resource: Resource, key: str, value: object, most: float) -> Iterable[Finding]:
    seconds = number(value)
    if value is UNKNOWN:
        yield unsettled(resource, f"its {key}")
    elif value is None:
        yield refuse(resource, f"has no {key}, so that it stays for ever. Set it.")
    elif seconds is None or seconds < 0:
        yield refuse(resource, f"has {key} that is no number of seconds.")
    elif seconds > most:
        yield refuse(resource, f"has {key} {seconds:.0f}, and at most {most:.0f} may be. Lower it.")


RULE = ResourceRule(
    id="kubernetes-job-ends",
    theme="baseline",
    description="A Job is given up in the end, is tried a certain number of times, and one of a CronJob is removed.",
    why="A Job that hangs holds its nodes for ever, and with concurrency policy Forbid keeps every later one from "
    "beginning. Finished Jobs of a CronJob fill the cluster's store. A Job that the stack itself declares needs no "
    "ttl: Kubernetes would remove what the next refresh makes, and runs, again.",
    steps="Set `activeDeadlineSeconds`, `backoffLimit` or `backoffLimitPerIndex` and, in a CronJob's jobTemplate, "
    "`ttlSecondsAfterFinished`.",
    unknown="Advises at preview when one of them is unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset(SPECS),
    parameters={
        "maxSeconds": {
            "type": "integer", "minimum": 1, "default": 1_209_600,
            "description": "Longest deadline of a Job, in seconds; two weeks.",
        },
        "maxTtlSeconds": {
            "type": "integer", "minimum": 0, "default": 2_592_000,
            "description": "Longest that a finished Job may stay, in seconds; 30 days.",
        },
    },
    check=check,
)  # fmt: skip
