"""Models on Amazon Bedrock, through the Converse API."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from workers.engines.base import EngineBusy, EngineRefused, Unusable
from workers.engines.resilience import Guard, retry_after

MAX_TOKENS = 1500  # of an answer; the workers' answers need a third of it
PASSING = frozenset(
    {
        "InternalServerException",
        "ModelErrorException",
        "ModelNotReadyException",
        "ModelTimeoutException",
        "ServiceUnavailableException",
        "ThrottlingException",
    }
)


class Bedrock:
    """A model or inference profile of Bedrock, in the task's region and with the task role's permissions."""

    def __init__(self, model: str, *, client: Any = None, guard: Guard | None = None):
        self.name = f"bedrock:{model}"
        self._model = model
        # One attempt a call: the guard retries, so that its circuit breaker sees every failure.
        once = Config(connect_timeout=5, read_timeout=90, retries={"total_max_attempts": 1, "mode": "standard"})
        self._client = client or boto3.client("bedrock-runtime", config=once)
        self._guard = guard or Guard()

    def complete(
        self, prompt: str, *, system: str, image: bytes | None = None, schema: dict[str, Any] | None = None
    ) -> str:
        """See `Engine.complete`. `schema` is left to the prompt: only some models on Bedrock enforce one."""
        content: list[dict[str, Any]] = [{"text": prompt}]
        if image is not None:
            content.insert(0, {"image": {"format": "jpeg", "source": {"bytes": image}}})
        answer = self._guard.call(lambda: self._converse(content, system))
        match answer["stopReason"]:
            case "max_tokens" | "model_context_window_exceeded":
                raise Unusable("the answer was cut off: it is too long")
            case "guardrail_intervened" | "content_filtered" as reason:
                raise EngineRefused(f"{self.name} withheld the answer: {reason}")
        text = "".join(block.get("text", "") for block in answer["output"]["message"]["content"])
        if not text:
            raise Unusable("the answer holds no text")
        return text

    def _converse(self, content: list[dict[str, Any]], system: str) -> dict[str, Any]:
        try:
            return self._client.converse(
                modelId=self._model,
                system=[{"text": system}],
                messages=[{"role": "user", "content": content}],
                inferenceConfig={"maxTokens": MAX_TOKENS},
            )
        except ClientError as error:
            code, headers = error.response["Error"]["Code"], error.response["ResponseMetadata"].get("HTTPHeaders", {})
            if code in PASSING:
                raise EngineBusy(f"{self.name}: {code}", retry_after(headers.get("retry-after"))) from error
            raise EngineRefused(f"{self.name}: {code} {error.response['Error'].get('Message', '')}".rstrip()) from error
        except (ConnectionError, HTTPClientError) as error:
            raise EngineBusy(f"{self.name} did not answer: {type(error).__name__}") from error
