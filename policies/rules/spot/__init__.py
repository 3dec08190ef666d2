"""Spot: work runs on spare capacity, on demand only as far as a stack allows."""

from policies.model import Rule
from policies.rules.spot import (
    batch_queue,
    cluster_default,
    ecs_service,
    effective,
    launcher,
    node_group,
    scheduled_task,
)

RULES: tuple[Rule, ...] = (
    ecs_service.RULE, cluster_default.RULE, effective.RULE, scheduled_task.RULE, launcher.RULE,
    batch_queue.RULE, node_group.RULE,
)  # fmt: skip
