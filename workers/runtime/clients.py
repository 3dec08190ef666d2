"""AWS clients with bounded waiting: a call that goes nowhere must not outlast the grace period of a stopped task."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})


def client(service: str) -> Any:
    return boto3.client(service, config=_CONFIG)


def resource(service: str) -> Any:
    return boto3.resource(service, config=_CONFIG)
