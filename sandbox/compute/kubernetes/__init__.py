"""Kubernetes: the sandbox keeps the objects that a program declares, does what the controllers of Jobs and CronJobs
do, and runs pods as processes.

Schedules, back-off, and how long a Job may take and lives on, go by the sandbox's clock; the processes themselves by
the real one, and with them a pod's own deadline and the time that it has between SIGTERM and SIGKILL. There are no
nodes: selectors, affinities and priorities change nothing.
"""

from sandbox.compute.kubernetes.cluster import Kubernetes

__all__ = ["Kubernetes"]
