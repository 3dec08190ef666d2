"""The pack as the policy SDK starts it, its configuration, its document, its import."""

import json
import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime import proto
from pulumi.runtime.proto import analyzer_pb2_grpc

from policies.document import FILE, render
from policies.model import STALE_EXEMPTION, Level
from policies.rules import RULES
from policies.settings import FOLDER, ConfigError, StackConfig, initial_config, load
from policies.settings import TELLING as TELLING_ALWAYS

POLICIES = FOLDER.parent
THEMES = ("spot", "dlq", "logs", "iam", "baseline")
LEVELS = {Level.ADVISORY: proto.ADVISORY, Level.MANDATORY: proto.MANDATORY}


@pytest.fixture
def pack(monkeypatch):
    """Starts a pack as the language host does; gives its output and its channel."""
    started: list[subprocess.Popen[str]] = []

    def start(stack: str, folder: Path = POLICIES) -> subprocess.Popen[str]:
        monkeypatch.setenv("PULUMI_STACK", stack)
        command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(folder)]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


TELLING = (*TELLING_ALWAYS, STALE_EXEMPTION)


def test_the_pack_starts_prints_its_port_and_knows_every_rule_at_the_stacks_level(pack):
    process = pack("prod")
    port = process.stdout.readline().strip()
    assert port.isdigit()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
    assert {policy.name for policy in info.policies} == {*(r.id for r in RULES), *TELLING}
    assert all(policy.description and policy.severity for policy in info.policies)
    # A rule that is configured without a level would become advisory: the engine reads a missing level as 0.
    assert {name: c.enforcementLevel for name, c in info.initialConfig.items()} == {
        **{rule.id: LEVELS[rule.level] for rule in RULES},
        **dict.fromkeys(TELLING, proto.ADVISORY),
    }
    assert info.initialConfig["log-retention"].properties["maxDays"] == 365


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_is_a_pack_of_its_own(pack, theme):
    process = pack("prod", POLICIES / "packs" / theme)
    with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
        info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == f"serverless-batch-{theme}"
    assert {policy.name for policy in info.policies} - set(TELLING) == {r.id for r in RULES if r.theme == theme}


def test_every_rule_is_in_the_pack_of_a_theme():
    assert {rule.theme for rule in RULES} <= set(THEMES)
    assert sorted(path.name for path in (POLICIES / "packs").iterdir() if path.is_dir()) == sorted(THEMES)


def test_importing_the_pack_starts_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import policies.__main__"],
        cwd=POLICIES.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_rules_need_no_policy_sdk():
    code = "import sys, policies.rules, policies.settings; print([m for m in sys.modules if m.startswith('pulumi')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=POLICIES.parent, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_document_is_current():
    assert FILE.read_text(encoding="utf-8") == render(), "run: python -m policies.document"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_what_a_reader_needs(rule):
    assert re.fullmatch(r"[a-z][a-z0-9-]+", rule.id)
    for text in (rule.description, rule.why, rule.steps, rule.unknown):
        assert text.endswith("."), text
    assert rule.types
    for name, schema in rule.parameters.items():
        assert {"type", "default", "description"} <= schema.keys(), name


def test_no_two_rules_have_one_name():
    names = [rule.id for rule in RULES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_the_stacks_configurations_can_be_read(file: Path):
    assert load(file.stem)


def test_a_stack_without_a_file_has_every_default():
    assert load("nobody") == StackConfig()
    assert initial_config(load("nobody"))["sqs-dlq"] == {"enforcementLevel": "mandatory"}


def write(folder: Path, config) -> Path:
    (folder / "s.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return folder


def test_a_level_for_all_gives_way_to_a_rules_own(tmp_path):
    config = {"all": "advisory", "sqs-dlq": "mandatory", "log-retention": {"maxDays": 7}}
    result = initial_config(load("s", write(tmp_path, config)))
    assert result["sqs-dlq"] == {"enforcementLevel": "mandatory"}
    assert result["log-retention"] == {"enforcementLevel": "advisory", "maxDays": 7}


@pytest.mark.parametrize("level", ["mandatory", "disabled"])
def test_a_level_for_all_is_none_for_what_tells_of_the_rules(tmp_path, level):
    result = initial_config(load("s", write(tmp_path, {"all": level})))
    assert {result[name]["enforcementLevel"] for name in TELLING} == {"advisory"}
    assert result["sqs-dlq"] == {"enforcementLevel": level}


def test_a_stack_may_refuse_exemptions_that_are_not_needed_and_cannot_silence_the_rest(tmp_path):
    config = load("s", write(tmp_path, {STALE_EXEMPTION: "mandatory"}))
    assert initial_config(config)[STALE_EXEMPTION] == {"enforcementLevel": "mandatory"}
    with pytest.raises(ConfigError, match="exempt: there is no such rule"):
        load("s", write(tmp_path, {"exempt": "disabled"}))


def test_the_files_beside_the_rules_count_for_the_project_that_they_lie_in(monkeypatch, tmp_path):
    assert load("prod", project="serverless-batch") == load("prod") != StackConfig()
    assert load("prod", project="shop") == StackConfig()
    monkeypatch.setenv("POLICIES_CONFIG", str(write(tmp_path, {"sqs-dlq": "advisory"})))
    assert load("s", project="shop").rules == {"sqs-dlq": "advisory"}


def test_a_folder_that_is_named_has_a_file_for_the_stack(tmp_path):
    (tmp_path / "stagng.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"staging\.json: there is no such file; did you mean stagng\.json\?"):
        load("staging", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\xff\xfe{", "no text in UTF-8"), (b"{", "not readable as JSON"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, content, said):
    file = tmp_path / "s.json"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"s.json: {said}|s.json: is {said}"):
        load("s", tmp_path)


def test_a_file_may_begin_with_a_mark_of_its_encoding(tmp_path):
    (tmp_path / "s.json").write_bytes(b'\xef\xbb\xbf{"sqs-dlq": "advisory"}')
    assert load("s", tmp_path).rules == {"sqs-dlq": "advisory"}


def test_a_range_without_anything_in_it_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="log-retention: minDays is 20, and maxDays is 10: nothing is allowed"):
        load("s", write(tmp_path, {"log-retention": {"minDays": 20, "maxDays": 10}}))
    with pytest.raises(ConfigError, match="log-retention: minDays is 999"):
        load("s", write(tmp_path, {"log-retention": {"minDays": 999}}))  # above the default


def test_everything_wrong_with_a_configuration_is_told_at_once(tmp_path):
    config = {
        "sqs-dql": "mandatory", "log-retention": {"maxDay": 7}, "iam-no-admin": "forbidden", "all": 3,
        "spot-launcher": 7, "spot-ecs-service": {"enforcementLevel": "maybe", "minShare": "most"},
        "sqs-dlq": {"level": "advisory"},
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        load("s", write(tmp_path, config))
    text = str(error.value)
    assert str(tmp_path / "s.json") in text
    assert "sqs-dql: there is no such rule; did you mean sqs-dlq?" in text
    assert "log-retention.maxDay: there is no such parameter; did you mean maxDays?" in text
    assert "iam-no-admin: 'forbidden' is no level; the levels are advisory, mandatory, remediate, disabled" in text
    assert "all: 3 is no level" in text
    assert "sqs-dlq.level: there is no such parameter; did you mean enforcementLevel?" in text
    assert "spot-launcher: must be a level or an object of parameters" in text
    assert "spot-ecs-service.enforcementLevel: 'maybe' is no level" in text
    assert "spot-ecs-service.minShare: 'most' is not of type 'number'" in text


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_a_configuration_that_is_no_object_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"s\.json"):
        load("s", write(tmp_path, text))


def test_a_rule_that_is_configured_twice_is_refused(tmp_path):
    (tmp_path / "s.json").write_text('{"sqs-dlq": "mandatory", "sqs-dlq": "advisory"}')
    with pytest.raises(ConfigError, match="sqs-dlq: written more than once"):
        load("s", tmp_path)


def test_a_pack_with_a_broken_configuration_says_so_and_ends(tmp_path):
    copy = tmp_path / "policies"
    subprocess.run(["cp", "-r", str(POLICIES), str(copy)], check=True)
    write(copy / "config", {"sqs-dql": "mandatory"})
    done = subprocess.run(
        [sys.executable, "-m", "pulumi.policy", "127.0.0.1:1", str(copy)],
        cwd=copy, env={"PULUMI_STACK": "s"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "did you mean sqs-dlq?" in done.stderr
    assert "Traceback" not in done.stderr
