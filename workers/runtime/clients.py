"""AWS clients with bounded waiting: a call that goes nowhere must not outlast the grace period of a stopped task."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

LONG_POLL_SECONDS = 20

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=50,  # more than the threads that a task has
)
# Both would be worked out for each request, and take a fifth of its time: where requests are many, that counts.
_BRISK = _CONFIG.merge(Config(user_agent=f"Boto3/{boto3.__version__} serverless-batch", parameter_validation=False))
# Who polls decides when to ask again, and an answer may take as long as the poll.
_POLLING = _BRISK.merge(Config(read_timeout=LONG_POLL_SECONDS + 10, retries={"total_max_attempts": 1}))
_making = Lock()  # the session that makes the clients is not safe to share, the clients are


def client(service: str) -> Any:
    """The process's client of a service: it takes memory and a few hundredths of a second to make one."""
    with _making:
        return _client(service, _CONFIG)


def brisk_client(service: str) -> Any:
    """The process's client of a service for many requests."""
    with _making:
        return _client(service, _BRISK)


def polling_client() -> Any:
    """The process's client of SQS for long polls, which tries once."""
    with _making:
        return _client("sqs", _POLLING)


def resource(service: str) -> Any:
    return boto3.resource(service, config=_CONFIG)


@cache
def _client(service: str, config: Config) -> Any:
    return boto3.client(service, config=config)
