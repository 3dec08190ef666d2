from pathlib import Path

import fastjsonschema
import pytest

from components.manifest import BucketGrant, ModelGrant, SecretGrant
from tests.manifests import Read, reader

HEAD = """\
description: Alternative text for an image.
trigger: api
resources: {vcpu: 0.5, memory: 1 GB, timeout: 5 min}
"""
INPUT = "input: {type: object, required: [key], properties: {key: {type: string}}}\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


def test_a_short_manifest_gets_the_defaults(read) -> None:
    manifest, problems = read(HEAD + INPUT)
    assert problems == []
    assert manifest.description == "Alternative text for an image."
    assert manifest.trigger.api.concurrency == 10
    resources = manifest.resources
    assert (resources.vcpu, resources.memory_mib, resources.timeout_seconds) == (0.5, 1024, 300)
    assert (resources.scratch_gib, resources.architecture) == (20, "x86_64")
    assert (manifest.retry.attempts, manifest.retry.backoff_seconds) == (3, 10)
    assert (manifest.grants, manifest.environment) == ((), {})
    assert manifest.input["required"] == ["key"]


def test_a_full_manifest_is_read_as_it_stands(read) -> None:
    manifest, problems = read(
        """\
description: x
trigger: {api: {concurrency: 3}}
resources: {vcpu: 4, memory: 8 GB, timeout: 11 h, scratch: 200 GB, architecture: arm64}
retry: {attempts: 10, backoff: 15 min}
grants:
  - read: uploads
  - write: results/reports/2026/
  - secret: batch/sales-db
  - model: true
environment: {LEVEL: "3"}
input: {type: object}
"""
    )
    assert problems == []
    assert manifest.trigger.api.concurrency == 3
    resources = manifest.resources
    assert (resources.vcpu, resources.memory_mib, resources.timeout_seconds) == (4.0, 8192, 39600)
    assert (resources.scratch_gib, resources.architecture) == (200, "arm64")
    assert (manifest.retry.attempts, manifest.retry.backoff_seconds) == (10, 900)
    assert manifest.grants == (
        BucketGrant(verb="read", bucket="uploads"),
        BucketGrant(verb="write", bucket="results", prefix="reports/2026/"),
        SecretGrant(name="batch/sales-db"),
        ModelGrant(),
    )
    assert manifest.environment == {"LEVEL": "3"}


@pytest.mark.parametrize(
    ("replaced", "by", "expected"),
    [
        ("description", "descripton", "1: descripton: is not a known key; nearest: 'description'"),
        ("Alternative text for an image.", "''", "1: description: must not be empty, not ''"),
        ("Alternative text for an image.", "5", "1: description: must be text, not 5; write it in quotes"),
        ("trigger: api", "trigger: stream", "2: trigger: 'stream' is not a trigger; allowed: api, queue, schedule, b"),
        ("trigger: api", "trigger: {apii: {}}", "2: trigger: 'apii' is not a trigger; nearest: 'api' (api, queue, sch"),
        ("trigger: api", "trigger: {}", "2: trigger: must name exactly one trigger; allowed: api"),
        ("trigger: api", "trigger: {api: {concurency: 3}}", "2: trigger.api.concurency: is not a known key; nearest"),
        ("trigger: api", "trigger: {api: {concurrency: 501}}", "2: trigger.api.concurrency: must be at most 500, not"),
        ("trigger: api", "trigger: {api: {concurrency: 1.5}}", "must be a whole number, not 1.5"),
        ("trigger: api", "trigger: {api: 5}", "2: trigger.api: must be a map, not 5"),
        ("vcpu: 0.5", "vcpu: 0.3", "3: resources.vcpu: 0.3 is not offered by Fargate; nearest: 0.25 (0.25, 0.5, 1, 2,"),
        ("vcpu: 0.5", "vcpu: '0.5'", "3: resources.vcpu: must be a number, not '0.5'"),
        ("vcpu: 0.5", "cpu: 0.5", "3: resources.cpu: is not a known key; nearest: 'vcpu'"),
        ("vcpu: 0.5, ", "", "3: resources.vcpu: is missing"),
        ("1 GB", "512 MB", "3: resources.memory: '512 MB' is not offered by Fargate with 0.5 vCPU; nearest: 0.5 vCPU"),
        ("1 GB", "1500 MB", "nearest: 0.5 vCPU with 1 GB (0.5 vCPU: 1 GB to 4 GB in steps of 1 GB)"),
        ("1 GB", "1024", "3: resources.memory: 1024 is a size without a unit; write for example 512 MB or 1 GB"),
        ("5 min", "12 h", "3: resources.timeout: '12 h' is too large; nearest: 11 h"),
        ("5 min", "0 s", "3: resources.timeout: '0 s' is too small; nearest: 1 s"),
        ("5 min", "5m", "3: resources.timeout: '5m' has an unknown unit; nearest: '5 min'"),
        ("5 min", "1:30", "3: resources.timeout: '1:30' is not a duration"),
        ("5 min", "5 min, scratch: 10 GB", "3: resources.scratch: '10 GB' is too small; nearest: 20 GB"),
        ("5 min", "5 min, scratch: 201 GB", "3: resources.scratch: '201 GB' is too large; nearest: 200 GB"),
        ("5 min", "5 min, scratch: 20.5 GB", "3: resources.scratch: '20.5 GB' does not come to whole GB"),
        ("5 min", "5 min, architecture: arm", "3: resources.architecture: 'arm' is not allowed; nearest: 'arm64'"),
        (INPUT, "", "1: input: is missing"),
        (INPUT, INPUT + "retry: {attempts: 0}", "5: retry.attempts: must be at least 1, not 0"),
        (INPUT, INPUT + "retry: {backoff: 20 min}", "5: retry.backoff: '20 min' is too large; nearest: 15 min"),
        (INPUT, INPUT + "inputs: {}", "5: inputs: is not a known key; nearest: 'input'"),
        (INPUT, INPUT + "grants: {read: uploads}", "5: grants: must be a list, not a map"),
        (INPUT, INPUT + "grants: [read]", "5: grants[0]: must be one verb with what it is for, such as {read: uploads"),
        (INPUT, INPUT + "grants:\n- read: uploads\n- wirte: results", "7: grants[1]: 'wirte' is not a verb; nearest:"),
        (INPUT, INPUT + "grants: [{read: upload}]", "'upload' does not begin with a bucket; nearest: 'uploads'"),
        (INPUT, INPUT + "grants: [{read: /uploads}]", "'/uploads' does not begin with a bucket; nearest: 'uploads'"),
        (INPUT, INPUT + "grants: [{read: uploads/*}]", "'uploads/*' is not a bucket with a prefix: plain folder names"),
        (INPUT, INPUT + "grants: [{read: uploads//a}]", "'uploads//a' is not a bucket with a prefix"),
        (INPUT, INPUT + "grants: [{read: uploads/../a}]", "'uploads/../a' is not a bucket with a prefix"),
        (INPUT, INPUT + "grants: [{model: false}]", "a model is granted with {model: true}"),
        (INPUT, INPUT + "grants: [{secret: '*'}]", "'*' is not the name of a secret"),
        (INPUT, INPUT + "environment: {QUEUE_URL: x}", "5: environment.QUEUE_URL: is set by the platform"),
        (INPUT, INPUT + "environment: {AWS_PROFILE: x}", "5: environment.AWS_PROFILE: is set by the platform"),
        (INPUT, INPUT + "environment: {A-B: x}", "5: environment.A-B: is not the name of an environment variable"),
        (INPUT, INPUT + "secrets: [JOBS_TABLE]", "5: secrets[0]: is set by the platform; choose another name"),
        (INPUT, INPUT + "secrets: [URL, URL]", "5: secrets: URL is named twice, here or under 'environment'"),
        (INPUT, INPUT + "environment: {URL: x}\nsecrets: [URL]", "6: secrets: URL is named twice, here or under 'envi"),
        (INPUT, INPUT + "environment: {DEBUG: on, N: 5}", "5: environment.N: must be text, not 5; write it in quotes"),
        ("type: object", "type: objct", "4: input.type: 'objct' is not a type; nearest: 'object' (object, array"),
        ("type: object", "type: string", "4: input: must say type: object"),
        ("type: object", "type: [object, 'null']", "4: input: must say type: object"),
        ("type: object, ", "", "4: input: must say type: object"),
        ("required: [key]", "requird: [key]", "4: input.requird: is not a known keyword; nearest: 'required'"),
        ("required: [key]", "required: [kay]", "4: input.required: 'kay' is not among the properties; nearest: 'key'"),
        ("required: [key]", "required: key", "4: input.required: is not valid JSON Schema: 'key' is not of type 'arra"),
        ("{type: string}", "{typ: string}", "4: input.properties.key.typ: is not a known keyword; nearest: 'type'"),
        ("{type: string}", "{type: string, minLength: -1}", "4: input.properties.key.minLength: is not valid JSON Sch"),
        ("{type: string}", "{type: string, pattern: '('}", "4: input.properties.key.pattern: '(' is not a regular exp"),
        ("{type: string}", "{$ref: 'https://example.com/s'}", "4: input.properties.key.$ref: is not a known keyword"),
        ("{type: string}", "{items: {anyOf: [{tpye: 5}]}}", "4: input.properties.key.items.anyOf[0].tpye: is not a kn"),
        ("input: {type", "input: 5 # {type", "4: input: must be a map, not 5"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(read, replaced: str, by: str, expected: str) -> None:
    assert replaced in HEAD + INPUT
    _, problems = read((HEAD + INPUT).replace(replaced, by))
    [problem] = problems
    assert expected in problem
    assert problem.startswith("worker.yaml:")


def test_everything_wrong_in_a_manifest_is_told_at_once(read) -> None:
    _, problems = read(
        "descripton: x\ntrigger: stream\nresources: {vcpu: 3, memory: 1, timeout: 5 m}\n"
        "grants: [{reed: uploads}, {read: nowhere}]\nenvironment: {JOBS: x}\ninput: {type: string}\n"
    )
    places = {problem.split(": ")[0] + ": " + problem.split(": ")[1] for problem in problems}
    assert places == {
        "worker.yaml:1: descripton", "worker.yaml:2: trigger", "worker.yaml:3: resources.vcpu",
        "worker.yaml:3: resources.memory", "worker.yaml:3: resources.timeout", "worker.yaml:4: grants[0]",
        "worker.yaml:4: grants[1]", "worker.yaml:5: environment.JOBS", "worker.yaml:6: input",
    }  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    ["AKIAIOSFODNN7EXAMPLE", "-----BEGIN RSA PRIVATE KEY-----", "https://hooks.slack.com/services/T0/B0/x", "xoxb-1-a"],
)
def test_a_secret_in_the_environment_is_refused_and_not_printed(read, secret: str) -> None:
    _, [problem] = read(f"{HEAD}{INPUT}environment: {{KEY: '{secret}'}}\n")
    assert "environment.KEY: holds a secret in plain text; keep it in AWS Secrets Manager" in problem
    assert secret not in problem


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n"])
def test_an_empty_manifest_is_refused(read, text: str) -> None:
    assert read(text) == (None, ["worker.yaml: is empty" if text != "~\n" else "worker.yaml:1: is empty"])


def test_an_accepted_input_schema_compiles_and_judges_jobs(read) -> None:
    schema = (
        "input:\n  type: object\n  required: [key]\n  additionalProperties: false\n  properties:\n"
        "    key: {type: string, minLength: 1, pattern: '^[a-z]+$'}\n"
        "    size: {type: integer, minimum: 1, default: 5}\n"
        "    kinds: {type: array, items: {enum: [a, b]}, uniqueItems: true}\n"
        "    url: {anyOf: [{type: string, format: uri}, {type: 'null'}]}\n"
    )
    manifest, problems = read(HEAD + schema)
    assert problems == []
    judge = fastjsonschema.compile(manifest.input)
    judge({"key": "abc", "kinds": ["a"], "url": None})
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        judge({"key": "ABC"})


def test_a_branch_may_require_what_the_schema_around_it_describes_and_the_reverse(read) -> None:
    schema = (
        "input:\n  type: object\n  required: [size]\n  properties: {key: {type: string}, text: {type: string}}\n"
        "  oneOf: [{required: [key]}, {required: [text]}]\n  allOf: [{properties: {size: {type: integer}}}]\n"
    )
    assert read(HEAD + schema)[1] == []
    [problem] = read(HEAD + schema.replace("[text]", "[txt]"))[1]
    assert problem.startswith(
        "worker.yaml:8: input.oneOf[1].required: 'txt' is not among the properties; nearest: 'text'"
    )


def test_a_part_may_not_require_what_only_the_whole_describes(read) -> None:
    schema = "input: {type: object, properties: {key: {type: object, required: [key]}}}\n"
    [problem] = read(HEAD + schema)[1]
    assert problem.startswith("worker.yaml:4: input.properties.key.required: 'key' is not among the properties")
