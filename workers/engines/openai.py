"""Any service that speaks the OpenAI chat protocol: OpenAI itself, vLLM, Ollama, a gateway."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import urllib3

from workers.engines.base import EngineBusy, EngineRefused, Unusable
from workers.engines.resilience import Guard, retry_after

MAX_ANSWER_BYTES = 1024**2
PASSING = frozenset({408, 409, 425, 429})  # and every 5xx
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OpenAI:
    """A model at `<endpoint>/chat/completions`.

    endpoint: base URL, such as `https://api.openai.com/v1`; plain http is for this machine only (ValueError).
    key: sent as bearer token. timeout: seconds to wait for the next byte of the answer.
    """

    def __init__(
        self, model: str, endpoint: str, *, key: str | None = None, timeout: float = 90.0, guard: Guard | None = None
    ):
        where = urlsplit(endpoint)
        if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOOPBACK):
            raise ValueError(f"the endpoint of an engine must be https: {endpoint}")
        self.name = f"openai:{model}@{where.hostname}"
        self._model = model
        self._url = endpoint.rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        # No retries means no redirects either, which would take the key elsewhere.
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5.0, read=timeout))
        self._guard = guard or Guard()

    def complete(
        self, prompt: str, *, system: str, image: bytes | None = None, schema: dict[str, Any] | None = None
    ) -> str:
        """See `Engine.complete`. No length or temperature is sent: servers differ in what they accept."""
        content: Any = prompt
        if image is not None:
            url = "data:image/jpeg;base64," + base64.b64encode(image).decode()
            content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
        body: dict[str, Any] = {"model": self._model, "messages": messages}
        if schema is not None:
            enforced = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": enforced}
        data = json.dumps(body).encode()
        return _text(self._guard.call(lambda: self._post(data)))

    def _post(self, data: bytes) -> dict[str, Any]:
        try:
            response = self._http.request("POST", self._url, body=data, headers=self._headers, preload_content=False)
            try:
                answer = response.read(MAX_ANSWER_BYTES, decode_content=True)
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise EngineBusy(f"{self.name} did not answer: {type(error).__name__}") from error
        if response.status in PASSING or response.status >= 500:
            raise EngineBusy(f"{self.name}: HTTP {response.status}", retry_after(response.headers.get("Retry-After")))
        if response.status != 200:
            raise EngineRefused(f"{self.name}: HTTP {response.status} {_reason(answer)}".rstrip())
        try:
            return json.loads(answer)
        except ValueError as error:
            raise EngineBusy(f"{self.name} answered something other than JSON") from error


def _text(answer: dict[str, Any]) -> str:
    match answer:
        case {"choices": [{"finish_reason": "length"}, *_]}:
            raise Unusable("the answer was cut off: it is too long")
        case {"choices": [{"finish_reason": "content_filter"}, *_]}:
            raise EngineRefused("the service's content filter withheld the answer")
        case {"choices": [{"message": {"refusal": str(refusal)}}, *_]}:
            raise EngineRefused(f"the model refused: {refusal[:200]}")
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return text
    raise Unusable("the answer holds no text")


def _reason(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""
