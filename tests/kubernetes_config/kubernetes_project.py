"""Manifests and stacks of workers in Kubernetes, for tests."""

from components.kubernetes_trigger import KubernetesTrigger
from components.settings import Settings

MANIFEST = """\
description: x
trigger: {kubernetes: {}}
resources: {vcpu: 1, memory: 2 GB, timeout: 10 min, architecture: arm64}
input: {type: object}
"""
EXISTING = "{cluster: {existing: data-platform}}"
SOURCES = "[{name: orders, prefix: a/}, {name: people, prefix: b/}, {name: visits, prefix: c/}]"


def trigger_of(settings: Settings) -> KubernetesTrigger:
    """Of the only worker."""
    [worker] = settings.workers
    assert worker.manifest.trigger.kubernetes is not None
    return worker.manifest.trigger.kubernetes
