"""Whether a stack ships images by a pipeline, from where and how."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from components.model import Model, sentence

_CONNECTION_ARN = re.compile(
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}"
)
_HOSTED = re.compile(r"[\w.-]+(/[\w.-]+)+")  # GitLab has groups in groups
_CODECOMMIT = re.compile(r"[\w.-]{1,100}")
_BRANCH = re.compile(r"[\w.-]+(/[\w.-]+)*")


def _branch(name: str) -> str:
    if not _BRANCH.fullmatch(name):
        raise ValueError("is not the name of one branch, such as 'main'")
    return name


class ImageSource(Model):
    """The branch whose content is shipped.

    provider: `codecommit`, or where a connection of AWS CodeConnections leads to.
    repository: `owner/name`, for CodeCommit the name alone.
    connection_arn: empty for CodeCommit.
    """

    provider: Literal["github", "gitlab", "bitbucket", "codecommit"]
    repository: str
    branch: Annotated[str, AfterValidator(_branch)] = "main"
    connection_arn: str = Field(default="", validate_default=True)

    @field_validator("repository")
    @classmethod
    def _as_the_provider_names_it(cls, name: str, info: ValidationInfo) -> str:
        provider = info.data.get("provider")
        if provider == "codecommit" and not _CODECOMMIT.fullmatch(name):
            raise ValueError("is not the name of a CodeCommit repository")
        if provider not in (None, "codecommit") and not _HOSTED.fullmatch(name):
            raise ValueError("is not a repository with its owner; write owner/name")
        return name

    @field_validator("connection_arn")
    @classmethod
    def _of_a_hosted_repository(cls, arn: str, info: ValidationInfo) -> str:
        provider = info.data.get("provider")
        if provider == "codecommit" and arn:
            raise sentence("has no meaning for provider 'codecommit'")
        if provider not in (None, "codecommit") and not arn:
            raise sentence(f"is missing; provider '{provider}' needs it")
        if arn and not _CONNECTION_ARN.fullmatch(arn):
            raise ValueError("is not a connection's ARN, arn:aws:codeconnections:<region>:<account>:connection/<id>")
        return arn


class Pipeline(Model):
    """The image pipeline.

    source: None = there is no pipeline, and `pulumi up` builds every image.
    canary: an image runs once before it is released.
    compute_type: how large the machines are that build.
    """

    source: ImageSource | None = None
    canary: bool = False
    compute_type: Literal["small", "medium", "large"] = "small"

    @field_validator("canary", "compute_type")
    @classmethod
    def _of_a_pipeline(cls, value: Any, info: ValidationInfo) -> Any:
        if "source" in info.data and info.data["source"] is None:
            raise sentence("has a meaning only with a source")
        return value
