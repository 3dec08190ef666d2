"""Which workers the image pipeline ships, and which of them its canary may give a sample."""

from __future__ import annotations

from typing import Any

import fastjsonschema

from components.image_pipeline import ShippedWorker
from components.manifest import BucketGrant
from components.settings import Settings
from components.worker import Worker


def is_shipped(worker: Worker, settings: Settings) -> bool:
    """Whether the pipeline, if there is one, makes the worker's images.

    It reaches no cluster of Kubernetes: there an image is in a Job's template, which only a deployment changes.
    """
    return settings.pipeline.source is not None and worker.manifest.trigger.kubernetes is None


def shipped_workers(settings: Settings) -> list[ShippedWorker]:
    """All but those whose image the stack names itself; none without a pipeline."""
    taken = tuple(queue.prefix for worker in settings.workers if (queue := worker.manifest.trigger.queue))
    return [
        ShippedWorker(
            name=worker.name,
            architecture=worker.manifest.resources.architecture,
            service=worker.manifest.trigger.queue is not None,
            sampled=_takes_a_sample(worker, taken),
        )
        for worker in settings.workers
        if is_shipped(worker, settings) and not worker.image
    ]


def _takes_a_sample(worker: Worker, taken: tuple[str, ...]) -> bool:
    """taken: prefixes of uploads that become messages, which a sample must not."""
    key = f"canary/{worker.name}/sample"
    readable = any(
        isinstance(grant, BucketGrant) and (grant.verb, grant.bucket) == ("read", "uploads")
        and key.startswith(grant.prefix)
        for grant in worker.manifest.grants
    )  # fmt: skip
    return readable and not key.startswith(taken) and _accepts(worker.manifest.input, {"key": key})


def _accepts(schema: dict[str, Any], input: dict[str, Any]) -> bool:
    try:
        fastjsonschema.validate(schema, input)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return "key" in schema.get("properties", {})  # else it is taken as anything is, and means nothing
