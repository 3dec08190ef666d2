"""AWS Batch: the sandbox holds queues and jobs, decides which is next, and runs them as processes.

Moto is left its URLs; its own jobs would need Docker, and know no shares, reclaims or conditions for a retry.
Jobs, their times and their limits are in real time, whatever the sandbox's clock does.
"""

from sandbox.compute.batch.engine import Batch

__all__ = ["Batch"]
