"""Where a container's log driver brings what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from policies.model import UNKNOWN, Unknown

# Drivers whose logs stay on the instance, and go with it.
LOCAL = ("json-file", "journald", "none", "syslog")


class Place(StrEnum):
    UNSAID = "unsaid"
    INSTANCE = "instance"
    NO_GROUP = "awslogs without a group"
    ROUTER = "the task's log router"
    SERVICE = "a service for logs"


def place(container: Any) -> Place | Unknown:
    """Of a container in the words of ECS and AWS Batch. Of a service, its options are its own matter."""
    logging = container.get("logConfiguration") if isinstance(container, Mapping) else container
    driver, options = (logging.get(key) if isinstance(logging, Mapping) else None for key in ("logDriver", "options"))
    group = options.get("awslogs-group") if isinstance(options, Mapping) else None
    if UNKNOWN in (logging, driver) or (driver == "awslogs" and options is UNKNOWN):
        return UNKNOWN
    if not isinstance(driver, str) or not driver:
        return Place.UNSAID
    if driver in LOCAL:
        return Place.INSTANCE
    if driver == "awsfirelens":
        return Place.ROUTER
    if driver == "awslogs" and group in (None, ""):
        return Place.NO_GROUP
    return Place.SERVICE
