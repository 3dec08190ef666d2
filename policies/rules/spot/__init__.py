"""Spot: work runs on spare capacity, on demand only as far as a stack allows."""

from policies.model import Rule
from policies.rules.spot import (
    batch_allocation,
    batch_queue,
    cluster_default,
    ecs_service,
    effective,
    interruption_ready,
    k8s_placement,
    launcher,
    node_group,
    platform_compatible,
    scheduled_task,
    sfn_runtask,
)

RULES: tuple[Rule, ...] = (
    ecs_service.RULE, cluster_default.RULE, effective.RULE, scheduled_task.RULE, launcher.RULE,
    batch_queue.RULE, batch_allocation.RULE, node_group.RULE, k8s_placement.RULE,
    sfn_runtask.RULE, interruption_ready.RULE, platform_compatible.RULE,
)  # fmt: skip
