"""Stand-ins for what surrounds a worker: objects, a model, a web server."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workers.runtime import BadInput

IMAGES = Path(__file__).parent / "images"
SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass
class FakeObjects:
    """Uploads in a dictionary, with the errors of the real thing."""

    uploads: dict[str, bytes] = field(default_factory=dict)

    def read(self, bucket: str | None, key: str, *, max_bytes: int = 50 * 1024**2) -> bytes:
        if key not in self.uploads:
            raise BadInput(f"{key} does not exist")
        if len(self.uploads[key]) > max_bytes:
            raise BadInput(f"{key} is larger than {max_bytes} bytes")
        return self.uploads[key]


@dataclass
class ScriptedEngine:
    """Answers with the next of `answers`; an exception among them is raised. Keeps what it was asked."""

    answers: list[str | Exception]
    name: str = "scripted:model"
    asked: list[SimpleNamespace] = field(default_factory=list)

    def complete(
        self, prompt: str, *, system: str, image: bytes | None = None, schema: dict[str, Any] | None = None
    ) -> str:
        self.asked.append(SimpleNamespace(prompt=prompt, system=system, image=image, schema=schema))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class WebServer:
    """A local HTTP server. script: path → (status, headers, body); `calls` keeps what arrived."""

    url: str
    script: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    calls: list[SimpleNamespace] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)  # unset: an answer "slow" is held back

    def answers(self, path: str, *answers: tuple[int, dict[str, str], bytes]) -> None:
        """What `path` answers, one after the other; the last again and again."""
        self.script[path] = list(answers)


def chat(text: str | None, finish: str = "stop", **message: Any) -> tuple[int, dict[str, str], bytes]:
    """An answer of the OpenAI protocol."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text} | message}
    return 200, {"Content-Type": "application/json"}, json.dumps({"choices": [choice]}).encode()
