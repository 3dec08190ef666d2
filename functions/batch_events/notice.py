"""What somebody is told of a job that has failed for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchjobs.following import reason_of
from batchjobs.worker import variables_of


def notice(worker: str, queue: str, job: Mapping[str, Any]) -> dict[str, str]:
    """Subject and message for SNS. job: of DescribeJobs."""
    array, variables = job.get("arrayProperties", {}), variables_of(job["container"])
    lines = [f"The Batch job {job['jobName']} of {worker} in {queue} failed for good: {reason_of(job)}.", ""]
    if size := array.get("size"):
        failed = array.get("statusSummary", {}).get("FAILED", 0)
        lines.append(f"{failed} of its {size} parts failed; the results of the others are kept.")
    if "JOB_KEY" in variables:
        place = f"s3://{variables['RESULTS_BUCKET']}/{worker}/{variables['JOB_KEY']}/"
        lines.append(f"What there is, and error.json with the reason: {place}")
    lines.append(f"Its log: python -m batchctl job logs {job['jobId']}{' --index …' if array.get('size') else ''}")
    return {"Subject": f"{worker}: a Batch job failed"[:100], "Message": "\n".join(lines)}
