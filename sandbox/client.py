"""The API as a caller sees it."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3


class CallFailed(Exception):
    """The API refused or did not answer."""


@dataclass
class Client:
    """key: the API key that goes with every request."""

    url: str
    key: str
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> urllib3.BaseHTTPResponse:
        """The answer, whatever it is. content: `json` or `body`."""
        return self._http.request(
            method, self.url + path, headers={"x-api-key": self.key, **(headers or {})}, **content
        )

    def call(self, method: str, path: str, json: Any = None) -> Any:
        """What the API answers; `CallFailed` if it is a refusal."""
        answer = self.request(method, path, json=json)
        if answer.status >= 400:
            raise CallFailed(f"{method} {path}: {answer.status} {answer.data.decode(errors='replace')}")
        return answer.json()

    def upload(self, file: Path) -> dict[str, str]:
        """Where the file lies now, as a worker's input names it."""
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        content = file.read_bytes()
        place = self.call("POST", "/uploads", {"filename": file.name, "content_type": kind, "size": len(content)})
        answer = self._http.request(place["method"], place["url"], body=content, headers=place["headers"])
        if answer.status != 200:
            raise CallFailed(f"upload of {file.name}: {answer.status}")
        return {"bucket": place["bucket"], "key": place["key"]}

    def result(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self._http.request("GET", job["result_url"]).json()
