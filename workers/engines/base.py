"""What an engine is, and how it fails."""

from __future__ import annotations

from typing import Any, Protocol


class EngineError(Exception):
    """The engine gave no usable answer. Not the input's fault, so the runtime tries the job again."""


class EngineBusy(EngineError):
    """Throttled, overloaded, broken or too slow: the same call may succeed later.

    retry_after: seconds the service asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class EngineRefused(EngineError):
    """The service understood the call and will not answer it: no access, no such model, a filter."""


class Unusable(EngineError):
    """The answer came but cannot be used: not JSON, cut off, over a limit. The message is told to the model."""


class Engine(Protocol):
    """A model that answers one prompt.

    name: provider and model, for the result: `bedrock:<model>`, `openai:<model>@<host>`.
    """

    name: str

    def complete(
        self, prompt: str, *, system: str, image: bytes | None = None, schema: dict[str, Any] | None = None
    ) -> str:
        """The model's answer to `prompt`.

        image: a JPEG that the prompt is about.
        schema: JSON schema of the answer wanted; a provider that can enforce it does, so the prompt must state it too.
        Raises EngineBusy once retries are used up, EngineRefused, and Unusable for an answer that was cut off.
        """
        ...
