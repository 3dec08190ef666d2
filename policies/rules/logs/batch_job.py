"""`batch-job-logging`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.values import as_list, parse_json

DEFINITION = "aws:batch/jobDefinition:JobDefinition"
PROPERTIES = ("containerProperties", "ecsProperties", "nodeProperties")
# Drivers whose logs stay on the instance, and go with it.
LOCAL = ("json-file", "journald", "none", "syslog")
HOW = "Set logConfiguration with the driver awslogs and an awslogs-group of the stack's own."


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    for name in PROPERTIES:
        document = parse_json(resource.get(name))
        if document is UNKNOWN:
            yield unsettled(resource, f"where its {name} send the logs")
        elif document is None and resource.get(name) not in (None, ""):
            yield refuse(resource, f"has {name} that are no JSON object.")
        elif document is not None:
            for container in _containers(name, document):
                yield from _judge(resource, container)


def _containers(name: str, document: Any) -> list[Any]:
    """What runs: as it is, in tasks of several, on ranges of nodes."""
    if name == "containerProperties":
        return [document]
    key, inner = {
        "ecsProperties": ("taskProperties", "containers"),
        "nodeProperties": ("nodeRangeProperties", "container"),
    }[name]
    parts = as_list(document.get(key)) if isinstance(document, Mapping) else []
    return [one for part in parts if isinstance(part, Mapping) for one in as_list(part.get(inner))]


def _judge(resource: Resource, container: Any) -> Iterable[Finding]:
    logging = container.get("logConfiguration") if isinstance(container, Mapping) else None
    driver = logging.get("logDriver") if isinstance(logging, Mapping) else None
    options = logging.get("options") if isinstance(logging, Mapping) else None
    if UNKNOWN in (logging, driver, options):
        yield unsettled(resource, "where its logs go")
    elif driver in (None, ""):
        yield refuse(
            resource,
            f"says nothing of logs, so they go to the account's group /aws/batch/job and are kept for ever. {HOW}",
        )
    elif driver in LOCAL:
        yield refuse(resource, f"leaves its logs on the instance, with which they go. {HOW}")
    elif driver == "awslogs" and not (isinstance(options, Mapping) and options.get("awslogs-group")):
        yield refuse(resource, f"names no log group, so its logs go to the account's /aws/batch/job. {HOW}")


RULE = ResourceRule(
    id="batch-job-logging",
    theme="logs",
    description="A Batch job's logs go to a log group of its own, or to a service for logs.",
    why="Without a group AWS Batch writes into one that all jobs of the account share, that keeps its events for ever, "
    "and whose readers read them all.",
    steps="Set `logConfiguration` in the job definition's container: `awslogs` with `awslogs-group`.",
    unknown="Advises at preview when the container's properties are unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({DEFINITION}),
    check=check,
)
