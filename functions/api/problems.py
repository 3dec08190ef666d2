"""What the API answers when it cannot do what was asked: problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:serverless-batch:problem:"


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One thing that is wrong, and where: JSON pointer into the body, or name of a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def document(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value is not None}


class Problem(Exception):
    """A request that is not done. kind: last part of the problem's type; detail: for people."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(detail)
        self.status, self.kind, self.detail, self.errors = status, kind, detail, errors
        self.headers = dict(headers or {})

    def document(self, request_id: str | None) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": TYPE + self.kind,
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
        }
        if request_id:
            document["instance"] = f"urn:request:{request_id}"
        if self.errors:
            document["errors"] = [error.document() for error in self.errors]
        return document


def malformed(detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    return Problem(400, "malformed-request", detail, errors)


def unknown_job(job_id: str) -> Problem:
    return Problem(404, "unknown-job", f"There is no job {job_id}.")


def unavailable() -> Problem:
    detail = "A service behind the API is not available. Nothing was submitted or changed; try again."
    return Problem(503, "unavailable", detail, headers={"Retry-After": "5"})
