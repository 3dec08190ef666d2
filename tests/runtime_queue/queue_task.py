"""A task whose waits are as short as the environment says: `python queue_task.py`, at the app's root."""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.getcwd())

from workers.runtime import circuit, receiver, sqs  # noqa: E402
from workers.runtime.__main__ import main  # noqa: E402

sqs.LONG_POLL_SECONDS = int(os.environ.get("LONG_POLL_SECONDS", "1"))
circuit.OPEN_SECONDS = float(os.environ.get("OPEN_SECONDS", "60"))
receiver.RETRY_SECONDS = 0.5
sys.exit(main())
