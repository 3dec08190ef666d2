"""What is said of a stack, in every format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from policies import report
from policies.model import EXEMPT, STALE_EXEMPTION
from policies.places import Place, place
from policies.reports.entries import Entry, entries
from policies.reports.formats import FORMATS
from policies.rules import BY_ID

PROJECT = Path(__file__).parents[2]
URN = "urn:pulumi:dev::serverless-batch::"
QUEUE = f"{URN}serverless-batch:platform:Platform$serverless-batch:queue:Queue$aws:sqs/queue:Queue"
BARE = Entry(
    "sqs-dlq", "mandatory", f"{QUEUE}::orders", "Queue 'orders' has no dead-letter queue: 100 %\nlost.", ("preview",)
)
SAID = [
    Entry(STALE_EXEMPTION, "advisory", "", "The exemption from x covers nothing."),
    BARE,
    Entry("sqs-dlq", "mandatory", BARE.urn, BARE.message, ("update",)),
    Entry(
        EXEMPT, "advisory", f"{QUEUE}::legacy",
        "Queue 'legacy' has none. Exempt from sqs-dlq (team-data, until 2999-12-31: it goes (soon). In March).",
    ),
    Entry("log-retention", "remediate", f"{URN}aws:cloudwatch/logGroup:LogGroup::api", "put right"),
]  # fmt: skip


def rendered(format: str) -> str:
    return FORMATS[format]("dev", entries(PROJECT, SAID))


def test_what_is_said_twice_is_reported_once_with_its_phases_and_what_refuses_comes_first() -> None:
    found = entries(PROJECT, SAID)
    assert [(one.policy, one.level, one.phases) for one in found] == [
        ("sqs-dlq", "mandatory", ("preview", "update")),
        ("log-retention", "remediate", ()),
        (STALE_EXEMPTION, "advisory", ()),
        ("sqs-dlq", "advisory", ()),
    ]
    assert found[3].exemption == "team-data, until 2999-12-31: it goes (soon). In March"
    assert found[3].message == "Queue 'legacy' has none."


def test_a_finding_has_its_place_in_the_project() -> None:
    file = (PROJECT / "components/queue.py").read_text().splitlines()
    found = place(PROJECT, f"{QUEUE}::orders")
    assert found and found.file == "components/queue.py" and file[found.line - 1].startswith("class Queue(")
    for name in ("image_processor-task", "image-processor-job", "image_processor"):
        assert place(PROJECT, f"{QUEUE}::{name}") == Place("workers/image_processor/worker.yaml", 1)
    assert place(PROJECT, "urn:pulumi:dev::serverless-batch::aws:sqs/queue:Queue::image_processors") is None
    assert place(PROJECT, f"{QUEUE}::image_processor".replace("::serverless-batch::", "::shop::")) is None
    assert place(PROJECT, "") is None


def test_the_text_says_what_is_wrong_where_why_and_what_to_do() -> None:
    first = rendered("text").split("\n\n")[0]
    rule = BY_ID["sqs-dlq"]
    assert first.startswith("mandatory sqs-dlq · orders · components/queue.py:")
    words = " ".join(first.split())
    assert all(" ".join(text.split()) in words for text in (BARE.message, rule.steps, rule.why, rule.url, BARE.urn))
    assert max(map(len, first.replace(BARE.urn, "").splitlines())) <= 100
    assert rendered("text").endswith("Stack dev refused: 1 advisory, 1 exempt, 1 mandatory, 1 remediate.\n")
    assert FORMATS["text"]("dev", []) == "Stack dev passes: nothing to say.\n"


def test_the_json_counts_and_lists_what_was_found() -> None:
    document = json.loads(rendered("json"))
    assert (document["passes"], document["count"]) == (
        False, {"mandatory": 1, "advisory": 1, "remediate": 1, "exempt": 1},
    )  # fmt: skip
    first = document["findings"][0]
    assert (first["rule"], first["name"], first["type"]) == ("sqs-dlq", "orders", "aws:sqs/queue:Queue")
    assert first["file"] == "components/queue.py" and first["url"] == "policies/RULES.md#sqs-dlq"


def test_sarif_points_into_the_code_and_keeps_what_is_exempt_apart() -> None:
    document = json.loads(rendered("sarif"))
    assert document["version"] == "2.1.0"
    [run] = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    first, put_right, stale, exempt = run["results"]
    assert [one["level"] for one in run["results"]] == ["error", "note", "warning", "warning"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one["ruleId"] for one in run["results"]]
    location = first["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "components/queue.py"
    assert location["region"]["startLine"] > 1
    assert exempt["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "team-data, until 2999-12-31: it goes (soon). In March",
        }
    ]
    assert stale["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "Pulumi.yaml"
    marks = [one["partialFingerprints"]["finding/v1"] for one in (first, put_right, stale, exempt)]
    assert len(set(marks)) == 4


def test_junit_has_a_case_for_every_finding_and_a_failure_for_what_refuses() -> None:
    suite = ElementTree.fromstring(rendered("junit"))[0]
    assert suite.attrib["failures"] == "1" and suite.attrib["skipped"] == "1"
    assert int(suite.attrib["tests"]) == len(suite) == 5
    [failed] = [case for case in suite if case.find("failure") is not None]
    assert failed.attrib["name"] == "sqs-dlq: orders"
    assert [case.attrib["name"] for case in suite if len(case) == 0] == ["the policies were evaluated"]


def test_annotations_of_github_are_one_line_each_and_escaped() -> None:
    first, *others = rendered("github").splitlines()
    assert first.startswith("::error file=components/queue.py,line=")
    assert first.endswith(",title=sqs-dlq%3A orders::Queue 'orders' has no dead-letter queue: 100 %25%0Alost.")
    assert [one.split(" ")[0] for one in others] == ["::notice", "::warning", "::notice"]


# ── the command ───────────────────────────────────────────────────────────────


SUMMARY = json.dumps({"summaryEvent": {"PolicyPacks": {"serverless-batch|local|policies": "0.1.0"}}})


def event(**told: Any) -> str:
    policy = {"policyPackName": "serverless-batch", "color": "raw", "resourceUrn": BARE.urn} | told
    return json.dumps({"sequence": 1, "policyEvent": policy})


def test_events_of_the_command_line_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = "<{%reset%}>A queue has a dead-letter queue.\nQueue 'orders' has none.<{%reset%}>"
    lines = [
        json.dumps({"sequence": 0, "preludeEvent": {"config": {}}}),
        event(policyName="sqs-dlq", enforcementLevel="mandatory", message=message),
        event(policyName="theirs", enforcementLevel="advisory", message="One line.\nAnother."),
        json.dumps({"policyRemediationEvent": {"policyName": "log-retention", "after": {"name": "CANARY"}}}),
        SUMMARY,
    ]
    (tmp_path / "events.json").write_text("\n".join(lines))
    arguments = ["--stack", "dev", "--events", str(tmp_path / "events.json"), "--format", "json"]
    assert report.main(arguments) == 1
    told = capsys.readouterr().out
    assert [(one["rule"], one["level"], one["message"]) for one in json.loads(told)["findings"]] == [
        ("sqs-dlq", "mandatory", "Queue 'orders' has none."),
        ("log-retention", "remediate", f"put right: {BY_ID['log-retention'].description}"),
        ("theirs", "advisory", "One line.\nAnother."),
    ]
    assert "CANARY" not in told


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "3",
        "not json",
        '{"policyEvent": 3}',
        '{"policyEvent": {"policyName": "sqs-dlq", "enforcementLevel": "strict", "message": "…"}}',
        '{"policyEvent": {"enforcementLevel": "mandatory"}}',
        '{"policyEvent": {"policyName": "sqs-dlq", "enforcementLevel": "disabled", "message": "…"}}',
        '{"policyRemediationEvent": []}',
        '{"summaryEvent": 3}',
    ],
)
def test_what_is_no_event_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "events.json").write_text(f"\n{text}\n")
    assert report.main(["--stack", "dev", "--events", str(tmp_path / "events.json")]) == 2
    assert "events.json: line 2 is no" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"preludeEvent": {}}',
        '{"summaryEvent": {"PolicyPacks": {}}}',
        '{"policyEvent": {"policyName": "sqs-dlq", "enforcementLevel": "advisory", "message": "…"}}',  # and no end
    ],
)
def test_events_without_policies_say_nothing_of_a_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "events.json").write_text(text)
    assert report.main(["--stack", "dev", "--events", str(tmp_path / "events.json")]) == 2
    assert "no policy was asked" in capsys.readouterr().err


def test_a_refusal_counts_also_without_the_end_of_the_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.json").write_text(event(policyName="sqs-dlq", enforcementLevel="mandatory", message="…"))
    assert report.main(["--stack", "dev", "--events", str(tmp_path / "events.json")]) == 1
    assert "Stack dev refused: 1 mandatory." in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", ".", "none.json"])
def test_events_that_cannot_be_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert report.main(["--stack", "dev", "--events", str(tmp_path / name) if name else ""]) == 2
    assert "cannot be read:" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_report_that_cannot_be_printed_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(SUMMARY)
    command = [sys.executable, "-m", "policies.report", "--stack", "dev", "--events", str(tmp_path / "events.json")]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (
        2, "standard output: the report cannot be written: No space left on device\n",
    )  # fmt: skip


def test_a_terminal_without_such_characters_gets_others(tmp_path: Path) -> None:
    lines = [event(policyName="sqs-dlq", enforcementLevel="advisory", message="One.\n·"), SUMMARY]
    (tmp_path / "events.json").write_text("\n".join(lines))
    command = [sys.executable, "-m", "policies.report", "--stack", "dev", "--events", str(tmp_path / "events.json")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stderr == ""
    assert ended.stdout.endswith("Stack dev passes: 1 advisory.\n")


def test_a_stack_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--stack", "nobody"]) == 2
    assert "there is no stack 'nobody'" in capsys.readouterr().err


def test_a_report_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reports" / "dev.sarif"
    assert report.main(["--stack", "dev", "--format", "sarif", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["runs"][0]["tool"]["driver"]["name"] == "serverless-batch policies"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"Stack dev passes: nothing to say. {out}\n")
