"""`esm-partial-batch`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.dlq.esm_visibility import MAPPING
from policies.rules.dlq.queues import service
from policies.values import as_list, number

REPORT = "ReportBatchItemFailures"
# Only sources without partial batches have one of these: Kafka, Amazon MQ, DocumentDB.
OTHERS = (
    "selfManagedEventSource", "selfManagedKafkaEventSourceConfig", "amazonManagedKafkaEventSourceConfig", "topics",
    "queues", "documentDbEventSourceConfig", "sourceAccessConfigurations",
)  # fmt: skip
SOURCES = ("sqs", "kinesis", "dynamodb")


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    arn = resource.get("eventSourceArn")
    if any(resource.get(name) not in (None, []) for name in OTHERS) or service(arn) not in (None, *SOURCES):
        return
    answers, size = as_list(resource.get("functionResponseTypes")), resource.get("batchSize")
    if REPORT in answers:
        return
    if UNKNOWN in (*answers, size):
        yield unsettled(resource, "whether its function tells which messages of a batch failed")
    elif number(size) != 1:
        if service(arn) not in ("sqs", None) and resource.get("bisectBatchOnFunctionError") is True:
            return  # of a stream, Lambda finds the one that fails by halving the batch
        yield refuse(
            resource,
            "gives its function batches, and the function fails as a whole: one bad message repeats the good ones, and "
            f"takes them along to the dead-letter queue. Add {REPORT} to functionResponseTypes and return the messages "
            "that failed, or set batchSize to 1.",
        )


RULE = ResourceRule(
    id="esm-partial-batch",
    theme="dlq",
    description="A function that is given batches tells which of their messages failed.",
    why="Without it a batch fails as a whole. Messages that were processed are processed again, and after a few rounds "
    "they are dead letters beside the one that is at fault.",
    steps='Set `function_response_types=["ReportBatchItemFailures"]` of the `aws.lambda_.EventSourceMapping`, and '
    "return `batchItemFailures` from the handler.",
    unknown="A source that is unknown at preview is a queue or a stream unless the mapping says otherwise. Advises "
    "when the response types are unknown; settled at update.",
    severity=Severity.MEDIUM,
    level=Level.ADVISORY,
    types=frozenset({MAPPING}),
    check=check,
)
