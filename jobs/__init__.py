"""The job record: fields, states and the changes that are allowed, as conditional writes.

Ships inside Lambda handlers and worker images, so it imports boto3 and nothing else of the project.
"""

from jobs.record import ALLOWED, TERMINAL, Job, Status
from jobs.store import Conflict, JobStore, Lock

__all__ = ["ALLOWED", "TERMINAL", "Conflict", "Job", "JobStore", "Lock", "Status"]
