"""A worker that does what its input says."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from workers.runtime import BadInput, Context


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    context.log.info("begun")
    match input["do"]:
        case "refuse":
            raise BadInput("the page is empty")
        case "fail":
            raise OSError("the disk is full")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "swell":
            raise MemoryError("no room for the groups")
        case "crash":
            os._exit(7)
        case "wait":
            Path(input["pipe"]).read_text()
        case "write":
            context.objects.write("part.csv", b"1,2", "text/csv")
            raise BadInput("the rest is ragged")
    return {"index": context.index, "size": context.size, "attempt": context.attempt, "job_id": context.job_id}
