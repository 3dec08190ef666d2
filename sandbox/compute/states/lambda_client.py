"""What moto's interpreter needs of a Lambda client, for functions that moto does not know."""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from sandbox.compute.functions import FunctionError, Functions


class LambdaClient:
    def __init__(self, functions: Functions):
        self._functions = functions

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        if not self._functions.exists(FunctionName):
            said = {"Code": "ResourceNotFoundException", "Message": f"Function not found: {FunctionName}"}
            raise ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 404, "RequestId": ""}}, "Invoke")  # type: ignore[typeddict-item]
        try:
            answer, error = self._functions.invoke(FunctionName, json.loads(Payload)), {}
        except FunctionError as failure:
            answer = {"errorType": "FunctionError", "errorMessage": str(failure)}
            error = {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **error}
