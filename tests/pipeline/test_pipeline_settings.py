from __future__ import annotations

from pathlib import Path

import pytest

from components.pipeline_settings import ImageSource, Pipeline
from components.problems import ConfigurationError
from components.settings import Settings, parse_settings
from components.stackfile import engine_config

ARN = "arn:aws:codeconnections:eu-central-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef"
GITHUB = f"{{provider: github, repository: example/batch, connectionArn: '{ARN}'}}"


@pytest.fixture
def read(tmp_path: Path):
    """The settings of a stack whose `pipeline` is this text."""
    worker = tmp_path / "workers/words"
    worker.mkdir(parents=True)
    (worker / "handler.py").write_text("def handle(input, context):\n    return {}\n")
    (worker / "worker.yaml").write_text(
        "description: Words.\ntrigger: api\nresources: {vcpu: 0.25, memory: 512 MB, timeout: 1 min}\n"
        "input: {type: object}\n"
    )
    (tmp_path / "Pulumi.yaml").write_text("name: serverless-batch\nruntime: python\n")

    def settings(text: str) -> Settings:
        (tmp_path / "Pulumi.dev.yaml").write_text(
            "config:\n  aws:region: eu-central-1\n  serverless-batch:workers: {words: {}}\n"
            + (f"  serverless-batch:pipeline: {text}\n" if text else "")
        )
        return parse_settings(engine_config(tmp_path, "dev"), "dev", tmp_path)

    return settings


@pytest.fixture
def problem(read):
    def only(text: str) -> str:
        with pytest.raises(ConfigurationError) as raised:
            read(text)
        [line] = str(raised.value).splitlines()[1:]
        return line.strip()

    return only


@pytest.mark.parametrize("text", ["", "{}"])
def test_without_a_source_there_is_no_pipeline(read, text: str) -> None:
    assert read(text).pipeline == Pipeline()
    assert read(text).pipeline.source is None


def test_a_hosted_repository_is_reached_by_a_connection(read) -> None:
    pipeline = read(f"{{source: {GITHUB}, canary: true, computeType: large}}").pipeline
    assert pipeline.source == ImageSource(
        provider="github", repository="example/batch", branch="main", connection_arn=ARN
    )
    assert (pipeline.canary, pipeline.compute_type) == (True, "large")


def test_codecommit_needs_no_connection(read) -> None:
    source = read("{source: {provider: codecommit, repository: batch, branch: release/2025}}").pipeline.source
    assert (source.provider, source.repository, source.branch) == ("codecommit", "batch", "release/2025")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{source: {provider: githup, repository: a/b}}", "'githup' is not allowed; nearest: 'github'"),
        ("{source: {provider: github, repository: a/b}}", "source.connectionArn: is missing; provider 'github' needs"),
        (
            f"{{source: {{provider: codecommit, repository: a, connectionArn: '{ARN}'}}}}",
            "source.connectionArn: has no meaning for provider 'codecommit'",
        ),
        (
            "{source: {provider: gitlab, repository: a/b, connectionArn: 'arn:aws:iam::123456789012:role/x'}}",
            "is not a connection's ARN",
        ),
        (f"{{source: {{provider: bitbucket, repository: batch, connectionArn: '{ARN}'}}}}", "write owner/name"),
        ("{source: {provider: codecommit, repository: a/b}}", "is not the name of a CodeCommit repository"),
        ("{source: {provider: codecommit, repository: a, branch: 'feature/*'}}", "is not the name of one branch"),
        ("{source: {provider: codecommit}}", "source.repository: is missing"),
        ("{canary: true}", "canary: has a meaning only with a source"),
        (f"{{source: {GITHUB}, computeType: huge}}", "'huge' is not allowed"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(problem, text: str, said: str) -> None:
    line = problem(text)
    assert line.startswith("Pulumi.dev.yaml:4: serverless-batch:pipeline.")
    assert said in line
