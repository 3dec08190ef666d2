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
    driver = logging.get("logDriver") if isinstance(logging, Mapping) else logging
    options = logging.get("options") if isinstance(logging, Mapping) else None
    if UNKNOWN in (logging, driver):
        return UNKNOWN
    if driver in (None, "") or not isinstance(driver, str):
        return Place.UNSAID
    if driver in LOCAL:
        return Place.INSTANCE
    if driver == "awsfirelens":
        return Place.ROUTER
    if driver != "awslogs":
        return Place.SERVICE
    group = options.get("awslogs-group") if isinstance(options, Mapping) else options
    if options is UNKNOWN:
        return UNKNOWN
    return Place.SERVICE if group is UNKNOWN or (isinstance(group, str) and group) else Place.NO_GROUP
