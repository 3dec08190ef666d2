"""The inside of a function's process: imports the handler once, then answers one event a line.

Runs with nothing of the sandbox on its path: `python -P lambda_host.py HANDLER RESPONSE_FD`, in the function's folder.
"""

import importlib
import json
import os
import sys
import time
import traceback


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
        return max(0, int((self._deadline - time.time()) * 1000))


def main() -> None:
    responses = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    module, _, function = sys.argv[1].partition(".")
    handler = getattr(importlib.import_module(module), function)
    for line in sys.stdin:
        request = json.loads(line)
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
