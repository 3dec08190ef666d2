"""What SQS knows of its queues besides the messages: how many came and went, how old the oldest is, who asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock
from sandbox.invented import ACCOUNT

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

# Operation of moto's backend → metric; what it returns tells how many messages it was about.
COUNTED = {
    "send_message": "NumberOfMessagesSent",
    "receive_message": "NumberOfMessagesReceived",
    "delete_message": "NumberOfMessagesDeleted",
}


class Queues:
    """requests: how many SQS was asked by others than the sandbox itself, by queue and action."""

    def __init__(self, cloud: Cloud, clock: Clock):
        from moto.sqs.models import sqs_backends
        from moto.sqs.responses import SQSResponse

        self._clock = clock
        self._backend: Any = sqs_backends[ACCOUNT][cloud.region]
        self.requests: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._measured: Counter[tuple[str, str]] = Counter()
        self._seen: dict[str, float] = {}  # message → instant of the clock at which it was first seen
        self._lock = threading.Lock()
        for operation, metric in COUNTED.items():
            setattr(self._backend, operation, self._counting(getattr(self._backend, operation), metric))
        self._answer = SQSResponse.call_action
        SQSResponse.call_action = _listening(self._answer, self)

    def close(self) -> None:
        from moto.sqs.responses import SQSResponse

        SQSResponse.call_action = self._answer

    def backlog(self, name: str) -> tuple[int, int]:
        """Messages that wait, delayed ones among them, and messages in flight."""
        queue = self._backend.queues[name]
        in_flight = queue.approximate_number_of_messages_not_visible
        return len(queue._messages) - in_flight, in_flight

    def dead_letter_queue(self, name: str) -> str | None:
        """Name of a queue's dead-letter queue."""
        found = self._backend.queues[name].dead_letter_queue
        return found.name if found else None

    def names(self) -> list[str]:
        return list(self._backend.queues)

    def note_request(self, url: str, action: str) -> None:
        with self._lock:
            self.requests[(url.rsplit("/", 1)[-1], action)] += 1

    def measure(self) -> Iterator[tuple[str, dict[str, float]]]:
        """The metrics of each queue: how it is now, and what happened since the last time."""
        now = self._clock.now()
        seen: dict[str, float] = {}
        for name, queue in list(self._backend.queues.items()):
            ages: list[float] = []
            messages: list[Any] = list(queue._messages)
            for message in messages:
                seen[message.id] = self._seen.get(message.id, now)
                ages.append(now - seen[message.id])
            yield (
                name,
                {
                    "ApproximateNumberOfMessagesVisible": len(queue.messages),
                    "ApproximateNumberOfMessagesNotVisible": queue.approximate_number_of_messages_not_visible,
                    "ApproximateNumberOfMessagesDelayed": queue.approximate_number_of_messages_delayed,
                    "ApproximateAgeOfOldestMessage": max(ages, default=0),
                    **{metric: self._since(name, metric) for metric in COUNTED.values()},
                },
            )
        with self._lock:
            self._seen = {key: min(at, self._seen.get(key, at)) for key, at in seen.items()}

    def _since(self, name: str, metric: str) -> int:
        with self._lock:
            total = self._counts[(name, metric)]
            new = total - self._measured[(name, metric)]
            self._measured[(name, metric)] = total
            return new

    def _counting(self, operation: Any, metric: str) -> Any:
        def counted(queue_name: str, *args: Any, **kwargs: Any) -> Any:
            result: Any = operation(queue_name, *args, **kwargs)
            with self._lock:
                self._counts[(queue_name, metric)] += len(result) if metric == "NumberOfMessagesReceived" else 1
                if metric == "NumberOfMessagesSent":
                    self._seen[result.id] = self._clock.now()
            return result

        return counted


def _listening(answer: Any, queues: Queues) -> Any:
    """Moto's answer to a request, which is counted."""

    def call_action(response: Any) -> Any:
        url = response._get_param("QueueUrl")
        if url:
            queues.note_request(url, response._get_action())
        return answer(response)

    return call_action
