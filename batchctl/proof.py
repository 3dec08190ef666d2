"""Whether a message's work is done: whether its result is there."""

from __future__ import annotations

import re
from typing import Any

from batchctl.letters import Letter

RESULT = "/result.json"


def result_is_there(s3: Any, bucket: str, worker: str, letter: Letter) -> bool:
    """Looks for `<worker>/<id>/result.json`; a job of the API that is redriven ends under `<id>-r<n>`."""
    if not letter.work_id:
        return False
    base = re.sub(r"-r\d+$", "", letter.work_id)
    keys = re.compile(re.escape(f"{worker}/{base}") + r"(-r\d+)?" + re.escape(RESULT))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{worker}/{base}")
    return any(keys.fullmatch(item["Key"]) for page in pages for item in page.get("Contents", []))
