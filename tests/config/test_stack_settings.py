from pathlib import Path

import pytest

from components.manifest import Manifest
from components.problems import ConfigurationError
from components.settings import Api, Data, Engine, Logs, Network, Notifications, Quota, Settings, Spot, parse_settings
from components.stackfile import engine_config

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:slack-AbCdEf"


def settings_of(stack: str) -> Settings:
    return parse_settings(engine_config(ROOT, stack), stack, ROOT)


# --- the project's own stacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_each_stack_of_the_project_is_valid_and_runs_the_three_ai_workers(stack: str) -> None:
    settings = settings_of(stack)
    assert settings.region == "eu-central-1"
    assert {w.name for w in settings.workers} >= {"image_alt_generator", "meta_desc_generator", "content_analyzer"}


def test_the_stacks_differ_where_it_matters() -> None:
    dev, staging, prod = (settings_of(stack) for stack in ("dev", "staging", "prod"))
    for differs in (
        lambda s: s.network.mode,
        lambda s: s.network.cidr,
        lambda s: s.logs.retention_days,
        lambda s: s.data.result_days,
        lambda s: s.workers[0].manifest.trigger.api.concurrency,
        lambda s: s.alarms.emails,
    ):
        assert len({differs(dev), differs(staging), differs(prod)}) == 3
    assert (dev.network.mode, dev.spot) == ("public", Spot(share=100, on_demand_base=0))
    assert (prod.spot.share, prod.spot.on_demand_base, staging.spot.share) == (70, 1, 70)
    assert (dev.data.protect, dev.data.point_in_time_recovery) == (False, False)
    assert (prod.data.protect, prod.data.point_in_time_recovery) == (True, True)
    assert prod.api.allowed_ips == ("203.0.113.0/24", "198.51.100.0/24")
    assert prod.api.throttle.rate > staging.api.throttle.rate
    assert prod.workers[0].manifest.resources.memory_mib != dev.workers[0].manifest.resources.memory_mib


def test_the_defaults_that_the_engine_fills_in_are_those_of_the_settings(project) -> None:
    project.write("Pulumi.yaml", (ROOT / "Pulumi.yaml").read_bytes())
    declared = engine_config(project.folder, "dev")
    given = {"aws:region": "eu-central-1", "serverless-batch:workers": {"image_alt_generator": {}}}
    by_engine = parse_settings({**declared, **given}, "dev", project.folder)
    assert len(declared) == 17
    assert by_engine == parse_settings(given, "dev", project.folder)


# --- what is right ----------------------------------------------------------------------------------------------


def test_a_stack_that_only_lists_workers_gets_safe_defaults(project) -> None:
    settings = project.settings()
    assert settings.network == Network(mode="public", cidr="10.0.0.0/16", availability_zones=2)
    assert settings.spot == Spot(share=100, on_demand_base=0)
    assert settings.logs == Logs(retention_days=30)
    assert settings.api == Api(quota=Quota(limit=10_000, period="DAY"), job_ttl_days=30)
    assert settings.api.allowed_ips == ()
    assert settings.data == Data(result_days=30, upload_days=7, point_in_time_recovery=True, protect=True)
    assert settings.notifications == Notifications()
    assert settings.engine == Engine(kind="offline")
    assert (settings.stack, settings.tags, settings.alarms.emails) == ("dev", {}, ())
    assert [(w.name, w.spot_share, w.image) for w in settings.workers] == [
        ("image_alt_generator", 100, None), ("meta_desc_generator", 100, None),
    ]  # fmt: skip
    assert settings.workers[0].folder == project.folder / "workers" / "image_alt_generator"


def test_every_section_is_read(project) -> None:
    project.stack(
        f"""\
  serverless-batch:network:
    mode: existing
    vpcId: vpc-0a1b2c3d
    subnetIds: [subnet-0a1b2c3d, subnet-1a1b2c3d]
    assignPublicIp: true
  serverless-batch:spot: {{share: 40, onDemandBase: 2}}
  serverless-batch:logs: {{retentionDays: 365}}
  serverless-batch:api:
    allowedIps: [203.0.113.0/24, 198.51.100.7, "2001:db8::/32"]
    throttle: {{rate: 0.5, burst: 3}}
    quota: {{limit: 5, period: WEEK}}
    jobTtlDays: 3
  serverless-batch:data: {{resultDays: 1, uploadDays: 2, pointInTimeRecovery: false, protect: false}}
  serverless-batch:alarms: {{emails: [oncall@example.com]}}
  serverless-batch:notifications:
    slackSecretArn: {ARN}
    notion: {{secretArn: "{ARN}", databaseId: abc}}
    topicEmails: [team@example.com]
  serverless-batch:engine: {{kind: openai, model: m, endpoint: https://models.example.com/v1, secretArn: "{ARN}"}}
  serverless-batch:images: {{image_alt_generator: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/alt@{DIGEST}}}
  serverless-batch:tags: {{cost-center: "42"}}
""",
        workers="    image_alt_generator: {spotShare: 0}",
    )
    settings = project.settings()
    assert (settings.network.vpc_id, settings.network.assign_public_ip) == ("vpc-0a1b2c3d", True)
    assert settings.network.subnet_ids == ("subnet-0a1b2c3d", "subnet-1a1b2c3d")
    assert settings.spot == Spot(share=40, on_demand_base=2)
    assert settings.logs.retention_days == 365
    assert settings.api.allowed_ips == ("203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32")
    assert (settings.api.throttle.rate, settings.api.throttle.burst) == (0.5, 3)
    assert settings.api.quota == Quota(limit=5, period="WEEK")
    assert settings.data == Data(result_days=1, upload_days=2, point_in_time_recovery=False, protect=False)
    assert settings.notifications.notion is not None
    assert settings.notifications.notion.database_id == "abc"
    assert (settings.engine.model, settings.engine.endpoint) == ("m", "https://models.example.com/v1")
    assert settings.workers[0].image == f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/alt@{DIGEST}"
    assert settings.workers[0].spot_share == 0
    assert settings.tags == {"cost-center": "42"}


def test_an_override_changes_size_timeout_concurrency_and_spot_share_and_nothing_else(project) -> None:
    plain: Manifest = project.settings().workers[0].manifest
    project.stack(
        "", workers="    image_alt_generator: {vcpu: 2, memory: 4 GB, timeout: 1 h, concurrency: 3, spotShare: 50}"
    )
    [worker] = project.settings().workers
    resources = worker.manifest.resources
    assert (resources.vcpu, resources.memory_mib, resources.timeout_seconds) == (2.0, 4096, 3600)
    assert (worker.manifest.trigger.api.concurrency, worker.spot_share) == (3, 50)
    untouched = {"description", "retry", "grants", "input", "environment"}
    assert worker.manifest.model_dump(include=untouched) == plain.model_dump(include=untouched)
    assert resources.scratch_gib == plain.resources.scratch_gib


def test_values_may_come_as_the_engines_json_text_or_decoded(project) -> None:
    as_text = project.settings()
    decoded = {
        "aws:region": "eu-central-1",
        "serverless-batch:workers": {"image_alt_generator": {}, "meta_desc_generator": {}},
    }
    assert parse_settings(decoded, "dev", project.folder) == as_text


def test_keys_of_other_namespaces_are_left_alone(project) -> None:
    project.stack("  aws:profile: work\n  other:anything: {whatever: [1, 2]}\n")
    assert project.settings().region == "eu-central-1"


# --- what is wrong ----------------------------------------------------------------------------------------------

# Line 5 is the first line after the head of `Project.stack`.
MISTAKES = [
    ("network: {mode: privte}", ".network.mode: 'privte' is not allowed; nearest: 'private-nat' (public, private-nat,"),
    ("network: {mod: public}", ".network.mod: is not a known key; nearest: 'mode' (mode, cidr, availabilityZones"),
    ("network: [public]", ".network: must be a map, not a list"),
    ("network: public", ".network: must be a map, not 'public'"),
    ("network:", ".network: must be a map, not ''"),
    ("network: {availabilityZones: 4}", ".network.availabilityZones: must be at most 3, not 4"),
    ("network: {cidr: 10.0.0.0/8}", ".network.cidr: '10.0.0.0/8' is not an IPv4 network from /16 to /24"),
    ("network: {cidr: 10.0.0.1/16}", ".network.cidr: '10.0.0.1/16' is an address inside a network; nearest: '10.0.0.0"),
    ("network: {natGateways: one}", ".network.natGateways: has a meaning only with mode 'private-nat'"),
    ("network: {mode: private-nat, natGateways: per-zon}", ".network.natGateways: 'per-zon' is not allowed; nearest:"),
    ("network: {vpcId: vpc-0a1b2c3d}", ".network.vpcId: has a meaning only with mode 'existing'"),
    ("network: {assignPublicIp: true}", ".network.assignPublicIp: has a meaning only with mode 'existing'"),
    ("network: {mode: existing, vpcId: vpc-0a1b2c3d}", ".network.subnetIds: is missing; mode 'existing' needs it"),
    ("network: {mode: existing, subnetIds: [subnet-0a1b2c3d]}", ".network.vpcId: is missing; mode 'existing' needs it"),
    (
        "network: {mode: existing, vpcId: vpc-1, subnetIds: [subnet-0a1b2c3d]}",
        ".network.vpcId: 'vpc-1' is not an id such as 'vpc-0a1b2c3d'",
    ),
    (
        "network: {mode: existing, cidr: 10.0.0.0/16, vpcId: vpc-0a1b2c3d, subnetIds: [subnet-0a1b2c3d]}",
        ".network.cidr: has no meaning with mode 'existing'",
    ),
    ("spot: {share: 101}", ".spot.share: must be at most 100, not 101"),
    ("spot: {share: 50%}", ".spot.share: must be a whole number, not '50%'"),
    ("spot: {share: true}", ".spot.share: must be a whole number, not true"),
    ("spot: {ondemandbase: 1}", ".spot.ondemandbase: is not a known key; nearest: 'onDemandBase' (share, onDemandBase"),
    ("spot: {on_demand_base: 1}", ".spot.on_demand_base: is not a known key; nearest: 'onDemandBase'"),
    ("logs: {retentionDays: 45}", ".logs.retentionDays: 45 days are not offered by CloudWatch; nearest: 30 (1, 3, 5,"),
    ("logs: {retentionDays: 0}", ".logs.retentionDays: 0 days are not offered by CloudWatch; nearest: 1 (1, 3"),
    ("logs: {retentionDays: '7'}", ".logs.retentionDays: must be a whole number, not '7'"),
    ("api: {allowedIps: [203.0.113.9/24]}", "allowedIps[0]: '203.0.113.9/24' is an address inside a network; nearest:"),
    ("api: {allowedIps: [203.0.113.0/24, 300.0.0.1]}", ".api.allowedIps[1]: '300.0.0.1' is not an IP address or netwo"),
    ("api: {allowedIps: []}", ".api.allowedIps: is an empty list; leave the key out to let any address in"),
    ("api: {throttle: {rate: 0}}", ".api.throttle.rate: must be more than 0"),
    ("api: {throttle: {bursts: 3}}", ".api.throttle.bursts: is not a known key; nearest: 'burst' (rate, burst)"),
    ("api: {quota: {period: day}}", ".api.quota.period: 'day' is not allowed; nearest: 'DAY' (DAY, WEEK, MONTH)"),
    ("api: {jobTtlDays: 010}", ".api.jobTtlDays: 010 is not the same number to all readers"),
    ("data: {protect: yes}", ".data.protect: must be true or false, not 'yes'"),
    ("data: {pointInTimeRecovery: on}", ".data.pointInTimeRecovery: must be true or false, not 'on'"),
    ("data: {resultDays: 0}", ".data.resultDays: must be at least 1, not 0"),
    ("alarms: {emails: someone@example.com}", ".alarms.emails: must be a list, not 'someone@example.com'"),
    ("alarms: {emails: [someone]}", ".alarms.emails[0]: 'someone' is not an e-mail address"),
    ("notifications: {slackSecretArn: xoxb}", ".notifications.slackSecretArn: 'xoxb' is not a secret's ARN"),
    ("notifications: {notion: {databaseId: x}}", ".notifications.notion.secretArn: is missing"),
    (f"notifications: {{notion: {{secretArn: '{ARN}', databaseid: x}}}}", "notion.databaseid: is not a known key"),
    ("engine: {kind: opnai}", ".engine.kind: 'opnai' is not allowed; nearest: 'openai' (offline, bedrock, openai)"),
    ("engine: {kind: bedrock}", ".engine.model: is missing; engine 'bedrock' needs it"),
    ("engine: {model: m}", ".engine.model: has no meaning for engine 'offline'"),
    ("engine: {kind: openai, model: m, endpoint: https://x.example/v1}", ".engine.secretArn: is missing; engine 'open"),
    (f"engine: {{kind: openai, model: m, secretArn: '{ARN}'}}", ".engine.endpoint: is missing; engine 'openai' needs"),
    (
        f"engine: {{kind: openai, model: m, secretArn: '{ARN}', endpoint: 'http://models.example.com'}}",
        ".engine.endpoint: 'http://models.example.com' is not the base of an https:// URL",
    ),
    ("images: {image_alt_generator: 'nginx:latest'}", ".images.image_alt_generator: 'nginx:latest' is not an image by"),
    (f"images: {{image_alt: 'registry.example.com/alt@{DIGEST}'}}", ".images.image_alt: is not a worker of this stack"),
    ("tags: {Owner: 5}", ".tags.Owner: must be text, not 5; write it in quotes"),
    ("tags: {'aws:x': y}", ".tags.aws:x: is not a tag's name"),
    ("tags: {since: 2026-01-31}", ".tags.since: 2026-01-31 is a date to some readers"),
    ("netwrk: {}", ":netwrk: is not a known key; nearest: 'network'"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "expected"), MISTAKES)
def test_a_mistake_is_told_with_file_line_key_value_and_what_would_be_right(project, section: str, expected: str):
    project.stack(f"  serverless-batch:{section}\n")
    [problem] = project.problems()
    assert problem.startswith("Pulumi.dev.yaml:5: serverless-batch:")
    assert expected.removeprefix(".") in problem


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ("    image_alt_generater: {}", "there is no folder workers/image_alt_generater; nearest: 'image_alt_generato"),
        ("    runtime: {}", "runtime: is shared by all workers, not one of them"),
        ("    Image-Alt: {}", "Image-Alt: is not a worker's name: lower-case letters"),
        ("    ../x: {}", "is not a worker's name"),
        ("    mail_dlq: {}", "mail_dlq: ends like the dead-letter queue of another worker"),
        ("    image_alt_generator:", "image_alt_generator: must be a map, not an empty value"),
        ("    image_alt_generator: {grants: [{read: uploads}]}", "grants: belongs in the worker's worker.yaml; a stac"),
        ("    image_alt_generator: {environment: {}}", "environment: belongs in the worker's worker.yaml; a stack may"),
        ("    image_alt_generator: {concurency: 5}", "concurency: is not a known key; nearest: 'concurrency'"),
        ("    image_alt_generator: {concurrency: 0}", "image_alt_generator.concurrency: must be at least 1, not 0"),
        ("    image_alt_generator: {spotShare: 200}", "image_alt_generator.spotShare: must be at most 100, not 200"),
        ("    image_alt_generator: {timeout: 12 h}", "image_alt_generator.timeout: '12 h' is too large; nearest: 11 h"),
        ("    image_alt_generator: {secrets: {URL: x}}", "secrets.URL: 'x' is not a secret's ARN, arn:aws:secretsman"),
        (
            f"    image_alt_generator: {{secrets: {{URL: '{ARN}'}}}}",
            "image_alt_generator.secrets.URL: is no secret that worker.yaml lists; it lists none under 'secrets'",
        ),
        ("    image_alt_generator: {vcpu: 3}", "image_alt_generator.vcpu: 3 is not offered by Fargate; nearest: 2 (0."),
        (
            "    image_alt_generator: {vcpu: 4}",
            "image_alt_generator.vcpu: 1 GB is not offered by Fargate with 4 vCPU; nearest: 4 vCPU with 8 GB or 0.5 vC",
        ),
        (
            "    image_alt_generator: {memory: 8 GB}",
            "image_alt_generator.memory: 8 GB is not offered by Fargate with 0.5 vCPU; nearest: 0.5 vCPU with 4 GB or",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_list_of_workers_is_told_with_its_line(project, workers: str, expected: str) -> None:
    project.stack("", workers=workers)
    [problem] = project.problems()
    assert problem.startswith("Pulumi.dev.yaml:4: serverless-batch:workers.")
    assert expected in problem


@pytest.mark.parametrize(
    ("listed", "shown"),
    [("[image_alt_generator]", "a list"), ("{}", "a map"), ("image_alt_generator", "'image_alt_gen")],
)
def test_workers_must_be_a_map_that_is_not_empty(project, listed: str, shown: str) -> None:
    project.write("Pulumi.dev.yaml", f"config:\n  aws:region: eu-central-1\n  serverless-batch:workers: {listed}\n")
    [problem] = project.problems()
    assert problem.startswith(f"Pulumi.dev.yaml:3: serverless-batch:workers: {shown}")
    assert "must be a map of workers, each with its overrides or {}" in problem


def test_workers_and_region_are_the_two_keys_that_have_no_default(project) -> None:
    project.write("Pulumi.dev.yaml", "config:\n  aws:profile: x\n")
    assert project.problems() == [
        "Pulumi.dev.yaml:1: aws:region: is missing; write for example eu-central-1",
        "Pulumi.dev.yaml:1: serverless-batch:workers: is missing; write for example {image_alt_generator: {}}",
    ]


def test_a_region_that_cannot_be_one_is_refused(project) -> None:
    project.write(
        "Pulumi.dev.yaml", "config:\n  aws:region: Frankfurt\n  serverless-batch:workers: {image_alt_generator: {}}\n"
    )
    assert project.problems() == [
        "Pulumi.dev.yaml:2: aws:region: 'Frankfurt' is not a region; write for example eu-central-1"
    ]


def test_a_worker_folder_without_its_files_is_refused(project) -> None:
    (project.folder / "workers/half").mkdir()
    project.stack("", workers="    half: {}")
    assert project.problems() == ["workers/half: has no handler.py", "workers/half: has no worker.yaml"]


def test_a_folder_that_no_stack_lists_is_left_alone(project) -> None:
    project.worker("unfinished", "not: [right")
    assert len(project.settings().workers) == 2


def test_an_openai_endpoint_cannot_be_reached_without_a_way_out_of_aws(project) -> None:
    engine = f"{{kind: openai, model: m, endpoint: https://models.example.com/v1, secretArn: '{ARN}'}}"
    project.stack(f"  serverless-batch:engine: {engine}\n  serverless-batch:network: {{mode: private-endpoints}}\n")
    [problem] = project.problems()
    assert problem.startswith(
        "Pulumi.dev.yaml:5: serverless-batch:engine.endpoint: 'https://models.example.com/v1' cannot be"
    )


@pytest.mark.parametrize("stack", ["Prod", "a" * 21, "1st", "pro_d"])
def test_a_stacks_name_must_fit_into_bucket_names(project, stack: str) -> None:
    project.write(f"Pulumi.{stack}.yaml", (project.folder / "Pulumi.dev.yaml").read_bytes())
    wrong = f"stack {stack}: the stack's name {stack!r} must be 1 to 20 lower-case letters, digits and dashes"
    assert wrong in project.problems(stack)


def test_a_workers_roles_must_fit_into_64_characters(project) -> None:
    stack, name = "s" * 20, "w" * 41
    project.worker(name)
    project.write(
        f"Pulumi.{stack}.yaml", f"config:\n  aws:region: eu-central-1\n  serverless-batch:workers: {{{name}: {{}}}}\n"
    )
    [problem] = project.problems(stack)
    assert "is too long: with the stack's name its roles exceed 64 characters; at most 16 fit" in problem


def test_everything_wrong_in_the_stack_file_and_in_all_manifests_is_told_at_once_in_order(project) -> None:
    project.worker("image_alt_generator", "descripton: x\n")
    project.worker("meta_desc_generator", "a: [1\n")
    project.write(
        "Pulumi.dev.yaml",
        "config:\n"
        "  serverless-batch:network: {mode: privte, availabilityZones: 9}\n"
        "  serverless-batch:spot: {share: 101}\n"
        "  serverless-batch:spot: {share: 100}\n"
        "  serverless-batch:engine: {kind: bedrock}\n"
        "  serverless-batch:workers:\n"
        "    image_alt_generator: {vcpu: 3, timeout: 5m}\n"
        "    meta_desc_generator: {}\n"
        "    nobody: {}\n"
        "  serverless-batch:wrkers: {}\n",
    )
    assert [": ".join(problem.split(": ")[:2]) for problem in project.problems()] == [
        "Pulumi.dev.yaml:1: aws:region",
        "Pulumi.dev.yaml:2: serverless-batch:network.availabilityZones",
        "Pulumi.dev.yaml:2: serverless-batch:network.mode",
        "Pulumi.dev.yaml:3: serverless-batch:spot.share",
        "Pulumi.dev.yaml:4: serverless-batch:spot",
        "Pulumi.dev.yaml:5: serverless-batch:engine.model",
        "Pulumi.dev.yaml:7: serverless-batch:workers.image_alt_generator.timeout",
        "Pulumi.dev.yaml:7: serverless-batch:workers.image_alt_generator.vcpu",
        "Pulumi.dev.yaml:9: serverless-batch:workers.nobody",
        "Pulumi.dev.yaml:10: serverless-batch:wrkers",
        "workers/image_alt_generator/worker.yaml:1: descripton",
        "workers/image_alt_generator/worker.yaml:1: input",
        "workers/image_alt_generator/worker.yaml:1: resources",
        "workers/image_alt_generator/worker.yaml:1: trigger",
        "workers/meta_desc_generator/worker.yaml:2: is not valid YAML",
    ]


def test_a_value_that_is_not_the_files_is_told_without_a_line(project) -> None:
    config = engine_config(project.folder, "dev") | {"serverless-batch:spot": '{"share":101}'}
    with pytest.raises(ConfigurationError, match=r"stack dev: serverless-batch:spot\.share: must be at most 100"):
        parse_settings(config, "dev", project.folder)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("def handel(input, context): ...\n", ": has no function handle(input, context)"),
        ("def handle(input, context):\n    return (\n", ":2: is not Python: '(' was never closed"),
        ("", ": has no function handle(input, context)"),
    ],
)
def test_a_handler_that_cannot_be_called_is_told_before_anything_runs(project, handler, expected):
    project.write("workers/image_alt_generator/handler.py", handler)
    assert project.problems() == [f"workers/image_alt_generator/handler.py{expected}"]


@pytest.mark.parametrize(
    "handler",
    ["from workers.image_alt_generator.other import handle\n", "def make(): ...\nhandle = make()\n"],
)
def test_a_handler_may_come_from_elsewhere(project, handler):
    project.write("workers/image_alt_generator/handler.py", handler)
    assert "image_alt_generator" in [worker.name for worker in project.settings().workers]
