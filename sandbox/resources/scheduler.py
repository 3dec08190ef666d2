"""EventBridge Scheduler: the sandbox runs the schedules; moto is not asked."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:scheduler/scheduleGroup:ScheduleGroup")
def schedule_group(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.compute.scheduler.add_group(name)
    return {"id": name}


@creates("aws:scheduler/schedule:Schedule")
def schedule(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"arn": cloud.compute.scheduler.add(name, inputs).arn}
