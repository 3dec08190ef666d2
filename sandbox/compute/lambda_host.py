"""The inside of a function's process: imports the handler once, then answers one event a line.

Runs with nothing of the sandbox on its path: `python -P lambda_host.py HANDLER RESPONSE_FD`, in the function's folder.
"""

import importlib
import json
import os
import sys
import time
import traceback

real_time = time.time


class Context:
    """The context object that Lambda hands to a handler."""

    def __init__(self, request_id: str, deadline: float):
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.invoked_function_arn = os.environ["SANDBOX_FUNCTION_ARN"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "sandbox"
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - real_time()) * 1000))


class SandboxTime:
    """What `time.time()` says: the sandbox's clock, which may be ahead of the time and go faster."""

    def __init__(self):
        self._now, self._since, self._factor = real_time(), time.monotonic(), 1.0

    def set(self, now: float, factor: float) -> None:
        self._now, self._since, self._factor = now, time.monotonic(), factor

    def __call__(self) -> float:
        return self._now + (time.monotonic() - self._since) * self._factor


def main() -> None:
    responses = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    time.time = clock = SandboxTime()  # before the handler's module can take it by name
    module, _, function = sys.argv[1].partition(".")
    handler = getattr(importlib.import_module(module), function)
    for line in sys.stdin:
        request = json.loads(line)
        clock.set(request["now"], request["factor"])
        try:
            answer = {"result": handler(request["event"], Context(request["id"], request["deadline"]))}
            text = json.dumps(answer)
        except Exception as error:  # whatever a handler raises is an invocation's error, not the process's end
            traceback.print_exc()
            text = json.dumps({"error": f"{type(error).__name__}: {error}"})
        sys.stdout.flush()
        responses.write(text + "\n")
        responses.flush()


main()
