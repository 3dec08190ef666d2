"""`sqs-dlq-allow-policy`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Level, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.dlq.queues import QUEUE, Queues, service
from policies.values import as_list, parse_json

HOW = 'Set {"redrivePermission": "byQueue", "sourceQueueArns": [<ARNs of its sources>]}.'


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    queues = stack.once(Queues)
    sources = queues.sources.get(resource.urn)
    if not sources:
        return
    allowances = queues.allowances.get(resource.urn)
    if allowances:
        findings = (_judge(resource, holder, parse_json(policy), sources, queues) for holder, policy in allowances)
        yield from dict.fromkeys(one for found in findings for one in found)
    elif queues.unplaced_allowances:
        yield unsettled(resource, "which queues may send it their dead letters")
    else:
        yield refuse(
            resource,
            "takes the dead letters of any queue of the account, as it does not say whose: another team's failures may "
            f"end here, and be deleted with these. {HOW}",
        )


def _judge(
    resource: Resource, holder: Resource, document: Any, sources: list[Resource], queues: Queues
) -> Iterable[Finding]:
    if document is UNKNOWN:
        # A policy that is made of its sources names them: there is no other use for them in it.
        if not {source.urn for source in sources} <= holder.dependencies.get("redriveAllowPolicy", frozenset()):
            yield unsettled(resource, "which queues may send it their dead letters")
        return
    if not isinstance(document, Mapping):
        yield refuse(resource, f"has a redrive allow policy that is no JSON object. {HOW}")
        return
    permission, named = document.get("redrivePermission"), as_list(document.get("sourceQueueArns"))
    if permission is UNKNOWN or UNKNOWN in named:
        yield unsettled(resource, "which queues may send it their dead letters")
    elif permission != "byQueue":
        who = "no queue" if permission == "denyAll" else "any queue"
        yield refuse(resource, f"lets {who} send it dead letters, and takes those of {sources[0]}. {HOW}")
    else:
        allowed = [queues.link(arn, holder, "redriveAllowPolicy") for arn in named if service(arn) == "sqs"]
        for source in sources:
            if source.urn in [link.queue.urn for link in allowed if link.queue]:
                continue
            if source.get("name") is UNKNOWN and any(link.name and not link.queue for link in allowed):
                yield unsettled(resource, f"whether {source} is among the queues that may send it dead letters")
            else:
                yield refuse(resource, f"does not name {source} among the queues that may send it dead letters. {HOW}")


RULE = StackRule(
    id="sqs-dlq-allow-policy",
    theme="dlq",
    description="A dead-letter queue names the queues that may send it their dead letters.",
    why="SQS lets any queue of the account and region use any other as its dead-letter queue. Messages of a stranger "
    "set off the alarm, and are lost in a redrive or a purge.",
    steps="Declare an `aws.sqs.RedriveAllowPolicy` for the dead-letter queue with `redrivePermission` byQueue and the "
    "ARNs of its sources, up to ten.",
    unknown="A policy that is unknown at preview is proven by its dependency on every source. Otherwise the rule "
    "advises, and settles it at update.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=frozenset({QUEUE}),
    check=check,
)
