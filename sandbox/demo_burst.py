"""A section of the demonstration: a burst of uploads for the queue worker that comes with the project."""

from __future__ import annotations

from sandbox.burst import burst, images, summary
from sandbox.check import console
from sandbox.demo_scene import Outcome, Scene
from sandbox.queue_workers import queue_workers

WORKER = "image_processor"


def uploads(scene: Scene) -> Outcome | None:
    """None if the stack does without the worker."""
    if WORKER not in queue_workers(scene.cloud):
        return None
    console.rule("A burst of uploads for a queue worker")
    report = burst(scene.cloud, WORKER, images())
    problems = [] if report.redriven else ["the broken upload was mended and redriven, and no result appeared"]
    if report.lost:
        problems.append(f"{report.lost} results of uploads are missing")
    return Outcome(summary(report), problems)
