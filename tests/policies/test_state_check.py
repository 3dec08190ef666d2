"""Stacks that are there, of whatever program, by their export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policies import check
from policies.state import SECRET, SIGNATURE

QUEUE = "aws:sqs/queue:Queue"


def urn(name: str, type_: str = QUEUE) -> str:
    return f"urn:pulumi:shop::shop::{type_}::{name}"


def resource(name: str, type_: str = QUEUE, /, **properties: Any) -> dict[str, Any]:
    return {"urn": urn(name, type_), "type": type_, "custom": True, "inputs": properties, "outputs": properties}


def written(folder: Path, *resources: dict[str, Any]) -> str:
    file = folder / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": list(resources)}}))
    return str(file)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Exit code, and rule, level and name of each finding."""
    code = check.main([*arguments, "--format", "json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    return code, [(one["rule"], one["level"], one["name"]) for one in found]


def about(found: list[tuple[str, str, str]], rule: str) -> list[tuple[str, str]]:
    return [(level, name) for one, level, name in found if one == rule]


def test_a_stack_that_is_there_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    redrive = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:1:lost", "maxReceiveCount": 5})
    file = written(
        tmp_path,
        resource("orders", name="orders"),
        resource("mails", name="mails", redrivePolicy=redrive),
        resource("lost", name="lost", arn="arn:aws:sqs:eu-central-1:1:lost"),
        resource("log", "aws:cloudwatch/logGroup:LogGroup", retentionInDays=0),
    )
    code, found = said(capsys, "--state", file)
    assert code == 1
    assert about(found, "sqs-dlq") == [("mandatory", "orders")]
    assert about(found, "log-retention") == [("mandatory", "log")]


def test_what_the_program_only_looks_up_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    looked_up = resource("theirs") | {"external": True}
    old = resource("old") | {"delete": True}
    _, found = said(capsys, "--state", written(tmp_path, looked_up, old, resource("ours")))
    assert about(found, "sqs-dlq") == [("mandatory", "ours")]


def test_the_stacks_configuration_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exemption = {
        "rule": "log-retention", "urn": "*::log", "reason": "kept for the auditors of 2026", "owner": "finance",
        "expires": "2999-12-31",
    }  # fmt: skip
    (tmp_path / "shop.json").write_text(json.dumps({"all": "advisory", "exemptions": [exemption]}))
    file = written(tmp_path, resource("orders"), resource("log", "aws:cloudwatch/logGroup:LogGroup", retentionInDays=0))
    code, found = said(capsys, "--state", file, "--config", str(tmp_path))
    assert code == 0
    assert about(found, "sqs-dlq") == [("advisory", "orders")]
    assert about(found, "log-retention") == [("advisory", "log")]


def test_a_secret_that_the_export_hides_is_told_and_one_that_it_shows_is_judged_but_never_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = {SIGNATURE: SECRET, "ciphertext": "CANARY"}
    shown = {SIGNATURE: SECRET, "plaintext": json.dumps('{"maxReceiveCount": "CANARY"}')}
    hides = resource("hides", "aws:cloudwatch/logGroup:LogGroup", retentionInDays=hidden)
    file = written(tmp_path, hides, resource("shows", redrivePolicy=shown))
    assert check.main(["--state", file]) == 1
    told = capsys.readouterr().out
    assert "CANARY" not in told
    assert "settled-at-update · hides" in told and "mandatory sqs-dlq · shows" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "is no export of a stack"),
        ('{"deployment": {"resources": [{"urn": 3}]}}', "is no export of a stack"),
        ('{"deployment": {"resources": [{"urn": "urn:x", "type": "t"}]}}', "is no export of a stack"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    (tmp_path / "export.json").write_text(text)
    assert check.main(["--state", str(tmp_path / "export.json")]) == 2
    assert said in capsys.readouterr().err


def test_absurd_links_and_secrets_are_no_reason_to_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absurd = [
        resource("a")
        | {"propertyDependencies": given, "inputs": {"redrivePolicy": {SIGNATURE: SECRET, "plaintext": text}}}
        for given, text in ((3, "{"), ({"x": 3}, 3), ({"x": [None, {}]}, None), ([], "null"))
    ]
    code, _ = said(capsys, "--state", written(tmp_path, *absurd))
    assert code == 1


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as ended:
        check.main(["--state", written(tmp_path), "--out", str(tmp_path / "file/report.json")])
    assert ended.value.code == 2
    assert "the report cannot be written" in capsys.readouterr().err


def test_a_folder_of_configurations_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--state", written(tmp_path), "--config", str(tmp_path / "none")]) == 2
    assert "none: there is no such folder" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["--state", str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read: No such file" in capsys.readouterr().err


def test_a_stack_with_nothing_in_it_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--state", written(tmp_path)) == (0, [])
