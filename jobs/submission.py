"""The message that stands for a job in its worker's queue."""

from __future__ import annotations

import json
from typing import Any

from jobs.record import Job


def send(sqs: Any, queue_url: str, job: Job) -> None:
    """Queue the job; the queue drops a repetition of the last five minutes."""
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=json.dumps({"job_id": job.job_id}),
        MessageGroupId=job.job_id,
        MessageDeduplicationId=job.job_id,
    )
