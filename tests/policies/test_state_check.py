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


def test_an_export_of_which_no_rule_knows_a_resource_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--state", written(tmp_path, resource("it", "aws-native:sqs:Queue"))]) == 0
    assert "of 1 resources there is none that a rule looks at" in capsys.readouterr().err


def test_what_is_hidden_was_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hidden = {SIGNATURE: SECRET, "ciphertext": "CANARY"}
    function = resource("orders", "aws:lambda/function:Function", environment=hidden)
    file = written(tmp_path, resource("orders", redrivePolicy=hidden), resource("orders-dlq"), function)
    _, found = said(capsys, "--state", file)
    assert about(found, "sqs-dlq") == [("advisory", "orders"), ("advisory", "orders-dlq")]
    assert about(found, "no-plain-secret") == [("advisory", "orders")]


def test_of_a_program_that_does_not_bring_its_own_neither_configuration_nor_places_of_this_one_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = resource("image_processor")
    theirs = {**queue, "urn": f"urn:pulumi:prod::shop::{QUEUE}::image_processor"}
    ours = {**queue, "urn": f"urn:pulumi:prod::serverless-batch::{QUEUE}::image_processor"}
    told = []
    for one in (theirs, ours):
        check.main(["--state", written(tmp_path, one), "--format", "json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        told.append(({finding["rule"] for finding in findings}, {finding["file"] for finding in findings}))
    assert told[0][1] == {None} and told[1][1] == {"workers/image_processor/worker.yaml"}
    assert told[1][0] - told[0][0] == {"required-tags"}  # which prod asks for


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
    assert "advisory log-retention · hides" in told and "mandatory sqs-dlq · shows" in told
    assert "hidden in the export" in told and "update" not in told.split("advisory log-retention")[1].split("What")[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("", "is empty"),
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
