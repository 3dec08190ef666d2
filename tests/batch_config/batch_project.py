"""Manifests and stacks of Batch workers, for tests."""

from components.batch_trigger import BatchTrigger
from components.settings import Settings

MANIFEST = """\
description: x
trigger: {batch: {}}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min, architecture: arm64}
input: {type: object}
"""
QUEUES = "{queues: {urgent: {}, standard: {}, large: {compute: ec2}, intel: {compute: ec2, architecture: x86_64}}}"


def trigger_of(settings: Settings) -> BatchTrigger:
    """Of the only worker."""
    [worker] = settings.workers
    assert worker.manifest.trigger.batch is not None
    return worker.manifest.trigger.batch
