import contextvars
import json
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.config import set_all_config

from components.problems import ConfigurationError
from components.settings import load_settings, parse_settings
from components.stackfile import engine_config

ROOT = Path(__file__).parents[2]


def test_values_are_handed_over_as_the_engine_does_it(project) -> None:
    project.write(
        "Pulumi.yaml",
        "name: serverless-batch\nruntime: python\nconfig:\n"
        "  spot: {type: object, default: {share: 100}}\n  logs: {type: object, default: {retentionDays: 30}}\n"
        "  workers: {type: object}\n",
    )
    project.write(
        "Pulumi.dev.yaml",
        "config:\n  aws:region: eu-central-1\n  serverless-batch:spot: {share: 50, onDemandBase: 1.0}\n"
        "  other:bool: true\n  other:number: 2.0\n  other:word: on\n  other:nothing:\n  other:list: [1, x]\n",
    )
    assert engine_config(project.folder, "dev") == {
        "aws:region": "eu-central-1",
        "serverless-batch:spot": '{"onDemandBase":1,"share":50}',
        "serverless-batch:logs": '{"retentionDays":30}',
        "other:bool": "true", "other:number": "2", "other:word": "on", "other:nothing": "", "other:list": '[1,"x"]',
    }  # fmt: skip


def test_an_unknown_stack_is_refused_with_the_nearest(project) -> None:
    assert project.problems("dve") == ["Pulumi.dve.yaml: there is no stack 'dve'; nearest: 'dev' (dev)"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "Pulumi.dev.yaml: is empty"),
        (b"config:\n\taws:region: x\n", "Pulumi.dev.yaml:2: has a tab where YAML wants spaces"),
        (b"config: {a: \xff}\n", "Pulumi.dev.yaml:1: is not UTF-8 text"),
        (b"- config\n", "Pulumi.dev.yaml:1: must be a map, not a list"),
        (b"config: 5\n", "Pulumi.dev.yaml:1: config: must be a map, not 5"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_alone(project, content: bytes, expected: str) -> None:
    project.write("Pulumi.dev.yaml", content)
    assert project.problems() == [expected]


def test_a_misspelt_key_at_the_top_is_refused_and_pulumis_own_are_not(project) -> None:
    text = (project.folder / "Pulumi.dev.yaml").read_text()
    project.write("Pulumi.dev.yaml", f"secretsprovider: awskms://x\nencryptionsalt: v1:abc\n{text}confg: {{}}\n")
    [problem] = project.problems()
    assert problem.startswith("Pulumi.dev.yaml:8: confg: is not a known key; nearest: 'config'")


def test_a_key_without_a_namespace_is_refused(project) -> None:
    project.stack("  spot: {share: 50}\n")
    assert project.problems() == ["Pulumi.dev.yaml:5: spot: has no namespace; write 'serverless-batch:spot'"]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (
            "notifications:\n    slackSecretArn:\n      secure: v1:c2VjcmV0",
            "6: serverless-batch:notifications.slackSecretArn",
        ),
        ("alarms:\n    emails:\n      - secure: v1:c2VjcmV0", "7: serverless-batch:alarms.emails[0]"),
        ("tags:\n    secure: v1:c2VjcmV0", "5: serverless-batch:tags"),
    ],
)
def test_an_encrypted_setting_is_refused_where_it_stands_and_never_printed(project, section: str, place: str) -> None:
    project.stack(f"  serverless-batch:{section}\n")
    [problem] = project.problems()
    assert problem.startswith(f"Pulumi.dev.yaml:{place}: is encrypted, but no setting is secret")
    assert "c2VjcmV0" not in problem


def test_a_secret_that_the_engine_decrypted_is_refused_and_never_printed(project) -> None:
    key = "serverless-batch:notifications"
    config = {**engine_config(project.folder, "dev"), key: json.dumps({"slackSecretArn": "hunter2"})}
    with pytest.raises(ConfigurationError) as raised:
        parse_settings(config, "dev", project.folder, {key, "aws:secretKey"})
    [problem] = raised.value.problems
    assert str(problem).startswith("stack dev: serverless-batch:notifications: is encrypted, but no setting is secret")
    assert "hunter2" not in str(raised.value)


def test_secrets_of_other_namespaces_are_left_alone(project) -> None:
    project.stack("  aws:secretKey:\n    secure: v1:c2VjcmV0\n")
    assert project.settings().region == "eu-central-1"
    assert "aws:secretKey" not in engine_config(project.folder, "dev")


def test_the_running_program_gets_its_settings_from_the_engine(project, monkeypatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")

    def program() -> None:
        set_all_config(engine_config(project.folder, "dev"), [])
        assert load_settings(project.folder) == project.settings()

    contextvars.copy_context().run(program)


def test_the_running_program_reads_the_engines_environment_and_its_secret_keys(project, monkeypatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    config = engine_config(project.folder, "dev") | {"serverless-batch:tags": '{"a": "hunter2"}'}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(config))

    def program() -> None:
        set_all_config({}, [])
        assert load_settings(project.folder).tags == {"a": "hunter2"}
        monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["serverless-batch:tags"]))
        with pytest.raises(ConfigurationError, match="serverless-batch:tags: is encrypted"):
            load_settings(project.folder)

    contextvars.copy_context().run(program)
