"""Which queue of a stack a resource means, by ARN, URL or dependency, and who uses a queue for dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Resource, Stack
from policies.values import nested, parse_json

QUEUE = "aws:sqs/queue:Queue"
REDRIVE_POLICY = "aws:sqs/redrivePolicy:RedrivePolicy"
REDRIVE_ALLOW_POLICY = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"

# Below these keys AWS resources name where their failures go: queues and SNS subscriptions (redrivePolicy); functions,
# event targets, schedules, buses and pipes (deadLetterConfig); event source mappings and asynchronous invocation
# (onFailure); IoT rules (errorAction); customer profiles (deadLetterQueueUrl).
DEAD_LETTER_KEYS = frozenset({"redrivePolicy", "deadLetterConfig", "onFailure", "errorAction", "deadLetterQueueUrl"})
# Properties with such keys further below, which as a whole may be unknown.
HOLDERS = frozenset({
    ("aws:lambda/eventSourceMapping:EventSourceMapping", "destinationConfig"),
    ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "destinationConfig"),
    ("aws:pipes/pipe:Pipe", "sourceParameters"),
    ("aws:scheduler/schedule:Schedule", "target"),
})  # fmt: skip


@dataclass(frozen=True)
class Link:
    """Which queue something means.

    queue: the queue of this stack, if that is proven. name: the queue's name if it is known, of this stack or not.
    candidates: URNs of the queues that it may mean; empty when proven or when the name is that of no queue here.
    unknown: neither the name nor the queue is known.
    """

    queue: Resource | None = None
    name: str | None = None
    candidates: frozenset[str] = frozenset()
    unknown: bool = False

    @property
    def fifo(self) -> bool | None:
        """Whether the queue is a FIFO queue; None if that is unknown."""
        if self.queue:
            return is_fifo(self.queue)
        return self.name.endswith(".fifo") if self.name is not None else None


def is_fifo(queue: Resource) -> bool | None:
    """Whether a queue, by its outputs, is a FIFO queue; None if that is unknown."""
    fifo, name = queue.given("fifoQueue"), queue.get("name")
    if fifo is UNKNOWN:
        return None
    return fifo is True or (isinstance(name, str) and name.endswith(".fifo"))


class Queues:
    """The queues of a stack and who uses them for dead letters."""

    def __init__(self, stack: Stack):
        self._queues = {queue.urn: queue for queue in stack.of_type(QUEUE)}
        self._by_reference: dict[str, Resource] = {}
        self._by_name: dict[str, list[Resource]] = {}
        for queue in self._queues.values():
            self._by_reference |= {one: queue for one in map(queue.get, ("arn", "url", "id")) if _text(one)}
            if _text(name := queue.get("name")):
                self._by_name.setdefault(name, []).append(queue)
        self.redrives: dict[str, list[tuple[Resource, Any]]] = {}
        """Queue's URN → the resource that holds a redrive policy of the queue, and the policy."""
        self.unplaced_redrives = False
        """Whether there is a redrive policy of which it is not known whose it is."""
        self.allowances: dict[str, list[tuple[Resource, Any]]] = {}
        """Queue's URN → the resource that says which queues may send it their dead letters, and what it says."""
        self.unplaced_allowances = False
        """Whether there is such a resource of which it is not known whose it is."""
        self.sources: dict[str, list[Resource]] = {}
        """Queue's URN → the queues that are proven to send it their dead letters."""
        self.takes_dead_letters: set[str] = set()
        """URNs of queues that are proven to be somebody's dead-letter queue."""
        self.may_take_dead_letters: set[str] = set()
        for resource in stack.resources:
            self._read(resource)
        for urn, redrives in self.redrives.items():
            for holder, policy in redrives:
                target = self.target(holder, policy).queue
                if target and target.urn != urn:
                    self.sources.setdefault(target.urn, []).append(self._queues[urn])

    def target(self, holder: Resource, policy: Any) -> Link:
        """The queue that a redrive policy names; neither a queue nor a name where it names none."""
        document = parse_json(policy)
        named = document.get("deadLetterTargetArn") if isinstance(document, Mapping) else document
        if isinstance(named, str) and not named.startswith("arn:"):
            return Link()  # SQS wants the ARN, not the URL
        return self.link(named, holder, "redrivePolicy")

    def goes_round(self, queue: Resource) -> bool:
        """Whether a dead letter of the queue comes back to it, by the dead-letter queue of its dead-letter queue."""
        seen: set[str] = set()
        waiting = [queue.urn]
        while waiting:
            for source in self.sources.get(waiting.pop(), []):
                if source.urn == queue.urn:
                    return True
                if source.urn not in seen:
                    seen.add(source.urn)
                    waiting.append(source.urn)
        return False

    def link(self, value: Any, resource: Resource, property_name: str) -> Link:
        """The queue that `value` (ARN, URL or UNKNOWN), found in a property of a resource, means."""
        if isinstance(value, str):
            name = _queue_name(value)
            # Of the same name, but of another region or account, is another queue.
            named = [one for one in self._by_name.get(name or "", ()) if not _is_other(one, value)]
            return Link(self._by_reference.get(value) or (named[0] if named else None), name)
        if value is not UNKNOWN:
            return Link()
        linked = self._queues.keys() & resource.dependencies.get(property_name, frozenset()) - {resource.urn}
        if len(linked) == 1:
            return Link(self._queues[next(iter(linked))])
        return Link(candidates=frozenset(linked), unknown=True)

    def _read(self, resource: Resource) -> None:
        holder = resource.urn
        if resource.type == QUEUE:
            policy = resource.given("redrivePolicy")
            if policy not in (None, ""):
                self.redrives.setdefault(resource.urn, []).append((resource, policy))
            self._read_allowance(Link(resource), resource, resource.given("redriveAllowPolicy"))
        elif resource.type in (REDRIVE_POLICY, REDRIVE_ALLOW_POLICY):
            owner = self.link(resource.get("queueUrl"), resource, "queueUrl")
            if not owner.queue:  # what it is made of tells, too, as it does at preview
                owner = self.link(UNKNOWN, resource, "queueUrl")
            if resource.type == REDRIVE_ALLOW_POLICY:
                self._read_allowance(owner, resource, resource.get("redriveAllowPolicy"))
            elif owner.queue:
                holder = owner.queue.urn
                self.redrives.setdefault(holder, []).append((resource, resource.get("redrivePolicy")))
            else:
                self.unplaced_redrives |= owner.unknown
        for name, value in _dead_letter_targets(resource):
            link = self.link(value, resource, name)
            if link.queue and link.queue.urn != holder:  # one that names itself is no dead-letter queue: sqs-dlq speaks
                self.takes_dead_letters.add(link.queue.urn)
            is_hidden = link.unknown and resource.urn in resource.dependencies.get(name, ())
            self.may_take_dead_letters |= self._queues.keys() if is_hidden else link.candidates

    def _read_allowance(self, queue: Link, holder: Resource, policy: Any) -> None:
        """A queue that names its sources takes dead letters, also when a source is in another stack."""
        self.unplaced_allowances |= queue.unknown
        if not queue.queue or policy in (None, ""):
            return
        self.allowances.setdefault(queue.queue.urn, []).append((holder, policy))
        document = parse_json(policy)
        if document is UNKNOWN:
            self.may_take_dead_letters.add(queue.queue.urn)
        elif isinstance(document, Mapping) and document.get("sourceQueueArns") not in (None, []):
            self.takes_dead_letters.add(queue.queue.urn)


def _dead_letter_targets(resource: Resource) -> Iterable[tuple[str, Any]]:
    """Property → each text or UNKNOWN below one of the keys that name a dead-letter target."""
    for name in resource.props:
        value = resource.given(name)
        if value is UNKNOWN and (resource.type, name) in HOLDERS:
            yield name, value
            continue
        for target in [item for key, item in nested({name: value}) if key in DEAD_LETTER_KEYS]:
            document = parse_json(target)
            for _, leaf in nested(target if document is None else document):
                if leaf is UNKNOWN or isinstance(leaf, str):
                    yield name, leaf


def service(arn: Any) -> str | None:
    """The service in an ARN; None if it is none."""
    parts = arn.split(":") if isinstance(arn, str) else []
    return parts[2] if parts[:1] == ["arn"] and len(parts) > 2 else None


def _queue_name(reference: str) -> str | None:
    """The name in a queue's ARN or URL; None if it is neither."""
    if reference.startswith("arn:"):
        parts = reference.split(":")
        return parts[5] if len(parts) == 6 and service(reference) == "sqs" else None
    return reference.rsplit("/", 1)[-1] if reference.startswith(("https://", "http://")) else None


def _is_other(queue: Resource, reference: str) -> bool:
    """Whether a reference with the queue's name is known to mean one of another region or account."""
    arn = queue.get("arn")
    return isinstance(arn, str) and reference.startswith("arn:") and _place(arn) != _place(reference)


def _place(arn: str) -> str:
    return arn.rpartition(":")[0]


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
